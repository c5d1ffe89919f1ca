"""`schematic id` and `schematic show`: the ID of a file's schematic, and its canonical text."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from airgap.cli.output import say
from airgap.errors import Fault, SiteError
from airgap.schematic import (
    GENERATIONS,
    NEWEST_KNOWN,
    Schematic,
    canonical_yaml,
    check_build,
    check_schematic,
    ids_by_generation,
    parse_schematic,
    schematic_id,
)
from airgap.schematic.releases import release_key

__all__ = ["as_release", "identify", "show"]

_MAX_BYTES = 4 * 1024 * 1024
_REFUSED = 2


def as_release(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    try:
        return value and f"v{'.'.join(map(str, release_key(value)))}"
    except SiteError as error:
        raise click.BadParameter(error.faults[0].message + ", such as v1.5.0") from error


factory_option = click.option(
    "--factory",
    metavar="VERSION",
    callback=as_release,
    help="The Image Factory meant, such as v1.4.0: its IDs, and its refusals "
    f"[default: as {NEWEST_KNOWN} writes it].",
)
talos_option = click.option(
    "--talos",
    metavar="VERSION",
    callback=as_release,
    help="Refuse also what fails only when it is built of this Talos release.",
)


@click.command("id")
@click.argument("files", nargs=-1, required=True, metavar="FILE…|-")
@factory_option
@talos_option
def identify(files: tuple[str, ...], *, factory: str | None, talos: str | None) -> None:
    """Print the schematic ID of each FILE: one line a file, the ID and the file's name.

    Computed here, byte for byte as the factory does; - is standard input. A file that the factory
    would refuse is told of on stderr with the reason, the others are printed all the same, and the
    exit code is 2. Where releases of the factory give different IDs, a note says which give what.
    """
    refused = False
    for name in files:
        schematic = _read(name, factory, talos)
        refused = refused or schematic is None
        if schematic is not None:
            click.echo(f"{schematic_id(schematic, factory=factory)}  {name}")
    if refused:
        sys.exit(_REFUSED)


@click.command()
@click.argument("file", metavar="FILE|-")
@factory_option
@talos_option
def show(file: str, *, factory: str | None, talos: str | None) -> None:
    """Print the canonical text of FILE: exactly the bytes whose sha256 is its ID.

    `python -m airgap schematic show FILE | sha256sum` is the ID. Where releases of the factory
    write another text, a note says so.
    """
    schematic = _read(file, factory, talos)
    if schematic is None:
        sys.exit(_REFUSED)
    text = canonical_yaml(schematic, factory=factory)
    click.echo(text.encode(), nl=False)  # bytes: no locale has a say


def _read(name: str, factory: str | None, talos: str | None) -> Schematic | None:
    """Return the schematic of a file; None when it is refused, which is said."""
    try:
        text = _text(name)
        schematic = parse_schematic(text, factory=factory, of_its_time=True)
        faults = check_schematic(schematic, factory=factory)
        built = check_build(schematic, factory=factory, talos=talos)
    except SiteError as error:
        _refuse(name, error.faults)
        return None
    wrong = (*(faults if factory else ()), *(built if talos else ()))
    if wrong:
        _refuse(name, wrong)
        return None
    for fault in (*(() if factory else faults), *(() if talos else built)):
        say(f"note: {name}: {fault}")
    if _differs(schematic, text):
        _note_generations(name, text, factory)
    return schematic


def _text(name: str) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise _unreadable(f"is larger than {_MAX_BYTES // 1024 // 1024} MiB")
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable("is not UTF-8") from None
    except OSError as error:
        raise _unreadable(f"cannot be read: {error.strerror or error}") from None


def _unreadable(why: str) -> SiteError:
    return SiteError("schematic", [Fault(path="file", message=why)])


def _refuse(name: str, faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        say(f"refused: {name}: {fault}")


def _differs(schematic: Schematic, text: str) -> bool:
    """Tell whether libraries of different releases make different IDs of the text."""
    newest = _answer(text, NEWEST_KNOWN, of_its_time=False)  # it refuses a date that others take
    return {newest} != set(ids_by_generation(schematic).values())


def _note_generations(name: str, text: str, factory: str | None) -> None:
    """Say what each generation makes of the text."""
    answers: dict[str, list[str]] = {}
    for generation in GENERATIONS:
        answer = _answer(text, generation.last, of_its_time=True)
        answers.setdefault(answer, []).append(generation.name)
    meant = factory or NEWEST_KNOWN
    say(f"note: {name}: the ID depends on the Image Factory's release; used here: {meant}")
    for answer, names in answers.items():
        say(f"  {', '.join(names)}: {answer}")


def _answer(text: str, factory: str, *, of_its_time: bool) -> str:
    try:
        schematic = parse_schematic(text, factory=factory, of_its_time=of_its_time)
    except SiteError as error:
        return "refused: " + "; ".join(f"{each.path}: {each.message}" for each in error.faults)
    return schematic_id(schematic, factory=factory)
