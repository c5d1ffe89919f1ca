"""A factory as a compose project (compose-spec): one service, and a host's folders.

The host's /etc/image-factory is the container's; /var/lib/image-factory/tmp is its /tmp, on a disk
with room for tens of GB. There is no health check in it: the image has no program to ask with, and
`python -m airgap factory status` asks from outside, what a machine would ask.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airgap.deployment.configuration import (
    FOLDER,
    PORT,
    arguments,
    configuration_files,
    environment,
    files_digest,
)
from airgap.deployment.model import FactoryDeployment
from airgap.deployment.pod import NAME, USER, Object

__all__ = ["SCRATCH", "compose_project", "published_port"]

SCRATCH = "/var/lib/image-factory/tmp"
_CONFIGURATION = "sidero-airgap/configuration"
"""The label with the digest of the files that it reads when it starts: `docker compose up` makes a
container anew where its service has changed, and looks into no file."""


def compose_project(factory: FactoryDeployment, *, name: str) -> Object:
    """Return the compose file's content.

    Args:
        factory: Which.
        name: The site's name.
    """
    return {"name": f"{NAME}-{name}", "services": {NAME: _service(factory)}}


def published_port(factory: FactoryDeployment) -> str:
    """Return the host's side of its port: the endpoint's own, if it answers there itself.

    An https endpoint without a certificate of its own is a proxy's, on the same host.
    """
    answers_itself = factory.has_tls or urlsplit(factory.url).scheme == "http"
    return f"{factory.port}:{PORT}" if answers_itself else f"127.0.0.1:{PORT}:{PORT}"


def _service(factory: FactoryDeployment) -> Object:
    labels = {_CONFIGURATION: files_digest(factory)} if configuration_files(factory) else {}
    return {
        "image": factory.image,
        **({"labels": labels} if labels else {}),
        "command": list(arguments(factory)),
        "environment": environment(factory),
        "ports": [published_port(factory)],
        "volumes": [
            _bind(FOLDER, FOLDER, read_only=True),
            _bind(SCRATCH, "/tmp"),  # noqa: S108 - the container's own
            *([] if factory.by_file else [_bind("/dev", "/dev")]),
        ],
        **(_unprivileged() if factory.by_file else {"privileged": True}),
        "restart": "unless-stopped",
    }


def _bind(source: str, target: str, *, read_only: bool = False) -> Object:
    """Return a folder of the host; one that is not there is an error, and not made as root's."""
    found: Object = {"type": "bind", "source": source, "target": target}
    if read_only:
        found["read_only"] = True
    return {**found, "bind": {"create_host_path": False}}


def _unprivileged() -> Object:
    return {
        "user": f"{USER}:{USER}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }
