"""Reads the public keys and the trust root a site names, and checks their form.

What a key or a trust root is worth is judged by `airgap.signature`, with the library that uses it.
"""

from __future__ import annotations

import json

from airgap.rules.signers import key_signer
from airgap.site.model import Requirement, Signatures, Site, TrustRoot
from airgap.site.named_files import NamedFiles
from airgap.site.path import Step

__all__ = ["SigningReader"]

_MAX_BYTES = 1 << 20
_MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot"
_PEM = "expected PEM text with -----BEGIN PUBLIC KEY-----, as `cosign public-key` prints it"
_ROOT = "expected a Sigstore trusted_root.json, as `cosign trusted-root create` writes it"


class SigningReader(NamedFiles):
    """Fills `keyPem` from `key` and `content` from `file`, and collects what is wrong with them."""

    def fill(self, site: Site, sections: frozenset[str]) -> Site:
        """Return the site with its keys and trust root filled, where that section is sound."""
        if "signatures" not in sections or site.signatures == Signatures():
            return site
        section = site.signatures
        root = section.trust_root and self._root(section.trust_root)
        require = tuple(self._key(item, index) for index, item in enumerate(section.require))
        filled = section.model_copy(update={"trust_root": root, "require": require})
        return site.model_copy(update={"signatures": filled})

    def _key(self, item: Requirement, index: int) -> Requirement:
        at: tuple[Step, ...] = ("signatures", "require", index)
        if item.key is not None and item.key_pem is not None:
            self.add((*at, "key"), "given besides keyPem", "keep one of key and keyPem")
            return item
        step = "keyPem" if item.key is None else "key"
        text = item.key_pem if item.key is None else self._text(item.key, (*at, step))
        if text is None:
            return item
        try:
            key_signer(text)
        except ValueError as error:
            private = "PRIVATE KEY" in text
            self.add((*at, step), "holds a private key" if private else str(error), _PEM)
            return item
        return item.model_copy(update={"key_pem": text})

    def _root(self, root: TrustRoot) -> TrustRoot:
        at: tuple[Step, ...] = ("signatures", "trustRoot")
        if (root.file is None) == (root.content is None):
            self.add(at, "names one of file and content", "file: certs/trusted_root.json")
            return root
        text = root.content if root.file is None else self._text(root.file, (*at, "file"))
        if text is not None and not _is_trust_root(text):
            step = "content" if root.file is None else "file"
            self.add((*at, step), "no trust root", _ROOT)
        return root.model_copy(update={"content": text})

    def _text(self, file: str, at: tuple[Step, ...]) -> str | None:
        return self.text(file, at, max_bytes=_MAX_BYTES, expected="expected a key or trust root")


def _is_trust_root(text: str) -> bool:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and str(document.get("mediaType")).startswith(_MEDIA_TYPE)
