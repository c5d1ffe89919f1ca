"""The stand-in kubernetes provider, under the real engine and the real pulumi-kubernetes SDK.

What it must do is what pulumi-kubernetes documents: how-pulumi-works/server-side-apply, and its
provider's `upsertExistingObjects` and `enableSecretMutable`.
"""

import base64

import pytest

from tests.engine.fixtures import MakeWorkspace
from tests.engine.kubernetes_provider.cluster import Cluster, Identity
from tests.engine.workspace import Workspace

pytestmark = pytest.mark.engine

MAIN = """
import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace, Secret

config = pulumi.Config()
cluster = Provider(
    "site", kubeconfig=config.require_secret("kubeconfig"), cluster_identifier="the-site"
)
opts = pulumi.ResourceOptions(provider=cluster)
namespace = Namespace("namespace", metadata={"name": "sidero-system"}, opts=opts)
Secret(
    "pull",
    metadata={"name": "pull", "namespace": namespace.metadata["name"]},
    string_data={"password": config.require_secret("password")},
    opts=opts,
)
CustomResource(
    "environment",
    api_version="metal.sidero.dev/v1alpha2",
    kind="Environment",
    metadata={"name": "talos"},
    spec={"kernel": {"url": config.get("url") or "https://a/1", "args": ["console=tty0"]}},
    opts=opts,
)
"""

NAMESPACE = Identity(api_version="v1", kind="Namespace", name="sidero-system")
SECRET = Identity(api_version="v1", kind="Secret", name="pull", namespace="sidero-system")
ENVIRONMENT = Identity(api_version="metal.sidero.dev/v1alpha2", kind="Environment", name="talos")


@pytest.fixture
def workspace(make_workspace: MakeWorkspace) -> Workspace:
    return make_workspace(files={"__main__.py": MAIN})


@pytest.fixture
def cluster(workspace: Workspace) -> Cluster:
    cluster = workspace.connect_cluster()
    workspace.set_secrets(kubeconfig=cluster.kubeconfig(), password="MARKED-PASSWORD")
    return cluster


def test_objects_are_created_changed_and_deleted(workspace: Workspace, cluster: Cluster) -> None:
    assert workspace.preview().changes == {"create": 5}
    assert list(cluster.objects()) == []

    workspace.up()
    secret = cluster.get(SECRET)
    assert secret is not None
    assert base64.b64decode(secret["data"]["password"]) == b"MARKED-PASSWORD"
    environment = cluster.get(ENVIRONMENT)
    assert environment is not None
    assert environment["spec"]["kernel"] == {"url": "https://a/1", "args": ["console=tty0"]}
    assert workspace.up().changes == {}

    workspace.set_config({"url": "https://a/2"})
    preview = workspace.preview("--diff")
    assert preview.step("environment").detailed_diff == {"spec.kernel.url": "update"}
    assert '"https://a/1" => "https://a/2"' in preview.stdout
    assert workspace.up().changes == {"update": 1}

    workspace.destroy()
    assert list(cluster.objects()) == []


def test_secrets_are_in_clear_nowhere_in_pulumi(workspace: Workspace, cluster: Cluster) -> None:
    marked = ("MARKED-PASSWORD", base64.b64encode(b"MARKED-PASSWORD").decode())
    shown = workspace.preview("--json").output + workspace.up().output + workspace.export().text
    assert not any(text in shown for text in marked)


def test_refresh_sees_what_others_did(workspace: Workspace, cluster: Cluster) -> None:
    workspace.up()
    altered = cluster.get(ENVIRONMENT)
    assert altered is not None
    altered["spec"]["kernel"]["url"] = "https://elsewhere"
    cluster.put(altered)
    cluster.delete(SECRET)

    drift = workspace.refresh("--preview-only", "--diff")
    assert '"https://a/1" => "https://elsewhere"' in drift.stdout
    workspace.refresh()
    assert workspace.up().changes == {"create": 1, "update": 1}
    repaired = cluster.get(ENVIRONMENT)
    assert repaired is not None
    assert repaired["spec"]["kernel"]["url"] == "https://a/1"


def test_an_object_that_exists_is_not_created_over(workspace: Workspace, cluster: Cluster) -> None:
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "sidero-system"}})
    refused = workspace.up(exit_code=None)
    assert refused.exit_code != 0
    assert "already exists" in refused.output


def test_a_secret_is_replaced_not_changed(workspace: Workspace, cluster: Cluster) -> None:
    workspace.up()
    workspace.set_secrets(password="another")
    assert workspace.up().changes == {"replace": 1}
    secret = cluster.get(SECRET)
    assert secret is not None
    assert base64.b64decode(secret["data"]["password"]) == b"another"


def test_an_unreachable_cluster_can_be_previewed_but_not_updated(
    workspace: Workspace, cluster: Cluster
) -> None:
    cluster.directory.rmdir()
    assert workspace.preview().changes == {"create": 5}
    refused = workspace.up(exit_code=None)
    assert refused.exit_code != 0
    assert "cluster is unreachable" in refused.output


def test_a_patch_merges_into_what_exists_and_leaves_it(make_workspace: MakeWorkspace) -> None:
    main = """
import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.apiextensions import CustomResourcePatch

cluster = Provider("site", kubeconfig=pulumi.Config().require("kubeconfig"))
CustomResourcePatch(
    "environment",
    api_version="metal.sidero.dev/v1alpha2",
    kind="Environment",
    metadata={"name": "default"},
    spec={"kernel": {"url": "https://a/1"}},
    opts=pulumi.ResourceOptions(provider=cluster),
)
"""
    workspace = make_workspace(files={"__main__.py": main})
    cluster = workspace.connect_cluster()
    workspace.set_config({"kubeconfig": cluster.kubeconfig()})
    identity = Identity(api_version="metal.sidero.dev/v1alpha2", kind="Environment", name="default")
    missing = workspace.up(exit_code=None)
    assert missing.exit_code != 0
    assert "not found" in missing.output

    cluster.put(
        {
            "apiVersion": identity.api_version,
            "kind": identity.kind,
            "metadata": {"name": "default"},
            "spec": {"kernel": {"args": ["quiet"]}},
        }
    )
    workspace.up()
    patched = cluster.get(identity)
    assert patched is not None
    assert patched["spec"] == {"kernel": {"args": ["quiet"], "url": "https://a/1"}}

    workspace.destroy()
    left = cluster.get(identity)
    assert left is not None
    assert left["spec"] == {"kernel": {"args": ["quiet"]}}
