"""The Image Factory client against the practice factory, and against one that misbehaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.errors import FactoryError
from airgap.factory import FactoryClient
from airgap.net import RetryPolicy
from airgap.schematic import canonical_yaml, parse_schematic, schematic_for
from lab.upstream import RELEASE, Upstream

IMPATIENT = RetryPolicy(attempts=2, sleep=lambda _: None)
EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with Upstream(tmp_path / "upstream", small=True) as running:
        yield running


@pytest.fixture
def client(upstream: Upstream) -> Iterator[FactoryClient]:
    with FactoryClient(
        upstream.factory_url,
        upstream.ca_file.read_text(),
        version="v1.5.0",
        retry=IMPATIENT,
    ) as connected:
        yield connected


def test_a_registered_schematic_has_the_published_id_and_reads_back(client: FactoryClient) -> None:
    # pkg/schematic/schematic_test.go of image-factory v1.5.0: the empty schematic
    assert client.register(schematic_for()) == EMPTY_ID
    assert client.schematic_text(EMPTY_ID) == "customization: {}\n"


def test_registering_twice_is_registering_once(client: FactoryClient) -> None:
    schematic = schematic_for(extensions=["siderolabs/gvisor"], extra_kernel_args=["vga=791"])
    identity = client.register(schematic)
    assert client.register(schematic) == identity
    assert client.schematic_text(identity) == canonical_yaml(schematic)


def test_an_unregistered_schematic_is_not_known(client: FactoryClient) -> None:
    assert client.schematic_text("0" * 64) is None


def test_versions_and_extensions_are_listed(client: FactoryClient) -> None:
    assert client.versions() == (RELEASE,)
    names = {extension.name: extension.digest for extension in client.extensions(RELEASE)}
    assert names["siderolabs/iscsi-tools"].startswith("sha256:")


def test_a_release_it_cannot_build_is_said_in_its_own_words(client: FactoryClient) -> None:
    with pytest.raises(FactoryError, match=r"status 404: version v1\.13\.0 is not available"):
        client.extensions("v1.13.0")


def test_another_id_than_the_predicted_is_an_error_that_names_both(
    upstream: Upstream, client: FactoryClient
) -> None:
    body = json.dumps({"id": "f" * 64}).encode()
    upstream.factory.faults.add(
        "/schematics", status=201, headers={"Content-Type": "application/json"}, body=body
    )
    with pytest.raises(FactoryError) as caught:
        client.register(schematic_for())
    assert "f" * 64 in str(caught.value)
    assert EMPTY_ID in str(caught.value)


def test_generations_that_write_a_string_differently_are_told_apart(upstream: Upstream) -> None:
    # yaml/v4 rc.4 and rc.6 quote `off` differently: image-factory v1.4.0 and v1.5.0
    schematic = parse_schematic("customization: {secureboot: {enrollKeys: 'off'}}")
    with (
        FactoryClient(
            upstream.factory_url,
            upstream.ca_file.read_text(),
            version="v1.4.0",
            retry=IMPATIENT,
        ) as older,
        pytest.raises(FactoryError, match=r"ID d8f665.*expected 27e859"),
    ):
        older.register(schematic)


def test_a_500_names_the_request_for_the_factorys_log(
    upstream: Upstream, client: FactoryClient
) -> None:
    upstream.factory.faults.add(
        "/versions",
        times=None,
        status=500,
        headers={"X-Request-ID": "abc-123"},
        body=b"internal server error\n",
    )
    with pytest.raises(
        FactoryError, match=r"500: internal server error .request ID abc-123"
    ) as caught:
        client.versions()
    assert "factory's log" in caught.value.diagnostics()
    assert len(upstream.factory.requests.select(path="/versions")) == 2


def test_a_login_page_is_refused_and_not_quoted(upstream: Upstream, client: FactoryClient) -> None:
    upstream.factory.faults.add_login_page("/versions", times=None)
    with pytest.raises(FactoryError, match="HTML page") as caught:
        client.versions()
    assert "Sign in" not in caught.value.diagnostics()


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": "short"}', b"nonsense"])
def test_an_answer_that_is_no_id_is_refused(
    upstream: Upstream, client: FactoryClient, body: bytes
) -> None:
    upstream.factory.faults.add("/schematics", status=201, body=body)
    with pytest.raises(FactoryError, match="the answer is not"):
        client.register(schematic_for())


def test_a_factory_that_is_off_is_a_factory_error_with_the_request(
    upstream: Upstream, client: FactoryClient
) -> None:
    upstream.stop()
    with pytest.raises(FactoryError, match="request ID") as caught:
        client.versions()
    assert caught.value.retryable


def test_a_brief_failure_is_tried_again(upstream: Upstream, client: FactoryClient) -> None:
    upstream.factory.faults.add("/schematics", status=503)
    assert client.register(schematic_for()) == EMPTY_ID
