"""The limits of a site become times and bytes a second.

Expected values are the units' own: the SI's prefixes are powers of 1000, IEC 80000-13's of 1024,
and a byte has eight bits.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.site.schedule import parse_rate, parse_window, read_schedule
from airgap.site.stackfile import read_site_value
from tests.site.documents import changed, parsed

__all__: list[str] = []


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        ("20MiB/s", 20 * 2**20),
        ("20 MiB/s", 20 * 2**20),
        ("1.5GiB/s", 3 * 2**29),
        ("64KiB/s", 65_536),
        ("2TiB/s", 2**41),
        ("20MB/s", 20_000_000),
        ("500kB/s", 500_000),
        ("3GB/s", 3_000_000_000),
        ("1500B/s", 1500),
        ("100Mbit/s", 12_500_000),
        ("1Gbit/s", 125_000_000),
        ("2.5Gbit/s", 312_500_000),
        ("64kbit/s", 8000),
        ("9600bit/s", 1200),
        ("unlimited", None),
    ],
)
def test_a_rate_is_read_in_its_unit(text: str, bytes_per_s: int | None) -> None:
    assert parse_rate(text) == bytes_per_s
    limits = parsed(changed((("transfer", "limits"), [{"rate": text}]))).transfer
    assert read_schedule(limits) == ((None, None, bytes_per_s),)


@pytest.mark.parametrize(
    "text", ["", "20", "MiB/s", "20MiB", "20iB/s", "1KB/s", "-1MB/s", "1e3B/s"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no rate"):
        parse_rate(text)


@pytest.mark.parametrize("dash", ["-", "\u2013", " - ", " \u2013 "])
def test_a_time_of_day_is_read_with_either_dash(dash: str) -> None:
    assert parse_window(f"22:00{dash}06:30") == ("22:00", "06:30")


def test_midnight_is_written_either_way() -> None:
    assert parse_window("18:00-24:00") == parse_window("18:00-00:00") == ("18:00", "00:00")


@pytest.mark.parametrize("text", ["", "22:00", "22-06", "22:00-", "22:00--06:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        parse_window(text)


def test_limits_keep_their_order_and_the_rest_of_the_time_comes_last() -> None:
    limits = [{"between": "22:00\u201306:00", "rate": "unlimited"}, {"rate": "20MiB/s"}]
    site = parsed(changed((("transfer", "limits"), limits)))
    assert read_schedule(site.transfer) == (
        ("22:00", "06:00", None),
        (None, None, 20 * 2**20),
    )


def test_outside_of_every_window_nothing_is_limited() -> None:
    limits = [{"between": "08:00-17:00", "rate": "10Mbit/s"}]
    site = parsed(changed((("transfer", "limits"), limits)))
    assert read_schedule(site.transfer) == (("08:00", "17:00", 1_250_000), (None, None, None))


def test_a_site_without_the_section_has_no_limit_and_carries_whole_images() -> None:
    transfer = parsed(changed()).transfer
    assert read_schedule(transfer) == ((None, None, None),)
    assert (transfer.connections, transfer.platforms) == (16, ())


def test_a_time_of_day_needs_no_quotes_in_yaml() -> None:
    text = (
        "config:\n  sidero-airgap:site:\n    transfer:\n      limits:\n"
        "        - {between: 22:00-06:00, rate: unlimited}\n        - rate: 20MiB/s\n"
    )
    value = read_site_value(text, document="stack")
    assert value["transfer"] == {
        "limits": [{"between": "22:00-06:00", "rate": "unlimited"}, {"rate": "20MiB/s"}]
    }


@given(st.integers(1, 10**6), st.sampled_from(["k", "M", "G"]))
def test_bits_are_an_eighth_of_bytes(number: int, prefix: str) -> None:
    assert parse_rate(f"{number * 8}{prefix}bit/s") == parse_rate(f"{number}{prefix}B/s")
