"""What processes that are killed at random moments move, and what is kept of it.

Nothing here asks the product what it kept: a store's journals, blobs and names are read by a reader
of this module, a registry's uploads from the registry.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from airgap.digest import Digest
from airgap.lock.model import AssetPin, ImagePin, Inputs, Lock
from airgap.oci.manifest import Descriptor
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.ledger import Ledger, ledger_root
from lab.content import Content
from lab.registry import Registry
from lab.releases import Release, Releases
from tests.faults.victim import Task, Victim, await_hung_up
from tests.practice_images import CONFIG, LAYER, OCI_INDEX, OCI_MANIFEST, PracticeImage, digest_of
from tests.store.conftest import read_layout

__all__ = [
    "KILLS",
    "MIB",
    "SEED",
    "SLACK_BYTES",
    "Freight",
    "Kept",
    "PushedTo",
    "Toll",
    "make_freight",
]

MIB = 1024 * 1024
KILLS = int(os.environ.get("AIRGAP_KILLS", "25"))
SEED = int(os.environ.get("AIRGAP_KILL_SEED", "20261123"))
SLACK_BYTES = 64 * 1024
"""What is no content: tokens, refusals, a probe of two bytes."""

VERSION = "v1.11.5"
FILE = "initramfs-amd64.xz"
KEY = f"{VERSION}/{FILE}"
IMAGE = "registry.k8s.io/freight:v1"
REPOSITORY, _, TAG = IMAGE.rpartition(":")


@dataclass(frozen=True, kw_only=True)
class Freight:
    """An image and a boot asset of given sizes; hashed once."""

    image: PracticeImage
    asset: bytes

    @cached_property
    def lock(self) -> Lock:
        """Pin both."""
        pin = ImagePin(
            digest=self.image.digest,
            media_type=OCI_INDEX,
            size=sum(map(len, self.image.blobs)),
            need="kubernetes",
            needed_by=("test",),
        )
        asset = AssetPin(
            sha256=digest_of(self.asset),
            sha512="sha512:" + hashlib.sha512(self.asset).hexdigest(),
            size=len(self.asset),
            url=f"https://github.com/siderolabs/talos/releases/download/{KEY}",
            needed_by=("talos",),
        )
        inputs = Inputs(talos=(VERSION,), sidero="v0.6.13")
        return Lock(inputs=inputs, images={IMAGE: pin}, assets={KEY: asset} if self.asset else {})

    @cached_property
    def blobs(self) -> dict[str, bytes]:
        """The image's blobs by digest."""
        return {digest_of(blob): blob for blob in self.image.blobs}

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The digests of what comes over the wire, not of what a store makes itself."""
        manifests = (self.image.index, *self.image.children)
        asset = [digest_of(self.asset)] if self.asset else []
        return frozenset({*self.blobs, *map(digest_of, manifests), *asset})

    @property
    def size(self) -> int:
        """Bytes of all of it, manifests included."""
        manifests = (self.image.index, *self.image.children)
        return sum(map(len, (*self.blobs.values(), *manifests, self.asset)))

    def serve(self, content: Content) -> Releases:
        """Put it where it is fetched from: a registry's content, and a release server."""
        self.image.put(content, REPOSITORY, TAG)
        release = Release(VERSION, names=())
        release.put(FILE, self.asset)
        return Releases([release])

    def fill(self, root: Path) -> None:
        """Put the image into a store."""
        store = Store.open(root, create=True)
        for blob in (*self.image.blobs, *self.image.children, self.image.index):
            store.put(blob)
        digest = Digest.parse(self.image.digest)
        size = len(self.image.index)
        store.name({IMAGE: Descriptor(media_type=OCI_INDEX, digest=digest, size=size)})


