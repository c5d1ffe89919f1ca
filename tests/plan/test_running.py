"""Files for machines that run, and for the cluster that runs Sidero."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
import yaml

from airgap.lock.model import SchematicPin
from airgap.plan import Plan, plan_site
from airgap.plan.reset import reset_documents
from airgap.render import render_file
from tests.plan.samples import (
    CA,
    IMAGES,
    OTHER_CA,
    SCHEMATIC,
    SCHEMATIC_ID,
    make_lock,
    make_site,
)
from tests.plan.test_server_classes import FACTORY

ENDPOINTS = [
    {"url": "https://r1.example:5000", "ca": CA},
    {"url": "https://r2.example", "ca": OTHER_CA},
]


def plan_for(talos: str, **changes: object) -> Plan:
    """Return the plan of a site at this release."""
    site = make_site(
        talos={"versions": [talos]},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
        **{"registry": {"kind": "existing", "endpoints": ENDPOINTS}, **changes},
    )
    images = {**IMAGES, f"ghcr.io/siderolabs/installer:{talos}": "talos"}
    return plan_site(site, make_lock(images=images, talos=(talos,)), name="berlin")


def written(plan: Plan, path: str) -> str:
    """Return a file's text, as it will be in out/berlin."""
    for child in plan.sidero.children:
        files = child.inputs.get("files")
        if isinstance(files, Mapping) and path in files:
            return render_file(files[path]).decode()
    raise AssertionError(f"no file {path}")


def paths(plan: Plan) -> set[str]:
    """Return every path of the component's files."""
    return {
        path
        for child in plan.sidero.children
        if child.kind == "ManifestFiles"
        for path in child.inputs["files"]  # type: ignore[attr-defined]  # a mapping
    }


def commands(text: str) -> list[list[str]]:
    """Return the commands of a text, without comments."""
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def test_a_machine_that_runs_is_patched_and_upgraded_by_these_commands() -> None:
    """`talosctl patch mc --patch @file` and `talosctl upgrade --image` (talosctl 1.9 to 1.13)."""
    plan = plan_for("v1.11.5")
    lines = commands(written(plan, "machine-config/workers.commands.txt"))
    patches = ["workers.patch.yaml", "workers.reset.yaml", "workers.patch.yaml"]
    given = [option for patch in patches for option in ("--patch", f"@{patch}")]
    assert lines[0] == ["talosctl", "patch", "mc", "--nodes", "NODE", *given]
    image = "ghcr.io/siderolabs/installer:v1.11.5"
    assert lines[1] == ["talosctl", "upgrade", "--nodes", "NODE", "--image", image]
    folder = "machine-config/"
    named = {word.lstrip("@") for line in lines for word in line if word.endswith(".yaml")}
    assert {folder + name for name in named - {"TEMPLATE.yaml"}} <= paths(plan)


def test_a_factorys_installer_is_what_an_upgrade_names() -> None:
    site = make_site(imageFactory=FACTORY)
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    plan = plan_site(site, make_lock(schematics=schematics), name="berlin")
    upgrade = commands(written(plan, "machine-config/workers.commands.txt"))[1]
    assert upgrade[-1] == f"factory.example/metal-installer/{SCHEMATIC_ID}:v1.11.5"


def test_credentials_are_in_no_file_and_the_commands_say_how_they_reach_machines() -> None:
    registry = {"kind": "existing", "endpoints": ENDPOINTS, "nodeAuth": "machineConfig"}
    lines = written(plan_for("v1.12.0", registry=registry), "machine-config/workers.commands.txt")
    printed = "python -m airgap secret berlin"
    assert f'--patch "$({printed} --machine-config workers)"' in lines
    assert f"{printed} --server-class workers | kubectl patch serverclass workers" in lines
    anonymous = written(plan_for("v1.12.0"), "machine-config/workers.commands.txt")
    assert "airgap secret" not in anonymous


def test_lists_of_one_document_are_deleted_by_path() -> None:
    """Talos appends lists; tests/peers/test_running.py patches a real configuration with this."""
    text = written(plan_for("v1.11.5"), "machine-config/workers.reset.yaml")
    delete = {"$patch": "delete"}
    assert list(yaml.safe_load_all(text)) == [
        {
            "machine": {
                "registries": {"mirrors": delete},
                "time": {"servers": delete},
                "network": {"nameservers": delete},
            }
        }
    ]


def test_documents_with_lists_are_deleted_whole_and_others_stay() -> None:
    documents = list(
        yaml.safe_load_all(written(plan_for("v1.12.0"), "machine-config/workers.reset.yaml"))
    )
    whole = [document for document in documents if "kind" in document]
    assert {document["kind"] for document in whole} == {
        "RegistryMirrorConfig",
        "TimeSyncConfig",
        "ResolverConfig",
    }
    resolver = next(document for document in whole if document["kind"] == "ResolverConfig")
    assert resolver["nameservers"] == {"$patch": "delete"}, "search domains are a machine's own"
    assert all(document["$patch"] == "delete" for document in whole if document is not resolver)
    assert {document.get("name") for document in whole} >= {"*", "ghcr.io", None}


