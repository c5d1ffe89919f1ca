"""Marked secrets are in clear in nothing that is printed, logged, recorded or meant for git."""

from __future__ import annotations

import base64

import pytest

from tests.stacks.delivery import MARKS, NODE_PASSWORD, Delivery

pytestmark = pytest.mark.engine

USERS = ("transfer", "node")


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
