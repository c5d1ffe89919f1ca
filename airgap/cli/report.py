"""`report`: what a change does to a site, for whoever reviews it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from airgap.cli.objects import objects_option, read_objects
from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument
from airgap.cli.receipts import read_receipt
from airgap.cli.revisions import find_base, head_words, read_directory
from airgap.errors import AirgapError, PublishError
from airgap.lock import Lock, check_lock, read_lock
from airgap.plan import plan_site
from airgap.receipt import Receipt
from airgap.report import (
    Basis,
    Link,
    Observed,
    Report,
    Scene,
    compare,
    compare_held,
    held_words,
    parse_link,
    read_events,
    scene_of_plan,
    write_json,
    write_markdown,
    write_page,
)
from airgap.report.model import KeyChange
from airgap.report.wording import unfinished_words
from airgap.resolve.own_signatures import check_own_signatures
from airgap.site.load import load_site
from airgap.site.model import Site

__all__ = ["report"]

_LINKS = ("100Mbit/s", "1Gbit/s")
_FORMS: Mapping[str, Callable[[Report, str], str]] = {
    "markdown": lambda told, page: write_markdown(told, page=page),
    "html": lambda told, _: write_page(told),
    "json": lambda told, _: write_json(told),
}
_MAX_BYTES = 512 * 1024 * 1024
_NO_BASE = "none"


def _links(
    _context: click.Context, _option: click.Parameter, value: tuple[str, ...]
) -> tuple[Link, ...]:
    try:
        return tuple(map(parse_link, value or _LINKS))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@site_argument
@click.option(
    "--base", metavar="REF", help="Compare with this commit of git; none counts everything as new."
)
@click.option(
    "--base-name", default="", metavar="WORDS", help="What the report calls the --base, in words."
)
@click.option(
    "--base-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Compare with this checkout, or folder of stack files, instead.",
)
@click.option(
    "--events",
    type=click.File("rb"),
    metavar="FILE",
    help="Tell what the engine says instead: the events of `pulumi preview` or `pulumi refresh`; "
    "- for standard input.",
)
@objects_option
@click.option(
    "--receipt",
    "receipt_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A receipt that was carried out: tell what the site lacks of the base's lock.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMS)),
    default="markdown",
    show_default=True,
    help="markdown fits a comment; html is a page to open from disk; json has a schema "
    "(docs/report.schema.json).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there instead of to standard output.",
)
@click.option(
    "--link",
    "links",
    multiple=True,
    callback=_links,
    metavar="SPEED",
    help="Say how long the bytes take at this speed; can be given again  [default: 100Mbit/s and "
    "1Gbit/s].",
)
@click.option("--page", default="", metavar="URL", help="Where the HTML page will be: link to it.")
@project_option
def report(
    site: str,
    *,
    base: str | None,
    base_name: str,
    base_dir: Path | None,
    events: BinaryIO | None,
    objects: TextIO | None,
    receipt_file: Path | None,
    form: str,
    out: Path | None,
    links: tuple[Link, ...],
    page: str,
    project: Project,
) -> None:
    """Report what the working tree changes of SITE, for whoever approves it.

    What the policies say of it is what `check` says of the working tree.

    Stack file, lock and the files they name are compared with those of a commit: where the branch
    left the main one (origin's, else the local one), or --base. A site that is new, or removed, is
    a change as well. Where the base cannot be read, everything counts as new, and the report says
    why. Neither the engine nor the network is asked.

    With --events the same is told of what the engine has printed inside, where the state is:
    `PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --json`, or a refresh's event log.

    \b
    Exit codes: 0  there is no mandatory finding: no change, or one that the policies let pass
                1  the policies refuse what the change leads to, it cannot be read, or the engine
                   stopped before it had seen all of it
                2  wrong usage
    """
    if sum(each is not None for each in (base, base_dir, events)) > 1:
        raise click.UsageError("--base, --base-dir and --events exclude each other")
    if base_name and base in (None, _NO_BASE):
        raise click.UsageError("--base-name goes with a --base")
    if events and receipt_file:
        raise click.UsageError("--receipt goes with a base: the events tell what the engine saw")
    context = _Context(
        site=site,
        links=links,
        present=read_objects(objects) if objects else (),
        receipt=read_receipt(receipt_file, site) if receipt_file else None,
        today=datetime.now(tz=UTC).date(),
    )
    told = (
        _observe(project, context, events)
        if events
        else _compare(project, context, _base_of(project, site, base, base_name, base_dir))
    )
    _write(_FORMS[form](told, page), out)
    if told.basis.unfinished:
        say(f"{site}: {unfinished_words(told.basis)}")
    if told.violations:
        say(f"{site}: {told.violations} mandatory findings")
    if told.violations or told.basis.unfinished:
        sys.exit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context:
    """What a report is made with, whatever it is told by."""

    site: str
    links: tuple[Link, ...]
    present: tuple[Mapping[str, object], ...]
    receipt: Receipt | None
    today: date

    def compare(
        self,
        base: Scene,
        head: Scene,
        basis: Basis,
        seen: Observed | None = None,
        drift: Sequence[KeyChange] = (),
    ) -> Report:
        """Return the report from base to head."""
        return compare(
            base,
            head,
            site=self.site,
            basis=basis,
            links=self.links,
            today=self.today,
            more_objects=seen.objects if seen else (),
            more_findings=seen.findings if seen else (),
            present=self.present,
            drift=drift,
        )


def _observe(project: Project, context: _Context, events: BinaryIO) -> Report:
    """Return the report of what the engine says; the lock that is here tells sizes and reasons.

    Raises:
        AirgapError: It is no such thing, or of another site.
    """
    data = events.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise AirgapError(f"events: more than {_MAX_BYTES >> 20} MiB")
    lock_file = project.lock_file(context.site)
    known = (read_lock(lock_file),) if lock_file.exists() else ()
    text = data.decode("utf-8", errors="replace")
    observed = read_events(text, site=context.site, known=known)
    head = "what is really there" if observed.kind == "refresh" else "what `up` would make"
    basis = Basis(
        kind=observed.kind,
        base="the stack's state",
        head=head,
        notes=observed.notes,
        unfinished=observed.unfinished,
    )
    return context.compare(observed.base, observed.head, basis, observed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """What the change starts from.

    Attributes:
        words: What it is, for people.
        scene: The site in it; None where it was not, not locked, or not to be read.
        lock: Its lock, where there is a scene.
        notes: What the reader should know of it.
        unread: Why it could not be read.
    """

    words: str
    scene: Scene | None = None
    lock: Lock | None = None
    notes: tuple[str, ...] = ()
    unread: AirgapError | None = None


def _compare(project: Project, context: _Context, base: _Base) -> Report:
    """Return the report of the working tree against the base.

    Raises:
        AirgapError: The site is nowhere, or cannot be read here; or it is removed, and what it was
            cannot be read.
    """
    site = context.site
    after = _after(project, site)
    if after is None and base.unread is not None:
        raise base.unread
    if base.scene is None and after is None:
        raise AirgapError(
            f"there is no site {site!r}, neither here nor in {base.words}",
            hint=f"sites here: {', '.join(project.sites()) or 'none'}",
        )
    drift, told = _held(context.receipt, base.lock)
    notes = (*base.notes, *told)
    basis = Basis(kind="locks", base=base.words, head=head_words(project, site), notes=notes)
    head = _scene(after, site) if after else Scene()
    return context.compare(base.scene or Scene(), head, basis, drift=drift)


def _held(
    receipt: Receipt | None, lock: Lock | None
) -> tuple[tuple[KeyChange, ...], tuple[str, ...]]:
    """Return what a site lacks of the base's lock by its receipt, and that in words."""
    if receipt is None:
        return (), ()
    if lock is None:
        return (), ("The base has no lock to hold the receipt against.",)
    drift = compare_held(receipt, lock)
    return drift, (held_words(receipt, drift),)


_Side = tuple[Site, Lock]
_Read = Callable[[], tuple[Site | None, Lock | None]]


def _base_of(
    project: Project, site: str, reference: str | None, name: str, directory: Path | None
) -> _Base:
    """Return what the change starts from.

    Raises:
        AirgapError: There is no such commit, or none that could be the base; or the directory has
            no stack file, and is no checkout.
    """
    if reference == _NO_BASE:
        return _Base(words="nothing", notes=("Without a base everything counts as new.",))
    if directory is not None:
        _check_directory(directory)
        return _read_base(
            f"directory {directory.name}",
            site,
            lambda: read_directory(directory, site) or (None, None),
        )
    revision = find_base(project, reference, name=name)
    return _read_base(
        revision.words, site, lambda: (revision.read_site(site), revision.read_lock(site))
    )


def _check_directory(directory: Path) -> None:
    """Refuse a directory that is no base of any site: everything would count as new, unsaid.

    Raises:
        AirgapError: It is no checkout, and neither it nor its `stacks/` has a stack file.
    """
    patterns = ("Pulumi.yaml", "Pulumi.*.yaml", "stacks/Pulumi.*.yaml")
    if not any(found for pattern in patterns for found in directory.glob(pattern)):
        raise AirgapError(
            f"--base-dir {directory.name}: there is no stack file in it: expected "
            "Pulumi.<site>.yaml, in it or in its stacks/",
            hint="name a checkout or a folder of stack files; --base none counts everything as new",
        )


def _read_base(words: str, site: str, read: _Read) -> _Base:
    """Read the site in the base; one that cannot be read is nothing, and the report says so.

    A rule, or a form of the lock, may be newer than the base: the very change that mends it has to
    be reviewed, too.
    """
    try:
        description, lock = read()
        if description is None:
            return _Base(words=words)
        if lock is None:
            note = "The base has the site without a lock: everything counts as new."
            return _Base(words=words, notes=(note,))
        check_lock(description, lock, name=f"{site} in the base, {words}")
        return _Base(words=words, scene=_scene((description, lock), site), lock=lock)
    except AirgapError as error:
        why = str(error).rstrip(".")
        note = f"The base at {words} could not be read: {why}. Everything counts as new."
        return _Base(
            words=f"nothing, since {words} could not be read,", notes=(note,), unread=error
        )


def _after(project: Project, site: str) -> _Side | None:
    """Return the site in the working tree; None where it is removed.

    Raises:
        AirgapError: `check` would not judge it either.
    """
    stack_file = project.stacks / f"Pulumi.{site}.yaml"
    if not stack_file.is_file():
        return None
    description = load_site(stack_file)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    check_own_signatures(description, lock)
    return description, lock


def _scene(side: _Side, name: str) -> Scene:
    description, lock = side
    return scene_of_plan(plan_site(description, lock, name=name), lock, description)


def _write(text: str, out: Path | None) -> None:
    """Write the report, whole or not at all.

    Raises:
        PublishError: It cannot be written.
    """
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(out)
    except OSError as error:
        raise PublishError(f"{out}: cannot be written: {error.strerror}") from None
