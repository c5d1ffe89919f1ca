"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

import click

from airgap.errors import AirgapError

__all__ = [
    "give_up_stdout",
    "hint_at_ca_file",
    "is_of_echo",
    "json_option",
    "open_missing_streams",
    "print_error",
    "print_json",
    "say",
]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def say(text: str) -> None:
    """Print a note or a line of progress on stderr; results go to stdout by `click.echo`."""
    click.echo(text, err=True)


def print_error(error: AirgapError) -> None:
    """Print an error and what to do next."""
    click.secho("error: ", fg="red", bold=True, err=True, nl=False)
    say(error.diagnostics())


def open_missing_streams() -> None:
    """Give each standard stream that the caller has closed the null device: Python has None.

    In the order of their numbers, so that each gets its own back and no other file does.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It is there until the process ends, as what it stands for.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def is_of_echo(error: OSError) -> bool:
    """Tell whether an error is of printing, not of a file that a command reads or writes.

    A second write would not tell: unbuffered, nothing is left to write, and a disk has room again.
    """
    *_, (frame, _) = walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == click.utils.__name__


def give_up_stdout() -> None:
    """Let standard output be silent from here on.

    What it did not take is still in its buffer: at exit Python would try once more, and print why
    that failed. So it goes to the null device (Python's library reference has it so for SIGPIPE).
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def hint_at_ca_file() -> Iterator[None]:
    """Name `--ca-file` in the hint of an error, where a site's author would write `caFile`."""
    try:
        yield
    except AirgapError as error:
        error.hint = error.hint.replace(" as caFile", " with --ca-file")
        raise


def print_json(document: Mapping[str, object]) -> None:
    """Print a result for scripts; its keys are camelCase, as those of the lock."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
