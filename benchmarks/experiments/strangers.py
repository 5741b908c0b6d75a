"""How many heads get a name in pictures of people whom hardly any character known is among.

FOLDER holds whole pictures (posters, a random draw of fan art). Counted are the heads that get the name of a
character trained on, of one known by its faces alone, and, in draws of five characters that training left
out, enrolled from five crops each of DATA, of an enrolled one. Whether a name is right only eyes can tell:
--sheet draws the heads with the names that they got.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from booru_export.data.splits import left_out, split_faces
from booru_export.data.tables import read_data_faces
from booru_export.evaluation.embedding import EmbeddedFace, embeddings, look

from booru_tagger.drawing.contact_sheet import ContactSheet
from booru_tagger.models.bundle import Label, RecogniserSpec
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.identity import Identity, KnownCharacters, pack
from booru_tagger.sources.listed import Walk
from booru_tagger.tagging.looking import Look
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.rules import Rules
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import CharacterMatch, FaceResult, TagResult

TOGETHER, EACH, DRAWS = 5, 5, 8
HELD_OUT = 600


def judged(rules: Rules, looks: Sequence[Look]) -> Iterator[tuple[FaceResult, ...]]:
    """The faces of each picture, as the rules see them."""
    for one in looks:
        yield tuple(
            rules.read(face, answer, colored=one.colored).face
            for face, answer in zip(one.faces, one.answers, strict=True)
        )


def of_which_kind(match: CharacterMatch | None, late: set[str]) -> str:
    if match is None:
        return "nobody"
    if match.source == "gallery":
        return "enrolled"
    return "known by faces alone" if match.tag in late else "trained on"


def trained_alone(tagger: Tagger) -> Identity:
    """Those of a bundle's characters that it was trained on: the others can be strangers then."""
    whole = tagger.networks.identity
    assert whole is not None
    people, count = whole.people, len(whole.people.learned)
    kept = KnownCharacters(
        people.learned,
        people.means[:count],
        people.faces[: people.starts[count]],
        people.starts[: count + 1],
        people.counts[:count],
    )
    return Identity(whole.spec, lambda: pack(kept), "trained characters", count)


def galleries(tagger: Tagger, faces: Sequence[EmbeddedFace]) -> Iterator[tuple[Gallery, list[EmbeddedFace]]]:
    """Five characters each, and what other faces there are of them."""
    of_character = defaultdict(list)
    for face in faces:
        of_character[face.label].append(face)
    able = sorted(label for label, some in of_character.items() if len(some) > EACH)
    chance = random.Random(0)
    for _ in range(DRAWS):
        enrolled, rest = [], []
        for label in chance.sample(able, min(TOGETHER, len(able))):
            shuffled = chance.sample(of_character[label], len(of_character[label]))
            enrolled.append(Enrolled(Label(label), embeddings(shuffled[:EACH])))
            rest += shuffled[EACH:]
        yield Gallery(tagger.bundle.recogniser_sha256 or "", enrolled), rest


def spec_of(tagger: Tagger) -> RecogniserSpec:
    assert tagger.bundle.recogniser is not None
    return tagger.bundle.recogniser


def shares(rules: Rules, faces: Sequence[EmbeddedFace]) -> str:
    """How many crops get their own name, and how many another."""
    names = [rules.read(one.face, one.answer, colored=one.colored).face.character for one in faces]
    right = sum(name is not None and name.tag == one.label for name, one in zip(names, faces, strict=True))
    wrong = sum(name is not None for name in names) - right
    return f"{right / len(faces):.4f} right, {wrong / len(faces):.4f} wrong"


def told(counts: Counter[str]) -> str:
    kinds = ("trained on", "known by faces alone", "enrolled")
    return ", ".join(f"{kind} {counts[kind] / counts.total():.4f}" for kind in kinds)


def draw(
    target: Path, paths: Sequence[Path], looks: Sequence[Look], faces: Sequence[tuple[FaceResult, ...]]
) -> None:
    """The heads that got a name, each with it."""
    sheet = ContactSheet(limit=1000)
    for path, one, some in zip(paths, looks, faces, strict=True):
        with_name = tuple(face for face in some if face.character is not None)
        sheet.add(TagResult(str(path), one.width, one.height, with_name))
    target.write_bytes(sheet.png())


def with_data(tagger: Tagger, data: Path, looks: Sequence[Look]) -> None:
    """What caution costs on held-out pictures of known characters, and what galleries of five give."""
    spec, labels, items = spec_of(tagger), tagger.bundle.labels, read_data_faces(data)
    strangers = left_out(items)
    held_out = split_faces([item for item in items if item.label not in strangers])["test"]
    seen = look(tagger.bundle.folder, random.Random(0).sample(held_out, min(HELD_OUT, len(held_out))))
    for name, rules in (
        ("held-out pictures", Rules(spec, labels, {}, identity=tagger.networks.identity)),
        (
            "the same without caution",
            Rules(spec._replace(caution=None), labels, {}, identity=tagger.networks.identity),
        ),
    ):
        print(f"{name}: {shares(rules, seen)}", flush=True)
    trained = trained_alone(tagger)
    counts: Counter[str] = Counter()
    own: list[str] = []
    unknown = look(tagger.bundle.folder, [item for item in items if item.label in strangers])
    for gallery, rest in galleries(tagger, unknown):
        rules = Rules(spec, labels[: len(trained.people.learned)], {}, gallery=gallery, identity=trained)
        own.append(shares(rules, rest))
        counts += Counter(
            of_which_kind(face.character, set()) for some in judged(rules, looks) for face in some
        )
    print(f"with a gallery of {TOGETHER}: {told(counts)}; other faces of those enrolled, by draw:")
    print("\n".join(own))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment strangers", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="for galleries of five, and held-out pictures")
    parser.add_argument("--pictures", type=int, help="so many of the folder's, drawn at random")
    parser.add_argument("--sheet", type=Path, help="a PNG of the heads that got a name")
    asked = parser.parse_args(arguments)
    tagger = Tagger(TaggerOptions(asked.bundle, gallery=None))
    paths = [path for path in Walk().pictures(asked.folder) if isinstance(path, Path)]
    if asked.pictures is not None and asked.pictures < len(paths):
        paths = random.Random(0).sample(sorted(paths), asked.pictures)
    looks = [tagger.networks.look_at_faces(path.read_bytes(), str(path)) for path in paths]
    late = {label.tag for label in tagger.bundle.labels[len(trained_alone(tagger).people.learned) :]}
    rules = Rules(spec_of(tagger), tagger.bundle.labels, {}, identity=tagger.networks.identity)
    faces = list(judged(rules, looks))
    counts = Counter(of_which_kind(face.character, late) for some in faces for face in some)
    print(f"{len(paths)} pictures, {counts.total()} heads; {told(counts)}", flush=True)
    if asked.sheet is not None:
        draw(asked.sheet, paths, looks, faces)
    if asked.data is not None:
        with_data(tagger, asked.data, looks)
