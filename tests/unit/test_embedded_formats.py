"""Picture files with other keywords in them: nothing else changes, and taken out again nothing at all."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from booru_tagger.errors import OutputError
from booru_tagger.writers.embedded.blocks import Blocks, EmbedError
from booru_tagger.writers.embedded.exif import XP_KEYWORDS, value_of, with_windows
from booru_tagger.writers.embedded.formats import take_apart
from booru_tagger.writers.embedded.iptc import read_keywords, with_keywords
from booru_tagger.writers.registry import make_writer
from tests.support.containers import (
    PHOTOSHOP,
    XMP_START,
    chunk,
    data_set,
    decoded,
    encoded,
    jpeg,
    png,
    resource,
    riff,
    riff_chunks,
    segment,
    tiff,
)
from tests.support.writing import read, remove, write

MIKU = ("hatsune_miku", "aqua_hair", "初音")
LONG_EXIF = tiff([(0x9286, 7, b"p" * 90_000)])
RDF = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="me">%s'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
SUBJECT = b"<dc:subject><rdf:Bag><rdf:li>mine</rdf:li></rdf:Bag></dc:subject>"
CITY = data_set(2, 90, b"Mito") + data_set(2, 60, b"132723")


def pages(*modes: str, big: bool = False) -> bytes:
    stream = io.BytesIO()
    images = [Image.linear_gradient("L").resize((40, 30)).convert(mode) for mode in modes]
    images[0].save(stream, "TIFF", save_all=True, append_images=images[1:], big_tiff=big)
    return stream.getvalue()


def multi_picture(first_size: int, offset: int) -> bytes:
    """An index of two pictures."""
    entries = struct.pack("<IIIHHIIIHH", 0, first_size, 0, 0, 0, 0, 7, offset, 0, 0)
    return segment(0xE2, b"MPF\0" + tiff([(0xB000, 7, b"0100"), (0xB002, 7, entries)]))


FILES = {
    "plain.jpg": encoded("JPEG"),
    "no-jfif.jpg": b"\xff\xd8" + encoded("JPEG")[20:],
    "trailer.jpg": jpeg(behind=b"\xff\xd8 another picture \xff\xd9 PK\3\4"),
    "fill-bytes.jpg": jpeg(b"\xff\xff\xff" + segment(0xFE, b"comment")[1:], b"junk" + segment(0xEC, b"x")),
    "exif.jpg": jpeg(segment(0xE1, b"Exif\0\0" + tiff([(0x10F, 2, b"maker\0"), (0x112, 1, b"\6")], ">"))),
    "empty-exif.jpg": jpeg(segment(0xE1, b"Exif\0\0" + tiff([]))),
    "windows.jpg": jpeg(segment(0xE1, b"Exif\0\0" + tiff([(XP_KEYWORDS, 1, "a; b\0".encode("utf-16-le"))]))),
    "exif-of-two-segments.jpg": jpeg(
        *(segment(0xE1, b"Exif\0\0" + LONG_EXIF[at : at + 60_000]) for at in (0, 60_000))
    ),
    "full-exif.jpg": jpeg(segment(0xE1, b"Exif\0\0" + tiff([(0x9286, 7, b"p" * 65_480)]))),
    "broken-exif.jpg": jpeg(segment(0xE1, b"Exif\0\0" + b"II*\0\xff\xff\xff\xff")),
    "xmp.jpg": jpeg(segment(0xE1, XMP_START + RDF % SUBJECT + b"\0\0")),
    "extended-xmp.jpg": jpeg(
        segment(0xE1, XMP_START + RDF % b""),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + bytes(8) + RDF % b"<dc:title/>"),
    ),
    "iptc.jpg": jpeg(
        segment(
            0xED,
            PHOTOSHOP + resource(0x03ED, bytes(16)) + resource(0x0404, CITY, b"n") + resource(0x425, b"d"),
        )
    ),
    "iptc-keywords.jpg": jpeg(
        segment(0xED, PHOTOSHOP + resource(0x0404, data_set(2, 25, b"press") + CITY + bytes(3)))
    ),
    "latin-iptc.jpg": jpeg(segment(0xED, PHOTOSHOP + resource(0x0404, data_set(2, 90, b"K\xf6ln")))),
    "iptc-in-parts.jpg": jpeg(
        segment(0xED, PHOTOSHOP + resource(0x0404, CITY)[:-9]), segment(0xED, PHOTOSHOP)
    ),
    "multi-picture.jpg": jpeg(multi_picture(5_000, 4_000), segment(0xE2, b"ICC_PROFILE\0\1\1 profile")),
    "plain.png": encoded("PNG"),
    "text.png": png(
        chunk(b"tEXt", b"Description\0" + b"1girl"), chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"{}"))
    ),
    "behind.png": png(behind=b"PK\3\4 appended archive"),
    "wrong-checksum.png": png(chunk(b"tEXt", b"a\0b", b"????")),
    "exif.png": png(chunk(b"eXIf", tiff([(0x10F, 2, b"maker\0")], ">"))),
    "raw-exif.png": png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n       2\n4949\n")),
    "raw-iptc.png": png(
        chunk(
            b"tEXt",
            b"Raw profile type iptc\0\niptc\n%8d\n%s\n" % (28, resource(0x404, CITY[:16]).hex().encode()),
        )
    ),
    "packed-xmp.png": png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(RDF % SUBJECT))),
    "raw-xmp.png": png(
        chunk(
            b"zTXt",
            b"Raw profile type xmp\0\0" + zlib.compress(b"\nxmp\n%8d\n%s\n" % (len(RDF), RDF.hex().encode())),
        )
    ),
    "lossy.webp": encoded("WEBP", quality=50),
    "lossless.webp": encoded("WEBP", lossless=True),
    "alpha.webp": encoded("WEBP", "RGBA", quality=50),
    "lossless-alpha.webp": encoded("WEBP", "LA", lossless=True),
    "profile.webp": encoded("WEBP", icc_profile=b"profile"),
    "exif.webp": encoded("WEBP", exif=b"Exif\0\0" + tiff([(0x10F, 2, b"maker\0")])),
    "behind.webp": encoded("WEBP") + b"appended",
    "needless-vp8x.webp": riff((b"VP8X", b"\0\0\0\0\x3b\0\0\x27\0\0"), *riff_chunks(encoded("WEBP"))),
    "unknown-chunk.webp": riff(*riff_chunks(encoded("WEBP", exif=b"II*\0")), (b"WHAT", b"odd")),
    "plain.tiff": pages("RGB"),
    "pages.tiff": pages("RGB", "L", "1"),
    "big.tiff": pages("RGB", "L", big=True),
    "other-order.tiff": tiff([(0x100, 1, b"1"), (0x10F, 2, b"maker\0"), (33723, 7, CITY)], ">"),
    "behind.tiff": pages("L") + b"odd",
}
UNREADABLE = {"other-order.tiff", "raw-exif.png", "wrong-checksum.png"}
"""Not pictures that Pillow decodes."""


@pytest.fixture(params=FILES)
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_bytes(FILES[request.param])
    return path


def test_only_our_fields_change_and_taken_out_nothing_has(picture: Path) -> None:
    before = picture.read_bytes()
    writer = make_writer("embed")
    first = write(writer, picture, "hatsune_miku", "blue_hair")
    written = write(writer, picture, *MIKU, after=first)
    after = picture.read_bytes()
    assert set(read(writer, picture)) >= set(MIKU)
    assert take_apart(after).foreign() == take_apart(before).foreign()
    if picture.name not in UNREADABLE:
        assert decoded(after) == decoded(before)
    remove(writer, picture, written.owned)
    restored = picture.read_bytes()
    if picture.name == "raw-xmp.png":  # the same digits, in lines of the usual length
        assert take_apart(restored).blocks == take_apart(before).blocks
    else:
        assert restored == before


def test_no_other_program_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyexiv2", None)
    picture = tmp_path / "a.png"
    picture.write_bytes(encoded("PNG"))
    assert write(make_writer("embed"), picture, *MIKU).changed


@pytest.mark.parametrize(
    "name", ["exif-of-two-segments.jpg", "broken-exif.jpg", "full-exif.jpg", "raw-exif.png"]
)
def test_exif_that_cannot_take_keywords_stays_and_the_others_hold_them(tmp_path: Path, name: str) -> None:
    picture = tmp_path / name
    picture.write_bytes(FILES[name])
    write(make_writer("embed"), picture, "aqua_hair")
    blocks = take_apart(picture.read_bytes()).blocks
    assert b"aqua_hair" in blocks.xmp
    assert b"aqua_hair" in (blocks.iptc or b"")
    assert not blocks.windows


def test_index_of_further_pictures_still_leads_there(tmp_path: Path) -> None:
    """Offsets count from the index itself, and the first picture's size is in it, too."""
    second = b"\xff\xd8 second \xff\xd9"
    alone = jpeg(multi_picture(0, 0))
    at = alone.index(b"MPF\0") + 4
    picture = tmp_path / "a.jpg"
    picture.write_bytes(jpeg(multi_picture(len(alone), len(alone) - at), behind=second))
    write(make_writer("embed"), picture, *MIKU)
    data = picture.read_bytes()
    at = data.index(b"MPF\0") + 4
    _, size, _, _, _, _, _, place, _, _ = struct.unpack_from("<IIIHHIIIHH", data, at + 38)
    assert data[at + place :] == second
    assert size == len(data) - len(second)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG, PNG, WebP and TIFF files only"),
        (b"8BPS\0\1", "JPEG, PNG, WebP and TIFF files only"),
        (encoded("JPEG")[:30], "its segment FFDB at byte 20 is wrong"),
        (b"\xff\xd8\xff\xe0\0\1", "its segment FFE0 at byte 2 is wrong"),
        (b"\xff\xd8\xff\xd0", "ends before its picture data"),
        (encoded("PNG")[:-4], "cut off"),
        (png(struct.pack(">I", 2**32 - 1) + b"tEXt"), "cut off"),
        (encoded("WEBP")[:-1], "cut off"),
        (riff((b"ICCP", b"no picture")), "no picture"),
        (b"RIFF\x14\0\0\0WEBPVP8 \xff\xff\xff\xff" + bytes(20), "its chunk at byte 12 is wrong"),
        (b"II*\0\xff\xff\xff\xff", "lies outside"),
        (b"II+\0\x08\0\0\0" + b"\xff" * 8, "lies outside"),
        (tiff([(700, 1, b"x" * 20)])[:-1], "lies outside"),
        (tiff([(0x100, 1, b"1")])[:-4] + struct.pack("<I", 8), "in a circle"),
        (tiff([(0x10F, 2, b"NIKON")]), "a raw photo"),
        (tiff([(0x100, 1, b"1"), (50706, 1, b"\1\4\0\0")]), "a raw photo"),
        (b"II*\0\x08\0\0\0\xff\xff" + bytes(40), "cut off"),
        (
            jpeg(segment(0xE1, XMP_START + RDF % b""), segment(0xE1, XMP_START + RDF % SUBJECT)),
            "several parts",
        ),
        (jpeg(segment(0xE1, XMP_START + RDF % b"" + b" " * 65_000)), "no longer fit"),
        (png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0broken")), "cannot be unpacked"),
        (png(chunk(b"iTXt", b"XML:com.adobe.xmp\0")), "cut off"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(data)
    with pytest.raises(OutputError, match=f"{reason}.*the writer xmp"):
        write(make_writer("embed"), picture, *MIKU)
    assert picture.read_bytes() == data


@pytest.mark.parametrize(
    "name", ["exif.jpg", "text.png", "profile.webp", "pages.tiff", "iptc.jpg", "multi-picture.jpg"]
)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_files_are_refused_or_come_back(name: str, data: st.DataObject) -> None:
    whole = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, min(len(whole), 400) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))])
    _there_and_back(damaged)


