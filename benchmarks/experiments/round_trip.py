"""Whether pictures of other projects come back from every writer and untag as they were.

Takes a folder of pictures, of a test suite for instance; they are copied, and the copies are tagged, read and
taken back. Nothing that embedding remembers stands anywhere but in the file and in the list of tags that are
ours, so a picture that is the same to the byte afterwards cannot have lost a thing. In between, Pillow must
find the same pixels and texts, and exiftool (where it is installed) the same values in all fields but ours.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from booru_tagger.errors import OutputError
from booru_tagger.journal import Journal
from booru_tagger.runner.undo import untag
from booru_tagger.sources.listed import suffixes
from booru_tagger.types import Box, CharacterMatch, FaceResult, Tag, TagResult
from booru_tagger.writers.base import Job
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.registry import make_writer

TOGETHER = (("hydrus",), ("txt", "json", "jsonl", "xmp", "embed"))
"""Writers that can be on at the same time: captions and lists for hydrus have one name."""
TAGS = (
    Tag("hatsune_miku", "character", 0.97, "character"),
    Tag("aqua_hair", "general", 0.9, "measured"),
    Tag("初音", "general", 0.9, "measured"),
)
_OURS = re.compile(
    "XMP-dc:Subject|XMP-digiKam:TagsList|XMP-lr:HierarchicalSubject|XMP-mwg-rs:.*|XMP-x:XMPToolkit|"
    "IFD0:(XPKeywords|ApplicationNotes|IPTC-NAA)|IPTC:Keywords|IPTC:CodedCharacterSet"
)
_PLACES = re.compile(
    "SourceFile|ExifTool:.*|System:.*|File:(ExifByteOrder|CurrentIPTCDigest|FileType|FileTypeExtension|MIMEType)|"
    "RIFF:WebP_Flags|RIFF:Image(Width|Height)|MPImage1:MPImageLength|Composite:.*|.*Offsets?|.*Start"
)
"""What exiftool says about the file itself, and where something lies in it."""
_LISTS = re.compile(
    rb"\s*<(dc:subject|digiKam:TagsList|lr:hierarchicalSubject|mwg-rs:Regions)\b.*?</\1>", re.DOTALL
)
_BLOCKS = ("exif", "xmp", "photoshop", "XML:com.adobe.xmp", "Raw profile type", "mp", "dpi", "parsed_exif")
"""Whole blocks in Pillow's ``info``, and the resolution, which it makes up where there is EXIF."""


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes() and path.is_file())


def _copied(folder: Path, work: Path) -> dict[Path, Path]:
    """The originals, by their copies: each stands in a folder of its own."""
    originals = {}
    for number, picture in enumerate(_pictures(folder)):
        copy = work / f"{number:05}" / picture.name
        copy.parent.mkdir()
        shutil.copyfile(picture, copy)
        originals[copy] = picture
    return originals


