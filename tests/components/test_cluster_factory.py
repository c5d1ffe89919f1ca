"""A factory that is deployed to the cluster, as the engine gets its objects: order and secrets."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airgap.errors import SiteError
from airgap.plan import ComponentPlan
from airgap.plan.deployed import plan_deployed
from components import ImageFactory
from tests.components.recording import Registration, declare, secrets_in
from tests.plan.samples import CA, make_lock, make_site

__all__: list[str] = []

KEY = "-----BEGIN EC PRIVATE KEY-----\nTUFSS0VE\n-----END EC PRIVATE KEY-----\n"
MARK = "TUFSS0VE"


def plan(**deployment: object) -> ComponentPlan:
    """Return the component of a factory's running alone."""
    site = make_site(
        imageFactory={
            "kind": "deployed",
            "version": "v1.5.0",
            "endpoint": "https://factory.example",
            "ca": CA,
            "deployment": deployment,
        },
        sidero={"version": "v0.6.13", "delivery": "cluster"},
    )
    lock = make_lock(images={"ghcr.io/siderolabs/image-factory:v1.5.0": "factory"})
    deployed = plan_deployed(site, lock, name="berlin")
    inputs = {**deployed.inputs, "schematics": {}}
    return ComponentPlan(
        kind="ImageFactory", name="image-factory", inputs=inputs, children=deployed.children
    )


def registered(config: Mapping[str, object], **deployment: object) -> dict[str, Registration]:
    """Return what the component registers, by name."""
    wanted = plan(**deployment)
    found = declare(lambda: ImageFactory(wanted), config=config, secrets=tuple(config))
    return {item.name: item for item in found}


@pytest.fixture(scope="module")
def made() -> dict[str, Registration]:
    return registered({"kubeconfig": "{}", "factorySigningKey": KEY})


def test_everything_is_below_the_component_and_goes_to_the_clusters_provider(
    made: Mapping[str, Registration],
) -> None:
    objects = {name: item for name, item in made.items() if item.type.startswith("kubernetes:")}
    assert {name: item.type for name, item in objects.items()} == {
        "factory-namespace": "kubernetes:core/v1:Namespace",
        "factory-configuration": "kubernetes:core/v1:ConfigMap",
        "factory-signing-key": "kubernetes:core/v1:Secret",
        "factory-service": "kubernetes:core/v1:Service",
        "factory-deployment": "kubernetes:apps/v1:Deployment",
    }
    assert {item.parent for item in objects.values()} == {"image-factory"}
    assert all("cluster" in item.provider for item in objects.values())
    assert not any(item.retained for item in objects.values())


def test_the_pod_comes_after_what_it_mounts(made: Mapping[str, Registration]) -> None:
    def before(name: str) -> set[str]:
        return {urn.rpartition("::")[2] for urn in made[name].dependencies}

    assert before("factory-deployment") >= {
        "factory-namespace",
        "factory-configuration",
        "factory-signing-key",
    }
    for name in ("factory-configuration", "factory-signing-key", "factory-service"):
        assert "factory-namespace" in before(name)


def test_the_signing_key_is_a_secret_and_in_one_place(made: Mapping[str, Registration]) -> None:
    held = made["factory-signing-key"].inputs
    [secret] = [value for value in secrets_in(held) if MARK in str(value)]
    assert secret == {"cache-signing.key": KEY} or secret == KEY
    others = [item.inputs for name, item in made.items() if name != "factory-signing-key"]
    assert MARK not in str(others)


def test_without_a_key_the_error_says_how_to_make_one() -> None:
    with pytest.raises(SiteError) as refused:
        registered({"kubeconfig": "{}"})
    assert "sidero-airgap:factorySigningKey: missing" in refused.value.diagnostics()
    assert "python -m airgap factory key | pulumi config set --secret" in (
        refused.value.diagnostics()
    )


def test_a_namespace_of_sidero_is_not_made_again() -> None:
    found = registered({"kubeconfig": "{}", "factorySigningKey": KEY}, namespace="sidero-system")
    assert "factory-namespace" not in found
    assert "factory-deployment" in found
