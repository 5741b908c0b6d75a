"""Enrolment as users do it.

CHARACTERS holds a folder of whole pictures for each character, OTHERS pictures of other people. In each draw
some characters are enrolled from ten of their pictures each; tagged are their other pictures, and those of
everybody else: the characters that were not drawn, and OTHERS.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from booru_tagger.enrol import enrol
from booru_tagger.errors import BooruTaggerError
from booru_tagger.models.gallery import Gallery
from booru_tagger.sources.listed import Walk
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import CharacterMatch

ENROLLED, PICTURES = 5, 10


def pictures(folder: Path) -> list[Path]:
    return [path for path in Walk(follow_links=True).pictures(folder) if isinstance(path, Path)]


def named(tagger: Tagger, paths: Iterable[Path]) -> list[CharacterMatch | None]:
    """Who each face is that is found in the pictures."""
    return [face.character for path in paths for face in tagger.tag(path).faces]


def gallery_of(tagger: Tagger, chosen: dict[str, list[Path]]) -> Gallery:
    enrolled = []
    for name, paths in chosen.items():
        try:
            enrolled.append(enrol(tagger, name, paths[:PICTURES]).enrolled)
        except BooruTaggerError as error:
            print(f"{name} is not enrolled: {error}")
    return Gallery(tagger.bundle.recogniser_sha256 or "", enrolled, model=tagger.model)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment enrolment", description=__doc__)
    parser.add_argument("characters", type=Path)
    parser.add_argument("others", type=Path)
    parser.add_argument("--draws", type=int, default=4)
    asked = parser.parse_args(arguments)
    of_character = {
        folder.name: pictures(folder) for folder in sorted(asked.characters.iterdir()) if folder.is_dir()
    }
    able = [name for name, paths in of_character.items() if len(paths) > PICTURES]
    others, plain = pictures(asked.others), Tagger(TaggerOptions(gallery=None))
    faces = right = wrong = strangers = taken = 0
    for draw in range(asked.draws):
        chance = random.Random(draw)
        names = chance.sample(able, min(ENROLLED, len(able)))
        chosen = {name: chance.sample(of_character[name], len(of_character[name])) for name in names}
        tagger = Tagger(TaggerOptions(gallery=gallery_of(plain, chosen)))
        for name, paths in chosen.items():
            found = named(tagger, paths[PICTURES:])
            faces += len(found)
            right += sum(match is not None and match.tag == name for match in found)
            wrong += sum(match is not None and match.tag != name for match in found)
        rest = [path for name, paths in of_character.items() if name not in chosen for path in paths]
        found = named(tagger, [*rest, *others])
        strangers += len(found)
        taken += sum(match is not None and match.source == "gallery" for match in found)
        print(f"{draw + 1}: {', '.join(names)}", flush=True)
    print(f"{right} of {faces} faces right, {wrong} wrong; {taken} of {strangers} others taken for them")
