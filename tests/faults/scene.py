"""The three transfers that faults strike, each with one large content, and what is true of them.

Every run has connections of its own, as a process has. What is visible is read with readers that
share no code with the product.
"""

from __future__ import annotations

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airgap.digest import Digest
from airgap.errors import AirgapError, TransferError
from airgap.lock.model import AssetPin, ImagePin, Inputs, Lock
from airgap.net import RetryPolicy, Traffic
from airgap.net.origins import Origins
from airgap.oci.client import RegistryClient
from airgap.oci.credentials import Credential, MachineCredentials
from airgap.oci.manifest import Descriptor
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.store.disk import Disk
from airgap.transfer.contents import UpstreamContent
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.push import connect, push_images, push_sets
from airgap.transfer.wanted import images_of
from lab.auth import Authenticator
from lab.deviance import Deviance
from lab.registry import Registry
from lab.releases import Release, Releases
from lab.server import Simulator
from lab.tls import Authority
from tests.faults.clock import Clock
from tests.faults.victim import Task
from tests.practice_images import OCI_INDEX, PracticeImage, digest_of, make_image
from tests.store.conftest import read_layout

__all__ = [
    "CONTENT",
    "CUT",
    "DIGEST",
    "FILE",
    "IMAGE",
    "KEY",
    "MIB",
    "REPOSITORY",
    "SIZE",
    "TAG",
    "VERSION",
    "AssetScene",
    "Column",
    "CopyScene",
    "DownloadScene",
    "PullScene",
    "PushScene",
    "Ran",
    "Scene",
    "lock_of",
    "secure",
]

Column = Literal["asset", "pull", "push"]

MIB = 1024 * 1024
SIZE = 9 * MIB
CUT = 6 * MIB
"""Where a transfer is broken: far enough for what is behind to be worth continuing."""
CONTENT = random.Random(8).randbytes(SIZE)  # noqa: S311 - repeatable, no secret
DIGEST = digest_of(CONTENT)
SHA512 = "sha512:" + hashlib.sha512(CONTENT).hexdigest()

VERSION = "v1.11.5"
FILE = "initramfs-amd64.xz"
KEY = f"{VERSION}/{FILE}"
IMAGE = "registry.k8s.io/etcd:3.6.5"
REPOSITORY, _, TAG = IMAGE.rpartition(":")


@dataclass(frozen=True, slots=True)
class At:
    """A redirect."""

    url: str
    ca: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run: how it ended, and the bytes of bodies that the client received or sent."""

    error: AirgapError | None
    moved: int


class Scene(ABC):
    """One transfer between a peer and the store."""

    column: Column

    def __init__(self, folder: Path, server: Simulator) -> None:
        self.folder = folder
        self.server = server
        self.clock = Clock()
        self.runs: list[Ran] = []
        self.url = ""
        self.authority: Authority | None = None
        self.credential: Credential | None = None

    @property
    def where(self) -> str:
        """The peer's URL: by way of something between, where a test puts something there."""
        return self.url or self.server.url

    @property
    def ca(self) -> str | None:
        """The authority that is trusted instead of the machine's."""
        return self.authority.ca_file.read_text() if self.authority else None

    @property
    def credentials(self) -> MachineCredentials:
        """What this machine knows: nothing but the scene's own credential."""
        hosts = {self.where.partition("://")[2]: self.credential} if self.credential else {}
        return MachineCredentials(hosts, environ={"HOME": str(self.folder)})

    def run(self) -> Ran:
        """Transfer everything, as a process of its own would."""
        traffic = Traffic(clock=self.clock.monotonic, sleep=self.clock.sleep)
        retry = RetryPolicy(sleep=self.clock.sleep)
        error: AirgapError | None = None
        try:
            self._transfer(traffic, retry)
        except TransferError as failure:
            (item,) = failure.failures
            error = item[1]
        ran = Ran(error=error, moved=self._moved(traffic))
        self.runs.append(ran)
        return ran

    @abstractmethod
    def _transfer(self, traffic: Traffic, retry: RetryPolicy) -> None: ...

    @abstractmethod
    def _moved(self, traffic: Traffic) -> int: ...

    @abstractmethod
    def check_nothing_partial(self) -> None:
        """See that what is visible is whole and right."""

    @abstractmethod
    def is_there(self) -> bool:
        """Tell whether the content is visible."""

    def finish(self) -> None:
        """Run once more with nothing in the way: everything is there then, verified."""
        self.check_nothing_partial()
        self.server.faults.clear()
        ran = self.run()
        assert ran.error is None, ran.error.diagnostics()
        self.check_complete()

    @abstractmethod
    def check_complete(self) -> None:
        """See that everything is there, right to the byte, and nothing else is left over."""

    @abstractmethod
    def moved_again(self) -> int:
        """Return how many bytes of content were moved more than once, over all runs."""


