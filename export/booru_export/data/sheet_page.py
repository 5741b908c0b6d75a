"""The labelling sheet: candidates as pictures on a page, to be approved in bulk."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from booru_export.data.collecting import Candidate

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#1b1b1b}
header{position:sticky;top:0;background:#fff;padding:.6rem 0;border-bottom:1px solid #ddd}
.faces{display:flex;flex-wrap:wrap;gap:.6rem}
label{display:block;width:132px;border:2px solid #ddd;border-radius:6px;padding:4px;
  cursor:pointer;font-size:12px}
label:has(:checked){border-color:#2c7a3f;background:#eaf6ec}
label.unsure{border-style:dashed}
img{width:132px;height:132px;object-fit:cover;border-radius:4px;display:block}
button{font:inherit;padding:.25rem .8rem}small{color:#666}
"""

_SCRIPT = """
const boxes = () => [...document.querySelectorAll('input[type=checkbox]')];
const count = () => {
  document.getElementById('count').textContent = boxes().filter(box => box.checked).length;
};
document.addEventListener('change', count);
document.querySelectorAll('[data-all]').forEach(button => button.addEventListener('click', () => {
  const own = boxes().filter(box => box.dataset.label === button.dataset.all);
  const on = own.some(box => !box.checked);
  own.forEach(box => { box.checked = on; });
  count();
}));
const cell = text => '"' + text.replaceAll('"', '""') + '"';
count();
document.getElementById('save').addEventListener('click', () => {
  const chosen = boxes().filter(box => box.checked);
  const rows = chosen.map(box => [box.value, box.dataset.label].map(cell).join(','));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([['crop,label', ...rows, ''].join('\\n')], {type: 'text/csv'}));
  link.download = 'approved.csv';
  link.click();
});
"""

UNSURE = 0.08
"""A lead below which a candidate is marked as hard to tell from its rival."""


def sheet(candidates: Sequence[Candidate], folder: Path) -> str:
    """The page, to be put into ``folder`` with the crops; candidates of a label must stand together."""
    groups = [(label, list(members)) for label, members in groupby(candidates, key=lambda one: one.label)]
    sections = "".join(_group(label, members, folder) for label, members in groups)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Labelling sheet</title>"
        f"<style>{_STYLE}</style></head><body><header><b><span id='count'>0</span></b> of "
        f"{len(candidates):,} approved <button id='save'>Save approved.csv</button> "
        "<small>then: booru-tagger dataset approve --list approved.csv. Dashed: another character is nearly "
        f"as near.</small></header>{sections}<script>{_SCRIPT}</script></body></html>\n"
    )


def _group(label: str, members: list[Candidate], folder: Path) -> str:
    name = html.escape(label, quote=True)
    faces = "".join(_face(candidate, folder) for candidate in members)
    return (
        f"<h2>{name} <small>{len(members)}</small> <button data-all='{name}'>all / none</button></h2>"
        f"<div class='faces'>{faces}</div>"
    )


def _face(candidate: Candidate, folder: Path) -> str:
    crop = html.escape(candidate.crop.relative_to(folder).as_posix(), quote=True)
    label, where = (html.escape(text, quote=True) for text in (candidate.label, candidate.picture.name))
    unsure = " class='unsure'" if candidate.lead < UNSURE else ""
    checked = " checked" if candidate.approved else ""
    return (
        f"<label{unsure} title='{where}'><img loading='lazy' alt='' src='{crop}'>"
        f"<input type='checkbox'{checked} value='{crop}' data-label='{label}'> "
        f"{candidate.closeness:.2f}<br><small>next: {html.escape(candidate.rival)} "
        f"{candidate.closeness - candidate.lead:.2f}</small></label>"
    )