def _seen_by_pillow(picture: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(picture) as image:
            texts = {str(key): value for key, value in image.info.items()}
            for number in range(min(getattr(image, "n_frames", 1), 20)):
                image.seek(number)
                found[f"frame {number}"] = image.size, image.mode, hashlib.sha256(image.tobytes()).hexdigest()
    except Exception as error:  # Pillow's plugins raise anything on bad data
        return {"error": type(error).__name__}
    return found | {key: value for key, value in texts.items() if not key.startswith(_BLOCKS)}


def _seen_by_exiftool(work: Path) -> dict[str, dict[str, Any]]:
    if shutil.which("exiftool") is None:
        return {}
    command = [
        "exiftool",
        "-q",
        "-q",
        "-json",
        "-G1",
        "-a",
        "-u",
        "-struct",
        "-n",
        "-r",
        "-ext",
        "*",
        str(work),
    ]
    printed = subprocess.run(command, capture_output=True, check=False).stdout.decode("utf-8", "replace")
    return {each["SourceFile"]: each for each in json.loads(printed or "[]")}


def _foreign(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in fields.items() if not (_OURS.fullmatch(key) or _PLACES.fullmatch(key))
    }


def _tag(picture: Path, writers: Sequence[str], journal: Journal) -> str:
    """Why metadata could not be embedded; "" where they were."""
    face = FaceResult(Box(10, 5, 30, 25), 0.99, CharacterMatch("hatsune_miku", 0.97))
    result = TagResult(str(picture), 60, 40, faces=(face,), tags=TAGS, model="none")
    reason, written = "", []
    for name in writers:
        try:
            writer = make_writer(name)
            if (target := writer.target(picture)) is not None:
                written.append((name, writer.write(Job(picture, target, result, TAGS))))
        except OutputError as error:
            reason = str(error).partition("embedded: ")[2].partition(";")[0] or str(error)
    with journal.turn(picture, [account.target for _, account in written]):
        journal.record(picture, "none", result, written)
    return re.sub(r"\d+", "N", reason)


def _differences(before: dict[str, Any], after: dict[str, Any], who: str) -> Iterator[str]:
    for key in before.keys() | after.keys():
        if before.get(key) != after.get(key):
            yield f"{who}: {key}: {before.get(key)!r:.80} -> {after.get(key)!r:.80}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment round_trip", description=__doc__)
    parser.add_argument("folder", type=Path, help="pictures, also in folders below")
    folder = parser.parse_args(arguments).folder
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as state:
        originals = _copied(folder, Path(work))
        pictures = list(originals)
        seen = {picture: _seen_by_pillow(picture) for picture in pictures}
        fields = _seen_by_exiftool(Path(work))
        refused: Counter[str] = Counter()
        embedded: set[Path] = set()
        faults: list[str] = []
        for writers in TOGETHER:
            with Journal.open(Path(state, f"{writers[0]}.sqlite3")) as journal:
                for picture in pictures:
                    reason = _tag(picture, writers, journal)
                    if reason:
                        refused[reason] += 1
                    elif picture.read_bytes() != originals[picture].read_bytes():
                        embedded.add(picture)
                if "embed" in writers:
                    faults += _changes(pictures, seen, fields, Path(work))
                for picture in pictures:
                    faults += _taken_back(picture, originals[picture], journal)
    print(f"{len(pictures)} pictures, embedded in {len(embedded)}, refused for {refused.total()}")
    for reason, count in refused.most_common():
        print(f"{count:6} {reason}")
    print(f"{len(faults)} differences", *faults, sep="\n")


def _changes(
    pictures: Sequence[Path], seen: dict[Path, dict[str, Any]], fields: dict[str, dict[str, Any]], work: Path
) -> Iterator[str]:
    now = _seen_by_exiftool(work)
    for picture in pictures:
        found = [
            *_differences(seen[picture], _seen_by_pillow(picture), "Pillow"),
            *_differences(
                _foreign(fields.get(str(picture), {})), _foreign(now.get(str(picture), {})), "exiftool"
            ),
        ]
        yield from (f"{picture.name}: {difference}" for difference in found)


def _bare(picture: Path) -> object:
    """A picture without the fields that we write, in whatever spelling: an empty list is as good as none."""
    taken_apart = take_apart(picture.read_bytes())
    return taken_apart.foreign(), _LISTS.sub(b"", taken_apart.blocks.xmp)


def _taken_back(picture: Path, original: Path, journal: Journal) -> Iterator[str]:
    undoing = untag(picture, journal)
    yield from (f"{picture.name}: untag: {each.error.message}" for each in undoing.targets if each.error)
    if picture.read_bytes() != original.read_bytes():
        same = _bare(picture) == _bare(original)
        yield f"{picture.name}: " + ("keyword fields are spelled anew" if same else "other bytes after untag")
    left = [path.name for path in picture.parent.iterdir() if path != picture]
    if left:
        yield f"{picture.name}: left behind: {left}"
