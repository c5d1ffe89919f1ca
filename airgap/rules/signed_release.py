"""`signed-release`: a Talos release whose sums nobody is known to have signed.

Advisory: releases before v1.11.3 publish no signature that can be verified.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.signed import requirements_of
from airgap.rules.signers import UNSIGNED
from airgap.rules.values import Values, part, text

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "signed-release"
SUMMARY = "Boot assets come from releases whose sums are signed."
REASON = "Sums that nobody signed are as trustworthy as the place they were read from."
REMEDY = "Carry a release that is signed (from v1.11.3), or compare its sums another way."


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a note for each release without the signature that the site expects."""
    if kind != "AssetMirror":
        return
    signatures = part(values, "signatures")
    for requirement in requirements_of(signatures):
        signers = part(signatures, "signedBy")
        for version in signers:
            found = text(signers, version) or UNSIGNED
            if not requirement.accepts(found):
                yield Violation(
                    subject=version,
                    message=f"its sha512sum.txt is {found}, expected {requirement}",
                    remedy="carry a release that is signed, or compare its sums another way",
                )
