"""What images a site needs: Talos and Kubernetes releases, manifests, the management cluster."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from airgap.site.document import Document, Text, Version, example

__all__ = [
    "Components",
    "ImagePaths",
    "Kubernetes",
    "Management",
    "Manifest",
    "ManifestSource",
    "Talos",
]


def _as_manifest(value: object) -> object:
    """Accept a bare path where a manifest is expected."""
    return {"path": value} if isinstance(value, str) else value


class Components(Document):
    """Versions of what a Talos release brings, in place of the table's.

    For a release that the table does not have yet all are needed, networkPolicies from 1.13 on.
    """

    kubernetes: Annotated[Version, example("v1.34.1")] | None = None
    """The release's default Kubernetes, such as v1.34.1."""
    etcd: Annotated[str, example("registry.k8s.io/etcd:v3.6.5")] | None = None
    """An image reference, such as registry.k8s.io/etcd:v3.6.5: its registry changed over time."""
    coredns: Annotated[str, example("v1.12.4")] | None = None
    """The tag of registry.k8s.io/coredns/coredns, such as v1.12.4."""
    flannel: Annotated[str, example("v0.27.4")] | None = None
    """The tag of ghcr.io/siderolabs/flannel, such as v0.27.4."""
    pause: Annotated[str, example("3.10")] | None = None
    """The tag of registry.k8s.io/pause, such as 3.10."""
    network_policies: Annotated[str, example("v1.0.0")] | None = None
    """The tag of registry.k8s.io/networking/kube-network-policies, where the release has it."""


class Talos(Document):
    """The Talos releases the site's machines may run."""

    versions: Annotated[tuple[Annotated[Version, example("v1.11.5")], ...], Field(min_length=1)]
    """Releases, such as v1.11.5; each environment boots one of them."""
    components: dict[Version, Components] = Field(
        default_factory=dict, examples=[{"v1.11.5": {"coredns": "v1.12.4"}}]
    )
    """Component versions by release, where they are not the table's."""


class Kubernetes(Document):
    """The Kubernetes releases the site's clusters may run."""

    versions: tuple[Annotated[Version, example("v1.34.1")], ...] = ()
    """Releases, such as v1.34.1."""


class Management(Document):
    """What runs in the management cluster beside Sidero; a release that is given is carried."""

    cluster_api: Annotated[Version, example("v1.10.4")] | None = None
    """Cluster API's core provider, such as v1.10.4."""
    bootstrap_talos: Annotated[Version, example("v0.6.11")] | None = None
    """The Talos bootstrap provider (CABPT), such as v0.6.11."""
    control_plane_talos: Annotated[Version, example("v0.5.12")] | None = None
    """The Talos control plane provider (CACPPT), such as v0.5.12."""
    cert_manager: Annotated[Version, example("v1.18.2")] | None = None
    """cert-manager, which Cluster API's providers need, such as v1.18.2."""


class Manifest(Document):
    """Kubernetes manifests to take images from: plain, a rendered chart, kustomize's output."""

    path: Annotated[Text, example("manifests/shop.yaml")]
    """A YAML or JSON file, or a directory of them, relative to the stack file."""
    images: Annotated[dict[str, tuple[str, ...]], SkipJsonSchema()] = Field(default_factory=dict)
    """What is found in it: where each reference stands. Filled when the site is loaded."""
    unseen: Annotated[tuple[str, ...], SkipJsonSchema()] = ()
    """What in it names images only when it runs. Filled when the site is loaded."""
    hosts: Annotated[dict[str, str], SkipJsonSchema()] = Field(default_factory=dict)
    """What it names outside the cluster: where each host stands first. Filled when the site is
    loaded."""


class ImagePaths(Document):
    """Where custom resources of a kind name images, beyond the kinds that are known."""

    kind: Annotated[Text, example("Prometheus")]
    """The kind, such as Prometheus."""
    group: Annotated[str, example("monitoring.coreos.com")] | None = None
    """Its API group, such as monitoring.coreos.com; any when left out."""
    paths: Annotated[
        tuple[Annotated[str, example("spec.image", "spec.pools[].image")], ...], Field(min_length=1)
    ]
    """Dotted paths, `[]` for each item of a list: spec.image, spec.pools[].image."""


ManifestSource = Annotated[
    Manifest, BeforeValidator(_as_manifest, json_schema_input_type=str | Manifest)
]
