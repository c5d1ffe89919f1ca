"""The practice upstream: names, tags, media types and attachments as upstream has them."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import httpx
import pytest
import yaml

from airgap.oci import Manifest, parse_manifest, parse_reference
from airgap.oci.manifest import ACCEPT, OCI_INDEX
from lab.catalogue import default_images
from lab.tls import Authority
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream

_TALOSCTL_IMAGE_DEFAULT_V1_11_5 = [
    "ghcr.io/siderolabs/flannel:v0.27.4",
    "registry.k8s.io/coredns/coredns:v1.12.4",
    "gcr.io/etcd-development/etcd:v3.6.5",
    "registry.k8s.io/kube-apiserver:v1.34.1",
    "registry.k8s.io/kube-controller-manager:v1.34.1",
    "registry.k8s.io/kube-scheduler:v1.34.1",
    "registry.k8s.io/kube-proxy:v1.34.1",
    "ghcr.io/siderolabs/kubelet:v1.34.1",
    "ghcr.io/siderolabs/installer:v1.11.5",
    "registry.k8s.io/pause:3.10",
]


@pytest.fixture
def client(upstream: Upstream, http: httpx.Client) -> httpx.Client:
    http.base_url = httpx.URL(upstream.outside.url)
    http.headers["Accept"] = ACCEPT
    return http


def _manifest(client: httpx.Client, repository: str, reference: str) -> Manifest:
    answer = client.get(f"/v2/{repository}/manifests/{reference}")
    assert answer.status_code == 200, f"{repository}:{reference}"
    return parse_manifest(answer.content)


def _files(client: httpx.Client, repository: str, tag: str) -> dict[str, bytes]:
    child = _manifest(client, repository, tag).children[0]
    files = {}
    for layer in _manifest(client, repository, str(child.digest)).blobs[1:]:
        data = client.get(f"/v2/{repository}/blobs/{layer.digest}").content
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                stream = archive.extractfile(member)
                assert stream is not None
                files[member.name] = stream.read()
    return files


def test_the_image_list_is_that_of_talosctl() -> None:
    assert list(default_images("v1.11.5")) == _TALOSCTL_IMAGE_DEFAULT_V1_11_5


def test_every_image_is_a_complete_index_for_both_architectures(
    upstream: Upstream, client: httpx.Client
) -> None:
    assert set(_TALOSCTL_IMAGE_DEFAULT_V1_11_5) <= set(upstream.images[RELEASE])
    kinds = set()
    for text in upstream.images[RELEASE]:
        reference = parse_reference(text)
        index = _manifest(client, reference.name, str(reference.tag))
        kinds.add(index.media_type)
        platforms = [str(child.platform) for child in index.children]
        assert platforms[:2] == ["linux/amd64", "linux/arm64"]
        for child in index.children:
            for blob in _manifest(client, reference.name, str(child.digest)).blobs:
                head = client.head(f"/v2/{reference.name}/blobs/{blob.digest}")
                assert (head.status_code, head.headers["Content-Length"]) == (200, str(blob.size))
    assert kinds == {OCI_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"}


def test_the_extension_catalogue_names_images_by_digest(client: httpx.Client) -> None:
    """image-factory.md section 5: `image-digests` lines, `descriptions.yaml` keyed by them."""
    files = _files(client, "ghcr.io/siderolabs/extensions", RELEASE)
    lines = files["image-digests"].decode().splitlines()
    descriptions = yaml.safe_load(files["descriptions.yaml"])
    assert sorted(descriptions) == sorted(lines)
    names = set()
    for line in lines:
        reference = parse_reference(line)
        names.add(reference.repository)
        tagged = _manifest(client, reference.name, str(reference.tag))
        assert tagged.digest == reference.digest
        assert set(descriptions[line]) == {"author", "description"}
    assert names >= {
        f"siderolabs/{name}"
        for name in (
            *("iscsi-tools", "util-linux-tools", "gvisor", "amd-ucode"),
            *("nvidia-open-gpu-kernel-modules-lts", "nvidia-container-toolkit-lts"),
        )
    }


def test_the_overlay_catalogue_names_images_by_digest(client: httpx.Client) -> None:
    files = _files(client, "ghcr.io/siderolabs/overlays", RELEASE)
    overlays = yaml.safe_load(files["overlays.yaml"])["overlays"]
    for overlay in overlays:
        reference = parse_reference(f"{overlay['image']}@{overlay['digest']}")
        assert _manifest(client, reference.name, str(reference.tag)).digest == reference.digest
    assert len({overlay["image"] for overlay in overlays}) < len(overlays)


def test_signatures_are_attached_as_legacy_tags(client: httpx.Client) -> None:
    """cosign's `sha256-<hex>.sig`: a simple-signing payload that names the signed digest."""
    repository = "ghcr.io/siderolabs/installer"
    signed = _manifest(client, repository, RELEASE).digest
    signature = _manifest(client, repository, f"sha256-{signed.hex}.sig")
    layer = signature.blobs[1]
    assert layer.media_type == "application/vnd.dev.cosign.simplesigning.v1+json"
    payload = client.get(f"/v2/{repository}/blobs/{layer.digest}").json()
    assert payload["critical"]["image"]["docker-manifest-digest"] == str(signed)


