"""The example stacks load, and are what their names promise."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from airgap.site.load import load_site, parse_site
from airgap.site.model import Site
from tests.site.documents import EXAMPLE_CA, STACKS

__all__: list[str] = []

EXAMPLES = (
    "airgap-basic",
    "airgap-factory",
    "airgap-isolated",
    "migration-1-stock",
    "migration-2-mirrors",
    "migration-3-boot-asset",
)


def _stack(name: str) -> Path:
    return STACKS / f"Pulumi.{name}.yaml"


@pytest.fixture
def lab() -> Site:
    value = yaml.safe_load(_stack("lab").read_text())["config"]["sidero-airgap:site"]
    manifest = "manifests/shop.yaml"
    files = {
        "certs/lab-ca.pem": EXAMPLE_CA.encode(),
        manifest: (STACKS / manifest).read_bytes(),
    }
    return parse_site(value, name="lab", read=files.__getitem__)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads_as_it_stands(name: str) -> None:
    site = load_site(_stack(name))

    assert site.talos.versions == ("v1.11.5",)
    assert site.kubernetes.versions == ("v1.34.1",)
    assert site.registry.endpoints[0].ca == EXAMPLE_CA


def test_basic_has_a_registry_and_an_asset_mirror_and_no_factory() -> None:
    site = load_site(_stack("airgap-basic"))

    assert (site.registry.kind, site.asset_mirror.kind) == ("existing", "directory")
    assert site.image_factory.kind == "none"


def test_isolated_serves_its_store_and_looks_for_an_image_cache() -> None:
    site = load_site(_stack("airgap-isolated"))

    assert (site.registry.kind, site.asset_mirror.kind) == ("embedded", "embedded")
    assert site.image_cache.enabled


def test_factory_has_classes_with_equal_and_with_different_extensions() -> None:
    site = load_site(_stack("airgap-factory"))

    storage = ("siderolabs/iscsi-tools", "siderolabs/util-linux-tools")
    assert site.image_factory.kind == "existing"
    assert {item.name: item.extensions for item in site.server_classes} == {
        "storage-servers": storage,
        "backup-servers": storage,
        "gpu-servers": (
            "siderolabs/nvidia-open-gpu-kernel-modules-lts",
            "siderolabs/nvidia-container-toolkit-lts",
        ),
    }


def test_the_lab_stays_on_loopback(lab: Site) -> None:
    urls = [
        lab.registry.endpoints[0].url,
        lab.asset_mirror.url,
        lab.image_factory.endpoint or "",
        *(source.url for source in lab.upstream.registries.values()),
        lab.upstream.releases.url if lab.upstream.releases else "",
        lab.upstream.factory.url if lab.upstream.factory else "",
    ]

    assert [url for url in urls if not url.startswith("https://127.0.0.1:")] == []


def test_the_labs_directory_lies_in_the_projects_lab_folder(lab: Site) -> None:
    assert lab.asset_mirror.path == "www/talos"


def test_the_example_ca_is_one_certificate_of_an_authority_and_no_key() -> None:
    certificate = x509.load_pem_x509_certificate(EXAMPLE_CA.encode())

    assert EXAMPLE_CA.count("-----BEGIN ") == 1
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc.year > 2100
    assert len(ssl.create_default_context(cadata=EXAMPLE_CA).get_ca_certs()) == 1
