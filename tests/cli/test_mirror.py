"""`mirror`: a site's transfers without the engine, and what a later `pulumi up` makes of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from airgap.lock import Lock, read_lock
from airgap.plan import ResourcePlan, plan_site
from airgap.site.load import load_site
from airgap.site.model import Site
from airgap.transfer import forecast
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.wanted import mirror_of, registry_of
from lab.registry import Registry
from lab.upstream import Upstream
from providers.asset_set import AssetSetProvider
from providers.image_cache import ImageCacheProvider
from providers.image_set import ImageSetProvider
from tests.cli.conftest import SITE, Command, Hold, write_site
from tests.engine.workspace import CHECKOUT
from tests.web_directory import WebDirectory

NGINX = "docker.io/library/nginx:1.27.3"
SENDING = ("POST", "PUT", "PATCH", "DELETE")

Document = dict[str, Any]


@dataclass
class Inside:
    """A project that is locked and fetched, and the site's own registry and web server."""

    project: Path
    registry: Registry
    web: WebDirectory
    value: dict[str, object]

    @property
    def site(self) -> Site:
        return load_site(self.project / "stacks" / f"Pulumi.{SITE}.yaml")

    @property
    def lock(self) -> Lock:
        return read_lock(self.project / "stacks" / f"{SITE}.lock.json")

    def ledger(self, identity: str) -> Ledger:
        return Ledger(ledger_root(self.project / "store"), identity)

    def resources(self, kind: str) -> list[ResourcePlan]:
        """Return the resources of a kind that `pulumi up` would have."""
        plan = plan_site(self.site, self.lock, name=SITE)
        children = (*plan.registry.children, *plan.asset_mirror.children)
        return [child for child in children if child.kind == kind]

    def sent(self) -> list[str]:
        return [item.path for item in self.registry.requests if item.method in SENDING]


@pytest.fixture
def inside(ready: Path, site_value: dict[str, object], tmp_path: Path) -> Iterator[Inside]:
    with Registry(deletes=True) as registry, WebDirectory(tmp_path / "www") as web:
        value = {
            **site_value,
            "registry": {"kind": "existing", "endpoints": [{"url": registry.url}]},
            "assetMirror": {
                "kind": "directory",
                "url": web.mirror_url,
                "path": str(web.directory),
            },
        }
        write_site(ready, value)
        yield Inside(ready, registry, web, value)
        assert registry.crashes == []


