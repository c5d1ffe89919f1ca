"""Commands timed side by side: in turns, as whole processes, by wall clock, CPU and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

__all__ = ["Contest", "Entrant", "Timing", "file_system", "time_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One run of one command."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """Who takes part: a shell command, and what clears away its last result."""

    name: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    reset: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What was measured; `timings` by entrant, ours first.

    Attributes:
        title: What was done.
        target: The most that ours may take, as a share of the best peer; 0 for none.
        timings: Of each round.
    """

    title: str
    target: float
    timings: Mapping[str, Sequence[Timing]]

    @classmethod
    def run(
        cls, title: str, entrants: Sequence[Entrant], *, rounds: int, target: float = 0.0
    ) -> Contest:
        """Let the entrants take turns; each round begins with another one."""
        timings: dict[str, list[Timing]] = {entrant.name: [] for entrant in entrants}
        for number in range(rounds):
            first = number % len(entrants)
            for entrant in (*entrants[first:], *entrants[:first]):
                entrant.reset()
                os.sync()
                timings[entrant.name].append(time_command(entrant.command, entrant.environment))
        return cls(title=title, target=target, timings=timings)

    def median_seconds(self, name: str) -> float:
        """Return the median wall time of an entrant."""
        return median(timing.seconds for timing in self.timings[name])

    @property
    def ratio(self) -> float:
        """Our median as a share of the best peer's."""
        ours, *peers = self.timings
        return self.median_seconds(ours) / min(self.median_seconds(peer) for peer in peers)

    def rows(self) -> list[str]:
        """Return a Markdown table row for each entrant."""
        ours, *_ = self.timings
        lines = []
        for name, timings in self.timings.items():
            wall = self.median_seconds(name)
            cpu = median(timing.cpu_seconds for timing in timings)
            peak = max(timing.peak_bytes for timing in timings) / 2**20
            share = f"{self.median_seconds(ours) / wall:.2f}" if name != ours else "1"
            spread = (
                f"{min(t.seconds for t in timings):.2f} to {max(t.seconds for t in timings):.2f}"
            )
            lines.append(
                f"| {name} | {wall:.2f} s | {spread} s | {cpu:.2f} s | {peak:.0f} MiB | {share} |"
            )
        return lines

    def verdict(self) -> str:
        """Return one line: our share of the best peer's time, and the target (there is one)."""
        word = "met" if self.ratio <= self.target else "MISSED"
        return f"ours / best peer: {self.ratio:.2f}; target at most {self.target}: {word}"


_LAUNCHER = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn("/bin/sh", ["/bin/sh", "-ec", sys.argv[1]], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - began
cpu = usage.ru_utime + usage.ru_stime
found = [os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss * 1024]
os.write(int(sys.argv[2]), json.dumps(found).encode())
"""
"""Starts a command from a small process: its peak of memory begins with that of who starts it."""


def time_command(command: str, environment: Mapping[str, str]) -> Timing:
    """Run a shell command and its children to the end.

    Raises:
        RuntimeError: It failed; the text ends with its last words.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as output, os.fdopen(reading, "rb") as figures:
        try:
            process = subprocess.Popen(
                [sys.executable, "-ISc", _LAUNCHER, command, str(writing)],
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        process.wait()
        code, seconds, cpu_seconds, peak_bytes = json.loads(figures.read())
        if code:
            output.seek(0)
            last = output.read().decode("utf-8", "replace")[-2000:]
            raise RuntimeError(f"{command}\nexit {code}: {last}")
    return Timing(seconds=seconds, cpu_seconds=cpu_seconds, peak_bytes=peak_bytes)


def file_system(path: Path) -> str:
    """Return the type of the file system that a path is on."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    fitting = [(point, kind) for _, point, kind, *_ in mounts if path.is_relative_to(point)]
    return max(fitting, key=lambda item: len(item[0]))[1]
