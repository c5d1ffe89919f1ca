"""Whom to trust and as whom to come: a site's own authority where one is given, else the machine's.

A client certificate is shown to the host it is kept for and to no other: `context_for` gives each
host of a redirect a context of its own.
"""

from __future__ import annotations

import ssl
from functools import lru_cache

from airgap.errors import UpstreamError
from airgap.net.certificates import Identity, Material, find_material

__all__ = ["client_context", "context_for"]


class _Context(ssl.SSLContext):
    """A context that knows the site's authority it was made with."""

    ca: str | None = None


def client_context(ca: str | None = None, host: str = "") -> ssl.SSLContext:
    """Return a verifying client context.

    Args:
        ca: PEM of the authorities to trust *instead of* the machine's: a site that names its own
            authority does not want a public one to vouch for its mirror.
        host: `host[:port]`, to come with the client certificates that the machine's `certs.d` has
            for it; where the site names no authority, those of `certs.d` are trusted as well.

    Raises:
        UpstreamError: The PEM holds no certificate, or a client certificate cannot be used.
    """
    return _make(ca, find_material(host) if host else Material())


def context_for(tls: ssl.SSLContext, host: str) -> ssl.SSLContext:
    """Return the context for one of the hosts a connection pool speaks to.

    Args:
        tls: The pool's; one that `client_context` did not make is used as it is.
        host: `host[:port]`.
    """
    return client_context(tls.ca, host) if isinstance(tls, _Context) else tls


@lru_cache(maxsize=64)
def _make(ca: str | None, material: Material) -> ssl.SSLContext:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
    context.ca = ca
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        if material.authorities:
            _trust(context, material.authorities, "an authority (*.crt) in certs.d")
    else:
        _trust(context, ca, "the CA certificate")
    for identity in material.identities:
        _identify(context, identity)
    return context


def _trust(context: ssl.SSLContext, pem: str, what: str) -> None:
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise UpstreamError(
            f"{what} cannot be read: {error}",
            hint="give PEM text that begins with -----BEGIN CERTIFICATE-----",
        ) from None


def _identify(context: ssl.SSLContext, identity: Identity) -> None:
    try:
        context.load_cert_chain(identity.certificate, identity.key, password=_refuse_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", "") or str(error)
        raise UpstreamError(
            f"{identity.certificate}: the client certificate cannot be used: {reason}",
            hint=f"{identity.key.name} has to be its key: PEM, readable, without a password",
        ) from None


def _refuse_password() -> str:
    """Answer OpenSSL instead of a terminal, where nobody may be."""
    raise ValueError("the key has a password")
