"""The images of what runs in the management cluster beside Sidero, by release.

Sources, read at every release tag in the ranges below. Each names one image in its component
manifest, and a kube-rbac-proxy in none:
    kubernetes-sigs/cluster-api: Makefile (PROD_REGISTRY, IMAGE_NAME, manifest-modification) and
        config/manager (core/config/manager from v1.14); core-components.yaml.
    siderolabs/cluster-api-bootstrap-provider-talos and
    siderolabs/cluster-api-control-plane-provider-talos: Makefile (REGISTRY, USERNAME, NAME) and
        the Dockerfile's `kustomize edit set image`; {bootstrap,control-plane}-components.yaml.
cert-manager/cert-manager: deploy/charts/cert-manager/values.yaml, from which its cert-manager.yaml
is made too (make/manifests.mk). The last name of each row is run by the chart alone, before an
install is called done; acmesolver is not in a pod spec but an argument of the controller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airgap.errors import Fault, SiteError
from airgap.talos.releases import Key, version_key

__all__ = ["PARTS", "Part", "management_images"]

Part = Literal["cluster_api", "bootstrap_talos", "control_plane_talos", "cert_manager"]

PARTS: tuple[Part, ...] = ("cluster_api", "bootstrap_talos", "control_plane_talos", "cert_manager")
"""What may run there; called as in the site's `management`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Images:
    """Repositories from a release on."""

    since: Key
    repositories: tuple[str, ...]


def _images(since: Key, prefix: str, *names: str) -> _Images:
    return _Images(since=since, repositories=tuple(prefix + name for name in names))


_CERT_MANAGER = "quay.io/jetstack/cert-manager-"
_IMAGES: dict[Part, tuple[_Images, ...]] = {
    "cluster_api": (_images((1, 2, 5), "registry.k8s.io/cluster-api/", "cluster-api-controller"),),
    "bootstrap_talos": (_images((0, 5, 3), "ghcr.io/siderolabs/", "cluster-api-talos-controller"),),
    "control_plane_talos": (
        _images((0, 4, 6), "ghcr.io/siderolabs/", "cluster-api-control-plane-talos-controller"),
    ),
    "cert_manager": (
        _images(
            (1, 11, 0), _CERT_MANAGER, "controller", "webhook", "cainjector", "acmesolver", "ctl"
        ),
        # at this one release the chart runs the injector from the controller's image
        _images(
            (1, 14, 0), _CERT_MANAGER, "controller", "webhook", "acmesolver", "startupapicheck"
        ),
        _images(
            (1, 14, 1),
            _CERT_MANAGER,
            *("controller", "webhook", "cainjector", "acmesolver", "startupapicheck"),
        ),
    ),
}
_PATHS: dict[Part, str] = {
    "cluster_api": "clusterApi",
    "bootstrap_talos": "bootstrapTalos",
    "control_plane_talos": "controlPlaneTalos",
    "cert_manager": "certManager",
}


def management_images(part: Part, version: str) -> tuple[str, ...]:
    """Return the images of one part at a release (`v1.18.2`).

    Raises:
        SiteError: The release is older than what is known of the part.
    """
    rows = [row for row in _IMAGES[part] if row.since <= version_key(version)]
    if not rows:
        first = ".".join(map(str, _IMAGES[part][0].since))
        fault = Fault(
            path=f"site.management.{_PATHS[part]}",
            message=f"the images of {version} are not known",
            hint=f"use v{first} or newer, or list them under images",
        )
        raise SiteError("management cluster", [fault])
    return tuple(f"{repository}:{version}" for repository in rows[-1].repositories)
