"""XMP packets edited in place: lists, trees of tags, face regions; read back by exiftool where it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from booru_tagger.errors import OutputError
from booru_tagger.types import Box, CharacterMatch, FaceResult, TagResult
from booru_tagger.writers.base import MARK, Job, plain
from booru_tagger.writers.naming import Naming, WriterOptions
from booru_tagger.writers.regions import Region, orientation, stored
from booru_tagger.writers.xml_text import XmlError, parse
from booru_tagger.writers.xmp import XmpWriter
from tests.support.pictures import TURN_BACK, turned
from tests.support.writing import draw, job, needs_exiv2, read, remove, tags, write

NS = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")


@pytest.fixture
def writer() -> XmpWriter:
    return XmpWriter(WriterOptions())


def exiftool(path: Path) -> dict[str, Any]:
    printed = subprocess.run(
        ["exiftool", "-j", "-struct", "-G1", path], capture_output=True, check=True
    ).stdout
    found: dict[str, Any] = json.loads(printed)[0]
    return found


def listed(packet: str | bytes, name: str) -> list[str]:
    """A property's items, read by another parser."""
    return [item.text or "" for item in ET.fromstring(packet).findall(f".//{name}/*/rdf:li", NS)]


def regions(packet: str | bytes) -> list[tuple[str, list[float]]]:
    """Names and areas as we write them."""
    found = []
    for item in ET.fromstring(packet).findall(".//mwg-rs:RegionList/*/rdf:li", NS):
        area = item.find("mwg-rs:Area", NS)
        assert area is not None
        numbers = [float(area.get(f"{{{NS['stArea']}}}{key}", "nan")) for key in "xywh"]
        found.append((item.findtext("mwg-rs:Name", "", NS), numbers))
    return found


def with_faces(writing: Job, *faces: tuple[Box, str]) -> Job:
    found = tuple(FaceResult(box, 0.9, CharacterMatch(name, 0.9) if name else None) for box, name in faces)
    return replace(writing, result=TagResult("", 100, 50, faces=found))


def test_new_sidecar_holds_all_fields(tmp_path: Path, writer: XmpWriter) -> None:
    writing = job(writer, tmp_path / "a.png", "hatsune_miku", "fate/stay_night", "|_|")
    writer.write(with_faces(writing, (Box(10, 10, 30, 30), "hatsune_miku"), (Box(60, 0, 100, 40), "")))
    packet = (tmp_path / "a.png.xmp").read_bytes()
    assert listed(packet, "dc:subject") == ["hatsune_miku", "fate/stay_night", "|_|"]
    assert listed(packet, "digiKam:TagsList") == [
        "character/hatsune_miku",
        "general/fate／stay_night",
        "general/|_|",
    ]
    assert listed(packet, "lr:hierarchicalSubject") == [
        "character|hatsune_miku",
        "general|fate/stay_night",
        "general|｜_｜",
    ]
    assert regions(packet) == [("hatsune_miku", [0.2, 0.4, 0.2, 0.4]), ("", [0.8, 0.4, 0.4, 0.8])]


def test_face_is_named_only_by_a_tag_that_is_written(tmp_path: Path, writer: XmpWriter) -> None:
    writing = with_faces(job(writer, tmp_path / "a.png", "aqua_hair"), (Box(10, 10, 30, 30), "hatsune_miku"))
    writer.write(writing)
    assert regions((tmp_path / "a.png.xmp").read_bytes())[0][0] == ""


def test_name_option_spells_all_fields(tmp_path: Path) -> None:
    write(XmpWriter(WriterOptions(spaces=True)), tmp_path / "a.png", "hatsune_miku", "^_^")
    packet = (tmp_path / "a.png.xmp").read_bytes()
    assert listed(packet, "dc:subject") == ["hatsune miku", "^_^"]
    assert regions(packet)[0][0] == "hatsune miku"


