"""Who signed a Talos release: the cosign bundle beside its sha512sum.txt.

Releases from v1.11.3 on publish `<file>.bundle` for each file; v1.11.0 to v1.11.2 a lone `.sig`,
which names no signer and proves nothing; earlier ones nothing (siderolabs/talos#11547, #11972).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from airgap.errors import SignatureError, UpstreamError
from airgap.resolve.sources import FileSource
from airgap.rules.signers import UNSIGNED
from airgap.site.model import Signatures

if TYPE_CHECKING:
    from airgap.signature.trust import TrustRoot

__all__ = ["Releases"]

_BUNDLE = ".bundle"
_MAX_BUNDLE_BYTES = 1024 * 1024
_GONE = (404, 410)


class Releases:
    """Verifies who signed, where the site says who should have.

    Args:
        section: What the site says of signatures.
    """

    def __init__(self, section: Signatures | None = None) -> None:
        self._section = section or Signatures()
        self._rule = self._section.release_rule()

    def signer(self, source: FileSource, url: str, data: bytes) -> str:
        """Return who signed a file: `unsigned` without a bundle, empty where nobody is expected.

        Args:
            source: Where its bundle is read.
            url: The file's public URL.
            data: Its bytes.

        Raises:
            SignatureError: It is signed by somebody else, or not these bytes.
            UpstreamError: Out of reach.
        """
        if self._rule is None:
            return ""
        try:
            bundle = source.read(f"{url}{_BUNDLE}", max_bytes=_MAX_BUNDLE_BYTES)
        except UpstreamError as error:
            if error.status in _GONE:
                return UNSIGNED
            raise
        signer = self._verified(url, data, bundle)
        if not self._rule.accepts(signer):
            hint = "if that is whom you trust, correct signatures.releases in the site"
            message = f"{url} is signed by {signer}; the site requires {self._rule}"
            raise SignatureError(message, hint=hint)
        return signer

    def _verified(self, url: str, data: bytes, bundle: bytes) -> str:
        from airgap.signature.blob import verify_blob

        try:
            return verify_blob(data, bundle, self._trust)
        except SignatureError as error:
            message = f"{url}: its signature does not hold: {error.message}"
            raise SignatureError(message, hint=f"expected a signature by {self._rule}") from None

    @cached_property
    def _trust(self) -> TrustRoot:
        from airgap.signature.trust import TrustRoot

        root = self._section.trust_root
        return TrustRoot((root.content if root else None) or "")
