"""`extensions`: a release's catalogue, from the practice upstream and from a site's registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.catalogue import EXTENSIONS, OVERLAYS, extension_tag
from lab.registry import Registry
from lab.upstream import RELEASE, Upstream
from tests.cli.conftest import SITE, Command, write_site

CATALOGUES = ("extensions", "overlays")


@pytest.fixture
def at(upstream: Upstream) -> tuple[str, ...]:
    """Options that read from the practice upstream, without a site."""
    url = upstream.registry_redirects["ghcr.io"]
    return ("--registry", url, "--ca-file", str(upstream.ca_file))


def test_every_extension_of_a_release_is_listed_by_name(
    airgap: Command, at: tuple[str, ...]
) -> None:
    outcome = airgap("extensions", RELEASE.removeprefix("v"), *at)
    assert outcome.exit_code == 0, outcome.stderr
    rows = [line.split(maxsplit=3) for line in outcome.stdout.splitlines()]
    assert [(name, tag) for name, tag, *_ in rows] == [
        (f"siderolabs/{name}", extension_tag(name, RELEASE)) for name in sorted(EXTENSIONS)
    ]
    said = {name: rest for name, _, *rest in rows}
    digest, description = said["siderolabs/gvisor"]
    assert len(digest) == len("sha256:") + 12
    assert description == "The gvisor system extension."
    assert said["siderolabs/i915"][1].startswith("(also siderolabs/i915-ucode) ")
    assert outcome.stderr == f"{len(rows)} of {len(rows)} extensions of Talos {RELEASE}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gVisor", ["gvisor"]),
        ("nvidia lts open", ["nvidia-open-gpu-kernel-modules-lts"]),
        ("i915-ucode", ["i915"]),
        ("nothing-of-the-kind", []),
    ],
)
def test_a_search_looks_into_names_aliases_and_descriptions(
    airgap: Command, at: tuple[str, ...], text: str, found: list[str]
) -> None:
    outcome = airgap("extensions", RELEASE, "--search", text, *at)
    names = [line.split()[0] for line in outcome.stdout.splitlines()]
    assert names == [f"siderolabs/{name}" for name in found]
    assert outcome.exit_code == 0
    assert f"{len(found)} of {len(EXTENSIONS)} extensions" in outcome.stderr


def test_json_has_the_whole_digest_and_the_catalogues(
    airgap: Command, at: tuple[str, ...], upstream: Upstream
) -> None:
    outcome = airgap("extensions", RELEASE, "--overlays", "--json", *at)
    document = json.loads(outcome.stdout)
    content = upstream.registry.content
    catalogue = content.find("ghcr.io/siderolabs/overlays", RELEASE)
    image = content.find("ghcr.io/siderolabs/sbc-raspberrypi", "v0.1.5")
    assert catalogue is not None
    assert image is not None
    assert document["catalogue"] == f"ghcr.io/siderolabs/overlays:{RELEASE}@{catalogue.digest}"
    assert [item["name"] for item in document["overlays"]] == sorted(OVERLAYS)
    (pi,) = (item for item in document["overlays"] if item["name"] == "rpi_generic")
    assert (pi["image"], pi["tag"]) == ("ghcr.io/siderolabs/sbc-raspberrypi", "v0.1.5")
    assert pi["digest"] == str(image.digest)


def test_a_release_before_overlays_has_none(airgap: Command, at: tuple[str, ...]) -> None:
    outcome = airgap("extensions", "v1.6.8", "--overlays", *at)  # they came with 1.7
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert "0 of 0 overlays of Talos v1.6.8" in outcome.stderr


def test_a_release_that_is_not_there_says_what_is_known(
    airgap: Command, at: tuple[str, ...]
) -> None:
    outcome = airgap("extensions", "v1.11.99", *at)
    assert outcome.exit_code == 1
    assert "no image ghcr.io/siderolabs/extensions:v1.11.99 here" in outcome.stderr
    assert "the nearest known releases are v1.11." in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("1.11",), "'1.11' is not a release such as v1.11.5"),
        ((RELEASE, "--inside"), "--inside goes with --site"),
        ((RELEASE, "--site", SITE, "--registry", "https://r.example"), "not both"),
        ((RELEASE, "--ca-file", __file__), "--ca-file goes with --registry"),
    ],
)
def test_wrong_usage_is_said(airgap: Command, arguments: tuple[str, ...], reason: str) -> None:
    outcome = airgap("extensions", *arguments)
    assert outcome.exit_code == 2
    assert reason in outcome.stderr


def test_a_registry_that_is_not_trusted_hints_at_the_flag(
    airgap: Command, at: tuple[str, ...]
) -> None:
    _, url, *_ = at
    outcome = airgap("extensions", RELEASE, "--registry", url)
    assert outcome.exit_code == 1
    assert "give the authority that signed it with --ca-file" in outcome.stderr


def test_a_sites_redirects_are_followed(airgap: Command) -> None:
    outcome = airgap("extensions", RELEASE, "--site", SITE, "--search", "gvisor")
    assert outcome.stdout.startswith("siderolabs/gvisor ")


@pytest.mark.parametrize(
    ("layout", "prefix", "folder"), [("prefix", "", "ghcr.io/"), ("flat", "project", "project/")]
)
def test_inside_the_sites_own_registry_is_read(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    upstream: Upstream,
    layout: str,
    prefix: str,
    folder: str,
) -> None:
    with Registry() as registry:
        for name in CATALOGUES:
            _copy(upstream, registry, f"siderolabs/{name}", folder)
        own = {
            "kind": "existing",
            "endpoints": [{"url": registry.url}],
            "layout": layout,
            "pathPrefix": prefix,
        }
        write_site(project, {**site_value, "registry": own})
        upstream.outside.requests.clear()
        inside = ("--site", SITE, "--inside")
        listed = airgap("extensions", RELEASE, "--search", "zfs", *inside)
        overlays = airgap("extensions", RELEASE, "--overlays", *inside)
    assert listed.stdout.startswith("siderolabs/zfs "), listed.stderr
    assert len(overlays.stdout.splitlines()) == len(OVERLAYS)
    assert len(upstream.outside.requests) == 0


def _copy(upstream: Upstream, registry: Registry, repository: str, folder: str) -> None:
    """Copy a catalogue image into a site's registry."""
    content = upstream.registry.content
    index = content.find(f"ghcr.io/{repository}", RELEASE)
    assert index is not None
    for child in index.children:
        manifest = content.find(f"ghcr.io/{repository}", str(child.digest))
        assert manifest is not None
        for blob in manifest.blobs:
            registry.content.add_blob(folder + repository, content.pool.read(str(blob.digest)))
        registry.content.put_manifest(folder + repository, manifest.raw)
    registry.content.put_manifest(folder + repository, index.raw, tag=RELEASE)
