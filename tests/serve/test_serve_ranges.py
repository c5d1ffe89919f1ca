"""RFC 9110 sections 13 and 14: the decision alone, and over the wire."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.serve.ranges import Part, select

if TYPE_CHECKING:
    from tests.serve.conftest import Ask

LAYER = b"0123456789" * 300_000
BLOB = f"/v2/ghcr.io/siderolabs/kubelet/blobs/sha256:{hashlib.sha256(LAYER).hexdigest()}"
ETAG = '"sha256:abc"'


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        # RFC 9110, 14.1.2: the examples for a representation of 10000 bytes.
        ("bytes=0-499", 0, 499),
        ("bytes=500-999", 500, 999),
        ("bytes=-500", 9500, 9999),
        ("bytes=9500-", 9500, 9999),
        ("bytes=0-0", 0, 0),
        # "If the last-pos value is greater than or equal to the current length": to the end.
        ("bytes=9999-20000", 9999, 9999),
        ("bytes=0-", 0, 9999),
        # "If the selected representation is shorter than the specified suffix-length": all of it.
        ("bytes=-20000", 0, 9999),
        ("BYTES=1-2", 1, 2),  # 14.1: range units are case-insensitive
    ],
)
def test_one_range_is_206(asked: str, first: int, last: int) -> None:
    selection = select("GET", {"Range": asked}, etag=ETAG, size=10_000)
    assert selection.status == 206
    assert selection.part == Part(start=first, length=last - first + 1)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-0,-1",  # 14.2: a server may ignore; several ranges get the whole
        "bytes=5-4",  # 14.1.1: last-pos less than first-pos is invalid
        "bytes=-",
        "bytes=a-b",
        "bytes=",
        "lines=0-1",  # 14.2: a unit that is not understood must be ignored
        "bytes=0x1-2",
        "bytes=\u0661-\u0662",  # digits, but not DIGIT of RFC 5234
    ],
)
def test_range_that_is_not_understood_gets_the_whole(asked: str) -> None:
    selection = select("GET", {"Range": asked}, etag=ETAG, size=10_000)
    assert (selection.status, selection.part) == (200, Part(start=0, length=10_000))


@pytest.mark.parametrize(
    ("asked", "size"), [("bytes=10000-", 10_000), ("bytes=-0", 10_000), ("bytes=0-", 0)]
)
def test_range_outside_is_416(asked: str, size: int) -> None:
    assert select("GET", {"Range": asked}, etag=ETAG, size=size).status == 416


def test_range_is_defined_for_get_only() -> None:
    assert select("HEAD", {"Range": "bytes=0-0"}, etag=ETAG, size=10).status == 200


@pytest.mark.parametrize(
    ("validator", "status"),
    [
        (ETAG, 206),
        ('"sha256:other"', 200),
        (f"W/{ETAG}", 200),
        ("Tue, 15 Nov 1994 08:12:31 GMT", 200),
    ],
)
def test_if_range_takes_the_strong_tag_only(validator: str, status: int) -> None:
    """RFC 9110, 13.1.5: anything but an exact strong match gets the whole."""
    headers = {"Range": "bytes=0-0", "If-Range": validator}
    assert select("GET", headers, etag=ETAG, size=10).status == status


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("If-None-Match", ETAG, 304),
        ("If-None-Match", f"W/{ETAG}", 304),  # 13.1.2: weak comparison
        ("If-None-Match", f'"other", {ETAG}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 206),
        ("If-Match", ETAG, 206),
        ("If-Match", "*", 206),
        ("If-Match", '"other"', 412),
        ("If-Match", f"W/{ETAG}", 412),  # 13.1.1: strong comparison
    ],
)
def test_preconditions_come_before_the_range(header: str, value: str, status: int) -> None:
    headers = {header: value, "Range": "bytes=0-0"}
    assert select("GET", headers, etag=ETAG, size=10).status == status


@given(first=st.integers(0, 50), last=st.integers(0, 50), size=st.integers(0, 40))
def test_a_part_is_what_python_slices(first: int, last: int, size: int) -> None:
    data = bytes(range(size))
    selection = select("GET", {"Range": f"bytes={first}-{last}"}, etag=ETAG, size=size)
    part = selection.part
    found = data[part.start : part.start + part.length]
    if last < first:
        assert (selection.status, found) == (200, data)
    elif first >= size:
        assert selection.status == 416
    else:
        assert (selection.status, found) == (206, data[first : last + 1])


def test_part_over_the_wire(ask: Ask) -> None:
    answer = ask(BLOB, Range="bytes=1000005-2100009")
    assert answer.status == 206
    assert answer.body == LAYER[1_000_005:2_100_010]
    assert answer.headers["content-range"] == f"bytes 1000005-2100009/{len(LAYER)}"
    assert answer.headers["content-length"] == str(len(answer.body))


def test_resumed_download_is_the_blob(ask: Ask) -> None:
    whole = ask(BLOB)
    assert whole.headers["accept-ranges"] == "bytes"
    rest = ask(BLOB, Range="bytes=1234567-", If_Range=whole.headers["etag"])
    assert whole.body[:1_234_567] + rest.body == LAYER


def test_unsatisfiable_range_tells_the_length(ask: Ask) -> None:
    answer = ask(BLOB, Range=f"bytes={len(LAYER)}-")
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{len(LAYER)}"


def test_known_content_is_not_sent_again(ask: Ask) -> None:
    manifest = "/v2/ghcr.io/siderolabs/kubelet/manifests/v1.34.1"
    for path in (BLOB, manifest):
        etag = ask(path, method="HEAD").headers["etag"]
        answer = ask(path, If_None_Match=etag)
        assert (answer.status, answer.body) == (304, b"")
        # RFC 9110, 15.4.5: what a 200 would have had of these.
        assert answer.headers["etag"] == etag
        assert "cache-control" in answer.headers


def test_head_has_the_length_of_the_whole(ask: Ask) -> None:
    answer = ask(BLOB, method="HEAD", Range="bytes=0-0")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(LAYER))
