"""A receipt is read as it was written, and compared without anything but the lock."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from airgap import VERSION
from airgap.errors import AirgapError
from airgap.lock import AssetPin, ImagePin, Inputs, Lock, write_lock
from airgap.receipt import (
    Altered,
    Comparison,
    HeldAsset,
    HeldImage,
    Receipt,
    compare_receipt,
    format_receipt,
    lock_digest,
    parse_receipt,
)

__all__: list[str] = []

NGINX = "docker.io/library/nginx:1.27.3"
PINNED = f"ghcr.io/siderolabs/tool@sha256:{'b' * 64}"
KERNEL = "v1.11.5/vmlinuz-amd64"
LOCK = Lock(
    inputs=Inputs(talos=("v1.11.5",), sidero="v0.6.13"),
    images={
        NGINX: ImagePin(
            digest=f"sha256:{'a' * 64}", media_type="x", size=1, need="workloads", needed_by=()
        ),
        PINNED: ImagePin(
            digest=f"sha256:{'b' * 64}", media_type="x", size=1, need="workloads", needed_by=()
        ),
    },
    assets={
        KERNEL: AssetPin(
            sha256=f"sha256:{'c' * 64}",
            sha512=f"sha512:{'d' * 128}",
            size=1,
            url="https://example/vmlinuz",
            needed_by=(),
        )
    },
)


def receipt(**changes: object) -> Receipt:
    """Return the receipt of a site that holds everything."""
    whole = Receipt(
        site="berlin",
        lock=lock_digest(LOCK),
        made_at="2026-11-30T16:00:00Z",
        tool=VERSION,
        checked="quick",
        images={
            NGINX: HeldImage(digest=f"sha256:{'a' * 64}"),
            PINNED: HeldImage(digest=f"sha256:{'b' * 64}"),
        },
        assets={KERNEL: HeldAsset(sha256=f"sha256:{'c' * 64}", sha512=f"sha512:{'d' * 128}")},
    )
    return whole.model_copy(update=changes)


def told(compared: Comparison) -> list[tuple[str, str]]:
    return [(item.how, item.item) for item in compared.differences]


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert project["project"]["version"] == VERSION


def test_a_receipt_is_read_as_it_was_written() -> None:
    altered = receipt(images={NGINX: Altered(fault="missing")})

    assert parse_receipt(format_receipt(altered)) == altered
    assert altered.absent == 1
    assert json.loads(format_receipt(altered))["receiptVersion"] == 1


def test_the_locks_digest_is_that_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "berlin.lock.json"
    write_lock(path, LOCK)

    assert lock_digest(LOCK) == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_site_that_holds_the_lock_has_no_difference() -> None:
    compared = compare_receipt(receipt(), LOCK)

    assert (compared.is_same_lock, compared.is_drift, compared.differences) == (True, False, ())


def test_what_is_missing_different_and_extra_is_told() -> None:
    other = f"sha256:{'e' * 64}"
    images = {NGINX: HeldImage(digest=other), "ghcr.io/old:1": HeldImage(digest=other)}
    assets = {KERNEL: Altered(fault="truncated to 12 bytes")}
    compared = compare_receipt(receipt(images=images, assets=assets), LOCK)

    assert compared.is_drift
    assert told(compared) == [
        ("different", NGINX),
        ("missing", PINNED),
        ("different", KERNEL),
        ("extra", "ghcr.io/old:1"),
    ]
    assert "truncated to 12 bytes" in str(compared.differences[2])


def test_what_is_there_beyond_the_lock_is_no_drift() -> None:
    smaller = LOCK.model_copy(update={"images": {}})
    compared = compare_receipt(receipt(), smaller)

    assert not compared.is_drift
    assert not compared.is_same_lock
    assert told(compared) == [("extra", NGINX), ("extra", PINNED)]


def test_what_was_missing_and_is_no_longer_asked_for_is_not_told() -> None:
    gone = receipt(images={NGINX: Altered(fault="missing")})

    assert compare_receipt(gone, LOCK.model_copy(update={"images": {}})).differences == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"receiptVersion": 2}',
        '{"receiptVersion": 1}',
        format_receipt(receipt()).replace('"site"', '"sites"'),
        format_receipt(receipt()).replace("sha256:a", "sha256:x"),
        "[" * 100_000,
    ],
)
def test_what_is_no_receipt_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(AirgapError, match=r"^carried\.json: "):
        parse_receipt(text, source="carried.json")
