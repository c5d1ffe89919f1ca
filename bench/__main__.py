"""`make bench`: every measurement, each against what it is compared with."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from bench.preview import measure_previews, report


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--engine",
    type=click.Path(path_type=Path, exists=True),
    help="The directory with the Pulumi CLI [default: the first on PATH].",
)
def bench(*, rounds: int, engine: Path | None) -> None:
    """Measure, and print medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        found = engine or _engine_on_path()
        click.echo("pulumi preview of a site with 100 images (target: at most 1.5)")
        click.echo(report(measure_previews(Path(directory), found, rounds=rounds)))


def _engine_on_path() -> Path:
    found = shutil.which("pulumi")
    if found is None:
        raise click.UsageError("no pulumi on PATH; run `make bench`, or give --engine")
    return Path(found).parent


if __name__ == "__main__":
    bench()