def test_referrers_are_listed_by_api_or_fallback_tag(client: httpx.Client) -> None:
    """ghcr.io has no referrers API; the specification's fallback is the tag `sha256-<hex>`."""
    bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
    kubelet = "ghcr.io/siderolabs/kubelet"
    subject = _manifest(client, kubelet, "v1.34.1").digest
    assert client.get(f"/v2/{kubelet}/referrers/{subject}").status_code == 404
    fallback = _manifest(client, kubelet, f"sha256-{subject.hex}")
    assert [child.artifact_type for child in fallback.children] == [bundle]
    api = "registry.k8s.io/kube-apiserver"
    subject = _manifest(client, api, "v1.34.1").digest
    listed = client.get(f"/v2/{api}/referrers/{subject}").json()["manifests"]
    assert [entry["artifactType"] for entry in listed] == [bundle]
    assert client.get(f"/v2/{api}/manifests/sha256-{subject.hex}").status_code == 404


def test_docker_hub_images_carry_build_attestations(client: httpx.Client) -> None:
    """buildkit adds a manifest for platform unknown/unknown for every platform."""
    answer = client.get("/v2/docker.io/library/nginx/manifests/1.27.3")
    entries = json.loads(answer.content)["manifests"]
    assert [entry["platform"]["os"] for entry in entries] == ["linux"] * 2 + ["unknown"] * 2
    for image, attestation in zip(entries[:2], entries[2:], strict=True):
        named = attestation["annotations"]["vnd.docker.reference.digest"]
        assert named == image["digest"]


def test_the_next_release_shares_most_bytes(authority: Authority, tmp_path: Path) -> None:
    upstream = Upstream(tmp_path, small=True, authority=authority)

    def blobs(release: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for text in upstream.images[release]:
            reference = parse_reference(text)
            index = upstream.registry.content.find(reference.name, str(reference.tag))
            assert index is not None
            for child in index.children:
                manifest = upstream.registry.content.find(reference.name, str(child.digest))
                assert manifest is not None
                found |= {str(blob.digest): blob.size for blob in manifest.blobs}
        return found

    upstream.publish(NEXT_RELEASE)
    before, after = blobs(RELEASE), blobs(NEXT_RELEASE)
    added = sum(size for digest, size in after.items() if digest not in before)
    assert 0 < added < sum(after.values()) / 4
    assert upstream.releases.release(NEXT_RELEASE).find("vmlinuz-amd64") is not None


def test_redirects_lead_to_what_they_stand_for(upstream: Upstream, http: httpx.Client) -> None:
    assert upstream.registry_redirects["ghcr.io"] == f"{upstream.outside.url}/ghcr.io"
    assert set(upstream.registry_redirects) == {
        *("docker.io", "factory.talos.dev", "gcr.io", "ghcr.io", "registry.k8s.io"),
    }
    sums = f"{upstream.releases_url}/{RELEASE}/sha512sum.txt"
    assert "vmlinuz-amd64" in http.get(sums, follow_redirects=True).text
    assert http.get(f"{upstream.factory_url}/versions").json() == [RELEASE]


def test_it_is_switched_off_and_on_again(authority: Authority, tmp_path: Path) -> None:
    upstream = Upstream(tmp_path, small=True, authority=authority)
    with httpx.Client(verify=authority.trust(), trust_env=False, timeout=60) as client:
        with upstream:
            urls = (f"{upstream.outside.url}/v2/", f"{upstream.factory_url}/healthz")
            assert [client.get(url).status_code for url in urls] == [200, 200]
        for url in urls:
            with pytest.raises(httpx.ConnectError):
                client.get(url)
        with upstream:
            assert [client.get(url).status_code for url in urls] == [200, 200]
