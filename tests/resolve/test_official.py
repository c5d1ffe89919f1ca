"""Overlays, whole catalogues and mirrored installers in a lock, against the practice upstream."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airgap.errors import SiteError, TransferError
from airgap.lock import Lock, check_lock, factory_artifacts, format_lock, parse_lock
from airgap.progress import Awaited, Event, Report
from airgap.resolve import list_images, resolve_site
from airgap.site.model import Site
from airgap.transfer.sources import open_upstream
from lab.catalogue import EXTENSIONS, OVERLAYS, extension_tag
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from tests.resolve.conftest import IMPATIENT, make_redirected, resolve
from tests.resolve.test_resolution import FACTORY, manifest_digest

EMPTY = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
"""The empty schematic's ID (documentation of image-factory)."""
INSTALLER = f"factory.talos.dev/metal-installer/{EMPTY}:{RELEASE}"
RASPBERRY = "ghcr.io/siderolabs/sbc-raspberrypi:v0.1.5"
ROCKCHIP = "ghcr.io/siderolabs/sbc-rockchip:v0.1.6"
FACTORY_IMAGE = "image-factory:v1.5.0"
TALOSCTL_IMAGE = f"talosctl-all:{RELEASE}"
GVISOR = "siderolabs/gvisor"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    directory = tmp_path_factory.mktemp("upstream")
    with Upstream(directory, small=True, releases=(RELEASE, NEXT_RELEASE)) as running:
        yield running


def server_class(name: str, **more: object) -> dict[str, object]:
    """Describe a server class."""
    return {"name": name, "environment": "metal", **more}


def overlay(name: str, image: str = "siderolabs/sbc-rockchip") -> dict[str, str]:
    """Describe an overlay."""
    return {"name": name, "image": image}


def with_factory(upstream: Upstream, *classes: dict[str, object], **factory: object) -> Site:
    """Make a site whose factory runs inside."""
    return make_redirected(
        upstream, imageFactory={**FACTORY, **factory}, serverClasses=list(classes)
    )


def without_factory(upstream: Upstream, *classes: dict[str, object]) -> Site:
    """Make a site whose installers are made outside."""
    return make_redirected(
        upstream,
        imageFactory={"kind": "none", "installer": "mirrored"},
        serverClasses=list(classes),
    )


# Overlays


@pytest.fixture(scope="module")
def boards(upstream: Upstream) -> tuple[Site, Lock]:
    site = with_factory(
        upstream,
        server_class("rocks", overlay=overlay("rock5b")),
        server_class("turings", overlay=overlay("turingrk1")),
        server_class("pis", overlay=overlay("rpi_generic", "siderolabs/sbc-other")),
    )
    return site, resolve(site).lock


def test_an_overlays_image_is_locked_by_its_digest(
    upstream: Upstream, boards: tuple[Site, Lock]
) -> None:
    site, lock = boards
    digest = manifest_digest(upstream, ROCKCHIP)
    assert lock.overlays == {
        RELEASE: {
            "rock5b": f"{ROCKCHIP}@{digest}",
            "rpi_generic": f"{RASPBERRY}@{manifest_digest(upstream, RASPBERRY)}",
            "turingrk1": f"{ROCKCHIP}@{digest}",
        }
    }
    pin = lock.images[ROCKCHIP]  # of two names, one image
    assert (pin.digest, pin.need) == (digest, "extensions")
    assert pin.needed_by == ("server class rocks", "server class turings")
    assert parse_lock(format_lock(lock)) == lock
    check_lock(site, lock)


def test_an_overlay_is_looked_up_by_name_and_another_image_is_noted(
    boards: tuple[Site, Lock],
) -> None:
    site, lock = boards
    again = resolve(site, lock)
    assert again.lock == lock
    (note,) = again.notes
    assert note.subject == "server class pis"
    assert "is of image siderolabs/sbc-raspberrypi, not of siderolabs/sbc-other" in note.message


def test_an_unknown_overlay_is_an_error_with_what_there_is(upstream: Upstream) -> None:
    site = with_factory(upstream, server_class("pis", overlay=overlay("rpi-generic")))
    with pytest.raises(TransferError) as caught:
        resolve(site)
    text = caught.value.diagnostics()
    assert f"serverClasses.pis.overlay.name: Talos {RELEASE} has no overlay 'rpi-generic'" in text
    assert "did you mean rpi_generic?" in text


