"""What is delivered, judged by the lab's simulators: strict as Talos' loader and the API server.

`lab.node` resolves an image as Talos v1.9 to v1.13 do; `lab.crds` knows Sidero v0.6.13's fields.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import trustme
import yaml

from airgap.plan import Plan, plan_site
from airgap.render import render_file
from lab.crds import ApiError, prune
from lab.machineconfig import read_registry_config
from lab.node import Node
from tests.plan.rewriting import manifest_urls
from tests.plan.samples import IMAGES, make_lock, make_site

PEM = trustme.CA().cert_pem.bytes().decode()
DIALECTS = [("v1.9.6", "v0.6.13"), ("v1.11.5", "v0.6.13"), ("v1.12.0", "v0.6.11")]
DIALECTS += [("v1.12.0", "v0.6.13"), ("v1.13.9", "v0.6.13")]


def plan_for(talos: str, sidero: Mapping[str, str]) -> Plan:
    """Return the plan of a site with an override, fail-over and a private CA."""
    site = make_site(
        talos={"versions": [talos]},
        registry={
            "kind": "existing",
            "endpoints": [
                {"url": "https://r1.example:5000", "ca": PEM},
                {"url": "https://r2.example", "ca": PEM},
            ],
            "mirrors": {"docker.io": {"endpoints": ["https://h.example"], "skipVerify": True}},
        },
        sidero=sidero,
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
    )
    images = {**IMAGES, f"ghcr.io/siderolabs/installer:{talos}": "talos"}
    return plan_site(site, make_lock(images=images, talos=(talos,)), name="berlin")


def files_of(plan: Plan, set_name: str) -> Mapping[str, Mapping[str, object]]:
    """Return the file specifications of a set."""
    found = [child for child in plan.sidero.children if child.name == f"manifests-{set_name}"]
    files = found[0].inputs["files"]
    assert isinstance(files, dict)
    return files


@pytest.mark.parametrize(("talos", "sidero"), DIALECTS)
def test_a_node_of_each_dialect_understands_its_patch(talos: str, sidero: str) -> None:
    plan = plan_for(talos, {"version": sidero})
    files = files_of(plan, "machine-config")
    text = render_file(files["machine-config/workers.patch.yaml"]).decode()
    config = read_registry_config(text, talos=talos)
    assert config.tls["r1.example:5000"].ca.strip() == PEM.strip()
    assert config.tls["h.example"].insecure_skip_verify
    mirrors = plan.registry.inputs["mirrors"]
    assert isinstance(mirrors, dict)
    with Node(config, talos=talos) as node:
        for host in ("ghcr.io", "docker.io", "gcr.io", "unforeseen.example"):
            bases = [f"{base}/x/manifests/t" for base in node.resolve_endpoints(host)]
            assert bases == manifest_urls(mirrors, host, "x", "t"), host


@pytest.mark.parametrize(("talos", "sidero"), DIALECTS)
def test_a_stock_api_server_takes_every_object_whole(talos: str, sidero: str) -> None:
    files = files_of(plan_for(talos, {"version": sidero}), "sidero")
    documents = {path: _written(files[path]) for path in files if path.endswith(".yaml")}
    default = documents.pop("default-environment.patch.yaml")
    assert set(documents) == {"environments/boot.yaml", "server-classes/workers.yaml"}
    documents["default"] = {**documents["environments/boot.yaml"], **default}
    for path, document in documents.items():
        assert prune(document, strict=True) == document, path


def test_sideros_own_default_is_patched_and_never_an_object() -> None:
    """`kubectl apply` would create it, and delete it with what it prunes."""
    files = files_of(plan_for("v1.11.5", {"version": "v0.6.13"}), "sidero")
    patch = _written(files["default-environment.patch.yaml"])
    boot = _written(files["environments/boot.yaml"])
    assert patch == {"spec": boot["spec"]}
    script = render_file(files["apply.sh"]).decode()
    assert (
        "kubectl patch environments.metal.sidero.dev default --type merge "
        "--patch-file default-environment.patch.yaml\n"
    ) in script


def test_a_stock_api_server_would_drop_the_forks_fields() -> None:
    fork = {"version": "v0.6.13", "flavour": "airgap"}
    document = _written(files_of(plan_for("v1.11.5", fork), "sidero")["environments/boot.yaml"])
    with pytest.raises(ApiError, match=r"spec\.airGap"):
        prune(document, strict=True)


def _written(specification: Mapping[str, object]) -> dict[str, object]:
    document = yaml.safe_load(render_file(specification))
    assert isinstance(document, dict)
    return document