def _there_and_back(data: bytes) -> None:
    """Other blocks into the file, and its own again: refused, or nothing foreign changes."""
    try:
        picture = take_apart(data)
        standing = picture.blocks
        wanted = Blocks(
            b"<xmp/>",
            with_keywords(standing.iptc, ("a",), keep_charset=True) if standing.iptc is not None else None,
            value_of(("a", "b")) if standing.windows is not None else None,
        )
        changed = picture.replaced(wanted)
    except EmbedError:
        return
    after = take_apart(changed)
    assert after.foreign() == picture.foreign()
    assert (after.blocks.xmp, after.blocks.iptc, after.blocks.windows) == (
        wanted.xmp,
        wanted.iptc,
        wanted.windows,
    )
    if standing.xmp or not picture.further_packets:  # else an empty packet went, and the next is the first
        assert take_apart(after.replaced(standing)).foreign() == picture.foreign()


contents = st.binary(max_size=40)
segments = st.builds(
    segment,
    st.sampled_from((0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)),
    contents
    | st.sampled_from(
        (
            b"Exif\0\0" + tiff([(0x10F, 2, b"maker")]),
            XMP_START + b"<a/>",
            PHOTOSHOP + resource(0x404, CITY),
            b"MPF\0II*\0",
        )
    ),
)


