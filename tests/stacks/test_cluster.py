"""`cluster` delivery to the stand-in kubernetes provider: made, updated, taken away.

And marked secrets are in clear in nothing that is printed, logged, recorded or meant for git. Both
are told of one story's commands, so they are in one file: a worker of pytest-xdist runs them once.
"""

from __future__ import annotations

import base64
import json

import pytest
import yaml

from tests.engine.kubernetes_provider.installation import DEPLOYMENT, SIDERO
from tests.stacks.delivery import MARKS, NODE_PASSWORD, Delivery
from tests.stacks.differences import operations

pytestmark = pytest.mark.engine

USERS = ("transfer", "node")


def _environments(objects: dict[str, object]) -> set[str]:
    return {name for name in objects if name.startswith("Environment/")}


def test_every_object_has_the_name_that_the_preview_showed(delivery: Delivery) -> None:
    states = (step.get("newState", {}) for step in delivery.preview.json["steps"])
    inputs = [item["inputs"] for item in states if item.get("type", "").startswith("kubernetes:")]
    shown = {f"{item['kind']}/{item['metadata']['name']}" for item in inputs}
    assert shown == delivery.objects.keys() - {"Namespace/sidero-system"}
    assert "Deployment/sidero-controller-manager" in shown, "patched: it was there before us"
    assert {"ServerClass/workers", "Secret/airgap-registry-credentials"} < shown


def test_environment_boots_from_the_site(delivery: Delivery) -> None:
    url = f"{delivery.site.website.url}/talos/v1.11.5/"
    environments = [delivery.objects[name] for name in _environments(delivery.objects)]
    assert len(environments) == 2
    for environment in environments:
        assert environment["spec"]["kernel"]["url"].startswith(url)
        assert environment["spec"]["initrd"]["url"].startswith(url)


def test_server_class_refers_to_an_environment_that_exists(delivery: Delivery) -> None:
    for objects in (delivery.objects, delivery.objects_updated, delivery.objects_of_fork):
        reference = objects["ServerClass/workers"]["spec"]["environmentRef"]["name"]
        assert f"Environment/{reference}" in objects


def test_strategic_patches_are_texts_and_the_credentials_the_last(delivery: Delivery) -> None:
    plain, credentials = delivery.objects["ServerClass/workers"]["spec"]["strategicPatches"]
    assert "mirrors" in yaml.safe_load(plain)["machine"]["registries"]
    host = delivery.site.registry.host
    assert yaml.safe_load(credentials) == {
        "machine": {
            "registries": {
                "config": {host: {"auth": {"username": "node", "password": NODE_PASSWORD}}}
            }
        }
    }


def test_secret_holds_a_docker_config(delivery: Delivery) -> None:
    """Its form is Kubernetes' for `kubernetes.io/dockerconfigjson`."""
    secret = delivery.objects["Secret/airgap-registry-credentials"]
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    document = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    pair = base64.b64encode(f"node:{NODE_PASSWORD}".encode()).decode()
    assert document["auths"][delivery.site.registry.host]["auth"] == pair


def test_second_up_in_the_cluster_changes_nothing(delivery: Delivery) -> None:
    assert delivery.again.changes == {}


def test_new_talos_gets_a_new_environment_before_the_old_one_goes(delivery: Delivery) -> None:
    """A ServerClass must never refer to an Environment that is not there."""
    old, new = (_environments(item) for item in (delivery.objects, delivery.objects_updated))
    assert len(new - old) == len(old - new) == 1
    steps = [
        (step.operation, step.name)
        for step in delivery.update.steps
        if step.type.startswith("kubernetes:")
    ]
    created = steps.index(("create-replacement", "environment-talos-1-11-5-amd64"))
    turned = steps.index(("update", "server-class-workers"))
    removed = steps.index(("delete-replaced", "environment-talos-1-11-5-amd64"))
    assert created < turned < removed


def test_fork_gets_its_own_fields_and_stock_never_does(delivery: Delivery) -> None:
    for name in _environments(delivery.objects_of_fork):
        assert delivery.objects_of_fork[name]["spec"]["airGap"]["enabled"] is True
        assert "airGap" not in delivery.objects_updated[name]["spec"]


def test_flavour_updates_environments_in_place(delivery: Delivery) -> None:
    assert operations(delivery.fork) == {
        "manifests-crds": "create",
        "sidero": "update",
        "environment-default": "update",
        "environment-talos-1-11-5-amd64": "update",
    }


def test_delivery_by_files_takes_away_what_the_engine_had_made(delivery: Delivery) -> None:
    """The report says so: servers are provisioned by files once these are applied."""
    gone = delivery.objects_of_fork.keys() - delivery.objects_beside_files.keys()
    assert {"ServerClass/workers", "Secret/airgap-registry-credentials"} < gone
    assert _environments(delivery.objects_beside_files) == {"Environment/default"}
    before, after = (
        objects["Environment/default"]["spec"]
        for objects in (delivery.objects_of_fork, delivery.objects_beside_files)
    )
    assert before == after, "as it was patched last"
    assert operations(delivery.to_files)["server-class-workers"] == "delete"


def test_destroy_leaves_what_was_there_before_us(delivery: Delivery) -> None:
    """Sidero's own `default` stays, and still boots from the site: it would make it anew."""
    assert set(delivery.objects_left) == SIDERO
    manager = "Deployment/sidero-controller-manager"
    assert delivery.objects[manager]["spec"] != DEPLOYMENT["spec"]
    assert delivery.objects_left[manager]["spec"] == DEPLOYMENT["spec"]


# Secrets


def _disguises() -> set[str]:
    """Return the marked secrets, plain and as HTTP and Kubernetes encode them."""
    pairs = {f"{user}:{mark}" for user in USERS for mark in MARKS}
    encoded = {base64.b64encode(text.encode()).decode() for text in {*MARKS, *pairs}}
    return {*MARKS, *encoded}


def _leaks(texts: dict[str, str]) -> set[str]:
    disguises = _disguises()
    return {name for name, text in texts.items() if any(secret in text for secret in disguises)}


def test_state_export_holds_no_secret_in_clear(delivery: Delivery) -> None:
    assert "ciphertext" in delivery.state.text
    assert _leaks({"export": delivery.state.text}) == set()


def test_preview_json_holds_no_secret(delivery: Delivery) -> None:
    assert "registry-credentials" in delivery.preview.stdout
    assert _leaks({"preview": delivery.preview.output}) == set()


def test_no_text_of_project_engine_or_state_holds_a_secret(delivery: Delivery) -> None:
    kinds = (".stdout", ".stderr", ".events", ".lock.json", ".yaml", ".checkpoint.json")
    for kind in kinds:
        assert any(name.endswith(kind) for name in delivery.texts), f"no {kind} was looked at"
    assert _leaks(delivery.texts) == set()


def test_refused_transfer_is_an_error_without_the_password(delivery: Delivery) -> None:
    assert delivery.refused.exit_code != 0
    assert "401" in delivery.refused.output
    assert _leaks({"refused": delivery.refused.output}) == set()


def test_files_hold_the_reference_to_the_secret_only(delivery: Delivery) -> None:
    server_class = delivery.written["out/airgap-basic/server-classes/workers.yaml"]
    assert "airgap-registry-credentials" in server_class
    assert NODE_PASSWORD not in server_class
