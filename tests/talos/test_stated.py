"""Releases as a site states them: instead of the table's versions, or where it has no row.

The component versions are those of siderolabs/talos v1.13.9's and v1.11.5's own lists, with one
of each changed; which images a release has, and their order, is that of its minor.
"""

from __future__ import annotations

import pytest

from airgap.errors import SiteError
from airgap.site.needs import Components
from airgap.talos import RELEASES, images, release_for

__all__: list[str] = []

WHOLE = Components(
    kubernetes="v1.36.4",
    etcd="registry.k8s.io/etcd:v3.6.13",
    coredns="v1.14.7",
    flannel="0.28.9",
    pause="3.10.2",
    network_policies="v1.2.0",
)
V1_13_10 = """\
ghcr.io/siderolabs/flannel:0.28.9
registry.k8s.io/coredns/coredns:v1.14.7
registry.k8s.io/etcd:v3.6.13
registry.k8s.io/pause:3.10.2
registry.k8s.io/kube-apiserver:v1.36.4
registry.k8s.io/kube-controller-manager:v1.36.4
registry.k8s.io/kube-scheduler:v1.36.4
registry.k8s.io/kube-proxy:v1.36.4
ghcr.io/siderolabs/kubelet:v1.36.4
registry.k8s.io/networking/kube-network-policies:v1.2.0
"""


def test_a_release_without_a_row_is_what_is_stated() -> None:
    release = release_for("v1.13.10", {"v1.13.10": WHOLE})

    assert images(release) == tuple(V1_13_10.splitlines())
    assert release.source == "the site's talos.components"
    # Talos 1.13 runs Kubernetes 1.31 to 1.36 (pkg/machinery/compatibility/talos113)
    assert release.supports_kubernetes("v1.31.0")
    assert not release.supports_kubernetes("v1.37.0")


def test_what_is_stated_stands_in_place_of_the_tables_and_the_rest_stays() -> None:
    row = RELEASES["v1.11.5"]
    etcd = "registry.k8s.io/etcd:v3.6.9"
    release = release_for("v1.11.5", {"v1.11.5": Components(etcd=etcd)})

    assert set(images(release)) - set(images(row)) == {etcd}
    assert set(images(row)) - set(images(release)) == {"gcr.io/etcd-development/etcd:v3.6.5"}
    assert release.source == f"{row.source}, the site's talos.components"


def test_a_release_that_nothing_is_stated_of_is_the_tables() -> None:
    assert release_for("v1.11.5", {"v1.13.10": WHOLE}) == RELEASES["v1.11.5"]


def test_a_release_that_is_nowhere_names_the_nearest_rows_and_the_way_out() -> None:
    with pytest.raises(
        SiteError, match=r"v1\.13\.11 is not in the table .nearest: v1\.13\.9; a site may state"
    ):
        release_for("v1.13.11", {"v1.13.10": WHOLE})


@pytest.mark.parametrize(
    ("version", "stated", "place", "words"),
    [
        ("v1.13.10", WHOLE.model_copy(update={"pause": None}), "", "without pause"),
        ("v1.13.10", Components(), "", "without kubernetes, etcd, coredns, flannel, pause, net"),
        ("v1.13.10", Components(), "", "v1.13.9"),
        ("v1.11.5", Components(network_policies="v1.1.0"), ".networkPolicies", "from v1.13.0 on"),
        ("v1.11.5", Components(etcd="v3.6.9"), ".etcd", "expected registry/repository:tag"),
        ("v1.11.5", Components(coredns="coredns:v1"), ".coredns", "expected a tag such as"),
        ("v1.11.5", Components(pause=""), ".pause", "expected a tag such as"),
        ("v1.11.5", Components(kubernetes="v1.35.0"), ".kubernetes", "it runs v1.29 to v1.34"),
        ("v1.8.4", WHOLE, "", "older than what this program knows"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(
    version: str, stated: Components, place: str, words: str
) -> None:
    with pytest.raises(SiteError) as refused:
        release_for(version, {version: stated})

    [fault] = refused.value.faults
    assert fault.path == f'site.talos.components["{version}"]{place}'
    assert words in str(fault)


def test_all_faults_are_told_at_once() -> None:
    stated = Components(etcd="etcd", flannel="a b", network_policies="v1.1.0")
    with pytest.raises(SiteError) as refused:
        release_for("v1.12.0", {"v1.12.0": stated})

    places = {fault.path.rpartition(".")[2] for fault in refused.value.faults}
    assert places == {"etcd", "flannel", "networkPolicies"}