@given(st.lists(segments, max_size=5), st.binary(max_size=20))
def test_any_segments(found: list[bytes], behind: bytes) -> None:
    _there_and_back(jpeg(*found, behind=behind))


kinds = st.sampled_from((b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"gAMA", b"abCd"))
texts = st.sampled_from((b"XML:com.adobe.xmp\0", b"Raw profile type iptc\0", b"Raw profile type exif\0", b""))


@given(
    st.lists(st.builds(lambda kind, key, rest: chunk(kind, key + rest), kinds, texts, contents), max_size=5),
    contents,
)
def test_any_chunks_of_png(found: list[bytes], behind: bytes) -> None:
    _there_and_back(png(*found, behind=behind))


names = st.sampled_from((b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"WHAT"))


@given(
    st.lists(st.tuples(names, contents), max_size=4),
    st.lists(st.tuples(names, contents), max_size=4),
    contents,
)
def test_any_chunks_of_webp(
    before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]], behind: bytes
) -> None:
    picture = riff_chunks(encoded("WEBP"))
    _there_and_back(riff(*before, *picture, *after, behind=behind))


fields = st.lists(
    st.tuples(
        st.integers(1, 0xFFFF) | st.sampled_from((700, 33723, XP_KEYWORDS)),
        st.sampled_from((1, 2, 7)),
        contents,
    ),
    max_size=6,
    unique_by=lambda field: field[0],
)


