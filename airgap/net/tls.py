"""Whom to trust: a site's own authority where one is given, else what the machine trusts."""

from __future__ import annotations

import ssl
from functools import lru_cache

from airgap.errors import UpstreamError

__all__ = ["client_context"]


@lru_cache(maxsize=64)
def client_context(ca: str | None = None) -> ssl.SSLContext:
    """Return a verifying client context.

    Args:
        ca: PEM of the authorities to trust *instead of* the machine's: a site that names its own
            authority does not want a public one to vouch for its mirror.

    Raises:
        UpstreamError: The PEM holds no certificate.
    """
    if ca is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise UpstreamError(
            f"the CA certificate cannot be read: {error}",
            hint="give PEM text that begins with -----BEGIN CERTIFICATE-----",
        ) from None
