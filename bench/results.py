"""Tables for people: what was measured, on which machine, and where it stands in the document.

docs/benchmarks.md is written by hand around marked sections; a measurement replaces its own one.
"""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from bench.contest import file_system
from bench.moving import Outcome

__all__ = ["machine", "render", "write_results"]

_HEAD = "| who | median | spread | CPU | peak memory | ours / theirs |\n|---|---|---|---|---|---|"


def machine(directory: Path) -> str:
    """Return one line about the machine and the file system that was measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), {memory:.0f} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}, "
        f"on {file_system(directory)}, {datetime.now(UTC):%Y-%m-%d}"
    )


def render(outcome: Outcome) -> str:
    """Return a contest's title, table and verdict."""
    contest = outcome.contest
    rounds = len(next(iter(contest.timings.values())))
    title = f"**{contest.title}** ({rounds} rounds)"
    verdict = [contest.verdict()] if contest.target else []
    lines = [title, "", _HEAD, *contest.rows(), "", *verdict]
    return "\n".join([*lines, *outcome.notes]).rstrip()


def write_results(document: Path, name: str, text: str, directory: Path) -> bool:
    """Replace a measurement's section in the document; False where it has none."""
    section = f"{name} on {file_system(directory)}"
    begin, end = f"<!-- {section} -->", f"<!-- end {section} -->"
    before, found, rest = document.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        return False
    body = f"{begin}\n{text}\n\n{machine(directory)}\n{end}"
    document.write_text(f"{before}{body}{after}")
    return True
