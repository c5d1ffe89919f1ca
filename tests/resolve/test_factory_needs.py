"""What a lock carries for an Image Factory is all that it reads, and nothing that it does not.

Held against the practice factory, which pulls what siderolabs/image-factory v1.5.0 pulls
(`internal/artifacts`): over a registry that has the locked images and nothing else, it builds every
class' installer and boot assets and lists its catalogues; with any one image less, it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from airgap.lock import ImagePin, Lock, factory_artifacts, factory_signatures
from airgap.oci import Manifest, parse_reference
from airgap.oci.manifest import ACCEPT
from airgap.site.model import Site
from airgap.talos import factory_installer, initramfs_name
from lab.builds import BuildSizes
from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient
from lab.signing import PUBLIC_KEY
from lab.upstream import RELEASE, Upstream
from tests.resolve.conftest import make_redirected, resolve

OLD = "v1.9.6"
SIZES = BuildSizes(kernel=1024, initramfs=1024, disk=1024)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    directory = tmp_path_factory.mktemp("upstream")
    with Upstream(directory, small=True, releases=(OLD, RELEASE)) as running:
        yield running


@pytest.fixture(scope="module")
def site(upstream: Upstream) -> Site:
    """Two releases, two architectures; extensions, an alias, an overlay, and a plain class."""

    def environment(name: str, talos: str, architecture: str) -> dict[str, str]:
        return {"name": name, "talos": talos, "architecture": architecture}

    overlay = {"name": "rpi_generic", "image": "siderolabs/sbc-raspberrypi"}
    return make_redirected(
        upstream,
        talos={"versions": [OLD, RELEASE]},
        architectures=["amd64", "arm64"],
        images=[],
        imageFactory={
            "kind": "existing",
            "version": "v1.5.0",
            "endpoint": "https://factory.example",
            "registry": "r.example:5000",
            "talosctl": True,
        },
        environments=[
            environment("old", OLD, "amd64"),
            environment("metal", RELEASE, "amd64"),
            environment("boards", RELEASE, "arm64"),
        ],
        serverClasses=[
            {"name": "old", "environment": "old", "extensions": ["siderolabs/iscsi-tools"]},
            {
                "name": "gpu",
                "environment": "metal",
                "extensions": ["siderolabs/i915-ucode", "siderolabs/gvisor"],
            },
            {"name": "plain", "environment": "metal"},
            {"name": "pis", "environment": "boards", "overlay": overlay},
        ],
    )


@pytest.fixture(scope="module")
def lock(site: Site) -> Lock:
    return resolve(site).lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A registry with images of a lock and nothing else, and a factory that reads it."""

    upstream: Upstream
    registry: Registry
    factory: Factory

    def carry(self, images: Mapping[str, ImagePin]) -> None:
        for key, pin in images.items():
            self.carry_one(key, pin)

    def carry_one(self, key: str, pin: ImagePin) -> None:
        """Copy an image to where the factory looks: its repository without the host."""
        reference = parse_reference(key)
        self._copy(reference.name, reference.repository, pin.digest, reference.tag)

    def take_away(self, key: str, pin: ImagePin) -> None:
        """Remove an image; what another tag points to stays."""
        reference, content = parse_reference(key), self.registry.content
        repository = content.repository(reference.repository)
        assert repository is not None
        if reference.tag:
            content.untag(reference.repository, reference.tag)
        if pin.digest not in repository.tags.values():
            content.remove_manifest(reference.repository, pin.digest)

    def _copy(self, source: str, destination: str, digest: str, tag: str | None = None) -> None:
        manifest = self._find(source, digest)
        outside, inside = self.upstream.registry.content, self.registry.content
        for child in manifest.children:
            self._copy(source, destination, str(child.digest))
        for blob in manifest.blobs:
            inside.add_blob(destination, outside.pool.read(str(blob.digest)))
        inside.put_manifest(destination, manifest.raw, tag=tag)

    def _find(self, name: str, digest: str) -> Manifest:
        found = self.upstream.registry.content.find(name, digest)
        assert found is not None
        return found

    def failures(self, site: Site, lock: Lock) -> Iterator[str]:
        """Ask for everything that the site may ask its factory for; yield what does not come."""
        self.factory.forget()  # what it built
        with httpx.Client(
            base_url=self.factory.url, trust_env=False, timeout=60, headers={"Accept": ACCEPT}
        ) as client:
            for path in (*_listings(site), *_builds(site, lock)):
                answer = client.get(path)
                if answer.status_code != 200:
                    yield f"{path}: {answer.status_code} {answer.text.strip()}"


