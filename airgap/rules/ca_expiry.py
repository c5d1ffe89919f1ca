"""`ca-expiry`: tells of a CA that ends within 30 days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from airgap.rules.ca_valid import end_of
from airgap.rules.findings import Violation
from airgap.rules.values import Values, entries, text

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "ca-expiry"
SUMMARY = "No CA ends within 30 days."
REASON = (
    "A new CA must be on every machine before the first certificate of it is served: that is a "
    "roll-out over the whole site, and not one night's work."
)
REMEDY = "Add the next CA to the file beside this one, roll it out, and change certificates then."
_NOTICE = timedelta(days=30)


def check(kind: str, values: Values) -> Iterator[Violation]:  # noqa: ARG001 (a rule's signature)
    """Yield a note for each CA, which stands in its last days."""
    for fingerprint, certificate in entries(values, "certificates"):
        end = end_of(certificate)
        if end is not None:
            yield Violation(
                subject=fingerprint,
                message=f"the CA {text(certificate, 'subject')} ends on {end}",
                remedy=REMEDY,
                known_as=(text(certificate, "subject"),),
                since=end - _NOTICE,
                until=end - timedelta(days=1),
            )
