"""The command line, `python -m airgap …`: thin. Each command reads documents and calls one room."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import cast

import click

from airgap.cli.output import (
    give_up_stdout,
    is_of_echo,
    open_missing_streams,
    print_error,
    say,
)
from airgap.errors import AirgapError

__all__ = ["main"]

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


COMMANDS = (
    "init",
    "explain",
    "images",
    "extensions",
    "lock",
    "check",
    "report",
    "fetch",
    "sign",
    "mirror",
    "serve",
    "verify",
    "receipt",
    "prune",
    "schematic",
    "factory",
    "secret",
    "ipxe",
    "store",
    "image-cache",
)


class _Commands(click.Group):
    """Each command is a module of its name, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        return cast("click.Command", getattr(import_module(f"airgap.cli.{name}"), name))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Say what is asked of which peer.")
def commands(*, verbose: bool) -> None:
    """Bring bare-metal Talos/Sidero sites to life without internet.

    \b
    A new site:                        init, explain
    Outside, on a connected machine:   lock → check → fetch, then a pull request
    Inside, with the store carried in: pulumi preview → pulumi up, later verify and prune
    Without the engine:                mirror; and store … for what is carried
    Without a registry:                image-cache, on a medium or a disk

    A site is stacks/Pulumi.<site>.yaml; its lock stands beside it.
    """
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(name)s: %(message)s", stream=sys.stderr)


def main() -> None:
    """Run the command line; exit 1 on an error of ours, 2 on wrong usage, 130 on Ctrl-C."""
    open_missing_streams()
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
    except OSError as error:
        if not is_of_echo(error):
            raise
        give_up_stdout()
        print_error(AirgapError(f"standard output: {error.strerror}"))
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort) as stop:
        kept = "what was complete is kept, the same command goes on from here"
        say(f"stopped; {stop if str(stop) else kept}")
        sys.exit(INTERRUPTED)
