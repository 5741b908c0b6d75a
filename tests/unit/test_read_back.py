"""What was written about a picture, read back by other programs: exiftool and exiv2, where they are."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from booru_tagger.types import Box, CharacterMatch, FaceResult, TagResult
from booru_tagger.writers.base import Job
from booru_tagger.writers.registry import make_writer
from tests.support.pictures import TURN_BACK, turned
from tests.support.writing import needs_exiv2, tags

NAMES = ("hatsune_miku", "aqua_hair", "初音", "a&b_(<c>)")
TREE = ["character/hatsune_miku", "general/aqua_hair", "general/初音", "general/a&b_(<c>)"]
FACE = Box(20, 4, 60, 14)
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tiff": "TIFF"}


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program}")


@dataclass(frozen=True)
class Read:
    """What another program sees; the area is left, top, right and bottom as shares of the stored picture."""

    keywords: list[str]
    tree: list[str]
    lightroom: list[str]
    name: str
    area: list[float]
    size: tuple[int, int]


def with_exiftool(files: Sequence[Path]) -> dict[Path, Read]:
    command = ["exiftool", "-j", "-struct", "-G1", *map(str, files)]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    return {Path(found["SourceFile"]): _from_exiftool(found) for found in json.loads(printed)}


def _from_exiftool(found: dict[str, Any]) -> Read:
    assert not [key for key in found if "Warning" in key or "Error" in key]
    info = found["XMP-mwg-rs:RegionInfo"]
    [region] = info["RegionList"]
    assert region["Type"] == "Face"
    assert region["Area"]["Unit"] == "normalized"
    x, y, w, h = (float(region["Area"][key]) for key in "XYWH")
    size = info["AppliedToDimensions"]
    return Read(
        list(map(str, found["XMP-dc:Subject"])),
        found["XMP-digiKam:TagsList"],
        found["XMP-lr:HierarchicalSubject"],
        region["Name"],
        [x - w / 2, y - h / 2, x + w / 2, y + h / 2],
        (int(size["W"]), int(size["H"])),
    )


def with_exiv2(files: Sequence[Path]) -> dict[Path, Read]:
    return {file: _from_exiv2(file) for file in files}


def _from_exiv2(file: Path) -> Read:
    printed = subprocess.run(["exiv2", "-q", "-PXkv", "pr", file], capture_output=True, check=True).stdout
    found = dict(line.split(maxsplit=1) for line in printed.decode().splitlines() if len(line.split()) > 1)
    region = "Xmp.mwg-rs.Regions/mwg-rs:RegionList[1]/mwg-rs:"
    assert "Xmp.mwg-rs.Regions/mwg-rs:RegionList[2]/mwg-rs:Type" not in found
    assert found[region + "Type"] == "Face"
    x, y, w, h = (float(found[f"{region}Area/stArea:{key}"]) for key in "xywh")
    size = [int(found[f"Xmp.mwg-rs.Regions/mwg-rs:AppliedToDimensions/stDim:{key}"]) for key in "wh"]
    return Read(
        found["Xmp.dc.subject"].split(", "),
        found["Xmp.digiKam.TagsList"].split(", "),
        found["Xmp.lr.hierarchicalSubject"].split(", "),
        found[region + "Name"],
        [x - w / 2, y - h / 2, x + w / 2, y + h / 2],
        (size[0], size[1]),
    )


READERS = [
    pytest.param(with_exiftool, marks=needs("exiftool"), id="exiftool"),
    pytest.param(with_exiv2, marks=needs("exiv2"), id="exiv2"),
]


def draw(folder: Path, *formats: str) -> dict[Path, Image.Image]:
    """A white face on black, stored in all eight ways; files with the pictures that are stored in them."""
    image = Image.new("RGB", (100, 50))
    image.paste("white", (int(FACE.x0), int(FACE.y0), int(FACE.x1), int(FACE.y1)))
    files = {}
    for suffix in formats:
        for turn in range(1, 9):
            file = folder / f"{turn}.{suffix}"
            file.write_bytes(turned(image, turn, FORMATS[suffix]))
            files[file] = image.transpose(TURN_BACK[turn]) if turn in TURN_BACK else image
    return files


def job(picture: Path, target: Path) -> Job:
    match = CharacterMatch("hatsune_miku", 0.97)
    result = TagResult(str(picture), 100, 50, faces=(FaceResult(FACE, 0.99, match),), tags=tags(*NAMES))
    return Job(picture, target, result, result.tags)


def white(image: Image.Image) -> list[float]:
    """What of the picture is white: left, top, right and bottom, as shares of its size."""
    box = image.convert("L").getbbox()
    assert box is not None
    return [edge / size for edge, size in zip(box, image.size * 2, strict=True)]


def pixels(picture: Path) -> bytes:
    with Image.open(picture) as image:
        return image.tobytes()


def check(read: Read, stored: Image.Image) -> None:
    assert read.keywords == list(NAMES)
    assert read.tree == TREE
    assert read.lightroom == [entry.replace("/", "|") for entry in TREE]
    assert read.name == "hatsune_miku"
    assert read.area == pytest.approx(white(stored), abs=1e-4)
    assert read.size == stored.size


@pytest.mark.parametrize("reader", READERS)
def test_sidecars_of_pictures_stored_in_all_eight_ways(
    tmp_path: Path, reader: Callable[[Sequence[Path]], dict[Path, Read]]
) -> None:
    pictures = draw(tmp_path, "jpg")
    sidecars = {picture: picture.with_name(picture.name + ".xmp") for picture in pictures}
    for picture, sidecar in sidecars.items():
        make_writer("xmp").write(job(picture, sidecar))
    read = reader(list(sidecars.values()))
    for picture, stored in pictures.items():
        check(read[sidecars[picture]], stored)


@needs_exiv2
@pytest.mark.parametrize("reader", READERS)
def test_metadata_inside_pictures_stored_in_all_eight_ways(
    tmp_path: Path, reader: Callable[[Sequence[Path]], dict[Path, Read]]
) -> None:
    pictures = draw(tmp_path, *FORMATS)
    before = {picture: pixels(picture) for picture in pictures}
    for picture in pictures:
        make_writer("embed").write(job(picture, picture))
        assert pixels(picture) == before[picture]
    read = reader(list(pictures))
    for picture, stored in pictures.items():
        check(read[picture], stored)
