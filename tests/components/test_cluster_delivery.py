"""Cluster delivery under the real engine: Sidero's objects in a stand-in cluster."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml

from tests.engine.fixtures import MakeWorkspace, engine_directory, make_workspace
from tests.engine.kubernetes_provider.cluster import Cluster, Identity
from tests.engine.kubernetes_provider.installation import DEPLOYMENT as INSTALLED
from tests.engine.kubernetes_provider.installation import install_sidero
from tests.engine.workspace import CHECKOUT, Workspace
from tests.plan.samples import CA, OTHER_CA

__all__ = ["engine_directory", "make_workspace"]

pytestmark = pytest.mark.engine

API = "metal.sidero.dev/v1alpha2"
DEFAULT = Identity(api_version=API, kind="Environment", name="default")
SERVER_CLASS = Identity(api_version=API, kind="ServerClass", name="workers")
SECRET = Identity(
    api_version="v1", kind="Secret", name="airgap-registry-credentials", namespace="sidero-system"
)
DEPLOYMENT = Identity.of(INSTALLED)
PASSWORD = "MARKED-pull-password"

# The component alone: what it points to is the concern of the other components' providers.
MAIN = f"""
import sys

import pulumi

sys.path[:0] = [{str(CHECKOUT)!r}]

from airgap.plan import plan_site
from components import SideroEnvironment
from tests.plan.samples import CA, make_lock, make_site

arguments = pulumi.Config("sidero-airgap").get_object("arguments") or []
site = make_site(
    registry={{
        "kind": "existing",
        "endpoints": [{{"url": "https://r.example:5000"}}],
        "nodeAuth": "machineConfig",
    }},
    sidero={{"version": "v0.6.13", "delivery": "cluster", "controllerTrust": "managed"}},
    assetMirror={{
        "kind": "embedded",
        "url": "https://a.example/talos",
        "ca": pulumi.Config("sidero-airgap").get("ca") or CA,
    }},
    environments=[
        {{"name": "talos-1-11-5-amd64", "talos": "v1.11.5", "extraKernelArgs": arguments}}
    ],
)
SideroEnvironment(plan_site(site, make_lock(), name="berlin").sidero)
"""


@pytest.fixture
def workspace(make_workspace: MakeWorkspace) -> Workspace:
    workspace = make_workspace(files={"__main__.py": MAIN}, stack="berlin")
    for room in ("airgap", "components", "providers"):
        (workspace.directory / room).symlink_to(CHECKOUT / room)
    return workspace


@pytest.fixture
def cluster(workspace: Workspace) -> Cluster:
    """A cluster as Sidero's manager leaves it: its own `default`, pointing to GitHub."""
    cluster = workspace.connect_cluster()
    install_sidero(cluster)
    credentials = {"r.example:5000": {"username": "puller", "password": PASSWORD}}
    workspace.set_secrets(kubeconfig=cluster.kubeconfig(), credentials=json.dumps(credentials))
    return cluster


def own_environment(cluster: Cluster) -> Identity:
    """Return the Environment that the server class refers to."""
    name = str(spec_of(cluster, SERVER_CLASS)["environmentRef"]["name"])
    assert name.startswith("talos-1-11-5-amd64-")
    return Identity(api_version=API, kind="Environment", name=name)


def spec_of(cluster: Cluster, identity: Identity) -> dict[str, dict[str, object]]:
    """Return an object's spec."""
    found = cluster.get(identity)
    assert found is not None, identity
    spec: dict[str, dict[str, object]] = found["spec"]
    return spec


