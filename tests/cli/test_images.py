"""`images`: what a site needs and why, and what a Talos release brings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SITE, Command, write_site

# `talosctl image default` of v1.11.5, as the real one prints it
DEFAULT_1_11_5 = """\
ghcr.io/siderolabs/flannel:v0.27.4
registry.k8s.io/coredns/coredns:v1.12.4
gcr.io/etcd-development/etcd:v3.6.5
registry.k8s.io/kube-apiserver:v1.34.1
registry.k8s.io/kube-controller-manager:v1.34.1
registry.k8s.io/kube-scheduler:v1.34.1
registry.k8s.io/kube-proxy:v1.34.1
ghcr.io/siderolabs/kubelet:v1.34.1
ghcr.io/siderolabs/installer:v1.11.5
registry.k8s.io/pause:3.10
"""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: web, image: 'quay.io/example/web:2.0'}]}}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: podinfo}
spec: {}
"""
CHAIN = (
    "  stacks/Pulumi.berlin.yaml → manifests[0] → ../apps/web.yaml → Deployment shop/web → "
    "spec.template.spec.containers[0].image"
)

__all__: list[str] = []


@pytest.fixture
def with_manifest(project: Path, site_value: dict[str, object]) -> Path:
    """The project, whose site names a manifest."""
    (project / "apps").mkdir()
    (project / "apps/web.yaml").write_text(DEPLOYMENT)
    write_site(project, {**site_value, "manifests": ["../apps"]})
    return project


def test_a_release_prints_one_reference_a_line_and_nothing_else(
    airgap: Command, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # outside of any project
    outcome = airgap("images", "--talos", "v1.11.5")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, DEFAULT_1_11_5, "")


def test_a_release_with_another_kubernetes(airgap: Command) -> None:
    outcome = airgap("images", "--talos", "v1.11.5", "--kubernetes", "v1.33.4")
    assert outcome.stdout == DEFAULT_1_11_5.replace("v1.34.1", "v1.33.4")


def test_the_v_of_a_release_may_be_left_out(airgap: Command) -> None:
    """talosctl and Kubernetes' own tools take 1.34.1 for v1.34.1; an image's tag has the v."""
    outcome = airgap("images", "--talos", "1.11.5", "--kubernetes", "1.33.4")
    assert outcome.stdout == DEFAULT_1_11_5.replace("v1.34.1", "v1.33.4")


