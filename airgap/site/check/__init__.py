"""What must hold between the parts of a site, beyond the shape of each: pure, all faults at once.

One module a subject. Each check names the sections it reads, so that it can run while another
section is still broken. What is merely unwise (plain http, skipVerify, an exception past its
date) is a finding of `airgap.rules`, no fault.
"""

from __future__ import annotations

from airgap.errors import Fault
from airgap.site.check import (
    boot,
    cache,
    deployed,
    factory,
    images,
    mirrors,
    nodes,
    planned,
    policy,
    reach,
    registry,
    schematics,
    secure_boot,
    signatures,
    transfer,
    trust,
    upstream,
    versions,
)
from airgap.site.check.subject import Check, Known
from airgap.site.model import Site

__all__ = ["CHECKS", "Check", "Known", "check_site"]

CHECKS: tuple[Check, ...] = (
    *planned.CHECKS,
    *versions.CHECKS,
    *images.CHECKS,
    *registry.CHECKS,
    *mirrors.CHECKS,
    *factory.CHECKS,
    *deployed.CHECKS,
    *schematics.CHECKS,
    *secure_boot.CHECKS,
    *reach.CHECKS,
    *boot.CHECKS,
    *cache.CHECKS,
    *trust.CHECKS,
    *nodes.CHECKS,
    *upstream.CHECKS,
    *signatures.CHECKS,
    *transfer.CHECKS,
    *policy.CHECKS,
)


def check_site(
    site: Site, known: Known, *, sections: frozenset[str] = frozenset(Site.model_fields)
) -> tuple[Fault, ...]:
    """Return every fault between the site's parts.

    Args:
        site: The site.
        known: The releases and rules this version of the program knows.
        sections: Those that may be read, by the model's attribute names; a check that needs
            another one is left out.
    """
    runnable = (check for check in CHECKS if check.sections <= sections)
    return tuple(fault for check in runnable for fault in check.run(site, known))
