"""The site's own signature of an image, byte by byte as cosign makes and stores one.

cosign's SIGNATURE_SPEC: a simple signing payload as the layer of a manifest, which the tag
`sha256-<hex>.sig` names; the signature is an annotation of the layer. Upstream's layers stay before
ours, as `cosign sign` appends. All of it follows from the image's name and digest, upstream's
manifest and the signature: a lock holds the last one, so that who has no key makes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airgap.digest import Digest, sha256_of
from airgap.errors import IntegrityError
from airgap.oci.manifest import OCI_MANIFEST, Manifest, parse_manifest
from airgap.oci.reference import Reference

__all__ = [
    "SIGNATURE",
    "SIMPLE_SIGNING",
    "Layer",
    "OwnSignature",
    "compose",
    "layers_of",
    "payload_of",
    "signature_tag",
    "subject_of",
]

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_BEGINNING = "0001-01-01T00:00:00Z"
_SUFFIX = ".sig"

Layer = Mapping[str, object]
"""A signature's descriptor with its annotations, as JSON has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSignature:
    """The manifest, the blobs of it that upstream does not have, and the signature in base64."""

    signature: str
    manifest: Manifest
    blobs: Mapping[Digest, bytes]

    @property
    def size(self) -> int:
        """Bytes of the manifest and of every distinct blob below it, upstream's included."""
        below = {blob.digest: blob.size for blob in self.manifest.blobs}
        return len(self.manifest.raw) + sum(below.values())


def payload_of(name: str, subject: Digest) -> bytes:
    """Return what is signed of an image.

    Args:
        name: Its registry and repository; cosign records it and does not compare it.
        subject: The digest of its index or manifest.
    """
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": str(subject)},
        "type": "cosign container image signature",
    }
    return _json({"critical": critical, "optional": None})


def compose(
    name: str, subject: Digest, signature: str, *, before: Sequence[Layer] = ()
) -> OwnSignature:
    """Return the signature's manifest and blobs.

    Args:
        name: The image's registry and repository.
        subject: Its digest.
        signature: Over `payload_of`, in base64.
        before: What stays before it: upstream's signatures (`layers_of`).
    """
    payload = payload_of(name, subject)
    ours = _descriptor(SIMPLE_SIGNING, payload) | {"annotations": {SIGNATURE: signature}}
    layers = [*before, ours]
    config = _config([str(layer["digest"]) for layer in layers])
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(_CONFIG, config),
        "layers": layers,
    }
    blobs = {sha256_of(data): data for data in (config, payload)}
    return OwnSignature(signature=signature, manifest=parse_manifest(_json(document)), blobs=blobs)


def layers_of(manifest: Manifest) -> tuple[Layer, ...]:
    """Return the signatures of a manifest of them, as they stand there.

    Raises:
        IntegrityError: It is an index.
    """
    if manifest.is_index:
        raise IntegrityError(f"{manifest.digest}: an index holds no signatures")
    return tuple(json.loads(manifest.raw)["layers"])  # `parse_manifest` has read it: sound


def signature_tag(subject: Digest) -> str:
    """Return the tag under which cosign keeps the signatures of a digest."""
    return f"{subject.algorithm}-{subject.hex}{_SUFFIX}"


def subject_of(reference: Reference) -> Digest:
    """Return what the signatures of such a tag are about.

    Raises:
        IntegrityError: The reference is no tag of signatures.
    """
    algorithm, _, rest = (reference.tag or "").partition("-")
    return Digest.parse(f"{algorithm}:{rest.removesuffix(_SUFFIX)}")


def _config(layers: Sequence[str]) -> bytes:
    """Return the configuration of the image that cosign makes of a list of signatures."""
    return _json(
        {
            "architecture": "",
            "created": _BEGINNING,
            "history": [{"created": _BEGINNING} for _ in layers],
            "os": "",
            "rootfs": {"type": "layers", "diff_ids": list(layers)},
            "config": {},
        }
    )


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(data), "digest": str(sha256_of(data))}


def _json(document: object) -> bytes:
    """Write JSON as Go's encoder does: no blanks, and nothing here that it would escape."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
