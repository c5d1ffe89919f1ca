"""What the stack will hold, as plain values: components, their inputs, their children.

Type tokens and resource names stand in users' states for ever: `docs/contract.json` lists them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ComponentPlan",
    "Credentials",
    "PlainValues",
    "Plan",
    "ResourcePlan",
    "manifest_files",
    "output_directory",
]

PlainValues = Mapping[str, object]

Credentials = Literal["none", "dockerConfig", "v1alpha1", "documents", "signingKey"]
"""In which form a component adds a secret to a resource, if at all: the site's registry
credentials, or the signing key of its Image Factory."""

_COMPONENT = "airgap:index:"
_DYNAMIC = "pulumi-python:dynamic/airgap:"
_DYNAMIC_KINDS = ("ImageSet", "AssetSet", "Schematic", "ImageCache", "ManifestFiles")


def output_directory(name: str) -> str:
    """Return where a site's files are written, relative to the project."""
    return f"out/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourcePlan:
    """One resource: `kind` is a provider's class here, or a Kubernetes kind.

    A Kubernetes object's inputs are the object itself, or those of its fields that are ours where
    it is `patched`: something else makes it. It gets rid of them when we go, unless it is
    `adopted`: then it stays as we leave it. `after` names objects that must come first, `hosts` the
    endpoints that its credentials may be for.
    """

    kind: str
    name: str
    inputs: PlainValues
    credentials: Credentials = "none"
    hosts: tuple[str, ...] = ()
    patched: bool = False
    adopted: bool = False
    after: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        """The type token that the engine and the policies see."""
        if self.kind in _DYNAMIC_KINDS:
            return f"{_DYNAMIC}{self.kind}"
        suffix = "Patch" if self.patched else ""
        return f"kubernetes:{self.inputs['apiVersion']}:{self.kind}{suffix}"


def manifest_files(set_name: str, site_name: str, files: PlainValues) -> ResourcePlan:
    """Return a set of files below a site's output directory, by path."""
    inputs = {"set": set_name, "directory": output_directory(site_name), "files": files}
    return ResourcePlan(kind="ManifestFiles", name=f"manifests-{set_name}", inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentPlan:
    """One component: its name, its plain inputs, and the resources below it."""

    kind: str
    name: str
    inputs: PlainValues
    children: tuple[ResourcePlan, ...] = ()

    @property
    def token(self) -> str:
        """The type token: `airgap:index:<kind>`."""
        return f"{_COMPONENT}{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A site's stack, whole."""

    site: ComponentPlan
    registry: ComponentPlan
    asset_mirror: ComponentPlan
    image_factory: ComponentPlan
    sidero: ComponentPlan

    @property
    def components(self) -> tuple[ComponentPlan, ...]:
        """All components, the site first, then in the order they are made."""
        return (self.site, self.registry, self.asset_mirror, self.image_factory, self.sidero)

    @property
    def exports(self) -> PlainValues:
        """The stack's outputs: where the site's bytes and files are."""
        registry, mirror = self.registry.inputs, self.asset_mirror.inputs
        return {
            "endpoints": registry["endpoints"],
            "assetMirror": mirror["url"],
            "files": output_directory(self.site.name),
        }

    def views(self) -> Iterator[tuple[str, str, PlainValues]]:
        """Yield type token, name and inputs of every component and resource."""
        for component in self.components:
            yield component.token, component.name, component.inputs
            for child in component.children:
                yield child.token, child.name, child.inputs
