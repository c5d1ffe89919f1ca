"""The command line, `python -m airgap …`: thin. Each command reads documents and calls one room."""

from __future__ import annotations

import logging
import sys

import click

from airgap.cli.check import check
from airgap.cli.fetch import fetch
from airgap.cli.lock import lock
from airgap.cli.mirror import mirror
from airgap.cli.output import console, print_error
from airgap.cli.prune import prune
from airgap.cli.secret import secret
from airgap.cli.serve import serve
from airgap.cli.store import store
from airgap.cli.verify import verify
from airgap.errors import AirgapError

__all__ = ["main"]

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Say what is asked of which peer.")
def commands(*, verbose: bool) -> None:
    """Bring bare-metal Talos/Sidero sites to life without internet.

    \b
    Outside, on a connected machine:   lock → check → fetch, then a pull request
    Inside, with the store carried in: pulumi preview → pulumi up, later verify and prune
    Without the engine:                mirror; and store … for what is carried

    A site is stacks/Pulumi.<site>.yaml; its lock stands beside it.
    """
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(name)s: %(message)s", stream=sys.stderr)


for command in (lock, check, fetch, mirror, serve, verify, prune, secret, store):
    commands.add_command(command)


def main() -> None:
    """Run the command line; exit 1 on an error of ours, 2 on wrong usage, 130 on Ctrl-C."""
    try:
        commands(prog_name="python -m airgap", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except AirgapError as error:
        print_error(error)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        console.print("stopped; what was complete is kept, the same command goes on from here")
        sys.exit(INTERRUPTED)
