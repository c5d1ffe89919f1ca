"""Every object that sites deliver, taken whole by a real API server with Sidero's definitions.

kube-apiserver v1.34.1 with `fieldValidation=Strict` refuses what a definition does not know; what
it takes is read back, and nothing that was sent is missing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import PurePosixPath

import pytest
import yaml

from airgap.plan import ComponentPlan, Plan
from airgap.render import render_documents
from airgap.sidero import KINDS, definition
from airgap.site.load import load_site
from airgap.site.model import Site
from components import SideroEnvironment
from tests.components.recording import Registration, declare, is_secret
from tests.engine.kubernetes_provider import installation
from tests.peers.certificates import Certificates
from tests.peers.definitions import sidero_definitions
from tests.peers.delivered import documents_of, files_of, plan_over_names
from tests.peers.kubernetes import (
    Kubernetes,
    Object,
    RefusedError,
    find_lost,
    serve_kubernetes,
)
from tests.plan.test_examples import EXAMPLES, STACKS
from tools.peers import Peers

__all__: list[str] = []

pytestmark = pytest.mark.peers

FLAVOURS = ("stock", "airgap")
FORKED = tuple(name for name in EXAMPLES if name.startswith(("migration-2", "migration-3")))
LABELS = {"app": "sidero"}

# What Sidero's installation and its manager leave, as `tests.engine` knows it, with what a real
# API server asks of a Deployment.
DEFAULT: Object = installation.DEFAULT
DEPLOYMENT: Object = {
    **installation.DEPLOYMENT,
    "spec": {
        "selector": {"matchLabels": LABELS},
        "template": {
            **installation.DEPLOYMENT["spec"]["template"],
            "metadata": {"labels": LABELS},
        },
    },
}
CREDENTIALS = {"username": "node", "password": "only-this-test's"}


@pytest.fixture(scope="module")
def servers(
    peers: Peers, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Kubernetes]]:
    """An API server a flavour, with its definitions and Sidero's namespace."""
    folder = tmp_path_factory.mktemp("kubernetes")
    with ExitStack() as running:
        made = {
            flavour: running.enter_context(
                serve_kubernetes(peers, certificates, folder / flavour, sidero_definitions(flavour))
            )
            for flavour in FLAVOURS
        }
        for server in made.values():
            server.create(installation.NAMESPACE)
        yield made


@pytest.fixture
def clusters(servers: Mapping[str, Kubernetes]) -> Iterator[Mapping[str, Kubernetes]]:
    """A cluster a flavour as Sidero's installation leaves it; what a test puts there goes."""
    for server in servers.values():
        server.create(DEFAULT)
        server.create(DEPLOYMENT)
    yield servers
    beside = {"apiVersion": "v1", "metadata": DEPLOYMENT["metadata"]}
    for server in servers.values():
        for item in (DEFAULT, {**DEFAULT, "kind": "ServerClass"}, DEPLOYMENT):
            server.delete_all(item)
        for kind in ("Secret", "ConfigMap"):
            server.delete_all({**beside, "kind": kind})


def site_of(name: str, *, delivery: str = "files", node_auth: str = "none") -> Site:
    """Return an example's site, delivered in another way."""
    site = load_site(STACKS / f"Pulumi.{name}.yaml")
    changes = {
        "sidero": site.sidero.model_copy(update={"delivery": delivery}),
        "registry": site.registry.model_copy(update={"node_auth": node_auth}),
    }
    return site.model_copy(update=changes)


def written(plan: Plan, folder: str) -> list[dict[str, object]]:
    """Return the documents of the YAML files in a folder of what a site writes."""
    return [
        document
        for path, text in files_of(plan).items()
        if path.endswith(".yaml") and str(PurePosixPath(path).parent) == folder
        for document in documents_of(text)
    ]


def file_of(plan: Plan, path: str) -> dict[str, object]:
    """Return a file's only document."""
    (document,) = documents_of(files_of(plan)[path])
    return document