def test_the_cluster_gets_what_sidero_reads(workspace: Workspace, cluster: Cluster) -> None:
    assert workspace.up().diagnostics == ()
    mirror = "https://a.example/talos/v1.11.5/"
    environment = own_environment(cluster)
    assert str(spec_of(cluster, environment)["kernel"]["url"]).startswith(mirror)
    assert spec_of(cluster, DEFAULT) == spec_of(cluster, environment), "taken over from GitHub"

    plain, credentials = spec_of(cluster, SERVER_CLASS)["strategicPatches"]
    machine = yaml.safe_load(plain)["machine"]
    assert set(machine["registries"]["mirrors"]) >= {"*", "ghcr.io"}
    config = yaml.safe_load(credentials)["machine"]["registries"]["config"]
    assert config["r.example:5000"]["auth"]["password"] == PASSWORD

    secret = cluster.get(SECRET)
    assert secret is not None
    assert PASSWORD in base64.b64decode(secret["data"][".dockerconfigjson"]).decode()
    patch = Path(workspace.directory, "out/berlin/machine-config/workers.patch.yaml")
    assert PASSWORD not in patch.read_text()
    assert workspace.up().changes == {}

    workspace.set_config({"arguments": ["console=ttyS1"]})
    preview = workspace.preview("--diff")
    assert '+ [12]: "console=ttyS1"' in preview.stdout
    assert {step.name for step in preview.steps if step.operation == "update"} == {
        "sidero",
        "environment-default",
        "environment-talos-1-11-5-amd64",
    }
    workspace.destroy()
    assert cluster.get(environment) is None
    assert str(spec_of(cluster, DEFAULT)["kernel"]["url"]).startswith(mirror), "left as it is"


def test_credentials_are_in_clear_nowhere_in_pulumi(workspace: Workspace, cluster: Cluster) -> None:
    pair = base64.b64encode(f"puller:{PASSWORD}".encode()).decode()
    shown = workspace.preview("--json").output + workspace.preview("--diff").output
    shown += workspace.up().output + workspace.export().text
    assert not [mark for mark in (PASSWORD, pair) if mark in shown]


def test_malformed_credentials_stop_the_update_and_are_not_shown(
    workspace: Workspace, cluster: Cluster
) -> None:
    workspace.set_secrets(credentials=json.dumps({"r.example:5000": PASSWORD}))
    refused = workspace.preview(exit_code=None)
    assert refused.exit_code != 0
    assert "{username, password}" in refused.output
    assert PASSWORD not in refused.output
    assert cluster.get(SERVER_CLASS) is None


def test_sideros_manager_is_made_to_trust_the_ca_and_left_as_it_was(
    workspace: Workspace, cluster: Cluster
) -> None:
    workspace.up()
    pod = spec_of(cluster, DEPLOYMENT)["template"]["spec"]
    assert isinstance(pod, dict)
    manager, beside = pod["containers"]
    assert [item["name"] for item in manager["env"]] == ["API_ENDPOINT", "SSL_CERT_DIR"]
    assert manager["image"] == "m"
    assert beside == {"name": "siderolink", "image": "m"}
    [theirs, ours] = pod["volumes"]
    assert theirs["name"] == "cert"
    before = config_map(ours["configMap"]["name"])
    assert content_of(cluster, before) == CA

    workspace.set_config({"ca": OTHER_CA})
    done = workspace.up()
    pod = spec_of(cluster, DEPLOYMENT)["template"]["spec"]
    assert isinstance(pod, dict)
    after = config_map(pod["volumes"][1]["configMap"]["name"])
    assert content_of(cluster, after) == OTHER_CA
    assert cluster.get(before) is None
    steps = [(step.operation, step.name) for step in done.steps]
    turned = steps.index(("update", "controller-trust"))
    assert steps.index(("create-replacement", "controller-ca")) < turned
    assert turned < steps.index(("delete-replaced", "controller-ca"))

    workspace.destroy()
    assert spec_of(cluster, DEPLOYMENT) == INSTALLED["spec"]
    assert cluster.get(after) is None


def config_map(name: object) -> Identity:
    """Return a ConfigMap of Sidero's namespace."""
    return Identity(api_version="v1", kind="ConfigMap", name=str(name), namespace="sidero-system")


def content_of(cluster: Cluster, identity: Identity) -> str:
    """Return a ConfigMap's only file."""
    found = cluster.get(identity)
    assert found is not None, identity
    [text] = found["data"].values()
    return str(text)
