"""Rate-limit headers in the forms that are in use.

Docker Hub: docs.docker.com/docker-hub/usage/pulls ("ratelimit-remaining: 100;w=21600").
The others: draft-ietf-httpapi-ratelimit-headers, the examples of -03 (three headers), -07 (one
dictionary) and -08 (a list of named policies); GitHub's REST API ("x-ratelimit-reset" in epoch
seconds).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.net.quota import Quota, read_quota

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        (
            {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"},
            Quota(remaining=0, window_s=21600.0),
        ),
        (
            {"ratelimit-limit": "100", "ratelimit-remaining": "50", "ratelimit-reset": "50"},
            Quota(remaining=50, reset_s=50.0),
        ),
        (
            {"ratelimit": "limit=100, remaining=0, reset=5"},
            Quota(remaining=0, reset_s=5.0),
        ),
        ({"ratelimit": '"default";r=50;t=30'}, Quota(remaining=50, reset_s=30.0)),
        (
            {"ratelimit": '"permin";r=50;t=30, "perhr";r=0;t=1200'},
            Quota(remaining=0, reset_s=1200.0),
        ),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000060"},
            Quota(remaining=0, reset_s=60.0),
        ),
        (
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000000"},
            Quota(remaining=0, reset_s=0.0),
        ),
        ({"x-ratelimit-remaining": "3"}, Quota(remaining=3)),
    ],
)
def test_each_form_is_read(headers: dict[str, str], quota: Quota) -> None:
    assert read_quota(headers, now=NOW) == quota


@pytest.mark.parametrize(
    "headers",
    [{}, {"ratelimit-remaining": "many"}, {"ratelimit": "?"}, {"x-ratelimit-reset": "60"}],
)
def test_nothing_is_read_from_nothing(headers: dict[str, str]) -> None:
    assert read_quota(headers, now=NOW) is None


@given(st.sampled_from(["ratelimit", "ratelimit-remaining", "x-ratelimit-remaining"]), st.text())
def test_no_header_breaks_it(name: str, value: str) -> None:
    read_quota({name: value, "ratelimit-reset": value, "x-ratelimit-reset": value}, now=NOW)
