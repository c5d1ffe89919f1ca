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


def test_a_release_is_what_the_site_states_of_it() -> None:
    stated = {"v1.11.5": {"etcd": "registry.k8s.io/etcd:v3.6.9", "pause": "3.10.1"}}
    wants = find_images(make_site(talos={"versions": ["v1.11.5"], "components": stated}))

    assert wants["registry.k8s.io/etcd:v3.6.9"].needed_by == ("talos v1.11.5",)
    assert "registry.k8s.io/pause:3.10.1" in wants
    assert not [key for key in wants if "etcd-development" in key or key.endswith("pause:3.10")]


def test_the_management_clusters_parts_bring_their_images() -> None:
    wants = find_images(make_site(management={"clusterApi": "v1.10.4", "bootstrapTalos": "v0.6.9"}))

    # kubernetes-sigs/cluster-api core-components.yaml v1.10.4; CABPT's bootstrap-components.yaml
    core = wants["registry.k8s.io/cluster-api/cluster-api-controller:v1.10.4"]
    assert (core.need, core.needed_by) == ("sidero", ("management.clusterApi v1.10.4",))
    assert core.chains == ("management.clusterApi v1.10.4 → cluster-api-controller",)
    assert "ghcr.io/siderolabs/cluster-api-talos-controller:v0.6.9" in wants


def test_chains_lead_from_a_place_of_the_site_to_the_image() -> None:
    site = make_site(images=["nginx:1.27.3"], kubernetes={"versions": ["v1.34.1"]})
    wants = find_images(site)

    assert wants["docker.io/library/nginx:1.27.3"].chains == (
        "images[0] docker.io/library/nginx:1.27.3",
    )
    assert wants["registry.k8s.io/kube-proxy:v1.34.1"].chains == (
        "kubernetes.versions[0] v1.34.1 → kube-proxy",
    )
    assert wants["registry.k8s.io/pause:3.10"].chains == ("talos.versions[0] v1.11.5 → pause",)
    assert find_images(make_site())["registry.k8s.io/kube-proxy:v1.34.1"].chains == (
        "talos.versions[0] v1.11.5 → its own v1.34.1 → kube-proxy",
    )


def _manifests(*images: dict[str, tuple[str, ...]], **more: object) -> Site:
    listed = [{"path": f"{place}.yaml", "images": found} for place, found in enumerate(images)]
    return make_site(manifests=listed, **more)


def test_manifests_bring_their_images_with_every_place() -> None:
    site = _manifests({"quay.io/a:1": ("0.yaml → Pod a",)}, {"quay.io/a:1": ("1.yaml → Pod b",)})
    want = find_images(site)["quay.io/a:1"]

    assert (want.need, want.needed_by) == ("workloads", ("manifest 0.yaml", "manifest 1.yaml"))
    assert want.chains == ("manifests[0] → 0.yaml → Pod a", "manifests[1] → 1.yaml → Pod b")


def test_a_tag_with_two_digests_is_two_images() -> None:
    first, second = (f"quay.io/a:1@sha256:{letter * 64}" for letter in "ab")
    wants = find_images(_manifests({first: ("x",)}, {second: ("y",)}))

    assert str(wants["quay.io/a:1"].reference) == first
    assert str(wants[f"quay.io/a@sha256:{'b' * 64}"].reference).endswith("b" * 64)


@pytest.mark.parametrize(
    ("written", "locked"),
    [
        # what is written by a rewriting tool is read back to its upstream
        ("r.example:5000/ghcr.io/a/b:1", {"ghcr.io/a/b:1"}),
        ("r.example:5000/team/app:1", set()),
        ("factory.example/metal-installer/abc:v1.11.5", set()),
        ("other.example/team/app:1", {"other.example/team/app:1"}),
    ],
)
def test_what_is_inside_already_is_not_locked(written: str, locked: set[str]) -> None:
    factory = {"kind": "existing", "version": "v1.5.0", "endpoint": "https://factory.example"}
    with_it = find_images(_manifests({written: ("x",)}, imageFactory=factory))
    without = find_images(make_site(imageFactory=factory))

    assert with_it.keys() - without.keys() == locked
