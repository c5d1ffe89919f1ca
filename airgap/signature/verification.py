"""Who has signed an image: every signature attached to it is tried, with every key and the root.

A signature that does not hold is no error by itself (anybody who may push can attach one): it is
told beside what was found, for the error when nobody required has signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from airgap.digest import Digest
from airgap.errors import IntegrityError, SignatureError
from airgap.oci.manifest import Descriptor, Manifest
from airgap.signature.attached import Attached
from airgap.signature.bundles import BUNDLE_TYPE, verify_bundle
from airgap.signature.keys import PublicKey
from airgap.signature.logged import Logged, decode
from airgap.signature.source import ArtifactReader
from airgap.signature.statement import check_payload, read_object
from airgap.signature.trust import TrustRoot

__all__ = ["Known", "Verdict", "verify_image"]

_SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_PROMISE = "dev.sigstore.cosign/bundle"
_MAX_SIGNATURE_BYTES = 1 << 20
_MAX_BUNDLE_BYTES = 8 << 20
_MAX_SIGNATURES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Whose signatures can be told: public keys, and a trust root for keyless ones."""

    keys: tuple[PublicKey, ...] = ()
    trust: TrustRoot | None = None

    @classmethod
    def from_texts(cls, keys: Iterable[str], trust: str | None) -> Known:
        """Read keys (PEM) and a trust root (JSON).

        Raises:
            SignatureError: One is none.
        """
        return cls(
            keys=tuple(PublicKey(pem) for pem in keys),
            trust=TrustRoot(trust) if trust else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who signed (sorted, each once), and why other signatures do not count."""

    signers: tuple[str, ...]
    refused: tuple[str, ...]

    def __str__(self) -> str:
        """Return what was found, for people."""
        found = [f"it is signed by {signer}" for signer in self.signers]
        return "; ".join([*found, *self.refused]) or "it has no signature"


def verify_image(
    reader: ArtifactReader,
    repository: str,
    digest: Digest,
    attached: Iterable[Attached],
    known: Known,
) -> Verdict:
    """Tell who signed an image's manifest.

    Args:
        reader: Its registry.
        repository: Its name there.
        digest: The manifest or index.
        attached: What is attached to it (`Discovery`).
        known: Whose signatures count.

    Raises:
        RegistryError: A signature is out of reach.
        IntegrityError: A signature's bytes are not what their digest says.
    """
    signers: set[str] = set()
    refused: list[str] = []
    message: bytes | None = None
    for artifact in _signatures(attached, digest):
        manifest = reader.manifest(repository, str(artifact))
        for layer, notes in _layers(manifest):
            if message is None:
                message = reader.manifest(repository, str(digest)).raw
            try:
                data = _read(reader, repository, layer)
                signers |= _signers(layer, notes, data, message, digest, known)
            except SignatureError as error:
                refused.append(f"{artifact.short}: {error.message}")
    return Verdict(signers=tuple(sorted(signers)), refused=tuple(dict.fromkeys(refused)))


def _signatures(attached: Iterable[Attached], digest: Digest) -> Iterator[Digest]:
    """Yield each manifest that may hold signatures of a digest, once."""
    found: dict[Digest, None] = {}
    for item in attached:
        if item.subject != digest:
            continue
        tag = item.reference.tag or ""
        if tag.endswith((".att", ".sbom")):
            continue
        if item.members:
            found |= dict.fromkeys(member.digest for member in item.members)
        else:
            found[item.digest] = None
    yield from found


def _layers(manifest: Manifest) -> Iterator[tuple[Descriptor, Mapping[str, str]]]:
    """Yield the layers that hold a signature, with their annotations."""
    if manifest.is_index:
        return
    described = json.loads(manifest.raw).get("layers")  # `parse_manifest` has read it: sound JSON
    annotations = [item.get("annotations") for item in described or () if isinstance(item, dict)]
    layers = [layer for layer in manifest.blobs[-len(annotations) :] if annotations]
    pairs = list(zip(layers, annotations, strict=True))
    if len(pairs) > _MAX_SIGNATURES:
        raise IntegrityError(f"{manifest.digest}: more than {_MAX_SIGNATURES} signatures")
    for layer, notes in pairs:
        if layer.media_type == _SIMPLE_SIGNING or layer.media_type.startswith(BUNDLE_TYPE):
            texts = notes.items() if isinstance(notes, dict) else ()
            yield layer, {key: str(value) for key, value in texts}


def _read(reader: ArtifactReader, repository: str, layer: Descriptor) -> bytes:
    limit = _MAX_SIGNATURE_BYTES if layer.media_type == _SIMPLE_SIGNING else _MAX_BUNDLE_BYTES
    if layer.size > limit:
        raise SignatureError(f"a signature of {layer.size} bytes, more than {limit}")
    return reader.read_blob(repository, layer, max_bytes=limit)


def _signers(
    layer: Descriptor,
    notes: Mapping[str, str],
    data: bytes,
    message: bytes,
    digest: Digest,
    known: Known,
) -> set[str]:
    if layer.media_type != _SIMPLE_SIGNING:
        return {verify_bundle(data, message, digest, keys=known.keys, trust=known.trust)}
    signature = decode(notes.get(_SIGNATURE))
    found = {key.signer for key in known.keys if key.verifies(signature, data)}
    if not found and _CERTIFICATE in notes:
        found = {_keyless(notes, signature, data, known)}
    if not found:
        raise SignatureError("it is of no key that the site names")
    check_payload(data, digest)
    return found


def _keyless(notes: Mapping[str, str], signature: bytes, data: bytes, known: Known) -> str:
    if known.trust is None:
        raise SignatureError("it is keyless, and the site names no trust root")
    if _PROMISE not in notes:
        raise SignatureError("no entry of a transparency log is with the signature")
    logged = Logged(
        signature=signature,
        message=data,
        certificate=notes[_CERTIFICATE],
        promise=read_object(notes[_PROMISE], "log entry"),
    )
    return logged.verify(known.trust)
