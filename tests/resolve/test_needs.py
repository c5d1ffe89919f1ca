"""What a site needs before anybody is asked, and which pins an upgrade moves."""

from __future__ import annotations

import pytest

from airgap.errors import SiteError
from airgap.resolve import find_assets, find_images
from airgap.resolve.upgrade import Upgrade
from airgap.site.model import Site
from airgap.talos import images


def make_site(**changes: object) -> Site:
    """Make a small site."""
    values: dict[str, object] = {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
        "assetMirror": {"kind": "embedded", "url": "https://a.example"},
        "sidero": {"version": "v0.6.13"},
    }
    return Site.model_validate(values | changes)


def test_each_release_brings_each_kubernetes_it_runs() -> None:
    site = make_site(
        talos={"versions": ["v1.11.5", "v1.13.9"]},
        kubernetes={"versions": ["v1.34.1", "v1.36.3"]},
    )
    wants = find_images(site)
    # v1.11.5 runs 1.29 to 1.34, v1.13.9 1.31 to 1.36 (pkg/machinery/compatibility)
    expected = {*images("v1.11.5", "v1.34.1"), *images("v1.13.9", "v1.34.1")}
    expected |= set(images("v1.13.9", "v1.36.3"))
    assert expected <= wants.keys()
    assert "ghcr.io/siderolabs/installer:v1.13.9" in wants
    assert wants["registry.k8s.io/kube-proxy:v1.34.1"].needed_by == ("kubernetes v1.34.1",)
    assert wants["registry.k8s.io/pause:3.10.1"].needed_by == ("talos v1.13.9",)


def test_all_that_cannot_be_is_told_at_once() -> None:
    site = make_site(
        talos={"versions": ["v1.11.5", "v1.11.99"]}, kubernetes={"versions": ["v1.36.0"]}
    )
    with pytest.raises(SiteError) as caught:
        find_images(site)
    assert "Kubernetes v1.36.0 runs on none" in str(caught.value)
    assert "v1.11.99 is not in the table" in str(caught.value)


def test_an_image_wanted_twice_has_both_reasons_and_the_sites_digest() -> None:
    pinned = f"registry.k8s.io/pause:3.10@sha256:{'a' * 64}"
    want = find_images(make_site(images=[pinned]))["registry.k8s.io/pause:3.10"]
    assert want.needed_by == ("site images", "talos v1.11.5")
    assert want.need == "kubernetes"
    assert str(want.reference) == pinned


def test_assets_are_those_of_the_environments_only() -> None:
    site = make_site(
        environments=[
            {"name": "b", "talos": "v1.11.5"},
            {"name": "a", "talos": "v1.11.5"},
            {"name": "arm", "talos": "v1.11.6", "architecture": "arm64"},
        ]
    )
    assert {key: want.needed_by for key, want in find_assets(site).items()} == {
        "v1.11.5/initramfs-amd64.xz": ("environment a", "environment b"),
        "v1.11.5/vmlinuz-amd64": ("environment a", "environment b"),
        "v1.11.6/initramfs-arm64.xz": ("environment arm",),
        "v1.11.6/vmlinuz-arm64": ("environment arm",),
    }


KNOWN = ("docker.io/library/nginx:1.27", "ghcr.io/a/b:1", "ghcr.io/a/b@sha256:x", "v1/vmlinuz")


@pytest.mark.parametrize(
    ("asked", "moved"),
    [
        (None, set()),
        ((), set(KNOWN)),
        (("nginx",), {KNOWN[0]}),
        (("docker.io/library/nginx:1.27",), {KNOWN[0]}),
        (("ghcr.io/a/b",), {KNOWN[1], KNOWN[2]}),
        (("v1/vmlinuz", "ghcr.io/a/b:1"), {KNOWN[1], KNOWN[3]}),
    ],
)
def test_an_upgrade_names_references_repositories_or_assets(
    asked: tuple[str, ...] | None, moved: set[str]
) -> None:
    upgrade = Upgrade(asked, known=KNOWN)
    assert {key for key in KNOWN if upgrade.moves(key)} == moved


def test_an_upgrade_of_nothing_known_is_refused() -> None:
    with pytest.raises(SiteError, match=r"nothing is 'ghcr\.io/a/c'"):
        Upgrade(["ghcr.io/a/c", "nginx"], known=KNOWN)
