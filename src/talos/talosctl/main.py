"""Entry point: what an error looks like, and the exit code.

Nothing is imported here that `talosctl version` does not need: scripts call it often, and it must not wait for the tree
of commands, YAML, protobuf and cryptography.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
"""exit code of a command that was to wait for something and was not let (128 + SIGINT, as shells count)"""
_FOLLOWING = frozenset({"audit", "events", "logs", "dmesg", "get", "dashboard", "pcap"})
"""commands that end only by being interrupted"""
_COMPLETE = "_TALOSCTL_COMPLETE"
"""set by the shell that asks for completions"""
TRACEBACK = "TALOSCTL_TRACEBACK"
"""set in the environment: where an unexpected error comes from is shown as well"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and exit: 0, or 1 with what failed and what to do next on standard error."""
    try:
        code = run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        code = _enough()
    sys.exit(code)


def _enough() -> int:
    """The reader (head, less) has seen enough. The interpreter would flush again at its end and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    if arguments[:1] == ["version"] and "--client" in arguments and {"--client", "--short"}.issuperset(arguments[1:]):
        from talos.talosctl.client_version import show

        show("--short" in arguments)
        return 0
    if "version" in arguments and not os.environ.get(_COMPLETE):
        from talos.talosctl import quick_version

        if (code := quick_version.run(arguments)) is not None:
            return code
    return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    import click

    from talos.talosctl.commands import talosctl
    from talos.talosctl.session import Failed

    if os.environ.get(_COMPLETE):
        from talos.talosctl.shells import answer

        return answer(talosctl, os.environ[_COMPLETE])
    try:
        # Not talosctl.main: it answers a broken pipe and Ctrl-C in its own way.
        with talosctl.make_context("talosctl", list(arguments) or ["--help"]) as context:
            result = talosctl.invoke(context)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _say(error.format_message())
        if error.ctx is not None:
            _say(f"\n{error.ctx.get_usage()}\n{error.ctx.command_path} --help explains it.")
        return 1
    except Failed:
        return 1
    except click.ClickException as error:
        _say(error.format_message())
        return 1
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return 0 if _FOLLOWING.intersection(arguments) else INTERRUPTED
    except BrokenPipeError:
        return _enough()
    except SystemExit:
        raise
    except BaseException as error:
        return _unexpected(error)


def _unexpected(error: BaseException) -> int:
    """One line for what nobody foresaw, and how to see more of it."""
    if os.environ.get(TRACEBACK):
        import traceback

        traceback.print_exception(error)
        return 1
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    foreseen = type(error).__module__.startswith("talos.") or isinstance(error, OSError)
    text = " ".join(str(error).split()) if not foreseen else str(error)
    if foreseen:
        node = getattr(error, "node", "")
        _say(f"error from node {node}: {text}" if node else text)
    elif type(error).__name__ == "CancelledError":
        _say("the command was ended before it was finished")
    else:
        _say(f"talosctl failed unexpectedly: {type(error).__name__}: {text} ({TRACEBACK}=1 shows where)")
    return 1


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr)
    except BrokenPipeError:
        return


if __name__ == "__main__":
    main()
