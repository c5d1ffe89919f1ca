"""The practice factory against siderolabs/image-factory v1.5.0 (`docs/api.md`, frontend/http)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airgap.oci import parse_manifest, parse_reference
from airgap.oci.manifest import ACCEPT, OCI_INDEX
from lab.node import Node
from lab.registryclient import RegistryClient
from lab.tls import Authority
from lab.upstream import RELEASE, Upstream

_EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
_ISCSI_ID = "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245"
"""Published: `{}`, and iscsi-tools with util-linux-tools."""
_ISCSI = """\
customization:
  systemExtensions:
    officialExtensions: [siderolabs/iscsi-tools, siderolabs/util-linux-tools]
"""
_ISCSI_CANONICAL = """\
customization:
    systemExtensions:
        officialExtensions:
            - siderolabs/iscsi-tools
            - siderolabs/util-linux-tools
"""


@pytest.fixture
def factory(upstream: Upstream, http: httpx.Client) -> httpx.Client:
    """A client whose URLs are relative to the factory."""
    http.base_url = httpx.URL(upstream.factory_url)
    return http


@pytest.fixture
def iscsi(factory: httpx.Client) -> str:
    """Register the schematic with iscsi-tools; return its ID."""
    return str(factory.post("/schematics", content=_ISCSI).json()["id"])


def _extensions(*names: str) -> str:
    chosen = {"systemExtensions": {"officialExtensions": list(names)}}
    return json.dumps({"customization": chosen})


def test_a_schematic_is_registered_with_its_published_id(factory: httpx.Client) -> None:
    answer = factory.post("/schematics", content=_ISCSI)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"id": _ISCSI_ID, "schematic": _ISCSI_CANONICAL}
    again = factory.post("/schematics", content=_ISCSI)
    assert (again.status_code, again.json()) == (201, answer.json())
    assert factory.post("/schematics", content="{}").json()["id"] == _EMPTY_ID


def test_a_schematic_is_read_back_as_canonical_text(factory: httpx.Client, iscsi: str) -> None:
    answer = factory.get(f"/schematics/{iscsi}")
    assert (answer.headers["Content-Type"], answer.text) == ("application/yaml", _ISCSI_CANONICAL)
    missing = factory.get(f"/schematics/{'0' * 64}")
    assert (missing.status_code, missing.text) == (404, "schematic not found\n")


def test_a_schematic_is_stored_as_a_layer_whose_digest_is_the_id(
    upstream: Upstream, factory: httpx.Client, iscsi: str
) -> None:
    repository = "factory.talos.dev/image-factory/schematics"
    manifest = upstream.registry.content.find(repository, iscsi)
    assert manifest is not None
    layer = manifest.blobs[1]
    assert layer.digest.hex == iscsi
    assert layer.media_type == "application/vnd.sidero.dev-image.schematic"
    assert upstream.registry.content.pool.read(f"sha256:{iscsi}").decode() == _ISCSI_CANONICAL


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("something: else", "something"),
        ("", "EOF"),
        ("# nothing", "EOF"),
        ("owner: me", "owner"),
        ("{", "yaml"),
    ],
)
def test_a_bad_schematic_is_a_400_in_plain_text(
    factory: httpx.Client, body: str, reason: str
) -> None:
    answer = factory.post("/schematics", content=body)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert reason in answer.text
    assert answer.text.endswith("\n")


def test_an_unknown_extension_is_accepted_and_fails_when_built(factory: httpx.Client) -> None:
    """Image Factory issue 177."""
    answer = factory.post("/schematics", content=_extensions("siderolabs/nvidia-gpu"))
    assert answer.status_code == 201
    built = factory.get(f"/image/{answer.json()['id']}/{RELEASE}/initramfs-amd64.xz")
    assert built.status_code == 400
    assert "siderolabs/nvidia-gpu" in built.text


def test_an_alias_stands_for_its_extension_without_changing_the_id(factory: httpx.Client) -> None:
    old = factory.post("/schematics", content=_extensions("siderolabs/v4l-uvc")).json()["id"]
    new = factory.post("/schematics", content=_extensions("siderolabs/v4l-uvc-drivers"))
    assert old != new.json()["id"]
    assert factory.get(f"/image/{old}/{RELEASE}/initramfs-amd64.xz").status_code == 200


def test_extensions_are_listed_as_the_catalogue_has_them(
    upstream: Upstream, factory: httpx.Client
) -> None:
    listed = factory.get(f"/version/{RELEASE}/extensions/official").json()
    without_v = factory.get(f"/version/{RELEASE.removeprefix('v')}/extensions/official").json()
    assert listed == without_v
    entry = next(item for item in listed if item["name"] == "siderolabs/iscsi-tools")
    reference = parse_reference(entry["ref"])
    stored = upstream.registry.content.find(f"ghcr.io/{reference.repository}", str(reference.tag))
    assert stored is not None
    assert entry["digest"] == str(stored.digest)
    assert set(entry) == {"name", "ref", "digest", "author", "description"}
    overlays = factory.get(f"/version/{RELEASE}/overlays/official").json()
    assert {"name", "image", "ref", "digest"} == set(overlays[0])


def test_versions_and_their_errors(factory: httpx.Client) -> None:
    assert factory.get("/versions").json() == [RELEASE]
    missing = factory.get("/version/v1.2.3/extensions/official")
    assert (missing.status_code, missing.text) == (404, "version 1.2.3 is not available\n")
    malformed = factory.get("/version/latest/extensions/official")
    assert (malformed.status_code, malformed.text) == (500, "internal server error\n")


def test_boot_assets_have_a_length_and_nothing_to_resume_by(
    factory: httpx.Client, iscsi: str
) -> None:
    """Plain `io.Copy`: no ETag, no Last-Modified, no ranges."""
    url = f"/image/{iscsi}/{RELEASE}/initramfs-amd64.xz"
    whole = factory.get(url)
    assert whole.headers["Content-Length"] == str(len(whole.content))
    assert "initramfs-amd64.xz" in whole.headers["Content-Disposition"]
    assert not {"ETag", "Last-Modified", "Accept-Ranges"} & {*whole.headers}
    ranged = factory.get(url, headers={"Range": "bytes=10-"})
    assert (ranged.status_code, ranged.content) == (200, whole.content)


def test_head_builds_the_asset(upstream: Upstream, factory: httpx.Client, iscsi: str) -> None:
    url = f"/image/{iscsi}/{RELEASE}/metal-arm64.iso"
    head = factory.head(url)
    assert f"{iscsi}/{RELEASE}/metal-arm64.iso" in upstream.factory.builds
    assert head.headers["Content-Length"] == str(len(factory.get(url).content))


def test_the_kernel_is_that_of_the_release(
    upstream: Upstream, factory: httpx.Client, iscsi: str
) -> None:
    kernel = factory.get(f"/image/{iscsi}/{RELEASE}/kernel-amd64").content
    assert kernel == upstream.releases.release(RELEASE).find("vmlinuz-amd64")


def test_asset_names_are_the_factorys_own(factory: httpx.Client, iscsi: str) -> None:
    """`vmlinuz-*` is no factory name; any version makes `.raw.xz` and `.raw.zst`."""
    base = f"/image/{iscsi}/{RELEASE}"
    for name in ("metal-amd64.raw.xz", "metal-amd64.raw.zst", "installer-amd64.tar"):
        assert factory.get(f"{base}/{name}").status_code == 200, name
    assert factory.get(f"{base}/vmlinuz-amd64").status_code == 400
    assert factory.get(f"{base}/kernel-amd64.sha512").status_code == 402
    assert factory.get(f"/image/{'0' * 64}/{RELEASE}/kernel-amd64").status_code == 404
    assert factory.get(f"/image/{iscsi}/v9.9.9/kernel-amd64").status_code == 404


def test_kernel_arguments_show_in_cmdline_and_ipxe_script(factory: httpx.Client) -> None:
    body = json.dumps({"customization": {"extraKernelArgs": ["net.ifnames=0"]}})
    identity = factory.post("/schematics", content=body).json()["id"]
    cmdline = factory.get(f"/image/{identity}/{RELEASE}/cmdline-metal-amd64").text
    assert "talos.platform=metal" in cmdline.split()
    assert cmdline.split()[-1] == "net.ifnames=0"
    script = factory.get(f"/pxe/{identity}/{RELEASE}/metal-amd64").text
    base = f"https://factory.talos.dev/image/{identity}/{RELEASE}"
    assert script.startswith("#!ipxe\n\nimgfree\n")
    assert f"kernel {base}/kernel-amd64 {cmdline}\ninitrd {base}/initramfs-amd64.xz\n" in script


def test_an_installer_is_built_for_both_architectures_and_can_be_pulled(
    upstream: Upstream, factory: httpx.Client, iscsi: str
) -> None:
    name = f"/v2/metal-installer/{iscsi}/manifests/{RELEASE}"
    answer = factory.get(name, headers={"Accept": ACCEPT})
    manifest = parse_manifest(answer.content)
    assert answer.headers["Docker-Content-Digest"] == str(manifest.digest)
    platforms = [str(child.platform) for child in manifest.children]
    assert platforms == ["linux/amd64", "linux/arm64"]
    head = factory.head(name, headers={"Accept": ACCEPT})
    assert head.headers["Content-Length"] == str(len(answer.content))
    host = upstream.factory.host
    with Node(_trusting(upstream), in_site=[host]) as node:
        pulled = node.pull(f"{host}/metal-installer/{iscsi}:{RELEASE}", platform="linux/arm64")
    assert pulled.digest == str(manifest.digest)


def _trusting(upstream: Upstream) -> str:
    lines = "".join(f"  {line}\n" for line in upstream.ca_file.read_text().splitlines())
    return f"kind: TrustedRootsConfig\nname: lab\ncertificates: |\n{lines}"


def test_registry_errors(factory: httpx.Client, iscsi: str) -> None:
    bad = factory.get(f"/v2/uninstaller/{iscsi}/manifests/{RELEASE}")
    assert (bad.status_code, bad.text) == (400, "invalid image: uninstaller\n")
    missing = factory.get(f"/v2/installer/{'0' * 64}/manifests/{RELEASE}")
    assert missing.status_code == 404
    assert factory.get("/v2/").status_code == 200
    secure = factory.get(f"/v2/siderolabs/imager/manifests/{RELEASE}")
    assert secure.status_code == 503


def test_request_ids_are_echoed_or_made(factory: httpx.Client) -> None:
    echoed = factory.get("/healthz", headers={"X-Request-ID": "abc"})
    assert (echoed.status_code, echoed.headers["X-Request-ID"]) == (200, "abc")
    assert factory.get("/healthz").headers["X-Request-ID"]


@pytest.fixture
def other(
    authority: Authority, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Upstream]:
    """An upstream with an older factory."""
    with Upstream(
        tmp_path, small=True, authority=authority, factory_version=request.param
    ) as started:
        yield started


@pytest.mark.parametrize("other", ["v1.2.0"], indirect=True)
def test_an_older_factory_answers_without_the_text_and_knows_fewer_fields(
    other: Upstream, http: httpx.Client
) -> None:
    """`schematic` since v1.3.0; `enrollKeys` since v1.4.0, `diskImage` since v1.3.3."""
    url = f"{other.factory_url}/schematics"
    assert http.post(url, content="{}").json() == {"id": _EMPTY_ID}
    newer = http.post(url, content="customization: {diskImage: {sectorSize: 4096}}")
    assert (newer.status_code, "diskImage not found" in newer.text) == (400, True)


@pytest.mark.parametrize("other", ["v1.5.0"], indirect=True)
def test_an_incomplete_mirror_is_a_bare_500(other: Upstream, http: httpx.Client) -> None:
    """image-factory.md, trap 14: the body says nothing."""
    identity = http.post(f"{other.factory_url}/schematics", content=_ISCSI).json()["id"]
    catalogue = http.get(f"{other.factory_url}/version/{RELEASE}/extensions/official").json()
    entry = next(item for item in catalogue if item["name"] == "siderolabs/iscsi-tools")
    content = other.registry.content
    assert content.remove_manifest("ghcr.io/siderolabs/iscsi-tools", entry["digest"])
    answer = http.get(f"{other.factory_url}/image/{identity}/{RELEASE}/initramfs-amd64.xz")
    assert (answer.status_code, answer.text) == (500, "internal server error\n")


def test_the_client_inside_the_factory_follows_pages(
    upstream: Upstream, authority: Authority
) -> None:
    content = upstream.registry.content
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
    tags = [f"v{number:03}" for number in range(250)]
    for tag in tags:
        content.put_manifest("pages/a", raw, tag=tag)
    with RegistryClient(
        upstream.outside.url, namespace="pages", ca_file=authority.ca_file
    ) as client:
        assert client.tags("a") == tags