def make_freight(layers: list[int], *, asset: int, seed: int = 1) -> Freight:
    """Make an image with layers of these sizes, and an asset."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, no secret
    blobs = [json.dumps({"architecture": "amd64", "os": "linux"}).encode()]
    blobs += [_noise(dice, size) for size in layers]
    described = [_describe(LAYER if i else CONFIG, blob) for i, blob in enumerate(blobs)]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described[0]}
    child = json.dumps({**document, "layers": described[1:]}).encode()
    platform = {"platform": {"os": "linux", "architecture": "amd64"}}
    entries = [_describe(OCI_MANIFEST, child) | platform]
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    image = PracticeImage(index, (child,), tuple(blobs))
    return Freight(image=image, asset=_noise(dice, asset))


def _noise(dice: random.Random, size: int) -> bytes:
    """Return random bytes; much of them is quickly made, and repeats at no round distance."""
    some = dice.randbytes(min(size, 4 * MIB + 4099))
    return (some * (size // max(len(some), 1) + 1))[:size]


def _describe(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


@dataclass(slots=True, kw_only=True)
class Kept:
    """A store that processes fetch into."""

    root: Path
    freight: Freight
    _known: set[tuple[str, int]] = field(default_factory=set)

    def task(self, registry: Registry, releases: Releases, *, workers: int) -> Task:
        """Fetch into it."""
        hosts = {"registry.k8s.io": f"{registry.url}/registry.k8s.io"}
        return Task(
            store=self.root,
            lock=self.freight.lock,
            record=self.root.with_name("record"),
            redirects={**hosts, "https://github.com": releases.url},
            workers=workers,
        )

    def count(self) -> int:
        """Return how many bytes a next run need not move: whole blobs, and what journals note."""
        if not self.root.is_dir():
            return 0
        kept = sum(path.stat().st_size for path in self._visible())
        return kept + sum(map(_noted, (self.root / ".partial").glob("*.journal")))

    def check_visible(self) -> None:
        """See that what is visible is whole and right; each blob is hashed once."""
        for path in self._visible():
            state = path.stat()
            if (path.name, state.st_ino) not in self._known:
                assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
                self._known.add((path.name, state.st_ino))
        # Its marker is written last: without it there is no store yet, and the next run makes it.
        if (self.root / "oci-layout").exists() and Store.open(self.root).index.entries():
            read_layout(self.root)

    def check_complete(self) -> None:
        """See that everything is there, and nothing else."""
        found = read_layout(self.root)
        assert set(found.names) == {IMAGE, KEY} & {IMAGE, *self.freight.lock.assets}
        expected = {**self.freight.blobs}
        expected |= (
            {digest_of(self.freight.asset): self.freight.asset} if KEY in found.names else {}
        )
        for digest, data in expected.items():
            assert found.blobs[digest] == data
        Store.open(self.root).collect()  # a kill between a blob's name and its end leaves a journal
        assert list((self.root / ".partial").iterdir()) == []

    def _visible(self) -> list[Path]:
        folder = self.root / "blobs" / "sha256"
        names = {digest.removeprefix("sha256:") for digest in self.freight.wanted}
        return [path for path in folder.iterdir() if path.name in names] if folder.is_dir() else []


def _noted(journal: Path) -> int:
    """Return how many bytes a journal notes, synced or written, that are not published yet."""
    if not journal.with_suffix("").exists():
        return 0
    noted: set[tuple[int, int]] = set()
    for raw in journal.read_bytes().splitlines():
        check, _, body = raw.partition(b" ")
        if check != b"%08x" % zlib.crc32(body):
            break
        line = json.loads(body)
        if line[0] in ("synced", "written"):
            noted.add((line[1], line[2]))
    return _union(noted)


def _union(ranges: set[tuple[int, int]]) -> int:
    total = end = 0
    for start, stop in sorted(ranges):
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return total


@dataclass(slots=True, kw_only=True)
class PushedTo:
    """A practice registry that processes push to, from a store that has everything."""

    registry: Registry
    root: Path
    freight: Freight

    def task(self, *, workers: int) -> Task:
        """Push to it."""
        return Task(
            store=self.root,
            lock=self.freight.lock,
            record=self.root.with_name("record"),
            registry=self.registry.url,
            workers=workers,
        )

    @property
    def ledger(self) -> Ledger:
        """What the pushing side knows."""
        place = RegistryDestination(kind="existing", endpoint=self.registry.url)
        return Ledger(ledger_root(self.root), place.identity)

    def settle(self) -> int:
        """Wait until all that killed processes left in the kernel has come; return what came."""
        await_hung_up(self.registry.port)
        return self.registry.uploads.received_bytes

    def count(self) -> int:
        """Return how many bytes a next run need not move: blobs, and uploads that go on."""
        pool = self.registry.content.pool
        whole = sum(len(data) for digest, data in self.freight.blobs.items() if digest in pool)
        return whole + sum(self._open_uploads())

    def _open_uploads(self) -> list[int]:
        """Return the bytes of each upload that the pushing side would go on with."""
        records = list(self.ledger.path.parent.glob("*.uploads.json"))
        locations = json.loads(records[0].read_bytes()) if records else {}
        known = self.registry.uploads._sessions
        found = []
        for location in locations.values():
            identity = location.partition("?")[0].rpartition("/")[2]
            if identity in known:
                found.append(len(known[identity].data))
        return found

    def check_visible(self) -> None:
        """See that the tag stands for a whole image, if it is there."""
        held = self.registry.content
        if held.find(REPOSITORY, TAG) is None:
            return
        for child in self.freight.image.children:
            assert held.find(REPOSITORY, digest_of(child)) is not None
        for digest in self.freight.blobs:
            assert held.has_blob(REPOSITORY, digest)

    def check_complete(self) -> None:
        """See that everything is there, right to the byte."""
        self.check_visible()
        found = self.registry.content.find(REPOSITORY, TAG)
        assert found is not None
        assert found.raw == self.freight.image.index
        for digest, data in self.freight.blobs.items():
            assert self.registry.content.pool.read(digest) == data
        assert set(self.ledger.items().values()) == {"made"}


@dataclass(slots=True, kw_only=True)
class Toll:
    """What kills have cost so far, and when the next one falls."""

    most: int
    wanted: int
    seed: int
    longest_s: float = 0.3
    kills: int = 0
    moments: random.Random = field(init=False)
    met: int = 0
    losses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moments = random.Random(self.seed)  # noqa: S311 - repeatable, no secret

    @property
    def is_full(self) -> bool:
        """Whether all wanted kills have fallen."""
        return self.kills >= self.wanted

    def strike(self, victim: Victim) -> bool:
        """Kill a process at a random moment; False when it has done everything.

        One in ten falls while it begins, the others once its first bytes have come.
        """
        if self.is_full:
            assert victim.wait() == 0
            return False
        if self.moments.random() > 0.1:
            victim.await_bytes(SLACK_BYTES)
        time.sleep(self.moments.uniform(0, self.longest_s))
        was_killed = victim.kill()
        self.met += was_killed and victim.moved_bytes > SLACK_BYTES
        return was_killed

    def add(self, lost: int) -> None:
        """Count a kill; it may cost so many bytes."""
        self.kills += 1
        self.losses.append(lost)
        assert -SLACK_BYTES <= lost <= self.most + SLACK_BYTES, f"kill {self.kills}: {lost} bytes"

    def tell(self, what: str) -> None:
        """Print it, for `pytest -rP` and for a failure."""
        losses = [loss / MIB for loss in self.losses]
        print(  # noqa: T201 - shown when the test fails, or on demand
            f"{what}: seed {self.seed}, {self.kills} kills, {self.met} of them in mid-stream; lost "
            f"at most {max(losses):.2f} MiB, {sum(losses) / len(losses):.2f} MiB on the average"
        )
