"""The site's own signatures from `sign` to `lock` and `fetch`: what stays, and who may trust it.

That they are signatures is judged by the lab's own verification, apart from the project's;
tests/peers/test_signatures_own.py has the real cosign and the real Image Factory judge.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import LockError, TransferError
from airgap.lock import ImagePin, Lock, factory_artifacts, factory_signatures, format_lock
from airgap.resolve.own_signatures import check_own_signatures
from airgap.resolve.signing import sign_site
from airgap.signature.private import PrivateKey
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.contents import StoreContent, UpstreamContent
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import connect, push_sets
from airgap.transfer.sources import open_upstream
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from lab.registryclient import RegistryClient, RegistryClientError
from lab.signatures import require_signature
from lab.signing import PUBLIC_KEY
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from tests.resolve.conftest import IMPATIENT, MakeSite, resolve
from tests.resolve.test_resolution import FACTORY

__all__: list[str] = []

KEY, OTHER = PrivateKey.make(), PrivateKey.make()
IMAGER = f"ghcr.io/siderolabs/imager:{RELEASE}"
OVERLAYS = f"ghcr.io/siderolabs/overlays:{RELEASE}"
ISCSI = {"name": "storage", "environment": "metal", "extensions": ["siderolabs/iscsi-tools"]}

SiteOf = Callable[..., Site]


@pytest.fixture
def site_of(make_site: MakeSite) -> SiteOf:
    """A site whose factory trusts a key; the first one's public half by default."""

    def make(trusted: str | None = KEY.public_pem, **changes: object) -> Site:
        verification = {"verification": {"publicKey": trusted}} if trusted else {}
        given: dict[str, object] = {"images": [], "serverClasses": [ISCSI]}
        return make_site(imageFactory={**FACTORY, **verification}, **{**given, **changes})

    return make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


def fetch(site: Site, lock: Lock, store: Store) -> None:
    """Fill a store from the practice upstream."""
    with open_upstream(site, retry=IMPATIENT) as (registries, releases):
        fetch_site(lock, registries=registries, releases=releases, store=store)


def brought(site: Site, store: Store, previous: Lock | None = None) -> Lock:
    """Lock a site and fetch what upstream signed of it."""
    lock = resolve(site, previous).lock
    fetch(site, signatures_of(lock), store)
    return lock


def signatures_of(lock: Lock) -> Lock:
    """Return a lock with nothing else than what is attached to what the factory reads."""
    return lock.model_copy(update={"images": factory_signatures(lock), "assets": {}})


def own_of(lock: Lock, key: str) -> tuple[str, ImagePin]:
    """Return an image's own signature: what the lock calls it, and its pin."""
    tag = lock.images[key].digest.replace(":", "-")
    name = f"{key.rpartition(':')[0]}:{tag}.sig"
    return name, lock.images[name]


def layers(store: Store, pin: ImagePin) -> list[dict[str, object]]:
    """Return the signatures of a manifest in the store."""
    found: list[dict[str, object]] = json.loads(store.read(Digest.parse(pin.digest)))["layers"]
    return found


def notes_about(site: Site, lock: Lock, subject: str) -> list[str]:
    """Return what `lock` notes of something."""
    return [note.message for note in resolve(site, lock).notes if note.subject == subject]


# Signing


def test_everything_that_the_factory_reads_is_signed_and_nothing_else(
    site_of: SiteOf, store: Store
) -> None:
    site = site_of()
    lock = brought(site, store)
    (note,) = notes_about(site, lock, "imageFactory.verification")
    assert "run: python -m airgap sign <site> --key FILE" in note
    signed = sign_site(lock, store, KEY)
    # image-factory v1.5.0 internal/artifacts: what it pulls for Talos >= 1.10, each verified
    read = {key.rpartition("/")[2].partition(":")[0] for key in factory_artifacts(lock)}
    assert read == {"imager", "installer-base", "extensions", "overlays", "iscsi-tools"}
    assert all(key in note for key in factory_artifacts(lock))
    assert {own_of(signed.lock, key)[0] for key in factory_artifacts(lock)} == {*signed.made}
    for key in factory_artifacts(lock):
        assert signed.lock.images[key].signed_by == (KEY.signer,)
        assert own_of(signed.lock, key)[1].needed_by == (f"signature of {key}",)
    unchanged = {key: pin for key, pin in lock.images.items() if "siderolabs/kubelet" in key}
    assert unchanged
    assert all(signed.lock.images[key] == pin for key, pin in unchanged.items())


