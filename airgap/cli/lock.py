"""`lock`: resolve a site to digests and write, or check, its lock."""

from __future__ import annotations

import time
from pathlib import Path

import click
from pydantic import ValidationError

from airgap.cli.output import say
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option, say_unseen, site_argument
from airgap.errors import SiteError
from airgap.lock import Lock, check_lock, read_lock, write_lock
from airgap.progress import count_bytes
from airgap.resolve import Resolution, resolve_site
from airgap.site.certificates import CertificateReader
from airgap.site.check.registry import endpoint_faults
from airgap.site.check.secure_boot import mixed_key_faults
from airgap.site.model import Site, Upstream, UpstreamFactory
from airgap.store import Store
from airgap.transfer.limits import site_traffic
from airgap.transfer.sources import open_upstream

__all__ = ["lock"]


@click.command()
@site_argument
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--upgrade", is_flag=True, help="Move the pins of REF…, or all of them.")
@click.option("--check", is_flag=True, help="Only say whether the lock fits; exit 1 if not.")
@click.option("--all", "every", is_flag=True, help="Carry the factory's whole catalogues.")
@click.option("--factory", metavar="URL", help="Ask this Image Factory, in this run only.")
@click.option(
    "--factory-ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="PEM of the authority that --factory is trusted by.",
)
@project_option
def lock(
    site: str,
    refs: tuple[str, ...],
    *,
    upgrade: bool,
    check: bool,
    every: bool,
    factory: str | None,
    factory_ca: Path | None,
    project: Project,
) -> None:
    """Resolve SITE to digests (online) and write stacks/SITE.lock.json.

    Tags become index digests, boot assets get sha256, sha512 and size (checked against the
    release's own sha512sum.txt), extensions their digest, schematics their ID. Pins that are
    there stay; --upgrade moves those of REF… (a reference, or version/file of an asset), or all.
    Boot assets are kept in the store, so that `fetch` need not ask for them again.

    Of the catalogues of a site with an Image Factory, what server classes name is carried; --all
    carries every system extension and overlay, and the lock still fits the site.
    What a factory has to make is asked of upstream.factory and waited for; inside, --factory names
    one that is there. Two factories make different bytes: the lock says who made what.
    """
    if refs and not upgrade:
        raise click.UsageError(f"{refs[0]}: references are named with --upgrade only")
    description = project.read_site(site)
    if factory_ca and not factory:
        raise click.UsageError("--factory-ca goes with --factory only")
    if check:
        check_lock(description, read_lock(project.lock_file(site)), name=site)
        say(f"{project.lock_file(site).name} fits")
        return
    previous = _previous(project, site)
    began = time.monotonic()
    asked = _ask_factory(description, factory, factory_ca) if factory else description
    result = _resolve(project, asked, previous, refs if upgrade else None, every=every)
    for note in result.notes:
        say(f"note: {note}".replace("<site>", site))
    write_lock(project.lock_file(site), result.lock)
    say_unseen(description)
    _summarise(project, site, result.lock, changed=result.lock != previous, began=began)


def _ask_factory(site: Site, url: str, authority: Path | None) -> Site:
    """Return the site with another factory for one run; whose IDs count stays as it is.

    Raises:
        SiteError: The URL is none, or the authority cannot be used.
    """
    known = site.upstream.factory
    try:
        asked = UpstreamFactory(
            url=url.rstrip("/"),
            version=known.version if known else None,
            ca_file=str(authority) if authority else None,
        )
    except ValidationError:
        text = f"{url}: expected http(s)://host[:port]"
        raise click.BadParameter(text, param_hint="--factory") from None
    reader = CertificateReader(lambda path: Path(path).read_bytes())
    alone = site.model_copy(update={"upstream": Upstream(factory=asked)})
    filled = reader.fill(alone, frozenset({"upstream"})).upstream.factory
    upstream = site.upstream.model_copy(update={"factory": filled})
    changed = site.model_copy(update={"upstream": upstream})
    faults = [*endpoint_faults(asked, ("--factory",), path_allowed=True), *reader.faults]
    faults += mixed_key_faults(changed)
    if faults:
        raise SiteError("lock", faults)
    return changed


def _previous(project: Project, site: str) -> Lock | None:
    path = project.lock_file(site)
    if not path.exists():
        return None
    return read_lock(path)


def _resolve(
    project: Project,
    site: Site,
    previous: Lock | None,
    upgrade: tuple[str, ...] | None,
    *,
    every: bool,
) -> Resolution:
    store = Store.open(project.store, create=True)
    traffic = site_traffic(site.transfer)
    with (
        show_progress("lock") as progress,
        open_upstream(site, beside=project.stacks, traffic=traffic, progress=progress) as (
            registries,
            releases,
        ),
    ):
        return resolve_site(
            site,
            previous=previous,
            upgrade=upgrade,
            every=every,
            registries=registries,
            releases=releases,
            store=store,
            progress=progress,
        )


def _summarise(project: Project, site: str, lock: Lock, *, changed: bool, began: float) -> None:
    path = project.lock_file(site)
    total = sum(pin.size for pin in lock.images.values())
    total += sum(pin.size for pin in lock.assets.values())
    signatures = sum(pin.need == "signatures" for pin in lock.images.values())
    click.echo(
        f"{path.relative_to(project.root)}: {'written' if changed else 'unchanged'}; "
        f"{len(lock.images) - signatures} images with {signatures} signatures and attestations, "
        f"{len(lock.assets)} boot assets, "
        f"{len(lock.schematics)} schematics; at most {count_bytes(total)}; "
        f"{time.monotonic() - began:.1f} s"
    )
    click.echo(f"next: python -m airgap check {site}, then python -m airgap fetch {site}")
