"""`factory key`: the key that a deployed factory signs what it makes with."""

from __future__ import annotations

from pathlib import Path

import click

from airgap.cli.output import say
from airgap.cli.writing import write_new
from airgap.signature.private import PrivateKey

__all__ = ["key"]


@click.command()
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there (mode 0600) and nothing to stdout; a file that is there stays.",
)
def key(*, file: Path | None) -> None:
    """Make the key that the site's Image Factory signs with (ECDSA on P-256, PEM, no password).

    Make it once and keep it: with another key all that the factory made is made again.

    \b
    Delivery cluster:  … | pulumi config set --secret sidero-airgap:factorySigningKey
    Delivery files:    … --out FILE, then python -m airgap secret SITE --factory FILE
    """
    made = PrivateKey.make()
    if file is None:
        click.echo(made.private_pem().decode(), nl=False)
    else:
        write_new(file, made.private_pem(), 0o600)
        say(f"{file}: the private key, without a password; keep it outside git, and a copy of it")
    say(made.signer)
