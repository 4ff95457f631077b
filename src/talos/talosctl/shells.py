"""Shells that complete: those that click knows, and PowerShell, with descriptions or without."""

from __future__ import annotations

import os
from typing import ClassVar

from click import Command
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

PROGRAM = "talosctl"
VARIABLE = "_TALOSCTL_COMPLETE"
PLAIN = "_TALOSCTL_COMPLETE_PLAIN"
"""set by a script that was made with --no-descriptions"""
# Words go by line, not quoted: PowerShell's quoting is not the one that click splits by. A variable set to nothing is
# gone in PowerShell. Files are its own matter: a completer that offers nothing leaves the word to it.
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = $commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -le $cursorPosition }
    $env:COMP_WORDS = ($before | ForEach-Object { $_.Extent.Text.Trim('"', "'") }) -join "`n"
    $env:COMP_CWORD = $wordToComplete.Trim('"', "'")
    $env:%(complete_var)s = 'powershell_complete'
    try {
        & %(prog_name)s | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq 'plain') {
                if (-not $help) { $help = $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
            }
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s -ErrorAction SilentlyContinue
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completion in PowerShell 5 and later (about_Functions, Register-ArgumentCompleter)."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        words = os.environ.get("COMP_WORDS", "").split("\n")[1:]
        incomplete = os.environ.get("COMP_CWORD", "")
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        return "\t".join((item.type, item.value, " ".join((item.help or "").split())))


add_completion_class(PowerShellComplete)
NAMES = ("bash", "fish", "powershell", "zsh")


def script(command: Command, shell: str, *, descriptions: bool) -> str:
    """What a shell sources."""
    text = _of(command, shell).source()
    if descriptions:
        return text
    if shell == "powershell":
        return text.replace(f"$env:{VARIABLE} =", f"$env:{PLAIN} = '1'\n    $env:{VARIABLE} =")
    return text.replace(f"{VARIABLE}=", f"{PLAIN}=1 {VARIABLE}=")


def answer(command: Command, instruction: str) -> int:
    """Answer a shell: SHELL_complete prints what fits the line in the environment. Exit code."""
    shell, _, verb = instruction.partition("_")
    if shell not in NAMES or verb not in ("complete", "source"):
        return 1
    complete = _of(command, shell)
    if verb == "source":
        print(complete.source())
        return 0
    args, incomplete = complete.get_completion_args()
    for item in complete.get_completions(args, incomplete):
        if os.environ.get(PLAIN):
            item.help = None
        print(complete.format_completion(item))
    return 0


def _of(command: Command, shell: str) -> ShellComplete:
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(command, {}, PROGRAM, VARIABLE)
