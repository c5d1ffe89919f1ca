"""What must be signed and who has: the site's requirements and the lock's record, for the rules."""

from __future__ import annotations

from dataclasses import asdict

from airgap.lock.model import Lock
from airgap.oci.reference import parse_reference
from airgap.plan.model import PlainValues
from airgap.rules.signers import Requirement
from airgap.site.model import Site

__all__ = ["plan_image_signatures", "plan_release_signatures"]


def plan_image_signatures(site: Site, lock: Lock) -> PlainValues:
    """Return `signatures` of the registry; nothing where the site requires none."""
    rules = site.signatures.rules()
    if not rules:
        return {}
    covered = {
        key: list(pin.signed_by)
        for key, pin in sorted(lock.images.items())
        if pin.need != "signatures" and _is_covered(rules, key)
    }
    return {"signatures": {"require": [_values(rule) for rule in rules], "signedBy": covered}}


def plan_release_signatures(site: Site, lock: Lock) -> dict[str, object]:
    """Return `signatures` of the asset mirror, by release; nothing where the site requires none."""
    rule = site.signatures.release_rule()
    if rule is None:
        return {}
    signers = {
        key.partition("/")[0]: pin.signed_by
        for key, pin in sorted(lock.assets.items())
        if not pin.is_own and pin.made_by is None
    }
    return {"signatures": {"require": [_values(rule)], "signedBy": signers}}


def _is_covered(rules: tuple[Requirement, ...], key: str) -> bool:
    name = parse_reference(key).name
    return any(rule.covers(name) for rule in rules)


def _values(rule: Requirement) -> PlainValues:
    return {key: value for key, value in asdict(rule).items() if value}
