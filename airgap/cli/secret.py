"""`secret`: the Kubernetes Secret that `files` delivery only refers to."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from airgap.cli.project import Project, project_option, site_argument
from airgap.errors import AirgapError
from airgap.oci.credentials import MachineCredentials
from airgap.plan import NodeCredentials, docker_config, secret_object
from airgap.render import render_documents
from airgap.site.model import Site

__all__ = ["secret"]


@click.command()
@site_argument
@project_option
def secret(site: str, *, project: Project) -> None:
    """Print SITE's registry credentials as a Kubernetes Secret (YAML, on stdout).

    Nothing is written to disk; pipe it on: … | kubectl apply --server-side -f -
    The credentials are this machine's for the registry's endpoints: the file that AIRGAP_AUTH_FILE
    names, or Docker's configuration with its helpers.
    """
    description = project.read_site(site)
    credentials = _credentials(description)
    data = {".dockerconfigjson": docker_config(credentials)}
    click.echo(render_documents([secret_object(description) | {"stringData": data}]), nl=False)


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