def _listings(site: Site) -> Iterator[str]:
    for version in site.talos.versions:
        yield f"/version/{version}/extensions/official"
        yield f"/version/{version}/overlays/official"
    yield f"/talosctl/{RELEASE}"


def _builds(site: Site, lock: Lock) -> Iterator[str]:
    """Yield each class' installer, then its boot assets: the former need the most."""
    environments = {item.name: item for item in site.environments}
    classes = {item.name: environments[item.environment] for item in site.server_classes}
    made = [(identity, name) for identity, pin in lock.schematics.items() for name in pin.classes]
    for identity, name in made:
        talos = classes[name].talos
        installer = factory_installer(talos, host="", schematic=identity).rpartition(":")[0]
        yield f"/v2{installer}/manifests/{talos}"
    for identity, name in made:
        talos, architecture = classes[name].talos, classes[name].architecture
        yield f"/image/{identity}/{talos}/kernel-{architecture}"
        yield f"/image/{identity}/{talos}/{initramfs_name(architecture)}"


@contextmanager
def open_inside(upstream: Upstream, lock: Lock, *, public_key: str = "") -> Iterator[Inside]:
    """Start a factory that knows the schematics and whose registry is empty."""
    with Registry() as registry, Registry() as own:
        registries = FactoryRegistries(
            core=RegistryClient(registry.url),
            schematic=RegistryClient(own.url),
            installer=RegistryClient(own.url),
        )
        with Factory(registries, sizes=SIZES, public_key=public_key) as factory:
            for identity, pin in lock.schematics.items():
                url = f"{factory.url}/schematics"
                answer = httpx.post(url, content=pin.canonical, trust_env=False)
                assert answer.json()["id"] == identity
            yield Inside(upstream=upstream, registry=registry, factory=factory)


def test_a_lock_names_what_the_factory_reads(lock: Lock) -> None:
    # image-factory v1.5.0 `internal/artifacts`; `installer-base` from Talos 1.10 on, talosctl from
    # 1.11 on; i915-ucode is an alias of i915
    names = {parse_reference(key).repository for key in factory_artifacts(lock)}
    assert {parse_reference(key).tag for key in factory_artifacts(lock)} >= {OLD, RELEASE}
    base = {f"ghcr.io/siderolabs/{name}:{OLD}" for name in ("imager", "installer")}
    base |= {f"ghcr.io/siderolabs/{name}:{RELEASE}" for name in ("imager", "installer-base")}
    base |= {f"ghcr.io/siderolabs/extensions:{each}" for each in (OLD, RELEASE)}
    base |= {f"ghcr.io/siderolabs/overlays:{each}" for each in (OLD, RELEASE)}
    base.add(f"ghcr.io/siderolabs/talosctl-all:{RELEASE}")
    assert base <= factory_artifacts(lock).keys()
    added = {"iscsi-tools", "i915", "gvisor", "sbc-raspberrypi"}
    assert names - {parse_reference(key).repository for key in base} == {
        f"siderolabs/{name}" for name in added
    }
    assert len(factory_artifacts(lock)) == len(base) + len(added)


def test_a_factory_builds_everything_from_the_locked_images_alone(
    upstream: Upstream, site: Site, lock: Lock
) -> None:
    with open_inside(upstream, lock) as inside:
        inside.carry(factory_artifacts(lock))
        assert [*inside.failures(site, lock)] == []


def test_a_factory_that_verifies_needs_each_image_and_each_signature(
    upstream: Upstream, site: Site, lock: Lock
) -> None:
    artifacts, signatures = factory_artifacts(lock), factory_signatures(lock)
    with open_inside(upstream, lock, public_key=PUBLIC_KEY) as inside:
        inside.carry(artifacts)
        inside.carry(signatures)
        assert [*inside.failures(site, lock)] == []
        needless = []
        for key, pin in {**artifacts, **signatures}.items():
            inside.take_away(key, pin)
            if next(inside.failures(site, lock), None) is None:
                needless.append(key)
            inside.carry_one(key, pin)
        assert needless == []
        assert [*inside.failures(site, lock)] == []  # it was the one that was missing
