"""`image-cache profile`: what makes a disk image with a cache in it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from airgap.cli.image_cache.chosen import Chosen, choose_of_site, find_site_store
from airgap.cli.output import say
from airgap.cli.parameters import RELEASE
from airgap.cli.project import Project, project_option, site_argument, store_option
from airgap.errors import AirgapError
from airgap.imagecache.class_parts import ClassParts, asked_beyond_stock, class_parts
from airgap.imagecache.contents import build_tree
from airgap.imagecache.profile import imager_command, imager_profile
from airgap.lock import read_lock
from airgap.site.model import Environment, ServerClass, Site
from airgap.store import Store
from airgap.store.partial import replace_bytes

__all__ = ["profile"]


@click.command()
@site_argument
@click.option(
    "--talos",
    metavar="VERSION",
    type=RELEASE,
    help="Of the site's releases [default: its only one].",
)
@click.option("--architecture", metavar="ARCH", help="Of the site's [default: its only one].")
@click.option(
    "--server-class", metavar="CLASS", help="With what this class' machines have beyond a release."
)
@project_option
@store_option
def profile(
    site: str,
    *,
    server_class: str | None,
    talos: str | None,
    architecture: str | None,
    project: Project,
    place: Path | None,
) -> None:
    """Write the profile of Talos' imager for a disk image with SITE's image cache in it.

    It is the release's own image, or with --server-class that with the class' extensions, kernel
    arguments, overlay and META values. What it makes is an asset like any other: name it as
    bootAsset and bootAssetFile of an environment (flavour airgap), then lock and fetch again.
    """
    description = project.read_site(site)
    wish = _class(description, server_class) if server_class else None
    if wish:
        booted = next(e for e in description.environments if e.name == wish.environment)
        talos, architecture = talos or booted.talos, architecture or booted.architecture
    chosen = choose_of_site(project, site, talos=talos, architecture=architecture)
    store = Store.open(find_site_store(project, place))
    size = build_tree(store, chosen.content).size_bytes
    lock = read_lock(project.lock_file(site))
    folder = project.root / "out" / site / "image-cache" / chosen.talos
    document = imager_profile(
        chosen.talos,
        chosen.architecture,
        cache_bytes=size,
        place="/image-cache.oci",
        parts=class_parts(wish, lock, chosen.talos) if wish else ClassParts(),
    )
    made = folder / wish.name if wish else folder
    target = made / f"imager-{chosen.architecture}.yaml"
    _write(target, yaml.safe_dump(document, sort_keys=False))
    cache = folder / f"image-cache-{chosen.architecture}.oci"
    command = imager_command(chosen.talos, str(cache), str(made))
    result = f"metal-{chosen.architecture}.raw.zst"
    beside = os.path.relpath(made / result, project.stacks)
    click.echo(f"{target}: written")
    for name, asked in () if wish else _left_out(description, chosen):
        say(
            f"note: the image is the release's own, without {asked} of server class {name}: for "
            f"that, --server-class {name}"
        )
    say(
        f"1. python -m airgap image-cache create {site} --talos {chosen.talos} "
        f"--architecture {chosen.architecture}"
    )
    say(f"2. {command} < {shlex.quote(str(target))}")
    say(f"3. in the site: bootAsset: {result}, bootAssetFile: {beside}; then lock, fetch")


def _class(site: Site, name: str) -> ServerClass:
    for wish in site.server_classes:
        if wish.name == name:
            return wish
    known = ", ".join(wish.name for wish in site.server_classes) or "none"
    raise click.UsageError(f"--server-class {name}: the site has {known}")


def _left_out(site: Site, chosen: Chosen) -> Iterator[tuple[str, str]]:
    """Yield the classes that boot this release and architecture, and what more they ask for."""
    booted = {e.name for e in site.environments if _boots(e, chosen)}
    for wish in site.server_classes:
        if wish.environment in booted and (asked := asked_beyond_stock(wish)):
            yield wish.name, ", ".join(asked)


def _boots(environment: Environment, chosen: Chosen) -> bool:
    of = (environment.talos, environment.architecture)
    return of == (chosen.talos, chosen.architecture)


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AirgapError(f"{target.parent}: {error.strerror}") from error
    replace_bytes(target, text.encode(), mode=0o644)
