"""`image-cache …`: from a site that was locked and fetched, and from the store by reference."""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from airgap.oci.reference import parse_reference
from lab.registryd import Registryd
from tests.cli.conftest import SITE, Command, write_site

Document = dict[str, Any]
NGINX = "docker.io/library/nginx:1.27.3"
KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
OUT = f"out/{SITE}/image-cache/v1.11.5"


def document_of(airgap: Command, *arguments: str) -> Document:
    outcome = airgap("image-cache", "create", *arguments, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return cast("Document", json.loads(outcome.stdout))


def test_a_site_needs_no_hand_list(airgap: Command, ready: Path) -> None:
    """facts: `talosctl image default` of v1.11.5 and the site's own image, nothing of Sidero."""
    document = document_of(airgap, SITE, "--dry-run")
    assert set(document["images"]) == {
        NGINX,
        KUBELET,
        "ghcr.io/siderolabs/flannel:v0.27.4",
        "ghcr.io/siderolabs/installer:v1.11.5",
        "gcr.io/etcd-development/etcd:v3.6.5",
        "registry.k8s.io/coredns/coredns:v1.12.4",
        "registry.k8s.io/kube-apiserver:v1.34.1",
        "registry.k8s.io/kube-controller-manager:v1.34.1",
        "registry.k8s.io/kube-proxy:v1.34.1",
        "registry.k8s.io/kube-scheduler:v1.34.1",
        "registry.k8s.io/pause:3.10",
    }
    assert "ghcr.io/siderolabs/sidero-controller-manager:v0.6.13" in document["leftOut"]
    assert document["platforms"] == ["linux/amd64"]


def test_the_layout_is_made_where_it_is_looked_for_and_again_nothing_is_done(
    airgap: Command, ready: Path
) -> None:
    first = airgap("image-cache", "create", SITE)
    assert first.exit_code == 0, first.stderr
    layout = ready / OUT / "image-cache-amd64.oci"
    assert (layout / "index.json").is_file()
    before = (layout / "index.json").stat()
    again = airgap("image-cache", "create", SITE)
    assert "is there already" in again.stdout
    assert (layout / "index.json").stat().st_ino == before.st_ino


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--format", "tar"], "image-cache-amd64.oci.tar"),
        (["--format", "tar", "--layout", "flat"], "image-cache-amd64.flat.tar"),
        (["--layout", "flat"], "image-cache-amd64"),
        (["--format", "iso"], "image-cache-amd64.iso"),
        (["--format", "vfat"], "image-cache-amd64.vfat.img"),
    ],
)
def test_every_form_is_made_and_found_again(
    airgap: Command, ready: Path, arguments: list[str], name: str
) -> None:
    assert document_of(airgap, SITE, *arguments)["outcome"] == "published"
    assert (ready / OUT / name).exists()
    assert document_of(airgap, SITE, *arguments)["outcome"] == "present"


def test_a_cache_that_somebody_changed_is_not_taken_for_ours(airgap: Command, ready: Path) -> None:
    document_of(airgap, SITE, "--format", "tar")
    made = ready / OUT / "image-cache-amd64.oci.tar"
    made.chmod(0o644)
    made.write_bytes(b"mine")
    outcome = airgap("image-cache", "create", SITE, "--format", "tar")
    assert outcome.exit_code == 1
    assert "--force" in outcome.stderr
    assert made.read_bytes() == b"mine"
    assert document_of(airgap, SITE, "--format", "tar", "--force")["outcome"] == "published"


def test_the_record_says_what_is_in_it(airgap: Command, ready: Path) -> None:
    document_of(airgap, SITE, "--format", "iso")
    record = json.loads((ready / OUT / "image-cache-amd64.iso.json").read_text())
    lock = json.loads((ready / "stacks" / f"{SITE}.lock.json").read_text())
    assert record["images"][KUBELET] == lock["images"][KUBELET]["digest"]


def test_images_of_the_store_are_named_one_by_one(airgap: Command, ready: Path) -> None:
    document = document_of(airgap, "--images", f"{NGINX},{KUBELET}", "--output", "two.oci")
    assert set(document["images"]) == {NGINX, KUBELET}
    assert (ready / "two.oci" / "index.json").is_file()