class DownloadScene(Scene):
    """From a peer into the store."""

    content: str
    """A regular expression that finds the large content's requests."""

    def __init__(self, folder: Path, server: Simulator) -> None:
        super().__init__(folder, server)
        self.root = folder / "store"
        self.disk: Disk | None = None
        self.workers = 1
        self.other_lock: Lock | None = None
        Store.open(self.root, create=True)

    @property
    def store(self) -> Store:
        """The store as a process that just began opens it."""
        return Store(self.root, self.disk)

    @property
    def lock(self) -> Lock:
        """What is fetched."""
        return self.other_lock or self._lock()

    @abstractmethod
    def _lock(self) -> Lock: ...

    def task(self) -> Task:
        """Return the same for a process of its own."""
        redirects = {place: at.url for place, at in self.redirects().items()}
        record = self.folder / "record"
        return Task(store=self.root, lock=self.lock, record=record, redirects=redirects, workers=1)

    @abstractmethod
    def redirects(self) -> Mapping[str, At]:
        """Where it is read from."""

    @abstractmethod
    def stop_ranges(self) -> None:
        """From now on the peer serves no ranges."""

    def _transfer(self, traffic: Traffic, retry: RetryPolicy) -> None:
        with (
            Registries(
                self.redirects(), credentials=self.credentials, retry=retry, traffic=traffic
            ) as registries,
            Origins(self.redirects(), retry=retry, traffic=traffic) as origins,
        ):
            fetch_site(
                self.lock,
                registries=registries,
                releases=origins,
                store=self.store,
                traffic=traffic,
                workers=self.workers,
            )

    def _moved(self, traffic: Traffic) -> int:
        return traffic.counts.received_bytes

    def check_nothing_partial(self) -> None:
        named = read_layout(self.root).blobs  # each name reaches whole, intact content
        for path in (self.root / "blobs" / "sha256").iterdir():
            if f"sha256:{path.name}" not in named:
                assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name

    def is_there(self) -> bool:
        return self._blob.exists()

    def check_complete(self) -> None:
        found = read_layout(self.root)  # hashes everything
        assert found.blobs[DIGEST] == CONTENT
        assert set(found.names) == {self._name}
        self.check_nothing_left()

    def check_nothing_left(self) -> None:
        """See that nothing half-received lies in the store: bad bytes are gone."""
        assert list((self.root / ".partial").iterdir()) == []

    def moved_again(self) -> int:
        return sum(ran.moved for ran in self.runs) - self.whole_bytes()

    @property
    @abstractmethod
    def _name(self) -> str: ...

    @abstractmethod
    def whole_bytes(self) -> int:
        """Return what one run without faults receives."""

    @property
    def _blob(self) -> Path:
        return self.root / "blobs" / "sha256" / DIGEST.removeprefix("sha256:")


class AssetScene(DownloadScene):
    """A boot asset from the release server, by its redirect to an object store."""

    column: Column = "asset"
    content = r"/github-production-release-asset/"

    def __init__(
        self, folder: Path, *, authority: Authority | None = None, object_store: str = ""
    ) -> None:
        release = Release(VERSION, names=())
        release.put(FILE, CONTENT)
        certificate = authority.issue() if authority else None
        self.releases = Releases([release], certificate=certificate, object_store=object_store)
        super().__init__(folder, self.releases)
        self.authority = authority

    def _lock(self) -> Lock:
        pin = AssetPin(
            sha256=DIGEST,
            sha512=SHA512,
            size=SIZE,
            url=f"https://github.com/siderolabs/talos/releases/download/{KEY}",
            needed_by=("talos",),
        )
        return Lock(inputs=Inputs(talos=(VERSION,), sidero="v0.6.13"), assets={KEY: pin})

    def redirects(self) -> Mapping[str, At]:
        return {"https://github.com": At(self.where, self.ca)}

    def stop_ranges(self) -> None:
        self.releases.ranges = False

    @property
    def _name(self) -> str:
        return KEY

    def whole_bytes(self) -> int:
        return SIZE


class PullScene(DownloadScene):
    """An image from its registry: two platforms that share one large layer."""

    column: Column = "pull"
    content = rf"/blobs/{DIGEST}"

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority | None = None,
        auth: Authenticator | None = None,
    ) -> None:
        certificate = authority.issue() if authority else None
        self.registry = Registry(certificate=certificate, auth=auth)
        self.image = the_image()
        self.image.put(self.registry.content, f"registry.k8s.io/{_path()}", TAG)
        super().__init__(folder, self.registry)
        self.authority = authority

    def _lock(self) -> Lock:
        return lock_of(self.image)

    def tags(self) -> tuple[str, ...]:
        """List the repository's tags."""
        with Registries(self.redirects(), retry=RetryPolicy(sleep=self.clock.sleep)) as registries:
            client, repository = registries.locate("registry.k8s.io", _path())
            return client.tags(repository)

    def redirects(self) -> Mapping[str, At]:
        return {"registry.k8s.io": At(f"{self.where}/registry.k8s.io", self.ca)}

    def stop_ranges(self) -> None:
        self.registry.deviance.ranges = False

    @property
    def _name(self) -> str:
        return IMAGE

    def whole_bytes(self) -> int:
        return sum(map(len, {self.image.index, *self.image.children, *self.image.blobs}))


