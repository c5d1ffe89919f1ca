"""Boot assets: the plain and the content-addressed layout, and never a wrong byte."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airgap.digest import Digest
from airgap.serve import Server
from airgap.store import Store, StoredAsset

if TYPE_CHECKING:
    from tests.serve.conftest import Ask

KERNEL = b"kernel" * 500_000
INITRD = b"initramfs" * 1000


def add(store: Store, key: str, data: bytes) -> StoredAsset:
    store.put(data)
    asset = StoredAsset(
        sha256=Digest("sha256", hashlib.sha256(data).hexdigest()),
        sha512=Digest("sha512", hashlib.sha512(data).hexdigest()),
        size=len(data),
        origin=f"https://example.invalid/{key}",
    )
    store.add_asset(key, asset)
    return asset


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    add(store, "v1.11.5/vmlinuz-amd64", KERNEL)
    add(store, "v1.11.5/initramfs-amd64.xz", INITRD)
    add(store, "v1.10.9/vmlinuz-amd64", b"older")
    return store


@pytest.fixture
def prefix() -> str:
    return ""


@pytest.fixture
def served(store: Store, prefix: str) -> Iterator[Server]:
    with Server(store, "127.0.0.1", 0, asset_prefix=prefix) as server:
        yield server


CONTENT_PATH = f"/v1.11.5/{hashlib.sha512(KERNEL).hexdigest()[:16]}/vmlinuz-amd64"


@pytest.mark.parametrize("path", ["/v1.11.5/vmlinuz-amd64", CONTENT_PATH])
def test_asset_is_whole_with_its_length(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert (answer.status, answer.body) == (200, KERNEL)
    assert answer.headers["content-length"] == str(len(KERNEL))
    assert answer.headers["content-type"] == "application/octet-stream"
    head = ask(path, method="HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(len(KERNEL)))
    assert ask(path, If_None_Match=answer.headers["etag"]).status == 304
    assert ask(path, Range="bytes=6-11").body == b"kernel"


def test_only_the_content_addressed_path_is_immutable(ask: Ask) -> None:
    assert ask("/v1.11.5/vmlinuz-amd64").headers["cache-control"] == "no-cache"
    assert "immutable" in ask(CONTENT_PATH).headers["cache-control"]


def test_checksums_satisfy_sha512sum(ask: Ask, tmp_path: Path) -> None:
    """The peer is coreutils' sha512sum itself."""
    directory = tmp_path / "carried"
    directory.mkdir()
    for file in ("vmlinuz-amd64", "initramfs-amd64.xz"):
        (directory / file).write_bytes(ask(f"/v1.11.5/{file}").body)
    (directory / "checksums.txt").write_bytes(ask("/v1.11.5/checksums.txt").body)
    command = ["sha512sum", "--check", "--strict", "checksums.txt"]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "initramfs-amd64.xz: OK\nvmlinuz-amd64: OK\n"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1.11.5",
        "/v1.11.5/",
        "/v1.11.5/nothing",
        "/v1.11.5/0123456789abcdef/vmlinuz-amd64",
        "/v1.10.9/../v1.11.5/vmlinuz-amd64",
        "/v1.10.9/%2e%2e/v1.11.5/vmlinuz-amd64",
        "/../store/index.json",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/index.json",
        "/oci-layout",
        "/blobs/sha256/" + hashlib.sha256(KERNEL).hexdigest(),
        "/v2/../index.json",
        "/v2/%2e%2e/blobs/sha256:" + hashlib.sha256(KERNEL).hexdigest(),
        "/v1.11.5/vmlinuz-amd64%00",
        "/talos/v1.11.5/vmlinuz-amd64",
    ],
)
def test_no_other_path_is_served(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert answer.status in (400, 404)
    assert b"kernel" not in answer.body
    assert b"root:" not in answer.body


@pytest.mark.parametrize("prefix", ["/talos", "talos/", "/a/b"])
def test_assets_lie_under_the_prefix(ask: Ask, prefix: str) -> None:
    base = "/" + prefix.strip("/")
    assert ask(f"{base}/v1.11.5/vmlinuz-amd64").body == KERNEL
    assert ask(f"{base}/v1.11.5/checksums.txt").status == 200
    assert ask("/v1.11.5/vmlinuz-amd64").status == 404
    assert ask("/v2/").status == 200


def flip_a_bit(path: Path) -> None:
    """Alter one bit and put size and time back, as a failing disk would leave them."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(1_500_000)
        byte = file.read(1)[0]
        file.seek(1_500_000)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("asked_before", [False, True])
def test_flipped_bit_is_never_served(ask: Ask, store: Store, *, asked_before: bool) -> None:
    """Sidero's controller compares nothing (facts on v0.6.13), so the server has to."""
    if asked_before:
        assert ask(CONTENT_PATH).status == 200
    flip_a_bit(store.blob_path(Digest("sha256", hashlib.sha256(KERNEL).hexdigest())))
    assert ask(CONTENT_PATH).status == 500
    assert ask("/v1.11.5/vmlinuz-amd64", Range="bytes=0-5").status == 500
    assert ask("/v1.11.5/initramfs-amd64.xz").body == INITRD


def test_missing_blob_is_an_error_of_the_server(ask: Ask, store: Store) -> None:
    store.blob_path(Digest("sha256", hashlib.sha256(KERNEL).hexdigest())).unlink()
    assert ask("/v1.11.5/vmlinuz-amd64").status == 500
    store.put(KERNEL)  # repaired while it runs
    assert ask("/v1.11.5/vmlinuz-amd64").body == KERNEL


def test_damaged_manifest_of_an_asset_is_an_error_until_it_is_repaired(
    ask: Ask, store: Store
) -> None:
    paths = ("/v1.11.5/vmlinuz-amd64", CONTENT_PATH, "/v1.11.5/checksums.txt")
    (entry,) = [found for found in store.index.entries() if found.name == paths[0][1:]]
    path = store.blob_path(entry.descriptor.digest)
    sound = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(sound.replace(b"sha512:", b"sha512;"))
    store.forget(["v1.10.9/nothing", "v1.10.9/vmlinuz-amd64"])  # a new index.json is read
    assert [ask(path).status for path in paths] == [500, 500, 500]
    assert ask("/v1.11.5/initramfs-amd64.xz").body == INITRD
    path.write_bytes(sound)
    assert [ask(path).status for path in paths] == [200, 200, 200]


def test_replaced_asset_has_a_new_content_path_and_the_plain_one_follows(
    ask: Ask, store: Store
) -> None:
    assert ask(CONTENT_PATH).status == 200
    add(store, "v1.11.5/vmlinuz-amd64", b"smaller")
    new = f"/v1.11.5/{hashlib.sha512(b'smaller').hexdigest()[:16]}/vmlinuz-amd64"
    assert ask(new).body == b"smaller"
    assert ask("/v1.11.5/vmlinuz-amd64").body == b"smaller"
    assert ask(CONTENT_PATH).status == 404


def test_many_servers_boot_at_once(ask: Ask) -> None:
    wrong: list[int] = []

    def boot(number: int) -> None:
        if ask(CONTENT_PATH).body != KERNEL:
            wrong.append(number)

    clients = [threading.Thread(target=boot, args=(number,)) for number in range(48)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert wrong == []
