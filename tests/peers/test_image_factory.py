"""The real Image Factory v1.0.3 and the practice one at that version: the same questions to both.

Expected is what the source says (siderolabs/image-factory v1.0.3, `internal/frontend/http` and
`pkg/schematic`) and what the published vectors hold; that the real one passes is the proof.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.factorycatalogue import RELEASE, VERSIONS
from tests.peers.factorysubjects import KINDS, Subject, start_subject
from tools.peers import Peers

pytestmark = pytest.mark.peers

_VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "schematic" / "vectors.json").read_text("utf-8")
)
_ENGINE = "v4.0.0-rc.3"
"""The release of go.yaml.in/yaml/v4 that v1.0.3 marshals with."""
_NEWER = ("owner", "embeddedMachineConfiguration", "diskImage", "enrollKeys")
"""Fields that came after v1.0.3."""
_MISCOUNTED = "|4"
"""How this release writes lines of which the first is blank or begins with a space. The indicator
is wrong below a list: the factory reads another text, or none, of what it registered itself.
"""
_EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
_NOBODY = "0" * 64
_PLAIN = "text/plain; charset=utf-8"
_UNMARSHAL = "yaml: unmarshal errors:\n  line 1: "


@pytest.fixture(scope="module", params=KINDS)
def subject(
    request: pytest.FixtureRequest, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """A factory with a catalogue; nothing that one test registers disturbs another."""
    with start_subject(request.param, peers, tmp_path_factory.mktemp("factory")) as started:
        yield started


def _agreed() -> Iterator[tuple[str, str, str]]:
    """Yield the vectors this release takes: body, ID, canonical text."""
    for vector in _VECTORS:
        told = vector
        if vector["kind"] == "engine-dependent":
            (told,) = [each for name, each in vector["by_engine"].items() if _ENGINE in name]
        is_newer = any(field in vector["yaml"] for field in _NEWER)
        if vector["kind"] != "rejected" and "error" not in told and not is_newer:
            yield vector["yaml"], told["id"], told["canonical"]


# Schematics


def test_every_vector_has_its_id_and_is_read_back_as_its_text(subject: Subject) -> None:
    vectors = list(_agreed())
    assert len(vectors) > 200
    for body, identity, canonical in vectors:
        assert subject.register(body) == identity, body
        read = subject.http.get(f"/schematics/{identity}")
        is_kept = (read.status_code, read.text) == (200, canonical)
        assert is_kept != (_MISCOUNTED in canonical), body


def test_a_schematic_registered_again_is_the_same(subject: Subject) -> None:
    for _ in range(2):
        answer = subject.http.post("/schematics", content=b"{}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
        assert answer.json() == {"id": _EMPTY_ID}
    read = subject.http.get(f"/schematics/{_EMPTY_ID}")
    assert read.headers["Content-Type"] == "application/yaml"


def test_every_rejected_vector_is_a_400_in_plain_text(subject: Subject) -> None:
    rejected = [vector["yaml"] for vector in _VECTORS if vector["kind"] == "rejected"]
    assert rejected
    for body in rejected:
        answer = subject.http.post("/schematics", content=body.encode())
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, _PLAIN), body
        assert answer.text.endswith("\n")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "EOF"),
        ("# nothing\n", "EOF"),
        ("a: 1", f"{_UNMARSHAL}field a not found in type schematic.Schematic"),
        (
            "a: 1\ncustomization: {b: 2}",
            _UNMARSHAL + "field a not found in type schematic.Schematic\n"
            "  line 2: field b not found in type schematic.Customization",
        ),
        (
            "customization: {meta: [{key: 10, value: x, more: y}]}",
            f"{_UNMARSHAL}field more not found in type schematic.MetaValue",
        ),
        ("owner: me", f"{_UNMARSHAL}field owner not found in type schematic.Schematic"),
        (
            "customization: {secureboot: {enrollKeys: force}}",
            f"{_UNMARSHAL}field enrollKeys not found in type schematic.SecureBootCustomization",
        ),
        (
            "customization: {embeddedMachineConfiguration: x}",
            _UNMARSHAL + "field embeddedMachineConfiguration not found in type "
            "schematic.Customization",
        ),
        (
            "customization: {diskImage: {sectorSize: 4096}}",
            f"{_UNMARSHAL}field diskImage not found in type schematic.Customization",
        ),
    ],
)
def test_a_body_is_refused_in_these_words(subject: Subject, body: str, text: str) -> None:
    answer = subject.http.post("/schematics", content=body.encode())
    assert (answer.status_code, answer.text) == (400, f"{text}\n")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "customization: {bootloader: auto}",
        "customization: {meta: [{key: 256, value: x}]}",
        "customization: {extraKernelArgs: quiet}",
        json.dumps({"customization": {"extraKernelArgs": ["\N{GRINNING FACE}"]}}),
    ],
)
def test_a_body_is_refused(subject: Subject, body: str) -> None:
    """The last is JSON with a surrogate pair, as `json.dumps` writes it unless told."""
    answer = subject.http.post("/schematics", content=body.encode())
    assert (answer.status_code, answer.text[:6]) == (400, "yaml: ")


def test_what_no_release_has_is_taken(subject: Subject) -> None:
    """Image Factory issue 177: only the shape is looked at."""
    extensions = "customization: {systemExtensions: {officialExtensions: [siderolabs/nope]}}"
    assert re.fullmatch("[0-9a-f]{64}", subject.register(extensions))
    assert re.fullmatch("[0-9a-f]{64}", subject.register("overlay: {name: nope, image: x}"))


@pytest.mark.parametrize("identity", [_NOBODY, "abc"])
def test_an_unknown_schematic_is_a_404(subject: Subject, identity: str) -> None:
    answer = subject.http.get(f"/schematics/{identity}")
    assert (answer.status_code, answer.text) == (404, "schematic not found\n")


# Versions and catalogues


def test_versions_are_those_of_the_imagers_tags_that_are_on_offer(subject: Subject) -> None:
    answer = subject.http.get("/versions")
    assert answer.json() == list(VERSIONS)
    assert answer.headers["Content-Type"] == _PLAIN


def test_extensions_are_what_the_catalogue_says(subject: Subject) -> None:
    answer = subject.http.get(f"/version/{RELEASE}/extensions/official")
    assert answer.headers["Content-Type"] == _PLAIN
    listed = answer.json()
    without_v = subject.http.get(f"/version/{RELEASE.removeprefix('v')}/extensions/official")
    assert without_v.json() == listed
    (gvisor,) = [each for each in listed if each["name"] == "siderolabs/gvisor"]
    image = subject.registry.content.find("siderolabs/gvisor", "20250707.0")
    assert image is not None
    assert gvisor == {
        "name": "siderolabs/gvisor",
        "ref": "ghcr.io/siderolabs/gvisor:20250707.0",
        "digest": str(image.digest),
        "author": "Sidero Labs",
        "description": "The gvisor system extension.\n",
    }


def test_overlays_are_what_the_catalogue_says(subject: Subject) -> None:
    listed = subject.http.get(f"/version/{RELEASE}/overlays/official").json()
    image = subject.registry.content.find("siderolabs/sbc-rockchip", "v0.1.6")
    assert image is not None
    assert listed[1] == {
        "name": "rock5b",
        "image": "siderolabs/sbc-rockchip",
        "ref": "ghcr.io/siderolabs/sbc-rockchip:v0.1.6",
        "digest": str(image.digest),
    }
    assert subject.http.get("/version/v1.6.7/overlays/official").json() == []


@pytest.mark.parametrize("kind", ["extensions", "overlays"])
def test_unknown_and_malformed_versions(subject: Subject, kind: str) -> None:
    unknown = subject.http.get(f"/version/v9.9.9/{kind}/official")
    assert (unknown.status_code, unknown.text) == (404, "version 9.9.9 is not available\n")
    for text in ("latest", "v1.11", "v01.2.3"):
        malformed = subject.http.get(f"/version/{text}/{kind}/official")
        assert (malformed.status_code, malformed.text) == (500, "internal server error\n"), text


def test_a_release_without_its_catalogue_is_a_bare_500(subject: Subject) -> None:
    answer = subject.http.get("/version/v1.12.4/extensions/official")
    assert (answer.status_code, answer.text) == (500, "internal server error\n")


# The frame


def test_the_server_header_tells_the_version_and_there_is_no_request_id(subject: Subject) -> None:
    """A self-built v1.0.3 says v1.0.2: the committed file that it embeds is one behind."""
    answer = subject.http.get("/healthz", headers={"X-Request-ID": "abc"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert re.fullmatch(r"Image Factory v1\.0\.[23]", answer.headers["Server"])
    assert "X-Request-ID" not in answer.headers


@pytest.mark.parametrize("path", ["/readyz", "/nothing", f"/talosctl/{RELEASE}", "/llms.txt"])
def test_unknown_routes_are_a_404_of_the_router_alone(subject: Subject, path: str) -> None:
    """The first came with v1.3.0, the list of talosctl builds with v1.2.0."""
    answer = subject.http.get(path)
    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert not answer.headers.get("Server", "").startswith("Image Factory")


def test_a_talosctl_is_served_and_an_unknown_one_is_a_500(subject: Subject) -> None:
    path = f"/talosctl/{RELEASE}/talosctl-linux-amd64"
    answer = subject.http.get(path)
    disposition = 'attachment; filename="talosctl-linux-amd64"'
    assert (len(answer.content), answer.headers["Content-Disposition"]) == (512, disposition)
    assert subject.http.head(path).headers["Content-Length"] == "512"
    assert subject.http.get(f"/talosctl/{RELEASE}/talosctl").status_code == 500
    missing = subject.http.get("/talosctl/v9.9.9/talosctl-linux-amd64")
    assert (missing.status_code, missing.text) == (404, "version 9.9.9 is not available\n")


def test_secureboot_is_off_and_has_no_certificate(subject: Subject) -> None:
    assert subject.http.get("/secureboot/signing-cert.pem").status_code == 500


def test_its_public_key_is_told(subject: Subject) -> None:
    answer = subject.http.get("/oci/cosign/signing-key.pub")
    assert answer.headers["Content-Type"] == "application/x-pem-file"
    assert answer.text == subject.public_key


@pytest.mark.parametrize("kind", KINDS)
def test_health_says_nothing_and_versions_say_it(kind: str, peers: Peers, tmp_path: Path) -> None:
    """Over a registry without an imager, and over none at all, only /healthz is well."""
    assert kind in KINDS
    with start_subject(kind, peers, tmp_path, catalogue=False) as subject:
        for registry in ("empty", "gone"):
            assert subject.http.get("/healthz").status_code == 200, registry
            answer = subject.http.get("/versions")
            assert (answer.status_code, answer.text) == (500, "internal server error\n"), registry
            subject.registry.stop()
        refused = subject.http.post("/schematics", content=b"{}")
        assert (refused.status_code, refused.text) == (500, "internal server error\n")