def expect_whole(server: Kubernetes, item: Object, *, force: bool = False) -> None:
    """Fail unless a dry run and the real one take an object, and all of it is there afterwards."""
    assert find_lost(item, server.apply(item, dry_run=True, force=force)) == []
    server.apply(item, force=force)
    assert find_lost(item, server.read(item)) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_objects_in_files_are_taken_whole(clusters: Mapping[str, Kubernetes], name: str) -> None:
    site = site_of(name)
    plan, server = plan_over_names(site, name), clusters[site.sidero.flavour]
    objects = [*written(plan, "environments"), *written(plan, "server-classes")]
    assert {item["kind"] for item in objects} == {"Environment", "ServerClass"}
    for item in objects:
        server.create(item, dry_run=True)  # the first `kubectl apply` of it
        expect_whole(server, item)


@pytest.mark.parametrize("name", EXAMPLES)
def test_sideros_own_default_is_merged_into(clusters: Mapping[str, Kubernetes], name: str) -> None:
    site = site_of(name)
    server = clusters[site.sidero.flavour]
    patch = file_of(plan_over_names(site, name), "default-environment.patch.yaml")
    assert find_lost(patch, server.merge(DEFAULT, patch, dry_run=True)) == []
    server.merge(DEFAULT, patch)
    found = server.read(DEFAULT)
    assert find_lost(patch, found) == []
    assert "github.com" not in str(found["spec"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_sideros_manager_is_patched_from_files(
    clusters: Mapping[str, Kubernetes], name: str
) -> None:
    site = site_of(name)
    plan, server = plan_over_names(site, name), clusters[site.sidero.flavour]
    expect_whole(server, file_of(plan, "controller-trust/configmap.yaml"))
    patch = file_of(plan, "controller-trust/deployment.patch.yaml")
    server.merge_strategically(DEPLOYMENT, patch, dry_run=True)
    server.merge_strategically(DEPLOYMENT, patch)
    expect_patched(server, patch)


@pytest.mark.parametrize("name", EXAMPLES)
def test_objects_for_a_cluster_are_taken_whole(
    clusters: Mapping[str, Kubernetes], name: str
) -> None:
    """What the component gives Pulumi's Kubernetes provider, which applies on the server's side."""
    plan = plan_over_names(site_of(name, delivery="cluster", node_auth="machineConfig"), name)
    server = clusters[plan_flavour(plan)]
    kinds = []
    for item in registered(plan.sidero):
        kinds.append(item["kind"])
        if item["kind"] == "Deployment":
            server.apply(item, dry_run=True)
            server.apply(item)
            expect_patched(server, item)
        elif item["kind"] == "Secret":
            expect_secret(server, item)
        else:
            expect_whole(server, item, force=is_forced(item))
    assert set(kinds) == {"ConfigMap", "Deployment", "Secret", "Environment", "ServerClass"}


def test_sideros_own_default_is_taken_over_by_force_alone(
    clusters: Mapping[str, Kubernetes],
) -> None:
    """What `pulumi.com/patchForce` is for: Sidero's manager owns the fields."""
    plan = plan_over_names(site_of("airgap-basic", delivery="cluster"), "airgap-basic")
    (forced,) = (item for item in registered(plan.sidero) if is_forced(item))
    assert forced["metadata"]["name"] == "default"  # type: ignore[index]
    with pytest.raises(RefusedError, match=r"^409: .*conflicts with \"sidero\""):
        clusters["stock"].apply(forced)
    expect_whole(clusters["stock"], forced, force=True)


@pytest.mark.parametrize("name", FORKED)
def test_the_forks_objects_are_refused_by_stock_sidero(
    clusters: Mapping[str, Kubernetes], name: str
) -> None:
    plan, stock = plan_over_names(site_of(name), name), clusters["stock"]
    assert plan_flavour(plan) == "airgap"
    for item in written(plan, "environments"):
        spec = item["spec"]
        assert isinstance(spec, dict)
        fields = [field for field in ("airGap", "bootAsset") if field in spec]
        assert fields == ["airGap", "bootAsset"][: int(name.split("-")[1]) - 1]
        with pytest.raises(RefusedError, match=r"^400: ") as refused:
            stock.create(item, dry_run=True)
        for field in fields:  # in no order
            assert f'unknown field "spec.{field}"' in str(refused.value)
        # Applied, the first one that it comes upon is named: any of them.
        undeclared = rf"\.spec\.({'|'.join(fields)}): field not declared in schema"
        with pytest.raises(RefusedError, match=undeclared):
            stock.apply(item)
        pruned = stock.create(item, dry_run=True, validation="Ignore")
        assert find_lost(item, pruned) == sorted(f".spec.{field}" for field in fields)
    for item in written(plan, "server-classes"):
        expect_whole(stock, item)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_as_shipped_is_taken_whole(
    servers: Mapping[str, Kubernetes], kind: str, flavour: str
) -> None:
    """With its webhook, over the one that is installed: a dry run, for no webhook runs here."""
    (item,) = documents_of(render_documents([definition(kind, flavour=flavour)]))
    for server in servers.values():
        assert find_lost(item, server.apply(item, dry_run=True, force=True)) == []


@pytest.mark.parametrize("name", FORKED)
def test_the_definition_of_a_site_is_the_forks(name: str) -> None:
    """The objects above are judged by what `apply.sh` installs."""
    (item,) = written(plan_over_names(site_of(name), name), "crds")
    assert item == definition("Environment", flavour="airgap")


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in FORKED])
def test_stock_objects_stay_valid_under_the_fork(
    clusters: Mapping[str, Kubernetes], name: str
) -> None:
    """The fork's definition comes before its objects do."""
    plan = plan_over_names(site_of(name), name)
    for item in (*written(plan, "environments"), *written(plan, "server-classes")):
        expect_whole(clusters["airgap"], item)


