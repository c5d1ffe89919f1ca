"""Images that manifests name, locked from a practice upstream."""

from __future__ import annotations

from airgap.lock import check_lock
from tests.resolve.conftest import MakeSite, resolve

__all__: list[str] = []

NGINX = "docker.io/library/nginx:1.27.3"


def test_what_manifests_name_is_locked_for_them(make_site: MakeSite) -> None:
    bare = resolve(make_site()).lock
    digest = bare.images[NGINX].digest
    by_digest = f"docker.io/library/nginx@{digest}"
    site = make_site(
        images=[],
        manifests=[
            {"path": "a.yaml", "images": {NGINX: ("a.yaml → Pod a",)}},
            {"path": "b.yaml", "images": {by_digest: ("b.yaml → Pod b",)}},
        ],
    )
    lock = resolve(site).lock

    assert lock.images[NGINX].needed_by == ("manifest a.yaml",)
    assert lock.images[by_digest].needed_by == ("manifest b.yaml",)
    assert {lock.images[key].digest for key in (NGINX, by_digest)} == {digest}
    assert lock.images[NGINX].need == "workloads"
    check_lock(site, lock)


def test_an_image_named_twice_is_locked_once_for_both(make_site: MakeSite) -> None:
    site = make_site(manifests=[{"path": "a.yaml", "images": {NGINX: ("a.yaml → Pod a",)}}])
    lock = resolve(site).lock

    assert lock.images[NGINX].needed_by == ("manifest a.yaml", "site images")
    check_lock(site, lock)
