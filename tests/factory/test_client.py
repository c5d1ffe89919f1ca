"""The Image Factory client against the practice factory, and against one that misbehaves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from airgap.errors import AirgapError, FactoryError
from airgap.factory import FactoryClient, OtherIdError
from airgap.schematic import canonical_yaml, parse_schematic, schematic_for
from airgap.talos import FactoryAsset
from lab.factory import Factory
from tests.factory.conftest import IMPATIENT, RELEASE, MakeFactory

__all__: list[str] = []

EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"


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
    with pytest.raises(FactoryError, match=r"status 404: version 1\.13\.0 is not available"):
        client.extensions("v1.13.0")


def test_another_id_than_the_predicted_is_an_error_that_names_both(
    factory: Factory, client: FactoryClient
) -> None:
    body = json.dumps({"id": "f" * 64}).encode()
    factory.faults.add(
        "/schematics", status=201, headers={"Content-Type": "application/json"}, body=body
    )
    with pytest.raises(FactoryError) as caught:
        client.register(schematic_for())
    assert "f" * 64 in str(caught.value)
    assert EMPTY_ID in str(caught.value)


def test_generations_that_write_a_string_differently_are_told_apart(factory: Factory) -> None:
    # yaml/v4 rc.4 and rc.6 quote `off` differently: image-factory v1.4.0 and v1.5.0
    schematic = parse_schematic("customization: {secureboot: {enrollKeys: 'off'}}")
    with (
        FactoryClient(factory.url, version="v1.4.0", retry=IMPATIENT) as older,
        pytest.raises(OtherIdError) as caught,
    ):
        older.register(schematic)
    message = caught.value.message
    theirs, ours = message.index("d8f665"), message.index("27e859")
    assert "factories v1.5 make it (it says it is v1.5.0), expected" in message[theirs:ours]
    assert "v1.1 to v1.4 make it (as v1.4.0)" in message[ours:]
    assert "imageFactory.version" in caught.value.hint


def test_a_500_names_the_request_for_the_factorys_log(
    factory: Factory, client: FactoryClient
) -> None:
    factory.faults.add(
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
    assert len(factory.requests.select(path="/versions")) == IMPATIENT.attempts


def test_a_login_page_is_refused_and_not_quoted(factory: Factory, client: FactoryClient) -> None:
    factory.faults.add_login_page("/versions", times=None)
    with pytest.raises(FactoryError, match="HTML page") as caught:
        client.versions()
    assert "Sign in" not in caught.value.diagnostics()


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"id": "short"}', b"nonsense"])
def test_an_answer_that_is_no_id_is_refused(
    factory: Factory, client: FactoryClient, body: bytes
) -> None:
    factory.faults.add("/schematics", status=201, body=body)
    with pytest.raises(FactoryError, match="the answer is not"):
        client.register(schematic_for())


def test_a_factory_that_is_off_is_a_factory_error_with_the_request(
    factory: Factory, client: FactoryClient
) -> None:
    factory.stop()
    with pytest.raises(FactoryError, match="request ID") as caught:
        client.versions()
    assert caught.value.retryable


def test_a_brief_failure_is_tried_again(factory: Factory, client: FactoryClient) -> None:
    factory.faults.add("/schematics", status=503)
    assert client.register(schematic_for()) == EMPTY_ID


# What every call has in common

KERNEL = FactoryAsset(talos=RELEASE, schematic=EMPTY_ID, name="kernel-amd64")


class Drain:
    """Takes bytes, and keeps none."""

    def restart(self) -> None:
        pass

    def write(self, data: memoryview) -> None:
        pass


def read_kernel(client: FactoryClient) -> None:
    client.transfer(KERNEL, Drain(), size=None, max_bytes=1 << 30).run()


CALLS: dict[str, Callable[[FactoryClient], object]] = {
    "register": lambda client: client.register(schematic_for()),
    "schematic_text": lambda client: client.schematic_text(EMPTY_ID),
    "versions": lambda client: client.versions(),
    "extensions": lambda client: client.extensions(RELEASE),
    "overlays": lambda client: client.overlays(RELEASE),
    "require_version": lambda client: client.require_version(RELEASE),
    "asset": read_kernel,
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
HIDDEN = "11111111-1111-4111-8111-111111111111"


@every_call
@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 500, "body": b"internal server error\n"},
        {"status": 500, "body": b"internal server error\n", "headers": {"X-Request-ID": HIDDEN}},
        {"status": 403, "body": b"no\n"},
        {"status": 418, "body": b"{}"},
        {"status": 200, "body": b"<html>", "headers": {"Content-Type": "text/html"}},
        {"drop": True},
    ],
    ids=["500", "500 with its own ID", "403", "418", "page", "dropped"],
)
def test_every_error_names_the_request(
    factory: Factory,
    client: FactoryClient,
    call: Callable[[FactoryClient], object],
    wrong: dict[str, object],
) -> None:
    factory.faults.add(".", times=None, **wrong)  # type: ignore[arg-type]  # an Effect's items
    with pytest.raises(AirgapError) as caught:
        call(client)
    sent = {each.headers["X-Request-Id"] for each in factory.requests}
    named = re.search(r"request ID ([0-9a-f-]{36})", caught.value.message)
    assert named is not None
    stated = wrong.get("headers")
    own = isinstance(stated, dict) and "X-Request-ID" in stated
    assert named[1] in ({HIDDEN} if own else sent)
    assert isinstance(caught.value, FactoryError)


@every_call
def test_every_call_may_be_repeated(
    factory: Factory, client: FactoryClient, call: Callable[[FactoryClient], object]
) -> None:
    client.register(schematic_for())
    factory.faults.add(".", status=503)
    call(client)


def test_a_release_that_logs_no_ids_says_where_else_to_look(make_factory: MakeFactory) -> None:
    """X-Request-ID is logged and echoed from v1.5.0 on (image-factory, `internal/frontend`)."""
    old = make_factory("v1.4.0")
    old.faults.add("/versions", times=None, status=500, body=b"internal server error\n")
    with (
        FactoryClient(old.url, retry=IMPATIENT) as client,
        pytest.raises(FactoryError) as caught,
    ):
        client.versions()
    assert "at this time" in caught.value.hint


# Answers are remembered


def test_lists_are_asked_for_once(factory: Factory, client: FactoryClient) -> None:
    for _ in range(3):
        client.versions()
        client.extensions(RELEASE)
        client.overlays(RELEASE)
    paths = [each.path for each in factory.requests]
    assert sorted(paths) == [
        f"/version/{RELEASE}/extensions/official",
        f"/version/{RELEASE}/overlays/official",
        "/versions",
    ]


def test_what_was_read_back_is_remembered(factory: Factory, client: FactoryClient) -> None:
    client.register(schematic_for())
    assert client.schematic_text(EMPTY_ID) == "customization: {}\n"
    assert len(factory.requests.select(method="GET", path="/schematics/")) == 1


def test_that_one_was_not_known_is_not_remembered(client: FactoryClient) -> None:
    assert client.schematic_text(EMPTY_ID) is None
    client.register(schematic_for())
    assert client.schematic_text(EMPTY_ID) is not None


def test_overlays_are_listed_with_their_image(client: FactoryClient) -> None:
    overlays = {overlay.name: overlay for overlay in client.overlays(RELEASE)}
    assert overlays["rpi_generic"].image == "siderolabs/sbc-raspberrypi"
    assert overlays["rpi_generic"].digest.startswith("sha256:")


# Read back


def test_a_factory_that_loses_what_it_took_is_found_out(
    factory: Factory, client: FactoryClient
) -> None:
    """Image-factory issue 211: registered, and not found afterwards."""
    factory.faults.add("/schematics/", times=None, status=404, body=b"schematic not found\n")
    with pytest.raises(FactoryError, match=r"is not known .request ID .*was registered") as caught:
        client.register(schematic_for())
    assert "artifacts.schematic" in caught.value.hint


def test_another_text_than_the_registered_is_found_out(
    factory: Factory, client: FactoryClient
) -> None:
    factory.faults.add("/schematics/", status=200, body=b"customization:\n    a: b\n")
    with pytest.raises(FactoryError, match=r"another schematic .request ID"):
        client.register(schematic_for())


def test_what_the_factory_wrote_and_cannot_read_is_said(
    factory: Factory, client: FactoryClient
) -> None:
    """Seen on the real v1.0.3: 201, then 400 for a block that begins with a space."""
    factory.faults.add("/schematics/", status=400, body=b"yaml: did not find expected key\n")
    with pytest.raises(FactoryError, match="expected key") as caught:
        client.register(schematic_for())
    assert "does not understand" in caught.value.hint


@pytest.mark.parametrize("expected", ["v0.8.4", None])
def test_a_release_that_cannot_be_asked_is_believed(
    make_factory: MakeFactory, expected: str | None
) -> None:
    """v0.8 has no GET for schematics, and no Server header that would tell it."""
    old = make_factory("v0.8.4")
    with FactoryClient(old.url, version=expected, retry=IMPATIENT) as client:
        assert client.register(schematic_for()) == EMPTY_ID
        assert client.release == ""


# Its versions, and what it says of itself


def test_a_release_it_does_not_build_is_answered_with_what_it_does(
    client: FactoryClient,
) -> None:
    with pytest.raises(FactoryError) as caught:
        client.extensions("v1.13.0")
    assert caught.value.hint == f"it builds {RELEASE}"
    with pytest.raises(FactoryError, match=r"does not build Talos v1\.13\.0") as required:
        client.require_version("v1.13.0")
    assert required.value.hint == f"it builds {RELEASE}"


def test_a_release_it_does_not_build_is_an_error_that_names_the_request(
    factory: Factory, client: FactoryClient
) -> None:
    with pytest.raises(FactoryError) as caught:
        client.require_version("v1.13.0")
    named = re.search(r"request ID ([0-9a-f-]{36})", caught.value.message)
    assert named is not None
    assert named[1] in {each.headers["X-Request-Id"] for each in factory.requests}


def test_an_unknown_extension_says_where_the_known_ones_are(client: FactoryClient) -> None:
    identity = client.register(schematic_for(extensions=["siderolabs/no-such"]))
    asset = FactoryAsset(talos=RELEASE, schematic=identity, name="initramfs-amd64.xz")
    with pytest.raises(FactoryError, match="status 400") as caught:
        client.transfer(asset, Drain(), size=None, max_bytes=1 << 30).run()
    assert "airgap extensions" in caught.value.hint


def test_what_only_the_enterprise_edition_does_is_said(client: FactoryClient) -> None:
    client.register(schematic_for())
    asset = FactoryAsset(talos=RELEASE, schematic=EMPTY_ID, name="kernel-amd64.sha256")
    with pytest.raises(FactoryError, match="status 402") as caught:
        client.transfer(asset, Drain(), size=None, max_bytes=1 << 30).run()
    assert "enterprise" in caught.value.hint


@pytest.mark.parametrize(("version", "told"), [("v1.0.3", "v1.0.3"), ("v0.9.0", "")])
def test_its_release_is_what_the_server_header_says(
    make_factory: MakeFactory, version: str, told: str
) -> None:
    """`Server: Image Factory <tag>` from v1.0.0 on."""
    with FactoryClient(make_factory(version).url, retry=IMPATIENT) as client:
        assert client.release == ""
        client.versions()
        assert client.release == told


def test_a_server_that_is_no_factory_says_no_release(factory: Factory) -> None:
    factory.faults.add("/versions", status=200, body=b"[]", headers={"Server": "nginx/1.27"})
    with FactoryClient(factory.url, retry=IMPATIENT) as client:
        client.versions()
        assert client.release == ""


def test_its_own_url_is_that_of_its_boot_scripts(factory: Factory, client: FactoryClient) -> None:
    client.register(schematic_for())
    for _ in range(2):
        assert client.external_url(KERNEL, "amd64") == "https://factory.practice.example"
    assert len(factory.requests.select(path="/pxe/")) == 1


def test_a_factory_without_boot_scripts_has_no_url(factory: Factory, client: FactoryClient) -> None:
    factory.faults.add("/pxe/", times=None, status=404, body=b"404 page not found\n")
    assert client.external_url(KERNEL, "amd64") == ""


def test_a_release_that_has_come_since_is_built(factory: Factory, client: FactoryClient) -> None:
    """New releases appear within minutes; `/healthz` is 200 whatever happens, and never asked."""
    factory.faults.add("/versions", status=200, body=b"[]")  # nothing was pushed yet
    client.versions()
    client.require_version(RELEASE)
    assert client.versions() == (RELEASE,)
    assert not factory.requests.select(path="healthz")
