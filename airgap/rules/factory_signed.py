"""`factory-signed`: what a verifying Image Factory reads is signed with the key that it trusts.

Judged by the signers that `lock` verified, or `sign` made, and recorded: nobody is asked here. A
factory refuses to read anything else, and says no more than 500 then.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.signed import repository_of
from airgap.rules.values import Values, part, text, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "factory-signed"
SUMMARY = "What a verifying Image Factory reads is signed with the key that it trusts."
REASON = (
    "A verifying factory refuses an unsigned image with a bare 500, at the moment when a "
    "machine installs."
)
REMEDY = "Run `python -m airgap sign <site> --key FILE`."


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each image that the factory would refuse to read."""
    if kind != "ImageFactory":
        return
    verification = part(values, "verification")
    key, signers = text(verification, "key"), part(verification, "signedBy")
    for reference in signers:
        found = texts(signers, reference)
        if key not in found:
            yield Violation(
                subject=reference,
                message=f"signed by {', '.join(found) or 'nobody'}, the factory trusts {key}",
                remedy="run: python -m airgap sign <site> --key FILE",
                known_as=(repository_of(reference),),
            )
