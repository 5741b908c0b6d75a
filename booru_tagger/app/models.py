"""What there is to know of models, without printing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from booru_tagger.errors import counted
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.formats.foreign_tagger import ForeignTagger
from booru_tagger.models.store.catalogue import CATALOGUE
from booru_tagger.models.store.local import DEFAULT, Stored, describe, locate, open_model, stored, verify

_SERIES = 12
"""Series that are named one by one."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the catalogue, or in the cache folder. ``state`` is ``here``, ``damaged`` or ``-``."""

    name: str
    state: str
    kind: str
    licence: str
    source: str
    about: str = ""

    def to_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "state": self.state,
            "kind": self.kind,
            "licence": self.licence,
            "source": self.source,
            "about": self.about,
        }


def known_models() -> Iterator[KnownModel]:
    """The catalogue, and what is in the cache folder."""
    yield _known(describe(DEFAULT, locate(DEFAULT)), "heads, characters, hair and eye colors; comes along")
    there = {model.name: model for model in stored()}
    for entry in CATALOGUE.values():
        found = there.pop(entry.name, None)
        if found is None:
            yield KnownModel(entry.name, "-", "", entry.licence, str(entry.hub), entry.about)
        else:
            yield _known(found, entry.about)
    for model in there.values():
        yield _known(model, "")


def _known(model: Stored, about: str) -> KnownModel:
    state = "damaged" if model.problem else "here"
    return KnownModel(model.name, state, model.kind, model.licence, model.source, model.problem or about)


def facts_of(name: str) -> dict[str, str]:
    """What there is to know of a model that is here, or of one of the catalogue that is not; to be read by
    people. Raises :class:`ModelError`."""
    entry = CATALOGUE.get(name)
    if entry is not None and not entry.hub.path.is_dir():
        return {
            "model": entry.name,
            "here": f"no; get it with: booru-tagger models pull {entry.name}",
            "source": str(entry.hub),
            "licence": entry.licence or "see the hub",
            "gives": entry.about,
        }
    opened = open_model(name)
    known = describe(name, opened.folder)
    facts = {
        "model": name,
        "folder": str(opened.folder),
        "source": known.source,
        "licence": known.licence or "not recorded",
        "size": f"{known.bytes / 1e6:.1f} MB",
    }
    return facts | (_bundle_facts(opened) if isinstance(opened, Bundle) else _tagger_facts(opened))


def _bundle_facts(bundle: Bundle) -> dict[str, str]:
    detector, recogniser = bundle.detector, bundle.recogniser
    parts = [name for name in ("detector", "recogniser") if getattr(bundle, name) is not None]
    facts = {"kind": f"bundle: {' and '.join(parts)}", "name": f"{bundle.name} {bundle.version}".strip()}
    thresholds, picture = [], []
    if detector is not None:
        thresholds.append(f"face {detector.threshold:g}")
        picture.append(f"heads looked for at {' and '.join(map(str, detector.sides))} pixels")
    if recogniser is not None:
        facts["labels"] = f"{len(bundle.labels):,} characters (booru-tagger characters list --known)"
        facts["series"] = _largest(Counter(label.series for label in bundle.labels if label.series))
        facts["colors"] = f"{len(recogniser.hair)} of hair, {len(recogniser.eyes)} of eyes"
        thresholds.append(f"character {recogniser.character_threshold:g} (review from {recogniser.review:g})")
        thresholds += [f"hair {recogniser.hair_threshold:g}", f"eyes {recogniser.eyes_threshold:g}"]
        picture.append(f"faces at {recogniser.size}")
    return facts | {"thresholds": ", ".join(thresholds), "picture": ", ".join(picture)}


def _largest(series: Counter[str]) -> str:
    """The series with most characters, each with their number, and how many series more there are."""
    said = [f"{name} {number:,}" for name, number in series.most_common(_SERIES)]
    more = len(series) - len(said)
    return ", ".join(said) + (f", and {more:,} more" if more > 0 else "")


def _tagger_facts(tagger: ForeignTagger) -> dict[str, str]:
    how, layout = tagger.format.preparation, tagger.format
    counts = Counter(label.category for label in tagger.columns.labels if label.tag is not None)
    unused = len(tagger.columns.labels) - sum(counts.values())
    labels = [f"{number:,} {category}" for category, number in counts.most_common()]
    labels += [f"{unused:,} not used"] if unused else []
    thresholds = [f"{category} {value:g}" for category, value in layout.thresholds.items()]
    own = tagger.columns.own_thresholds
    thresholds += [f"{own:,} tags have their own, unless --tag-threshold sets that of their category"] * bool(
        own
    )
    return {
        "kind": f"{layout.title} (layout {layout.name})",
        "files": ", ".join(tagger.found.files),
        "labels": ", ".join(labels),
        "thresholds": ", ".join(thresholds),
        "picture": f"{how.fit}, {how.filter}, {how.channels}, {how.layout}, mean {how.mean}, std {how.std}",
    }


def verified(name: str) -> str:
    """Check a model from the first file to the last; what was checked. Raises :class:`ModelError`."""
    opened = verify(name)
    if isinstance(opened, Bundle):
        number, what = len(opened.files), "as the manifest has it"
    elif opened.record is not None:
        number, what = len(opened.record.files), "as the hub or the archive had it"
    else:
        return "its network loads, but no hashes are known of these files"
    return f"{counted(number, 'file')}, {what}"
