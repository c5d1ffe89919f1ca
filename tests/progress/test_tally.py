"""Waiting for an item that somebody else is at."""

from __future__ import annotations

import threading

import pytest

from airgap.progress import Awaited, Report, Tally


def test_a_wait_is_told_of_at_once_and_again_until_it_is_over() -> None:
    told: list[Awaited] = []
    twice = threading.Event()

    def listen(report: Report) -> None:
        assert isinstance(report, Awaited)
        told.append(report)
        if len(told) > 1:
            twice.set()

    with Tally(1, listen).awaiting("installer", "being built", every_s=0.01):
        assert twice.wait(60)
    count = len(told)
    assert {(each.item, each.what) for each in told} == {("installer", "being built")}
    assert sorted(each.seconds for each in told) == [each.seconds for each in told]
    assert not [each for each in threading.enumerate() if each.name == "airgap-await"]
    assert len(told) == count


def test_a_wait_that_fails_and_one_that_nobody_hears_of_end_as_well() -> None:
    with pytest.raises(KeyError), Tally(1, None).awaiting("a", "b", every_s=600):
        raise KeyError
    assert not [each for each in threading.enumerate() if each.name == "airgap-await"]
