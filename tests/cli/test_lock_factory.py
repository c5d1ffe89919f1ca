"""`lock --factory`: another Image Factory for one run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import yaml

from lab.factory import Factory, FactoryRegistries
from lab.registryclient import RegistryClient
from lab.upstream import Upstream
from tests.cli.conftest import SITE, Command, write_site

__all__: list[str] = []

# image-factory v1.5.0, docs/api.md: siderolabs/qemu-guest-agent alone
AGENT_ID = "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"
INSIDE = "https://factory.inside.example"
_numbers = count()


@pytest.fixture
def inside(upstream: Upstream) -> Iterator[Factory]:
    """A factory of the site's own."""

    def registry(namespace: str) -> RegistryClient:
        return RegistryClient(upstream.outside.url, namespace=namespace, ca_file=upstream.ca_file)

    own = registry(f"inside-{next(_numbers)}")
    registries = FactoryRegistries(core=registry("ghcr.io"), schematic=own, installer=own)
    with Factory(registries, version="v1.5.0", external_url=INSIDE) as running:
        yield running


@pytest.fixture
def site(project: Path, site_value: dict[str, object]) -> Path:
    """A site whose class has its kernel and initramfs made."""
    environment = {"name": "metal", "talos": "v1.11.5", "schematicOf": "agent"}
    agent = {"name": "agent", "environment": "metal", "extensions": ["siderolabs/qemu-guest-agent"]}
    changed = {
        **site_value,
        "imageFactory": {"kind": "none", "installer": "mirrored"},
        "environments": [environment],
        "serverClasses": [agent],
    }
    write_site(project, changed)
    return project


def assets(project: Path) -> dict[str, dict[str, object]]:
    lock = json.loads((project / "stacks" / f"{SITE}.lock.json").read_text())
    found = lock["assets"]
    assert isinstance(found, dict)
    return found


def test_another_factory_makes_what_is_missing_in_one_run(
    airgap: Command, site: Path, inside: Factory
) -> None:
    outcome = airgap("lock", SITE, "--factory", f"{inside.url}/")
    assert outcome.exit_code == 0, outcome.stderr
    pins = assets(site)
    assert {key.rpartition("/")[0] for key in pins} == {f"v1.11.5/{AGENT_ID}"}
    for key, pin in pins.items():
        name = key.rpartition("/")[2]
        # the public origin stays the name; who made it says where it came from
        assert pin["url"] == f"https://factory.talos.dev/image/{AGENT_ID}/v1.11.5/{name}"
        maker = {"schematic": AGENT_ID, "version": "v1.5.0", "externalUrl": INSIDE}
        assert pin["madeBy"] == maker
    inside.stop()
    again = airgap("lock", SITE, "--factory", inside.url)  # everything is pinned
    assert again.exit_code == 0, again.stderr
    assert assets(site) == pins
    assert airgap("lock", SITE, "--check").exit_code == 0


def test_its_authority_is_given_with_it(airgap: Command, site: Path, upstream: Upstream) -> None:
    refused = airgap("lock", SITE, "--factory", upstream.factory_url)
    assert refused.exit_code == 1
    assert "certificate is not trusted" in refused.stderr
    outcome = airgap(
        "lock", SITE, "--factory", upstream.factory_url, "--factory-ca", str(upstream.ca_file)
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert len(assets(site)) == 3


def test_certificates_of_other_redirects_stay_as_they_were_read(
    airgap: Command, site: Path, site_value: dict[str, object], inside: Factory, upstream: Upstream
) -> None:
    """They are named relative to the stack file, which is not where the command is run."""
    redirects = site_value["upstream"]
    assert isinstance(redirects, dict)
    (site / "stacks" / "outside.pem").write_bytes(upstream.ca_file.read_bytes())
    by_file = {
        host: {"url": source["url"], "caFile": "outside.pem"}
        for host, source in redirects["registries"].items()
    }
    releases = {"url": upstream.releases_url, "caFile": "outside.pem"}
    value = yaml.safe_load((site / "stacks" / f"Pulumi.{SITE}.yaml").read_text())
    described = value["config"]["sidero-airgap:site"]
    write_site(site, {**described, "upstream": {"registries": by_file, "releases": releases}})
    outcome = airgap("lock", SITE, "--factory", inside.url)
    assert outcome.exit_code == 0, outcome.stderr
    assert len(assets(site)) == 3


def test_a_factory_with_other_secure_boot_keys_than_the_sites_is_not_asked(
    airgap: Command, site: Path, site_value: dict[str, object]
) -> None:
    own = "https://factory.berlin.example"
    factory = {"kind": "deployed", "version": "v1.5.0", "endpoint": own, "secureBoot": True}
    environment = {"name": "metal", "talos": "v1.11.5"}
    signed = {
        "name": "agent",
        "environment": "metal",
        "secureBoot": {},
        "bootAssets": ["metal-amd64-secureboot.iso"],
    }
    changed = {
        **site_value,
        "imageFactory": factory,
        "environments": [environment],
        "serverClasses": [signed],
        "upstream": {"factory": own},
    }
    write_site(site, changed)
    outcome = airgap("lock", SITE, "--factory", "https://factory.elsewhere.example")
    assert outcome.exit_code == 1
    assert "machines would not start what they install" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--factory", "factory.example"), 2, "expected http"),
        (("--factory", "https://"), 2, "expected http"),
        (("--factory", "https://f.example:0x"), 1, "is not a host"),
        (("--factory-ca", "Pulumi.yaml"), 2, "--factory-ca goes with --factory"),
        (("--factory", "https://f.example", "--factory-ca", "gone.pem"), 2, "gone.pem"),
        (("--factory", "https://f.example", "--factory-ca", "Pulumi.yaml"), 1, "factory"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    airgap: Command, site: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    outcome = airgap("lock", SITE, *arguments)
    assert outcome.exit_code == code
    assert words in outcome.stderr
    assert not (site / "store").exists(), "nothing was touched"