def test_what_documents_stand_for_is_deleted_in_v1alpha1_too() -> None:
    """Talos 1.12 refuses time and name servers in both; tests/peers/test_running.py asks it."""
    nodes = {"nameservers": ["10.0.0.2"], "extraHosts": {"10.0.0.5": ["r.example"]}}
    plan = plan_for("v1.12.0", nodes=nodes)
    text = written(plan, "machine-config/workers.reset.yaml")
    delete = {"$patch": "delete"}
    assert [document for document in yaml.safe_load_all(text) if "kind" not in document] == [
        {
            "machine": {
                "registries": {"mirrors": delete},
                "time": delete,
                "network": {"nameservers": delete, "extraHostEntries": delete},
            }
        },
    ]
    command = commands(written(plan, "machine-config/workers.commands.txt"))[0]
    given = [word for word in command if word.startswith(("@", "{"))]
    files = ("@workers.patch.yaml", "@workers.reset.yaml", "@workers.patch.yaml")
    assert given == ['{"machine": {"network": {}}}', *files]


def test_name_servers_that_the_site_does_not_set_stay_a_machines_own() -> None:
    plan = plan_for("v1.12.0", nodes={})
    assert '"network"' not in written(plan, "machine-config/workers.commands.txt")
    text = written(plan, "machine-config/workers.reset.yaml")
    (document,) = (each for each in yaml.safe_load_all(text) if "kind" not in each)
    assert set(document["machine"]) == {"registries", "time"}


def test_a_document_that_the_site_no_longer_has_is_deleted_by_name() -> None:
    """Talos: `$patch: delete` of a document that does not exist is an error, so none is given."""
    lines = written(plan_for("v1.12.0"), "machine-config/workers.commands.txt").splitlines()
    (line,) = (line for line in lines if "$patch" in line)
    assert line.startswith("# ")
    *_, patch = shlex.split(line.removeprefix("# "))
    assert yaml.safe_load(patch)["$patch"] == "delete"
    assert "$patch" not in written(plan_for("v1.11.5"), "machine-config/workers.commands.txt")


def test_what_has_no_list_has_nothing_to_delete() -> None:
    assert reset_documents([{"machine": {"time": {"disabled": True}}}]) == []


@pytest.mark.parametrize(
    ("talos", "provider", "documents"),
    [
        ("v1.12.0", None, True),
        ("v1.12.0", "v0.6.11", True),
        ("v1.12.0", "v0.6.10", False),
        ("v1.11.5", "v0.6.12", False),
    ],
)
def test_cluster_api_gets_what_its_bootstrap_provider_reads(
    talos: str, provider: str | None, *, documents: bool
) -> None:
    """CABPT v0.6.10 has the machinery of Talos 1.11, v0.6.11 that of 1.12 (their go.mod)."""
    management = {"bootstrapTalos": provider} if provider else {}
    plan = plan_for(talos, management=management)
    control = yaml.safe_load(written(plan, "machine-config/workers.talos-control-plane.yaml"))
    template = yaml.safe_load(written(plan, "machine-config/workers.talos-config-template.yaml"))
    one = control["spec"]["controlPlaneConfig"]["controlplane"]
    two = template["spec"]["template"]["spec"]
    assert one == two
    assert set(one) == {"strategicPatches"}, "JSON patches are never given"
    (patch,) = one["strategicPatches"]
    kinds = {document.get("kind") for document in yaml.safe_load_all(patch)}
    assert ("RegistryMirrorConfig" in kinds) is documents


def test_containerd_beside_sidero_has_a_directory_for_each_registry() -> None:
    """`_default` and `host_port_`: containerd's docs/hosts.md."""
    plan = plan_for("v1.11.5", images=[])
    certs = {path for path in paths(plan) if path.startswith("management/certs.d/")}
    hosts = ("_default", "docker.io", "gcr.io", "ghcr.io", "registry.k8s.io")
    files = ("hosts.toml", "r1.example_5000_.crt", "r2.example.crt")
    assert certs == {f"management/certs.d/{host}/{file}" for host in hosts for file in files}
    document = tomllib.loads(written(plan, "management/certs.d/ghcr.io/hosts.toml"))
    assert document["server"] == "https://r2.example/v2/ghcr.io"
    assert list(document["host"]) == ["https://r1.example:5000/v2/ghcr.io"]
    default = tomllib.loads(written(plan, "management/certs.d/_default/hosts.toml"))
    assert urlsplit(default["server"]).path == ""
    assert written(plan, "management/certs.d/ghcr.io/r2.example.crt") == OTHER_CA


def test_talos_beside_sidero_gets_registries_alone_in_the_form_all_releases_read() -> None:
    for talos in ("v1.11.5", "v1.12.0"):
        plan = plan_for(talos)
        (document,) = yaml.safe_load_all(written(plan, "management/talos.patch.yaml"))
        assert set(document) == {"machine"}
        assert set(document["machine"]) == {"registries"}
        assert document["machine"]["registries"]["mirrors"]["ghcr.io"] == {
            "endpoints": ["https://r1.example:5000/v2/ghcr.io", "https://r2.example/v2/ghcr.io"],
            "overridePath": True,
            "skipFallback": True,
        }


def test_without_a_registry_there_is_nothing_to_mirror_to_beside_sidero() -> None:
    plan = plan_for("v1.11.5", registry={"kind": "none"}, imageCache={"enabled": True})
    assert not [path for path in paths(plan) if path.startswith("management/")]
