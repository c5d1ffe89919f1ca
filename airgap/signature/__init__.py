"""Signatures of images and files: what is attached to a digest, and who has signed it.

cosign's two forms are understood: the tag `sha256-<hex>.sig` with a simple signing payload, and the
Sigstore bundle attached as a referrer. Nothing here asks a public service: no transparency log and
no update of the trust root. The cryptography is that of `cryptography` and `sigstore`, which take a
second to import: `verification` and `blob` bring them in, so import these when one is verified.
"""

from airgap.signature.attached import Attached, Discovery
from airgap.signature.source import ArtifactReader, ArtifactSource

__all__ = ["ArtifactReader", "ArtifactSource", "Attached", "Discovery"]
