"""The commands that bring a site's files into the cluster, in the order they need each other."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.plan.controller_trust import DEPLOYMENT, trusted
from airgap.plan.credentials import needs_credentials
from airgap.plan.environments import DEFAULT
from airgap.plan.model import output_directory
from airgap.site.model import Site

__all__ = ["DEFAULT_PATCH", "apply_script"]

DEFAULT_PATCH = "default-environment.patch.yaml"


def apply_script(site: Site, *, name: str) -> list[str]:
    """Return a shell script, a line an item; nothing in it is secret."""
    return [
        "#!/bin/sh",
        f"# Sidero's objects of {name}: sh {output_directory(name)}/apply.sh",
        "set -eu",
        'cd "$(dirname "$0")"',
        *_steps(site, name),
    ]


def _steps(site: Site, name: str) -> Iterator[str]:
    if site.sidero.flavour == "airgap":
        yield from ("", "# The fork's definition of an Environment.", "kubectl apply -f crds/")
    if trusted(site):
        yield from _trust(site.sidero.namespace)
    if needs_credentials(site):
        yield from ("", "# The machines' credentials are in no file; in the project:")
        yield f"#   python -m airgap secret {name} | kubectl apply -f -"
    yield from ("", "# Sidero makes `default` itself: it is changed, never created.")
    environment = f"kubectl patch environments.metal.sidero.dev {DEFAULT} --type merge"
    yield f"{environment} --patch-file {DEFAULT_PATCH}"
    yield from ("", "# Environments before the server classes that name them.")
    if any(item.name != DEFAULT for item in site.environments):
        yield "kubectl apply -f environments/"
    if site.server_classes:
        yield "kubectl apply -f server-classes/"


def _trust(namespace: str) -> Iterator[str]:
    there = f"kubectl --namespace {namespace}"
    yield from ("", "# Sidero's manager trusts the site's CA; again after a clusterctl upgrade.")
    yield "kubectl apply -f controller-trust/configmap.yaml"
    patch = "controller-trust/deployment.patch.yaml"
    yield f"{there} patch deployment {DEPLOYMENT} --patch-file {patch}"
    yield f"{there} rollout status deployment {DEPLOYMENT}"
