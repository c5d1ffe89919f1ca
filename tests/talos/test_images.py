"""Image lists against what `talosctl` of the release prints (`image default`, `k8s-bundle`)."""

from __future__ import annotations

import re

import pytest

from airgap.errors import SiteError
from airgap.talos import (
    RELEASES,
    factory_images,
    find_release,
    images,
    kubernetes_images,
    sidero_images,
)

# talosctl v1.9.6 image default
V1_9_6 = """\
ghcr.io/siderolabs/flannel:v0.26.5
registry.k8s.io/coredns/coredns:v1.12.0
gcr.io/etcd-development/etcd:v3.5.21
registry.k8s.io/kube-apiserver:v1.32.4
registry.k8s.io/kube-controller-manager:v1.32.4
registry.k8s.io/kube-scheduler:v1.32.4
registry.k8s.io/kube-proxy:v1.32.4
ghcr.io/siderolabs/kubelet:v1.32.4
ghcr.io/siderolabs/installer:v1.9.6
registry.k8s.io/pause:3.10
"""
# talosctl v1.10.9 image default
V1_10_9 = """\
ghcr.io/siderolabs/flannel:v0.26.7
registry.k8s.io/coredns/coredns:v1.12.1
gcr.io/etcd-development/etcd:v3.5.26
registry.k8s.io/kube-apiserver:v1.33.6
registry.k8s.io/kube-controller-manager:v1.33.6
registry.k8s.io/kube-scheduler:v1.33.6
registry.k8s.io/kube-proxy:v1.33.6
ghcr.io/siderolabs/kubelet:v1.33.6
ghcr.io/siderolabs/installer:v1.10.9
registry.k8s.io/pause:3.10
"""
# talosctl v1.11.5 image default
V1_11_5 = """\
ghcr.io/siderolabs/flannel:v0.27.4
registry.k8s.io/coredns/coredns:v1.12.4
gcr.io/etcd-development/etcd:v3.6.5
registry.k8s.io/kube-apiserver:v1.34.1
registry.k8s.io/kube-controller-manager:v1.34.1
registry.k8s.io/kube-scheduler:v1.34.1
registry.k8s.io/kube-proxy:v1.34.1
ghcr.io/siderolabs/kubelet:v1.34.1
ghcr.io/siderolabs/installer:v1.11.5
registry.k8s.io/pause:3.10
"""
# talosctl v1.12.11 image k8s-bundle
V1_12_11 = """\
ghcr.io/siderolabs/flannel:v0.27.4
registry.k8s.io/coredns/coredns:v1.14.2
registry.k8s.io/etcd:v3.6.11
registry.k8s.io/kube-apiserver:v1.35.4
registry.k8s.io/kube-controller-manager:v1.35.4
registry.k8s.io/kube-scheduler:v1.35.4
registry.k8s.io/kube-proxy:v1.35.4
ghcr.io/siderolabs/kubelet:v1.35.4
registry.k8s.io/pause:3.10.1
"""
# talosctl v1.13.9 image k8s-bundle
V1_13_9 = """\
ghcr.io/siderolabs/flannel:0.28.8
registry.k8s.io/coredns/coredns:v1.14.6
registry.k8s.io/etcd:v3.6.12
registry.k8s.io/pause:3.10.1
registry.k8s.io/kube-apiserver:v1.36.3
registry.k8s.io/kube-controller-manager:v1.36.3
registry.k8s.io/kube-scheduler:v1.36.3
registry.k8s.io/kube-proxy:v1.36.3
ghcr.io/siderolabs/kubelet:v1.36.3
registry.k8s.io/networking/kube-network-policies:v1.1.0
"""
LISTS = {
    "v1.9.6": V1_9_6,
    "v1.10.9": V1_10_9,
    "v1.11.5": V1_11_5,
    "v1.12.11": V1_12_11,
    "v1.13.9": V1_13_9,
}
# Kubernetes, CoreDNS, etcd, flannel: pkg/machinery/constants at each tag
COMPONENTS = {
    "v1.12.0": ("v1.35.0", "v1.13.2", "registry.k8s.io/etcd:v3.6.7", "v0.27.4"),
    "v1.13.0": ("v1.36.0", "v1.14.2", "registry.k8s.io/etcd:v3.6.9", "v0.28.4"),
}


@pytest.mark.parametrize(("talos", "text"), LISTS.items())
def test_the_list_is_talosctls_line_by_line(talos: str, text: str) -> None:
    assert images(talos) == tuple(text.splitlines())


