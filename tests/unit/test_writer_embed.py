"""Metadata inside pictures: no pixel and nothing foreign changes, whatever the format."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence, PngImagePlugin

from booru_tagger.errors import OutputError
from booru_tagger.types import Box
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.registry import make_writer
from tests.support.pictures import turned
from tests.support.writing import draw, job, leftovers, needs_exiv2, read, remove, write

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
FORMATS: dict[str, dict[str, Any]] = {
    "a.jpg": {"quality": 80, "comment": b"by hand", "dpi": (72, 72)},
    "a.png": {},
    "a.webp": {"lossless": True},
    "lossy.webp": {"quality": 70},
    "a.tiff": {"compression": "tiff_lzw"},
}
MIKU = ("hatsune_miku", "aqua_hair", ";)")


def frames(picture: Path) -> list[bytes]:
    with Image.open(picture) as image:
        return [frame.tobytes() for frame in ImageSequence.Iterator(image)]


def exiftool(picture: Path) -> dict[str, Any]:
    command = ["exiftool", "-j", "-struct", "-G1", str(picture)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_pixels_stay_and_removal_gives_all_back(tmp_path: Path, name: str) -> None:
    picture = draw(tmp_path / name, **FORMATS[name])
    before, pixels = picture.read_bytes(), frames(picture)
    writer = make_writer("embed")
    written = write(writer, picture, *MIKU)
    assert written.changed
    assert not written.restorable
    assert frames(picture) == pixels
    assert read(writer, picture) == (*MIKU, "；)")
    assert not write(writer, picture, *MIKU, after=written).changed
    remove(writer, picture, written.owned)
    assert picture.read_bytes() == before
    assert leftovers(tmp_path) == []


@needs_exiftool
@pytest.mark.parametrize("name", FORMATS)
def test_exiftool_reads_it_back(tmp_path: Path, name: str) -> None:
    picture = draw(tmp_path / name, **FORMATS[name])
    write(make_writer("embed"), picture, *MIKU, "初音")
    found = exiftool(picture)
    assert found["XMP-dc:Subject"] == [*MIKU, "初音"]
    assert found["XMP-digiKam:TagsList"][0] == "character/hatsune_miku"
    assert found["XMP-lr:HierarchicalSubject"][0] == "character|hatsune_miku"
    assert found["XMP-mwg-rs:RegionInfo"]["RegionList"][0]["Name"] == "hatsune_miku"
    assert found["IFD0:XPKeywords"] == "hatsune_miku;aqua_hair;；);初音"
    if not name.endswith("webp"):  # the format has no place for IPTC
        assert found["IPTC:Keywords"] == [*MIKU, "初音"]
    assert not [key for key in found if "Warning" in key or "Error" in key]


@needs_exiv2
@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_and_regions_survive(tmp_path: Path, turn: int) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(turned(Image.new("RGB", (60, 40), "navy"), turn, "JPEG"))
    write(make_writer("embed"), picture, *MIKU)
    beside = make_writer("xmp")
    write(beside, picture, *MIKU)
    import pyexiv2

    image = pyexiv2.ImageData(picture.read_bytes())
    assert image.read_exif()["Exif.Image.Orientation"] == str(turn)
    inside = image.read_xmp()
    image.close()
    area = "Xmp.mwg-rs.Regions/mwg-rs:RegionList[1]/mwg-rs:Area/stArea:"
    sidecar = (tmp_path / "a.jpg.xmp").read_text()
    for key in "xywh":
        assert f'stArea:{key}="{inside[area + key]}"' in sidecar


def test_prompts_of_image_generators_stay(tmp_path: Path) -> None:
    parameters = "1girl, 月, (solo:1.2)\nSteps: 20, Seed: 5"
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", parameters, zip=True)
    text.add_itxt("workflow", json.dumps({"nodes": ["月"]}))
    draw(tmp_path / "a.png", pnginfo=text)
    exif = Image.Exif()
    comment = b"UNICODE\0" + parameters.encode("utf-16-be")
    exif.get_ifd(0x8769)[0x9286] = comment
    exif[0x010E] = "caf\xe9".encode("latin-1")
    draw(tmp_path / "a.webp", exif=exif)
    for name in ("a.png", "a.webp"):
        write(make_writer("embed"), tmp_path / name, *MIKU)
    with Image.open(tmp_path / "a.png") as image:
        assert image.text["parameters"] == parameters  # type: ignore[attr-defined]
        assert image.text["workflow"] == json.dumps({"nodes": ["月"]})  # type: ignore[attr-defined]
    with Image.open(tmp_path / "a.webp") as image:
        assert image.getexif().get_ifd(0x8769)[0x9286] == comment


def test_animation_keeps_its_frames(tmp_path: Path) -> None:
    colors = [Image.new("RGB", (32, 32), color) for color in ("red", "lime", "blue")]
    colors[0].save(tmp_path / "a.webp", save_all=True, append_images=colors[1:], lossless=True, duration=70)
    before = frames(tmp_path / "a.webp")
    write(make_writer("embed"), tmp_path / "a.webp", *MIKU)
    assert frames(tmp_path / "a.webp") == before
    assert len(before) == 3


@needs_exiv2
def test_existing_keywords_of_all_kinds_are_merged(tmp_path: Path) -> None:
    import pyexiv2

    picture = draw(tmp_path / "a.jpg")
    image = pyexiv2.ImageData(picture.read_bytes())
    image.modify_iptc(
        {"Iptc.Application2.Keywords": ["press", "Aqua Hair"], "Iptc.Application2.City": "Mito"}
    )
    image.modify_exif({"Exif.Image.XPKeywords": "windows; too"})
    image.modify_xmp({"Xmp.dc.subject": ["mine"], "Xmp.dc.title": {'lang="x-default"': "月"}})
    picture.write_bytes(image.get_bytes())
    image.close()
    writer = make_writer("embed")
    written = write(writer, picture, "aqua_hair", "aqua_eyes")
    image = pyexiv2.ImageData(picture.read_bytes())
    assert image.read_iptc()["Iptc.Application2.Keywords"] == ["press", "Aqua Hair", "aqua_eyes"]
    assert image.read_exif()["Exif.Image.XPKeywords"] == "windows;too;aqua_eyes"
    assert image.read_xmp()["Xmp.dc.subject"] == ["mine", "aqua_eyes"]
    image.close()
    remove(writer, picture, written.owned)
    image = pyexiv2.ImageData(picture.read_bytes())
    assert image.read_iptc()["Iptc.Application2.Keywords"] == ["press", "Aqua Hair"]
    assert image.read_iptc()["Iptc.Application2.City"] == "Mito"
    assert image.read_xmp()["Xmp.dc.title"] == {'lang="x-default"': "月"}
    image.close()


@needs_exiv2
def test_iptc_in_an_unknown_character_set_is_left_alone(tmp_path: Path) -> None:
    import pyexiv2

    picture = draw(tmp_path / "a.jpg")
    image = pyexiv2.ImageData(picture.read_bytes())
    image.modify_iptc({"Iptc.Application2.City": "K\xf6ln"}, encoding="latin-1")
    picture.write_bytes(image.get_bytes())
    image.close()
    write(make_writer("embed"), picture, "aqua_hair")
    image = pyexiv2.ImageData(picture.read_bytes())
    assert image.read_iptc("latin-1") == {"Iptc.Application2.City": "K\xf6ln"}
    assert image.read_xmp()["Xmp.dc.subject"] == ["aqua_hair"]
    image.close()


@needs_exiv2
def test_keyword_too_long_for_iptc_stands_in_the_others(tmp_path: Path) -> None:
    import pyexiv2

    picture = draw(tmp_path / "a.jpg")
    write(make_writer("embed"), picture, "x" * 65, "aqua_hair")
    image = pyexiv2.ImageData(picture.read_bytes())
    assert image.read_iptc()["Iptc.Application2.Keywords"] == ["aqua_hair"]
    assert image.read_xmp()["Xmp.dc.subject"] == ["x" * 65, "aqua_hair"]
    image.close()


def test_picture_that_lost_all_metadata_is_tagged_anew(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png")
    writer = make_writer("embed")
    first = write(writer, picture, "aqua_hair")
    draw(picture)
    second = write(writer, picture, "aqua_hair", after=first)
    assert not second.deleted
    assert read(writer, picture) == ("aqua_hair",)


@pytest.mark.parametrize("keep", [False, True])
def test_modification_time_stays_on_request(tmp_path: Path, keep: bool) -> None:
    picture = draw(tmp_path / "a.png")
    os.utime(picture, ns=(10**18, 10**18))
    write(make_writer("embed", WriterOptions(keep_mtime=keep)), picture, "aqua_hair")
    assert (picture.stat().st_mtime_ns == 10**18) == keep


@pytest.mark.parametrize("name", ["a.gif", "a.bmp", "a.avif"])
def test_format_without_place_for_metadata(tmp_path: Path, name: str) -> None:
    picture = draw(tmp_path / name)
    before = picture.read_bytes()
    with pytest.raises(OutputError, match="the writer xmp"):
        write(make_writer("embed"), picture, "aqua_hair")
    assert picture.read_bytes() == before


def test_damaged_picture_is_left_alone(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png")
    picture.write_bytes(picture.read_bytes()[:120])
    before = picture.read_bytes()
    with pytest.raises(OutputError, match="not embedded"):
        write(make_writer("embed"), picture, "aqua_hair")
    assert picture.read_bytes() == before


def test_face_without_tags_is_embedded_too(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png")
    writer = make_writer("embed")
    writing = job(writer, picture, "hatsune_miku")
    assert writer.write(replace(writing, tags=())).changed
    assert writing.result.faces[0].box == Box(10, 5, 30, 25)
    with Image.open(picture) as image:
        assert b"mwg-rs:Type" in image.info["xmp"]
