"""The release server against GitHub's behaviour and the release step of Talos v1.11.5's CI."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from lab.releases import Release, Releases

_TAG = "v1.11.5"
_BASE = f"/siderolabs/talos/releases/download/{_TAG}"


@pytest.fixture
def releases() -> Iterator[Releases]:
    release = Release(_TAG, kernel_bytes=3000, initramfs_bytes=9000)
    with Releases([release]) as started:
        yield started
        assert started.crashes == []


def _get(http: httpx.Client, releases: Releases, name: str, **headers: str) -> httpx.Response:
    return http.get(f"{releases.url}{_BASE}/{name}", follow_redirects=True, headers=headers)


def test_a_download_is_redirected_to_a_signed_object(
    releases: Releases, http: httpx.Client
) -> None:
    answer = http.get(f"{releases.url}{_BASE}/vmlinuz-amd64")
    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert len(http.get(location).content) == 3000
    assert http.get(location.partition("?")[0]).status_code == 403


def test_the_redirect_may_lead_to_another_host(releases: Releases, http: httpx.Client) -> None:
    release = Release(_TAG, kernel_bytes=3000, initramfs_bytes=9000)
    with Releases([release], object_store=releases.url) as front:
        answer = http.get(f"{front.url}{_BASE}/vmlinuz-amd64", follow_redirects=True)
    assert str(answer.url).startswith(releases.url)
    assert answer.content == _get(http, releases, "vmlinuz-amd64").content


def test_sum_files_have_coreutils_form_and_hold(releases: Releases, http: httpx.Client) -> None:
    """Bare names; neither the sum files themselves nor cosign bundles are listed."""
    for algorithm in ("sha256", "sha512"):
        text = _get(http, releases, f"{algorithm}sum.txt").text
        assert text.endswith("\n")
        sums = {name: digest for digest, name in (line.split("  ") for line in text.splitlines())}
        assert not [name for name in sums if "sum.txt" in name or name.endswith(".bundle")]
        for name in ("vmlinuz-amd64", "initramfs-arm64.xz", "metal-amd64.raw.zst"):
            content = _get(http, releases, name).content
            assert hashlib.new(algorithm, content).hexdigest() == sums[name]


def test_names_are_those_of_the_real_release(releases: Releases, http: httpx.Client) -> None:
    """raw.xz ended with Talos 1.7; there is no checksums.txt upstream."""
    present = (
        *("vmlinuz-amd64", "vmlinuz-arm64", "initramfs-amd64.xz", "initramfs-arm64.xz"),
        *("metal-amd64.iso", "metal-arm64.raw.zst", "metal-amd64-uki.efi", "cloud-images.json"),
        *("talosctl-linux-armv7", "talosctl-windows-amd64.exe", "talosctl-cni-bundle-amd64.tar.gz"),
        *("sha512sum.txt", "sha512sum.txt.bundle", "vmlinuz-amd64.bundle"),
    )
    for name in present:
        assert _get(http, releases, name).status_code == 200, name
    for name in ("metal-amd64.raw.xz", "checksums.txt", "kernel-amd64"):
        assert _get(http, releases, name).status_code == 404, name
    other = f"{releases.url}/siderolabs/talos/releases/download/v9.9.9/vmlinuz-amd64"
    assert http.get(other).status_code == 404


def test_an_object_has_length_etag_and_ranges(releases: Releases, http: httpx.Client) -> None:
    whole = _get(http, releases, "initramfs-amd64.xz")
    assert whole.headers["Content-Length"] == "9000"
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.content.startswith(b"\xfd7zXZ\x00")
    etag = whole.headers["ETag"]
    part = _get(http, releases, "initramfs-amd64.xz", Range="bytes=8990-", **{"If-Range": etag})
    assert (part.status_code, part.content) == (206, whole.content[8990:])
    changed = _get(http, releases, "initramfs-amd64.xz", Range="bytes=1-", **{"If-Range": '"x"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    head = http.head(str(whole.url))
    assert (head.headers["Content-Length"], head.content) == ("9000", b"")


def test_contents_depend_on_tag_and_name_only() -> None:
    first, again = (Release(_TAG, kernel_bytes=999) for _ in range(2))
    other = Release("v1.11.6", kernel_bytes=999)
    assert first.find("vmlinuz-amd64") == again.find("vmlinuz-amd64")
    assert first.find("vmlinuz-amd64") != first.find("vmlinuz-arm64")
    assert first.find("vmlinuz-amd64") != other.find("vmlinuz-amd64")


def test_replaced_and_removed_files_show_in_the_sum_files() -> None:
    release = Release(_TAG, kernel_bytes=999, initramfs_bytes=999)
    assert release.find("sha256sum.txt")
    release.put("vmlinuz-amd64", b"real kernel")
    release.remove("vmlinuz-arm64")
    sums = (release.find("sha256sum.txt") or b"").decode()
    assert f"{hashlib.sha256(b'real kernel').hexdigest()}  vmlinuz-amd64\n" in sums
    assert "vmlinuz-arm64" not in sums
    assert release.find("vmlinuz-arm64") is None