def test_upstream_s_signatures_stay_before_ours(site_of: SiteOf, store: Store) -> None:
    lock = brought(site_of(), store)
    name, before = own_of(lock, IMAGER)
    theirs = layers(store, before)
    signed = sign_site(lock, store, KEY).lock
    after = signed.images[name]
    assert layers(store, after)[:-1] == theirs
    assert len(theirs) == 1
    assert after.whole == before.digest
    assert store.names()[name].digest == Digest.parse(after.digest)


def test_signing_again_changes_no_byte(site_of: SiteOf, store: Store) -> None:
    first = sign_site(brought(site_of(), store), store, KEY)
    files = {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()}
    second = sign_site(first.lock, store, KEY)
    assert format_lock(second.lock) == format_lock(first.lock)
    assert (second.made, second.kept) == ((), first.made)
    assert files == {path: path.stat().st_mtime_ns for path in files}


def test_a_new_key_takes_the_place_of_the_old_one(site_of: SiteOf, store: Store) -> None:
    lock = brought(site_of(), store)
    theirs = layers(store, own_of(lock, IMAGER)[1])
    signed = sign_site(lock, store, KEY).lock
    site = site_of(OTHER.public_pem)
    (note,) = notes_about(site, signed, "imageFactory.verification")
    assert f"not signed by {OTHER.signer}" in note
    again = sign_site(resolve(site, signed).lock, store, OTHER).lock
    _, pin = own_of(again, IMAGER)
    assert again == sign_site(lock, store, OTHER).lock
    assert (pin.signed_by, again.images[IMAGER].signed_by) == ((OTHER.signer,), (OTHER.signer,))
    assert layers(store, pin)[:-1] == theirs


def test_without_upstream_s_signatures_in_the_store_nothing_is_signed(
    site_of: SiteOf, store: Store
) -> None:
    lock = resolve(site_of()).lock
    with pytest.raises(TransferError) as caught:
        sign_site(lock, store, KEY)
    assert len(caught.value.failures) == len(factory_artifacts(lock))
    assert "fetch" in caught.value.diagnostics()
    assert store.names() == {}


def test_what_upstream_signs_with_the_trusted_key_needs_no_more(
    site_of: SiteOf, store: Store
) -> None:
    """A site whose upstream is a registry where its own people have signed already."""
    site = site_of(PUBLIC_KEY)  # the practice upstream's
    resolution = resolve(site)
    assert "imageFactory.verification" not in {note.subject for note in resolution.notes}
    assert len(resolution.lock.images[IMAGER].signed_by) == 1
    assert resolve(site, resolution.lock).lock == resolution.lock


# What lock makes of it


def test_lock_keeps_own_signatures_and_verifies_them(site_of: SiteOf, store: Store) -> None:
    site = site_of()
    signed = sign_site(brought(site, store), store, KEY).lock
    again = resolve(site, signed)
    assert format_lock(again.lock) == format_lock(signed)
    assert again.notes == ()
    upgraded = resolve(site, signed, upgrade=())  # nothing moved upstream
    assert upgraded.lock == signed
    check_own_signatures(site, signed)


def test_without_collecting_signatures_own_ones_are_made_and_kept(
    site_of: SiteOf, store: Store
) -> None:
    site = site_of(signatures={"collect": False})
    signed = sign_site(resolve(site).lock, store, KEY).lock  # nothing of upstream's is needed
    assert own_of(signed, IMAGER)[1].whole is None
    again = resolve(site, signed)
    assert (again.lock, again.notes) == (signed, ())


def test_a_signature_goes_with_its_image(upstream: Upstream, site_of: SiteOf, store: Store) -> None:
    site = site_of()
    signed = sign_site(brought(site, store), store, KEY).lock
    name, _ = own_of(signed, IMAGER)
    content = upstream.registry.content
    other = content.find("ghcr.io/siderolabs/imager", NEXT_RELEASE)
    assert other is not None
    content.tag("ghcr.io/siderolabs/imager", RELEASE, str(other.digest))
    moved = resolve(site, signed, upgrade=(IMAGER,))
    assert name not in moved.lock.images
    assert moved.lock.images[IMAGER].signed_by == ()
    (note,) = (note for note in moved.notes if note.subject == "imageFactory.verification")
    assert note.message.startswith(f"not signed by {KEY.signer}: {IMAGER}; ")


