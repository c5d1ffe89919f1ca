"""Kubernetes objects of a plan, delivered to the cluster that runs Sidero.

One explicit provider a site: its kubeconfig is the secret config value `sidero-airgap:kubeconfig`,
and `clusterIdentifier` keeps a changed kubeconfig from replacing every object. This module alone
uses `pulumi_kubernetes`, imported where an object is made: it takes 1.5 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import pulumi

from airgap.deployment import SIGNING_KEY_NAME, check_signing_key
from airgap.errors import Fault, SiteError
from airgap.plan import (
    NodeCredentials,
    ResourcePlan,
    check_hosts,
    credentials_patch,
    docker_config,
    parse_credentials,
)
from airgap.render import render_data, render_documents, render_patches
from airgap.talos import Dialect

__all__ = ["Cluster"]

_FORCE = {"pulumi.com/patchForce": "true"}
"""Sidero's manager owns the fields of the Environment it made itself; this takes them over. Nobody
else's field is taken: who sets SSL_CERT_DIR in the Deployment already hears of the conflict.
"""


class Cluster:
    """The cluster's provider, and the credentials that its objects carry."""

    def __init__(self, *, identifier: str, opts: pulumi.ResourceOptions) -> None:
        import pulumi_kubernetes as kubernetes

        self._config = pulumi.Config("sidero-airgap")
        self._provider = kubernetes.Provider(
            "cluster",
            kubeconfig=self._config.require_secret("kubeconfig"),
            cluster_identifier=identifier,
            enable_secret_mutable=True,  # new credentials update the Secret: it is never absent
            opts=opts,
        )

    def create(self, plan: ResourcePlan, opts: pulumi.ResourceOptions) -> pulumi.Resource:
        """Register an object; one that something else makes is patched."""
        opts = pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(provider=self._provider, retain_on_delete=plan.adopted)
        )
        metadata = _section(plan, "metadata")
        if plan.kind == "Secret":
            return self._create_secret(plan, metadata, opts)
        if plan.kind == "ConfigMap":
            return _create_config_map(plan, metadata, opts)
        if plan.kind == "Deployment" and plan.patched:
            return _patch_deployment(plan, metadata, opts)
        if plan.kind in ("Deployment", "Namespace", "Service"):
            return _create_plain(plan, metadata, opts)
        return self._create_custom(plan, metadata, opts)

    def _create_secret(
        self, plan: ResourcePlan, metadata: dict[str, object], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        from pulumi_kubernetes.core.v1 import Secret

        made: pulumi.Resource = Secret(
            plan.name,
            metadata=metadata,
            type=str(plan.inputs["type"]),
            string_data=self._secret_data(plan),
            opts=opts,
        )
        return made

    def _secret_data(self, plan: ResourcePlan) -> dict[str, pulumi.Output[str]]:
        if plan.credentials == "signingKey":
            return {SIGNING_KEY_NAME: self._signing_key()}
        return {".dockerconfigjson": self._credentials_of(plan).apply(docker_config)}

    def _signing_key(self) -> pulumi.Output[str]:
        """Return the key that the site's factory signs with.

        Raises:
            SiteError: It is not given.
        """
        secret = self._config.get_secret("factorySigningKey")
        if secret is None:
            path = "sidero-airgap:factorySigningKey"
            make = f"python -m airgap factory key | pulumi config set --secret {path}"
            fault = Fault(path=path, message="missing", hint=make)
            raise SiteError("the factory's signing key", [fault])
        return secret.apply(check_signing_key)

    def _create_custom(
        self, plan: ResourcePlan, metadata: dict[str, object], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        from pulumi_kubernetes.apiextensions import CustomResource, CustomResourcePatch

        if plan.adopted:
            metadata = {**metadata, "annotations": _FORCE}
        made: pulumi.Resource = (CustomResourcePatch if plan.patched else CustomResource)(
            plan.name,
            api_version=str(plan.inputs["apiVersion"]),
            kind=plan.kind,
            metadata=metadata,
            spec=self._spec(plan),
            opts=opts,
        )
        return made

    def _spec(self, plan: ResourcePlan) -> dict[str, object]:
        """Return the spec as the API takes it: patches as texts, credentials the last of them."""
        spec = _section(plan, "spec")
        patches = spec.get("strategicPatches")
        if not isinstance(patches, Sequence):
            return spec
        texts: list[object] = [*render_patches(patches)]
        if plan.credentials in ("v1alpha1", "documents"):
            texts.append(self._credentials_text(plan, plan.credentials))
        return {**spec, "strategicPatches": texts}

    def _credentials_text(self, plan: ResourcePlan, dialect: Dialect) -> pulumi.Output[str]:
        return self._credentials_of(plan).apply(
            lambda value: render_documents(credentials_patch(value, dialect=dialect))
        )

    def _credentials_of(self, plan: ResourcePlan) -> pulumi.Output[NodeCredentials]:
        return self._credentials.apply(lambda value: check_hosts(value, plan.hosts))

    @cached_property
    def _credentials(self) -> pulumi.Output[NodeCredentials]:
        """Read only where an object carries them: most sites have none."""
        secret: pulumi.Output[object] = self._config.require_secret_object("credentials")
        return secret.apply(parse_credentials)


def _create_config_map(
    plan: ResourcePlan, metadata: dict[str, object], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    from pulumi_kubernetes.core.v1 import ConfigMap

    data = render_data(_section(plan, "data"))
    made: pulumi.Resource = ConfigMap(plan.name, metadata=metadata, data=data, opts=opts)
    return made


def _patch_deployment(
    plan: ResourcePlan, metadata: dict[str, object], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    from pulumi_kubernetes.apps.v1 import DeploymentPatch

    spec = _section(plan, "spec")
    made: pulumi.Resource = DeploymentPatch(plan.name, metadata=metadata, spec=spec, opts=opts)
    return made


def _create_plain(
    plan: ResourcePlan, metadata: dict[str, object], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Register an object of Kubernetes' own, which nobody else makes."""
    if plan.kind == "Namespace":
        from pulumi_kubernetes.core.v1 import Namespace

        space: pulumi.Resource = Namespace(plan.name, metadata=metadata, opts=opts)
        return space
    spec = _section(plan, "spec")
    if plan.kind == "Service":
        from pulumi_kubernetes.core.v1 import Service

        service: pulumi.Resource = Service(plan.name, metadata=metadata, spec=spec, opts=opts)
        return service
    from pulumi_kubernetes.apps.v1 import Deployment

    made: pulumi.Resource = Deployment(plan.name, metadata=metadata, spec=spec, opts=opts)
    return made


def _section(plan: ResourcePlan, key: str) -> dict[str, object]:
    value = plan.inputs.get(key)
    return dict(value) if isinstance(value, Mapping) else {}
