"""Files that would serve an embedded store."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from airgap.plan import Plan, plan_site
from airgap.plan.model import PlainValues
from airgap.render import render_file
from tests.plan.samples import make_lock, make_site


def embedded(registry_url: str, assets_url: str, registry_kind: str = "embedded") -> Plan:
    site = make_site(
        registry={"kind": registry_kind, "endpoints": [{"url": registry_url}]},
        assetMirror={"kind": "embedded", "url": assets_url},
    )
    return plan_site(site, make_lock(), name="berlin")


def files_of(plan: Plan) -> dict[str, PlainValues]:
    children = (*plan.registry.children, *plan.asset_mirror.children)
    found = [child for child in children if child.name == "manifests-serve"]
    assert len(found) == 1
    files = found[0].inputs["files"]
    assert isinstance(files, dict)
    return files


def test_one_port_is_served_once() -> None:
    files = files_of(embedded("https://s.example:5000", "https://s.example:5000/talos"))
    assert list(files) == [
        "serve/sidero-airgap-5000.service",
        "serve/sidero-airgap-5000.compose.yaml",
    ]
    unit = render_file(files["serve/sidero-airgap-5000.service"]).decode()
    assert "--port 5000" in unit
    assert "--asset-path /talos" in unit
    assert "LoadCredential=tls.key:/etc/sidero-airgap/tls.key\n" in unit


def test_two_ports_are_two_services_and_http_has_no_certificate() -> None:
    files = files_of(embedded("http://10.0.0.5:5000", "http://10.0.0.5"))
    assert len(files) == 4
    unit = render_file(files["serve/sidero-airgap-80.service"]).decode()
    assert "tls" not in unit
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in unit


def test_the_compose_file_is_read_only_and_names_no_image_of_its_own() -> None:
    files = files_of(embedded("https://s.example:5000", "https://s.example:5000/talos"))
    document = yaml.safe_load(render_file(files["serve/sidero-airgap-5000.compose.yaml"]))
    assert isinstance(document, Mapping)
    service = document["services"]["serve-5000"]
    assert service["image"].startswith("${AIRGAP_IMAGE:?")
    assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_nothing_embedded_nothing_to_serve() -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    names = [child.name for part in plan.components for child in part.children]
    assert "manifests-serve" not in names


def test_an_embedded_mirror_beside_an_existing_registry_serves_assets_alone() -> None:
    plan = embedded("https://r.example:5000", "https://s.example/talos", registry_kind="existing")
    assert [child.name for child in plan.registry.children][-1] != "manifests-serve"
    assert next(iter(files_of(plan))) == "serve/sidero-airgap-443.service"
