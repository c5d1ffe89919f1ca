"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click
from rich.console import Console

from airgap.errors import AirgapError

__all__ = ["console", "json_option", "print_error", "print_json"]

console = Console(stderr=True, highlight=False)
"""Progress, notes and errors; results go to stdout by `click.echo`."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def print_error(error: AirgapError) -> None:
    """Print an error and what to do next."""
    console.print("[bold red]error:[/] ", end="")
    console.print(error.diagnostics(), markup=False, soft_wrap=True)


def print_json(document: Mapping[str, object]) -> None:
    """Print a result for scripts; its keys are camelCase, as those of the lock."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
