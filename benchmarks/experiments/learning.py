"""What `characters learn` makes of a library whose labels are partly wrong.

DATA is a folder with `faces.csv` and `characters.csv` of head crops (see docs/datasets.md). A library is
built of them in WORK: 60 characters that the model does not know (those that training left out, and others
that are taken out of a copy of it), their names in six forms, every tenth wrong, a third of the pictures with
several heads. It is learned; other pictures of these characters, and of strangers, are tagged with what was
learned, and with what a person who knows the truth would have enrolled from the same pictures."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from booru_tagger.app.characters import empty_gallery, enrolling_tagger
from booru_tagger.app.learning import LearnRequest, learn_library
from booru_tagger.config import Settings
from booru_tagger.enrol.labelled.lesson import Lesson
from booru_tagger.enrol.seen_faces import FaceReader, SeenFaces, Viewed, default_path
from booru_tagger.imaging import Floats
from booru_tagger.models.bundle import Bundle, Label
from booru_tagger.models.gallery import Enrolled, Gallery
from booru_tagger.models.identity import Identity, KnownCharacters, pack, unpack
from booru_tagger.models.store.local import open_bundle
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from booru_tagger.types import Tag, TagResult
from booru_tagger.vocab import escape
from booru_tagger.writers.base import Job
from booru_tagger.writers.naming import WriterOptions
from booru_tagger.writers.xmp import XmpWriter

WRONG, SEVERAL, STRANGER = 0.1, 1 / 3, 0.15
"""Share of pictures with a wrong name, with several heads, and of these with one whom nobody names."""
FORMS = ("hydrus", "danbooru", "gallery-dl", "xmp", "caption", "folder")


@dataclass(frozen=True, slots=True)
class Crop:
    path: Path
    label: str


@dataclass(slots=True)
class Library:
    """``names``: what each picture says; ``truth``: who is in it, from left to right."""

    names: dict[Path, list[str]] = field(default_factory=dict)
    truth: dict[Path, list[str]] = field(default_factory=dict)

    def wrong(self) -> set[tuple[Path, str]]:
        """Pictures and names that nobody in them has."""
        return {
            (path, name)
            for path, names in self.names.items()
            for name in names
            if name not in self.truth[path]
        }


def read_crops(data: Path) -> dict[str, list[Crop]]:
    """The crops of each character, one of each group: near-duplicates would make it easy."""
    found: dict[str, dict[str, Crop]] = defaultdict(dict)
    with (data / "faces.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            found[row["label"]].setdefault(row["group"], Crop(data / row["path"], row["label"]))
    return {label: list(crops.values()) for label, crops in found.items()}


def without(tags: set[str], target: Path) -> Path:
    """A copy of the shipped model that does not know these characters."""
    bundle = open_bundle("default")
    shutil.copytree(bundle.folder, target, dirs_exist_ok=True)
    manifest = json.loads((target / "manifest.json").read_text("utf-8"))
    file = manifest["recogniser"]["identity"]["file"]
    people = unpack((target / file).read_bytes(), file, len(bundle.labels))
    kept = [index for index, label in enumerate(bundle.labels) if label.tag not in tags]
    parts = [people.of(index) for index in kept]
    left = KnownCharacters(
        people.learned[[index for index in kept if index < len(people.learned)]],
        people.means[kept],
        np.concatenate(parts),
        np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        people.counts[kept],
    )
    manifest["labels"] = [manifest["labels"][index] for index in kept]
    content = pack(left)
    (target / file).write_bytes(content)
    manifest["files"][file] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (target / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return target


def choose(crops: Mapping[str, list[Crop]], count: int, chance: random.Random) -> tuple[list[str], list[str]]:
    """The characters to be learned, and strangers. Those that training left out are either, for a small
    ``count`` some of them; the other characters are among those that it knows."""
    bundle = open_bundle("default")
    trained = _trained(bundle)
    tags = [label.tag for label in bundle.labels]
    new = [tag for tag in untrained(tags) if tag in crops]
    able = [tag for tag in new if len(crops[tag]) >= 6][:count]
    old = [tag for tag in tags[:trained] if 14 <= len(crops.get(tag, ())) <= 40]
    chosen = able + chance.sample(sorted(old), count - len(able))
    return chosen, [tag for tag in new if tag not in chosen]


def _trained(bundle: Bundle) -> int:
    """How many of the bundle's characters, its first ones, the network was trained on."""
    identity = Identity.of(bundle)
    return len(identity.people.learned) if identity is not None else 0


