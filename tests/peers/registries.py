"""Real registries over TLS: distribution v3 and Debian's docker-registry 2.8.2."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.peers.certificates import Certificates
from tests.peers.processes import bare_environment, serving
from tools.peers import Peers

__all__ = ["RealRegistry", "RegistryProgram", "serve_registry"]

RegistryProgram = Literal["registry", "docker-registry"]
"""``registry`` is distribution v3; both are names of peers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealRegistry:
    """A registry that runs.

    Attributes:
        host: ``127.0.0.1:port``, as references begin.
        url: ``https://`` and the host.
        storage: Where it keeps its content; a registry started on it again has it again.
    """

    program: RegistryProgram
    host: str
    url: str
    storage: Path


@contextmanager
def serve_registry(
    peers: Peers,
    program: RegistryProgram,
    certificates: Certificates,
    folder: Path,
    port: int | None = None,
) -> Iterator[RealRegistry]:
    """Run a registry with its storage, configuration and log in `folder`.

    Deleting is allowed. Uploads of more than a day are not purged: no test lasts that long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "config.json"

    def command(port: int) -> list[str]:
        configuration.write_text(_configure(port, certificates, folder / "storage"))
        return [str(peers.path(program)), "serve", str(configuration)]

    environment = bare_environment(OTEL_TRACES_EXPORTER="none", HOME=str(folder))
    with serving(command, folder / "log", environment, port) as port:
        host = f"127.0.0.1:{port}"
        yield RealRegistry(
            program=program, host=host, url=f"https://{host}", storage=folder / "storage"
        )


def _configure(port: int, certificates: Certificates, storage: Path) -> str:
    """Write the configuration, which is YAML; JSON is YAML."""
    return json.dumps(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(storage)},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": {
                "addr": f"127.0.0.1:{port}",
                "secret": "only this test's uploads are signed with it",
                "tls": {
                    "certificate": str(certificates.chain),
                    "key": str(certificates.key),
                },
            },
        }
    )
