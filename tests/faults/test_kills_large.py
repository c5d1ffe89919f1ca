"""kill -9 in transfers of 800 MB: at most two percent of it is moved again after a kill."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.net.wire import BUFFER_BYTES
from lab.registry import Registry
from tests.faults.kills import MIB, SEED, SLACK_BYTES, Freight, Kept, PushedTo, make_freight
from tests.faults.victim import Nursery

KILLS = 2
STREAMS = 4


@pytest.fixture(scope="module")
def freight() -> Freight:
    return make_freight([100 * MIB] * 8, asset=0)


@pytest.fixture
def moments() -> Iterator[int]:
    """After how many bytes of a run it is killed."""
    dice = random.Random(SEED)  # noqa: S311 - repeatable, no secret
    return iter([dice.randrange(100 * MIB, 350 * MIB) for _ in range(KILLS)])


def test_killed_fetch_moves_at_most_two_percent_again(
    victims: Nursery, freight: Freight, tmp_path: Path, moments: Iterator[int]
) -> None:
    with Registry() as registry, freight.serve(registry.content) as releases:
        kept = Kept(root=tmp_path / "store", freight=freight)
        task = kept.task(registry, releases, workers=STREAMS)
        before, again = 0, []
        for moment in moments:
            victim = victims.start(task)
            victim.kill_after(moment)
            kept.check_visible()
            now = kept.count()
            # What a stream had read into its buffer, and not handed on, is not in the count.
            again.append(before + victim.moved_bytes + STREAMS * BUFFER_BYTES - now)
            before = now
        last = victims.start(task)
        assert last.wait() == 0
        kept.check_complete()
    tell(again, freight)
    assert last.moved_bytes <= freight.size - before + SLACK_BYTES
    assert max(again) <= freight.size // 50


def test_killed_push_moves_at_most_two_percent_again(
    victims: Nursery, freight: Freight, tmp_path: Path, moments: Iterator[int]
) -> None:
    freight.fill(tmp_path / "store")
    with Registry(directory=tmp_path / "registry") as registry:
        site = PushedTo(registry=registry, root=tmp_path / "store", freight=freight)
        task = site.task(workers=STREAMS)
        for moment in moments:
            victims.start(task).kill_after(moment)
            site.settle()
            site.check_visible()
        assert victims.start(task).wait() == 0
        site.check_complete()
        again = registry.uploads.received_bytes - sum(map(len, freight.blobs.values()))
    tell([again], freight)
    assert again <= freight.size // 50


def tell(again: list[int], freight: Freight) -> None:
    """Print how much was moved again; pytest shows it when the test fails, or with -rP."""
    percent = [f"{100 * count / freight.size:.2f} %" for count in again]
    print(f"seed {SEED}, {freight.size / MIB:.0f} MiB, moved again: {', '.join(percent)}")  # noqa: T201
