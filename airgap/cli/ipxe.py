"""`ipxe`: what machines boot, as an iPXE script for sites without Sidero."""

from __future__ import annotations

from collections.abc import Mapping

import click

from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument
from airgap.errors import AirgapError
from airgap.lock import check_lock, read_lock
from airgap.plan import plan_site
from airgap.render import render_ipxe
from airgap.site.model import Site

__all__ = ["ipxe"]


@click.command()
@site_argument
@click.option("--environment", metavar="NAME", help="Which environment; needed with several.")
@click.option("--server-class", metavar="NAME", help="The environment of this server class.")
@click.option(
    "--config-url",
    metavar="URL",
    default="",
    help="Where Talos fetches its machine configuration (talos.config=); ${uuid} is put in.",
)
@click.option(
    "--mirror", metavar="URL", help="The asset mirror by another URL, such as its http one."
)
@project_option
def ipxe(
    site: str,
    *,
    environment: str | None,
    server_class: str | None,
    config_url: str,
    mirror: str | None,
    project: Project,
) -> None:
    """Print the iPXE script that boots what an environment of SITE boots.

    For sites without Sidero: serve it as it is, over HTTP or TFTP. Kernel and initramfs come from
    the asset mirror, at addresses whose content never changes, and no Image Factory is asked. No
    machine configuration is in it: without --config-url a machine waits for `talosctl apply`.
    """
    if environment and server_class:
        raise click.UsageError("--environment and --server-class exclude each other")
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    name = environment or _chosen(description, server_class)
    values = _find(plan_site(description, lock, name=site).sidero.inputs, name)
    own = description.asset_mirror.url.rstrip("/")
    base = mirror.rstrip("/") if mirror else own
    kernel, initramfs = (
        base + str(_part(values, key)["url"]).removeprefix(own) for key in ("kernel", "initrd")
    )
    arguments = values["kernelArgs"]
    click.echo(
        render_ipxe(
            kernel=kernel,
            initramfs=initramfs,
            arguments=map(str, arguments) if isinstance(arguments, list) else (),
            config=config_url,
            title=f"{site}: environment {name}, Talos {values['talos']}",
        ),
        nl=False,
    )
    if not config_url:
        say("note: no --config-url: machines wait for `talosctl apply-config --insecure`")


def _chosen(site: Site, server_class: str | None) -> str:
    """Return the environment of a server class, or the only one.

    Raises:
        AirgapError: There is no such class, or not exactly one environment.
    """
    if server_class:
        found = {item.name: item.environment for item in site.server_classes}
        if server_class not in found:
            raise _unknown("server class", server_class, found)
        return found[server_class]
    names = [item.name for item in site.environments]
    if len(names) != 1:
        known = ", ".join(sorted(names)) or "none"
        raise AirgapError("name one with --environment", hint=f"environments: {known}")
    return names[0]


def _find(inputs: Mapping[str, object], name: str) -> Mapping[str, object]:
    environments = _part(inputs, "environments")
    if name not in environments:
        raise _unknown("environment", name, environments)
    return _part(environments, name)


def _unknown(what: str, name: str, known: Mapping[str, object]) -> AirgapError:
    listed = ", ".join(sorted(known)) or "none"
    return AirgapError(f"no {what} {name!r}", hint=f"there are: {listed}")


def _part(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}
