"""`make bench`: every measurement, each against what it is compared with."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from bench.approaches import APPROACHES
from bench.caches import make_caches
from bench.moving import CONTESTS as MOVING
from bench.moving import Bench
from bench.preview import measure_previews, report
from bench.results import machine, render, write_results
from tools.peers import locate

CONTESTS = {**MOVING, "cache": make_caches}
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where bytes are moved [default: the machine's temporary directory].",
)
@click.option(
    "--engine",
    type=click.Path(path_type=Path, exists=True),
    help="The directory with the Pulumi CLI [default: the first on PATH].",
)
@click.option("--write", is_flag=True, help="Put the tables into docs/benchmarks.md.")
def bench(
    *,
    names: tuple[str, ...],
    rounds: int,
    directory: Path | None,
    engine: Path | None,
    write: bool,
) -> None:
    """Measure, and print medians and ratios.

    NAME is one of copy, layout, again, assets, serve, memory, cache, preview; all by default.
    What was tried besides: paths, hashes, start, heads, shortcuts.
    """
    known = [*CONTESTS, *APPROACHES, "preview"]
    for name in names:
        if name not in known:
            raise click.UsageError(f"{name!r} is none of {', '.join(known)}")
    chosen = names or (*CONTESTS, "preview")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=directory) as place:
        click.echo(machine(Path(place)))
        for name in (each for each in chosen if each != "preview"):
            text = _measure(name, Path(place), rounds)
            click.echo(f"\n{text}")
            if write and not write_results(DOCUMENT, name, text, Path(place)):
                click.echo(f"not written: {DOCUMENT.name} has no section for it", err=True)
        if "preview" in chosen:
            found = engine or _engine_on_path()
            click.echo("\npulumi preview of a site with 100 images (target: at most 1.5)")
            click.echo(report(measure_previews(Path(place) / "preview", found, rounds=rounds)))


def _measure(name: str, place: Path, rounds: int) -> str:
    if name in APPROACHES:
        return APPROACHES[name](locate(), place, rounds)
    return render(CONTESTS[name](Bench(locate(), place, rounds)))


def _engine_on_path() -> Path:
    found = shutil.which("pulumi")
    if found is None:
        raise click.UsageError("no pulumi on PATH; run `make bench`, or give --engine")
    return Path(found).parent


if __name__ == "__main__":
    bench()
