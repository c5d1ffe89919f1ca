"""Write `airgap/talos/table.py` from Talos' published Go modules, through Go's own client.

    python -m tools.talos_tables                 read every release of the table again and compare
    python -m tools.talos_tables v1.13.10        add a release
    python -m tools.talos_tables --newer         ask for each minor's next patch releases, add them
    … --clone DIRECTORY                          use a clone's tags for what Go is refused

A release is two modules of one version: `github.com/siderolabs/talos/pkg/machinery` has the
component versions (`constants/constants.go`), `github.com/siderolabs/talos` the pause image
(`pkg/images/list.go`), which is a constant of no other. Go checks each against its checksum
database; the sums are committed with the rows. What is published never changes: a row or a sum
that differs from the committed one is an error, and nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

from airgap.talos.releases import version_key
from airgap.talos.table import SUMS, TABLE, UNVOUCHED_SUMS
from tools.talos_modules import COLUMNS, NotServedError, Reading, read_release

__all__ = ["main"]

_TABLE = Path(__file__).parent.parent / "airgap" / "talos" / "table.py"
_WIDTHS = (8, 6, 7, 7, 28, 7, 6, 6, 1)
_HEAD = '''"""The Talos releases this project knows; written by tools/talos_tables.py, not by hand.

Source of a row: the Go modules github.com/siderolabs/talos/pkg/machinery (constants/constants.go)
and, for pause, github.com/siderolabs/talos (pkg/images/list.go) of the row's version. `-`: that
release has no such image. `n`: how many Kubernetes minors are supported, counted down from the
default. Go's checksum database vouches for SUMS; for UNVOUCHED_SUMS, which Go made of the
repository's tags, it was not asked. Both are lines of a go.sum.
"""

from __future__ import annotations

__all__ = ["SUMS", "TABLE", "UNVOUCHED_SUMS"]

'''


def main() -> None:
    """Add releases to the table, or compare all of it with what is published."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("releases", nargs="*", metavar="vX.Y.Z", help="releases to add")
    parser.add_argument("--newer", action="store_true", help="add each minor's next patch releases")
    parser.add_argument("--clone", type=Path, help="a clone of the repository, for the rest")
    options = parser.parse_args()
    committed = _committed()
    asked = options.releases or ([] if options.newer else list(committed))
    try:
        readings = [read_release(version, options.clone) for version in asked]
    except NotServedError as error:
        sys.exit(str(error))
    if options.newer:
        readings += _newer(committed, options.clone)
    _refuse_changes(committed, readings)
    table = committed | {
        reading.version: _merged(committed.get(reading.version), reading) for reading in readings
    }
    _TABLE.write_text(_text(table.values()), encoding="utf-8")
    print(f"{len(readings)} read, none changed; {len(table)} releases in {_TABLE}")


def _committed() -> dict[str, Reading]:
    """Return the table as it is."""
    sums: dict[str, dict[str, str]] = {}
    unvouched: dict[str, set[str]] = {}
    for text, into in ((SUMS, None), (UNVOUCHED_SUMS, unvouched)):
        for module, version, content in map(str.split, text.splitlines()):
            sums.setdefault(version, {})[module] = content
            if into is not None:
                into.setdefault(version, set()).add(module)
    rows = (line.split() for line in TABLE.splitlines()[1:])
    return {
        version: Reading(
            version=version,
            values=tuple(values),
            sums=sums[version],
            unvouched=frozenset(unvouched.get(version, ())),
        )
        for version, *values in rows
    }


def _newer(committed: Iterable[str], clone: Path | None) -> list[Reading]:
    """Read the patch releases that follow each minor's last one, until one is not served."""
    last = {version_key(version)[:2]: version_key(version)[2] for version in committed}
    found = []
    for (major, minor), patch in last.items():
        for version in (f"v{major}.{minor}.{number}" for number in count(patch + 1)):
            try:
                found.append(read_release(version, clone))
            except NotServedError as error:
                print(error)
                break
    return found


def _refuse_changes(committed: Mapping[str, Reading], readings: Iterable[Reading]) -> None:
    changed = [
        f"{reading.version}: committed {committed[reading.version]}, published {reading}"
        for reading in readings
        if committed.get(reading.version, reading) != reading
    ]
    if changed:
        sys.exit("\n".join(changed))


def _merged(before: Reading | None, reading: Reading) -> Reading:
    """Return the reading, vouched for where it ever was."""
    if before is None:
        return reading
    return replace(reading, unvouched=reading.unvouched & before.unvouched)


def _text(readings: Iterable[Reading]) -> str:
    """Return the module's text, oldest release first."""
    ordered = sorted(readings, key=lambda reading: version_key(reading.version))
    rows = [_line(("# talos", *COLUMNS)), *(_line((row.version, *row.values)) for row in ordered)]
    sums: dict[bool, list[str]] = {False: [], True: []}
    for row in ordered:
        for module, content in row.sums.items():
            sums[module in row.unvouched].append(f"{module} {row.version} {content}")
    constants = {"TABLE": rows, "SUMS": sums[False], "UNVOUCHED_SUMS": sums[True]}
    return _HEAD + "\n".join(_constant(name, lines) for name, lines in constants.items())


def _constant(name: str, lines: Iterable[str]) -> str:
    return "\n".join((f'{name} = """\\', *lines, '"""')) + "\n"


def _line(cells: Iterable[str]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True))
    return " ".join(padded).rstrip()


if __name__ == "__main__":
    main()
