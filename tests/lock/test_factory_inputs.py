"""What a lock depends on of factories and schematics, and locks made before there was such."""

from __future__ import annotations

import json

import pytest

from airgap.errors import LockError
from airgap.lock import (
    AssetPin,
    FactoryOrigin,
    Lock,
    check_lock,
    fingerprint,
    format_lock,
    parse_lock,
)
from airgap.site.model import Site

ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "r.example:5000",
}
OVERLAY = {
    "name": "rpi_generic",
    "image": "siderolabs/sbc-raspberrypi",
    "options": {"configTxtAppend": "dtoverlay=vc4", "quiet": True, "list": [1, None], "none": None},
}


def make_site(
    server_class: dict[str, object] | None = None,
    environment: dict[str, object] | None = None,
    **changes: object,
) -> Site:
    """Make a site with one class in one environment."""
    values: dict[str, object] = {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
        "assetMirror": {"kind": "embedded", "url": "https://a.example"},
        "sidero": {"version": "v0.6.13"},
        "imageFactory": FACTORY,
        "environments": [{"name": "metal", "talos": "v1.11.5", **(environment or {})}],
        "serverClasses": [{"name": "gpu", "environment": "metal", **(server_class or {})}],
    }
    return Site.model_validate(values | changes)


def faults(site: Site, locked: Site) -> list[str]:
    """Return how a site differs from the one that was locked."""
    try:
        check_lock(site, Lock(inputs=fingerprint(locked)))
    except LockError as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            make_site({"meta": [{"key": 10, "value": "eth0"}]}),
            ["serverClasses.gpu.meta: lock has nothing, site has [10=eth0]"],
        ),
        (
            make_site({"bootloader": "sd-boot"}),
            ["serverClasses.gpu.bootloader: lock has nothing, site has sd-boot"],
        ),
        (
            make_site({"secureBoot": {"enrollKeys": "force"}}),
            ["serverClasses.gpu.secureBoot: lock has nothing, site has on force"],
        ),
        (
            make_site({"bootAssets": ["metal-amd64.iso"]}),
            ["serverClasses.gpu.bootAssets: lock has nothing, site has [metal-amd64.iso]"],
        ),
        (
            make_site({"overlay": OVERLAY}),
            [
                f"serverClasses.gpu.overlay.{key}: lock has nothing, site has {value}"
                for key, value in (
                    ("image", "siderolabs/sbc-raspberrypi"),
                    ("name", "rpi_generic"),
                    ("options.configTxtAppend", "dtoverlay=vc4"),
                    ("options.list", "[1, nothing]"),
                    ("options.quiet", "true"),
                )
            ],
        ),
        (
            make_site(environment={"schematicOf": "gpu"}),
            ["environments.metal: lock has v1.11.5/amd64, site has v1.11.5/amd64 of gpu"],
        ),
        (
            make_site(imageFactory={**FACTORY, "installer": "mirrored", "talosctl": True}),
            ["imageFactory: lock has existing v1.5.0, site has existing v1.5.0 mirrored talosctl"],
        ),
        (
            make_site(imageFactory={**FACTORY, "catalogue": "all"}),
            ["imageFactory: lock has existing v1.5.0, site has existing v1.5.0 all"],
        ),
    ],
)
def test_what_changes_of_a_schematic_is_told_in_the_sites_words(
    changed: Site, told: list[str]
) -> None:
    assert faults(changed, make_site()) == told
    assert faults(changed, changed) == []


def test_a_lock_of_the_whole_catalogue_fits_a_site_that_needs_less() -> None:
    whole = make_site(imageFactory={**FACTORY, "catalogue": "all", "talosctl": True})
    assert faults(make_site(imageFactory={**FACTORY, "talosctl": True}), whole) == []
    (told,) = faults(make_site(), whole)  # more than the word differs
    assert told == ("imageFactory: lock has existing v1.5.0 all talosctl, site has existing v1.5.0")


