"""Completion in shells: what click knows for bash, zsh and fish, the same for PowerShell, and our own values.

A shell asks by running the program with ``_BOORU_TAGGER_COMPLETE`` set; docs/completion.md has the lines that
set that up.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

if TYPE_CHECKING:
    from booru_tagger.config.setting_types import SettingType

_SCRIPT = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value }
        else { $_.Extent.Text }
    })
    $env:%(complete_var)s = 'powershell_complete'
    $env:COMP_WORDS = $words -join "`n"
    $env:COMP_CWORD = $wordToComplete
    try {
        %(prog_name)s | ForEach-Object {
            $kind, $value, $help = $_ -split "`t", 3
            if ($kind -eq 'plain') {
                $tip = if ($help) { $help } else { $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $tip)
            } else {
                [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
            }
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_CWORD -ErrorAction SilentlyContinue
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Speaks with the script above: words come a line each, completions go as ``kind, value, help`` with tabs
    between."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _SCRIPT

    def get_completion_args(self) -> tuple[list[str], str]:
        words = os.environ.get("COMP_WORDS", "").split("\n")
        incomplete = os.environ.get("COMP_CWORD", "").strip("'\"")
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return [word for word in words if word], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        words = (item.type, item.value, item.help or "")
        return "\t".join(" ".join(str(word).split()) for word in words)


add_completion_class(PowerShellComplete)


def setting_items(kind: SettingType, incomplete: str) -> list[CompletionItem[str]]:
    """What may stand behind the flag of a setting: its words, or a file."""
    from booru_tagger.config.setting_types import Choice, File, FileOrSwitch, Shares, Words

    if isinstance(kind, File | FileOrSwitch):
        return path_items(incomplete)
    if isinstance(kind, Choice | Words):
        words = list(kind.choices)
    else:
        words = [f"{key}=" for key in kind.keys] if isinstance(kind, Shares) else []
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def path_items(incomplete: str) -> list[CompletionItem[str]]:
    """A file or a folder, which the shell looks for itself."""
    return [CompletionItem(incomplete, type="file")]


def known_items(incomplete: str) -> list[CompletionItem[str]]:
    """A character that a face can be named as, by the default settings."""
    from booru_tagger.app.known_characters import known_characters
    from booru_tagger.config import TaggingSettings
    from booru_tagger.errors import BooruTaggerError

    try:
        known = known_characters(TaggingSettings())
    except BooruTaggerError:  # nobody is to be told in the middle of a line
        return []
    found = (each for each in known if each.tag.startswith(incomplete))
    return [CompletionItem(each.tag, help=each.series) for each in found]
