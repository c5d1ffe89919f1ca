"""How long it takes: by a clock of the test's own, and by reading from a practice registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

import pytest

from airgap.digest import Digest
from airgap.errors import RegistryError
from airgap.net import Schedule
from airgap.oci.registries import Registries
from airgap.transfer.forecast import forecast, measure_rate
from tests.transfer.conftest import Upstream

MIB = 1 << 20
NOON = datetime(2026, 11, 23, 12, 0, 30)  # noqa: DTZ001 (limits are of the local clock)
ETCD = "registry.k8s.io/etcd:3.6.5"


def test_bytes_at_a_rate() -> None:
    assert forecast(600 * MIB, 10 * MIB, Schedule(), start=NOON) == pytest.approx(60)


def test_the_lower_of_rate_and_limit_holds() -> None:
    slow = Schedule(((None, None, 2 * MIB),))
    assert forecast(600 * MIB, 10 * MIB, slow, start=NOON) == pytest.approx(300)
    assert forecast(600 * MIB, None, slow, start=NOON) == pytest.approx(300)
    assert forecast(600 * MIB, MIB, slow, start=NOON) == pytest.approx(600)


def test_what_passes_both_ways_counts_twice_under_a_limit_and_once_at_a_rate() -> None:
    """A full-duplex line takes in while it gives out; the limit is on both together."""
    slow = Schedule(((None, None, 2 * MIB),))
    size, paced = 600 * MIB, 1200 * MIB
    assert forecast(size, 10 * MIB, Schedule(), start=NOON, paced_bytes=paced) == pytest.approx(60)
    assert forecast(size, 10 * MIB, slow, start=NOON, paced_bytes=paced) == pytest.approx(600)
    assert forecast(size, None, slow, start=NOON, paced_bytes=paced) == pytest.approx(600)
    assert forecast(size, MIB / 2, slow, start=NOON, paced_bytes=paced) == pytest.approx(1200)
    assert forecast(0, None, slow, start=NOON, paced_bytes=0) == 0


def test_a_window_that_begins_later_speeds_it_up() -> None:
    """Half an hour at 1 MiB/s until the lunch break is over, the rest at 10 MiB/s."""
    schedule = Schedule((("12:30", "06:00", None), (None, None, MIB)))
    before = 29.5 * 60 * MIB  # from 12:00:30 to 12:30:00
    size = int(before + 100 * MIB)
    assert forecast(size, 10 * MIB, schedule, start=NOON) == pytest.approx(29.5 * 60 + 10)


def test_a_window_over_midnight_counts_on_the_next_day() -> None:
    schedule = Schedule((("22:00", "06:00", 10 * MIB), (None, None, 0.001)))
    seconds = forecast(8 * 3600 * 10 * MIB + MIB, None, schedule, start=NOON)
    assert seconds is not None
    assert 34 * 3600 - 31 <= seconds <= 34 * 3600  # the night, and the begin of the next one


def test_nothing_to_move_takes_no_time() -> None:
    assert forecast(0, None, Schedule(), start=NOON) == 0


def test_without_rate_and_limit_nobody_knows() -> None:
    assert forecast(1, None, Schedule(), start=NOON) is None


def test_what_takes_longer_than_a_season_is_not_foretold() -> None:
    assert forecast(1 << 50, 1000.0, Schedule(), start=NOON) is None


def ticking(seconds: float) -> Callable[[], float]:
    """Return a clock that goes on by so much whenever somebody looks."""
    ticks: Iterator[int] = count()
    return lambda: next(ticks) * seconds


def test_a_blob_is_read_for_a_second_at_most(upstream: Upstream, registries: Registries) -> None:
    digest = Digest.parse(upstream.images[ETCD].digest)
    client, repository = registries.locate("registry.k8s.io", "etcd")
    rate = measure_rate(client, repository, digest, clock=ticking(1.0))
    assert rate is not None
    asked = [item.path for item in upstream.registry.requests if "/blobs/" in item.path]
    assert len(asked) == 1, "one blob, the largest"
    assert 0 < rate < 400_000  # a part of it, over two ticks of the clock


def test_too_little_to_read_gives_no_figure(
    upstream: Upstream, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airgap.transfer.forecast._LEAST_BYTES", 1 << 30)
    digest = Digest.parse(upstream.images[ETCD].digest)
    client, repository = registries.locate("registry.k8s.io", "etcd")
    assert measure_rate(client, repository, digest) is None
    assert not [item for item in upstream.registry.requests if "/blobs/" in item.path]


def test_an_image_that_is_not_there_cannot_be_measured(registries: Registries) -> None:
    client, repository = registries.locate("registry.k8s.io", "etcd")
    with pytest.raises(RegistryError):
        measure_rate(client, repository, Digest.parse(f"sha256:{'0' * 64}"))
