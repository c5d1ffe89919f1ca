"""`images`: what a site needs and why, or what a Talos release brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from airgap.cli.output import json_option, print_json, say
from airgap.cli.parameters import RELEASE
from airgap.cli.project import Project, say_unseen
from airgap.errors import AirgapError, LockError, SiteError
from airgap.lock import Lock, check_lock, read_lock
from airgap.progress import count_bytes
from airgap.resolve import Listed, list_images, why
from airgap.site.model import Site
from airgap.talos import images as release_images
from airgap.workloads import ARROW

__all__ = ["images"]


@click.command()
@click.argument("site", metavar="[SITE]", required=False)
@click.option("--why", "asked", metavar="REF", help="Say what pulls REF in, link by link.")
@click.option(
    "--talos", metavar="VERSION", type=RELEASE, help="List a release's own images, without a site."
)
@click.option(
    "--kubernetes", metavar="VERSION", type=RELEASE, help="With --talos: another Kubernetes."
)
@json_option
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    default=Path(),
    show_default="the directory above with Pulumi.yaml",
    help="The checkout to work in.",
)
def images(
    site: str | None,
    *,
    asked: str | None,
    talos: str | None,
    kubernetes: str | None,
    as_json: bool,
    project: Path,
) -> None:
    """Print the images that SITE needs, with what pulls each in.

    From the site alone; digests and sizes are from its lock, where there is one. With --talos
    v1.11.5 the images of that release are printed instead, one reference a line and nothing else,
    as `talosctl` of that release prints them.
    """
    _check_usage(site, asked=asked, talos=talos, kubernetes=kubernetes)
    if site is None:
        for reference in _of_release(str(talos), kubernetes):
            click.echo(reference)
        return
    checkout = Project.find(project)
    description = checkout.read_site(site)
    listed = list_images(description, _lock(checkout, description, site))
    chosen = listed if asked is None else {item.name: item for item in why(asked, listed)}
    if as_json:
        print_json({"images": {name: _plain(item) for name, item in chosen.items()}})
    elif asked is None:
        for line in _table(listed):
            click.echo(line)
        say_unseen(description)
    else:
        for line in _reasons(chosen, stack=f"stacks/Pulumi.{site}.yaml"):
            click.echo(line)


def _check_usage(
    site: str | None, *, asked: str | None, talos: str | None, kubernetes: str | None
) -> None:
    if kubernetes and talos is None:
        raise click.UsageError("--kubernetes goes with --talos")
    if (site is None) == (talos is None):
        raise click.UsageError("name a site, or a release with --talos")
    if asked and site is None:
        raise click.UsageError("--why goes with a site")


def _of_release(talos: str, kubernetes: str | None) -> tuple[str, ...]:
    """Return the images of a release; what is wrong with it has no place in any site."""
    try:
        return release_images(talos, kubernetes)
    except SiteError as error:
        (fault,) = error.faults
        raise AirgapError(fault.message, hint=fault.hint) from error


def _lock(project: Project, site: Site, name: str) -> Lock | None:
    """Return the lock as far as there is one; what does not fit is said, and shown all the same."""
    path = project.lock_file(name)
    if not path.exists():
        say(f"note: no lock yet: python -m airgap lock {name} finds digests and sizes")
        return None
    lock = read_lock(path)
    try:
        check_lock(site, lock, name=name)
    except LockError as error:
        say(f"note: {error.diagnostics()}")
    return lock


def _table(listed: Mapping[str, Listed]) -> Iterator[str]:
    """Yield a section a set: name, digest and size where they are known, and what pulls it in."""
    for need in dict.fromkeys(item.need for item in sorted(listed.values(), key=_order)):
        items = [item for item in listed.values() if item.need == need]
        size = sum(item.pin.size for item in items if item.pin)
        yield f"{need}: {len(items)}" + (f", {count_bytes(size)}" if size else "")
        width = min(max(len(item.name) for item in items), 72)
        for item in items:
            known = f"  {_digest(item)}" if _digest(item) else ""
            yield f"  {item.name:<{width}}{known}  {', '.join(item.needed_by)}"


def _order(item: Listed) -> int:
    sets = ("talos", "kubernetes", "extensions", "factory", "sidero", "workloads", "signatures")
    return sets.index(item.need)


def _digest(item: Listed) -> str:
    if item.pin is None:
        return f"({item.remark})" if item.remark else ""
    return f"{item.pin.digest}  {count_bytes(item.pin.size):>10}"


def _reasons(listed: Mapping[str, Listed], *, stack: str) -> Iterator[str]:
    for item in listed.values():
        yield f"{item.name}  {_digest(item)}".rstrip()
        for chain in item.chains:
            yield f"  {stack}{ARROW}{chain}"


def _plain(item: Listed) -> dict[str, object]:
    pin = item.pin
    known = {"digest": pin.digest, "size": pin.size} if pin else {}
    remark = {"remark": item.remark} if item.remark else {}
    return {
        "need": item.need,
        "neededBy": list(item.needed_by),
        "chains": list(item.chains),
        **known,
        **remark,
    }
