"""What reaches machines that run already, which an Environment or a ServerClass never does.

Files in `out/<site>/machine-config/`, in either delivery: for each server class a patch for
`talosctl patch mc` with the deletions that must go with it, the same for Cluster API's Talos
providers, and the commands. `NODE` and the like are for a person to fill in.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from airgap.plan.cluster_api import config_template_patch, control_plane_patch
from airgap.plan.machine import plan_machine_config
from airgap.plan.management import plan_management_files
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues, ResourcePlan, manifest_files
from airgap.plan.reset import needed_sections, reset_documents
from airgap.plan.server_classes import ClassPlan
from airgap.site.model import Site
from airgap.talos import config_dialect

__all__ = ["plan_node_files"]

_FOLDER = "machine-config"


def plan_node_files(
    site: Site, mirrors: Mirrors, classes: dict[str, ClassPlan], *, name: str
) -> tuple[ResourcePlan, ...]:
    """Return the files for machines that run: the site's own, and those that run Sidero."""
    files: dict[str, PlainValues] = {}
    for server_class, plan in classes.items():
        base = f"{_FOLDER}/{server_class}"
        files |= {f"{base}.{path}": values for path, values in _files(site, mirrors, plan, name)}
    own = (manifest_files(_FOLDER, name, files),) if files else ()
    return (*own, *plan_management_files(site, mirrors, name=name))


def _files(
    site: Site, mirrors: Mirrors, plan: ClassPlan, name: str
) -> Iterator[tuple[str, PlainValues]]:
    patch = plan.machine_config.to_patch()
    yield "patch.yaml", {"documents": patch}
    yield "reset.yaml", {"documents": reset_documents(patch)}
    generated = _for_cluster_api(site, mirrors, plan)
    yield "talos-control-plane.yaml", {"documents": [control_plane_patch(generated)]}
    yield "talos-config-template.yaml", {"documents": [config_template_patch(generated)]}
    yield "commands.txt", {"lines": [*_commands(plan), *_credentials(site, plan, name)]}


def _for_cluster_api(site: Site, mirrors: Mirrors, plan: ClassPlan) -> list[PlainValues]:
    """Return the patch in the form that the bootstrap provider reads, too."""
    dialect = config_dialect(
        plan.talos, sidero=site.sidero.version, bootstrap=site.management.bootstrap_talos
    )
    image = str(plan.installer["image"])
    return plan_machine_config(site, mirrors, installer=image, dialect=dialect).to_patch()


def _commands(plan: ClassPlan) -> Iterator[str]:
    name = plan.wish.name
    patches = [f"@{name}.{part}.yaml" for part in ("patch", "reset", "patch")]
    yield f"# Machines of server class {name} that run. Here, with talosctl {plan.talos}."
    yield "# Lists are replaced: Talos appends them, so they are set, deleted, and set again."
    if plan.dialect == "documents":
        yield "# Documents need Talos 1.12: a machine with an older one is upgraded first."
        yield "# What it had in v1alpha1 of the same is deleted with them."
        if needed := needed_sections(reset_documents(plan.machine_config.to_patch())):
            patches.insert(0, json.dumps(needed))
    options = [option for patch in patches for option in ("--patch", patch)]
    yield shlex.join(["talosctl", "patch", "mc", "--nodes", "NODE", *options])
    image = str(plan.installer["image"])
    yield shlex.join(["talosctl", "upgrade", "--nodes", "NODE", "--image", image])
    if plan.dialect == "documents":
        yield "# What the site no longer has stays as documents until it is deleted by name:"
        deleted = '{"apiVersion": "v1alpha1", "kind": "KIND", "name": "NAME", "$patch": "delete"}'
        yield f"# talosctl patch mc --nodes NODE --patch '{deleted}'"
        yield "# KIND: RegistryMirrorConfig, RegistryTLSConfig (of hosts), StaticHostConfig."
    yield ""
    yield "# Machines that Cluster API makes. Patches of the provider and of a server class add up:"
    yield "# give them here only to machines of classes without any. This replaces the list."
    merge = ["--type", "merge", "--patch-file"]
    file = f"{name}.talos-control-plane.yaml"
    yield shlex.join(["kubectl", "patch", "taloscontrolplane", "NAME", *merge, file])
    yield "# A TalosConfigTemplate cannot be changed: this prints another, to be given a new name."
    file = f"{name}.talos-config-template.yaml"
    local = ["--local", "-f", "TEMPLATE.yaml", *merge, file, "-o", "yaml"]
    yield shlex.join(["kubectl", "patch", *local])


def _credentials(site: Site, plan: ClassPlan, name: str) -> Iterator[str]:
    """Yield how machines get registry credentials, which are in no file."""
    if site.registry.node_auth != "machineConfig":
        return
    server_class = plan.wish.name
    printed = f"python -m airgap secret {name}"
    yield ""
    yield "# Registry credentials are in no file. In the project, for machines that run, and for"
    yield "# those to come (again whenever the ServerClass was applied from its file):"
    config = f'"$({printed} --machine-config {server_class})"'
    yield f"talosctl patch mc --nodes NODE --patch {config}"
    added = f"kubectl patch serverclass {server_class} --type json --patch-file /dev/stdin"
    yield f"{printed} --server-class {server_class} | {added}"
