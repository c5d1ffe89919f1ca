"""What the practice factory's builds need, how long they take, and what comes with a version.

Image Factory's own source, v1.0.3 to v1.5.0; what a real one answers is held by
`tests/peers/test_image_factory*.py`, with this factory beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.oci.manifest import ACCEPT
from lab.factory import Factory, FactoryRegistries
from lab.objectstore import ObjectStore
from lab.registry import Registry
from lab.registryclient import RegistryClient
from lab.signing import PUBLIC_KEY
from tests.peers.factorycatalogue import RELEASE, imager_file, publish_catalogue

_EMPTY = "{}"
_FULL = json.dumps(
    {
        "overlay": {"name": "rock5b", "image": "siderolabs/sbc-rockchip"},
        "customization": {"systemExtensions": {"officialExtensions": ["siderolabs/gvisor"]}},
    }
)
_DISK_FORMS = tuple(
    f"metal-amd64.{disk}{compression}"
    for disk in ("raw", "qcow2", "vhd", "ova")
    for compression in ("", ".tar.gz", ".gz", ".xz", ".zst")
)


class Workshop:
    """A registry with a release in it, and factories over it that last as long as the stack."""

    def __init__(self, registry: Registry, stack: ExitStack) -> None:
        self.registry = registry
        self._stack = stack

    def factory(self, **settings: object) -> tuple[Factory, httpx.Client]:
        """Start a factory; return it with a client of its."""
        root = RegistryClient(self.registry.url)
        registries = FactoryRegistries(
            core=root,
            schematic=root,
            installer=RegistryClient(self.registry.url, namespace="made"),
        )
        factory = Factory(registries, **settings)  # type: ignore[arg-type]  # as its own are
        self._stack.enter_context(factory)
        client = httpx.Client(base_url=factory.url, trust_env=False, timeout=60)
        self._stack.enter_context(client)
        return factory, client

    def pulled(self) -> set[str]:
        """Return the repositories that manifests were asked of, signatures and tags aside."""
        paths = [exchange.path for exchange in self.registry.requests.select(path="/manifests/")]
        return {path.partition("/manifests/")[0].removeprefix("/v2/") for path in paths}

    def remove(self, name: str) -> None:
        """Remove every manifest of a repository."""
        repository = self.registry.content.repository(name)
        assert repository is not None
        for digest in [*repository.manifests]:
            self.registry.content.remove_manifest(name, digest)


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """A registry with a release in it that no test changes for good."""
    with Registry() as started:
        publish_catalogue(started.content)
        yield started


@pytest.fixture
def workshop(registry: Registry) -> Iterator[Workshop]:
    """Factories of the test's own over the registry of all."""
    with ExitStack() as stack:
        yield Workshop(registry, stack)


@pytest.fixture
def own_workshop() -> Iterator[Workshop]:
    """A workshop of the test's own, to be spoilt."""
    with ExitStack() as stack:
        registry = stack.enter_context(Registry())
        publish_catalogue(registry.content)
        yield Workshop(registry, stack)


def _register(client: httpx.Client, body: str) -> str:
    answer = client.post("/schematics", content=body)
    assert answer.status_code == 201, answer.text
    document: Mapping[str, str] = answer.json()
    return document["id"]


def test_a_held_build_holds_nobody_else_and_happens_once(workshop: Workshop) -> None:
    factory, client = workshop.factory()
    url = f"/image/{_register(client, _EMPTY)}/{RELEASE}/initramfs-amd64.xz"
    factory.gate.close()
    with ThreadPoolExecutor(2) as pool:
        try:
            asked = [pool.submit(client.get, url) for _ in range(2)]
            factory.gate.wait_for("initramfs")
            assert client.get("/versions").status_code == 200
            assert factory.builds == []
        finally:
            factory.gate.open()
        first, second = (each.result(60) for each in asked)
    assert (first.status_code, first.content) == (200, second.content)
    assert len(factory.builds) == 1


def test_a_forgotten_asset_is_built_again_the_same(workshop: Workshop) -> None:
    factory, client = workshop.factory()
    url = f"/image/{_register(client, _EMPTY)}/{RELEASE}/metal-amd64.iso"
    before = client.get(url).content
    factory.forget()
    assert client.get(url).content == before
    assert len(factory.builds) == 2


def test_an_object_store_serves_what_was_built(workshop: Workshop) -> None:
    """`cache.s3`: GET is sent on to a presigned URL, HEAD is not."""
    with ObjectStore() as store:
        _, client = workshop.factory(object_store=store)
        url = f"/image/{_register(client, _EMPTY)}/{RELEASE}/kernel-amd64"
        assert client.head(url).status_code == 200
        sent_on = client.get(url)
        location = sent_on.headers["Location"]
        assert (sent_on.status_code, location.startswith(store.url)) == (302, True)
        assert client.get(location).content == imager_file("amd64", "vmlinuz")
        assert client.get(location.partition("?")[0]).status_code == 403


