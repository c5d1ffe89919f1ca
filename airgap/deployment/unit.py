"""A factory as a systemd service: the container by podman, on a host's own folders.

The image brings the programs that images are built with, so the factory runs in it and nowhere
else. Folders are those of the compose project.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.deployment.compose import SCRATCH, published_port
from airgap.deployment.configuration import (
    FOLDER,
    REGISTRY_FOLDER,
    SECURE_BOOT_FILES,
    TLS_FILES,
    arguments,
    environment,
)
from airgap.deployment.model import FactoryDeployment
from airgap.deployment.pod import NAME, USER, Object
from airgap.deployment.signing_key import SIGNING_KEY_FILE

__all__ = ["install_script", "service_unit"]

_PODMAN = "/usr/bin/podman"


def service_unit(factory: FactoryDeployment, *, name: str) -> Object:
    """Return the unit's sections (systemd.service(5))."""
    words = [_PODMAN, "run", *_options(factory), factory.image, *arguments(factory)]
    return {
        "Unit": {
            "Description": f"Image Factory of {name}",
            "Documentation": "https://github.com/siderolabs/image-factory",
            "Wants": "network-online.target",
            "After": "network-online.target",
        },
        "Service": {
            "ExecStart": " ".join(map(_escaped, words)),
            "ExecStop": f"{_PODMAN} stop --time 30 {NAME}",
            "Restart": "on-failure",
            "RestartSec": "10",
            "TimeoutStartSec": "900",
        },
        "Install": {"WantedBy": "multi-user.target"},
    }


def _options(factory: FactoryDeployment) -> Iterator[str]:
    yield from ("--rm", "--replace", f"--name={NAME}", f"--publish={published_port(factory)}")
    yield from (f"--env={name}={value}" for name, value in environment(factory).items())
    yield from (f"--volume={FOLDER}:{FOLDER}:ro", f"--volume={SCRATCH}:/tmp")
    if factory.by_file:
        yield from (f"--user={USER}:{USER}", "--read-only", "--cap-drop=all")
        yield "--security-opt=no-new-privileges"
    else:  # loop devices: releases before v1.0 mount them to build disk images
        yield from ("--privileged", "--volume=/dev:/dev")


def _escaped(word: str) -> str:
    """Return a word of a command line: `%` and `$` stand for themselves (systemd.service(5))."""
    return word.replace("%", "%%").replace("$", "$$")


def install_script(factory: FactoryDeployment, *, name: str, files: list[str]) -> list[str]:
    """Return a shell script, a line an item, that sets up the host which runs it.

    Args:
        factory: Which.
        name: The site's name.
        files: Those beside the script that belong into the configuration's folder.
    """
    return [
        "#!/bin/sh",
        f"# The Image Factory of {name}, on the host that runs it, as root; again after a change.",
        "set -eu",
        'cd "$(dirname "$0")"',
        "",
        f"install -d -m 0755 {FOLDER} {FOLDER}/config",
        *([f"install -m 0644 {' '.join(files)} {FOLDER}/config/"] if files else []),
        f"install -d -m 0700 -o {USER} -g {USER} {SCRATCH}",
        "",
        "# Secrets are in no file here: docs/image-factory.md says where each comes from.",
        f"for file in {' '.join(_secret_files(factory))}; do",
        f'    [ -s "{FOLDER}/$file" ] || {{ echo "missing: {FOLDER}/$file" >&2; exit 1; }}',
        f'    chmod 0755 "{FOLDER}/${{file%/*}}"  # also where umask made it its owner\'s alone',
        f'    chown {USER}:{USER} "{FOLDER}/$file"',
        f'    chmod 0400 "{FOLDER}/$file"',
        "done",
        '[ "${1:-}" != --files ] || exit 0  # what follows is the systemd service',
        "",
        f"install -m 0644 {NAME}.service /etc/systemd/system/",
        "systemctl daemon-reload",
        f"systemctl enable {NAME}",
        f"systemctl restart {NAME}",
    ]


def _secret_files(factory: FactoryDeployment) -> Iterator[str]:
    yield SIGNING_KEY_FILE
    if factory.has_tls:
        yield from TLS_FILES
    if factory.wish.registry_secret_ref:
        yield f"{REGISTRY_FOLDER}/config.json"
    if factory.secure_boot:
        yield from SECURE_BOOT_FILES.values()
