"""`store …`: look into the content store, add to it, tidy it, push from it."""

from __future__ import annotations

import click

from airgap.cli.store.add import add
from airgap.cli.store.contents import list_items, verify
from airgap.cli.store.gc import gc
from airgap.cli.store.push import push

__all__ = ["store"]


@click.group()
def store() -> None:
    """Look into the content store, add to it, tidy it, push from it.

    The store is an OCI image layout (oci-layout, index.json, blobs/sha256): any OCI tool can read
    it. It is AIRGAP_STORE, or store/ in the project. What enters it is verified; what is stopped
    (Ctrl-C, kill, power) goes on where it was when the same command runs again.

    \b
    Exit codes: 0 all is well, 1 something is wrong (it is said what), 2 wrong usage, 130 Ctrl-C.
    """


for command in (add, list_items, verify, gc, push):
    store.add_command(command)
