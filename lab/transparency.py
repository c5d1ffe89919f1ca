"""A practice transparency log: RFC 6962 Merkle proofs, Rekor's timestamps and checkpoints."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["Entry", "TransparencyLog", "base64_text", "canonical", "spki"]

_SHA256 = ec.ECDSA(hashes.SHA256())
_ORIGIN = "rekor.practice.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the transparency log with all that the log says of it."""

    body: bytes
    kind: str
    index: int
    time: int
    log_id: bytes
    promise: bytes
    root: bytes
    size: int
    path: tuple[bytes, ...]
    checkpoint: str

    def rekor_bundle(self) -> dict[str, object]:
        """Return cosign's older form: the promise alone."""
        payload = {
            "body": base64_text(self.body),
            "integratedTime": self.time,
            "logIndex": self.index,
            "logID": self.log_id.hex(),
        }
        return {"SignedEntryTimestamp": base64_text(self.promise), "Payload": payload}

    def tlog_entry(self) -> dict[str, object]:
        """Return the bundle's form: the promise and the proof."""
        proof = {
            "logIndex": str(self.index),
            "rootHash": base64_text(self.root),
            "treeSize": str(self.size),
            "hashes": [base64_text(item) for item in self.path],
            "checkpoint": {"envelope": self.checkpoint},
        }
        return {
            "logIndex": str(self.index),
            "logId": {"keyId": base64_text(self.log_id)},
            "kindVersion": {"kind": self.kind, "version": "0.0.1"},
            "integratedTime": str(self.time),
            "inclusionPromise": {"signedEntryTimestamp": base64_text(self.promise)},
            "inclusionProof": proof,
            "canonicalizedBody": base64_text(self.body),
        }


class TransparencyLog:
    """A log with a key of its own; somebody else's entry is its first."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._leaves: list[bytes] = [_leaf(b"an entry of somebody else")]

    def add(self, body: bytes, *, kind: str, moment: datetime) -> Entry:
        """Take an entry into the transparency log."""
        self._leaves.append(_leaf(body))
        index, size, time = len(self._leaves) - 1, len(self._leaves), int(moment.timestamp())
        root, log_id = _tree(self._leaves), hashlib.sha256(spki(self.key)).digest()
        promised = {
            "body": base64_text(body),
            "integratedTime": time,
            "logID": log_id.hex(),
            "logIndex": index,
        }
        note = f"{_ORIGIN}\n{size}\n{base64_text(root)}\n"
        hint = log_id[:4] + self.key.sign(note.encode(), _SHA256)
        return Entry(
            body=body,
            kind=kind,
            index=index,
            time=time,
            log_id=log_id,
            promise=self.key.sign(canonical(promised), _SHA256),
            root=root,
            size=size,
            path=tuple(_path(index, self._leaves)),
            checkpoint=f"{note}\n— {_ORIGIN} {base64_text(hint)}\n",
        )


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key's public half as DER."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def canonical(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def _tree(leaves: list[bytes]) -> bytes:
    """Return the Merkle tree hash over leaf hashes (RFC 6962, section 2.1)."""
    if len(leaves) == 1:
        return leaves[0]
    middle = _split(len(leaves))
    both = _tree(leaves[:middle]) + _tree(leaves[middle:])
    return hashlib.sha256(b"\x01" + both).digest()


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962, section 2.1.1)."""
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*_path(index, leaves[:middle]), _tree(leaves[middle:])]
    return [*_path(index - middle, leaves[middle:]), _tree(leaves[:middle])]


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()
