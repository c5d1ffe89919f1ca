"""Our image cache and the one that the real talosctl 1.11.5 makes of the same images.

What must be equal, since Talos and imager read it:
- the layout: `oci-layout`, one entry in index.json with its platform, three blobs, each named by
  its digest; media types of entry, manifest, config and layer; one diff_id, of the layer's tar;
- the layer's tar: the same entries in the same order, with the same types, modes, sizes, owners
  and times; each file's bytes.
What may differ, and does: when the image was created (talosctl writes the time, we do not), what
compresses the tar, and what the config says it is for (talosctl leaves that empty). The digests of
layer, config and manifest follow from those; the tar's own digest (the diff_id) does not.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.imagecache.contents import build_tree
from airgap.imagecache.forms import write_directory
from airgap.imagecache.image import push_cache
from airgap.plan.cache_content import CacheContent
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import connect
from lab.registryd import Registryd
from tests.peers.certificates import Certificates
from tests.peers.clients import Crane
from tests.peers.realistic import RealImage
from tests.peers.registries import RealRegistry
from tools.peers import Peers

pytestmark = pytest.mark.peers

PLATFORMS = ["linux/amd64", "linux/arm64"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The same images in a registry and in a store, by the references both are asked for."""

    registry: RealRegistry
    store: Store
    images: Mapping[str, str]


@pytest.fixture
def stage(
    distribution: RealRegistry, small_image: RealImage, crane: Crane, tmp_path: Path
) -> Stage:
    """Two tags that share layers, one by digest alone, one by both, one image without an index."""
    host = distribution.host
    crane.push(small_image.layout, f"{host}/siderolabs/kubelet:v1.34.1")
    for name in ("library/pause:3.10", "deep/er/still/app:1.0_rc-1", "by/digest:x", "by/both:y"):
        crane.copy(f"{host}/siderolabs/kubelet:v1.34.1", f"{host}/{name}")
    plain = small_image.platforms["amd64"]
    crane.copy(f"{host}/siderolabs/kubelet@{plain}", f"{host}/plain/app:1")
    store = Store.open(tmp_path / "store", create=True)
    for blob in (small_image.layout / "blobs" / "sha256").iterdir():
        store.put(blob.read_bytes())
    images = {
        f"{host}/siderolabs/kubelet:v1.34.1": small_image.digest,
        f"{host}/library/pause:3.10": small_image.digest,
        f"{host}/deep/er/still/app:1.0_rc-1": small_image.digest,
        f"{host}/by/digest@{small_image.digest}": small_image.digest,
        f"{host}/by/both:y@{small_image.digest}": small_image.digest,
        f"{host}/plain/app:1": plain,
    }
    return Stage(registry=distribution, store=store, images=images)


