"""A factory that is delivered with the site: objects of the cluster that runs Sidero, or files.

Delivery `files` writes all three ways of running it, to choose from. Its configuration is checked
to name no host outside of the site.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airgap.deployment import (
    FactoryDeployment,
    check_closed,
    compose_project,
    config_map,
    configuration,
    deployed_factory,
    deployment,
    factory_image,
    install_script,
    kubernetes_objects,
    namespace,
    service,
    service_unit,
    settings,
    signing_key_secret,
)
from airgap.lock.model import Lock
from airgap.plan.model import PlainValues, ResourcePlan, manifest_files
from airgap.plan.trust import fingerprint
from airgap.rules.signers import key_signer
from airgap.site.model import Site

__all__ = ["DeployedPlan", "plan_deployed"]

_FOLDER = "image-factory"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedPlan:
    """What the ImageFactory component shows of the factory's running, and the resources below."""

    inputs: PlainValues
    children: tuple[ResourcePlan, ...]


def plan_deployed(site: Site, lock: Lock, *, name: str) -> DeployedPlan:
    """Return how the site's factory runs (kind deployed).

    Raises:
        LockError: The lock has no image of the factory.
        SiteError: Its configuration names a host outside of the site.
    """
    factory = deployed_factory(site, image=factory_image(site, lock))
    check_closed(configuration(factory), factory.version, factory.hosts)
    own = factory.wish.namespace != site.sidero.namespace
    if site.sidero.delivery == "cluster":
        children = tuple(_objects(factory, own_namespace=own))
    else:
        files = dict(_files(factory, name, own_namespace=own))
        children = (manifest_files(_FOLDER, name, files),)
    return DeployedPlan(inputs=_inputs(site, factory), children=children)


def _inputs(site: Site, factory: FactoryDeployment) -> PlainValues:
    found = configuration(factory)
    shown: dict[str, object] = {
        "delivery": site.sidero.delivery,
        "namespace": factory.wish.namespace,
        "image": factory.image,
        "privileged": not factory.by_file,
        "verification": key_signer(factory.signer) if factory.signer else "off",
        "configuration": found if isinstance(found, dict) else list(found),
    }
    if factory.authorities:
        shown["trustFingerprint"] = fingerprint(factory.authorities)
    return {"deployment": shown}


def _files(
    factory: FactoryDeployment, name: str, *, own_namespace: bool
) -> Iterator[tuple[str, PlainValues]]:
    objects = kubernetes_objects(factory, with_namespace=own_namespace)
    beside: dict[str, PlainValues] = {}
    if factory.by_file:
        beside["config.yaml"] = {"documents": [settings(factory)]}
    if factory.authorities:
        beside["site-ca.crt"] = {"lines": factory.authorities.splitlines()}
    if factory.signer:
        beside["signer.pub"] = {"lines": factory.signer.splitlines()}
    script = install_script(factory, name=name, files=list(beside))
    files: dict[str, PlainValues] = {
        "kubernetes.yaml": {"documents": objects},
        "compose.yaml": {"documents": [compose_project(factory, name=name)]},
        "image-factory.service": {"ini": service_unit(factory, name=name)},
        "install.sh": {"lines": script},
        **beside,
    }
    for path, content in files.items():
        yield f"{_FOLDER}/{path}", content


def _objects(factory: FactoryDeployment, *, own_namespace: bool) -> Iterator[ResourcePlan]:
    """Yield the objects for the cluster, each after what it needs."""
    within: tuple[str, ...] = ()
    if own_namespace:
        yield _object("Namespace", "factory-namespace", namespace(factory))
        within = ("factory-namespace",)
    before = [*within, "factory-signing-key"]
    if held := config_map(factory):
        before.append("factory-configuration")
        yield _object("ConfigMap", "factory-configuration", held, after=within)
    yield ResourcePlan(
        kind="Secret",
        name="factory-signing-key",
        inputs=signing_key_secret(factory),
        credentials="signingKey",
        after=within,
    )
    yield _object("Service", "factory-service", service(factory), after=within)
    yield _object("Deployment", "factory-deployment", deployment(factory), after=tuple(before))


def _object(
    kind: str, name: str, item: PlainValues, *, after: tuple[str, ...] = ()
) -> ResourcePlan:
    return ResourcePlan(kind=kind, name=name, inputs=item, after=after)