def test_images_are_read_from_standard_input_a_line_each(
    airgap: Command, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `talosctl image default | talosctl images cache-create --images=-` does."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NGINX}\n{KUBELET}\n"))
    assert set(document_of(airgap, "--images", "-", "--dry-run")["images"]) == {NGINX, KUBELET}


@pytest.mark.parametrize("platform", ["linux/amd64,linux/arm64", "all"])
def test_several_platforms_are_named_by_the_first(
    airgap: Command, ready: Path, platform: str
) -> None:
    """facts: from 1.12 a list makes one tree, and the wrapper's platform is the first one's."""
    document_of(airgap, "--images", KUBELET, "--platform", platform, "--output", "c.oci")
    index = json.loads((ready / "c.oci" / "index.json").read_text())
    assert index["manifests"][0]["platform"] == {"os": "linux", "architecture": "amd64"}
    one = document_of(airgap, "--images", KUBELET, "--dry-run")["bytes"]
    more = document_of(airgap, "--images", KUBELET, "--platform", platform, "--dry-run")["bytes"]
    assert more > one


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "name a SITE, or --images"),
        ([SITE, "--images", NGINX], "name a SITE, or --images"),
        ([SITE, "--platform", "linux/amd64"], "--platform goes with --images"),
        ([SITE, "--talos", "v1.12.0"], "the site has v1.11.5"),
        ([SITE, "--format", "iso", "--layout", "oci"], "a medium that machines read"),
        (["--images", ","], "names none"),
        (["--images", NGINX, "--talos", "foo"], "'foo' is not a release such as v1.11.5"),
        (["--images", NGINX, "--platform", "amd64"], "'amd64' is not a platform such as linux/amd"),
        (["--images", NGINX, "--platform", "linux/amd64,all"], "or all alone"),
        (["--images", NGINX, "--platform", ","], "or all alone"),
    ],
)
def test_wrong_usage_is_said(airgap: Command, ready: Path, arguments: list[str], why: str) -> None:
    outcome = airgap("image-cache", "create", *arguments)
    assert outcome.exit_code == 2
    assert why in outcome.stderr


def test_an_image_that_the_store_lacks_is_named(airgap: Command, ready: Path) -> None:
    outcome = airgap("image-cache", "create", "--images", "docker.io/a/b:1")
    assert outcome.exit_code == 1
    assert "docker.io/a/b:1" in outcome.stderr


def test_several_architectures_have_to_be_chosen_from(
    airgap: Command, project: Path, locked: Path, site_value: dict[str, object]
) -> None:
    write_site(project, {**site_value, "architectures": ["amd64", "arm64"]})
    assert airgap("lock", SITE).exit_code == 0
    assert airgap("fetch", SITE).exit_code == 0
    outcome = airgap("image-cache", "create", SITE)
    assert outcome.exit_code == 2
    assert "--architecture amd64|arm64" in outcome.stderr
    document = document_of(airgap, SITE, "--architecture", "arm64", "--dry-run")
    assert document["platforms"] == ["linux/arm64"]