def as_json(airgap: Command, *arguments: str) -> Document:
    outcome = airgap(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return cast("Document", json.loads(outcome.stdout))


def test_everything_of_the_lock_is_on_the_site(airgap: Command, inside: Inside) -> None:
    outcome = airgap("mirror", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    assert f"{len(inside.lock.images)} images pushed, 0 were there" in outcome.stdout
    assert "2 boot assets published, 0 were there" in outcome.stdout
    assert " moved, " in outcome.stdout
    verified = airgap("verify", SITE)
    assert verified.exit_code == 0, verified.stdout


def test_a_later_up_finds_everything_and_sends_nothing(
    airgap: Command, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert airgap("mirror", SITE).exit_code == 0
    monkeypatch.setenv("AIRGAP_STORE", str(inside.project / "store"))
    files = {path: path.stat().st_mtime_ns for path in inside.web.directory.rglob("v*/*")}
    inside.registry.requests.clear()
    for resource in inside.resources("ImageSet"):
        ImageSetProvider().create(dict(resource.inputs))
    for resource in inside.resources("AssetSet"):
        AssetSetProvider().create(dict(resource.inputs))
    assert inside.sent() == []
    assert [item.method for item in inside.registry.requests] == ["HEAD"] * len(inside.lock.images)
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_sets_and_ledger_are_those_of_the_plan(airgap: Command, inside: Inside) -> None:
    assert airgap("mirror", SITE).exit_code == 0
    site = inside.site
    images = inside.ledger(registry_of(site).identity).sets()
    assets = inside.ledger(mirror_of(site).identity).sets()
    assert images.keys() == {str(item.inputs["set"]) for item in inside.resources("ImageSet")}
    assert assets.keys() == {str(item.inputs["set"]) for item in inside.resources("AssetSet")}
    assert all(record.intent is None for record in (*images.values(), *assets.values()))


def test_prune_removes_just_what_a_newer_lock_no_longer_names(
    airgap: Command, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert airgap("mirror", SITE).exit_code == 0
    assert "0 items that nothing names" in airgap("prune", SITE, "--dry-run").stdout
    elsewhere = inside.project / "elsewhere"
    with monkeypatch.context() as moved:
        moved.setenv("AIRGAP_LEDGER", str(elsewhere))
        told = airgap("prune", SITE, "--dry-run").stdout
    for url in (registry_of(inside.site).endpoint, mirror_of(inside.site).url):
        assert f"{url}: nothing is recorded as ours in {elsewhere}: is AIRGAP_LEDGER" in told
    assert not elsewhere.exists()
    write_site(inside.project, {**inside.value, "images": []})
    assert airgap("lock", SITE).exit_code == 0
    assert airgap("mirror", SITE).exit_code == 0
    outcome = airgap("prune", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    assert f"removed: {NGINX}" in outcome.stdout
    assert "nothing is recorded" not in outcome.stdout
    assert inside.registry.content.find("docker.io/library/nginx", "1.27.3") is None
    assert inside.registry.content.find("ghcr.io/siderolabs/kubelet", "v1.34.1") is not None


def test_running_again_asks_once_an_image_and_moves_nothing(
    airgap: Command, inside: Inside
) -> None:
    assert airgap("mirror", SITE).exit_code == 0
    inside.registry.requests.clear()
    done = as_json(airgap, "mirror", SITE)
    assert done["images"]["pushed"] == done["images"]["movedBytes"] == 0
    assert done["images"]["present"] == len(inside.lock.images)
    assert [item.method for item in inside.registry.requests] == ["HEAD"] * len(inside.lock.images)


def test_a_site_that_serves_its_store_needs_no_transfer(airgap: Command, inside: Inside) -> None:
    embedded = {
        "registry": {"kind": "embedded", "endpoints": [{"url": "https://boot.example:8443"}]},
        "assetMirror": {"kind": "embedded", "url": "https://boot.example:8443/talos"},
    }
    write_site(inside.project, {**inside.value, **embedded})
    outcome = airgap("mirror", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.count("serves the store as it is") == 2
    assert len(inside.registry.requests) == 0


def test_a_lock_that_does_not_fit_moves_nothing(airgap: Command, inside: Inside) -> None:
    write_site(inside.project, {**inside.value, "images": ["docker.io/library/redis:7"]})
    outcome = airgap("mirror", SITE)
    assert outcome.exit_code == 1
    assert "python -m airgap lock berlin" in outcome.stderr
    assert len(inside.registry.requests) == 0


def test_an_empty_store_names_fetch(airgap: Command, inside: Inside) -> None:
    (inside.project / "store").rename(inside.project / "away")
    outcome = airgap("mirror", SITE)
    assert outcome.exit_code == 1
    assert "fetch" in outcome.stderr
    assert inside.sent() == []


def test_an_item_that_fails_is_told_and_all_others_are_there(
    airgap: Command, inside: Inside
) -> None:
    inside.registry.faults.add(
        "/v2/docker.io/library/nginx/manifests/1.27.3", times=None, status=403
    )
    outcome = airgap("mirror", SITE)
    inside.registry.faults.clear()
    assert outcome.exit_code == 1
    assert NGINX in outcome.stderr
    assert inside.registry.content.find("ghcr.io/siderolabs/kubelet", "v1.34.1") is not None
    done = as_json(airgap, "mirror", SITE)
    assert done["images"]["pushed"] == 1


# From upstream


def test_a_dual_homed_machine_brings_images_past_the_disk(
    airgap: Command, inside: Inside, upstream: Upstream
) -> None:
    (inside.project / "store").rename(inside.project / "away")
    outcome = airgap("mirror", SITE, "--from", "upstream")
    assert outcome.exit_code == 0, outcome.stderr
    for reference, pin in inside.lock.images.items():
        name, _, tag = reference.rpartition("@" if "@" in reference else ":")
        found = inside.registry.content.find(name, tag)
        assert found is not None, reference
        assert str(found.digest) == pin.digest
    stored = {path.name for path in (inside.project / "store/blobs/sha256").iterdir()}
    layers = {
        blob.digest.hex
        for name in inside.registry.content.names
        for digest in [pin.digest for pin in inside.lock.images.values()]
        if (found := inside.registry.content.find(name, digest)) is not None
        for child in found.children
        if (image := inside.registry.content.find(name, str(child.digest))) is not None
        for blob in image.blobs
        if blob.size > 2  # a signature's empty configuration is a boot asset's, too
    }
    assert layers
    assert not stored & layers
    assert airgap("verify", SITE, "--only", "registry", "--only", "mirror").exit_code == 0


def test_either_way_leaves_the_same_record(
    airgap: Command, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert airgap("mirror", SITE, "--from", "upstream").exit_code == 0
    inside.registry.requests.clear()
    assert as_json(airgap, "mirror", SITE)["images"]["pushed"] == 0
    assert inside.sent() == []


@pytest.mark.parametrize("source", ["store", "upstream"])
def test_chosen_platforms_arrive_and_the_others_stay_outside(
    airgap: Command, inside: Inside, upstream: Upstream, source: str
) -> None:
    value = {**inside.value, "transfer": {"platforms": ["linux/amd64"]}}
    write_site(inside.project, value)
    assert airgap("lock", SITE).exit_code == 0
    pin = inside.lock.images[NGINX]
    if source == "store":
        (inside.project / "store").rename(inside.project / "away")
        assert airgap("fetch", SITE).exit_code == 0
        assert airgap("verify", SITE, "--only", "store").exit_code == 0
    outcome = airgap("mirror", SITE, "--from", source)
    assert outcome.exit_code == 0, outcome.stderr
    found = inside.registry.content.find("docker.io/library/nginx", "1.27.3")
    assert found is not None
    assert str(found.digest) == pin.digest
    whole = upstream.registry.content.find("docker.io/library/nginx", str(pin.whole))
    assert whole is not None
    arm64 = next(item for item in whole.children if str(item.platform) == "linux/arm64")
    assert arm64.digest not in {child.digest for child in found.children}
    assert inside.registry.content.find("docker.io/library/nginx", str(arm64.digest)) is None
    assert airgap("verify", SITE, "--only", "registry").exit_code == 0


# The dry run


def test_a_dry_run_tells_the_exact_bytes_and_sends_none(airgap: Command, inside: Inside) -> None:
    told = as_json(airgap, "mirror", SITE, "--dry-run", "--rate", "10MiB/s")
    assert inside.sent() == []
    assert not list(inside.web.directory.rglob("vmlinuz*"))
    done = as_json(airgap, "mirror", SITE)
    images = sum(each["sendBytes"] for name, each in told["sets"].items() if "talos-v" not in name)
    assert images == done["images"]["movedBytes"]
    [assets] = [each for name, each in told["sets"].items() if "talos-v" in name]
    assert assets["sendBytes"] == 0, "boot assets are copied and linked on this machine"
    assert told["sendBytes"] == images + assets["sendBytes"]
    assert told["bytesPerSecond"] == 10 * 2**20
    # What is published is read back through the mirror's URL, at both paths.
    assert assets["receiveBytes"] == 2 * sum(pin.size for pin in inside.lock.assets.values())
    moved = told["sendBytes"] + told["receiveBytes"]
    assert told["seconds"] == pytest.approx(moved / (10 * 2**20))


def test_a_dry_run_tells_what_is_there_and_what_is_not(airgap: Command, inside: Inside) -> None:
    assert airgap("mirror", SITE).exit_code == 0
    outcome = airgap("mirror", SITE, "--dry-run")
    assert outcome.exit_code == 0, outcome.stderr
    *sets, total = outcome.stdout.splitlines()
    assert len(sets) == len(inside.resources("ImageSet")) + len(inside.resources("AssetSet"))
    assert all(" 0 missing" in line for line in sets)
    assert f"{SITE}/talos: 1 present, 0 missing; 0 B to send (0 bytes)" in sets
    assert total == "total: 0 B to send (0 bytes)"


def test_a_dry_run_after_a_removed_tag_sends_no_blob(airgap: Command, inside: Inside) -> None:
    assert airgap("mirror", SITE).exit_code == 0
    inside.registry.content.untag("docker.io/library/nginx", "1.27.3")
    told = as_json(airgap, "mirror", SITE, "--dry-run")
    workloads = told["sets"][f"{SITE}/workloads"]
    assert (workloads["missing"], workloads["sendBytes"]) == (1, 0)


def test_the_limits_of_the_site_bound_the_estimate(airgap: Command, inside: Inside) -> None:
    limits = [{"rate": "100kB/s"}]
    write_site(inside.project, {**inside.value, "transfer": {"limits": limits}})
    told = as_json(airgap, "mirror", SITE, "--dry-run", "--rate", "1GiB/s")
    assert told["seconds"] == pytest.approx((told["sendBytes"] + told["receiveBytes"]) / 100_000)


def test_without_a_rate_upstream_is_measured(
    airgap: Command, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecast, "_LEAST_BYTES", 1)  # practice images are small
    outcome = airgap("mirror", SITE, "--dry-run", "--from", "upstream")
    assert outcome.exit_code == 0, outcome.stderr
    assert "as measured" in outcome.stdout.splitlines()[-1]
    assert inside.sent() == []


def test_a_rate_without_a_dry_run_is_wrong_usage(airgap: Command, inside: Inside) -> None:
    outcome = airgap("mirror", SITE, "--rate", "1MB/s")
    assert outcome.exit_code == 2
    assert "--dry-run" in outcome.stderr


# Stopped


def test_ctrl_c_loses_nothing(airgap: Command, inside: Inside) -> None:
    hold = Hold()
    inside.registry.faults.add("/v2/registry.k8s.io/.*/blobs/uploads/", then=hold)
    inside.registry.faults.add("/v2/registry.k8s.io/.*/blobs/uploads/", times=None, delay_s=0.3)
    process = subprocess.Popen(
        [sys.executable, "-m", "airgap", "mirror", SITE, "--project", str(inside.project)],
        cwd=CHECKOUT,
        env={key: text for key, text in os.environ.items() if key != "AIRGAP_STORE"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_pushes(inside.registry, 5)
        os.killpg(process.pid, signal.SIGINT)
        hold.release()
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        inside.registry.faults.clear()
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr
    held = set(inside.registry.content.names)
    assert held
    assert airgap("mirror", SITE).exit_code == 0
    assert airgap("verify", SITE).exit_code == 0


def _wait_for_pushes(registry: Registry, count: int) -> None:
    limit = time.monotonic() + 60
    while sum(item.method == "PUT" for item in registry.requests) < count:
        assert time.monotonic() < limit
        time.sleep(0.02)


# Image caches


def test_image_caches_are_made_once_and_a_later_up_finds_them(
    airgap: Command, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_site(inside.project, {**inside.value, "imageCache": {"publish": ["tar", "image"]}})
    assert as_json(airgap, "mirror", SITE)["imageCaches"] == {"made": 2, "all": 2}
    assert as_json(airgap, "mirror", SITE)["imageCaches"] == {"made": 0, "all": 2}
    monkeypatch.setenv("AIRGAP_STORE", str(inside.project / "store"))
    (made,) = inside.web.directory.glob("v1.11.5/image-cache-*-amd64.oci.tar")
    before = made.stat()
    inside.registry.requests.clear()
    resources = inside.resources("ImageCache")
    assert len(resources) == 2
    for resource in resources:
        inputs = ImageCacheProvider().check({}, dict(resource.inputs)).inputs or {}
        created = ImageCacheProvider().create(inputs)
        assert ImageCacheProvider().read(created.id, inputs).outs == inputs
    assert made.stat().st_mtime_ns == before.st_mtime_ns
    assert inside.sent() == []


def test_image_caches_stay_until_the_site_publishes_none(airgap: Command, inside: Inside) -> None:
    write_site(inside.project, {**inside.value, "imageCache": {"publish": ["tar", "image"]}})
    assert airgap("mirror", SITE).exit_code == 0
    assert airgap("prune", SITE).exit_code == 0
    assert list(inside.web.directory.glob("v1.11.5/image-cache-*"))
    write_site(inside.project, inside.value)
    assert airgap("mirror", SITE).exit_code == 0
    assert airgap("prune", SITE).exit_code == 0
    assert not list(inside.web.directory.glob("v1.11.5/image-cache-*"))
    assert inside.registry.content.find("image-cache", "v1.11.5-amd64") is None


def test_a_site_without_a_registry_has_its_boot_assets_and_its_medium(
    airgap: Command, inside: Inside
) -> None:
    value = {
        **inside.value,
        "registry": {"kind": "none"},
        "imageCache": {"enabled": True, "medium": "cd", "publish": ["iso"]},
    }
    write_site(inside.project, value)
    outcome = airgap("mirror", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    assert "has no media type" not in outcome.stderr
    assert "no registry" in outcome.stdout
    assert list(inside.web.directory.glob("v1.11.5/image-cache-*-amd64.iso"))
    verified = airgap("verify", SITE)
    assert verified.exit_code == 0, verified.stdout
    assert airgap("prune", SITE).exit_code == 0
    assert inside.registry.requests.select() == []


@pytest.mark.parametrize("kind", ["none", "existing"])
def test_what_talos_cannot_serve_is_refused_without_a_registry_and_said_with_one(
    airgap: Command, inside: Inside, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """registryd up to Talos 1.12: 500 for a manifest without a top-level mediaType."""
    monkeypatch.setattr("airgap.imagecache.contents.find_untyped", lambda _: ("manifests/old",))
    value = {
        **inside.value,
        "imageCache": {"enabled": True, "medium": "cd", "publish": ["iso"]},
        **({"registry": {"kind": "none"}} if kind == "none" else {}),
    }
    write_site(inside.project, value)
    outcome = airgap("mirror", SITE)
    assert outcome.exit_code == (kind == "none"), outcome.stderr
    assert "manifests/old" in outcome.stderr
    assert bool(list(inside.web.directory.glob("v1.11.5/image-cache-*"))) is (kind != "none")
