"""Talos' own registryd, as a child process over directories on disk."""

import fcntl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.peers.processes import bare_environment, serving
from tools.peers import Peers

__all__ = ["serve_cache"]

_PORT = 3172  # compiled in: pkg/machinery/constants, RegistrydListenAddress
_FOLDERS = ("registry-cache-2", "registry-cache")  # below $HOME, in the order that they are asked


@contextmanager
def serve_cache(
    peers: Peers, talos: str, roots: Sequence[Path], home: Path
) -> Iterator[httpx.Client]:
    """Run a release's registryd over at most two caches, the preferred one first.

    It always listens at one port, so only one of a machine's test runs has one at a time.
    """
    home.mkdir(parents=True, exist_ok=True)
    for name, root in zip(_FOLDERS, roots, strict=False):
        (home / name).symlink_to(root)
    program = str(peers.path(f"registryd-{talos}"))
    environment = bare_environment(HOME=str(home))
    with (
        (Path(tempfile.gettempdir()) / "sidero-airgap-registryd.lock").open("w") as lock,
        httpx.Client(base_url=f"http://127.0.0.1:{_PORT}", trust_env=False, timeout=60) as client,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        with serving(lambda _: [program], home / "log", environment, _PORT):
            yield client
