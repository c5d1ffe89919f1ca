"""What sites deliver, as the texts that Talos and Kubernetes are given: a matrix of sites, and how.

Every release of the matrix is one that a real peer here answers for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import trustme
import yaml

from airgap.plan import Plan, ResourcePlan, plan_site
from airgap.render import render_file
from airgap.site.model import Site
from airgap.talos import find_release
from tests.plan.over_names import lock_over_names
from tests.plan.samples import make_site

__all__ = [
    "SITES",
    "ClassPatches",
    "class_patches",
    "documents_of",
    "files_of",
    "files_of_set",
    "plan_for",
]

CA = trustme.CA().cert_pem.bytes().decode()
OTHER_CA = trustme.CA().cert_pem.bytes().decode()

_ENDPOINTS = [
    {"url": "https://r1.example:5000", "ca": CA},
    {"url": "https://r2.example", "ca": OTHER_CA},
]
_REGISTRY = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000", "ca": CA}]}
_ASSETS = {"kind": "directory", "url": "https://a.example/talos", "path": "/srv", "ca": CA}
_FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "r1.example:5000",
    "ca": OTHER_CA,
}
_MIRROR = {"endpoints": ["https://h.example"], "skipVerify": True, "skipFallback": False}

SITES: Mapping[str, Mapping[str, object]] = {
    "plain": {"registry": {"kind": "existing", "endpoints": [{"url": "https://r.example"}]}},
    "several endpoints": {"registry": {"kind": "existing", "endpoints": _ENDPOINTS}},
    "flat": {"registry": {"kind": "existing", "endpoints": _ENDPOINTS[:1], "layout": "flat"}},
    "a project, an override": {
        "registry": {
            "kind": "existing",
            "endpoints": _ENDPOINTS[:1],
            "pathPrefix": "talos",
            "mirrors": {"docker.io": _MIRROR},
        }
    },
    "a host with a port": {"images": ["old.example:5001/tools/agent:1"]},
    "no registry, an image cache": {
        "registry": {"kind": "none"},
        "imageCache": {"enabled": True, "medium": "cd", "volume": {"minSize": "1GiB"}},
    },
    "an image cache before a registry": {"imageCache": {"enabled": True}},
    "a factory": {"imageFactory": _FACTORY, "serverClasses": "extensions"},
    "no time, no name servers": {"nodes": {"extraHosts": {"10.0.0.5": ["r.example", "a.example"]}}},
    "discovery inside": {
        "nodes": {
            "timeServers": ["10.0.0.1", "10.0.0.2"],
            "nameservers": ["10.0.0.2", "fd00::2"],
            "extraHosts": {"10.0.0.5": ["r.example"], "10.0.0.6": ["a.example"]},
            "discovery": {"enabled": True, "endpoint": "https://discovery.example"},
        }
    },
}
"""What is special about a site; its releases, environment and server class are `plan_for`'s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPatches:
    """What a server class adds to machine configurations of a Talos release."""

    name: str
    talos: str
    patches: tuple[str, ...]


def plan_for(talos: str, changes: Mapping[str, object], sidero: str = "v0.6.13") -> Plan:
    """Return the plan of a site of one server class, over digests made from names."""
    kubernetes = find_release(talos).kubernetes
    server_class: dict[str, object] = {"name": "workers", "environment": "boot"}
    if changes.get("serverClasses") == "extensions":
        server_class["extensions"] = ["siderolabs/iscsi-tools"]
    site = make_site(
        **{
            "talos": {"versions": [talos]},
            "kubernetes": {"versions": [kubernetes]},
            "sidero": {"version": sidero},
            "environments": [{"name": "boot", "talos": talos}],
            "registry": _REGISTRY,
            "assetMirror": _ASSETS,
            **changes,
            "serverClasses": [server_class],
        }
    )
    return plan_over_names(site, "berlin")


def plan_over_names(site: Site, name: str) -> Plan:
    """Return a site's plan over a lock of just what it needs."""
    return plan_site(site, lock_over_names(site), name=name)


def files_of(plan: Plan) -> dict[str, str]:
    """Return every file that a plan writes, as text by path."""
    return {
        path: render_file(specification).decode()
        for component in plan.components
        for child in component.children
        if child.kind == "ManifestFiles"
        for path, specification in _files(child.inputs).items()
    }


def files_of_set(child: ResourcePlan) -> dict[str, str]:
    """Return what a set of files of the last folder holds, as text by the file's own name."""
    return {
        path.rpartition("/")[2]: render_file(specification).decode()
        for path, specification in _files(child.inputs).items()
    }


def documents_of(text: str) -> list[dict[str, object]]:
    """Return the documents of a YAML text."""
    return list(yaml.safe_load_all(text))


def class_patches(plan: Plan) -> Iterator[ClassPatches]:
    """Yield what each ServerClass object, as it is written, adds."""
    classes = plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    for path, text in files_of(plan).items():
        if path.startswith("server-classes/"):
            (written,) = documents_of(text)
            metadata, spec = written["metadata"], written["spec"]
            assert isinstance(metadata, dict)
            assert isinstance(spec, dict)
            yield ClassPatches(
                name=metadata["name"],
                talos=classes[metadata["name"]]["talos"],
                patches=tuple(spec["strategicPatches"]),
            )


def _files(inputs: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    files = inputs["files"]
    assert isinstance(files, dict)
    return files