@pytest.mark.parametrize(("talos", "components"), COMPONENTS.items())
def test_components_are_the_releases_constants(talos: str, components: tuple[str, ...]) -> None:
    kubernetes, coredns, etcd, flannel = components
    wanted = {
        f"ghcr.io/siderolabs/kubelet:{kubernetes}",
        f"registry.k8s.io/kube-proxy:{kubernetes}",
        f"registry.k8s.io/coredns/coredns:{coredns}",
        etcd,
        f"ghcr.io/siderolabs/flannel:{flannel}",
    }
    assert wanted <= set(images(talos))


@pytest.mark.parametrize(("talos", "count"), [("v1.12.0", 9), ("v1.12.11", 9), ("v1.13.0", 10)])
def test_from_1_12_the_list_has_no_installer(talos: str, count: int) -> None:
    assert len(images(talos)) == count
    assert not any("installer" in reference for reference in images(talos))


def test_pause_moved_within_1_12() -> None:  # pkg/images/list.go at v1.12.0 and v1.12.11
    assert images("v1.12.0")[-1] == "registry.k8s.io/pause:3.10"
    assert images("v1.12.11")[-1] == "registry.k8s.io/pause:3.10.1"


def test_another_kubernetes_changes_its_own_images_only() -> None:
    changed = set(images("v1.11.5", "v1.33.4")) - set(images("v1.11.5"))
    assert changed == {
        "ghcr.io/siderolabs/kubelet:v1.33.4",
        "registry.k8s.io/kube-apiserver:v1.33.4",
        "registry.k8s.io/kube-controller-manager:v1.33.4",
        "registry.k8s.io/kube-proxy:v1.33.4",
        "registry.k8s.io/kube-scheduler:v1.33.4",
    }


def test_the_cluster_does_not_run_the_installer() -> None:
    assert "ghcr.io/siderolabs/installer:v1.11.5" not in kubernetes_images("v1.11.5")
    assert len(kubernetes_images("v1.11.5")) == 9


@pytest.mark.parametrize(  # pkg/machinery/compatibility/talos111 and talos19
    ("talos", "kubernetes"), [("v1.11.5", "v1.35.0"), ("v1.11.5", "v1.28.9"), ("v1.9.6", "v1.33.0")]
)
def test_a_kubernetes_that_the_release_does_not_run_is_refused(talos: str, kubernetes: str) -> None:
    with pytest.raises(SiteError, match=f"Talos {talos} does not run Kubernetes {kubernetes}"):
        images(talos, kubernetes)


@pytest.mark.parametrize(
    ("version", "nearest"),
    [
        ("v1.11.9", "nearest: v1.11.6 and v1.12.0"),
        ("v1.8.4", "nearest: v1.9.0;"),
        ("v1.14.0", "nearest: v1.13.9;"),
    ],
)
def test_an_unknown_release_names_the_nearest_rows(version: str, nearest: str) -> None:
    with pytest.raises(SiteError, match=f"{version} is not in the table .{nearest}"):
        find_release(version)


_SUM = r"h1:[A-Za-z0-9+/]{43}="  # as in a go.sum


def test_every_release_is_complete_and_names_its_source() -> None:
    module = "github.com/siderolabs/talos"
    assert len(RELEASES) == 46
    for version, release in RELEASES.items():
        machinery, talos = release.source.split(", ")
        assert re.fullmatch(rf"{module}/pkg/machinery@{re.escape(version)} {_SUM}", machinery)
        assert re.fullmatch(rf"{module}@{re.escape(version)} {_SUM}", talos)
        assert all(":" in reference.rpartition("/")[2] for reference in images(version))
        assert bool(release.network_policies) == version.startswith("v1.13.")


def test_a_factory_builds_installers_from_installer_base_since_1_10() -> None:
    assert "ghcr.io/siderolabs/installer:v1.9.6" in factory_images("v1.9.6")
    assert "ghcr.io/siderolabs/installer-base:v1.10.0" in factory_images("v1.10.0")
    assert "ghcr.io/siderolabs/imager:v1.11.5" in factory_images("v1.11.5")


def test_sidero_runs_two_controllers() -> None:
    assert sidero_images("v0.6.13") == (
        "ghcr.io/siderolabs/caps-controller-manager:v0.6.13",
        "ghcr.io/siderolabs/sidero-controller-manager:v0.6.13",
    )
