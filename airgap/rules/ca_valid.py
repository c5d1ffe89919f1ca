"""`ca-valid`: whoever is reached over TLS has a CA that will be accepted.

Judged by what `airgap.rules.certificates` reads of a site's CAs. Least sizes: NIST SP 800-57 part
1 (112 bits of security: RSA 2048, and EC 224, of which nobody speaks less than P-256); Go's
crypto/x509, which Talos and Sidero are built with, verifies no signature with MD5 or SHA-1, nor
with DSA.

A certificate that may sign no other (RFC 5280, 4.2.1.9) is one authority all the same: for the
server that shows this very one. Go (Certificate.Verify) and OpenSSL take it so where it is
self-signed; where another has signed it, OpenSSL, which the transfer uses, asks for that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from airgap.rules.findings import Violation
from airgap.rules.values import (
    Values,
    documents_of,
    entries,
    host_of,
    is_private_address,
    part,
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
    """Yield a violation for each CA that is missing, out of date, weak or none."""
    for fingerprint, certificate in entries(values, "certificates"):
        yield from _check_certificate(fingerprint, certificate)
    yield from _check_signing(kind, values)
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


def _check_signing(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for a certificate that is given as a CA, where no other is one."""
    certificates = part(values, "certificates")
    told: set[str] = set()
    for place in _places(kind, values):
        given = [name for name in place.ca.split(", ") if name in certificates]
        found = [part(certificates, name) for name in given]
        host = host_of(place.url)
        if not given or given[0] in told or not all(map(_signs_nothing, found)):
            continue
        if not any(item.get("selfSigned") and _is_for(host, item) for item in found):
            told.add(given[0])
            name = without_port(host)
            message = f"it may sign no certificate, and is no self-signed one of {name}"
            yield _bad(given[0], found[0], message)


def _signs_nothing(certificate: Values) -> bool:
    return certificate.get("signsCertificates") is False


def _is_for(host: str, certificate: Values) -> bool:
    """Tell whether a server of that name may show the certificate (RFC 6125, 6.4)."""
    name = without_port(host).lower()
    names = {item.lower() for item in texts(certificate, "names")}
    zone = name.partition(".")[2]
    return name in names or ("." in zone and f"*.{zone}" in names)


def _untrusted(kind: str, values: Values) -> Iterator[str]:
    """Yield hosts of https URLs that have no CA, and that no public one can have."""
    for place in _places(kind, values):
        host = host_of(place.url)
        is_trusted = place.ca or place.is_trusted
        if not is_trusted and scheme_of(place.url) == "https" and _is_never_public(host):
            yield host


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A URL, the fingerprints of its CA, and whether it is trusted without one of its own."""

    url: str
    ca: str
    is_trusted: bool = False


def _places(kind: str, values: Values) -> Iterator[_Place]:
    """Yield each URL, and the CA of the site or of its own that goes with it."""
    if kind == "Registry":
        own = {}
        for endpoint in documents_of(values, "endpoints"):
            url, ca = text(endpoint, "url"), text(endpoint, "caFingerprint")
            own[host_of(url)] = ca
            yield _Place(url=url, ca=ca)
        for _, mirror in entries(values, "mirrors"):
            for url in texts(mirror, "endpoints"):
                ca = text(mirror, "caFingerprint") or own.get(host_of(url), "")
                yield _Place(url=url, ca=ca, is_trusted=bool(mirror.get("skipVerify")))
    elif kind == "AssetMirror":
        yield _Place(url=text(values, "url"), ca=text(values, "caFingerprint"))
    elif kind == "ImageFactory":
        yield _Place(url=text(values, "endpoint"), ca=text(values, "caFingerprint"))
        yield from _factorys_registry(values)


def _factorys_registry(values: Values) -> Iterator[_Place]:
    """Yield the registry that a factory writes to: with a CA of its own, or with none at all.

    What has that of the site's registry or of the factory's endpoint is judged there.
    """
    written, ca = text(values, "registry"), text(values, "registryCaFingerprint")
    if ca or values.get("registryTrust") == "public":
        yield _Place(url=written if "://" in written else f"https://{written}", ca=ca)


def _is_never_public(host: str) -> bool:
    name = without_port(host)
    if is_private_address(host):
        return True
    return bool(name) and ("." not in name or name.endswith(_NEVER_PUBLIC)) and ":" not in name
