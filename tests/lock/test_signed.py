"""A lock's record of signers against what its site requires: judged offline."""

from __future__ import annotations

import pytest

from airgap.errors import LockError
from airgap.lock import AssetPin, ImagePin, Lock, check_lock, fingerprint, format_lock, parse_lock
from airgap.site.model import Site
from tests.site.documents import minimal

__all__: list[str] = []

NGINX = "docker.io/library/nginx:1.27.3"
WHO = {"issuer": "https://accounts.example.com", "identity": "releases@example.com"}
SIGNER = "keyless https://accounts.example.com releases@example.com"


def make_site(**signatures: object) -> Site:
    """Return a site with one image of its own and this `signatures` section."""
    return Site.model_validate(minimal() | {"images": [NGINX], "signatures": signatures})


def make_lock(site: Site, *, image: tuple[str, ...] = (), asset: str = "") -> Lock:
    """Return a lock that fits but for its signers."""
    pin = ImagePin(
        digest=f"sha256:{'1' * 64}",
        media_type="application/vnd.oci.image.index.v1+json",
        size=1,
        need="workloads",
        needed_by=("site images",),
        signed_by=image,
    )
    attached = pin.model_copy(update={"need": "signatures", "needed_by": ("signature of x",)})
    boot = AssetPin(
        sha256=f"sha256:{'2' * 64}",
        sha512=f"sha512:{'3' * 128}",
        size=1,
        url="https://github.example/vmlinuz-amd64",
        needed_by=("environment metal",),
        signed_by=asset,
    )
    signature = f"docker.io/library/nginx:sha256-{'1' * 64}.sig"
    return Lock(
        inputs=fingerprint(site),
        images={NGINX: pin, signature: attached},
        assets={"v1.11.5/vmlinuz-amd64": boot},
    )


def fault_of(site: Site, lock: Lock) -> str:
    """Return the one fault of a lock."""
    with pytest.raises(LockError) as caught:
        check_lock(site, lock, name="berlin")
    assert caught.value.hint == "run: python -m airgap lock berlin"
    (fault,) = caught.value.faults
    return str(fault)


def test_an_image_signed_as_required_fits() -> None:
    site = make_site(require=[{"images": "docker.io/library/*", "keyless": WHO}])
    check_lock(site, make_lock(site, image=(SIGNER,)))


def test_an_image_that_is_not_covered_needs_no_signer() -> None:
    site = make_site(require=[{"images": "ghcr.io/**", "keyless": WHO}])
    check_lock(site, make_lock(site))


def test_an_image_without_a_record_is_refused() -> None:
    site = make_site(require=[{"images": "docker.io/**", "keyless": WHO}])
    assert fault_of(site, make_lock(site)) == (
        f"images.{NGINX}: lock has no verified signer of it, site requires {SIGNER}"
    )


@pytest.mark.parametrize(
    "signer",
    [
        "keyless https://accounts.example.com somebody@example.com",
        "keyless https://other.example.com releases@example.com",
        "key sha256:" + "0" * 64,
        "keyless https://accounts.example.com",
        "releases@example.com",
    ],
)
def test_an_image_signed_by_somebody_else_is_refused(signer: str) -> None:
    site = make_site(require=[{"images": "docker.io/**", "keyless": WHO}])
    fault = fault_of(site, make_lock(site, image=(signer,)))
    assert fault == f"images.{NGINX}: lock has it signed by {signer}, site requires {SIGNER}"


def test_every_requirement_that_covers_an_image_counts() -> None:
    other = WHO | {"identity": "quality@example.com"}
    both = [{"images": "docker.io/**", "keyless": who} for who in (WHO, other)]
    site = make_site(require=both)
    assert "quality@example.com" in fault_of(site, make_lock(site, image=(SIGNER,)))
    second = SIGNER.replace("releases@", "quality@")
    check_lock(site, make_lock(site, image=(SIGNER, second)))


def test_a_release_is_signed_or_recorded_as_unsigned() -> None:
    site = make_site(releases=WHO)
    check_lock(site, make_lock(site, asset=SIGNER))
    check_lock(site, make_lock(site, asset="unsigned"))
    assert "lock has no verified signer" in fault_of(site, make_lock(site))
    assert "signed by keyless" in fault_of(site, make_lock(site, asset=SIGNER + ".invalid"))


def test_signers_survive_the_lock_s_text() -> None:
    site = make_site()
    lock = make_lock(site, image=(SIGNER,), asset="unsigned")
    assert parse_lock(format_lock(lock)) == lock


def test_a_lock_from_before_signatures_is_read() -> None:
    site = make_site()
    text = format_lock(make_lock(site)).replace('      "signedBy": [],\n', "")
    old = parse_lock(text.replace('      "signedBy": "",\n', ""))
    assert old == make_lock(site)