def test_how_a_factory_runs_is_no_part_of_the_fingerprint() -> None:
    elsewhere = {**FACTORY, "endpoint": "https://other.example", "registry": "s.example"}
    assert faults(make_site(imageFactory=elsewhere), make_site()) == []
    asked = {"factory": {"url": "https://factory.corp.example"}}
    assert faults(make_site(upstream=asked), make_site()) == []


def asking(version: str, **changes: object) -> Site:
    """Make a site without a factory of its own, which has one of this release asked by `lock`."""
    asked = {"factory": {"url": "https://factory.corp.example", "version": version}}
    none = {"kind": "none", "installer": "mirrored"}
    return make_site(**{"imageFactory": none, "upstream": asked, **changes})  # type: ignore[arg-type]


def test_the_release_that_decides_on_ids_is_part_of_the_fingerprint() -> None:
    """`enrollKeys: off` has another ID from v1.5.0 on (yaml/v4 rc.6 quotes it differently)."""
    told = "upstream.factory.version: lock has v1.4.0, site has v1.5.0"
    assert faults(asking("v1.5.0"), asking("v1.4.0")) == [told]
    assert faults(asking("v1.5.0"), asking("v1.5.0")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"imageFactory": FACTORY},  # the site's own decides
        {"imageFactory": {"kind": "none"}},  # nothing is made
    ],
)
def test_a_release_that_decides_nothing_is_no_part_of_it(changes: dict[str, object]) -> None:
    assert faults(asking("v1.5.0", **changes), asking("v1.4.0", **changes)) == []


def test_what_machines_boot_of_a_factory_is_made_by_that_release() -> None:
    made: dict[str, object] = {"imageFactory": {"kind": "none"}}
    made["environments"] = [{"name": "metal", "talos": "v1.11.5", "schematicOf": "gpu"}]
    assert len(faults(asking("v1.5.0", **made), asking("v1.4.0", **made))) == 1


def test_what_a_factory_made_reads_back_as_it_was_written() -> None:
    site = make_site({"overlay": OVERLAY, "meta": [{"key": 10, "value": "a: b"}]})
    lock = Lock(
        inputs=fingerprint(site),
        assets={
            f"v1.11.5/{ID}/cmdline-metal-amd64": AssetPin(
                sha256="sha256:" + "a" * 64,
                sha512="sha512:" + "b" * 128,
                size=7,
                url=f"https://factory.talos.dev/image/{ID}/v1.11.5/cmdline-metal-amd64",
                needed_by=("environment metal",),
                made_by=FactoryOrigin(
                    schematic=ID, version="v1.5.0", external_url="https://factory.talos.dev"
                ),
                text="talos.platform=metal console=tty0",
            )
        },
        overlays={"v1.11.5": {"rpi_generic": f"ghcr.io/s/sbc:v1@sha256:{'c' * 64}"}},
    )
    text = format_lock(lock)
    assert parse_lock(text) == lock
    assert format_lock(parse_lock(text)) == text
    assert faults(site, site) == []
    check_lock(site, parse_lock(text))


def test_a_lock_from_before_schematics_could_hold_more_still_fits() -> None:
    """As the release before wrote it, key by key."""
    inputs = {
        "architectures": ["amd64"],
        "environments": {"metal": "v1.11.5/amd64"},
        "imageFactory": "existing v1.5.0",
        "kubernetes": [],
        "platforms": [],
        "serverClasses": {
            "gpu": {
                "extensions": ["siderolabs/gvisor"],
                "extraKernelArgs": ["quiet"],
                "talos": "v1.11.5",
            }
        },
        "sidero": "v0.6.13",
        "talos": ["v1.11.5"],
    }
    old = {
        "assets": {},
        "extensions": {},
        "images": {},
        "inputs": inputs,
        "lockVersion": 1,
        "schematics": {},
    }
    lock = parse_lock(json.dumps(old))
    server_class = {"extensions": ["siderolabs/gvisor"], "extraKernelArgs": ["quiet"]}
    check_lock(make_site(dict(server_class)), lock)
    assert json.loads(format_lock(lock)) == old  # and nothing is added to it
