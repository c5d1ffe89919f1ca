"""Whether a lock's signers are those that its site requires: asked of the record, offline."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.lock.model import Lock
from airgap.oci.reference import parse_reference
from airgap.rules.signers import UNSIGNED, unmet
from airgap.site.model import Site

__all__ = ["SIGNATURES", "compare_signers"]

SIGNATURES = "signatures"
"""The need of what is attached to images; nothing requires a signature of a signature."""


def compare_signers(site: Site, lock: Lock) -> Iterator[Fault]:
    """Yield a fault for each image and boot asset whose signer the site does not accept."""
    rules = site.signatures.rules()
    for key, pin in lock.images.items() if rules else ():
        if pin.need == SIGNATURES:
            continue
        name = parse_reference(key).name
        for rule in unmet(rules, name, pin.signed_by):
            yield _differs(f"images.{key}", ", ".join(pin.signed_by), str(rule))
    release = site.signatures.release_rule()
    for key, asset in lock.assets.items() if release else ():
        if asset.is_own:
            continue
        if release and asset.signed_by != UNSIGNED and not release.accepts(asset.signed_by):
            yield _differs(f"assets.{key}", asset.signed_by, str(release))


def _differs(path: str, found: str, expected: str) -> Fault:
    signed = f"lock has it signed by {found}" if found else "lock has no verified signer of it"
    return Fault(path=path, message=f"{signed}, site requires {expected}")