def test_disk_images_come_in_all_forms(workshop: Workshop) -> None:
    _, client = workshop.factory()
    base = f"/image/{_register(client, _EMPTY)}/{RELEASE}"
    for path in _DISK_FORMS:
        answer = client.get(f"{base}/{path}")
        assert (answer.status_code, len(answer.content) > 0) == (200, True), path


# What a build needs


@pytest.mark.parametrize(
    ("asset", "body", "needed"),
    [
        ("kernel-arm64", _FULL, {"imager"}),
        ("cmdline-metal-arm64", _FULL, {"imager"}),
        ("initramfs-arm64.xz", _EMPTY, {"imager"}),
        (
            "initramfs-arm64.xz",
            _FULL,
            {"imager", "extensions", "gvisor", "overlays", "sbc-rockchip"},
        ),
        ("installer-arm64.tar", _EMPTY, {"imager", "installer-base"}),
    ],
)
def test_a_build_needs_these_images_and_no_others(
    workshop: Workshop, asset: str, body: str, needed: set[str]
) -> None:
    factory, client = workshop.factory()
    url = f"/image/{_register(client, body)}/{RELEASE}/{asset}"
    workshop.registry.requests.clear()
    assert client.get(url).status_code == 200
    assert workshop.pulled() == {f"siderolabs/{name}" for name in needed}
    for name in needed:
        factory.forget()
        kept = workshop.registry.content.repository(f"siderolabs/{name}")
        assert kept is not None
        manifests = dict(kept.manifests)
        kept.manifests.clear()
        answer = client.get(url)
        assert (answer.status_code, answer.text) == (500, "internal server error\n"), name
        assert f"/v2/siderolabs/{name}/manifests/" in factory.failures[-1]
        kept.manifests.update(manifests)


def test_installers_are_made_for_both_architectures_and_signed(workshop: Workshop) -> None:
    _, client = workshop.factory()
    identity = _register(client, _FULL)
    workshop.registry.requests.clear()
    answer = client.get(
        f"/v2/metal-installer/{identity}/manifests/{RELEASE}", headers={"Accept": ACCEPT}
    )
    platforms = [each["platform"]["architecture"] for each in answer.json()["manifests"]]
    assert platforms == ["amd64", "arm64"]
    assert "siderolabs/installer-base" in workshop.pulled()
    digest = answer.headers["Docker-Content-Digest"]
    made = f"made/metal-installer/{identity}"
    tag = f"{digest.replace(':', '-')}.sig"
    assert workshop.registry.content.find(made, tag) is not None


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_an_overlay_is_needed_for_the_factorys_architecture_and_the_targets(
    own_workshop: Workshop, arch: str
) -> None:
    _, client = own_workshop.factory()
    url = f"/image/{_register(client, _FULL)}/{RELEASE}/initramfs-arm64.xz"
    overlay = own_workshop.registry.content.find("siderolabs/sbc-rockchip", "v0.1.6")
    assert overlay is not None
    (child,) = [each for each in overlay.children if str(each.platform) == f"linux/{arch}"]
    own_workshop.registry.content.remove_manifest("siderolabs/sbc-rockchip", str(child.digest))
    assert client.get(url).status_code == 500


def test_a_factory_with_a_key_builds_from_what_it_signed_only(workshop: Workshop) -> None:
    """`publicKeyFile`: every image pulled, by the `.sig` tag beside it."""
    _, trusting = workshop.factory(public_key=PUBLIC_KEY)
    url = f"/image/{_register(trusting, _FULL)}/{RELEASE}/initramfs-arm64.xz"
    assert trusting.get(url).status_code == 200
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    _, wary = workshop.factory(public_key=pem)
    assert wary.get(url).status_code == 500


@pytest.mark.parametrize("name", ["imager", "extensions", "gvisor", "overlays", "sbc-rockchip"])
def test_a_missing_signature_is_a_bare_500(own_workshop: Workshop, name: str) -> None:
    _, client = own_workshop.factory(public_key=PUBLIC_KEY)
    url = f"/image/{_register(client, _FULL)}/{RELEASE}/initramfs-arm64.xz"
    repository = own_workshop.registry.content.repository(f"siderolabs/{name}")
    assert repository is not None
    for tag in [tag for tag in repository.tags if tag.endswith(".sig")]:
        own_workshop.registry.content.untag(f"siderolabs/{name}", tag)
    assert client.get(url).status_code == 500


