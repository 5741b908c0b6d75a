"""Settings as command line options: the flags are made from :mod:`booru_tagger.config`, not written again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from booru_tagger.cli.help import GENERAL, SectionedOption, section_of, verbosity
from booru_tagger.cli.printing import printable
from booru_tagger.config import Loaded, RecordingSettings, Setting, load, settings
from booru_tagger.config.setting_types import FileOrSwitch, Flag, SettingType, Shares, Texts, TextTable
from booru_tagger.errors import quoted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

_config_option = click.option(
    "--config",
    cls=SectionedOption,
    section=GENERAL,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Read settings from this file and no other; see `booru-tagger config`.",
)


def with_settings(*names: str) -> Callable[[F], F]:
    """Give a command ``--config`` and the flags of these settings; it is called with ``loaded``."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(*args: Any, config: Path | None, **values: Any) -> Any:
            flags = {name: values.pop(name) for name in names}
            for name in [name for name in names if values.pop(f"no_{name}", False)]:
                if flags[name] is not None:
                    raise click.UsageError(
                        f"{settings()[name].flag} and {settings()[name].off_flag}: choose one."
                    )
                flags[name] = False
            given = {name: _joined(value) for name, value in flags.items() if value not in (None, ())}
            return function(*args, loaded=load(given, config=config), **values)

        decorated = cast(F, command)
        for name in reversed(names):
            decorated = _option(settings()[name])(decorated)
        return _config_option(verbosity(decorated))

    return decorate


def load_only(function: F) -> F:
    """Give a command ``--config`` alone; it is called with ``loaded``."""
    return with_settings()(function)


def refuse_folders(paths: Sequence[str], batch: bool, verb: str) -> None:
    """Raise UsageError for a folder among the paths, unless it was said that folders are meant."""
    folder = next((path for path in paths if Path(path).is_dir()), None)
    if folder is not None and not batch:
        command = click.get_current_context().command_path
        raise click.UsageError(
            f"{printable(folder)} is a folder. To {verb} the pictures in it: "
            f"{command} --batch {quoted(folder)}"
        )


def refuse_null_alone(paths: Sequence[str], null: bool) -> None:
    """Raise UsageError for ``--null`` where no list is read from standard input."""
    if null and "-" not in paths:
        raise click.UsageError(
            "--null says how the list on standard input is separated; name - for that list."
        )


def refuse_without_journal(recording: RecordingSettings) -> None:
    """Raise UsageError where a command is to do without the journal, and is nothing without it."""
    if recording.journal is False:
        raise click.UsageError("Only the journal knows what was written; leave out --no-journal.")


def _joined(value: Any) -> Any:
    """What a repeated flag says in all: lists follow each other, tables are merged."""
    if not isinstance(value, tuple):
        return value
    if isinstance(value[0], dict):
        return {key: item for table in value for key, item in table.items()}
    return [item for items in value for item in items]


class _Value(click.ParamType):  # type: ignore[type-arg]
    """Checks a flag's text as the setting's kind does, and leaves it in TOML's terms."""

    def __init__(self, kind: SettingType) -> None:
        self.kind = kind
        self.name = kind.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            raw = self.kind.from_text(value) if isinstance(value, str) else value
            self.kind.read(raw, Path())
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return raw

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from booru_tagger.cli.completion import setting_items  # which only a shell needs

        return setting_items(self.kind, incomplete)


def _option(setting: Setting) -> Callable[[F], F]:
    kind, text = setting.kind, f"{setting.help}{_default(setting)}"
    if isinstance(kind, Flag):
        return click.option(
            f"{setting.flag}/{setting.off_flag}",
            setting.name,
            cls=SectionedOption,
            section=section_of(setting),
            default=None,
            help=text,
        )
    repeated = isinstance(kind, Texts | Shares | TextTable)
    option: Callable[[F], F] = click.option(
        setting.flag,
        setting.name,
        cls=SectionedOption,
        section=section_of(setting),
        type=_Value(kind),
        metavar=kind.metavar,
        multiple=repeated,
        help=f"{text} May be repeated." if repeated else text,
    )
    if not isinstance(kind, FileOrSwitch):
        return option
    off = click.option(
        setting.off_flag,
        f"no_{setting.name}",
        cls=SectionedOption,
        section=section_of(setting),
        is_flag=True,
        help=f"Do without {setting.flag}.",
    )
    return lambda function: option(off(function))


def _default(setting: Setting) -> str:
    default = setting.default
    if isinstance(setting.kind, Flag):
        text = setting.flag[2:] if default else setting.off_flag[2:]
    elif setting.automatic and default is None:
        text = "auto"
    elif isinstance(default, str | int) and not isinstance(default, bool):
        text = str(default)
    elif isinstance(default, tuple):
        text = ", ".join(default)
    else:
        text = ""
    return f"  [default: {text}]" if text else ""


__all__ = [
    "Loaded",
    "load_only",
    "refuse_folders",
    "refuse_null_alone",
    "refuse_without_journal",
    "with_settings",
]