class PushScene(Scene):
    """The same image from the store to the site's registry.

    `orphans` is how many uploads are begun of which we never learnt, or that the registry has
    dropped itself: it removes those in its own time.
    """

    column: Column = "push"
    content = r"/blobs/uploads/"

    def __init__(
        self,
        folder: Path,
        *,
        authority: Authority | None = None,
        auth: Authenticator | None = None,
        deviance: Deviance | None = None,
        registry: Registry | None = None,
    ) -> None:
        certificate = authority.issue() if authority else None
        self.registry = registry or Registry(certificate=certificate, auth=auth, deviance=deviance)
        super().__init__(folder, self.registry)
        self.authority = authority
        self.image = the_image()
        self.store = Store.open(folder / "store", create=True)
        for blob in (*self.image.blobs, *self.image.children, self.image.index):
            self.store.put(blob)
        root = Descriptor(
            media_type=OCI_INDEX,
            digest=Digest.parse(self.image.digest),
            size=len(self.image.index),
        )
        self.store.name({IMAGE: root})
        self.orphans = 0
        self.items: tuple[ImageItem, ...] = images_of([lock_of(self.image)])

    @property
    def destination(self) -> RegistryDestination:
        """The site's registry."""
        return RegistryDestination(kind="existing", endpoint=self.where, ca=self.ca)

    @property
    def ledger(self) -> Ledger:
        """Its record."""
        return Ledger(ledger_root(self.store.root), self.destination.identity)

    @contextmanager
    def client(
        self, traffic: Traffic | None = None, retry: RetryPolicy | None = None
    ) -> Iterator[RegistryClient]:
        """Connect."""
        client = connect(
            self.destination, credentials=self.credentials, retry=retry, traffic=traffic
        )
        with client:
            yield client

    def task(self) -> Task:
        """Return the same for a process of its own."""
        record = self.folder / "record"
        lock = lock_of(self.image)
        return Task(store=self.store.root, lock=lock, record=record, registry=self.where, workers=1)

    def _transfer(self, traffic: Traffic, retry: RetryPolicy) -> None:
        with self.client(traffic, retry) as client:
            push_images(
                self.store, client, self.destination, "images", self.items, self.ledger, workers=1
            )

    def _moved(self, traffic: Traffic) -> int:
        return traffic.counts.sent_bytes

    def check_nothing_partial(self) -> None:
        held = self.registry.content
        for digest in map(digest_of, self.image.blobs):
            assert digest not in held.pool or digest_of(held.pool.read(digest)) == digest
        if held.find(REPOSITORY, TAG) is None:
            return
        for child in self.image.children:
            found = held.find(REPOSITORY, digest_of(child))
            assert found is not None
            assert found.raw == child
        for blob in self.image.blobs:
            assert held.has_blob(REPOSITORY, digest_of(blob))

    def is_there(self) -> bool:
        return self.registry.content.find(REPOSITORY, TAG) is not None

    def check_complete(self) -> None:
        self.check_nothing_partial()
        found = self.registry.content.find(REPOSITORY, TAG)
        assert found is not None
        assert found.raw == self.image.index
        assert self.registry.content.pool.read(DIGEST) == CONTENT
        assert set(self.ledger.items().values()) == {"made"}
        assert self.registry.uploads.open_sessions == self.orphans

    def moved_again(self) -> int:
        """Return it by the registry's count: what a cut left in the kernel still arrives there."""
        blobs = sum(map(len, set(self.image.blobs)))
        return self.registry.uploads.received_bytes - blobs


class CopyScene(PushScene):
    """The same image straight from its upstream to the site's registry: a dual-homed machine."""

    def __init__(self, folder: Path, upstream: PullScene) -> None:
        super().__init__(folder)
        self.upstream = upstream
        self._read = 0

    def _transfer(self, traffic: Traffic, retry: RetryPolicy) -> None:
        with (
            Registries(self.upstream.redirects(), retry=retry, traffic=traffic) as registries,
            self.client(traffic, retry) as client,
        ):
            content = UpstreamContent(registries, self.upstream.lock.images)
            sets = {"images": self.items}
            push_sets(
                content,
                client,
                self.destination,
                sets,
                self.ledger,
                traffic=traffic,
                workers=1,
            )

    def _moved(self, traffic: Traffic) -> int:
        self._read += traffic.counts.received_bytes
        return super()._moved(traffic)

    def read_again(self) -> int:
        """Return how many bytes were read from upstream more than once."""
        return self._read - self.upstream.whole_bytes()


def the_image() -> PracticeImage:
    """Return the image of the scenes."""
    return make_image("etcd", shared=CONTENT)


def lock_of(image: PracticeImage) -> Lock:
    """Pin it."""
    pin = ImagePin(
        digest=image.digest,
        media_type=OCI_INDEX,
        size=sum(map(len, image.blobs)),
        need="kubernetes",
        needed_by=("test",),
    )
    return Lock(inputs=Inputs(talos=(VERSION,), sidero="v0.6.13"), images={IMAGE: pin})


def secure(folder: Path) -> Authority:
    """Return a private authority."""
    return Authority(folder / "authority")


def _path() -> str:
    return REPOSITORY.partition("/")[2]
