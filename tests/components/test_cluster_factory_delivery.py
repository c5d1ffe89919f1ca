"""A deployed factory under the real engine: its objects in a stand-in cluster, its key nowhere."""

from __future__ import annotations

import base64

import pytest
import yaml

from airgap.signature.private import PrivateKey
from tests.engine.fixtures import MakeWorkspace, engine_directory, make_workspace
from tests.engine.kubernetes_provider.cluster import Cluster, Identity
from tests.engine.workspace import CHECKOUT, Workspace

__all__ = ["engine_directory", "make_workspace"]

pytestmark = pytest.mark.engine

SPACE = "image-factory"
KEY = PrivateKey.make().private_pem().decode()

# The running of the factory alone: schematics and images are other resources' concern.
MAIN = f"""
import sys

import pulumi

sys.path[:0] = [{str(CHECKOUT)!r}]

from airgap.plan import ComponentPlan
from airgap.plan.deployed import plan_deployed
from components import ImageFactory
from tests.plan.samples import make_lock, make_site

site = make_site(
    imageFactory={{
        "kind": "deployed",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "deployment": {{"maxConcurrency": pulumi.Config("sidero-airgap").require_int("builds")}},
    }},
    sidero={{"version": "v0.6.13", "delivery": "cluster"}},
)
lock = make_lock(images={{"ghcr.io/siderolabs/image-factory:v1.5.0": "factory"}})
deployed = plan_deployed(site, lock, name="berlin")
inputs = {{**deployed.inputs, "schematics": {{}}}}
ImageFactory(
    ComponentPlan(
        kind="ImageFactory", name="image-factory", inputs=inputs, children=deployed.children
    )
)
"""


@pytest.fixture
def workspace(make_workspace: MakeWorkspace) -> Workspace:
    workspace = make_workspace(files={"__main__.py": MAIN}, stack="berlin")
    for room in ("airgap", "components", "providers"):
        (workspace.directory / room).symlink_to(CHECKOUT / room)
    workspace.set_config({"builds": 6})
    return workspace


def identity(kind: str, name: str, api_version: str = "v1") -> Identity:
    """Return an object of the factory's namespace."""
    return Identity(api_version=api_version, kind=kind, name=name, namespace=SPACE)


def config_of(cluster: Cluster) -> tuple[Identity, dict[str, object]]:
    """Return the ConfigMap that the pod mounts, and the configuration in it."""
    deployment = cluster.get(identity("Deployment", "image-factory", "apps/v1"))
    assert deployment is not None
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    [name] = [item["configMap"]["name"] for item in volumes if "configMap" in item]
    found = cluster.get(identity("ConfigMap", name))
    assert found is not None
    return identity("ConfigMap", name), yaml.safe_load(found["data"]["config.yaml"])


def test_a_factory_comes_changes_by_another_pod_and_goes(workspace: Workspace) -> None:
    cluster = workspace.connect_cluster()
    workspace.set_secrets(kubeconfig=cluster.kubeconfig())
    refused = workspace.preview(exit_code=None)
    assert refused.exit_code != 0
    assert "python -m airgap factory key" in refused.output

    workspace.set_secrets(factorySigningKey=KEY)
    shown = workspace.preview("--json").output
    done = workspace.up()
    assert done.diagnostics == ()
    secret = cluster.get(identity("Secret", "image-factory-signing-key"))
    assert secret is not None
    assert base64.b64decode(secret["data"]["cache-signing.key"]).decode() == KEY
    shown += done.output + workspace.export().text
    assert not [line for line in KEY.splitlines() if line and line in shown]

    before, first = config_of(cluster)
    assert first["build"] == {"maxConcurrency": 6}

    workspace.set_config({"builds": 2})
    changed = workspace.up()
    after, second = config_of(cluster)
    assert second["build"] == {"maxConcurrency": 2}
    assert after != before
    assert cluster.get(before) is None
    steps = [(step.operation, step.name) for step in changed.steps]
    rolled = steps.index(("update", "factory-deployment"))
    assert steps.index(("create-replacement", "factory-configuration")) < rolled
    assert rolled < steps.index(("delete-replaced", "factory-configuration"))

    workspace.destroy()
    assert cluster.get(identity("Deployment", "image-factory", "apps/v1")) is None
