"""Items in threads: all that can be done is, all that is wrong is told, and Ctrl-C ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from airgap.errors import AirgapError
from airgap.transfer.pool import run_each

ROOT = Path(__file__).resolve().parents[2]

# One item waits for ever, as for a peer that says nothing.
SILENT = """
import signal, threading
from airgap.transfer.pool import run_each

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored

def operation(item):
    if item == "silent":
        print("waits", flush=True)
        threading.Event().wait()
    return item

try:
    run_each(["a", "silent", "b"], operation, workers=2, interrupted=lambda: print("told"))
except KeyboardInterrupt:
    print("stopped")
"""


def test_what_fails_does_not_stop_the_others() -> None:
    def operation(item: str) -> str:
        if item.startswith("bad"):
            raise AirgapError(f"{item} is bad")
        return item.upper()

    done, failures = run_each(["a", "bad 1", "b", "bad 2"], operation, workers=2)
    assert list(done.items()) == [("a", "A"), ("b", "B")]
    assert [(item, str(error)) for item, error in failures] == [
        ("bad 1", "bad 1 is bad"),
        ("bad 2", "bad 2 is bad"),
    ]


def test_a_bug_is_no_items_failure() -> None:
    def operation(item: str) -> None:
        raise RuntimeError(item)

    with pytest.raises(RuntimeError, match=r"[abc]"):
        run_each(["a", "b", "c"], operation, workers=1)


def test_nothing_to_do_starts_nothing() -> None:
    assert run_each([], lambda _: pytest.fail("called")) == ({}, [])


def test_an_interrupted_run_does_not_wait_for_a_silent_peer() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SILENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert said.split() == ["told", "stopped"]
    assert process.returncode == 0
