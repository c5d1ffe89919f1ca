"""`make lab` and `make lab-down`."""

from __future__ import annotations

import sys

import click
import httpx
from rich.console import Console

from airgap.errors import AirgapError
from lab.demonstration import demonstrate
from lab.inspection import InspectionError
from lab.node import PullError
from lab.workspace import CHECKOUT, StepFailedError, remove

ROOT = CHECKOUT / ".lab"
LAST_LINES = 40


@click.group(invoke_without_command=True)
@click.pass_context
def lab(context: click.Context) -> None:
    """Do the main job on a practice upstream: everything on loopback, in .lab/."""
    if context.invoked_subcommand is not None:
        return
    console = Console(highlight=False)
    try:
        demonstrate(ROOT, console)
    except StepFailedError as error:
        console.print(f"[bold red]error:[/] {error}; the end of {error.log}:", soft_wrap=True)
        lines = error.log.read_text(encoding="utf-8", errors="replace").splitlines()
        console.print("\n".join(lines[-LAST_LINES:]), markup=False, soft_wrap=True)
        sys.exit(1)
    except (AirgapError, InspectionError, PullError, httpx.HTTPError, OSError) as error:
        console.print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)


@lab.command()
def down() -> None:
    """Remove .lab/; nothing of the lab runs once its command has ended."""
    remove(ROOT)


if __name__ == "__main__":
    lab()
