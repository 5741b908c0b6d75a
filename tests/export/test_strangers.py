"""Who plays strangers when chances are fitted, and who when a bundle is judged: never the same people."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="chances are fitted with the extra [export]")

from booru_export.bundles import identity
from booru_export.data.splits import split_strangers
from booru_export.data.tables import FaceItem, add_faces
from booru_export.evaluation.judging import pictures_of

from booru_tagger.errors import DataError
from booru_tagger.models.bundle import Bundle


def people(count: int) -> list[FaceItem]:
    return [
        FaceItem(Path(f"{who}/{n}.png"), f"who{who}", "s", f"{who}") for who in range(count) for n in "ab"
    ]


def test_strangers_are_halved_by_person_whoever_else_is_there() -> None:
    parts = split_strangers(people(200))
    fit, judge = ({item.label for item in parts[part]} for part in ("validation", "test"))
    assert not parts["train"] and not fit & judge
    assert len(fit | judge) == 200 and 70 < len(fit) < 130
    assert {item.label for item in split_strangers(people(60))["test"]} == {
        label for label in judge if int(label[3:]) < 60
    }


def test_a_bundle_is_judged_on_no_stranger_that_its_chances_were_fitted_on(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Bundle.load(tiny_bundle).labels[0].tag
    own = [FaceItem(tmp_path / f"faces/{n}.png", known, "s", str(n)) for n in range(30)]
    (tmp_path / "faces").mkdir()
    add_faces(tmp_path / "faces" / "faces.csv", [*own, *people(40)])
    fitted: set[str] = set()

    def look(_: Path, items: list[FaceItem], step: object) -> None:
        fitted.update(item.label for item in items)
        raise DataError("seen enough")

    monkeypatch.setattr(identity, "look", look)
    with pytest.raises(DataError, match="seen enough"):
        identity.fit_identity(tiny_bundle, tmp_path)

    def asked(part: str) -> set[str]:
        faces, _ = pictures_of(tmp_path, Bundle.load(tiny_bundle), part)
        return {item.label for item in faces} - {known}

    assert asked("test") and not asked("test") & fitted
    assert asked("validation") == fitted - {known}
    assert len(asked("all")) == 40 and not asked("train")
