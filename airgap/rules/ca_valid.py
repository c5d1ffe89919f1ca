"""`ca-valid`: whoever is reached over TLS has a CA that will be accepted.

Judged by what `airgap.rules.certificates` reads of a site's CAs. Least sizes: NIST SP 800-57 part
1 (112 bits of security: RSA 2048, and EC 224, of which nobody speaks less than P-256); Go's
crypto/x509, which Talos and Sidero are built with, verifies no signature with MD5 or SHA-1, nor
with DSA.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from airgap.rules.findings import Violation
from airgap.rules.values import (
    Values,
    documents_of,
    entries,
    host_of,
    is_private_address,
    scheme_of,
    text,
    texts,
    without_port,
)

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check", "end_of"]

NAME = "ca-valid"
SUMMARY = "CAs are there, in date, and strong enough to be accepted."
REASON = (
    "On the day a CA ends, or where a client refuses its key, every pull and every boot of the "
    "site fails at once, with an error about x509 on machines that nobody can log in to."
)
REMEDY = "Give a CA that is in date (`caFile`), RSA 2048 or EC P-256 at least, signed with SHA-256."

_WEAK_HASHES = ("md5", "sha1")
_LEAST_BITS = {"RSA": 2048, "EC": 256}
_NEVER_PUBLIC = (".local", ".internal", ".lan", ".home.arpa", ".corp", ".intranet", ".private")
"""Domains that no public CA certifies: special use, or in no root zone (CA/Browser Forum)."""


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each CA that is missing, out of date or weak."""
    for fingerprint, certificate in entries(values, "certificates"):
        yield from _check_certificate(fingerprint, certificate)
    for host in dict.fromkeys(_untrusted(kind, values)):
        yield Violation(
            subject=host,
            message="https without a CA, and no public CA certifies such a host",
            remedy="give the CA of its certificate (caFile)",
            known_as=(without_port(host),),
        )


def end_of(certificate: Values) -> date | None:
    """Return the last day of a certificate; None where it cannot be read."""
    return _day(certificate, "notAfter")


def _day(certificate: Values, key: str) -> date | None:
    try:
        return date.fromisoformat(text(certificate, key))
    except ValueError:
        return None


def _check_certificate(fingerprint: str, certificate: Values) -> Iterator[Violation]:
    end = end_of(certificate)
    if end is None:
        yield _bad(fingerprint, certificate, "cannot be read as an X.509 certificate")
        return
    yield _bad(fingerprint, certificate, f"is out of date: its last day is {end}", since=end)
    begin = _day(certificate, "notBefore")  # absent from states of an earlier release
    if begin is not None:
        early = begin - timedelta(days=1)
        yield _bad(fingerprint, certificate, f"is not valid before {begin}", until=early)
    algorithm, _, bits = text(certificate, "key").partition(" ")
    if algorithm == "DSA" or (bits.isdigit() and int(bits) < _LEAST_BITS.get(algorithm, 0)):
        yield _bad(fingerprint, certificate, f"its key is weak: {algorithm} {bits}")
    if text(certificate, "signature") in _WEAK_HASHES:
        weak = text(certificate, "signature").upper()
        yield _bad(fingerprint, certificate, f"is signed with {weak}")


def _bad(
    fingerprint: str,
    certificate: Values,
    message: str,
    *,
    since: date | None = None,
    until: date | None = None,
) -> Violation:
    name = text(certificate, "subject")
    return Violation(
        subject=fingerprint,
        message=f"the CA {name}: {message}" if name else f"the CA {message}",
        remedy=REMEDY,
        known_as=(name,) if name else (),
        since=since,
        until=until,
    )


def _untrusted(kind: str, values: Values) -> Iterator[str]:
    """Yield hosts of https URLs that have no CA, and that no public one can have."""
    for url, is_trusted in _places(kind, values):
        host = host_of(url)
        if not is_trusted and scheme_of(url) == "https" and _is_never_public(host):
            yield host


def _places(kind: str, values: Values) -> Iterator[tuple[str, bool]]:
    """Yield each URL, and whether a CA of the site or of its own goes with it."""
    if kind == "Registry":
        own = {}
        for endpoint in documents_of(values, "endpoints"):
            own[host_of(text(endpoint, "url"))] = bool(text(endpoint, "caFingerprint"))
            yield text(endpoint, "url"), bool(text(endpoint, "caFingerprint"))
        for _, mirror in entries(values, "mirrors"):
            for url in texts(mirror, "endpoints"):
                trusted = bool(text(mirror, "caFingerprint")) or own.get(host_of(url), False)
                yield url, trusted or bool(mirror.get("skipVerify"))
    elif kind == "AssetMirror":
        yield text(values, "url"), bool(text(values, "caFingerprint"))
    elif kind == "ImageFactory":
        yield text(values, "endpoint"), bool(text(values, "caFingerprint"))


def _is_never_public(host: str) -> bool:
    name = without_port(host)
    if is_private_address(host):
        return True
    return bool(name) and ("." not in name or name.endswith(_NEVER_PUBLIC)) and ":" not in name
