"""Templates of pages: nothing that is filled in becomes HTML unless it is meant to."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booru_tagger.drawing.templates import Markup, Pieces

PAGE = """For people: what stands before the first piece belongs to none.
<!-- piece: row -->
<p title='$name'>$name</p>
<!-- piece: price -->
<b title="$name">$$$name</b>
<!-- piece: page -->
<div>
$rows
</div>
"""


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Pieces:
    folder = tmp_path_factory.mktemp("package")
    (folder / "templates_of_a_test").mkdir()
    (folder / "templates_of_a_test" / "__init__.py").touch()
    (folder / "templates_of_a_test" / "page.html").write_text(PAGE, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(folder), *sys.path])
        return Pieces("templates_of_a_test", "page.html")


class Read(HTMLParser):
    """What a browser makes of a piece."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(name=st.text())
@pytest.mark.parametrize(("piece", "tag", "before"), [("row", "p", ""), ("price", "b", "$")])
def test_any_text_stays_text(pieces: Pieces, piece: str, tag: str, before: str, name: str) -> None:
    read = Read(pieces.fill(piece, name=name))
    assert read.tags == [(tag, [("title", name)])]
    assert read.text == before + name


def test_pieces_go_into_pieces_as_they_are(pieces: Pieces) -> None:
    row = pieces.fill("row", name="<$rows>")
    assert pieces.fill("page", rows=[row, None, "<"]) == (
        "<div>\n<p title='&lt;$rows&gt;'>&lt;$rows&gt;</p>&lt;\n</div>"
    )
    assert pieces.fill("page", rows=Markup("<hr>")) == "<div>\n<hr>\n</div>"
    assert pieces.fill("page", rows=0) == "<div>\n0\n</div>"


@pytest.mark.parametrize("piece", ["row", "no such piece"])
def test_a_missing_value_or_piece_is_a_fault(pieces: Pieces, piece: str) -> None:
    with pytest.raises(KeyError):
        pieces.fill(piece, nam="x")


def test_pages_have_no_html_in_code() -> None:
    root = Path(__file__).parents[2]
    for path in [*(root / "booru_tagger").rglob("*.py"), *(root / "export").rglob("*.py")]:
        assert "<div" not in path.read_text("utf-8"), path
