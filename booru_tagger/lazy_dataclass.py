"""The standard library's ``dataclass``, without compiling methods that nobody may call.

Until Python 3.13, that compiles up to six methods of each class, one by one: half a millisecond for a class,
and an eighth of all the time from the start of the program to the tags of one picture. Here, all methods but
``__init__`` are closures over the names of the fields, and ``__init__`` is compiled for the first object.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]


def _dataclass(
    *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> Callable[[type[Any]], type[Any]]:
    """As the standard library's, with no more of its options than these; ``__init__`` takes all fields."""

    def made(plain: type[Any]) -> type[Any]:
        plain.__doc__ = plain.__doc__ or plain.__name__  # else it is made up, from a signature
        cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(plain)
        for name, method in _methods(cls, frozen, slots, eq).items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
        return cls

    return made


def _methods(cls: type[Any], frozen: bool, slots: bool, eq: bool) -> dict[str, Any]:
    fields = dataclasses.fields(cls)
    methods: dict[str, Any] = {"__init__": _lazy_init(cls, fields, frozen), "__repr__": _repr(fields)}
    if eq:
        compared = _values([field.name for field in fields if field.compare])
        methods["__eq__"] = _eq(compared)
        methods["__hash__"] = (lambda self: hash(compared(self))) if frozen else None
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        if slots:  # what pickle and copy do by default is to set them one by one
            methods |= _state([field.name for field in fields])
    return methods


def _lazy_init(cls: type[Any], fields: tuple[Field[Any], ...], frozen: bool) -> Callable[..., None]:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it is one
        init = _compiled_init(fields, frozen, hasattr(cls, "__post_init__"))
        init.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = init
        init(self, *args, **kwargs)

    return __init__


def _compiled_init(fields: tuple[Field[Any], ...], frozen: bool, post: bool) -> Callable[..., None]:
    names: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    positional, named = ["self"], list[str]()
    lines = []
    for field in fields:
        parameter = value = field.name
        if field.default is not MISSING:
            names[f"_default_{field.name}"] = field.default
            parameter += f"=_default_{field.name}"
        elif field.default_factory is not MISSING:
            names[f"_factory_{field.name}"] = field.default_factory
            parameter += "=_MISSING"
            value = f"_factory_{field.name}() if {field.name} is _MISSING else {field.name}"
        (named if field.kw_only else positional).append(parameter)
        lines.append(f"_set(self, {field.name!r}, {value})" if frozen else f"self.{field.name} = {value}")
    if post:
        lines.append("self.__post_init__()")
    parameters = ", ".join([*positional, *(["*", *named] if named else [])])
    exec(f"def __init__({parameters}):\n " + "\n ".join(lines or ["pass"]), names)
    init: Callable[..., None] = names["__init__"]
    return init


def _repr(fields: tuple[Field[Any], ...]) -> Callable[[Any], str]:
    names = [field.name for field in fields if field.repr]

    def __repr__(self: Any) -> str:  # noqa: N807
        shown = ", ".join([f"{name}={getattr(self, name)!r}" for name in names])
        return f"{self.__class__.__qualname__}({shown})"

    return __repr__


def _eq(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, Any], bool]:
    def __eq__(self: Any, other: Any) -> bool:  # noqa: N807
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _values(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the fields of these names, as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple([getattr(self, name) for name in names])


def _state(names: list[str]) -> dict[str, Callable[..., Any]]:
    values = _values(names)

    def __getstate__(self: Any) -> tuple[Any, ...]:  # noqa: N807
        return values(self)

    def __setstate__(self: Any, state: tuple[Any, ...]) -> None:  # noqa: N807
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return {"__getstate__": __getstate__, "__setstate__": __setstate__}


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass
