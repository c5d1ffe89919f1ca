"""`image-cache profile`: what makes a disk image with a cache in it."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from airgap.cli.image_cache.chosen import choose_of_site, find_site_store
from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument, store_option
from airgap.errors import AirgapError
from airgap.imagecache.contents import build_tree
from airgap.imagecache.profile import imager_command, imager_profile
from airgap.store import Store
from airgap.store.partial import replace_bytes

__all__ = ["profile"]


@click.command()
@site_argument
@click.option("--talos", metavar="VERSION", help="Of the site's releases [default: its only one].")
@click.option("--architecture", metavar="ARCH", help="Of the site's [default: its only one].")
@project_option
@store_option
def profile(
    site: str,
    *,
    talos: str | None,
    architecture: str | None,
    project: Project,
    place: Path | None,
) -> None:
    """Write the profile of Talos' imager for a disk image with SITE's image cache in it.

    What it makes is an asset like any other: name it as bootAsset and bootAssetFile of an
    environment (flavour airgap), then lock and fetch again.
    """
    chosen = choose_of_site(project, site, talos=talos, architecture=architecture)
    store = Store.open(find_site_store(project, place))
    size = build_tree(store, chosen.content).size_bytes
    folder = project.root / "out" / site / "image-cache" / chosen.talos
    document = imager_profile(
        chosen.talos, chosen.architecture, cache_bytes=size, place="/image-cache.oci"
    )
    target = folder / f"imager-{chosen.architecture}.yaml"
    text = yaml.safe_dump(document, sort_keys=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AirgapError(f"{folder}: {error.strerror}") from error
    replace_bytes(target, text.encode(), mode=0o644)
    cache = folder / f"image-cache-{chosen.architecture}.oci"
    command = imager_command(chosen.talos, str(cache), str(folder))
    result = f"metal-{chosen.architecture}.raw.zst"
    click.echo(f"{target}: written")
    say(
        f"1. python -m airgap image-cache create {site} --talos {chosen.talos} "
        f"--architecture {chosen.architecture}"
    )
    say(f"2. {command} < {target}")
    say(f"3. in the site: bootAsset: {result}, bootAssetFile: {folder / result}; then lock, fetch")
