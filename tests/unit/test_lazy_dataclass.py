"""A dataclass whose methods are made late behaves as the standard library's does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import re
from collections.abc import Callable
from dataclasses import KW_ONLY, FrozenInstanceError, field
from pathlib import Path
from typing import Any

import pytest

import booru_tagger
from booru_tagger.lazy_dataclass import dataclass

Decorator = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere."""

    x: int
    y: int = 2
    notes: list[str] = field(default_factory=list, compare=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NamedPlace(Place):
    _: KW_ONLY
    name: str = "here"

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("it needs a name")


def pair(decorator: Decorator, **options: Any) -> Any:
    class Pair:
        one: int
        other: Any = ()

    return decorator(**options)(Pair)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("slots", [True, False])
@pytest.mark.parametrize("eq", [True, False])
def test_it_does_what_the_standard_one_does(frozen: bool, slots: bool, eq: bool) -> None:
    ours, theirs = (
        pair(decorator, frozen=frozen, slots=slots, eq=eq) for decorator in (dataclass, dataclasses.dataclass)
    )
    for call in (
        lambda made: repr(made(1, other="a")),
        lambda made: made(1) == made(1),
        lambda made: made(1) == made(2),
        lambda made: made(1) == (1, ()),
        lambda made: hash(made(1)) == hash(made(1)),
        lambda made: made(1, []) in {1: 2},
        lambda made: setattr(made(1), "one", 2),
        lambda made: delattr(made(1), "one"),
        lambda made: dataclasses.astuple(made(1, 2)),
        lambda made: dataclasses.asdict(dataclasses.replace(made(1, 2), one=3)),
        lambda made: repr(copy.deepcopy(made(1, [2]))),
        lambda made: made(),
        lambda made: made(1, 2, 3),
        lambda made: made(1, none=3),
        lambda made: made.__match_args__,
    ):
        assert outcome(call, ours) == outcome(call, theirs)


def outcome(call: Callable[[Any], Any], made: Any) -> Any:
    try:
        return call(made)
    except Exception as error:
        if type(error) is AttributeError:  # whose words differ with the version of Python
            return AttributeError
        return type(error), str(error)


def test_fields_that_are_inherited_made_left_out_or_named() -> None:
    place = NamedPlace(1, name="there")
    assert repr(place) == "NamedPlace(x=1, y=2, notes=[], name='there')"
    assert place.notes is not NamedPlace(1).notes
    assert place == NamedPlace(1, 2, ["other"], name="there") != NamedPlace(1, name="here")
    assert NamedPlace(1, secret="a") != NamedPlace(1)
    assert place != Place(1)
    with pytest.raises(TypeError):
        NamedPlace(1, 2, [], "", "there")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="needs a name"):
        NamedPlace(1, name="")


def test_it_travels_to_other_processes_and_stays_frozen() -> None:
    place = NamedPlace(1, notes=["a"])
    twin = pickle.loads(pickle.dumps(place))
    assert twin == place and twin.notes == ["a"]
    with pytest.raises(FrozenInstanceError):
        twin.x = 2


def test_no_class_of_the_runtime_is_made_the_slow_way() -> None:
    slow = re.compile(r"from dataclasses import .*\bdataclass\b|dataclasses\.dataclass\b")
    files = Path(booru_tagger.__file__).parent.rglob("*.py")
    found = {path.name for path in files if slow.search(path.read_text("utf-8"))}
    assert found == {"lazy_dataclass.py"}
