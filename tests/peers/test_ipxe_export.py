"""A machine boots an exported iPXE script, without Sidero: the asset mirror alone is there.

Kernel, iPXE and the wire are real; the mirror speaks plain HTTP, as iPXE without the site's CA
needs it.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from airgap.lock import SchematicPin, fingerprint, write_lock
from airgap.lock.model import AssetPin, FactoryOrigin, Lock
from airgap.site.load import load_site
from airgap.transfer.wanted import assets_of
from tests.peers.machine import SITE_ADDRESS, boot_machine
from tests.peers.realistic import write_release
from tests.plan.samples import SCHEMATIC, SCHEMATIC_ID, make_lock
from tests.web_directory import WebDirectory
from tools.peers import Peers

pytestmark = pytest.mark.peers

_RELEASE = "v1.11.5"
_CHECKOUT = Path(__file__).resolve().parents[2]
_CMDLINE = "talos.platform=metal console=tty0 console=ttyS0 site.rack=b7"
_FILES = {"kernel-amd64": "vmlinuz-amd64", "initramfs-amd64.xz": "initramfs-amd64.xz"}
"""What a factory makes by name, and the release's file that stands for it here."""


@pytest.fixture(scope="module")
def made(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """What a factory made of a schematic, by key of the lock."""
    folder = tmp_path_factory.mktemp("release")
    write_release(peers, folder, _RELEASE, freight_bytes=500_000)
    files = {name: (folder / own).read_bytes() for name, own in _FILES.items()}
    content = {**files, "cmdline-metal-amd64": _CMDLINE.encode()}
    return {f"{_RELEASE}/{SCHEMATIC_ID}/{name}": data for name, data in content.items()}


@pytest.fixture
def project(made: Mapping[str, bytes], tmp_path: Path) -> Path:
    """A project with one site that boots it, and its lock."""
    (tmp_path / "project" / "stacks").mkdir(parents=True)
    project = tmp_path / "project"
    (project / "Pulumi.yaml").write_text("name: sidero-airgap\nruntime: python\n")
    stack = project / "stacks" / "Pulumi.berlin.yaml"
    stack.write_text(yaml.safe_dump({"config": {"sidero-airgap:site": _site()}}))
    pins = {key: _pin(key, data) for key, data in made.items()}
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    plain = make_lock()
    images = {key: pin for key, pin in plain.images.items() if pin.need != "workloads"}
    lock = Lock(
        inputs=fingerprint(load_site(stack)), images=images, assets=pins, schematics=schematics
    )
    write_lock(project / "stacks" / "berlin.lock.json", lock)
    return project


@pytest.fixture
def mirror(made: Mapping[str, bytes], tmp_path: Path) -> Iterator[WebDirectory]:
    """The asset mirror, with every file where `up` publishes it."""
    lock = make_lock().model_copy(
        update={"assets": {key: _pin(key, data) for key, data in made.items()}}
    )
    for item in assets_of([lock]):
        path = tmp_path / "www" / item.content_path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made[item.name])
    with WebDirectory(tmp_path / "www") as web:
        yield web
        assert web.crashes == []


def _site() -> Mapping[str, object]:
    return {
        "schemaVersion": 1,
        "talos": {"versions": [_RELEASE]},
        "registry": {"kind": "existing", "endpoints": [{"url": "https://registry.example:5000"}]},
        "assetMirror": {
            "kind": "directory",
            "url": "https://artifacts.example/talos",
            "path": "/srv/talos",
        },
        "sidero": {"version": "v0.6.13"},
        "environments": [{"name": "made", "talos": _RELEASE, "schematicOf": "workers"}],
        "serverClasses": [{"name": "workers", "environment": "made"}],
        "nodes": {"timeServers": ["10.0.0.1"], "nameservers": ["10.0.0.2"]},
    }


def _pin(key: str, data: bytes) -> AssetPin:
    return AssetPin(
        sha256=f"sha256:{hashlib.sha256(data).hexdigest()}",
        sha512=f"sha512:{hashlib.sha512(data).hexdigest()}",
        size=len(data),
        url=f"https://factory.talos.dev/image/{key}",
        needed_by=("environment made",),
        made_by=FactoryOrigin(schematic=SCHEMATIC_ID),
        text=data.decode() if "cmdline" in key else None,
    )


def test_machine_boots_an_exported_script_from_the_mirror_alone(
    peers: Peers, project: Path, mirror: WebDirectory, tmp_path: Path
) -> None:
    base = f"http://{SITE_ADDRESS}:{mirror.port}"
    config = f"{base}/machines/${{uuid}}.yaml"
    command = ["ipxe", "berlin", "--mirror", f"{base}/talos", "--config-url", config]
    printed = subprocess.run(
        [sys.executable, "-m", "airgap", *command, "--project", str(project)],
        env={**os.environ, "PYTHONPATH": str(_CHECKOUT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (tmp_path / "www" / "boot.ipxe").write_text(printed.stdout)
    uuid = "4c4c4544-0039-3010-804e-c4c04f4e3133"

    boot = boot_machine(
        peers, mirror.port, tmp_path / "machine", script="/talos/boot.ipxe", uuid=uuid
    )

    assert boot.arguments is not None, boot.console
    said = boot.arguments.split()
    assert "initrd=initramfs-amd64.xz" in said
    assert said[-1] == f"talos.config={base}/machines/{uuid}.yaml"
    assert set(_CMDLINE.split()) <= set(said)
    assert (boot.release, boot.is_intact) == (_RELEASE, True)