def test_signatures_that_upstream_adds_are_noted_and_taken_in_when_asked(
    upstream: Upstream, site_of: SiteOf, store: Store
) -> None:
    site = site_of()
    signed = sign_site(brought(site, store), store, KEY).lock
    name, pin = own_of(signed, IMAGER)
    repository, _, tag = name.rpartition(":")
    content = upstream.registry.content
    theirs = content.find(repository, tag)
    assert theirs is not None
    document = json.loads(theirs.raw)
    document["annotations"] = {"signed": "once more"}
    content.put_manifest(repository, json.dumps(document).encode(), tag=tag)
    kept = resolve(site, signed)
    assert kept.lock == signed
    (note,) = (note.message for note in kept.notes if note.subject == name)
    assert f"lock --upgrade {IMAGER}" in note
    taken = brought_again(site, store, signed, IMAGER)
    assert taken.images[name].signature is None
    assert taken.images[IMAGER].signed_by == ()
    after = sign_site(taken, store, KEY).lock.images[name]
    assert after.whole == taken.images[name].digest != pin.whole


def brought_again(site: Site, store: Store, lock: Lock, *upgrade: str) -> Lock:
    """Lock with pins that move, and fetch what is attached."""
    moved = resolve(site, lock, upgrade=upgrade).lock
    fetch(site, signatures_of(moved), store)
    return moved


def test_a_signature_that_was_tampered_with_is_refused_and_dropped(
    site_of: SiteOf, store: Store
) -> None:
    site = site_of()
    signed = sign_site(brought(site, store), store, KEY).lock
    name, pin = own_of(signed, IMAGER)
    wrong = pin.model_copy(update={"signature": own_of(signed, OVERLAYS)[1].signature})
    bad = signed.model_copy(update={"images": {**signed.images, name: wrong}})
    with pytest.raises(LockError, match=rf"1 fault: images\.{name}\.signature"):
        check_own_signatures(site, bad)
    after = resolve(site, bad)
    assert after.lock.images[IMAGER].signed_by == ()
    assert after.lock.images[name].signature is None
    assert any("does not hold" in note.message for note in after.notes if note.subject == name)
    with pytest.raises(TransferError, match=r"the site's own signature makes sha256:"):
        fetch(site, signatures_of(bad), Store.open(store.root.parent / "new", create=True))


# What arrives


def test_fetch_makes_signatures_again_without_the_key(
    upstream: Upstream, site_of: SiteOf, store: Store, tmp_path: Path
) -> None:
    site = site_of()
    lock = sign_site(brought(site, store), store, KEY).lock
    elsewhere = Store.open(tmp_path / "elsewhere", create=True)
    upstream.outside.requests.clear()
    fetch(site, signatures_of(lock), elsewhere)
    assert elsewhere.names() == {key: store.names()[key] for key in factory_signatures(lock)}
    assert elsewhere.verify() == ()
    assert upstream.outside.requests.select(path=".sig") == []
    upstream.outside.requests.clear()
    fetch(site, signatures_of(lock), elsewhere)
    assert upstream.outside.requests.select() == []


@pytest.mark.parametrize("source", ["store", "upstream"])
def test_a_registry_inside_gets_what_its_factory_trusts(
    site_of: SiteOf, store: Store, tmp_path: Path, source: str
) -> None:
    """From the store, and straight from upstream on a dual-homed machine."""
    site = site_of()
    lock = sign_site(brought(site, store), store, KEY).lock
    carried = lock.model_copy(
        update={"images": factory_artifacts(lock) | factory_signatures(lock), "assets": {}}
    )
    with Registry() as registry, open_upstream(site, retry=IMPATIENT) as (registries, releases):
        fetch_site(carried, registries=registries, releases=releases, store=store)
        place = RegistryDestination(kind="existing", endpoint=registry.url)
        content = (
            StoreContent(store)
            if source == "store"
            else UpstreamContent(registries, carried.images)
        )
        ledger = Ledger(tmp_path / "ledger", place.identity)
        with connect(place) as client:
            push_sets(content, client, place, {"all": images_of([carried])}, ledger)
        with RegistryClient(registry.url) as judge:
            for key, pin in factory_artifacts(lock).items():
                name = key.rpartition(":")[0]
                require_signature(judge, name, pin.digest, KEY.public_pem)
                require_signature(judge, name, pin.digest, PUBLIC_KEY)  # upstream's own
                with pytest.raises(RegistryClientError, match="no matching signatures"):
                    require_signature(judge, name, pin.digest, OTHER.public_pem)
