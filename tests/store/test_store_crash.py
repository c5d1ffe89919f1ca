"""kill -9 at any moment: nothing partial was ever visible, and the next run completes."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap.store import Store
from airgap.store.partial import PARTIAL_PREFIX

if TYPE_CHECKING:
    from tests.store.conftest import ReadLayout

ROUNDS = 12

WRITER = """
import hashlib, itertools, json, sys
from pathlib import Path
from airgap.digest import Digest
from airgap.oci.manifest import OCI_MANIFEST, Descriptor
from airgap.store import Store, publish_file

root, served, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
store = Store.open(root, create=True)

def describe(kind, data):
    digest = Digest("sha256", hashlib.sha256(data).hexdigest())
    return Descriptor(media_type=kind, digest=digest, size=len(data))

def as_json(part):
    return {"mediaType": part.media_type, "digest": str(part.digest), "size": part.size}

print("started", flush=True)
for number in itertools.count():
    config = b'{"n": "%d %s"}' % (number, seed.encode())
    data = (b"%d %s " % (number, seed.encode())) * 60_000
    layer = describe("application/vnd.oci.image.layer.v1.tar", data)
    with store.receive(layer) as reception:
        for start in range(0, len(data), 65536):
            reception.write(start, data[start:start + 65536])
    store.put(config)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [as_json(layer)],
                "config": as_json(describe("application/vnd.oci.image.config.v1+json", config))}
    raw = json.dumps(document).encode()
    store.put(raw)
    store.name({f"ghcr.io/x/{seed}:v{number}": describe(OCI_MANIFEST, raw)})
    for mode in ("copy", "link"):
        publish_file(store.blob_path(layer.digest), served / mode / "vmlinuz", mode=mode,
                     digest=layer.digest, size=layer.size)
"""


def run_and_kill(root: Path, served: Path, *, seed: str, after_s: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(served), seed],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        time.sleep(after_s)
        assert process.poll() is None
        process.kill()


def partial_files(root: Path) -> list[Path]:
    return list(root.rglob(f"{PARTIAL_PREFIX}*"))


@pytest.mark.parametrize("seed", ["a", "b"])
def test_killed_writers_leave_only_whole_blobs(
    tmp_path: Path, layout: Callable[[Path], ReadLayout], seed: str
) -> None:
    root, served = tmp_path / "store", tmp_path / "served"
    interrupted = 0
    moments = random.Random(seed)  # noqa: S311 - repeatable moments, no secret
    for number in range(ROUNDS):
        run_and_kill(root, served, seed=f"{seed}{number}", after_s=moments.uniform(0.0, 0.12))
        interrupted += bool(partial_files(root))
        for blob in (root / "blobs" / "sha256").iterdir():
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
        layout(root)  # every name reaches whole, intact content
        for mode in ("copy", "link"):
            if (served / mode / "vmlinuz").exists():
                published = hashlib.sha256((served / mode / "vmlinuz").read_bytes()).hexdigest()
                assert (root / "blobs" / "sha256" / published).exists()
    assert interrupted, "no kill ever met a writer: the test would prove nothing"
    store = Store.open(root, create=True)
    assert store.names()
    assert store.verify() == ()
    assert partial_files(root) == []
