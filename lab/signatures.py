"""Verification of a cosign signature by key, as an Image Factory with `publicKeyFile` does it.

cosign's older form: the tag `sha256-<hex>.sig` in the same repository; each layer a payload that
names the digest, its signature an annotation. Apart from `airgap.signature`, so that the two cannot
err together.
"""

from __future__ import annotations

import base64
import binascii
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from airgap.oci import Manifest
from lab.registryclient import RegistryClient, RegistryClientError

__all__ = ["require_signature"]

_ANNOTATION = "dev.cosignproject.cosign/signature"


def require_signature(registry: RegistryClient, name: str, digest: str, public_key: str) -> None:
    """Verify that a key signed a digest of a repository.

    Raises:
        RegistryClientError: There is no signature, or none by this key over this digest.
    """
    manifest = registry.manifest(name, f"{digest.replace(':', '-')}.sig")
    for payload, signature in _signatures(registry, name, manifest):
        if _names(payload, digest) and _is_signed(payload, signature, public_key):
            return
    raise RegistryClientError(f"{name}@{digest}: no matching signatures")


def _signatures(registry: RegistryClient, name: str, manifest: Manifest) -> list[tuple[bytes, str]]:
    layers = json.loads(manifest.raw)["layers"]
    return [
        (registry.blob(name, layer["digest"]), layer.get("annotations", {}).get(_ANNOTATION, ""))
        for layer in layers
    ]


def _names(payload: bytes, digest: str) -> bool:
    named: object = json.loads(payload)["critical"]["image"]["docker-manifest-digest"]
    return named == digest


def _is_signed(payload: bytes, signature: str, public_key: str) -> bool:
    key = load_pem_public_key(public_key.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey), "the lab's keys are ECDSA"
    try:
        key.verify(base64.b64decode(signature), payload, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error):
        return False
    return True
