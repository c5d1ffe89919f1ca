"""containerd's hosts.toml: read back by a TOML parser, and in containerd's order of trial.

Expected: containerd's docs/hosts.md (`server` comes last, hosts in their order in the file), and
what Talos' hosts.go makes of the same mirror.
"""

from __future__ import annotations

import tomllib

import pytest

from airgap.render import render_file

ONE = {"url": "https://r1.example:5000/v2/ghcr.io", "overridePath": True, "ca": "r1.crt"}
TWO = {"url": "https://r2.example/v2/ghcr.io", "overridePath": True, "skipVerify": True}


def rendered(*endpoints: dict[str, object], skip_fallback: bool = True) -> str:
    mirror = {"endpoints": list(endpoints), "skipFallback": skip_fallback}
    return render_file({"hosts": mirror}).decode()


def test_without_fallback_the_last_endpoint_takes_the_upstreams_place() -> None:
    document = tomllib.loads(rendered(ONE, TWO))
    assert document == {
        "server": "https://r2.example/v2/ghcr.io",
        "capabilities": ["pull", "resolve"],
        "override_path": True,
        "skip_verify": True,
        "host": {
            "https://r1.example:5000/v2/ghcr.io": {
                "capabilities": ["pull", "resolve"],
                "override_path": True,
                "ca": "r1.crt",
            }
        },
    }


def test_one_endpoint_is_the_server_alone() -> None:
    document = tomllib.loads(rendered(ONE))
    assert document["server"] == ONE["url"]
    assert document["ca"] == "r1.crt"
    assert "host" not in document


def test_with_fallback_the_upstream_stays_behind_every_endpoint() -> None:
    text = rendered(ONE, TWO, skip_fallback=False)
    document = tomllib.loads(text)
    assert "server" not in document
    assert list(document["host"]) == [ONE["url"], TWO["url"]]
    assert text.index("r1.example") < text.index("r2.example")


@pytest.mark.parametrize("endpoint", ['https://r.example/v2/"x', "https://r.example/v2/\\x\n"])
def test_an_odd_url_cannot_leave_its_string(endpoint: str) -> None:
    assert tomllib.loads(rendered({"url": endpoint}))["server"] == endpoint


def test_a_mirror_without_endpoints_is_refused() -> None:
    """containerd would read an empty file as: ask the registry itself."""
    with pytest.raises(ValueError, match="no mirror"):
        rendered()
