"""A small practice upstream per test module, and a site that reads from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airgap.lock import Lock
from airgap.net import RetryPolicy
from airgap.resolve import Resolution, resolve_site
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.sources import open_upstream
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream

IMPATIENT = RetryPolicy(attempts=2, sleep=lambda _: None)
MakeSite = Callable[..., Site]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    with Upstream(tmp_path / "upstream", small=True, releases=(RELEASE, NEXT_RELEASE)) as running:
        yield running


@pytest.fixture
def make_site(upstream: Upstream) -> MakeSite:
    """Make a site whose upstream is the practice one; values are replaced by key."""

    def make(**changes: object) -> Site:
        return make_redirected(upstream, **changes)

    return make


def make_redirected(upstream: Upstream, **changes: object) -> Site:
    """Make a site that reads from an upstream."""
    ca = upstream.ca_file.read_text()
    redirects = {host: {"url": url, "ca": ca} for host, url in upstream.registry_redirects.items()}
    base: dict[str, object] = {
        "schemaVersion": 1,
        "talos": {"versions": [RELEASE]},
        "images": ["docker.io/library/nginx:1.27.3"],
        "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
        "assetMirror": {"kind": "embedded", "url": "https://a.example"},
        "sidero": {"version": "v0.6.13"},
        "environments": [{"name": "metal", "talos": RELEASE}],
        "upstream": {
            "registries": redirects,
            "releases": {"url": upstream.releases_url, "ca": ca},
            "factory": {"url": upstream.factory_url, "ca": ca},
        },
    }
    return Site.model_validate(base | changes)


def resolve(
    site: Site,
    previous: Lock | None = None,
    *,
    upgrade: tuple[str, ...] | None = None,
    every: bool = False,
    store: Store | None = None,
    beside: Path | None = None,
) -> Resolution:
    """Resolve a site through its own upstream, without patience."""
    with open_upstream(site, beside=beside, retry=IMPATIENT) as (registries, releases):
        return resolve_site(
            site,
            previous=previous,
            upgrade=upgrade,
            every=every,
            registries=registries,
            releases=releases,
            store=store,
        )
