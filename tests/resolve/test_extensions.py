"""Extensions and schematics of server classes, read from the practice catalogue images."""

from __future__ import annotations

import hashlib

import pytest

from airgap.errors import TransferError
from airgap.lock import check_lock, format_lock, parse_lock
from airgap.oci import parse_reference
from airgap.resolve.listing import list_images
from lab.catalogue import extension_tag
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from tests.resolve.conftest import MakeSite, resolve
from tests.resolve.test_resolution import FACTORY, manifest_digest

ISCSI = "siderolabs/iscsi-tools"
CATALOGUE = parse_reference(f"ghcr.io/siderolabs/extensions:{RELEASE}")


def server_class(name: str, *extensions: str, environment: str = "metal") -> dict[str, object]:
    """Describe a server class."""
    return {"name": name, "environment": environment, "extensions": list(extensions)}


def test_a_class_pulls_in_its_extensions_and_what_the_factory_needs(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site(imageFactory=FACTORY, serverClasses=[server_class("gpu", ISCSI)])
    lock = resolve(site).lock
    reference = f"ghcr.io/{ISCSI}:{extension_tag('iscsi-tools', RELEASE)}"
    digest = manifest_digest(upstream, reference)
    assert lock.extensions == {RELEASE: {ISCSI: f"{reference}@{digest}"}}
    assert lock.images[reference].digest == digest
    assert lock.images[reference].need == "extensions"
    assert lock.images[reference].needed_by == ("server class gpu",)
    # image-factory v1.5.0 internal/artifacts: what it pulls for Talos >= 1.10
    for name in ("imager", "installer-base", "extensions", "overlays"):
        assert f"ghcr.io/siderolabs/{name}:{RELEASE}" in lock.images
    assert f"ghcr.io/siderolabs/installer:{RELEASE}" not in lock.images  # built on site
    assert parse_lock(format_lock(lock)) == lock
    check_lock(site, lock)


def test_classes_with_equal_customisation_share_a_schematic(make_site: MakeSite) -> None:
    site = make_site(
        imageFactory=FACTORY,
        serverClasses=[
            server_class("b", "siderolabs/gvisor"),
            server_class("a", "siderolabs/gvisor"),
            server_class("plain"),
        ],
    )
    schematics = resolve(site).lock.schematics
    # docs of image-factory: aws.yaml (gvisor only), and the empty schematic
    gvisor = (
        "customization:\n    systemExtensions:\n        officialExtensions:\n"
        "            - siderolabs/gvisor\n"
    )
    assert {pin.canonical: pin.classes for pin in schematics.values()} == {
        gvisor: ("a", "b"),
        "customization: {}\n": ("plain",),
    }
    assert "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba" in schematics
    assert hashlib.sha256(gvisor.encode()).hexdigest() in schematics


def test_without_a_factory_there_are_no_schematics(make_site: MakeSite) -> None:
    lock = resolve(make_site(serverClasses=[server_class("plain")])).lock
    assert lock.schematics == {}
    assert lock.extensions == {}


def test_an_unknown_extension_names_class_release_and_candidates(make_site: MakeSite) -> None:
    site = make_site(
        imageFactory=FACTORY,
        serverClasses=[server_class("gpu", "siderolabs/nvidia-gpu", "siderolabs/iscsi-tool")],
    )
    with pytest.raises(TransferError) as caught:
        resolve(site)
    ((item, error),) = caught.value.failures
    text = error.diagnostics()
    assert item == str(CATALOGUE)
    assert f"Talos {RELEASE} has no extension 'siderolabs/nvidia-gpu'" in text
    assert "siderolabs/nvidia-container-toolkit-lts or " in text
    assert "siderolabs/nvidia-open-gpu-kernel-modules-lts" in text
    assert "did you mean siderolabs/iscsi-tools" in text
    assert text.count("serverClasses.gpu.extensions") == 2


TWO_RELEASES: dict[str, object] = {
    "talos": {"versions": [RELEASE, NEXT_RELEASE]},
    "environments": [
        {"name": "metal", "talos": RELEASE},
        {"name": "next", "talos": NEXT_RELEASE, "schematicOf": "gpu"},
    ],
    "imageFactory": FACTORY,
}


def test_extensions_of_what_another_release_boots_are_of_that_release(make_site: MakeSite) -> None:
    """`schematicOf` has a class' schematic built of the environment's own Talos."""
    site = make_site(**TWO_RELEASES, serverClasses=[server_class("gpu", ISCSI)])
    lock = resolve(site).lock
    tags = {version: extension_tag("iscsi-tools", version) for version in (RELEASE, NEXT_RELEASE)}
    assert {
        version: parse_reference(by_name[ISCSI]).tag for version, by_name in lock.extensions.items()
    } == tags
    chains = {chain for item in list_images(site, lock).values() for chain in item.chains}
    at = f"serverClasses[0] gpu → extensions[0] {ISCSI} → catalogue of Talos"
    assert chains >= {f"{at} {RELEASE}", f"{at} {NEXT_RELEASE}"}


def test_an_extension_that_the_booted_release_lacks_is_told_before_it_is_built(
    make_site: MakeSite,
) -> None:
    site = make_site(**TWO_RELEASES, serverClasses=[server_class("gpu", "siderolabs/iscsi-tool")])
    with pytest.raises(TransferError) as caught:
        resolve(site)
    for version in (RELEASE, NEXT_RELEASE):
        assert f"Talos {version} has no extension" in caught.value.diagnostics()


def test_an_alias_is_locked_under_the_authors_name(make_site: MakeSite) -> None:
    alias = "siderolabs/i915-ucode"  # image-factory's alias table: now siderolabs/i915
    site = make_site(imageFactory=FACTORY, serverClasses=[server_class("gpu", alias)])
    lock = resolve(site).lock
    assert lock.extensions[RELEASE][alias].startswith("ghcr.io/siderolabs/i915:")
    (schematic,) = lock.schematics.values()
    assert alias in schematic.canonical  # an alias does not change the ID


def test_a_known_extension_is_not_looked_up_again(upstream: Upstream, make_site: MakeSite) -> None:
    site = make_site(imageFactory=FACTORY, serverClasses=[server_class("gpu", ISCSI)])
    before = resolve(site).lock
    upstream.outside.requests.clear()
    assert resolve(site, before).lock == before
    assert upstream.outside.requests.select(method="GET", path="siderolabs/extensions") == []


def test_a_further_extension_comes_from_the_locked_catalogue(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site(imageFactory=FACTORY, serverClasses=[server_class("gpu", ISCSI)])
    before = resolve(site).lock
    upstream.registry.content.untag("ghcr.io/siderolabs/extensions", RELEASE)
    more = make_site(
        imageFactory=FACTORY, serverClasses=[server_class("gpu", ISCSI, "siderolabs/gvisor")]
    )
    after = resolve(more, before)
    assert set(after.lock.extensions[RELEASE]) == {ISCSI, "siderolabs/gvisor"}
    assert [note.subject for note in after.notes] == [str(CATALOGUE)]


def test_a_tag_that_two_catalogues_give_two_digests_keeps_both(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site(
        talos={"versions": [RELEASE, NEXT_RELEASE]},
        environments=[
            {"name": "metal", "talos": RELEASE},
            {"name": "next", "talos": NEXT_RELEASE},
        ],
        imageFactory=FACTORY,
        serverClasses=[
            server_class("old", ISCSI),
            server_class("new", ISCSI, environment="next"),
        ],
    )
    shared = resolve(site).lock
    assert shared.extensions[RELEASE] == shared.extensions[NEXT_RELEASE]
    image = shared.extensions[RELEASE][ISCSI].partition("@")[0]
    assert shared.images[image].needed_by == ("server class new", "server class old")
    other = manifest_digest(upstream, f"ghcr.io/siderolabs/installer:{RELEASE}")
    changed = {**shared.extensions, NEXT_RELEASE: {ISCSI: f"{image}@{other}"}}
    retagged = shared.model_copy(update={"extensions": changed})
    copy_image(upstream, "ghcr.io/siderolabs/installer", RELEASE, f"ghcr.io/{ISCSI}")
    after = resolve(site, retagged).lock
    assert after.images[image].digest == shared.images[image].digest
    assert after.images[f"ghcr.io/{ISCSI}@{other}"].needed_by == ("server class new",)


def copy_image(upstream: Upstream, source: str, tag: str, destination: str) -> None:
    """Copy a multi-platform image into another repository, without a tag."""
    content = upstream.registry.content
    index = content.find(source, tag)
    assert index is not None
    for child in index.children:
        manifest = content.find(source, str(child.digest))
        assert manifest is not None
        for blob in manifest.blobs:
            content.link(destination, str(blob.digest))
        content.put_manifest(destination, manifest.raw)
    content.put_manifest(destination, index.raw)
