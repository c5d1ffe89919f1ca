"""What a booting server sees of the finished site: Sidero's downloads, and a node's pulls.

Both trust the site's authority only, and neither has a way out: an attempt to leave is recorded.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from airgap.lock import Lock
from airgap.plan import Plan
from lab.node import Node
from lab.sidero import Sidero

__all__ = ["InspectionError", "Seen", "boot_environments", "pull_images"]

_SERVED = {"vmlinuz": "kernel", "initramfs.xz": "initrd"}


class InspectionError(Exception):
    """The site does not give what its lock promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How many things were taken from the site, and their bytes."""

    items: int
    size_bytes: int


def boot_environments(out: Path, pod: Path, plan: Plan, *, ca_file: Path) -> Seen:
    """Let Sidero take the written Environments, and re-hash what it would hand to servers.

    Args:
        out: Where the stack wrote Sidero's objects.
        pod: The simulated pod's disk.
        plan: Names the sha512 that each file has to have.
        ca_file: What the pod trusts.

    Raises:
        InspectionError: A download failed, or its bytes are others than those locked.
    """
    shutil.rmtree(pod, ignore_errors=True)
    with Sidero(pod, ca_bundle=ca_file) as sidero:
        sidero.apply_files(out, strict=True)
        environments = _environments(plan)
        errors = {name: error for name, error in sidero.reconcile().items() if name in environments}
        if errors:
            raise InspectionError("; ".join(f"{name}: {error}" for name, error in errors.items()))
        sizes = [
            _compare(sidero.asset_file(name, file), wanted)
            for name, files in environments.items()
            for file, wanted in files.items()
        ]
        if sidero.downloads.egress:
            raise InspectionError(f"Sidero asked outside: {sidero.downloads.egress}")
    return Seen(items=len(sizes), size_bytes=sum(sizes))


def _environments(plan: Plan) -> dict[str, dict[str, str]]:
    """Return Environment → served file → its sha512 in hex."""
    environments = plan.sidero.inputs["environments"]
    assert isinstance(environments, dict)
    return {
        values["object"]: {file: values[part]["sha512"] for file, part in _SERVED.items()}
        for values in environments.values()
    }


def _compare(path: Path, wanted: str) -> int:
    data = path.read_bytes()
    found = hashlib.sha512(data).hexdigest()
    if found != wanted.removeprefix("sha512:"):
        raise InspectionError(f"{path.name}: Sidero has sha512 {found[:16]}…, locked {wanted}")
    return len(data)


def pull_images(patch: Path, lock: Lock, installer: str, *, talos: str) -> Seen:
    """Pull every image of the lock, and a class' installer, as a node with that patch would.

    Args:
        patch: The machine configuration written for a server class.
        lock: Every image of it that a node runs is pulled by tag, and must have the locked digest.
        installer: The class' `machine.install.image`.
        talos: The node's version.

    Raises:
        InspectionError: A digest differs, or the node would have left the site.
        lab.node.PullError: An image is not there.
    """
    # Signatures are for verifiers: no node runs them, and their index names no platform.
    images = {ref: pin for ref, pin in lock.images.items() if pin.need != "signatures"}
    with Node(patch.read_text(encoding="utf-8"), talos=talos) as node:
        moved = node.pull(installer).moved_bytes
        for reference, pin in images.items():
            pulled = node.pull(reference)
            moved += pulled.moved_bytes
            if pulled.digest != pin.digest:
                raise InspectionError(f"{reference}: {pulled.digest}, locked {pin.digest}")
        if node.egress or node.unverified:
            raise InspectionError(f"a node asked outside: {node.egress}, {node.unverified}")
    return Seen(items=len(images) + 1, size_bytes=moved)
