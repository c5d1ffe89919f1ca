"""Releases of a site: known, or stated whole; and a Kubernetes that one of them runs."""

from __future__ import annotations

import pytest

from tests.site.documents import Raw, changed, faults_of, parsed

__all__: list[str] = []

VERSIONS = ("talos", "versions")
COMPONENTS = ("talos", "components")
WHOLE: Raw = {  # siderolabs/talos v1.13.9's list
    "kubernetes": "v1.36.3",
    "etcd": "registry.k8s.io/etcd:v3.6.12",
    "coredns": "v1.14.6",
    "flannel": "0.28.8",
    "pause": "3.10.1",
    "networkPolicies": "v1.1.0",
}


def _with(version: str, components: Raw, kubernetes: str = "v1.34.1") -> Raw:
    """Return the minimal site with one release more, and what it states of that."""
    return changed(
        (VERSIONS, ["v1.11.5", version]),
        (COMPONENTS, {version: components}),
        (("kubernetes", "versions"), [kubernetes]),
    )


def test_a_release_the_table_lacks_may_be_stated() -> None:
    site = parsed(_with("v1.13.10", WHOLE, kubernetes="v1.36.3"))

    assert site.talos.components["v1.13.10"].etcd == "registry.k8s.io/etcd:v3.6.12"


@pytest.mark.parametrize(
    ("version", "nearest"),
    [("v1.11.9", "nearest: v1.11.6 and v1.12.0;"), ("v1.14.0", "nearest: v1.13.9;")],
)
def test_a_release_neither_known_nor_stated_names_what_is_near(version: str, nearest: str) -> None:
    [fault] = faults_of(changed((VERSIONS, ["v1.11.5", version])))

    assert fault.path == "site.talos.versions[1]"
    assert nearest in fault.hint
    assert "state talos.components" in fault.hint


@pytest.mark.parametrize(
    ("version", "stated", "place", "words"),
    [
        ("v1.13.10", {"kubernetes": "v1.36.3"}, "", "without etcd, coredns, flannel, pause, netw"),
        ("v1.13.9", {"etcd": "v3.6.12"}, ".etcd", "names no image"),
        ("v1.12.0", {"networkPolicies": "v1.1.0"}, ".networkPolicies", "no such image"),
        ("v1.12.0", {"kubernetes": "v1.36.0"}, ".kubernetes", "does not run"),
        ("v1.12.0", {"kubernetes": "1.35.0"}, ".kubernetes", "such as v1.11.5"),
    ],
)
def test_what_is_stated_must_make_a_release(
    version: str, stated: Raw, place: str, words: str
) -> None:
    [fault] = faults_of(_with(version, stated))

    assert fault.path == f'site.talos.components["{version}"]{place}'
    assert words in fault.message


def test_a_statement_about_no_release_of_the_site_is_a_mistake() -> None:
    [fault] = faults_of(changed((COMPONENTS, {"v1.11.6": {"pause": "3.10.1"}})))

    assert fault.path == 'site.talos.components["v1.11.6"]'
    assert fault.message == "no Talos of the site is v1.11.6"


def test_a_stated_release_counts_for_kubernetes() -> None:
    [fault] = faults_of(_with("v1.13.10", WHOLE, kubernetes="v1.37.0"))

    assert fault.path == "site.kubernetes.versions[0]"
    assert "Talos v1.13.10 runs 1.31 to 1.36" in fault.hint


def test_a_sidero_that_is_not_known_names_what_is_near() -> None:
    [fault] = faults_of(changed((("sidero", "version"), "v0.6.7")))
    assert fault.path == "site.sidero.version"
    assert fault.hint == "nearest: v0.6.8"


@pytest.mark.parametrize("version", ["v0.6.3", "v0.6.5", "v0.6.6"])
def test_a_bootstrap_provider_that_cannot_read_the_patches_for_it_is_refused(version: str) -> None:
    """CABPT's go.mod: machinery v1.7 at v0.6.5, v1.8 at v0.6.6; skipFallback is of v1.9."""
    [fault] = faults_of(changed((("management", "bootstrapTalos"), version)))
    assert fault.path == "site.management.bootstrapTalos"
    assert "skipFallback" in fault.message
    assert fault.hint == "use v0.6.7 or newer"
    assert not faults_of(
        changed((("management", "bootstrapTalos"), version), (("serverClasses",), []))
    )


@pytest.mark.parametrize("version", ["v0.6.7", "v0.6.10", "v0.6.12", "v0.6.13"])
def test_a_bootstrap_provider_that_reads_them_is_taken(version: str) -> None:
    assert not faults_of(changed((("management", "bootstrapTalos"), version)))
