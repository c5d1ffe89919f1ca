"""Images of Cluster API, its Talos providers and cert-manager against the projects' own files."""

from __future__ import annotations

import pytest

from airgap.errors import SiteError
from airgap.site.needs import Management
from airgap.talos import PARTS, Part, management_images

__all__: list[str] = []

# kubernetes-sigs/cluster-api core-components.yaml, CABPT's bootstrap-components.yaml and CACPPT's
# control-plane-components.yaml of each release: one image each
PROVIDERS: list[tuple[Part, str, str]] = [
    (
        "cluster_api",
        "v1.10.4",
        "registry.k8s.io/cluster-api/cluster-api-controller:v1.10.4",
    ),
    (
        "bootstrap_talos",
        "v0.6.9",
        "ghcr.io/siderolabs/cluster-api-talos-controller:v0.6.9",
    ),
    (
        "control_plane_talos",
        "v0.5.12",
        "ghcr.io/siderolabs/cluster-api-control-plane-talos-controller:v0.5.12",
    ),
]
# cert-manager deploy/charts/cert-manager/values.yaml at each tag
CERT_MANAGER = {
    "v1.13.6": {"controller", "webhook", "cainjector", "acmesolver", "ctl"},
    "v1.14.0": {"controller", "webhook", "acmesolver", "startupapicheck"},
    "v1.14.1": {"controller", "webhook", "cainjector", "acmesolver", "startupapicheck"},
    "v1.18.2": {"controller", "webhook", "cainjector", "acmesolver", "startupapicheck"},
}


@pytest.mark.parametrize(("part", "version", "image"), PROVIDERS)
def test_a_provider_runs_one_image(part: Part, version: str, image: str) -> None:
    assert management_images(part, version) == (image,)


@pytest.mark.parametrize(("version", "names"), CERT_MANAGER.items())
def test_cert_manager_runs_what_its_chart_names(version: str, names: set[str]) -> None:
    wanted = {f"quay.io/jetstack/cert-manager-{name}:{version}" for name in names}
    assert set(management_images("cert_manager", version)) == wanted


@pytest.mark.parametrize(
    ("part", "version", "path", "first"),
    [
        ("cluster_api", "v1.2.4", "clusterApi", "v1.2.5"),
        ("bootstrap_talos", "v0.5.2", "bootstrapTalos", "v0.5.3"),
        ("control_plane_talos", "v0.4.5", "controlPlaneTalos", "v0.4.6"),
        ("cert_manager", "v1.10.2", "certManager", "v1.11.0"),
    ],
)
def test_a_release_older_than_what_is_known_is_refused(
    part: Part, version: str, path: str, first: str
) -> None:
    with pytest.raises(SiteError) as refused:
        management_images(part, version)
    [fault] = refused.value.faults
    assert fault.path == f"site.management.{path}"
    assert f"{first} or newer" in (fault.hint or "")


def test_the_parts_are_what_a_site_can_name() -> None:
    assert tuple(Management.model_fields) == PARTS
