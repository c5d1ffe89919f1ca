"""`serve`: a store as a read-only registry and asset mirror."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

import click

from airgap.cli.output import say
from airgap.cli.project import find_store, store_option
from airgap.serve import Server
from airgap.store import Store

__all__ = ["serve"]


@click.command()
@store_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to bind.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True), help="PEM, with chain.")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True), help="PEM.")
@click.option("--asset-path", default="", help="Where boot assets lie, for example /talos.")
def serve(
    *,
    place: Path | None,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    asset_path: str,
) -> None:
    """Serve a store read-only: an OCI registry (pull) and a boot asset mirror.

    Images are found as <upstream host>/<repository>, as the machines' mirrors ask for them; assets
    in the plain layout (/v1.11.5/vmlinuz-amd64, checksums.txt) and at content-addressed paths.
    What `fetch` adds is seen without a restart.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    content = Store.open(find_store(place))
    with Server(content, host, port, tls=tls, asset_prefix=asset_path) as server:
        _stop_on_signal(server)
        say(f"serving {content.root} at {server.url} (Ctrl-C stops)")
        server.wait()


def _stop_on_signal(server: Server) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