def create(
    peers: Peers, environment: Mapping[str, str], stage: Stage, platform: str, to: Path
) -> None:
    """Let talosctl make its cache."""
    command = [
        str(peers.path("talosctl")), "images", "cache-create", "--insecure",
        "--image-cache-path", str(to), "--platform", platform,
        "--images", ",".join(stage.images),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(params=PLATFORMS)
def layouts(
    request: pytest.FixtureRequest,
    peers: Peers,
    environment: Mapping[str, str],
    stage: Stage,
    tmp_path: Path,
) -> tuple[Path, Path]:
    """Talosctl's layout and ours."""
    images = dict(stage.images)
    if request.param != "linux/amd64":  # the one without an index is for amd64
        images = {name: digest for name, digest in images.items() if "plain" not in name}
    chosen = Stage(registry=stage.registry, store=stage.store, images=images)
    create(peers, environment, chosen, request.param, tmp_path / "theirs")
    content = CacheContent(platforms=(request.param,), images=images)
    tree = build_tree(stage.store, content)
    write_directory("oci", tree, request.param, tmp_path / "ours")
    return tmp_path / "theirs", tmp_path / "ours"


def blob(layout: Path, descriptor: Mapping[str, object]) -> bytes:
    """Read a blob by its descriptor, and see that it is that blob."""
    digest = str(descriptor["digest"])
    data = (layout / "blobs" / digest.replace(":", "/")).read_bytes()
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    assert len(data) == descriptor["size"]
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A cache's layout as imager reads it."""

    entry: Mapping[str, object]
    media_types: Mapping[str, object]
    diff_ids: list[str]
    archive: bytes

    @property
    def headers(self) -> list[tuple[object, ...]]:
        """All that imager could see of each entry, in order."""
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as archive:
            return [
                (m.name, m.type, oct(m.mode), m.size, m.uid, m.gid, m.uname, m.gname, m.mtime)
                for m in archive.getmembers()
            ]

    @property
    def files(self) -> dict[str, str]:
        """Each file's sha256."""
        with tarfile.open(fileobj=io.BytesIO(self.archive)) as archive:
            return {
                m.name: hashlib.sha256(archive.extractfile(m).read()).hexdigest()  # type: ignore[union-attr]
                for m in archive.getmembers()
                if m.isfile()
            }


def read(layout: Path) -> Read:
    """Read a layout, following every descriptor."""
    index = json.loads((layout / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(blob(layout, entry))
    (layer,) = manifest["layers"]
    config = json.loads(blob(layout, manifest["config"]))
    archive = zlib.decompress(blob(layout, layer), wbits=31)
    return Read(
        entry={key: value for key, value in entry.items() if key not in ("digest", "size")},
        media_types={
            "index": (index["schemaVersion"], index["mediaType"]),
            "manifest": (manifest["schemaVersion"], manifest["mediaType"]),
            "config": manifest["config"]["mediaType"],
            "layer": layer["mediaType"],
        },
        diff_ids=[str(each) for each in config["rootfs"]["diff_ids"]],
        archive=archive,
    )


def test_the_layout_holds_the_same_files_beside_the_layer(layouts: tuple[Path, Path]) -> None:
    theirs, ours = layouts
    for layout in layouts:
        top = {path.name for path in layout.iterdir()}
        assert top == {"oci-layout", "index.json", "blobs"}
        assert len(list((layout / "blobs" / "sha256").iterdir())) == 3
    marks = [json.loads((layout / "oci-layout").read_text()) for layout in (theirs, ours)]
    assert marks[0] == marks[1]


def test_platform_and_media_types_are_the_same(layouts: tuple[Path, Path]) -> None:
    theirs, ours = map(read, layouts)
    assert ours.entry == theirs.entry
    assert ours.media_types == theirs.media_types


def test_the_tree_is_the_same_file_by_file(layouts: tuple[Path, Path]) -> None:
    theirs, ours = map(read, layouts)
    assert len(theirs.files) > 10
    assert ours.files == theirs.files
    for name, digest in ours.files.items():
        if "sha256-" in name:
            assert name.endswith(f"sha256-{digest}")


def test_the_archives_entries_are_the_same_in_order_type_mode_owner_and_time(
    layouts: tuple[Path, Path],
) -> None:
    theirs, ours = map(read, layouts)
    assert ours.headers == theirs.headers


def test_the_archive_is_the_same_bytes_and_so_is_its_digest(layouts: tuple[Path, Path]) -> None:
    theirs, ours = map(read, layouts)
    for each in (theirs, ours):
        assert each.diff_ids == [f"sha256:{hashlib.sha256(each.archive).hexdigest()}"]
    assert ours.diff_ids == theirs.diff_ids


def test_registryd_finds_the_same_in_both(
    layouts: tuple[Path, Path], stage: Stage, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    platform = request.node.callspec.params["layouts"]
    roots = []
    for number, layout in enumerate(layouts):
        roots.append(tmp_path / f"root{number}")
        with tarfile.open(fileobj=io.BytesIO(read(layout).archive)) as archive:
            archive.extractall(roots[-1], filter="data")
    for talos in ("v1.11.5", "v1.13.9"):
        theirs, ours = (Registryd([root], talos=talos) for root in roots)
        for reference in (name for name in stage.images if "plain" not in name):
            assert ours.pull(reference, platform) == theirs.pull(reference, platform)


def test_the_image_is_exported_by_what_imager_exports_with(
    layouts: tuple[Path, Path], stage: Stage, crane: Crane, tmp_path: Path
) -> None:
    """facts: imager reads a cache with crane's Export; a pushed layout it pulls by reference."""
    _, ours = layouts
    reference = f"{stage.registry.host}/image-cache:v1.11.5"
    crane.run("push", str(ours), reference)
    assert exported(crane, reference, tmp_path) == read(ours).files


def exported(crane: Crane, reference: str, folder: Path) -> dict[str, str]:
    """Return each file's sha256, as `crane export` gives them."""
    crane.run("export", reference, str(folder / "exported.tar"))
    with tarfile.open(folder / "exported.tar") as archive:
        return {
            m.name: hashlib.sha256(archive.extractfile(m).read()).hexdigest()  # type: ignore[union-attr]
            for m in archive.getmembers()
            if m.isfile()
        }


@pytest.mark.parametrize("program", ["distribution", "docker_registry"])
def test_what_we_push_ourselves_is_the_same_image_as_the_layout(
    program: str,
    stage: Stage,
    crane: Crane,
    certificates: Certificates,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    registry: RealRegistry = request.getfixturevalue(program)
    content = CacheContent(platforms=("linux/amd64",), images=stage.images)
    write_directory("oci", build_tree(stage.store, content), "linux/amd64", tmp_path / "layout")
    destination = RegistryDestination(
        kind="existing", endpoint=registry.url, ca=certificates.authority.read_text()
    )
    place = "image-cache:v1.11.5-amd64"
    ledger = Ledger(tmp_path / "ledger", destination.identity)
    for pushed in (1, 0):
        with connect(destination) as client:
            done = push_cache(stage.store, client, destination, "s", content, place, ledger)
        assert (done.pushed, done.present) == (pushed, 1 - pushed)
    (entry,) = json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"]
    reference = f"{registry.host}/{place}"
    assert crane.digest(reference) == entry["digest"]
    assert exported(crane, reference, tmp_path) == read(tmp_path / "layout").files
