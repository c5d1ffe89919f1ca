"""`mirror`: the transfers of a site, without the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from airgap.cli.limits import rate_option
from airgap.cli.output import json_option, print_json, say
from airgap.cli.progress import Show, show_progress
from airgap.cli.project import Project, project_option, site_argument
from airgap.digest import Digest
from airgap.errors import AirgapError
from airgap.lock import ImagePin, Lock, check_lock, read_lock
from airgap.net import Schedule, Traffic
from airgap.oci.reference import parse_reference
from airgap.progress import count_bytes, say_summary, say_time
from airgap.site.model import Site
from airgap.site.schedule import read_schedule
from airgap.store import Store
from airgap.transfer.forecast import forecast, measure_rate
from airgap.transfer.limits import site_traffic
from airgap.transfer.mirror import (
    Estimate,
    Mirrored,
    SetEstimate,
    Upstream,
    estimate_site,
    mirror_site,
)
from airgap.transfer.push import connect
from airgap.transfer.sources import open_upstream
from airgap.transfer.wanted import registry_of

__all__ = ["mirror"]


@click.command()
@site_argument
@click.option(
    "--from",
    "source",
    type=click.Choice(["store", "upstream"]),
    default="store",
    show_default=True,
    help="upstream: on a machine that sees both sides, images go straight to the registry.",
)
@click.option("--dry-run", is_flag=True, help="Ask the registry what is missing; move nothing.")
@rate_option
@json_option
@project_option
def mirror(
    site: str,
    *,
    source: Literal["store", "upstream"],
    dry_run: bool,
    rate: int | None,
    as_json: bool,
    project: Project,
) -> None:
    """Bring what SITE's lock names to its registry and asset mirror, without the engine.

    It is what `pulumi up` would bring, by the same sets and the same record, so that a later `up`
    finds everything present and `prune` stays right. What is there costs one question an image;
    what is stopped goes on where it was. The site's transfer section limits it.

    \b
    --dry-run tells the exact bytes of each set, and how long they take: at --rate, or at what one
    second of reading gives, within the site's limits by the time of day.

    \b
    Exit codes: 0 all is there, 1 some items could not be brought (all others are), 2 wrong usage,
    130 Ctrl-C.
    """
    if rate is not None and not dry_run:
        raise click.UsageError(
            "--rate is for --dry-run; the site's transfer.limits slow a run down"
        )
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    run = _Run(
        name=site,
        site=description,
        lock=lock,
        stacks=project.stacks,
        traffic=site_traffic(description.transfer),
    )
    with chdir(project.root), _upstream(run, source) as upstream:  # relative paths start there
        store = Store.open(project.store, create=upstream is not None)
        if dry_run:
            _estimate(run, store, upstream, rate, as_json=as_json)
        else:
            _mirror(run, store, upstream, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What every step of a run needs."""

    name: str
    site: Site
    lock: Lock
    stacks: Path
    traffic: Traffic


@contextmanager
def _upstream(run: _Run, source: str) -> Iterator[Upstream | None]:
    if source == "store":
        yield None
        return
    opened = open_upstream(run.site, beside=run.stacks, traffic=run.traffic)
    with opened as (registries, releases):
        yield Upstream(registries=registries, releases=releases)


def _mirror(run: _Run, store: Store, upstream: Upstream | None, *, as_json: bool) -> None:
    with show_progress("mirror") as progress:
        done = mirror_site(
            run.name,
            run.site,
            run.lock,
            store=store,
            upstream=upstream,
            traffic=run.traffic,
            progress=progress,
        )
        notes: list[str] = []
        caches = _caches(run, store, progress, notes.append) if upstream is None else (0, 0)
    for note in notes:
        say(f"note: {note}")
    if upstream is not None and run.site.image_cache.publish:
        say("note: image caches are made from the store: fetch, then mirror from it")
    if as_json:
        print_json({**_mirrored_json(done), "imageCaches": {"made": caches[0], "all": caches[1]}})
        return
    click.echo(_images_line(run.site, done))
    click.echo(_assets_line(run.site, done))
    if caches[1]:
        click.echo(f"image caches: {caches[0]} made, {caches[1] - caches[0]} were there")
    if progress.summary:
        click.echo(say_summary(progress.summary))


def _caches(
    run: _Run, store: Store, progress: Show, warn: Callable[[str], object]
) -> tuple[int, int]:
    if not run.site.image_cache.publish:
        return 0, 0
    from airgap.imagecache.site import publish_site_caches  # a third of this command's start

    return publish_site_caches(
        run.name,
        run.site,
        run.lock,
        store=store,
        traffic=run.traffic,
        progress=progress,
        warn=warn,
    )


def _images_line(site: Site, done: Mirrored) -> str:
    if site.registry.kind == "none":
        return "no registry: machines have their images from an image cache"
    where = registry_of(site).endpoint
    if done.images is None:
        return f"{where}: serves the store as it is, nothing is pushed"
    return f"{where}: {done.images.pushed} images pushed, {done.images.present} were there"