@pytest.mark.parametrize(("version", "status"), [("v1.4.0", 200), ("v1.3.3", 500)])
def test_a_core_namespace_is_read_since_v1_4(
    own_workshop: Workshop, version: str, status: int
) -> None:
    """Before, the key is ignored and everything is looked for at the registry's root."""
    publish_catalogue(own_workshop.registry.content, prefix="project/")
    own_workshop.remove("siderolabs/imager")
    _, client = own_workshop.factory(version=version, core_namespace="project")
    url = f"/image/{_register(client, _FULL)}/{RELEASE}/initramfs-arm64.xz"
    assert client.get(url).status_code == status
    if status == 200:
        listed = client.get(f"/version/{RELEASE}/extensions/official").json()
        assert listed[0]["ref"].startswith(f"{own_workshop.registry.host}/siderolabs/")


# What came with which version


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("v0.9.0", set()),
        ("v1.0.3", {"Server"}),
        ("v1.4.0", {"Server"}),
        ("v1.5.0", {"Server", "X-Request-ID"}),
    ],
)
def test_headers_came_one_by_one(workshop: Workshop, version: str, headers: set[str]) -> None:
    _, client = workshop.factory(version=version)
    answer = client.get("/healthz", headers={"X-Request-ID": "abc"})
    own = {"Server": f"Image Factory {version}", "X-Request-ID": "abc"}
    assert {name for name, value in own.items() if answer.headers.get(name) == value} == headers


@pytest.mark.parametrize(
    ("version", "statuses"),
    [("v1.0.3", (400, 400)), ("v1.1.0", (402, 400)), ("v1.5.0", (402, 402))],
)
def test_what_an_enterprise_edition_has_came_as_a_402(
    workshop: Workshop, version: str, statuses: tuple[int, int]
) -> None:
    _, client = workshop.factory(version=version)
    base = f"/image/{_register(client, _EMPTY)}/{RELEASE}/kernel-amd64"
    found = tuple(client.get(base + end).status_code for end in (".sha512", ".sigstore.json"))
    assert found == statuses


def test_media_types_are_the_assets_since_v1_1(workshop: Workshop) -> None:
    """`internal/mime`; before, the machine's table is asked, and nothing is said of the rest."""
    _, client = workshop.factory(version="v1.1.0")
    base = f"/image/{_register(client, _EMPTY)}/{RELEASE}"
    wanted = {
        "kernel-amd64": "application/octet-stream",
        "initramfs-amd64.xz": "application/x-xz",
        "metal-amd64.iso": "application/x-iso9660-image",
        "metal-amd64-uki.efi": "application/efi",
        "metal-amd64.qcow2": "application/x-qemu-disk",
    }
    found = {path: client.head(f"{base}/{path}").headers["Content-Type"] for path in wanted}
    assert found == wanted


def test_secureboot_is_made_where_it_is_enabled(workshop: Workshop) -> None:
    _, client = workshop.factory(secureboot_certificate=PUBLIC_KEY)
    identity = _register(client, _EMPTY)
    for path in ("metal-amd64-secureboot.iso", "metal-amd64-secureboot-uki.efi"):
        assert client.get(f"/image/{identity}/{RELEASE}/{path}").status_code == 200
    script = client.get(f"/pxe/{identity}/{RELEASE}/metal-amd64-secureboot").text
    assert f"/image/{identity}/{RELEASE}/metal-amd64-secureboot-uki.efi talos.platform" in script
    assert "lockdown=confidentiality" in script
    assert client.get("/secureboot/signing-cert.pem").text == PUBLIC_KEY
    unknown = _register(client, "customization: {secureboot: {enrollKeys: sometimes}}")
    refused = client.get(f"/image/{unknown}/{RELEASE}/metal-amd64-secureboot.iso")
    assert (refused.status_code, "sometimes" in refused.text) == (400, True)


def test_embedded_configuration_needs_talos_1_12(workshop: Workshop) -> None:
    _, client = workshop.factory()
    identity = _register(client, "customization: {embeddedMachineConfiguration: 'x: y'}")
    refused = client.get(f"/image/{identity}/{RELEASE}/initramfs-amd64.xz")
    text = (
        "error enhancing profile from schematic: "
        "embedding configuration is not supported for Talos version v1.11.5\n"
    )
    assert (refused.status_code, refused.text) == (400, text)
    assert client.get(f"/image/{identity}/{RELEASE}/kernel-amd64").status_code == 200
    assert client.get(f"/image/{identity}/v1.12.4/initramfs-amd64.xz").status_code == 200


def test_talosctl_builds_are_listed_by_url(workshop: Workshop) -> None:
    _, client = workshop.factory(external_url="https://factory.example")
    urls = client.get(f"/talosctl/{RELEASE}").json()
    base = f"https://factory.example/talosctl/{RELEASE}/talosctl"
    names = ("darwin-arm64", "linux-amd64", "linux-arm64", "windows-amd64.exe")
    assert urls == [f"{base}-{name}" for name in names]
