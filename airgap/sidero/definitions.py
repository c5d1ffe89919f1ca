"""Sidero's CustomResourceDefinitions as Kubernetes objects, of either flavour.

Sidero's manager converts between the two versions: the webhook is the Service of its installation,
and cert-manager puts the CA of its certificate into the definition. Applied over the installed one,
a definition changes the schemas and what is said here; labels of the installation stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from airgap.sidero.fork import FORK
from airgap.sidero.schema import Schema
from airgap.sidero.stock import STOCK, Kind

__all__ = [
    "GROUP",
    "KINDS",
    "SCHEMAS",
    "VERSION",
    "definition",
    "definition_name",
    "spec_schema",
]

GROUP = "metal.sidero.dev"
VERSION = "v1alpha2"
"""The version that is stored."""
SCHEMAS: Mapping[str, Mapping[Kind, Schema]] = {"stock": STOCK, "airgap": FORK}
KINDS = {"Environment": "environments", "ServerClass": "serverclasses", "Server": "servers"}
"""Each kind's plural."""

_VERSIONS = ("v1alpha1", VERSION)
_WEBHOOK = "sidero-webhook-service"
_CERTIFICATE = "sidero-serving-cert"


def _column(name: str, path: str, kind: str = "string", **more: object) -> dict[str, object]:
    return {"name": name, "jsonPath": path, "type": kind, **more}


_AGE = _column("Age", ".metadata.creationTimestamp", "date")
_COLUMNS = {
    "Environment": [
        _column("Kernel", ".spec.kernel.url"),
        _column("Initrd", ".spec.initrd.url"),
        _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        _AGE,
    ],
    "ServerClass": [
        _column("Available", ".status.serversAvailable"),
        _column("In Use", ".status.serversInUse"),
        _AGE,
    ],
    "Server": [
        _column("Hostname", ".spec.hostname"),
        _column("BMC IP", ".spec.bmc.endpoint", priority=1),
        _column("Accepted", ".spec.accepted", "boolean"),
        _column("Cordoned", ".spec.cordoned", "boolean"),
        _column("Allocated", ".status.inUse", "boolean"),
        _column("Clean", ".status.isClean", "boolean"),
        _column("Power", ".status.power"),
        _AGE,
    ],
}


def definition_name(kind: str) -> str:
    """Return the name of a kind's definition, such as `environments.metal.sidero.dev`."""
    return f"{KINDS[kind]}.{GROUP}"


def definition(kind: str, *, flavour: str, namespace: str = "sidero-system") -> dict[str, object]:
    """Return a kind's CustomResourceDefinition.

    Args:
        kind: `Environment`, `ServerClass` or `Server`.
        flavour: `stock` or `airgap`.
        namespace: Sidero's own, where its webhook is.
    """
    plural = KINDS[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": definition_name(kind),
            "annotations": {"cert-manager.io/inject-ca-from": f"{namespace}/{_CERTIFICATE}"},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
            },
            "scope": "Cluster",
            "conversion": _conversion(namespace),
            "versions": [_version(kind, version, flavour) for version in _VERSIONS],
        },
    }


def spec_schema(kind: str, field: str, *, flavour: str = "stock") -> Schema:
    """Return the schema of one field of a kind's `spec`, as it is stored.

    Raises:
        KeyError: There is no such kind, or no such field.
    """
    found: object = SCHEMAS[flavour][VERSION, kind]
    for name in ("spec", field):
        properties = found["properties"] if isinstance(found, Mapping) else {}
        found = properties[name]
    return found if isinstance(found, Mapping) else {}


def _version(kind: str, version: str, flavour: str) -> dict[str, object]:
    return {
        "name": version,
        "served": True,
        "storage": version == VERSION,
        "schema": {"openAPIV3Schema": SCHEMAS[flavour][version, kind]},
        "subresources": {"status": {}},
        "additionalPrinterColumns": _COLUMNS[kind],
    }


def _conversion(namespace: str) -> dict[str, object]:
    service = {"namespace": namespace, "name": _WEBHOOK, "path": "/convert"}
    return {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {"service": service},
            "conversionReviewVersions": ["v1", "v1beta1"],
        },
    }
