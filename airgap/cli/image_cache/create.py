"""`image-cache create`: a cache as a directory, an archive or a medium."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from airgap.cli.image_cache.chosen import Chosen, choose_images, choose_of_site, find_site_store
from airgap.cli.output import json_option, print_json, say
from airgap.cli.parameters import PLATFORMS, RELEASE
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, find_store, store_option
from airgap.imagecache.contents import build_tree
from airgap.imagecache.create import Form, create_cache
from airgap.plan.cache_content import EXTENSIONS
from airgap.progress import count_bytes
from airgap.store import Store
from airgap.talos import minor_of

__all__ = ["create"]

Shape = Literal["directory", "tar", "iso", "vfat"]
_USUAL = ("linux/amd64",)
_SIGNED_SINCE = (1, 13)
_NAMES: Mapping[Form, str] = {
    "oci": ".oci",
    "tree": "",
    **{k: f".{v}" for k, v in EXTENSIONS.items()},
}


@click.command()
@click.argument("site", metavar="[SITE]", required=False)
@click.option("--images", metavar="REF,…|-", help="Images of the store, instead of a site's.")
@click.option(
    "--talos",
    metavar="VERSION",
    type=RELEASE,
    help="Of the site's releases [default: its only one].",
)
@click.option("--architecture", metavar="ARCH", help="Of the site's [default: its only one].")
@click.option(
    "--platform",
    "platforms",
    metavar="OS/ARCH,…|all",
    type=PLATFORMS,
    help="With --images: several make one tree, named by the first [default: linux/amd64].",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(["directory", "tar", "iso", "vfat"]),
    default="directory",
    show_default=True,
    help="iso and vfat are media that machines find by their label.",
)
@click.option(
    "--layout",
    type=click.Choice(["oci", "flat"]),
    help="oci is what imager reads, flat what machines and cache-serve do [default: oci].",
)
@click.option(
    "--signatures/--no-signatures",
    default=None,
    help="Carry what vouches for the images [default: the site's word; from Talos 1.13 on].",
)
@click.option("--output", type=click.Path(path_type=Path), help="Where [default: below out/SITE].")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--dry-run", is_flag=True, help="Tell what would be in it; write nothing.")
@click.option(
    "--project",
    "root",
    default=".",
    type=click.Path(path_type=Path),
    show_default="the directory above with Pulumi.yaml",
    help="The checkout that SITE is in.",
)
@store_option
@json_option
def create(
    site: str | None,
    *,
    images: str | None,
    talos: str | None,
    architecture: str | None,
    platforms: tuple[str, ...] | None,
    shape: Shape,
    layout: Literal["oci", "flat"] | None,
    signatures: bool | None,
    output: Path | None,
    force: bool,
    dry_run: bool,
    root: Path,
    place: Path | None,
    as_json: bool,
) -> None:
    """Make an image cache from the store: of what SITE's machines need, or of --images.

    The same content is the same bytes, whenever and wherever it is made. A cache that is there
    already is left as it is. Every byte is verified while it is written.
    """
    form = _form(shape, layout)
    if (site is None) == (images is None):
        raise click.UsageError("name a SITE, or --images")
    if images is not None:
        store = Store.open(find_store(place))
        carry = signatures if signatures is not None else bool(talos) and _is_signed(talos or "")
        chosen = choose_images(store, images, platforms or _USUAL, signatures=carry)
    else:
        if platforms is not None:
            raise click.UsageError("--platform goes with --images; a site has --architecture")
        project = Project.find(root)
        store = Store.open(find_site_store(project, place))
        chosen = choose_of_site(
            project, site or "", talos=talos, architecture=architecture, signatures=signatures
        )
        output = output or _default(project, site or "", chosen, form)
    if dry_run:
        _tell(store, chosen, as_json=as_json)
        return
    _create(store, chosen, form, output or Path(f"image-cache{_NAMES[form]}"), force, as_json)


def _form(shape: Shape, layout: Literal["oci", "flat"] | None) -> Form:
    if shape in ("iso", "vfat"):
        if layout == "oci":
            raise click.UsageError(
                f"--format {shape} is a medium that machines read: no OCI layout"
            )
        return shape
    forms: dict[tuple[str, bool], Form] = {
        ("directory", False): "oci",
        ("directory", True): "tree",
        ("tar", False): "tar",
        ("tar", True): "flat",
    }
    return forms[shape, layout == "flat"]


def _default(project: Project, site: str, chosen: Chosen, form: Form) -> Path:
    name = f"image-cache-{chosen.architecture}{_NAMES[form]}"
    return project.root / "out" / site / "image-cache" / chosen.talos / name


def _create(
    store: Store, chosen: Chosen, form: Form, output: Path, force: bool, as_json: bool
) -> None:
    notes: list[str] = []
    with show_progress("image-cache") as progress:
        outcome = create_cache(
            store,
            chosen.content,
            form,
            output.absolute(),
            talos=chosen.talos,
            replace=force,
            typed_only=chosen.without_registry,
            progress=progress,
            warn=notes.append,
        )
    for note in notes:
        say(f"note: {note}")
    if as_json:
        print_json({"path": str(output), "outcome": outcome, **_document(chosen)})
        return
    verb = "is there already" if outcome == "present" else "made"
    count, signed = len(chosen.content.images), len(chosen.content.signatures)
    more = f" and {signed} signatures" if signed else ""
    click.echo(f"{output}: {verb}, {count} images{more}")
    _say_notes(chosen, build_tree(store, chosen.content).size_bytes)


def _tell(store: Store, chosen: Chosen, *, as_json: bool) -> None:
    size = build_tree(store, chosen.content).size_bytes
    if as_json:
        print_json({"bytes": size, **_document(chosen)})
        return
    for name, digest in (*chosen.content.images.items(), *chosen.content.signatures.items()):
        click.echo(f"{name} {digest}")
    _say_notes(chosen, size)
    say(f"{count_bytes(size)} for {', '.join(chosen.content.platforms)}")


def _say_notes(chosen: Chosen, size: int) -> None:
    for name, reason in chosen.left_out.items():
        say(f"note: not in it: {name} ({reason})")
    if chosen.volume_bytes is not None and size * 6 // 5 > chosen.volume_bytes:
        say(
            f"note: {count_bytes(size)} and a fifth for the file system do not fit into "
            f"imageCache.volume.maxSize ({count_bytes(int(chosen.volume_bytes))}): give it more"
        )


def _document(chosen: Chosen) -> dict[str, object]:
    return {
        "platforms": list(chosen.content.platforms),
        "images": dict(chosen.content.images),
        "signatures": dict(chosen.content.signatures),
        "leftOut": dict(chosen.left_out),
    }


def _is_signed(talos: str) -> bool:
    return minor_of(talos) >= _SIGNED_SINCE