def test_the_listing_says_what_pulls_an_overlay_in(boards: tuple[Site, Lock]) -> None:
    listed = list_images(*boards)
    assert listed[RASPBERRY].chains == (
        f"serverClasses[2] pis → overlay rpi_generic → catalogue of Talos {RELEASE}",
    )
    unlocked = list_images(boards[0])[f"rpi_generic (Talos {RELEASE})"]
    assert (unlocked.pin, unlocked.remark) == (None, "known once locked")


# Whole catalogues


def test_a_whole_catalogue_brings_every_extension_and_overlay(upstream: Upstream) -> None:
    site = with_factory(upstream, server_class("gpu", extensions=[GVISOR]), catalogue="all")
    lock = resolve(site).lock
    everything = {f"{name}:{extension_tag(name, RELEASE)}" for name in EXTENSIONS}
    everything |= set(OVERLAYS.values())
    held = {key for key, pin in lock.images.items() if pin.need == "extensions"}
    catalogues = {f"ghcr.io/siderolabs/{name}:{RELEASE}" for name in ("extensions", "overlays")}
    assert held - catalogues == {f"ghcr.io/siderolabs/{image}" for image in everything}
    assert held <= factory_artifacts(lock).keys()
    assert lock.extensions[RELEASE].keys() == {f"siderolabs/{name}" for name in EXTENSIONS}
    assert lock.overlays is not None
    assert lock.overlays[RELEASE].keys() == OVERLAYS.keys()
    assert lock.images[RASPBERRY].needed_by == (f"whole catalogue of {RELEASE}",)
    gvisor = lock.extensions[RELEASE][GVISOR].partition("@")[0]
    assert lock.images[gvisor].needed_by == ("server class gpu", f"whole catalogue of {RELEASE}")
    check_lock(site, lock)


def test_a_lock_with_more_than_the_site_needs_fits_it(upstream: Upstream) -> None:
    needed = with_factory(upstream, server_class("gpu", extensions=[GVISOR]))
    small = resolve(needed).lock
    large = resolve(needed, small, every=True).lock
    assert small.images.keys() < large.images.keys()
    assert large.inputs.image_factory == f"{small.inputs.image_factory} all"
    check_lock(needed, large)
    assert (
        list_images(needed, large)[RASPBERRY].chains[0]
        == f"lock --all → catalogue of Talos {RELEASE}"
    )
    assert resolve(needed, large).lock == small  # and without it, what is named again
    upstream.outside.requests.clear()
    assert resolve(needed, large, every=True).lock == large
    assert upstream.outside.requests.select(method="GET", path="siderolabs/extensions") == []


def test_a_site_without_a_factory_has_no_use_for_whole_catalogues(upstream: Upstream) -> None:
    with pytest.raises(SiteError, match=r"imageFactory\.kind: the site has no Image Factory"):
        resolve(without_factory(upstream), every=True)


# The factory's own images


def test_a_deployed_factory_brings_its_own_image_and_talosctl(upstream: Upstream) -> None:
    own, talosctl = (f"ghcr.io/siderolabs/{name}" for name in (FACTORY_IMAGE, TALOSCTL_IMAGE))
    lock = resolve(with_factory(upstream, kind="deployed", talosctl=True)).lock
    pins = {key: (pin.need, pin.needed_by) for key, pin in lock.images.items()}
    assert pins[own] == ("factory", ("image factory v1.5.0",))
    assert pins[talosctl] == ("factory", (f"image factory for {RELEASE}",))
    assert talosctl in factory_artifacts(lock)
    assert own not in factory_artifacts(lock)  # it runs, it is not read
    assert not {own, talosctl} & list_images(with_factory(upstream)).keys()


def test_talosctl_of_releases_that_have_no_image_of_it_is_an_error(upstream: Upstream) -> None:
    early = make_redirected(
        upstream,
        talos={"versions": ["v1.10.0"]},
        environments=[],
        imageFactory={**FACTORY, "talosctl": True},
    )
    with pytest.raises(SiteError, match=r"imageFactory\.talosctl: none of the site's Talos"):
        list_images(early)


# Installers that are made outside


