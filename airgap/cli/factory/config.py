"""`factory config`: what a deployed factory is configured with; what another one would ask."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import click
import yaml

from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument
from airgap.deployment import check_closed, configuration, deployed_factory, hosts_named
from airgap.errors import AirgapError
from airgap.render import render_documents
from airgap.site.model import Site
from airgap.talos import minor_of, version_key
from airgap.talos.factory_release import CONFIGURED_BY_FILE, NEWEST_KNOWN

__all__ = ["config"]

_MAX_BYTES = 1 << 20


@click.command()
@site_argument
@project_option
@click.option(
    "--judge",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Say instead which hosts this configuration of a factory names, and exit 1 when one of "
    "them is outside: a YAML file (from v1.0), or flags, one a line (before).",
)
def config(site: str, *, project: Project, file: Path | None) -> None:
    """Print what SITE's Image Factory is configured with (kind deployed).

    From v1.0 the YAML file that --config names, before it the flags, one a line. No host outside of
    the site is in it, by a setting or by a default; no secret is in it either.
    """
    description = project.read_site(site)
    version = _version(description)
    if file is not None:
        _judge(description, version, file)
        return
    if description.image_factory.kind != "deployed":
        hint = "--judge FILE judges the configuration of a factory that runs already"
        raise AirgapError(f"{site} deploys no Image Factory", hint=hint)
    factory = deployed_factory(description, image="")
    found = configuration(factory)
    check_closed(found, version, factory.hosts)
    click.echo(_text(found), nl=False)


def _text(found: Mapping[str, object] | tuple[str, ...]) -> str:
    if isinstance(found, Mapping):
        return render_documents([found])
    return "".join(f"{word}\n" for word in found)


def _version(site: Site) -> str:
    version = site.image_factory.version
    if version is None:
        raise AirgapError("the site has no Image Factory", hint="set imageFactory.kind")
    if minor_of(version) > NEWEST_KNOWN:
        newest = ".".join(map(str, NEWEST_KNOWN))
        say(f"note: {version} is newer than this program knows; it is taken to be like v{newest}")
    return version


def _judge(site: Site, version: str, file: Path) -> None:
    """Print every host that a configuration names, and whether it is the site's."""
    inside = _inside(site)
    named = hosts_named(_read(file, version), version)
    for item in named:
        where = "inside" if item.host.lower() in inside else "OUTSIDE"
        click.echo(f"{where:8} {item.host}  {item.setting}")
    if any(item.host.lower() not in inside for item in named):
        sys.exit(1)


def _inside(site: Site) -> frozenset[str]:
    urls = [endpoint.url for endpoint in site.registry.endpoints]
    hosts = {urlsplit(url).netloc for url in (*urls, site.image_factory.endpoint or "")}
    written = site.image_factory.registry
    hosts |= {written.host if written else "", *site.policy.allowed_hosts}
    return frozenset(host.lower() for host in hosts if host)


def _read(file: Path, version: str) -> Mapping[str, object] | tuple[str, ...]:
    with file.open("rb") as source:
        text = source.read(_MAX_BYTES).decode("utf-8", errors="replace")
    if version_key(version) < CONFIGURED_BY_FILE:
        return tuple(text.split())
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AirgapError(f"{file}: no YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(document, Mapping | None):
        raise AirgapError(f"{file}: no configuration: expected a mapping")
    return document or {}
