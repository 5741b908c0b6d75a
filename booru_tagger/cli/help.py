"""How help is laid out: options in sections, links to the documentation, how much is said.

An option of a command says where it stands with ``cls=SectionedOption, section=READ``; a setting's place
follows from its topic (``section_of``). A command of many options is made with ``cls=SectionedCommand``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from booru_tagger.errors import docs_url

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from booru_tagger.config import Setting

F = TypeVar("F", bound=Callable[..., Any])

READ, WRITE, SURE, FAST = "What to read", "What to write", "How sure", "How fast"
THERE, SERVER = "The booru", "The server"
WHO, FILES, LIKE = "Who and what", "Which files", "A face"
_OWN, GENERAL = "Options", "General"
_SECTIONS = (_OWN, WHO, FILES, LIKE, READ, WRITE, SURE, FAST, THERE, SERVER, GENERAL)
_LONGEST = 300
_FEW = 12
"""Options up to which a list needs no sections."""

_OF_TOPIC = {
    "tagging": SURE,
    "reading": READ,
    "policy": WRITE,
    "writing": WRITE,
    "recording": WRITE,
    "running": FAST,
    "printing": WRITE,
    "pushing": THERE,
    "serving": SERVER,
}
_OF_SETTING = {
    "crops": READ,
    "first_frame": READ,
    "max_frames": READ,
    "imply": WRITE,
    "strip_implied": WRITE,
    "implications": WRITE,
    "provider": FAST,
    "category_threshold": SURE,
    "review_band": SURE,
}
"""Settings that stand elsewhere than the others of their topic."""


def section_of(setting: Setting) -> str:
    return _OF_SETTING.get(setting.name) or _OF_TOPIC.get(setting.group, _OWN)


class SectionedOption(click.Option):
    """An option that stands under the heading ``section``."""

    def __init__(self, *args: Any, section: str = _OWN, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose options are listed by section, where there are many."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                section = param.section if isinstance(param, SectionedOption) else _OWN
                rows.setdefault(GENERAL if "--help" in param.opts else section, []).append(record)
        if sum(map(len, rows.values())) <= _FEW:
            rows = {_OWN: [row for section in _SECTIONS for row in rows.get(section, [])]}
        for section in _SECTIONS:
            if section in rows:
                with formatter.section(section):
                    formatter.write_dl(rows[section])


class FullGroup(click.Group):
    """A group that lists its commands with the whole first sentence of each."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self.commands[name].get_short_help_str(_LONGEST)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def more_at(*pages: str) -> str:
    """The end of a help page: where the documentation says more, an address a line."""
    return "\n".join(["\b", "Documentation:", *(f"  {docs_url(page)}" for page in pages)])


def complete_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """For ``shell_complete`` of an argument that takes files."""
    from booru_tagger.cli.completion import path_items  # which only a shell needs

    return path_items(incomplete)


def complete_known(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """For ``shell_complete`` of an argument that takes a character that can be named."""
    from booru_tagger.cli.completion import known_items

    return known_items(incomplete)


_VERBOSITY = "booru_tagger.verbosity"


def _set_verbosity(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value:
        ctx.meta[_VERBOSITY] = -1 if param.name == "quiet" else 1
        if param.name == "verbose":
            log_to_stderr("INFO")


def verbosity(function: F) -> F:
    """Give a command ``-q`` and ``-v``; the same before the command's name is meant for any command."""
    for flags, name, text in (
        (("-v", "--verbose"), "verbose", "Say also which model, gallery and journal are used."),
        (("-q", "--quiet"), "quiet", "Print errors only; JSON lines stay."),
    ):
        function = click.option(
            *flags,
            name,
            cls=SectionedOption,
            section=GENERAL,
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_set_verbosity,
            help=text,
        )(function)
    return function


def is_quiet() -> bool:
    """Whether only errors are to be printed."""
    ctx = click.get_current_context(silent=True)
    return ctx is not None and ctx.meta.get(_VERBOSITY, 0) < 0


def log_to_stderr(level: str) -> None:
    """Show what the library logs from this level on."""
    import logging  # a tenth of the time that --help takes

    log = logging.getLogger("booru_tagger")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        log.addHandler(handler)
    log.setLevel(level)
