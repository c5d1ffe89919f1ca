"""By whose signatures a factory trusts what it reads, and who has signed that: for the rules."""

from __future__ import annotations

from airgap.lock.factory import factory_artifacts
from airgap.lock.model import Lock
from airgap.plan.model import PlainValues
from airgap.rules.signers import key_signer
from airgap.site.model import Site

__all__ = ["plan_verification"]


def plan_verification(site: Site, lock: Lock) -> PlainValues:
    """Return `verification` of the factory; nothing where it does not verify."""
    verification = site.image_factory.verification
    if verification is None or verification.public_key is None:
        return {}
    artifacts = factory_artifacts(lock)
    signers = {key: list(pin.signed_by) for key, pin in sorted(artifacts.items())}
    key = key_signer(verification.public_key)
    return {"verification": {"key": key, "signedBy": signers}}
