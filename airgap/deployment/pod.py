"""The pod of a deployed factory.

From v1.0 it runs without privileges, under the restricted profile of the Pod Security Standards;
v0.9 mounts loop devices to build disk images, which takes a privileged container and the node's
/dev.

Whether it is well is asked at `/versions`, which needs the registry: `/healthz` answers 200
whatever happens. Nothing asks whether it is alive: a restart throws away what is unpacked and being
built, and helps against nothing that readiness does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from airgap.deployment.configuration import (
    FOLDER,
    METRICS_PORT,
    PORT,
    REGISTRY_FOLDER,
    SECURE_BOOT_FILES,
    TLS_FILES,
    arguments,
    environment,
)
from airgap.deployment.model import FactoryDeployment
from airgap.deployment.signing_key import SIGNING_KEY_NAME

__all__ = ["NAME", "USER", "Object", "pod"]

NAME = "image-factory"
USER = 1000
_READ_BY_GROUP = 0o440
_PROBE_PERIOD_S = 30
_START_S = 3600
"""Its registry may still be filled: until then it has no release to offer."""

Object = dict[str, object]


def pod(factory: FactoryDeployment, *, config: str | None) -> Object:
    """Return the pod's spec.

    Args:
        factory: Which.
        config: The name of the ConfigMap with its files, if it has any.
    """
    pull = factory.wish.registry_secret_ref
    held = [*_config(config), *_secrets(factory)]
    return {
        "automountServiceAccountToken": False,
        # A Service called if-... would be read as a setting: the factory takes IF_* for its own.
        "enableServiceLinks": False,
        **({"imagePullSecrets": [{"name": pull}]} if pull else {}),
        **({"securityContext": _unprivileged_pod()} if factory.by_file else {}),
        "containers": [_container(factory, [str(item["name"]) for item in held])],
        "volumes": [
            *held,
            {"name": "scratch", "emptyDir": {"sizeLimit": factory.wish.scratch_size}},
            *([] if factory.by_file else [{"name": "dev", "hostPath": {"path": "/dev"}}]),
        ],
    }


def _unprivileged_pod() -> Object:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(factory: FactoryDeployment, held: list[str]) -> Object:
    unhurried = {**_probe(factory), "failureThreshold": _START_S // _PROBE_PERIOD_S}
    return {
        "name": NAME,
        "image": factory.image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments(factory)),
        "env": [{"name": name, "value": value} for name, value in environment(factory).items()],
        "ports": [
            {"name": "factory", "containerPort": PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        "securityContext": _unprivileged() if factory.by_file else {"privileged": True},
        "startupProbe": unhurried,
        "readinessProbe": {**_probe(factory), "failureThreshold": 3},
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
        "volumeMounts": list(_mounts(factory, held)),
    }


def _unprivileged() -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _probe(factory: FactoryDeployment) -> Object:
    """Return a question for the Talos releases it can build: it lists the registry's tags."""
    scheme = "HTTPS" if factory.has_tls else "HTTP"
    return {
        "httpGet": {"path": "/versions", "port": "factory", "scheme": scheme},
        "periodSeconds": _PROBE_PERIOD_S,
        "timeoutSeconds": 20,
    }


def _mounts(factory: FactoryDeployment, held: list[str]) -> Iterator[Object]:
    """Yield what it reads, each below its folder at the volume's own name, and what it fills."""
    for name in held:
        yield {"name": name, "mountPath": f"{FOLDER}/{name}", "readOnly": True}
    yield {"name": "scratch", "mountPath": "/tmp"}  # noqa: S108 - the container's own
    if not factory.by_file:
        yield {"name": "dev", "mountPath": "/dev"}


def _config(name: str | None) -> list[Object]:
    return [{"name": "config", "configMap": {"name": name}}] if name else []


def _secrets(factory: FactoryDeployment) -> Iterator[Object]:
    wish = factory.wish
    yield _secret("keys", wish.signing_key_secret_ref, {SIGNING_KEY_NAME: SIGNING_KEY_NAME})
    if wish.tls_secret_ref:
        yield _secret("tls", wish.tls_secret_ref, _by_name(TLS_FILES))
    if wish.registry_secret_ref:
        yield _secret(
            REGISTRY_FOLDER, wish.registry_secret_ref, {".dockerconfigjson": "config.json"}
        )
    if factory.secure_boot:
        files = _by_name(SECURE_BOOT_FILES.values())
        yield _secret("secure-boot", wish.secure_boot_secret_ref, files)


def _by_name(files: Iterable[str]) -> dict[str, str]:
    """Return file names by the same as the Secret's keys."""
    names = (file.rpartition("/")[2] for file in files)
    return {name: name for name in names}


def _secret(name: str, secret: str, files: Mapping[str, str]) -> Object:
    """Return a Secret's volume: the process reads it by its group."""
    return {
        "name": name,
        "secret": {
            "secretName": secret,
            "defaultMode": _READ_BY_GROUP,
            "items": [{"key": key, "path": path} for key, path in files.items()],
        },
    }
