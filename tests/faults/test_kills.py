"""kill -9 at random moments, two hundred times: nothing corrupt, and hardly anything moved again.

Moments are drawn with a seed that is printed; `AIRGAP_KILL_SEED` sets another one, `AIRGAP_KILLS`
another number. What exactly is counted is told in docs/fault-matrix.md.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from airgap.net.wire import BUFFER_BYTES
from airgap.oci.upload import RESUMED_BYTES
from airgap.store.reception import CHUNK_BYTES
from lab.registry import Registry
from lab.releases import Releases
from tests.faults.kills import Freight, Kept, PushedTo, make_freight
from tests.faults.victim import Nursery, Victim

MIB = 1024 * 1024
KILLS = int(os.environ.get("AIRGAP_KILLS", "200"))
SEED = int(os.environ.get("AIRGAP_KILL_SEED", "20261123"))
STREAMS = 4
LONGEST_S = 0.3
"""A run without a kill takes about twice as long."""
LINE_BYTES_PER_S = 40 * MIB
SLACK_BYTES = 64 * 1024
"""What is no content: tokens, refusals, a probe of two bytes."""


@pytest.fixture(scope="module")
def freight() -> Freight:
    return make_freight([24 * MIB, 12 * MIB, 6 * MIB, 3 * MIB, MIB], asset=18 * MIB)


@pytest.fixture(scope="module")
def large_freight() -> Freight:
    return make_freight([100 * MIB] * 8, asset=0)


@dataclass(slots=True, kw_only=True)
class Toll:
    """What kills have cost so far, and when the next one falls."""

    most: int
    wanted: int
    seed: int
    kills: int = 0
    moments: random.Random = field(init=False)
    met: int = 0
    losses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moments = random.Random(self.seed)  # noqa: S311 - repeatable, no secret

    @property
    def is_full(self) -> bool:
        """Whether all wanted kills have fallen."""
        return self.kills >= self.wanted

    def strike(self, victim: Victim) -> bool:
        """Kill a process at a random moment; False when it has done everything.

        One in ten falls while it begins, the others once its first bytes have come.
        """
        if self.is_full:
            assert victim.wait() == 0
            return False
        if self.moments.random() > 0.1:
            victim.await_bytes(SLACK_BYTES)
        time.sleep(self.moments.uniform(0, LONGEST_S))
        was_killed = victim.kill()
        self.met += was_killed and victim.moved_bytes > SLACK_BYTES
        return was_killed

    def add(self, lost: int) -> None:
        """Count a kill; it may cost so many bytes."""
        self.kills += 1
        self.losses.append(lost)
        assert -SLACK_BYTES <= lost <= self.most + SLACK_BYTES, f"kill {self.kills}: {lost} bytes"

    def tell(self, what: str) -> None:
        """Print it, for `pytest -rP` and for a failure."""
        losses = [loss / MIB for loss in self.losses]
        print(  # noqa: T201 - shown when the test fails, or on demand
            f"{what}: seed {self.seed}, {self.kills} kills, {self.met} of them in mid-stream; lost "
            f"at most {max(losses):.2f} MiB, {sum(losses) / len(losses):.2f} MiB on the average"
        )


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
    toll = Toll(most=STREAMS * RESUMED_BYTES, wanted=KILLS - KILLS // 2, seed=SEED + 1)
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


# A realistic size


def test_killed_fetch_of_800_mb_moves_at_most_two_percent_again(
    victims: Nursery, large_freight: Freight, tmp_path: Path
) -> None:
    moments = random.Random(SEED + 2)  # noqa: S311 - repeatable, no secret
    with Registry() as registry:
        releases = large_freight.serve(registry.content)
        kept = Kept(root=tmp_path / "store", freight=large_freight)
        task = kept.task(registry, releases, workers=STREAMS)
        received = 0
        for _ in range(2):
            victim = victims.start(task)
            victim.kill_after(moments.randrange(100, 350) * MIB)
            received += victim.moved_bytes + STREAMS * BUFFER_BYTES
            kept.check_visible()
        last = victims.start(task)
        assert last.wait() == 0
        received += last.moved_bytes
        kept.check_complete()
    tell_again("fetch", received, large_freight.size)
    assert received - large_freight.size <= large_freight.size // 50


def test_killed_push_of_800_mb_moves_at_most_two_percent_again(
    victims: Nursery, large_freight: Freight, tmp_path: Path
) -> None:
    moments = random.Random(SEED + 3)  # noqa: S311 - repeatable, no secret
    large_freight.fill(tmp_path / "store")
    with Registry(directory=tmp_path / "registry") as registry:
        site = PushedTo(registry=registry, root=tmp_path / "store", freight=large_freight)
        task = site.task(workers=STREAMS)
        for _ in range(2):
            victims.start(task).kill_after(moments.randrange(100, 350) * MIB)
            site.settle()
            site.check_visible()
        assert victims.start(task).wait() == 0
        site.check_complete()
        received = registry.uploads.received_bytes
    tell_again("push", received, large_freight.size)
    assert received - large_freight.size <= large_freight.size // 50


def tell_again(what: str, moved: int, size: int) -> None:
    """Print how much was moved again."""
    again = moved - size
    print(f"{what}: seed {SEED}, {again / MIB:.2f} MiB again, {100 * again / size:.2f} %")  # noqa: T201
