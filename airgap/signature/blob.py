"""Who has signed a file: by a bundle beside it, as `cosign sign-blob --bundle` writes it.

Two forms: cosign before version 3 writes `base64Signature`, `cert` and `rekorBundle`; cosign 3, and
2 with `--new-bundle-format`, a Sigstore bundle. A lone `.sig` names neither signer nor time, so it
proves nothing (siderolabs/talos#11972).
"""

from __future__ import annotations

from airgap.digest import sha256_of
from airgap.signature.bundles import verify_bundle
from airgap.signature.logged import Logged, decode
from airgap.signature.statement import read_object, section
from airgap.signature.trust import TrustRoot

__all__ = ["verify_blob"]


def verify_blob(data: bytes, bundle: bytes, trust: TrustRoot) -> str:
    """Return who signed a file.

    Raises:
        SignatureError: The bundle does not hold for these bytes.
    """
    document = read_object(bundle, "bundle")
    if "base64Signature" not in document:
        return verify_bundle(bundle, data, sha256_of(data), keys=(), trust=trust)
    return Logged(
        signature=decode(document.get("base64Signature")),
        message=data,
        certificate=decode(document.get("cert")).decode(errors="replace"),
        promise=section(document, "rekorBundle"),
    ).verify(trust)
