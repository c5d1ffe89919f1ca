"""A registry's host as a component of a repository: legal everywhere, and never another's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.oci.reference import is_registry_host, path_component

# OCI distribution specification v1.1, <name>: one component.
COMPONENT = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*\Z")

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=2, max_size=4).map(".".join)
PORT = st.integers(1, 65535).map(lambda port: f":{port}")
V6 = st.ip_addresses(v=6).map(lambda address: f"[{address}]")
HOST = st.tuples(NAME | V6, st.just("") | PORT).map("".join)


@pytest.mark.parametrize(
    ("registry", "component"),
    [
        ("ghcr.io", "ghcr.io"),
        ("registry.corp:5000", "registry.corp_5000"),
        ("Registry.Corp:5000", "registry.corp_5000"),
        ("10.0.0.5:443", "10.0.0.5_443"),
        ("[fd00::1]:5000", "fd00-0000-0000-0000-0000-0000-0000-0001_5000"),
    ],
)
def test_a_port_follows_an_underscore(registry: str, component: str) -> None:
    assert path_component(registry) == component


@given(HOST)
def test_it_is_a_component_of_a_repository(registry: str) -> None:
    if is_registry_host(registry):
        assert COMPONENT.match(path_component(registry))


@given(HOST, HOST)
def test_two_registries_never_share_one(one: str, other: str) -> None:
    assert (path_component(one) == path_component(other)) is (one == other)