def expect_patched(server: Kubernetes, patch: Object) -> None:
    """Fail unless the manager's Deployment has what the patch says beside all that it had."""
    found, given, before = (_by_name(each) for each in (server.read(DEPLOYMENT), patch, DEPLOYMENT))
    assert find_lost(given, found) == []
    assert find_lost(before, found) == []


def expect_secret(server: Kubernetes, item: Object) -> None:
    """Fail unless the Secret is taken, by what the API server makes of `stringData`."""
    server.apply(item, dry_run=True)
    server.apply(item)
    text, found = item["stringData"], server.read(item)
    assert isinstance(text, dict)
    data = {key: base64.b64encode(value.encode()).decode() for key, value in text.items()}
    assert found["type"] == "kubernetes.io/dockerconfigjson"
    assert found["data"] == data


def registered(plan: ComponentPlan) -> list[dict[str, object]]:
    """Return the objects that the component registers, their secrets in clear."""
    hosts = {host for child in plan.children for host in child.hosts}
    config = {"kubeconfig": "{}", "credentials": dict.fromkeys(hosts, CREDENTIALS)}
    found = declare(
        lambda: SideroEnvironment(plan), config=config, secrets=("kubeconfig", "credentials")
    )
    return [as_object(item) for item in found if item.type.startswith("kubernetes:")]


def as_object(item: Registration) -> dict[str, object]:
    """Return a registration's inputs as the API takes them."""
    clear = _reveal(item.inputs)
    assert isinstance(clear, dict)
    document: dict[str, object] = yaml.safe_load(render_documents([clear]))
    return document


def is_forced(item: Object) -> bool:
    """Tell whether an object takes over the fields of others."""
    metadata = item["metadata"]
    assert isinstance(metadata, dict)
    return "pulumi.com/patchForce" in metadata.get("annotations", {})


def plan_flavour(plan: Plan) -> str:
    """Return whose definitions a plan's objects are made for."""
    return str(plan.sidero.inputs["flavour"])


def _reveal(value: object) -> object:
    if isinstance(value, Mapping):
        if is_secret(value):
            return _reveal(value["value"])
        return {key: _reveal(item) for key, item in value.items()}
    return [_reveal(item) for item in value] if isinstance(value, list) else value


def _by_name(value: object) -> object:
    """Return a Deployment whose lists of named items are mappings: the API server orders them."""
    if isinstance(value, Mapping):
        return {key: _by_name(item) for key, item in value.items()}
    if isinstance(value, list) and all("name" in item for item in value):
        return {item["name"]: _by_name(item) for item in value}
    return value
