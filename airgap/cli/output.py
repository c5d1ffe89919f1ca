"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from airgap.errors import AirgapError

__all__ = ["json_option", "print_error", "print_json", "say"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def say(text: str) -> None:
    """Print a note or a line of progress on stderr; results go to stdout by `click.echo`."""
    click.echo(text, err=True)


def print_error(error: AirgapError) -> None:
    """Print an error and what to do next."""
    click.secho("error: ", fg="red", bold=True, err=True, nl=False)
    say(error.diagnostics())


def print_json(document: Mapping[str, object]) -> None:
    """Print a result for scripts; its keys are camelCase, as those of the lock."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
