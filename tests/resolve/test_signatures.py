"""What `lock` makes of signatures: collected as images, verified where the site requires it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from subprocess import run

import pytest

from airgap.errors import TransferError
from airgap.lock import Lock, check_lock
from airgap.rules.signers import key_signer
from lab.signing import PUBLIC_KEY
from lab.sigstore import Sigstore
from lab.upstream import RELEASE, Upstream
from tests.resolve.conftest import MakeSite, resolve

__all__: list[str] = []

INSTALLER = f"ghcr.io/siderolabs/installer:{RELEASE}"
KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
APISERVER = "registry.k8s.io/kube-apiserver:v1.34.1"
NGINX = "docker.io/library/nginx:1.27.3"
SIDERO = {"images": "ghcr.io/siderolabs/**", "keyPem": PUBLIC_KEY}
WHO = {"issuer": "https://accounts.example.com", "identity": "releases@example.com"}
SIGNER = "keyless https://accounts.example.com releases@example.com"
MOMENT = datetime(2025, 11, 24, 12, tzinfo=UTC)


def attached_to(lock: Lock, key: str) -> set[str]:
    """Return the keys of what is attached to an image."""
    reason = f"signature of {key}"
    return {
        name
        for name, pin in lock.images.items()
        if pin.need == "signatures" and reason in pin.needed_by
    }


def failure_of(site_of: MakeSite, key: str, previous: Lock | None = None, **site: object) -> str:
    """Return why an item failed, and that it alone did."""
    with pytest.raises(TransferError) as caught:
        resolve(site_of(**site), previous)
    assert [item for item, _ in caught.value.failures] == [key]
    return str(caught.value)


# What is collected


def test_signatures_are_locked_as_images_in_the_form_upstream_has_them(
    upstream: Upstream, make_site: MakeSite
) -> None:
    lock = resolve(make_site()).lock
    tag = lock.images[KUBELET].digest.replace(":", "-")
    name = "ghcr.io/siderolabs/kubelet"  # ghcr.io has no referrers API, registry.k8s.io has one
    assert attached_to(lock, KUBELET) == {f"{name}:{tag}.sig", f"{name}:{tag}"}
    tag = lock.images[APISERVER].digest.replace(":", "-")
    by_tag, by_digest = sorted(attached_to(lock, APISERVER))
    assert by_tag == f"registry.k8s.io/kube-apiserver:{tag}.sig"
    assert by_digest == f"registry.k8s.io/kube-apiserver@{lock.images[by_digest].digest}"
    assert attached_to(lock, NGINX) == set()


def test_nothing_is_collected_when_the_site_wants_nothing(make_site: MakeSite) -> None:
    lock = resolve(make_site(signatures={"collect": False})).lock
    assert {pin.need for pin in lock.images.values()} == {
        "talos", "kubernetes", "sidero", "workloads",
    }  # fmt: skip


def test_a_kept_image_keeps_its_signatures_without_asking_for_them(
    upstream: Upstream, make_site: MakeSite
) -> None:
    site = make_site(signatures={"require": [SIDERO]})
    first = resolve(site).lock
    upstream.outside.requests.clear()
    second = resolve(site, first).lock
    assert second == first
    for request in upstream.outside.requests.select(path=r"siderolabs/kubelet"):
        assert request.path.endswith("/manifests/v1.34.1")


def test_a_signature_that_comes_later_than_its_image_is_found(
    upstream: Upstream, make_site: MakeSite
) -> None:
    content = upstream.registry.content
    first = resolve(make_site()).lock
    (tag, *_) = (name.rpartition(":")[2] for name in attached_to(first, INSTALLER))
    name = "ghcr.io/siderolabs/installer"
    signature = content.find(name, tag)
    assert signature is not None
    content.untag(name, tag)
    before = resolve(make_site()).lock
    assert attached_to(before, INSTALLER) == set()
    content.tag(name, tag, str(signature.digest))
    assert resolve(make_site(), before).lock == first


# What is required


def test_images_signed_as_required_are_recorded_with_their_signer(make_site: MakeSite) -> None:
    site = make_site(signatures={"require": [SIDERO]})
    lock = resolve(site).lock
    assert lock.images[KUBELET].signed_by == (key_signer(PUBLIC_KEY),)
    assert lock.images[APISERVER].signed_by == ()
    check_lock(site, lock)


def test_an_image_that_must_be_signed_and_is_not_is_an_error(make_site: MakeSite) -> None:
    require = {"images": "docker.io/library/*", "keyPem": PUBLIC_KEY}
    reason = failure_of(make_site, NGINX, signatures={"require": [require]})
    assert "it has no signature; the site requires a signature by key sha256:" in reason


def test_an_image_signed_by_somebody_else_is_an_error(make_site: MakeSite) -> None:
    who = {"images": "ghcr.io/siderolabs/installer", "keyless": WHO}
    section = {"require": [who], "trustRoot": {"content": Sigstore().trusted_root()}}
    reason = failure_of(make_site, INSTALLER, signatures=section)
    assert "it is of no key that the site names" in reason
    assert f"the site requires a signature by {SIGNER}" in reason


def test_a_signature_that_upstream_changed_is_an_error(
    upstream: Upstream, make_site: MakeSite
) -> None:
    """The tag of another image's signature: real, and about something else."""
    content, name = upstream.registry.content, "ghcr.io/siderolabs/installer"
    lock = resolve(make_site()).lock
    (tag,) = (item.rpartition(":")[2] for item in attached_to(lock, INSTALLER))
    other = lock.images[KUBELET].digest.replace(":", "-")
    wrong = content.find("ghcr.io/siderolabs/kubelet", f"{other}.sig")
    assert wrong is not None
    for blob in wrong.blobs:
        content.link(name, str(blob.digest))
    content.put_manifest(name, wrong.raw, tag=tag)
    reason = failure_of(make_site, INSTALLER, signatures={"require": [SIDERO]})
    assert f"the signature is about {lock.images[KUBELET].digest}" in reason


