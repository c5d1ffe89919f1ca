"""Signatures: a requirement names one signer, and what verifies it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Keyless, Site
from airgap.site.path import Step

__all__ = ["CHECKS"]

_ONE_SIGNER = "give one of key, keyPem and keyless"
_ONE_IDENTITY = "give one of identity and identityPattern"
_PATTERN = re.compile(r"[a-z0-9.*:_-]+(/[a-z0-9.*_-]+)+\Z|\*\*\Z")


def _check_requirements(site: Site, _: Known) -> Iterator[Fault]:
    for index, item in enumerate(site.signatures.require):
        at: tuple[Step, ...] = ("signatures", "require", index)
        if not _PATTERN.match(item.images):
            message = f"{item.images!r} is no pattern over registry/repository"
            yield fault((*at, "images"), message, "such as ghcr.io/siderolabs/**, without a tag")
        given = [name for name in ("key", "keyless") if getattr(item, name) is not None]
        if item.key is None and item.key_pem is not None:
            given.append("keyPem")
        if len(given) != 1:
            found = " and ".join(given) or "no signer"
            yield fault(at, f"found {found}", _ONE_SIGNER)
        if item.keyless is not None:
            yield from _identity_faults(item.keyless, (*at, "keyless"))


def _check_releases(site: Site, _: Known) -> Iterator[Fault]:
    if site.signatures.releases is not None:
        yield from _identity_faults(site.signatures.releases, ("signatures", "releases"))


def _identity_faults(keyless: Keyless, at: tuple[Step, ...]) -> Iterator[Fault]:
    if (keyless.identity is None) == (keyless.identity_pattern is None):
        found = "both" if keyless.identity else "neither"
        yield fault(at, f"found {found}: whose signature counts is not said", _ONE_IDENTITY)
    if keyless.identity_pattern is not None:
        try:
            re.compile(keyless.identity_pattern)
        except re.error as error:
            message = f"no regular expression: {error}"
            yield fault((*at, "identityPattern"), message, "such as @example\\.com$")


def _check_trust_root(site: Site, _: Known) -> Iterator[Fault]:
    section = site.signatures
    keyless = any(item.keyless for item in section.require) or section.releases is not None
    if keyless and section.trust_root is None:
        message = "not given, and without it no keyless signature can be verified"
        yield fault(("signatures", "trustRoot"), message, "file: certs/trusted_root.json")


CHECKS = checks(
    (_check_requirements, "signatures"),
    (_check_releases, "signatures"),
    (_check_trust_root, "signatures"),
)
