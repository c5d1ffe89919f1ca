"""One Talos release on its way: from upstream through the site into a machine that boots it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from airgap.lock import Lock
from lab.sidero import Sidero
from tests.engine.result import Json
from tests.peers.machine import Boot, boot_machine
from tests.peers.site import CA_FILE, ENVIRONMENT, SERVER_CLASS, RealSite
from tests.peers.upstream import RealUpstream
from tools.peers import Peers

__all__ = ["Stage", "bring"]

_UUID = "4c4c4544-0039-3010-804e-c4c04f4e3133"
_SERVED = {"vmlinuz": "vmlinuz-amd64", "initramfs.xz": "initramfs-amd64.xz"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One release brought to the site, up to a machine that booted it.

    Attributes:
        environment: As `up` wrote it.
        taken: sha512 of what Sidero holds of that Environment, by the release's file name.
    """

    release: str
    lock: Lock
    environment: Json
    taken: Mapping[str, str]
    boot: Boot


def bring(
    release: str, site: RealSite, upstream: RealUpstream, sidero: Sidero, peers: Peers
) -> Stage:
    """Lock and fetch a release with upstream on, bring the site up with it off, boot a machine."""
    site.describe(release, upstream.redirects(CA_FILE))
    with upstream.on():
        site.lock_and_fetch()
    site.up()
    environment = yaml.safe_load((site.out / "environments" / f"{ENVIRONMENT}.yaml").read_text())
    sidero.apply_files(site.out, strict=True)
    assert sidero.reconcile() == {}, "Sidero could not download"
    name = environment["metadata"]["name"]
    return Stage(
        release=release,
        lock=site.lock,
        environment=environment,
        taken={of: _hash(sidero.asset_file(name, file)) for file, of in _SERVED.items()},
        boot=_boot(peers, sidero, site.workspace.home / release),
    )


def _boot(peers: Peers, sidero: Sidero, folder: Path) -> Boot:
    """Power on a machine of the site's class that always boots from the network."""
    document = {"apiVersion": "metal.sidero.dev/v1alpha2", "kind": "Server"}
    spec = {"accepted": True, "pxeBootAlways": True}
    sidero.apply({**document, "metadata": {"name": _UUID}, "spec": spec})
    sidero.bind(_UUID, server_class=SERVER_CLASS, bootstrap="version: v1alpha1\n")
    return boot_machine(peers, int(sidero.host.rpartition(":")[2]), folder, uuid=_UUID)


def _hash(path: Path) -> str:
    return hashlib.sha512(path.read_bytes()).hexdigest()
