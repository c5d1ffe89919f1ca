"""kill -9 while images are pushed and assets published, then again: it completes.

Never is there a partial file under a served name, nor a tag whose image is not whole.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airgap.lock.model import Lock
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.destination import MirrorDestination, RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.publish import publish_assets
from airgap.transfer.push import connect, push_images
from airgap.transfer.wanted import assets_of, images_of
from lab.registry import Registry
from tests.transfer.conftest import Upstream
from tests.web_directory import WebDirectory

PROGRAM = """
import sys
from pathlib import Path
from airgap.lock.model import Lock
from airgap.store import Store
from airgap.transfer.destination import *
from airgap.transfer.wanted import *
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.publish import publish_assets
from airgap.transfer.push import connect, push_images

store, lock, registry, url, path = sys.argv[1:]
store = Store.open(Path(store))
lock = Lock.model_validate_json(Path(lock).read_bytes())
place = RegistryDestination(kind="existing", endpoint=registry)
mirror = MirrorDestination(kind="directory", url=url, path=path)
root = ledger_root(store.root)
publish_assets(store, mirror, "assets", assets_of([lock]), Ledger(root, mirror.identity))
with connect(place) as client:
    push_images(store, client, place, "images", images_of([lock]), Ledger(root, place.identity))
"""


class Site:
    def __init__(self, store: Store, lock: Lock, registry: Registry, web: WebDirectory) -> None:
        self.store, self.lock, self.registry, self.web = store, lock, registry, web
        self._lock_file = store.root.with_name("lock.json")
        self._lock_file.write_text(lock.model_dump_json(by_alias=True))

    def start(self) -> subprocess.Popen[bytes]:
        places = [self.registry.url, self.web.mirror_url, str(self.web.directory)]
        arguments = [str(self.store.root), str(self._lock_file), *places]
        return subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments])

    def finish(self) -> None:
        """Do what the killed process was to do, in this one."""
        place = RegistryDestination(kind="existing", endpoint=self.registry.url)
        mirror = self._mirror
        root = ledger_root(self.store.root)
        assets, images = assets_of([self.lock]), images_of([self.lock])
        publish_assets(self.store, mirror, "assets", assets, Ledger(root, mirror.identity))
        with connect(place) as client:
            ledger = Ledger(root, place.identity)
            push_images(self.store, client, place, "images", images, ledger)

    @property
    def _mirror(self) -> MirrorDestination:
        path = str(self.web.directory)
        return MirrorDestination(kind="directory", url=self.web.mirror_url, path=path)

    def served_files(self) -> dict[str, Path]:
        """The files under served names: all but hidden ones."""
        files = (path for path in self.web.directory.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.web.directory)): path
            for path in files
            if not path.name.startswith(".")
        }

    def check_no_half_files(self) -> None:
        expected = {path: item for item in assets_of([self.lock]) for path in item.paths}
        for path, file in self.served_files().items():
            if path in expected:
                blob = self.store.blob_path(expected[path].sha256)
                assert file.read_bytes() == blob.read_bytes()

    def check_no_half_images(self) -> None:
        for item in images_of([self.lock]):
            root = self.registry.content.find(item.name, item.tag)
            for child in root.children if root else ():
                manifest = self.registry.content.find(item.name, str(child.digest))
                assert manifest is not None
                for blob in manifest.blobs:
                    assert self.registry.content.has_blob(item.name, str(blob.digest))

    def check_complete(self) -> None:
        for item in images_of([self.lock]):
            assert self.registry.content.find(item.name, item.tag) is not None
        names = set(self.served_files())
        assert {path for item in assets_of([self.lock]) for path in item.paths} <= names
        root = ledger_root(self.store.root)
        place = RegistryDestination(kind="existing", endpoint=self.registry.url)
        for destination in (place, self._mirror):
            ledger = Ledger(root, destination.identity)
            assert set(ledger.items().values()) == {"made"}
            assert ledger.named() == set(ledger.items())
            assert [record.intent for record in ledger.sets().values()] == [None]


@pytest.fixture
def site(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store, tmp_path: Path
) -> Iterator[Site]:
    lock = upstream.lock()
    fetch_site(lock, registries=registries, releases=origins, store=store)
    with Registry() as registry, WebDirectory(tmp_path / "www") as web:
        web.directory.mkdir()
        yield Site(store, lock, registry, web)


def kill_when(process: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_time() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()


@pytest.mark.parametrize("requests", [1, 4, 8, 16, 24, 32, 40])
def test_killed_push_leaves_no_half_image_and_completes(site: Site, requests: int) -> None:
    site.registry.faults.add("/", times=None, delay_s=0.01)
    kill_when(site.start(), lambda: len(site.registry.requests) >= requests)
    site.check_no_half_images()
    site.registry.faults.clear()
    site.finish()
    site.check_no_half_images()
    site.check_complete()


@pytest.mark.parametrize("files", [0, 1, 2, 3, 4, 5])
def test_killed_publication_leaves_no_half_file_and_completes(site: Site, files: int) -> None:
    site.web.faults.add("/", times=None, delay_s=0.05)

    def is_time() -> bool:
        return len(list(site.web.directory.rglob("*"))) > 0 and len(site.served_files()) >= files

    kill_when(site.start(), is_time)
    site.check_no_half_files()
    site.web.faults.clear()
    site.finish()
    site.check_no_half_files()
    site.check_complete()
    hidden = [path for path in site.web.directory.rglob(".*") if path.is_file()]
    assert hidden == [], "what the killed process left behind is gone"
