"""Where settings come from: defaults, TOML files, the environment, flags; the last one that speaks wins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from booru_tagger.config.setting import Setting
from booru_tagger.config.settings import Settings, settings, unknown
from booru_tagger.errors import ConfigError, nearest
from booru_tagger.files.text import read_text
from booru_tagger.files.user_folders import user_folder

PREFIX = "BOORU_TAGGER_"
LOCAL_NAME = "booru-tagger.toml"
CONFIG_VARIABLE = "BOORU_TAGGER_CONFIG"
DEFAULT = "default"
_RESERVED = frozenset({CONFIG_VARIABLE, "BOORU_TAGGER_DATA"})


class Loaded(NamedTuple):
    """The settings in force and, for each, where it comes from (a file, a variable, a flag, "default")."""

    settings: Settings
    origins: Mapping[str, str]
    files: tuple[Path, ...]


def user_file() -> Path:
    """The user's own configuration file, whether it exists or not."""
    return user_folder("config") / "config.toml"


def load(
    flags: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Settle all settings. ``flags`` holds values in TOML's terms for the settings given as flags.

    ``config`` (or the variable BOORU_TAGGER_CONFIG) names the one file to read, which must exist; without it
    the user's file is read and then ``booru-tagger.toml`` of the current folder, where they exist. Tables
    (thresholds, renames) are merged key by key, everything else is replaced. Raises :class:`ConfigError`
    that names every wrong key of the first place where there is one.
    """
    environ = os.environ if environ is None else environ
    files = _files(config, environ)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(settings(), DEFAULT)
    layers = [(_read_file(path), path.parent) for path in files]
    layers += [(_from_environment(environ), Path()), (_from_flags(flags or {}), Path())]
    for layer, folder in layers:
        problems = []
        for name, (raw, origin) in layer.items():
            try:
                _merge(values, settings()[name], raw, folder)
            except ValueError as error:
                problems.append(f"{origin}: {name}: {error}")
            origins[name] = origin
        if problems:
            raise ConfigError("\n".join(problems))
    return Loaded(Settings.grouped(values), MappingProxyType(origins), tuple(files))


def _merge(values: dict[str, Any], setting: Setting, raw: object, folder: Path) -> None:
    value = setting.kind.read(raw, folder)
    before = values.get(setting.name)
    if isinstance(value, Mapping) and isinstance(before, Mapping):
        value = MappingProxyType({**before, **value})
    values[setting.name] = value


def _files(config: Path | None, environ: Mapping[str, str]) -> list[Path]:
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"{named}: there is no such configuration file")
        return [named]
    return [path for path in (user_file(), Path(LOCAL_NAME)) if path.is_file()]


Layer = dict[str, tuple[object, str]]


def _read_file(path: Path) -> Layer:
    import tomllib  # nothing to read it with where there is no such file

    try:
        table = tomllib.loads(read_text(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error
    problems = [f"{path}: {unknown(key)}" for key in table if key not in settings()]
    if problems:
        raise ConfigError("\n".join(problems))
    return {key: (value, str(path)) for key, value in table.items()}


def _from_environment(environ: Mapping[str, str]) -> Layer:
    by_variable = {setting.variable: setting for setting in settings().values()}
    layer: Layer = {}
    for variable, text in environ.items():
        setting = by_variable.get(variable)
        if setting is not None:
            try:
                layer[setting.name] = (setting.kind.from_text(text), variable)
            except ValueError as error:
                raise ConfigError(f"{variable}: {error}") from error
        elif variable.startswith(PREFIX) and variable not in _RESERVED:
            _refuse_misspelling(variable, list(by_variable))
    return layer


def _refuse_misspelling(variable: str, known: list[str]) -> None:
    """Other tools may own variables that begin alike, so only what resembles a setting is refused."""
    near = nearest(variable.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in known])
    if near:
        raise ConfigError(f"{variable}: there is no such setting; did you mean {PREFIX + near}?")


def _from_flags(flags: Mapping[str, Any]) -> Layer:
    return {name: (value, settings()[name].flag) for name, value in flags.items()}