def test_the_profile_is_imagers_with_the_cache_in_it_and_room_for_it(
    airgap: Command, ready: Path
) -> None:
    """Field names: siderolabs/talos v1.11.5 pkg/imager/profile; 1246 MiB are Talos' own."""
    outcome = airgap("image-cache", "profile", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    document = yaml.safe_load((ready / OUT / "imager-amd64.yaml").read_text())
    size = document_of(airgap, SITE, "--dry-run")["bytes"]
    assert document["input"]["imageCache"] == {"ociPath": "/image-cache.oci"}
    base = "ghcr.io/siderolabs/installer-base:v1.11.5"
    assert document["input"]["baseInstaller"] == {"imageRef": base}
    assert document["output"]["kind"] == "image"
    assert document["output"]["outFormat"] == ".zst"
    assert document["output"]["imageOptions"]["diskSize"] >= 1246 * 2**20 + size
    # the site's paths are relative to its stack file
    made = f"../{OUT}/metal-amd64.raw.zst"
    assert f"bootAsset: metal-amd64.raw.zst, bootAssetFile: {made};" in outcome.stderr
    assert "without" not in outcome.stderr
    assert str(ready / OUT / "image-cache-amd64.oci") in outcome.stderr


def test_the_printed_command_is_one_for_a_shell_whatever_the_path(
    airgap: Command, ready: Path, tmp_path: Path
) -> None:
    spaced = ready.rename(tmp_path / "two words")
    outcome = airgap("image-cache", "profile", SITE, "--project", str(spaced))
    assert outcome.exit_code == 0, outcome.stderr
    (line,) = (line for line in outcome.stderr.splitlines() if line.startswith("2. "))
    assert shlex.split(line)[-2:] == ["<", str(spaced / OUT / "imager-amd64.yaml")]


def test_the_profile_of_a_server_class_has_what_the_class_asks_for(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    """Without the class it is the release's own image, and that is said."""
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "registry.berlin.example:5000",
    }
    gpu = {
        "name": "gpu",
        "environment": "talos-1-11-5",
        "extensions": ["siderolabs/iscsi-tools"],
        "extraKernelArgs": ["console=ttyS1"],
    }
    write_site(project, {**site_value, "imageFactory": factory, "serverClasses": [gpu]})
    for command in ("lock", "fetch"):
        outcome = airgap(command, SITE)
        assert outcome.exit_code == 0, outcome.stderr
    stock = airgap("image-cache", "profile", SITE)
    assert "without extensions, extraKernelArgs of server class gpu" in stock.stderr
    outcome = airgap("image-cache", "profile", SITE, "--server-class", "gpu")
    assert outcome.exit_code == 0, outcome.stderr
    document = yaml.safe_load((project / OUT / "gpu" / "imager-amd64.yaml").read_text())
    (extension,) = document["input"]["systemExtensions"]
    lock = json.loads((project / "stacks" / f"{SITE}.lock.json").read_text())
    assert extension == {"imageRef": lock["extensions"]["v1.11.5"]["siderolabs/iscsi-tools"]}
    assert document["customization"] == {"extraKernelArgs": ["console=ttyS1"]}
    assert f"bootAssetFile: ../{OUT}/gpu/metal-amd64.raw.zst;" in outcome.stderr
    unknown = airgap("image-cache", "profile", SITE, "--server-class", "other")
    assert unknown.exit_code == 2
    assert "the site has gpu" in unknown.stderr


def test_a_partition_that_is_too_small_is_said(
    airgap: Command, ready: Path, site_value: dict[str, object]
) -> None:
    cache = {"enabled": True, "medium": "cd", "volume": {"minSize": "1kB", "maxSize": "2kB"}}
    write_site(ready, {**site_value, "imageCache": cache})
    outcome = airgap("image-cache", "create", SITE, "--dry-run")
    assert outcome.exit_code == 0, outcome.stderr
    assert "do not fit into imageCache.volume.maxSize" in outcome.stderr


def test_what_vouches_for_the_images_is_carried_when_it_is_asked_for(
    airgap: Command, ready: Path
) -> None:
    """cosign's tag, the list of referrers by tag, and what only a referrers API knows of."""
    without = document_of(airgap, SITE, "--dry-run")
    assert without["signatures"] == {}  # Talos 1.11 reads none
    carried = document_of(airgap, SITE, "--signatures", "--layout", "flat")["signatures"]
    root = ready / OUT / "image-cache-amd64"
    tags = [name for name in carried if "@" not in name]
    assert any(name.endswith(".sig") for name in tags)
    assert any(not name.endswith(".sig") for name in tags)
    assert any("@" in name for name in carried)
    registryd = Registryd([root], talos="v1.13.9")
    for name in tags:
        reference = parse_reference(name)
        found = registryd.manifest(reference.repository, reference.tag or "", reference.registry)
        assert found.digest == carried[name]
    listed = "registry.k8s.io/kube-apiserver:v1.34.1"
    digest = without["images"][listed].replace(":", "-")
    assert registryd.manifest("kube-apiserver", digest, "registry.k8s.io").status == 200
