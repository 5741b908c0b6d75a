"""A group of commands that are imported when they are used, not when they are listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from booru_tagger.cli.plugins import EntryPoint, entry_points
from booru_tagger.errors import BooruTaggerError, MissingExtraError, nearest
from booru_tagger.importing import import_part

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_MORE = "More"
_PLUGIN_HELP = {
    "dataset": "Import, look over and split training data.",
    "train": "Train a detector or a recogniser.",
    "export": "Turn a trained network into a model bundle.",
    "evaluate": "Measure a model bundle on labelled data.",
    "compare": "Train several methods and compare them.",
}
"""Help for commands of our own that come in as plug-ins, whose modules need not be imported to list them."""


class LazyGroup(click.Group):
    """A click group whose ``commands`` are names with where to import them from and a line of help.

    ``sections`` are headings with the names of commands under each; all others come under one more.

    Further commands come from entry points of ``plugin_group``. A command that is broken, or lacks packages,
    shows only when it is used.
    """

    def __init__(
        self,
        *args: Any,
        commands: Mapping[str, tuple[str, str]],
        sections: Mapping[str, Sequence[str]],
        plugin_group: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(commands)
        self._sections = sections
        self._plugin_group = plugin_group

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return entry_points(self._plugin_group)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *(name for name in self._plugins if name not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._lazy:
            module, _, attribute = self._lazy[cmd_name][0].partition(":")
            command = getattr(import_part(module), attribute)
        elif cmd_name in self._plugins:
            command = _loaded(self._plugins[cmd_name])
        else:
            return None
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        known = self.list_commands(ctx) if name not in self._lazy and not name.startswith("-") else [name]
        if name not in known and not name.startswith("-"):
            near = nearest(name, known)
            hint = f" Did you mean {near!r}?" if near else f" There are: {', '.join(known)}."
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        width = max(map(len, names))
        for heading, listed in self._sections.items():
            self._format_section(formatter, heading, [name for name in listed if name in names], width)
        placed = {name for listed in self._sections.values() for name in listed}
        self._format_section(formatter, _MORE, [name for name in names if name not in placed], width)

    def _format_section(
        self, formatter: click.HelpFormatter, heading: str, names: Sequence[str], width: int
    ) -> None:
        if names:
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), self._help_for(name)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Without importing the commands, of which one may be broken."""
        from click.shell_completion import CompletionItem  # which only a shell needs

        found = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self._help_for(name)) for name in found]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def _help_for(self, name: str) -> str:
        if name in self._lazy:
            return self._lazy[name][1]
        return _PLUGIN_HELP.get(name) or f"From the package {self._plugins[name].package}."

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosedError from error  # click would end the program with its own exit code


class PipeClosedError(Exception):
    """Standard output was closed by its reader."""


def _loaded(entry: EntryPoint) -> click.Command:
    try:
        command = entry.load()
    except BooruTaggerError:
        raise
    except Exception as error:  # another package's code: anything may go wrong in it
        raise MissingExtraError(
            f"the command {entry.name!r} of the package {entry.package} does not load "
            f"({type(error).__name__}: {error}); install what it needs, or repair or uninstall it"
        ) from error
    if not isinstance(command, click.Command):
        raise MissingExtraError(
            f"the command {entry.name!r} of the package {entry.package} is not a click command: {entry.value}"
        )
    return command
