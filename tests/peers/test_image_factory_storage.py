"""How a factory keeps schematics in a registry: what the practice one stores is what the real does.

So schematics can be seeded and kept by copies of registry content, with no factory running.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import pytest

from airgap.oci import Manifest
from lab.registry import Registry
from tests.peers.factorysubjects import KINDS, Subject, start_subject
from tools.peers import Peers

pytestmark = pytest.mark.peers

_REPOSITORY = "image-factory/schematics"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.sidero.dev-image.schematic"
_TEXT = b"customization:\n    extraKernelArgs:\n        - never.registered=1\n"
_ID = hashlib.sha256(_TEXT).hexdigest()


@pytest.fixture(scope="module", params=KINDS)
def subject(
    request: pytest.FixtureRequest, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """A factory over an empty registry; each test has schematics of its own."""
    folder = tmp_path_factory.mktemp("factory")
    with start_subject(request.param, peers, folder, catalogue=False) as started:
        yield started


def _find(registry: Registry, identity: str) -> Manifest:
    found = registry.content.find(_REPOSITORY, identity)
    assert found is not None
    return found


def _config_of(text: bytes) -> bytes:
    """Return go-containerregistry's empty image's configuration, with one layer."""
    epoch = "0001-01-01T00:00:00Z"
    document = {
        "architecture": "",
        "created": epoch,
        "history": [{"created": epoch}],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [_digest(text)]},
        "config": {},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _manifest_of(text: bytes) -> bytes:
    config = _config_of(text)
    document = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": _LAYER, "size": len(text), "digest": _digest(text)}],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_a_schematic_is_kept_as_these_bytes(subject: Subject) -> None:
    """Tagged by its ID, so that a registry's clean-up leaves it; the layer's digest is the ID."""
    identity = subject.register("customization: {extraKernelArgs: [quiet]}")
    text = b"customization:\n    extraKernelArgs:\n        - quiet\n"
    stored = _find(subject.registry, identity)
    assert stored.raw == _manifest_of(text)
    pool = subject.registry.content.pool
    assert pool.read(f"sha256:{identity}") == text
    assert pool.read(_digest(_config_of(text))) == _config_of(text)


def test_a_copied_schematic_is_known(subject: Subject) -> None:
    """Put there as a registry copy does it: blobs, then the manifest under its tag."""
    content = subject.registry.content
    for blob in (_TEXT, _config_of(_TEXT)):
        content.add_blob(_REPOSITORY, blob)
    content.put_manifest(_REPOSITORY, _manifest_of(_TEXT), media_type=_MANIFEST, tag=_ID)
    read = subject.http.get(f"/schematics/{_ID}")
    assert (read.status_code, read.content) == (200, _TEXT)


def test_the_text_alone_is_enough_to_be_known(subject: Subject) -> None:
    """It is asked for by digest; the manifest and its tag are there for the clean-up only."""
    text = _TEXT.replace(b"never", b"hardly")
    subject.registry.content.add_blob(_REPOSITORY, text)
    read = subject.http.get(f"/schematics/{hashlib.sha256(text).hexdigest()}")
    assert (read.status_code, read.content) == (200, text)


def test_an_unknown_field_in_the_store_is_a_400_to_whoever_reads_it(subject: Subject) -> None:
    """A schematic that a newer factory registered, after a way back to this release."""
    text = b"customization:\n    diskImage:\n        sectorSize: 4096\n"
    subject.registry.content.add_blob(_REPOSITORY, text)
    read = subject.http.get(f"/schematics/{hashlib.sha256(text).hexdigest()}")
    assert (read.status_code, "diskImage not found" in read.text) == (400, True)
