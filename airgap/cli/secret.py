"""`secret`: the Kubernetes Secrets that `files` delivery only refers to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument
from airgap.deployment import (
    SIGNING_KEY_NAME,
    check_signing_key,
    deployed_factory,
    signing_key_secret,
)
from airgap.errors import AirgapError
from airgap.oci.credentials import MachineCredentials
from airgap.plan import NodeCredentials, credentials_patch, docker_config, secret_object
from airgap.plan.mirrors import mirror_hosts
from airgap.render import render_documents
from airgap.site.model import Site
from airgap.talos import config_dialect

__all__ = ["secret"]

_MAX_KEY_BYTES = 1 << 16


@click.command()
@site_argument
@project_option
@click.option(
    "--machine-config",
    metavar="CLASS",
    help="Print a patch of the machine configuration of this server class's machines instead.",
)
@click.option(
    "--server-class",
    metavar="CLASS",
    help="Print a JSON patch that adds it to this ServerClass instead.",
)
@click.option(
    "--factory",
    "signing_key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="KEYFILE",
    help="Print the Secrets of the deployed Image Factory instead: its signing key, from a file "
    "that `factory key` made, and the credentials it pushes with.",
)
def secret(
    site: str,
    *,
    project: Project,
    machine_config: str | None,
    server_class: str | None,
    signing_key: Path | None,
) -> None:
    """Print SITE's registry credentials as a Kubernetes Secret (YAML, on stdout).

    Nothing is written to disk; pipe it on: … | kubectl apply --server-side -f -
    The credentials are this machine's for the endpoints of the site's mirrors, those it has: from
    the file that AIRGAP_AUTH_FILE names, or Docker's configuration with its helpers.

    \b
    Machines that run:    talosctl patch mc --nodes NODE --patch "$(… --machine-config CLASS)"
    Machines to come:     … --server-class CLASS | kubectl patch serverclass CLASS --type json
                          --patch-file /dev/stdin (after each `kubectl apply` of the class)
    """
    description = project.read_site(site)
    if signing_key:
        click.echo(render_documents(_factory_secrets(description, signing_key)), nl=False)
    elif machine_config:
        click.echo(_patch(description, machine_config), nl=False)
    elif server_class:
        value = _patch(description, server_class)
        operation = {"op": "add", "path": "/spec/strategicPatches/-", "value": value}
        click.echo(json.dumps([operation]))
    else:
        data = {".dockerconfigjson": docker_config(_credentials(description))}
        click.echo(render_documents([secret_object(description) | {"stringData": data}]), nl=False)


def _patch(site: Site, server_class: str) -> str:
    """Return the credentials as the machines of a class read them."""
    releases = {item.name: item.talos for item in site.environments}
    found = [
        releases[item.environment] for item in site.server_classes if item.name == server_class
    ]
    if not found:
        known = ", ".join(sorted(item.name for item in site.server_classes)) or "none"
        raise AirgapError(f"no server class {server_class!r}", hint=f"there are: {known}")
    dialect = config_dialect(found[0], sidero=site.sidero.version)
    return render_documents(credentials_patch(_credentials(site), dialect=dialect))


def _factory_secrets(site: Site, file: Path) -> Iterator[dict[str, object]]:
    """Yield what a deployed factory mounts and is in no file."""
    if site.image_factory.kind != "deployed":
        raise AirgapError("the site deploys no Image Factory")
    factory = deployed_factory(site, image="")
    text = check_signing_key(_read(file))
    yield signing_key_secret(factory) | {"stringData": {SIGNING_KEY_NAME: text}}
    if factory.wish.registry_secret_ref:
        written = (place.registry for place in factory.places.written)
        metadata = {
            "name": factory.wish.registry_secret_ref,
            "namespace": factory.wish.namespace,
        }
        found = _credentials_for(sorted({factory.places.core.registry, *written}))
        data = {".dockerconfigjson": docker_config(found)}
        yield secret_object(site) | {"metadata": metadata, "stringData": data}


def _read(file: Path) -> str:
    try:
        with file.open("rb") as source:
            return source.read(_MAX_KEY_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise AirgapError(f"{file}: cannot be read: {error.strerror}") from None


def _credentials(site: Site) -> NodeCredentials:
    """Return this machine's for the mirrors' endpoints; of some others may pull anonymously."""
    hosts = mirror_hosts(site)
    machine = MachineCredentials()
    known = [host for host in hosts if machine.find(host) is not None]
    for host in hosts if known else ():
        if host not in known:
            say(f"note: no credentials on this machine for {host}: it is pulled from anonymously")
    return _credentials_for(known or hosts)


def _credentials_for(hosts: Sequence[str]) -> NodeCredentials:
    machine = MachineCredentials()
    found = {host: machine.find(host) for host in hosts}
    missing = [host for host, credential in found.items() if credential is None]
    if missing:
        raise AirgapError(
            f"no credentials on this machine for {', '.join(missing)}",
            hint="docker login there, or name a file in AIRGAP_AUTH_FILE",
        )
    return {
        host: {"username": credential.username, "password": credential.password}
        for host, credential in found.items()
        if credential is not None
    }
