"""`signed`: images that the site requires to be signed are, and by whom it says.

Judged by the signers that `lock` verified and recorded: nobody is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.signers import Requirement, unmet
from airgap.rules.values import Values, documents_of, part, text, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check", "repository_of", "requirements_of"]

NAME = "signed"
SUMMARY = "Images that must be signed carry a verified signature of the signer the site names."
REASON = "A digest says that bytes are the same as those that were locked, and not who made them."
REMEDY = (
    "Run `python -m airgap lock <site>`, which verifies and records who signed; or name another "
    "image."
)


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each image without the signature that it must carry."""
    if kind != "Registry":
        return
    signatures = part(values, "signatures")
    requirements = requirements_of(signatures)
    signers = part(signatures, "signedBy")
    for reference in signers:
        found = texts(signers, reference)
        for requirement in unmet(requirements, repository_of(reference), found):
            by = ", ".join(found) or "nobody"
            yield Violation(
                subject=reference,
                message=f"signed by {by}, expected {requirement}",
                remedy="run: python -m airgap lock <site>",
                known_as=(repository_of(reference),),
            )


def requirements_of(signatures: Values) -> tuple[Requirement, ...]:
    """Return the requirements of a component's `signatures`."""
    return tuple(
        Requirement(
            images=text(item, "images"),
            key=text(item, "key"),
            issuer=text(item, "issuer"),
            identity=text(item, "identity"),
            pattern=text(item, "pattern"),
        )
        for item in documents_of(signatures, "require")
    )


def repository_of(reference: str) -> str:
    """Return `registry/repository` of a reference by tag or digest."""
    head, slash, last = reference.partition("@")[0].rpartition("/")
    return head + slash + last.partition(":")[0]