def untrained(tags: Sequence[str]) -> list[str]:
    """Those that the network never saw."""
    bundle = open_bundle("default")
    new = {label.tag for label in bundle.labels[_trained(bundle) :]}
    return [tag for tag in tags if tag in new]


def canvas(crops: Sequence[Crop], chance: random.Random) -> Image.Image:
    """The crops side by side on one ground, each a little larger or smaller."""
    images = []
    for crop in crops:
        image = Image.open(crop.path).convert("RGB")
        side = round(max(image.size) * chance.uniform(0.9, 1.3))
        images.append(
            image.resize((side, round(side * image.height / image.width)), Image.Resampling.LANCZOS)
        )
    gap = 24
    width = sum(image.width for image in images) + gap * (len(images) + 1)
    height = max(image.height for image in images) + 2 * gap
    ground = Image.new("RGB", (width, height), tuple(chance.randint(160, 250) for _ in range(3)))
    x = gap
    for image in images:
        ground.paste(image, (x, (height - image.height) // 2))
        x += image.width + gap
    return ground


def build(
    folder: Path, crops: Mapping[str, list[Crop]], chosen: Sequence[str], pictures: int, chance: random.Random
) -> tuple[Library, dict[str, list[Crop]]]:
    """A library of ``pictures`` at most in ``folder``: what it says and what is true. And the other crops."""
    shares = {tag: chance.sample(crops[tag], len(crops[tag])) for tag in chosen}
    inside = {tag: min(round(0.7 * len(mine)), 2 * pictures // len(chosen)) for tag, mine in shares.items()}
    queue = [crop for tag, mine in shares.items() for crop in mine[: inside[tag]]]
    chance.shuffle(queue)
    library = Library()
    while queue and len(library.names) < pictures:
        count = chance.randint(2, 3) if chance.random() < SEVERAL else 1
        shown = [queue.pop()]
        while queue and len(shown) < count and queue[-1].label not in {crop.label for crop in shown}:
            shown.append(queue.pop())
        truth = [crop.label for crop in shown]
        names = list(truth)
        if len(names) > 1 and chance.random() < STRANGER:
            names.pop()
        if chance.random() < WRONG:
            others = [tag for tag in chosen if tag not in truth]
            names[chance.randrange(len(names))] = chance.choice(others)
        form = chance.choice(FORMS[: 5 if len(names) > 1 else 6])
        place = folder / (names[0] if form == "folder" else f"set_{chance.randint(1, 5)}")
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{len(library.names):04}.png"
        canvas(shown, chance).save(path)
        say(path, form, chance.sample(names, len(names)))
        library.names[path], library.truth[path] = names, truth
    return library, {tag: mine[inside[tag] :] for tag, mine in shares.items()}


def say(path: Path, form: str, names: Sequence[str]) -> None:
    """Put the names beside the picture, in one of the ways in which programs do."""
    if form == "hydrus":
        lines = ["1girl", *(f"character:{name.replace('_', ' ')}" for name in names), "series:some game"]
        path.with_name(f"{path.name}.txt").write_text("\n".join(lines), "utf-8")
    elif form == "danbooru":
        post = {"id": 1, "tag_string_character": " ".join(names), "tag_string_general": "1girl smile"}
        path.with_name(f"{path.name}.json").write_text(json.dumps(post), "utf-8")
    elif form == "gallery-dl":
        post = {"category": "danbooru", "tags_character": list(names), "tags_general": ["1girl", "solo"]}
        path.with_suffix(".json").write_text(json.dumps(post), "utf-8")
    elif form == "xmp":
        tags = tuple(Tag(name, "character", 1.0, "person") for name in names)
        writer = XmpWriter(WriterOptions())
        target = path.with_name(f"{path.name}.xmp")
        writer.write(Job(path, target, TagResult(str(path)), tags))
    elif form == "caption":
        words = ["1girl", *(escape(name.replace("_", " ")) for name in names), "smile"]
        path.with_suffix(".txt").write_text(", ".join(words), "utf-8")


def by_hand(library: Library, seen: Mapping[str, SeenFaces], empty: Gallery) -> Gallery:
    """What somebody who knows the truth enrols: every head of the library by its right name."""
    faces: dict[str, list[Floats]] = defaultdict(list)
    for path, truth in library.truth.items():
        found = seen[str(path)]
        if len(found) == len(truth):
            order = sorted(range(len(found)), key=lambda row: found.faces[row].box.x0)
            for row, tag in zip(order, truth, strict=True):
                faces[tag].append(found.embeddings[row])
    return empty.adding(Enrolled(Label(tag), np.stack(rows)) for tag, rows in faces.items())


def judge(gallery: Gallery, model: Path, tests: Sequence[tuple[Path, str]], learned: Sequence[str]) -> str:
    """How the test pictures are tagged with a gallery."""
    tagger = Tagger(TaggerOptions(model, gallery=gallery))
    counts: Counter[str] = Counter()
    for path, truth in tests:
        for face in tagger.tag(path).faces[:1]:
            said = face.character.tag if face.character is not None else ""
            if truth in learned:
                best = face.candidates[0].tag if face.candidates else ""
                counts["faces"] += 1
                counts["first"] += best == truth
                counts["right"] += said == truth
                counts["wrong"] += said not in ("", truth)
            else:
                counts["strangers"] += 1
                counts["taken"] += said != ""
    return (
        f"of {counts['faces']} faces {counts['first']} are likeliest the right one, {counts['right']} named "
        f"rightly, {counts['wrong']} wrongly; {counts['taken']} of {counts['strangers']} strangers named"
    )


def report(library: Library, lesson: Lesson, seen: Mapping[str, SeenFaces]) -> None:
    """What was learned, beside what is true."""
    truth: dict[tuple[str, int], str] = {}
    for path, tags in library.truth.items():
        found = seen[str(path)]
        order = sorted(range(len(found)), key=lambda row: found.faces[row].box.x0)
        if len(tags) == len(found):
            truth |= {(str(path), row): tag for row, tag in zip(order, tags, strict=True)}
    learned = [
        (one.tag, truth.get((face.picture, seen[face.picture].faces.index(face.face))))
        for one in lesson.characters
        for face in one.faces
    ]
    known = [(tag, who) for tag, who in learned if who is not None]
    with_faces = {(str(path), tag) for path, tag in library.wrong() if len(seen[str(path)])}
    doubted = {(doubt.picture, doubt.tag) for doubt in lesson.doubts}
    names = sum(len(said) for path, said in library.names.items() if len(seen[str(path)]))
    print(
        f"{len(lesson.characters)} characters learned with {lesson.faces} faces; of {len(known)} whose truth "
        f"is known {sum(tag == who for tag, who in known)} are right"
    )
    print(
        f"{len(with_faces & doubted)} of {len(with_faces)} wrong names found; "
        f"{len(doubted - with_faces)} of {names - len(with_faces)} right ones doubted"
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment learning", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--characters", type=int, default=60)
    parser.add_argument("--pictures", type=int, default=600, help="As many at most: crops may run out.")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    chance = random.Random(asked.seed)
    crops = read_crops(asked.data)
    chosen, strangers = choose(crops, asked.characters, chance)
    model = without({*chosen, *strangers}, asked.work / "model")
    library, rest = build(asked.work / "library", crops, chosen, asked.pictures, chance)
    several = sum(len(truth) > 1 for truth in library.truth.values())
    print(f"{len(library.names)} pictures, {several} with several heads, {len(library.wrong())} wrong names")
    tests: list[tuple[Path, str]] = []
    (asked.work / "tests").mkdir(exist_ok=True)
    for crop in [crop for tag in (*chosen, *strangers) for crop in rest.get(tag, crops[tag])]:
        tests.append((asked.work / "tests" / f"{len(tests):04}.png", crop.label))
        canvas([crop], chance).save(tests[-1][0])
    names = asked.work / "names.txt"
    names.write_text("\n".join(chosen), "utf-8")
    settings = Settings.of(model=str(model), gallery=str(asked.work / "gallery.json"), journal=False)
    request = LearnRequest((asked.work / "library",), names=names)
    learned = learn_library(request, settings, begin=lambda total, what: nullcontext(lambda: None))
    tagger = enrolling_tagger(settings)
    reader = FaceReader(tagger, default_path())
    seen = {str(path): reader.look(Viewed.file(path, tagger.options.limits)) for path in library.names}
    report(library, learned.lesson, seen)
    galleries = {"learned": learned.change(None), "by hand": by_hand(library, seen, empty_gallery(tagger))}
    for what, some in (("all", chosen), ("those that training left out", untrained(chosen))):
        wanted = [(path, tag) for path, tag in tests if tag in some or tag in strangers]
        for how, gallery in galleries.items():
            print(f"{what}, {how}: {judge(gallery, model, wanted, chosen)}")
