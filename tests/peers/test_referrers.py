"""Referrers in real registries: what we list regctl finds, what regctl lists we find."""

import json

import pytest

from airgap.digest import Digest
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.manifest import OCI_MANIFEST, Manifest, parse_manifest
from tests.oci.uploading import Memory, make_data
from tests.peers.certificates import Certificates
from tests.peers.clients import Crane, Regctl
from tests.peers.realistic import RealImage
from tests.peers.registries import RealRegistry

pytestmark = pytest.mark.peers

REPOSITORY = "debian/small"
TYPE = "application/vnd.example.sbom.v1+json"
EMPTY = make_data(2)


@pytest.fixture(params=["distribution", "docker_registry"])
def registry(request: pytest.FixtureRequest) -> RealRegistry:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, RealRegistry)
    return found


def artifact(subject: str, size: int, name: str) -> Manifest:
    blob = {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": EMPTY.digest,
        "size": len(EMPTY.content),
    }
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": TYPE,
        "config": blob,
        "layers": [blob],
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": size},
        "annotations": {"org.example.name": name},
    }
    return parse_manifest(json.dumps(document).encode())


def test_referrers_of_both_clients_are_listed_together(
    registry: RealRegistry,
    certificates: Certificates,
    small_image: RealImage,
    crane: Crane,
    regctl: Regctl,
) -> None:
    reference = f"{registry.host}/{REPOSITORY}:12"
    crane.push(small_image.layout, reference)
    theirs = regctl.attach(reference, TYPE, b"of another client")
    subject = Digest.parse(crane.digest(reference))
    address = RegistryAddress(url=registry.url, ca=certificates.authority.read_text())
    with RegistryClient(address) as client:
        client.upload_blob(REPOSITORY, EMPTY.descriptor, Memory(EMPTY.content))
        ours = [artifact(str(subject), 1, name) for name in ("a", "b")]
        for item in (*ours, *ours):
            client.put_manifest(REPOSITORY, str(item.digest), item)
        found = client.referrers(REPOSITORY, subject)

    expected = [theirs, *(str(item.digest) for item in ours)]
    assert sorted(str(item.digest) for item in found) == sorted(expected)
    listed = json.loads(regctl.run("artifact", "list", reference, "--format={{jsonPretty .}}"))
    by_digest = {item["digest"]: item for item in listed["descriptors"]}
    assert sorted(by_digest) == sorted(expected)
    for item, name in zip(ours, ("a", "b"), strict=True):
        entry = by_digest[str(item.digest)]
        assert (entry["artifactType"], entry["size"]) == (TYPE, len(item.raw))
        assert entry["annotations"] == {"org.example.name": name}
