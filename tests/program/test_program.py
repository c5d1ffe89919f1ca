"""The program: what it refuses before anything is declared, and what it declares."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pulumi
import pytest
import trustme
import yaml

from airgap.lock import Lock, fingerprint, write_lock
from airgap.site.load import load_site
from tests.components.recording import Registration, declare
from tests.plan.samples import IMAGES, make_lock

PROGRAM = Path(__file__).resolve().parents[2] / "__main__.py"

SITE: dict[str, object] = {
    "schemaVersion": 1,
    "talos": {"versions": ["v1.11.5"]},
    "kubernetes": {"versions": ["v1.34.1"]},
    "registry": {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000", "caFile": "ca.pem"}],
    },
    "assetMirror": {"kind": "directory", "url": "https://a.example/talos", "path": "/srv/talos"},
    "sidero": {"version": "v0.6.13"},
    "environments": [{"name": "boot", "talos": "v1.11.5"}],
    "serverClasses": [{"name": "workers", "environment": "boot"}],
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the program, one site (`berlin`), its CA and its lock."""
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    shutil.copy(PROGRAM, tmp_path)
    trustme.CA().cert_pem.write_to_path(str(stacks / "ca.pem"))
    stack_file = stacks / "Pulumi.berlin.yaml"
    stack_file.write_text(yaml.safe_dump({"config": {"sidero-airgap:site": SITE}}))
    own = {key: need for key, need in IMAGES.items() if need != "workloads"}
    base = make_lock(images=own)
    lock = Lock(inputs=fingerprint(load_site(stack_file)), images=base.images, assets=base.assets)
    write_lock(stacks / "berlin.lock.json", lock)
    return tmp_path


def run(
    checkout: Path, site: dict[str, object] = SITE, *, secret: bool = False
) -> list[Registration]:
    """Run the program as the engine does, and return what it declared."""
    program = checkout / "__main__.py"
    secrets = ("site",) if secret else ()
    return declare(lambda: runpy.run_path(str(program)), config={"site": site}, secrets=secrets)


def test_it_declares_the_site(checkout: Path) -> None:
    found = {item.name: item.type for item in run(checkout)}
    assert found["berlin"] == "airgap:index:Site"
    assert found["images-kubernetes"] == "pulumi-python:dynamic/airgap:ImageSet"
    assert found["manifests-sidero"] == "pulumi-python:dynamic/airgap:ManifestFiles"


def refusal(checkout: Path, site: dict[str, object] = SITE, *, secret: bool = False) -> str:
    """Return what the program says when it refuses; the SDK prints a RunError without a trace."""
    with pytest.raises(pulumi.RunError) as caught:
        run(checkout, site, secret=secret)
    return str(caught.value)


def test_an_encrypted_site_is_refused(checkout: Path) -> None:
    """A `secure:` inside the site would leak into preview JSON and state exports."""
    assert "sidero-airgap:site" in refusal(checkout, secret=True)


def test_every_fault_of_the_site_is_told_at_once(checkout: Path) -> None:
    text = refusal(checkout, {**SITE, "talso": {}, "sidero": {"version": "v9.9.9"}})
    assert "talso" in text
    assert "v9.9.9" in text
    assert len(text.splitlines()) >= 3


def test_a_missing_lock_names_the_command(checkout: Path) -> None:
    (checkout / "stacks" / "berlin.lock.json").unlink()
    assert "python -m airgap lock berlin" in refusal(checkout)


def test_a_lock_of_another_site_names_the_keys_and_the_command(checkout: Path) -> None:
    text = refusal(checkout, {**SITE, "sidero": {"version": "v0.6.12"}})
    assert "sidero.version" in text
    assert "python -m airgap lock berlin" in text
