"""What the command line prints: results on stdout, everything else on stderr."""

from __future__ import annotations

from rich.console import Console

from airgap.errors import AirgapError

__all__ = ["console", "print_error", "size"]

console = Console(stderr=True, highlight=False)
"""Progress, notes and errors; results go to stdout by `click.echo`."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def print_error(error: AirgapError) -> None:
    """Print an error and what to do next."""
    console.print("[bold red]error:[/] ", end="")
    console.print(error.diagnostics(), markup=False, soft_wrap=True)


def size(size_bytes: int) -> str:
    """Return a size for people: `12.3 MiB`."""
    value = float(size_bytes)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable: the last unit always returns")