def _assets_line(site: Site, done: Mirrored) -> str:
    where = site.asset_mirror.url
    if done.assets is None:
        return f"{where}: serves the store as it is, nothing is published"
    published = sum(each.published for each in done.assets.values())
    present = sum(each.present for each in done.assets.values())
    return f"{where}: {published} boot assets published, {present} were there"


def _mirrored_json(done: Mirrored) -> dict[str, object]:
    images, assets = done.images, done.assets
    return {
        "images": images
        and {
            "pushed": images.pushed,
            "present": images.present,
            "mounted": images.mounted,
            "movedBytes": images.moved_bytes,
        },
        "assets": assets
        and {
            name: {"published": each.published, "present": each.present}
            for name, each in assets.items()
        },
    }


# The dry run


def _estimate(
    run: _Run, store: Store, upstream: Upstream | None, rate: int | None, *, as_json: bool
) -> None:
    estimate = estimate_site(
        run.name, run.site, run.lock, store=store, upstream=upstream, traffic=run.traffic
    )
    measured = None
    if rate is None and estimate.moved_bytes:
        measured = _measure(run, upstream)
    known = rate or measured
    schedule = Schedule(read_schedule(run.site.transfer))
    seconds = forecast(
        estimate.moved_bytes,
        known,
        schedule,
        start=datetime.now(),  # noqa: DTZ005 (limits are of the local clock)
        paced_bytes=estimate.paced_bytes,
    )
    if as_json:
        print_json(_estimate_json(estimate, known, seconds))
    else:
        _print_estimate(estimate, seconds, _origin(run.site, rate, measured))


def _measure(run: _Run, upstream: Upstream | None) -> float | None:
    """Read from where the bytes will pass: upstream, else the site's registry; None: no figure."""
    largest_first = sorted(run.lock.images.items(), key=lambda item: -item[1].size)
    try:
        if upstream is not None:
            return _measure_upstream(upstream, largest_first)
        return _measure_registry(run, largest_first)
    except AirgapError:
        return None  # an estimate without a time is worth more than none


def _measure_upstream(upstream: Upstream, pins: list[tuple[str, ImagePin]]) -> float | None:
    for key, pin in pins[:1]:
        reference = parse_reference(key)
        client, repository = upstream.registries.locate(reference.registry, reference.repository)
        return measure_rate(client, repository, Digest.parse(pin.upstream_digest))
    return None


def _measure_registry(run: _Run, pins: list[tuple[str, ImagePin]]) -> float | None:
    destination = registry_of(run.site)
    if destination.kind != "existing":
        return None
    with connect(destination, traffic=run.traffic) as client:
        for key, pin in pins:
            repository = destination.repository(parse_reference(key).name)
            if client.head_manifest(repository, pin.digest) is not None:
                return measure_rate(client, repository, Digest.parse(pin.digest))
    return None


def _origin(site: Site, given: float | None, measured: float | None) -> str:
    limited = " within transfer.limits" if site.transfer.limits else ""
    if given:
        return f"at {count_bytes(given)}/s{limited}"
    if measured:
        return f"at {count_bytes(measured)}/s, as measured{limited}"
    return "at the rate of transfer.limits"


def _print_estimate(estimate: Estimate, seconds: float | None, origin: str) -> None:
    for name, each in estimate.sets.items():
        mounts = f", {each.mounts} blobs mounted" if each.mounts else ""
        click.echo(
            f"{name}: {each.present} present, {each.missing} missing{mounts}; {_amounts(each)}"
        )
    total = _amounts(estimate)
    if not estimate.moved_bytes:
        click.echo(f"total: {total}")
    elif seconds is None:
        click.echo(f"total: {total}; how long it takes nobody knows: give a --rate")
    else:
        click.echo(f"total: {total}; about {say_time(seconds)} {origin}")


def _amounts(of: Estimate | SetEstimate) -> str:
    """Say what goes over the wire and what is copied here."""
    amounts = [f"{count_bytes(of.send_bytes)} to send ({of.send_bytes} bytes)"]
    if of.receive_bytes:
        amounts.append(f"{count_bytes(of.receive_bytes)} to receive ({of.receive_bytes} bytes)")
    if of.copy_bytes:
        amounts.append(f"{count_bytes(of.copy_bytes)} to copy here ({of.copy_bytes} bytes)")
    return ", ".join(amounts)


def _estimate_json(
    estimate: Estimate, rate: float | None, seconds: float | None
) -> dict[str, object]:
    return {
        "sets": {
            name: {
                "present": each.present,
                "missing": each.missing,
                "mounts": each.mounts,
                **_amounts_json(each),
            }
            for name, each in estimate.sets.items()
        },
        **_amounts_json(estimate),
        "bytesPerSecond": rate,
        "seconds": seconds,
    }


def _amounts_json(of: Estimate | SetEstimate) -> dict[str, int]:
    return {
        "sendBytes": of.send_bytes,
        "receiveBytes": of.receive_bytes,
        "copyBytes": of.copy_bytes,
    }
