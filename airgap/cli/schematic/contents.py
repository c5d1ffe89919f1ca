"""`schematic explain`: what an ID stands for, from the locks that know it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import click
from pydantic import JsonValue

from airgap.cli.locks import locked_sites
from airgap.cli.output import say
from airgap.cli.project import Project, project_option
from airgap.errors import AirgapError
from airgap.lock import Lock, SchematicPin, read_lock
from airgap.progress import count_bytes
from airgap.schematic import Field, parse_schematic, used_fields
from airgap.site.model import ServerClass, Site
from airgap.talos import factory_installer

__all__ = ["explain"]

_LEAST_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A schematic in a site's lock."""

    site: str
    identity: str
    pin: SchematicPin
    lock: Lock


@click.command()
@click.argument("identity", metavar="ID")
@click.argument("sites", nargs=-1, metavar="[SITE]…")
@project_option
def explain(identity: str, sites: tuple[str, ...], *, project: Project) -> None:
    """Say what the schematic ID stands for: looked up in the locks of all sites, or of SITE….

    The classes it is of, its contents field by field with the Image Factory that brought each, and
    what is made of it: boot assets, installers. The first digits of an ID are enough.
    """
    found = _find(project, sites or tuple(locked_sites(project)), identity)
    first = found[0]
    click.echo(f"schematic {first.identity}")
    for line in _contents(first):
        click.echo(f"  {line}")
    for each in found:
        click.echo(f"site {each.site}")
        for line in _uses(each, _site(project, each.site)):
            click.echo(f"  {line}")


def _find(project: Project, sites: tuple[str, ...], identity: str) -> list[_Found]:
    known: list[_Found] = []
    for site in sites:
        lock = read_lock(project.lock_file(site))
        known += [
            _Found(site=site, identity=key, pin=pin, lock=lock)
            for key, pin in lock.schematics.items()
        ]
    wanted = identity.lower()
    fitting = [each for each in known if each.identity.startswith(wanted)]
    if len({each.identity for each in fitting}) != 1 or len(wanted) < _LEAST_DIGITS:
        raise AirgapError(_unclear(identity, fitting, sites), hint=_listed(fitting or known))
    return fitting


def _unclear(identity: str, fitting: list[_Found], sites: tuple[str, ...]) -> str:
    if len(identity) < _LEAST_DIGITS:
        return f"{identity}: give at least {_LEAST_DIGITS} digits of the ID"
    where = f"the locks of {', '.join(sites)}" if sites else "this project: it has no locks"
    return f"{identity}: {'more than one schematic' if fitting else 'no such schematic'} in {where}"


def _listed(known: list[_Found]) -> str:
    names: dict[str, list[str]] = {}
    for each in known:
        names.setdefault(each.identity, []).append(f"{each.site}: {', '.join(each.pin.classes)}")
    lines = [f"{identity} ({'; '.join(whose)})" for identity, whose in names.items()]
    return "known: " + ("\n    ".join(lines) or "none; run: python -m airgap lock <site>")


def _contents(found: _Found) -> Iterator[str]:
    """Yield a line a field, and one a value of it."""
    used = used_fields(parse_schematic(found.pin.canonical))
    if not used:
        yield "nothing beyond the stock release"
    for field, value in used:
        yield f"{field.path} (Image Factory {field.since}{_least(field)}): {field.meaning}"
        yield from (f"  {line}" for line in _values(value))


def _least(field: Field) -> str:
    return f", Talos {field.talos}" if field.talos else ""


def _values(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield f"- {item['key']}: {item['value']}" if isinstance(item, dict) else f"- {item}"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{key}: {item}"
    else:
        yield from str(value).splitlines()


def _uses(found: _Found, site: Site | None) -> Iterator[str]:
    """Yield the classes, and what is made of the schematic."""
    inputs = found.lock.inputs.server_classes
    for name in found.pin.classes:
        release = inputs[name].talos if name in inputs else "?"
        yield f"server class {name} (Talos {release})"
        for extension in inputs[name].extensions if name in inputs else ():
            reference = found.lock.extensions.get(release, {}).get(extension)
            if reference:
                yield f"  extension {extension}: {reference}"
        yield from (f"  {line}" for line in _built_on_site(found, name, site))
    for key, asset in found.lock.assets.items():
        if asset.made_by is not None and asset.made_by.schematic == found.identity:
            yield f"boot asset {key}  {count_bytes(asset.size)}  {asset.sha256}"
    for reference, image in found.lock.images.items():
        if f"/{found.identity}:" in reference and image.need == "talos":
            yield f"installer {reference}@{image.digest}"


def _built_on_site(found: _Found, name: str, site: Site | None) -> Iterator[str]:
    """Yield the installer that the site's own factory makes when a machine asks for it."""
    if site is None or site.image_factory.installer == "mirrored":
        return
    item = next((each for each in site.server_classes if each.name == name), None)
    endpoint, talos = site.image_factory.endpoint, _release(site, item)
    if item is None or talos is None or site.image_factory.kind == "none" or not endpoint:
        return
    reference = factory_installer(
        talos,
        host=urlsplit(endpoint).netloc,
        schematic=found.identity,
        secure_boot=item.secure_boot is not None,
    )
    yield f"installer {reference} (made when it is pulled)"


def _release(site: Site, item: ServerClass | None) -> str | None:
    releases = {each.name: each.talos for each in site.environments}
    return releases.get(item.environment) if item else None


def _site(project: Project, name: str) -> Site | None:
    try:
        return project.read_site(name)
    except AirgapError as error:
        say(f"note: {name}: from the lock alone: {error}")
        return None
