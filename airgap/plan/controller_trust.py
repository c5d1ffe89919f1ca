"""What makes Sidero's manager trust a private CA: a ConfigMap, and a patch of its Deployment.

The manager downloads boot assets with the system's trust and has no setting for more. It is a Go
program: crypto/x509 reads the distribution's bundle and, beside it, every file of the directories
in SSL_CERT_DIR. So the CA is mounted into a directory of its own, and public CAs stay as they are.
The ConfigMap's name carries its content: another CA is another pod.
"""

from __future__ import annotations

import hashlib

from airgap.plan.model import PlainValues, ResourcePlan, manifest_files
from airgap.plan.trust import bundle, fingerprint
from airgap.site.model import Site

__all__ = ["DEPLOYMENT", "plan_trust_files", "plan_trust_objects", "trust_view", "trusted"]

DEPLOYMENT = "sidero-controller-manager"
_CONTAINER = "manager"
_VOLUME = "sidero-airgap-ca"
_FILE = "sidero-airgap.crt"
_MOUNT = "/etc/sidero-airgap/ca"
_SYSTEM = "/etc/ssl/certs"
_FOLDER = "controller-trust"


def trusted(site: Site) -> str:
    """Return the certificates that Sidero's manager is given; empty where that is not ours to do.

    The fork asks the site's Image Factory as well.
    """
    if site.sidero.controller_trust != "managed":
        return ""
    factory = site.image_factory.ca if site.sidero.flavour == "airgap" else None
    return bundle([site.asset_mirror.ca, factory])


def trust_view(site: Site) -> PlainValues:
    """Return what a reviewer sees of it: nothing where no CA is private."""
    if site.sidero.controller_trust is None:
        return {}
    pem = trusted(site)
    shown = {"caFingerprint": fingerprint(pem)} if pem else {}
    return {"controllerTrust": {"kind": site.sidero.controller_trust, **shown}}


def plan_trust_objects(site: Site) -> tuple[ResourcePlan, ...]:
    """Return the ConfigMap and the patch, for the cluster.

    The patch goes when we go, and takes its fields along: the Deployment is as it was.
    """
    if not trusted(site):
        return ()
    return (
        ResourcePlan(kind="ConfigMap", name="controller-ca", inputs=_config_map(site)),
        ResourcePlan(
            kind="Deployment",
            name="controller-trust",
            inputs=_deployment(site),
            patched=True,
            after=("controller-ca",),
        ),
    )


def plan_trust_files(site: Site, *, name: str) -> tuple[ResourcePlan, ...]:
    """Return the same as a kustomize component, for who installs Sidero."""
    if not trusted(site):
        return ()
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["configmap.yaml"],
        "patches": [{"path": "deployment.patch.yaml"}],
    }
    documents = {
        "kustomization.yaml": component,
        "configmap.yaml": _config_map(site),
        "deployment.patch.yaml": _deployment(site),
    }
    files = {f"{_FOLDER}/{file}": {"documents": [item]} for file, item in documents.items()}
    return (manifest_files(_FOLDER, name, files),)


def _config_map(site: Site) -> PlainValues:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _config_map_name(site), "namespace": site.sidero.namespace},
        "data": {_FILE: trusted(site)},
    }


def _config_map_name(site: Site) -> str:
    return f"{_VOLUME}-{hashlib.sha256(trusted(site).encode()).hexdigest()[:8]}"


def _deployment(site: Site) -> PlainValues:
    """Return a strategic merge patch: lists merge by name, and volume mounts by path."""
    container = {
        "name": _CONTAINER,
        "env": [{"name": "SSL_CERT_DIR", "value": f"{_SYSTEM}:{_MOUNT}"}],
        "volumeMounts": [{"name": _VOLUME, "mountPath": _MOUNT, "readOnly": True}],
    }
    volume = {"name": _VOLUME, "configMap": {"name": _config_map_name(site)}}
    pod = {"containers": [container], "volumes": [volume]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": DEPLOYMENT, "namespace": site.sidero.namespace},
        "spec": {"template": {"spec": pod}},
    }
