"""`secret`: the Kubernetes Secret that `files` delivery only refers to."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import click

from airgap.cli.project import Project, project_option, site_argument
from airgap.errors import AirgapError
from airgap.oci.credentials import MachineCredentials
from airgap.plan import NodeCredentials, credentials_patch, docker_config, secret_object
from airgap.render import render_documents
from airgap.site.model import Site
from airgap.talos import config_dialect

__all__ = ["secret"]


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
def secret(
    site: str, *, project: Project, machine_config: str | None, server_class: str | None
) -> None:
    """Print SITE's registry credentials as a Kubernetes Secret (YAML, on stdout).

    Nothing is written to disk; pipe it on: … | kubectl apply --server-side -f -
    The credentials are this machine's for the registry's endpoints: the file that AIRGAP_AUTH_FILE
    names, or Docker's configuration with its helpers.

    \b
    Machines that run:    talosctl patch mc --nodes NODE --patch "$(… --machine-config CLASS)"
    Machines to come:     … --server-class CLASS | kubectl patch serverclass CLASS --type json
                          --patch-file /dev/stdin (after each `kubectl apply` of the class)
    """
    description = project.read_site(site)
    if machine_config:
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


def _credentials(site: Site) -> NodeCredentials:
    machine = MachineCredentials()
    hosts = [urlsplit(endpoint.url).netloc for endpoint in site.registry.endpoints]
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