@given(fields, st.sampled_from("<>"), st.booleans(), contents)
@example([], "<", False, b"")
def test_any_directory(found: list[tuple[int, int, bytes]], order: str, big: bool, behind: bytes) -> None:
    found = [(0x100, 1, b"1"), *(field for field in found if field[0] not in (0x100, 0xFE, 50706))]
    _there_and_back(tiff(found, order, big=big) + behind)


@given(fields, st.sampled_from("<>"), st.lists(st.text("abc", min_size=1), max_size=3))
def test_exif_comes_back_to_the_byte(
    found: list[tuple[int, int, bytes]], order: str, keywords: list[str]
) -> None:
    found = [field for field in found if field[0] not in (XP_KEYWORDS, 0x8769, 0x8825, 0xA005)]
    block = tiff(found, order)
    changed = with_windows(with_windows(block, value_of(("first", "ones"))), value_of(tuple(keywords)))
    assert with_windows(changed, b"") == block


def test_change_of_another_tag_in_our_directory_is_kept() -> None:
    """Viewers turn pictures by writing another orientation in its place."""
    block = tiff([(0x10F, 2, b"maker\0"), (0x112, 3, b"")], ">").replace(
        struct.pack(">HHI4x", 0x112, 3, 0), struct.pack(">HHIHH", 0x112, 3, 1, 6, 0)
    )
    changed = bytearray(with_windows(block, value_of(("a",))))
    at = changed.rindex(struct.pack(">HHIHH", 0x112, 3, 1, 6, 0))
    changed[at + 8 : at + 10] = b"\0\1"
    assert with_windows(bytes(changed), b"") == block.replace(
        struct.pack(">HHIHH", 0x112, 3, 1, 6, 0), struct.pack(">HHIHH", 0x112, 3, 1, 1, 0)
    )


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 255), st.binary(max_size=9)), max_size=6))
def test_any_data_sets(found: list[tuple[int, int, bytes]]) -> None:
    stream = b"".join(data_set(*each) for each in found if each[:2] not in ((2, 25), (1, 90)))
    keywords = read_keywords(stream)
    if keywords is not None:
        changed = with_keywords(stream, ("a", "初音"), keep_charset=False)
        assert read_keywords(changed) == ("a", "初音")
        assert with_keywords(changed, keywords, keep_charset=False) == stream


@pytest.mark.parametrize(
    "spoil", [lambda data: data.replace(b"1girl", b"2girl"), lambda data: data[:-9], lambda data: data + b"x"]
)
def test_result_that_lost_something_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes]
) -> None:
    from booru_tagger.writers.embedded.png import Png

    real = Png.replaced
    monkeypatch.setattr(Png, "replaced", lambda self, new: spoil(real(self, new)))
    picture = tmp_path / "a.png"
    picture.write_bytes(png(chunk(b"tEXt", b"parameters\x001girl"), behind=b"123456789"))
    before = picture.read_bytes()
    with pytest.raises(OutputError, match="would differ"):
        write(make_writer("embed"), picture, "aqua_hair")
    assert picture.read_bytes() == before