def test_a_requirement_that_is_new_is_verified_of_kept_images(make_site: MakeSite) -> None:
    before = resolve(make_site()).lock
    site = make_site(signatures={"require": [SIDERO]})
    after = resolve(site, before).lock
    assert after.images[KUBELET].signed_by == (key_signer(PUBLIC_KEY),)
    assert after.images.keys() == before.images.keys()
    require = {"images": "docker.io/**", "keyPem": PUBLIC_KEY}
    failure_of(make_site, NGINX, before, signatures={"require": [require]})


def test_what_must_be_signed_is_verified_without_being_carried(make_site: MakeSite) -> None:
    lock = resolve(make_site(signatures={"collect": False, "require": [SIDERO]})).lock
    assert lock.images[KUBELET].signed_by == (key_signer(PUBLIC_KEY),)
    assert "signatures" not in {pin.need for pin in lock.images.values()}


# Releases


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


def release_signatures(sigstore: Sigstore) -> dict[str, object]:
    """Return the site's section: who signs releases."""
    return {"releases": WHO, "trustRoot": {"content": sigstore.trusted_root()}}


def sign_release(upstream: Upstream, sigstore: Sigstore, *, new: bool, **who: str) -> None:
    """Sign the release's sums, as cosign 2 (Talos v1.11) or as cosign 3 does."""
    release = upstream.releases.release(RELEASE)
    sums = release.find("sha512sum.txt")
    assert sums is not None
    signed = sigstore.sign(sums, moment=MOMENT, **{**WHO, **who})  # type: ignore[arg-type]
    release.attach_bundle("sha512sum.txt", signed.bundle() if new else signed.blob_bundle())


@pytest.mark.parametrize("new", [False, True], ids=["cosign 2", "sigstore bundle"])
def test_a_release_s_signer_is_recorded(
    upstream: Upstream, make_site: MakeSite, sigstore: Sigstore, new: bool
) -> None:
    sign_release(upstream, sigstore, new=new)
    site = make_site(signatures=release_signatures(sigstore))
    lock = resolve(site).lock
    assert {pin.signed_by for pin in lock.assets.values()} == {SIGNER}
    check_lock(site, lock)


def test_a_release_without_a_bundle_is_recorded_as_unsigned(
    upstream: Upstream, make_site: MakeSite, sigstore: Sigstore
) -> None:
    upstream.releases.release(RELEASE).attach_bundle("sha512sum.txt", None)
    site = make_site(signatures=release_signatures(sigstore))
    lock = resolve(site).lock
    assert {pin.signed_by for pin in lock.assets.values()} == {"unsigned"}
    check_lock(site, lock)


def test_a_signer_that_was_recorded_is_not_forgotten(
    upstream: Upstream, make_site: MakeSite, sigstore: Sigstore
) -> None:
    sign_release(upstream, sigstore, new=True)
    site = make_site(signatures=release_signatures(sigstore))
    before = resolve(site).lock
    upstream.releases.release(RELEASE).attach_bundle("sha512sum.txt", None)
    assert resolve(site, before).lock == before


def test_a_release_signed_by_somebody_else_is_an_error(
    upstream: Upstream, make_site: MakeSite, sigstore: Sigstore
) -> None:
    sign_release(upstream, sigstore, new=False, identity="somebody@example.com")
    with pytest.raises(TransferError, match=r"somebody@example\.com; the site requires") as caught:
        resolve(make_site(signatures=release_signatures(sigstore)))
    assert len(caught.value.failures) == 2


def test_sums_that_are_not_those_signed_are_an_error(
    upstream: Upstream, make_site: MakeSite, sigstore: Sigstore
) -> None:
    sign_release(upstream, sigstore, new=True)
    upstream.releases.release(RELEASE).put("vmlinuz-amd64", b"another kernel")
    with pytest.raises(TransferError, match=r"sha512sum\.txt: its signature does not hold"):
        resolve(make_site(signatures=release_signatures(sigstore)))


def test_nobody_is_recorded_where_nobody_is_expected(make_site: MakeSite) -> None:
    assert {pin.signed_by for pin in resolve(make_site()).lock.assets.values()} == {""}


@pytest.mark.parametrize("module", ["airgap.cli", "airgap.resolve", "components", "policies"])
def test_the_libraries_of_signatures_are_imported_when_one_is_verified(module: str) -> None:
    code = f"import sys, {module}; sys.exit('sigstore' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
