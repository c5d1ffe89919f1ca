"""`extensions`: what a Talos release has of system extensions and overlays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import click

from airgap.cli.output import hint_at_ca_file, json_option, print_json, say
from airgap.cli.parameters import RELEASE
from airgap.cli.project import Project
from airgap.errors import AirgapError
from airgap.net import Traffic
from airgap.oci.registries import Registries, Source
from airgap.resolve.catalogue import Catalogue, Kind, Offered, read_catalogue
from airgap.site.model import Registry, Site
from airgap.site.transfer import Transfer
from airgap.transfer.limits import site_traffic

__all__ = ["extensions"]

_HOST = "ghcr.io"
_SHORT = len("sha256:") + 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a registry's images are read in its place."""

    url: str
    ca: str | None = None


@click.command()
@click.argument("talos", metavar="VERSION", type=RELEASE)
@click.option("--search", default="", metavar="TEXT", help="Only those whose words are in it all.")
@click.option("--overlays", is_flag=True, help="List overlays (single-board computers) instead.")
@click.option("--site", metavar="SITE", help="Read as this site does: its upstream redirects.")
@click.option("--inside", is_flag=True, help="With --site: read its own registry, offline.")
@click.option("--registry", metavar="URL", help="Read there instead of at https://ghcr.io.")
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --registry: PEM of whom to trust there.",
)
@json_option
def extensions(
    talos: str,
    *,
    search: str,
    overlays: bool,
    site: str | None,
    inside: bool,
    registry: str | None,
    ca_file: Path | None,
    as_json: bool,
) -> None:
    """List the official system extensions of a Talos release, such as v1.11.5.

    They are read from the release's catalogue image alone; no factory is asked. The names are those
    that serverClasses[].extensions takes. An image's digest is what `lock` pins.

    \b
    python -m airgap extensions v1.11.5 --search "nvidia lts"
    python -m airgap extensions v1.11.5 --overlays
    python -m airgap extensions v1.11.5 --site berlin --inside
    """
    _check_usage(site, inside=inside, registry=registry, ca_file=ca_file)
    kind = _kind(overlays=overlays)
    description = Project.find(Path()).read_site(site) if site else None
    place = _place(registry, ca_file)
    with (
        hint_at_ca_file() if place else nullcontext(),
        _registries(description, inside=inside, place=place) as registries,
    ):
        catalogue = read_catalogue(registries, kind, talos)
    found = tuple(item for item in catalogue.items if item.matches(search))
    if as_json:
        print_json(_plain(talos, f"{kind}s", catalogue, found))
        return
    for line in _table(found):
        click.echo(line)
    said = f" with {search!r}" if search else ""
    say(f"{len(found)} of {len(catalogue.items)} {kind}s of Talos {talos}{said}")


def _check_usage(
    site: str | None, *, inside: bool, registry: str | None, ca_file: Path | None
) -> None:
    if inside and site is None:
        raise click.UsageError("--inside goes with --site")
    if registry and site:
        raise click.UsageError("name a site or a registry, not both")
    if ca_file and registry is None:
        raise click.UsageError("--ca-file goes with --registry")


def _kind(*, overlays: bool) -> Kind:
    return "overlay" if overlays else "extension"


def _place(registry: str | None, ca_file: Path | None) -> _Place | None:
    if registry is None:
        return None
    url = registry if "://" in registry else f"https://{registry}"
    return _Place(url=url, ca=ca_file.read_text(encoding="utf-8") if ca_file else None)


@contextmanager
def _registries(site: Site | None, *, inside: bool, place: _Place | None) -> Iterator[Registries]:
    redirects: Mapping[str, Source] = site.upstream.registries if site else {}
    if inside and site:
        redirects = {_HOST: _inside(site.registry)}
    elif place:
        redirects = {_HOST: place}
    traffic: Traffic = site_traffic(site.transfer if site else Transfer())
    with Registries(redirects, traffic=traffic) as registries:
        yield registries


def _inside(registry: Registry) -> _Place:
    """Return where a site's own registry has what is ghcr.io's upstream."""
    if not registry.endpoints:
        raise AirgapError("the site has no registry", hint="leave out --inside")
    endpoint = registry.endpoints[0]
    folder = "" if registry.layout == "flat" else _HOST
    parts = (endpoint.url.rstrip("/"), registry.path_prefix, folder)
    return _Place(url="/".join(part for part in parts if part), ca=endpoint.ca)


def _table(items: tuple[Offered, ...]) -> Iterator[str]:
    """Yield a line each: name, tag, digest in short, image of an overlay, description."""
    names = max((len(item.name) for item in items), default=0)
    tags = min(max((len(_tag(item)) for item in items), default=0), 32)
    for item in items:
        said = item.description
        if item.reference.repository != item.name:
            said = item.reference.repository
        if item.aliases:
            said = f"(also {', '.join(item.aliases)}) {said}"
        digest = str(item.reference.digest)[:_SHORT]
        yield f"{item.name:<{names}}  {_tag(item):<{tags}}  {digest}  {said}".rstrip()


def _tag(item: Offered) -> str:
    return item.reference.tag or "-"


def _plain(
    talos: str, kind: str, catalogue: Catalogue, found: tuple[Offered, ...]
) -> dict[str, object]:
    items = [
        {
            "name": item.name,
            "image": item.reference.name,
            "tag": item.reference.tag,
            "digest": str(item.reference.digest),
            "author": item.author,
            "description": item.description,
            "aliases": list(item.aliases),
        }
        for item in found
    ]
    image = str(catalogue.image) if catalogue.image else None
    return {"talos": talos, "catalogue": image, kind: items}
