"""kill -9 at any moment: nothing partial was ever visible, and the next run completes.

A moment is a number of calls that the writer has made: so it does not depend on how fast it is.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
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
import hashlib, itertools, json, os, signal, sys
from pathlib import Path
from airgap.digest import Digest
from airgap.oci.manifest import OCI_MANIFEST, Descriptor
from airgap.store import Store, publish_file

root, served, seed, last = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
calls = 0

def count(_frame, event, _argument):
    global calls
    calls += event in ("call", "c_call")
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)

store = Store.open(root, create=True)

def describe(kind, data):
    digest = Digest("sha256", hashlib.sha256(data).hexdigest())
    return Descriptor(media_type=kind, digest=digest, size=len(data))

def as_json(part):
    return {"mediaType": part.media_type, "digest": str(part.digest), "size": part.size}

sys.setprofile(count)
for number in itertools.count():
    config = b'{"n": "%d %s"}' % (number, seed.encode())
    data = (b"%d %s " % (number, seed.encode())) * 60_000
    layer = describe("application/vnd.oci.image.layer.v1.tar", data)
    with store.receive(layer) as reception:
        begun = calls
        for start in range(0, len(data), 65536):
            reception.write(start, data[start:start + 65536])
        ended = calls
    store.put(config)
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [as_json(layer)],
                "config": as_json(describe("application/vnd.oci.image.config.v1+json", config))}
    raw = json.dumps(document).encode()
    store.put(raw)
    store.name({f"ghcr.io/x/{seed}:v{number}": describe(OCI_MANIFEST, raw)})
    for mode in ("copy", "link"):
        publish_file(store.blob_path(layer.digest), served / mode / "vmlinuz", mode=mode,
                     digest=layer.digest, size=layer.size)
    if not last:
        sys.setprofile(None)
        print(begun, ended, calls)
        break
"""


def write(root: Path, served: Path, *, seed: str, calls: int) -> str:
    """Let a writer do its work until it has made so many calls.

    With 0 it does it once, and tells when the layer's first and last bytes came, and when all was
    done.
    """
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(root), str(served), seed, str(calls)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == (-signal.SIGKILL if calls else 0)
    return done.stdout


def partial_files(root: Path) -> list[Path]:
    return list(root.rglob(f"{PARTIAL_PREFIX}*"))


@pytest.mark.parametrize("seed", ["a", "b"])
def test_killed_writers_leave_only_whole_blobs(
    tmp_path: Path, layout: Callable[[Path], ReadLayout], seed: str
) -> None:
    root, served = tmp_path / "store", tmp_path / "served"
    interrupted = 0
    begun, ended, done = map(int, write(root, served, seed=seed, calls=0).split())
    moments = random.Random(seed)  # noqa: S311 - repeatable moments, no secret
    for number in range(ROUNDS):
        first, last = (begun, ended) if number % 2 else (1, 2 * done)
        write(root, served, seed=f"{seed}{number}", calls=moments.randrange(first, last))
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