def test_keyword_deleted_in_one_field_goes_from_the_others(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    for line in ("<rdf:li>aqua_hair</rdf:li>", "<rdf:li>general/aqua_hair</rdf:li>"):
        first = write(writer, tmp_path / "a.png", "aqua_hair", "aqua_eyes")
        target.write_text(target.read_text().replace(line, ""))
        second = write(writer, tmp_path / "a.png", "aqua_hair", "aqua_eyes", after=first)
        assert listed(target.read_bytes(), "dc:subject") == ["aqua_eyes"]
        assert listed(target.read_bytes(), "digiKam:TagsList") == ["general/aqua_eyes"]
        assert listed(target.read_bytes(), "lr:hierarchicalSubject") == ["general|aqua_eyes"]
        write(writer, tmp_path / "a.png", "aqua_hair", after=second)
        assert not target.exists()


def test_keyword_that_is_back_in_the_main_field_was_not_deleted(tmp_path: Path, writer: XmpWriter) -> None:
    """Taken out with a program that knows the trees, and typed again with one that does not."""
    target = tmp_path / "a.png.xmp"
    first = write(writer, tmp_path / "a.png", "fate/stay_night", "|_|", "aqua_eyes")
    text = target.read_text()
    for line in ("general/fate／stay_night", "general|fate/stay_night", "general|｜_｜"):
        text = text.replace(f"<rdf:li>{line}</rdf:li>", "")
    target.write_text(text)
    removed = remove(writer, tmp_path / "a.png", first.owned)
    assert not removed.deleted
    target.write_text(text)
    second = write(writer, tmp_path / "a.png", "fate/stay_night", "|_|", "aqua_eyes", after=first)
    assert (second.owned, second.deleted) == (first.owned, first.deleted)
    packet = target.read_bytes()
    assert set(listed(packet, "dc:subject")) == {"fate/stay_night", "|_|", "aqua_eyes"}
    assert {"general|fate/stay_night", "general|｜_｜"} < set(listed(packet, "lr:hierarchicalSubject"))


def test_field_that_a_program_dropped_is_written_again(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    first = write(writer, tmp_path / "a.png", "aqua_hair")
    root = ET.fromstring(target.read_bytes())
    for node in root.iter(f"{{{NS['rdf']}}}Description"):
        for child in node.findall("digiKam:TagsList", NS):
            node.remove(child)
    target.write_bytes(ET.tostring(root))
    second = write(writer, tmp_path / "a.png", "aqua_hair", after=first)
    assert listed(target.read_bytes(), "digiKam:TagsList") == ["general/aqua_hair"]
    assert not second.deleted


def test_regions_of_a_person_stay_and_keep_ours_away(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    writing = job(writer, tmp_path / "a.png", "hatsune_miku")
    faces = ((Box(10, 10, 30, 30), "hatsune_miku"), (Box(60, 0, 100, 40), ""))
    first = writer.write(with_faces(writing, *faces))
    target.write_text(target.read_text().replace("<mwg-rs:Name>hatsune_miku<", "<mwg-rs:Name>my oc<"))
    again = replace(with_faces(writing, *faces), owned=first.owned, deleted=first.deleted)
    second = writer.write(again)
    assert [name for name, _ in regions(target.read_bytes())] == ["my oc", ""]
    remove(writer, tmp_path / "a.png", second.owned)
    assert [name for name, _ in regions(target.read_bytes())] == ["my oc"]


def test_region_that_a_person_deleted_stays_away(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    writing = job(writer, tmp_path / "a.png", "hatsune_miku")
    first = writer.write(with_faces(writing, (Box(10, 10, 30, 30), "hatsune_miku")))
    text = target.read_text()
    start, end = text.index("<rdf:li xmlns:mwg-rs"), text.index("</rdf:li>", text.index("mwg-rs:Type")) + 9
    target.write_text(text[:start] + text[end:])
    moved = with_faces(writing, (Box(11, 10, 31, 31), "hatsune_miku"), (Box(60, 0, 90, 40), ""))
    writer.write(replace(moved, owned=first.owned, deleted=first.deleted))
    assert [name for name, _ in regions(target.read_bytes())] == [""]


def test_moved_face_replaces_its_region(tmp_path: Path, writer: XmpWriter) -> None:
    writing = job(writer, tmp_path / "a.png", "hatsune_miku")
    first = writer.write(with_faces(writing, (Box(10, 10, 30, 30), "hatsune_miku")))
    moved = with_faces(writing, (Box(12, 10, 32, 30), "hatsune_miku"))
    writer.write(replace(moved, owned=first.owned))
    assert regions((tmp_path / "a.png.xmp").read_bytes()) == [("hatsune_miku", [0.22, 0.4, 0.2, 0.4])]


FOREIGN_REGIONS = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">
 <rdf:Description rdf:about="uuid:1" xmlns:mwg-rs="{mwg-rs}" xmlns:stArea="{stArea}">
  <mwg-rs:Regions><rdf:Description>
    <mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name="Ann" mwg-rs:Type="Face">
      <mwg-rs:Area stArea:x="0.2" stArea:y="0.4" stArea:w="0.2" stArea:h="0.4" stArea:unit="normalized"/>
    </rdf:Description></rdf:li><rdf:li rdf:parseType="Resource"><mwg-rs:Name>Bo</mwg-rs:Name>
      <mwg-rs:Area rdf:parseType="Resource"><stArea:x>0.8</stArea:x><stArea:y>0.5</stArea:y>
       <stArea:d>0.1</stArea:d><stArea:unit>normalized</stArea:unit></mwg-rs:Area></rdf:li>
    </rdf:Bag></mwg-rs:RegionList></rdf:Description></mwg-rs:Regions>
 </rdf:Description></rdf:RDF></x:xmpmeta>""".format(**NS)


def test_regions_of_other_programs_are_understood(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    target.write_text(FOREIGN_REGIONS)
    writing = job(writer, tmp_path / "a.png", "hatsune_miku")
    faces = ((Box(10, 10, 30, 31), "hatsune_miku"), (Box(45, 10, 55, 30), ""))
    written = writer.write(with_faces(writing, *faces))
    assert target.read_text().count("<mwg-rs:Area") == 3  # the first face is Ann's
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_text() == FOREIGN_REGIONS


MICROSOFT = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">
 <rdf:Description rdf:about="" xmlns:MP="http://ns.microsoft.com/photo/1.2/"
   xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
   xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#">
  <MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>
    <rdf:li MPReg:Rectangle="0.1, 0.2, 0.2, 0.4" MPReg:PersonDisplayName="Ann"/>
    <rdf:li rdf:parseType="Resource"><MPReg:PersonDisplayName>Bo</MPReg:PersonDisplayName></rdf:li>
  </rdf:Bag></MPRI:Regions></MP:RegionInfo>
 </rdf:Description></rdf:RDF></x:xmpmeta>""".format(**NS)


def test_faces_that_microsofts_programs_know_are_not_covered(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    target.write_text(MICROSOFT)
    writing = job(writer, tmp_path / "a.png", "hatsune_miku")
    written = writer.write(
        with_faces(writing, (Box(10, 10, 30, 31), ""), (Box(60, 0, 90, 40), "hatsune_miku"))
    )
    assert [name for name, _ in regions(target.read_bytes())] == ["hatsune_miku"]
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_text() == MICROSOFT


@pytest.mark.parametrize("broken", ["<MP:RegionInfo/>", "<MP:RegionInfo>x</MP:RegionInfo>"])
def test_regions_of_microsoft_in_another_form_are_passed_over(
    tmp_path: Path, writer: XmpWriter, broken: str
) -> None:
    start, end = MICROSOFT.index("<MP:RegionInfo"), MICROSOFT.index("</MP:RegionInfo>") + 16
    (tmp_path / "a.png.xmp").write_text(MICROSOFT[:start] + broken + MICROSOFT[end:])
    assert write(writer, tmp_path / "a.png", "hatsune_miku").changed


ODD_PACKETS = {
    "own prefixes": '<a:RDF xmlns:a="{rdf}"><a:Description a:about="" xmlns:d="{dc}">'
    "<d:subject><a:Bag><a:li>mine</a:li></a:Bag></d:subject></a:Description></a:RDF>",
    "no prefix": '<RDF xmlns="{rdf}"><Description xmlns:d="{dc}">'
    "<d:subject><Bag><li>mine</li></Bag></d:subject></Description></RDF>",
    "no description": '<x:x xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">\n</rdf:RDF></x:x>',
    "single quotes": "<rdf:RDF xmlns:rdf='{rdf}'><rdf:Description xmlns:xmp='{xmp}' xmp:Rating='3' "
    "rdf:about='&lt;&quot;&amp;'/></rdf:RDF>",
    "comments": '<!--a--><rdf:RDF xmlns:rdf="{rdf}"><!--b--><rdf:Description rdf:about="" xmlns:dc="{dc}">'
    "<dc:subject><!--c--><rdf:Bag><!--d--><rdf:li>mine</rdf:li><!--e--><rdf:li><![CDATA[<]]></rdf:li><!--f-->"
    "</rdf:Bag></dc:subject></rdf:Description></rdf:RDF><!--g-->",
}


@pytest.mark.parametrize("name", ODD_PACKETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_odd_packets_come_back_to_the_byte(
    tmp_path: Path, writer: XmpWriter, name: str, encoding: str
) -> None:
    target = tmp_path / "a.png.xmp"
    before = ODD_PACKETS[name].format(**NS).encode(encoding)
    target.write_bytes(before)
    theirs = read(writer, tmp_path / "a.png")
    first = write(writer, tmp_path / "a.png", "blue_hair", "hatsune_miku")
    written = write(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair", after=first)
    assert read(writer, tmp_path / "a.png") == (*theirs, "hatsune_miku", "aqua_hair")
    packet = target.read_bytes().decode(encoding)
    assert listed(packet, "dc:subject")[-1] == "aqua_hair"
    assert len({node.get(f"{{{NS['rdf']}}}about", "") for node in ET.fromstring(packet)}) == 1
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_bytes() == before


DECLARED = """<?xml version="1.0" encoding="{encoding}"?>
<rdf:RDF xmlns:rdf="{rdf}" xmlns:dc="{dc}"><rdf:Description rdf:about="" xmlns:xmp="{xmp}" xmp:Label="Café">
 <dc:subject><rdf:Bag><rdf:li>été</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>
"""


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("iso-8859-1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("UTF-16BE", "utf-16-be"),
        ("utf-16", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("utf-32", "utf-32"),
    ],
)
@pytest.mark.parametrize("ahead", ["", "\n", "\r\n \n"])
def test_packets_say_their_encoding_and_may_stand_lower(
    tmp_path: Path, writer: XmpWriter, declared: str, encoding: str, ahead: str
) -> None:
    target = tmp_path / "a.png.xmp"
    before = (ahead + DECLARED.format(encoding=declared, **NS)).encode(encoding)
    target.write_bytes(before)
    written = write(writer, tmp_path / "a.png", "初音ミク", "été")
    assert read(writer, tmp_path / "a.png") == ("été", "初音ミク")
    text = target.read_bytes().decode(encoding)
    root = ET.fromstring(text.lstrip().partition("?>")[2])
    assert [item.text for item in root.iter(f"{{{NS['rdf']}}}li")][:2] == ["été", "初音ミク"]
    assert root[0].get(f"{{{NS['xmp']}}}Label") == "Café"
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_bytes() == before


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    for declared, reason in (("x-klingon", "not a known encoding"), ("utf-8", "codec can't decode")):
        before = DECLARED.format(encoding=declared, **NS).encode("latin-1")
        target.write_bytes(before)
        with pytest.raises(OutputError, match=reason):
            write(writer, tmp_path / "a.png", "aqua_hair")
        assert target.read_bytes() == before


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<rdf:RDF xmlns:rdf="{rdf}"><x>&b;</x></rdf:RDF>'
)


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (BOMB, "DOCTYPE"),
        ("<a>" * 5000 + "</a>" * 5000, "nested"),
        ("<a/>", "no rdf:RDF"),
        ("no xml", "not well-formed|syntax error"),
        (
            '<rdf:RDF xmlns:rdf="{rdf}"><rdf:Description xmlns:dc="{dc}" dc:subject="x"/></rdf:RDF>',
            "written as an attribute",
        ),
        (
            '<rdf:RDF xmlns:rdf="{rdf}"><rdf:Description xmlns:dc="{dc}"><dc:subject>x</dc:subject>'
            "</rdf:Description></rdf:RDF>",
            "dc:subject is not a list",
        ),
        (
            '<rdf:RDF xmlns:rdf="{rdf}"><rdf:Description xmlns:dc="{dc}"><dc:subject><rdf:Bag/><rdf:Bag>'
            "<rdf:li>mine</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF>",
            "dc:subject is not a list",
        ),
    ],
)
def test_packet_that_cannot_be_merged_into(
    tmp_path: Path, writer: XmpWriter, packet: str, message: str
) -> None:
    target = tmp_path / "a.png.xmp"
    target.write_text(packet.format(**NS))
    with pytest.raises(OutputError, match=message):
        write(writer, tmp_path / "a.png", "aqua_hair")
    with pytest.raises(OutputError, match=message):
        read(writer, tmp_path / "a.png")
    assert target.read_text() == packet.format(**NS)


def test_notes_are_marked(tmp_path: Path, writer: XmpWriter) -> None:
    written = write(writer, tmp_path / "a.png", "hatsune_miku", "aqua_hair")
    assert plain(written.owned) == {"hatsune_miku", "aqua_hair"}
    assert all(note.startswith(MARK) for note in written.owned - plain(written.owned))


@pytest.mark.parametrize("turn", range(1, 9))
def test_regions_are_of_the_picture_as_stored(tmp_path: Path, writer: XmpWriter, turn: int) -> None:
    """A white face on black, stored in all eight ways: the region must hold all the white there is."""
    pixels = np.zeros((50, 100), np.uint8)
    pixels[4:14, 20:60] = 255
    image = Image.fromarray(pixels)
    picture = tmp_path / "a.png"
    picture.write_bytes(turned(image, turn, "PNG"))
    assert orientation(picture) == turn
    writer.write(with_faces(job(writer, picture, "hatsune_miku"), (Box(20, 4, 60, 14), "hatsune_miku")))
    ((_, (x, y, w, h)),) = regions((tmp_path / "a.png.xmp").read_bytes())
    as_stored = np.asarray(image.transpose(TURN_BACK[turn]) if turn > 1 else image)
    height, width = as_stored.shape
    rows = slice(round((y - h / 2) * height), round((y + h / 2) * height))
    columns = slice(round((x - w / 2) * width), round((x + w / 2) * width))
    assert as_stored[rows, columns].min() == 255
    assert as_stored[rows, columns].size == 400
    text = (tmp_path / "a.png.xmp").read_text()
    assert f'stDim:w="{width}" stDim:h="{height}"' in text


def test_region_ends_at_the_pictures_border() -> None:
    assert stored(Box(-10, -10, 50, 60), 100, 50, 1) == Region(0.25, 0.5, 0.5, 1.0)


def test_picture_without_a_readable_orientation(tmp_path: Path) -> None:
    assert orientation(tmp_path / "gone.png") == 1


@needs_exiftool
@pytest.mark.parametrize("turn", [1, 6])
def test_exiftool_reads_it_back(tmp_path: Path, writer: XmpWriter, turn: int) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(turned(Image.new("L", (100, 50)), turn, "PNG"))
    writing = replace(job(writer, picture), tags=tags("hatsune_miku", "初音"))
    writer.write(with_faces(writing, (Box(10, 10, 30, 30), "hatsune_miku")))
    found = exiftool(tmp_path / "a.png.xmp")
    assert found["XMP-dc:Subject"] == ["hatsune_miku", "初音"]
    assert found["XMP-digiKam:TagsList"] == ["character/hatsune_miku", "general/初音"]
    assert found["XMP-lr:HierarchicalSubject"] == ["character|hatsune_miku", "general|初音"]
    info = found["XMP-mwg-rs:RegionInfo"]
    area = {"X": 0.2, "Y": 0.4, "W": 0.2, "H": 0.4} if turn == 1 else {"X": 0.4, "Y": 0.8, "W": 0.4, "H": 0.2}
    assert info["RegionList"] == [
        {"Area": area | {"Unit": "normalized"}, "Name": "hatsune_miku", "Type": "Face"}
    ]
    size = {"W": 100, "H": 50} if turn == 1 else {"W": 50, "H": 100}
    assert info["AppliedToDimensions"] == size | {"Unit": "pixel"}


@needs_exiv2
def test_exiv2_reads_it_back(tmp_path: Path, writer: XmpWriter) -> None:
    import pyexiv2

    target = tmp_path / "a.png.xmp"
    packet = ODD_PACKETS["single quotes"].format(**NS)
    target.write_text(f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{packet}</x:xmpmeta>")
    writing = replace(job(writer, tmp_path / "a.png"), tags=tags("hatsune_miku", "初音"))
    writer.write(with_faces(writing, (Box(10, 10, 30, 30), "hatsune_miku")))
    with pyexiv2.Image(str(target)) as image:
        found = image.read_xmp()
    assert found["Xmp.xmp.Rating"] == "3"
    assert found["Xmp.dc.subject"] == ["hatsune_miku", "初音"]
    assert found["Xmp.digiKam.TagsList"] == ["character/hatsune_miku", "general/初音"]
    assert found["Xmp.lr.hierarchicalSubject"] == ["character|hatsune_miku", "general|初音"]
    region = "Xmp.mwg-rs.Regions/mwg-rs:RegionList[1]/mwg-rs:"
    assert found[region + "Name"] == "hatsune_miku"
    assert float(found[region + "Area/stArea:y"]) == 0.4


def test_list_with_something_else_in_it_is_not_dropped(tmp_path: Path, writer: XmpWriter) -> None:
    target = tmp_path / "a.png.xmp"
    before = ODD_PACKETS["own prefixes"].format(**NS).replace("<a:li>mine</a:li>", "<a:Bag/>")
    target.write_text(before)
    written = write(writer, tmp_path / "a.png", "aqua_hair")
    remove(writer, tmp_path / "a.png", written.owned)
    assert target.read_text() == before


@st.composite
def documents(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(st.sampled_from(["a", "b:c", "月"]))
    blank = draw(st.sampled_from(["", " ", "\n"]))
    if depth == 0 or draw(st.booleans()):
        return f"<{name}{blank}/>"
    parts: Sequence[str] = draw(
        st.lists(
            st.one_of(
                documents(depth - 1), st.sampled_from(["text", "&amp;", "<!-- - -->", "<?p i?>", "é月"])
            ),
            max_size=3,
        )
    )
    return f"<{name}{blank}>{''.join(parts)}</{name}{blank}>"


@given(
    inner=documents(), before=st.sampled_from(["", "<!-- x -->", "\ufeff"]), after=st.sampled_from(["", "\n"])
)
def test_places_of_elements(inner: str, before: str, after: str) -> None:
    """Every element's span is an element by itself, with its own children in it."""
    data = f'{before}<r xmlns:b="u">{inner}</r>{after}'.encode()
    root = parse(data)
    assert data[root.start : root.end].decode() == data.decode().removeprefix(before).removesuffix(after)
    for node in root.walk():
        whole = data[node.start : node.end]
        assert whole.startswith(b"<")
        assert whole.endswith(b">")
        assert len(list(parse(b'<r xmlns:b="u">' + whole + b"</r>").walk())) == 1 + len(list(node.walk()))
        inside = data[node.inner : node.inner_end]
        assert len(list(parse(b'<r xmlns:b="u">' + inside + b"</r>").walk())) == len(list(node.walk()))


def test_broken_document() -> None:
    with pytest.raises(XmlError):
        parse(b"<a><b></a>")


ADOBE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}">
 <rdf:Description rdf:about="" xmlns:xmp="{xmp}" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>""".format(**NS)
BESIDE = WriterOptions(naming=Naming(suffixes=(".png", ".jpg")))


def test_a_sidecar_of_adobes_programs_is_merged_into(tmp_path: Path) -> None:
    writer, short = XmpWriter(BESIDE), tmp_path / "a.xmp"
    short.write_text(ADOBE)
    first = write(writer, tmp_path / "a.png", "aqua_hair")
    write(writer, tmp_path / "a.png", "aqua_hair", "aqua_eyes", after=first)
    assert not (tmp_path / "a.png.xmp").exists()
    assert listed(short.read_bytes(), "dc:subject") == ["aqua_hair", "aqua_eyes"]
    assert 'xmp:Rating="5"' in short.read_text()
    remove(writer, tmp_path / "a.png", first.owned | {"aqua_eyes"})
    assert "aqua" not in listed(short.read_bytes(), "dc:subject")


@pytest.mark.parametrize("other", ["a.jpg", "a.png.xmp"])
def test_one_that_is_not_merged_into_is_named(
    tmp_path: Path, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.xmp").write_text(ADOBE)
    (tmp_path / other).write_text(ADOBE)
    write(XmpWriter(BESIDE), tmp_path / "a.png", "aqua_hair")
    assert (tmp_path / "a.xmp").read_text() == ADOBE
    assert listed((tmp_path / "a.png.xmp").read_bytes(), "dc:subject") == ["aqua_hair"]
    assert f"{tmp_path / 'a.xmp'}: programs that read a.png.xmp" in caplog.text


def test_a_new_sidecar_does_not_hide_keywords_of_the_picture(tmp_path: Path, writer: XmpWriter) -> None:
    exif = Image.Exif()
    exif[0x9C9E] = "Aqua Hair;sunset <3".encode("utf-16-le")
    picture = draw(tmp_path / "a.jpg", exif=exif)
    assert not write(writer, picture).changed
    written = write(writer, picture, "aqua_hair", "aqua_eyes")
    target = tmp_path / "a.jpg.xmp"
    assert listed(target.read_bytes(), "dc:subject") == ["sunset <3", "aqua_hair", "aqua_eyes"]
    assert not write(writer, picture, "aqua_hair", "aqua_eyes", after=written).changed
    remove(writer, picture, written.owned)
    assert listed(target.read_bytes(), "dc:subject") == ["sunset <3"]
