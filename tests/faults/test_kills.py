"""kill -9 at random moments: nothing corrupt is ever visible, and hardly anything moved again.

Two hundred times in `make test`, twenty-five times by default. Moments are drawn with a seed that
is printed; `AIRGAP_KILL_SEED` sets another one, `AIRGAP_KILLS` the number. What exactly is counted
is told in docs/fault-matrix.md.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.net.wire import BUFFER_BYTES
from airgap.store.reception import CHUNK_BYTES
from lab.registry import Registry
from lab.releases import Releases
from tests.faults.kills import (
    KILLS,
    MIB,
    SEED,
    SLACK_BYTES,
    Freight,
    Kept,
    PushedTo,
    Toll,
    make_freight,
)
from tests.faults.victim import Nursery

STREAMS = 4
LINE_BYTES_PER_S = 40 * MIB


@pytest.fixture(scope="module")
def freight() -> Freight:
    return make_freight([24 * MIB, 12 * MIB, 6 * MIB, 3 * MIB, MIB], asset=18 * MIB)


@pytest.fixture
def upstream(freight: Freight) -> Iterator[tuple[Registry, Releases]]:
    registry = Registry()
    releases = freight.serve(registry.content)
    for server in (registry, releases):
        server.link.bytes_per_s = LINE_BYTES_PER_S
    with registry, releases:
        yield registry, releases
    assert registry.crashes == releases.crashes == []


def test_killed_fetches_lose_at_most_a_chunk_a_stream(
    victims: Nursery, upstream: tuple[Registry, Releases], freight: Freight, folder: Path
) -> None:
    toll = Toll(most=STREAMS * (CHUNK_BYTES - BUFFER_BYTES), wanted=KILLS // 2, seed=SEED)
    while not toll.is_full:
        kept = Kept(root=folder / "store", freight=freight)
        received = fetch_with_kills(victims, upstream, kept, toll)
        assert received - freight.size <= sum(toll.losses) + SLACK_BYTES
        shutil.rmtree(kept.root)
    toll.tell("fetch")
    assert toll.met > toll.kills // 2, "few kills met a stream: the test would prove little"


def fetch_with_kills(
    victims: Nursery, upstream: tuple[Registry, Releases], kept: Kept, toll: Toll
) -> int:
    """Fetch until everything is there; return how many bytes were received in all."""
    received = before = 0
    while True:
        victim = victims.start(kept.task(*upstream, workers=STREAMS))
        was_killed = toll.strike(victim)
        received += victim.moved_bytes
        kept.check_visible()
        if not was_killed:
            kept.check_complete()
            return received
        now = kept.count()
        toll.add(before + victim.moved_bytes - now)
        before = now


def test_killed_pushes_lose_at_most_a_chunk_a_stream(
    victims: Nursery, freight: Freight, folder: Path
) -> None:
    toll = Toll(most=STREAMS * CHUNK_BYTES, wanted=KILLS - KILLS // 2, seed=SEED + 1)
    freight.fill(folder / "store")
    while not toll.is_full:
        with Registry() as registry:
            registry.link.bytes_per_s = LINE_BYTES_PER_S
            push_with_kills(
                victims, PushedTo(registry=registry, root=folder / "store", freight=freight), toll
            )
            assert registry.crashes == []
    toll.tell("push")
    assert toll.met > toll.kills // 2, "few kills met a stream: the test would prove little"


def push_with_kills(victims: Nursery, site: PushedTo, toll: Toll) -> None:
    """Push until everything is there."""
    before = received = 0
    while True:
        victim = victims.start(site.task(workers=STREAMS))
        was_killed = toll.strike(victim)
        came = site.settle()
        site.check_visible()
        if not was_killed:
            site.check_complete()
            return
        now = site.count()
        toll.add(came - received - (now - before))
        before, received = now, came
