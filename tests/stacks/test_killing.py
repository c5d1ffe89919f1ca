"""kill -9 at any point of `up`, then again: it completes, and nobody ever saw half a file."""

from __future__ import annotations

import copy
import os
import random
import signal
import time
from contextlib import suppress

import pytest

from tests.stacks.conftest import MakeSite
from tests.stacks.site import PracticeSite, places_of
from tests.stacks.watcher import Watcher

pytestmark = pytest.mark.engine

SEED = int(os.environ.get("AIRGAP_KILL_SEED", "20261123"))
LIMIT_S = 600.0


def _kill_while_publishing(site: PracticeSite, after: int) -> bool:
    """Start `up`, kill it and all it has started once the registry was sent so many requests.

    Returns whether it was still running.
    """
    site.forget_requests()
    workspace = site.workspace
    with workspace.start("up", "--stack", site.name, "--yes", "--skip-preview") as running:
        limit = time.monotonic() + LIMIT_S
        while len(site.sent()) < after and running.process.poll() is None:
            assert time.monotonic() < limit, "the update does not come so far"
            time.sleep(0.01)
        is_running = running.process.poll() is None
        running.kill()
        while processes := workspace.processes():  # one may just be starting another
            assert time.monotonic() < limit, f"left behind: {processes}"
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        running.wait(LIMIT_S)
    workspace.run("cancel", "--yes", "--stack", site.name)
    return is_running


@pytest.fixture
def moments() -> random.Random:
    """When to kill; `AIRGAP_KILL_SEED` sets other moments, and a failed run names them."""
    print(f"AIRGAP_KILL_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    return random.Random(SEED)  # noqa: S311 - no secret is made of it


@pytest.fixture
def site(make_site: MakeSite) -> PracticeSite:
    """A site whose registry takes its time."""
    site = make_site("airgap-basic")
    site.registry.faults.add("/v2/", method="PUT", times=None, delay_s=0.03)
    return site


def _names(site: PracticeSite) -> dict[str, str]:
    return {reference: pin.digest for reference, pin in site.lock.images.items()}


def _places(site: PracticeSite) -> set[str]:
    assets = site.lock.assets.items()
    return {place for name, pin in assets for place in places_of(name, pin.sha512)}


def test_killed_update_completes_and_shows_nothing_partial(
    site: PracticeSite, moments: random.Random
) -> None:
    with Watcher(site, site.lock) as watcher:
        killed = [_kill_while_publishing(site, moments.randint(1, 60)) for _ in range(3)]
        site.workspace.up()
    assert any(killed)
    assert watcher.wrong == []
    assert site.served_images() == _names(site)
    assert set(site.published_files()) == _places(site)
    assert watcher.seen.keys() >= watcher.expected.keys(), "everything was looked at"
    assert "0 items" in site.airgap("prune", site.name)
    assert site.workspace.up().changes == {}


def test_killed_change_keeps_the_old_until_the_new_is_whole(
    site: PracticeSite, moments: random.Random
) -> None:
    site.workspace.up()
    before, old_places = site.lock, _places(site)
    value = copy.deepcopy(site.value)
    value["talos"]["versions"] = ["v1.11.6"]
    value["environments"][0]["talos"] = "v1.11.6"
    value["images"] = ["docker.io/library/nginx:1.27.4"]
    site.change(value)
    with Watcher(site, before, site.lock) as watcher:
        for _ in range(2):
            _kill_while_publishing(site, moments.randint(1, 12))
        site.workspace.up()
    assert watcher.wrong == []
    assert site.served_images() == _names(site)
    assert set(site.published_files()) == _places(site) | old_places, "the old is only released"
    site.airgap("prune", site.name)
    assert set(site.published_files()) == _places(site)
