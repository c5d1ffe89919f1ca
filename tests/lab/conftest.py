"""A private authority, a client that trusts it, and one small practice upstream for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab.tls import Authority
from lab.upstream import Upstream

__all__: list[str] = []


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def http(authority: Authority) -> Iterator[httpx.Client]:
    """A client that trusts the authority, follows nothing and reads no environment."""
    with httpx.Client(verify=authority.trust(), trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def upstream(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """A small practice upstream with v1.11.5; tests that change it make their own."""
    directory: Path = tmp_path_factory.mktemp("upstream")
    with Upstream(directory, small=True, authority=authority) as started:
        yield started
        assert started.outside.crashes == []
        assert started.factory.crashes == []
