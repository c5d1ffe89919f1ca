"""Signatures in the plan: a set of their own, and what the rules judge signers by."""

from __future__ import annotations

from airgap.plan import plan_site
from airgap.rules.signers import key_signer
from lab.signing import PUBLIC_KEY
from tests.plan.samples import IMAGES, make_lock, make_site, sha256

__all__: list[str] = []

KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
REPOSITORY = "ghcr.io/siderolabs/kubelet"
TAG = "sha256-" + "a" * 64
REQUIRE = {"require": [{"images": "ghcr.io/siderolabs/**", "keyPem": PUBLIC_KEY}]}


def test_signatures_are_a_set_of_their_own() -> None:
    attached = {
        f"{REPOSITORY}:{TAG}.sig": "signatures",
        f"{REPOSITORY}@{sha256('b')}": "signatures",
    }
    lock = make_lock(images={**IMAGES, **attached})
    children = {
        child.name: child for child in plan_site(make_site(), lock, name="berlin").registry.children
    }
    inputs = children["images-signatures"].inputs
    assert inputs["set"] == "berlin/signatures"
    by_digest = lock.images[f"{REPOSITORY}@{sha256('b')}"].digest
    by_tag = f"{TAG}.sig@{lock.images[f'{REPOSITORY}:{TAG}.sig'].digest}"
    assert inputs["images"] == {REPOSITORY: [by_digest, by_tag]}


def test_a_site_that_requires_nothing_has_no_signatures_in_its_inputs() -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    assert "signatures" not in plan.registry.inputs
    assert "signatures" not in plan.asset_mirror.inputs


def test_the_registry_says_what_must_be_signed_and_who_has() -> None:
    signer, lock = key_signer(PUBLIC_KEY), make_lock()
    signed = lock.images[KUBELET].model_copy(update={"signed_by": (signer,)})
    lock = lock.model_copy(update={"images": {**lock.images, KUBELET: signed}})
    plan = plan_site(make_site(signatures=REQUIRE), lock, name="berlin")
    assert plan.registry.inputs["signatures"] == {
        "require": [{"images": "ghcr.io/siderolabs/**", "key": signer}],
        "signedBy": {KUBELET: [signer], "ghcr.io/siderolabs/installer:v1.11.5": []},
    }


def test_the_asset_mirror_says_who_signed_each_release() -> None:
    who = {"issuer": "https://accounts.example.com", "identity": "releases@example.com"}
    lock = make_lock()
    assets = {
        key: pin.model_copy(update={"signed_by": "unsigned"}) for key, pin in lock.assets.items()
    }
    site = make_site(signatures={"releases": who})
    plan = plan_site(site, lock.model_copy(update={"assets": assets}), name="berlin")
    assert plan.asset_mirror.inputs["signatures"] == {
        "require": [who],
        "signedBy": {"v1.11.5": "unsigned"},
    }