@pytest.mark.parametrize(
    "arguments", [("--talos", "foo"), ("--talos", "v1.11.5", "--kubernetes", "bar")]
)
def test_what_is_no_release_is_wrong_usage(airgap: Command, arguments: tuple[str, ...]) -> None:
    outcome = airgap("images", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert f"{arguments[-1]!r} is not a release such as v1.11.5" in outcome.stderr


def test_a_release_that_does_not_run_a_kubernetes_is_said_without_a_site(airgap: Command) -> None:
    outcome = airgap("images", "--talos", "v1.11.5", "--kubernetes", "v1.40.0")
    assert outcome.exit_code == 1
    assert "v1.11.5 does not run Kubernetes v1.40.0" in outcome.stderr
    assert "kubernetes.versions" not in outcome.stderr


def test_a_release_that_is_not_in_the_table_names_the_nearest_rows(airgap: Command) -> None:
    outcome = airgap("images", "--talos", "v1.11.99")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "nearest: v1.11.6 and v1.12.0; a site may state" in outcome.stderr
    assert "talos.versions" not in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a site, or a release"),
        ([SITE, "--talos", "v1.11.5"], "name a site, or a release"),
        (["--kubernetes", "v1.34.1"], "--kubernetes goes with --talos"),
        ([SITE, "--kubernetes", "v1.34.1"], "--kubernetes goes with --talos"),
        (["--talos", "v1.11.5", "--why", "pause"], "--why goes with a site"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    airgap: Command, arguments: list[str], message: str
) -> None:
    outcome = airgap("images", *arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr


def test_a_site_is_listed_without_lock_and_network(airgap: Command, with_manifest: Path) -> None:
    outcome = airgap("images", SITE)
    lines = outcome.stdout.splitlines()
    assert outcome.exit_code == 0
    assert "no lock yet: python -m airgap lock berlin" in outcome.stderr
    assert "talos: 1" in lines
    assert any(line.split() == ["registry.k8s.io/pause:3.10", "talos", "v1.11.5"] for line in lines)
    assert "  quay.io/example/web:2.0         manifest ../apps" in lines


def test_what_shows_in_the_cluster_only_is_said(airgap: Command, with_manifest: Path) -> None:
    assert "HelmRelease podinfo → spec: a chart that Flux" in airgap("images", SITE).stderr


def test_why_prints_the_chain_link_by_link(airgap: Command, with_manifest: Path) -> None:
    outcome = airgap("images", SITE, "--why", "quay.io/example/web:2.0")
    assert outcome.stdout.splitlines() == ["quay.io/example/web:2.0", CHAIN]


@pytest.mark.parametrize("text", ["nginx:1.27.3", "nginx", "docker.io/library/nginx:1.27.3"])
def test_an_image_may_be_asked_for_by_its_short_names(airgap: Command, text: str) -> None:
    outcome = airgap("images", SITE, "--why", text)
    assert outcome.stdout.splitlines() == [
        "docker.io/library/nginx:1.27.3",
        "  stacks/Pulumi.berlin.yaml → images[0] docker.io/library/nginx:1.27.3",
    ]


def test_an_unknown_image_is_an_error_that_names_the_nearest(airgap: Command) -> None:
    outcome = airgap("images", SITE, "--why", "kube-proxi")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "needs no image 'kube-proxi'" in outcome.stderr
    assert "nearest: registry.k8s.io/kube-proxy:v1.34.1" in outcome.stderr


def test_with_a_lock_digest_and_size_are_shown(airgap: Command, ready: Path) -> None:
    pins = json.loads((ready / "stacks/berlin.lock.json").read_text())["images"]
    outcome = airgap("images", SITE)
    assert outcome.stderr == ""
    line = next(line for line in outcome.stdout.splitlines() if "kube-proxy" in line)
    assert pins["registry.k8s.io/kube-proxy:v1.34.1"]["digest"] in line
    listed = json.loads(airgap("images", SITE, "--json").stdout)["images"]
    assert {name: item["digest"] for name, item in listed.items()} == {
        name: pin["digest"] for name, pin in pins.items()
    }


def test_what_is_attached_to_an_image_is_led_back_to_it(airgap: Command, ready: Path) -> None:
    pins = json.loads((ready / "stacks/berlin.lock.json").read_text())["images"]
    attached = next(name for name, pin in pins.items() if pin["need"] == "signatures")
    subject = pins[attached]["neededBy"][0].removeprefix("signature of ")
    outcome = airgap("images", SITE, "--why", attached)
    assert f"→ {subject} → what is attached to it" in outcome.stdout


def test_extensions_and_installers_are_listed_by_server_class(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    servers = {"name": "gpu", "environment": "talos-1-11-5", "extensions": ["siderolabs/iscsi"]}
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "registry.berlin.example:5000",
    }
    write_site(project, {**site_value, "imageFactory": factory, "serverClasses": [servers]})
    text = airgap("images", SITE).stdout
    assert "factory.example/metal-installer/" in text
    assert "(built on site)" in text
    outcome = airgap("images", SITE, "--why", "siderolabs/iscsi")
    assert outcome.stdout.splitlines()[1:] == [
        (
            "  stacks/Pulumi.berlin.yaml → serverClasses[0] gpu → extensions[0] siderolabs/iscsi → "
            "catalogue of Talos v1.11.5"
        )
    ]


def test_a_lock_that_lacks_an_image_is_refused_with_the_chain(
    airgap: Command, ready: Path, site_value: dict[str, object]
) -> None:
    (ready / "apps").mkdir()
    (ready / "apps/web.yaml").write_text(DEPLOYMENT)
    write_site(ready, {**site_value, "manifests": ["../apps"]})
    for command in (["lock", SITE, "--check"], ["check", SITE], ["fetch", SITE]):
        outcome = airgap(*command)
        assert outcome.exit_code == 1
        assert "lock does not have quay.io/example/web:2.0, which is named by" in outcome.stderr
        assert CHAIN.partition("manifests[0]")[2] in outcome.stderr
    listed = airgap("images", SITE)
    assert listed.exit_code == 0
    assert "note: the lock does not fit" in listed.stderr
    assert "quay.io/example/web:2.0" in listed.stdout