def test_mirrored_installers_need_no_factory_inside(upstream: Upstream) -> None:
    site = without_factory(upstream, server_class("gpu", extensions=[GVISOR]), server_class("a"))
    told: list[Report] = []
    with open_upstream(site, retry=IMPATIENT, progress=told.append) as (registries, releases):
        lock = resolve_site(
            site, registries=registries, releases=releases, progress=told.append
        ).lock
    (gpu,) = (identity for identity in lock.schematics if identity != EMPTY)
    own = f"factory.talos.dev/metal-installer/{gpu}:{RELEASE}"
    assert {key for key, pin in lock.images.items() if pin.need == "talos"} == {INSTALLER, own}
    assert lock.images[INSTALLER].needed_by == ("server class a",)
    assert lock.images[INSTALLER].digest == manifest_digest(upstream, INSTALLER)
    assert factory_artifacts(lock) == {}
    assert not {key for key, pin in lock.images.items() if pin.need == "extensions"}
    assert lock.extensions[RELEASE].keys() == {GVISOR}  # what it holds, not what is carried
    waits = {(item.item, item.what) for item in told if isinstance(item, Awaited)}
    assert {(own, "being built by the factory"), (INSTALLER, "being built by the factory")} <= waits
    assert {own, INSTALLER} <= {item.item for item in told if isinstance(item, Event)}
    check_lock(site, lock)
    (chain,) = list_images(site, lock)[own].chains
    assert chain == (
        f"serverClasses[0] gpu → schematic {gpu[:12]}… → installer of Talos {RELEASE}, made by "
        "the factory that lock asks"
    )


def test_a_pinned_installer_is_not_asked_for_again(upstream: Upstream) -> None:
    site = without_factory(upstream, server_class("a"))
    lock = resolve(site).lock
    upstream.factory.requests.clear()
    assert resolve(site, lock).lock == lock
    assert upstream.factory.requests.select(path="manifests/v") == []
    assert upstream.factory.requests.select(method="POST") == []


def test_no_factory_is_asked_to_build_what_has_an_unknown_name(upstream: Upstream) -> None:
    upstream.factory.requests.clear()
    site = without_factory(upstream, server_class("gpu", extensions=["siderolabs/gvisr"]))
    with pytest.raises(TransferError) as caught:
        resolve(site)
    assert "did you mean siderolabs/gvisor?" in caught.value.diagnostics()
    assert len(upstream.factory.requests) == 0


def test_a_factory_inside_and_mirrored_installers_are_both_carried(upstream: Upstream) -> None:
    site = with_factory(upstream, server_class("a"), installer="mirrored")
    lock = resolve(site).lock
    assert INSTALLER in lock.images
    assert f"ghcr.io/siderolabs/imager:{RELEASE}" in lock.images
    assert INSTALLER not in factory_artifacts(lock)


def test_secure_boot_has_an_installer_of_its_own(upstream: Upstream) -> None:
    listed = list_images(
        without_factory(upstream, server_class("a"), server_class("b", secureBoot={}))
    )
    secure = INSTALLER.replace("metal-installer", "metal-installer-secureboot")
    assert listed[secure].needed_by == ("server class b",)  # of one schematic
    assert listed[INSTALLER].needed_by == ("server class a",)
    inside = list_images(with_factory(upstream, server_class("b", secureBoot={})))
    assert inside[secure.replace("factory.talos.dev", "factory.example")].remark == "built on site"


def test_a_release_that_no_class_boots_keeps_its_own_installer(upstream: Upstream) -> None:
    site = make_redirected(
        upstream,
        talos={"versions": [RELEASE, NEXT_RELEASE]},
        imageFactory={"kind": "none", "installer": "mirrored"},
        serverClasses=[server_class("a")],
    )
    names = {name for name, item in list_images(site).items() if item.need == "talos"}
    assert names == {INSTALLER, f"ghcr.io/siderolabs/installer:{NEXT_RELEASE}"}


# IDs that change with the factory's release


def test_an_id_that_the_factorys_release_changes_is_told_before_anything_is_written(
    upstream: Upstream,
) -> None:
    def site(version: str) -> Site:
        arguments = server_class("a", extraKernelArgs=["off"])
        return with_factory(upstream, arguments, version=version)

    before = resolve(site("v1.4.0")).lock
    after = resolve(site("v1.5.0"), before)
    (old,), (new,) = before.schematics, after.lock.schematics
    assert old != new  # go-yaml quotes a YAML 1.1 boolean otherwise since v1.5.0
    (note,) = (note for note in after.notes if note.subject == "server class a")
    assert f"gives it ID {new} instead of {old}" in note.message
    assert """- "off" is now written - 'off'""" in note.message
    assert resolve(site("v1.5.0"), after.lock).notes == ()
