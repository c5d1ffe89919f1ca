"""The images of a release against talosctl v1.11.5 itself, and every minor's own constants.

talosctl of the newer releases cannot be built from the modules that are served: `tests/talos` has
what they print. The constants that it prints are in the machinery module, which is; not in that
is the version of pause (Kubernetes' own), and that of kube-network-policies only since 1.13.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from airgap.talos import images, installer_image, minor_of
from tests.peers.machinery import MACHINERY, start_machinery
from tests.peers.processes import bare_environment
from tools.peers import Peers

__all__: list[str] = []

pytestmark = pytest.mark.peers

TALOS = "v1.11.5"
CHECKOUT = Path(__file__).parents[2]


def ask(*command: str | Path) -> str:
    """Return what a program prints."""
    return subprocess.run(
        command,
        cwd=CHECKOUT,
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    ).stdout


def list_ours(*arguments: str) -> str:
    """Return what our own command prints."""
    return ask(sys.executable, "-m", "airgap", "images", "--talos", TALOS, *arguments)


def test_the_list_is_talosctls_line_by_line(peers: Peers) -> None:
    printed = ask(peers.path("talosctl"), "image", "default")
    assert images(TALOS) == tuple(printed.splitlines())
    assert list_ours() == printed


def test_the_list_of_every_minor_has_what_its_own_constants_name(peers: Peers) -> None:
    pause, policies = "registry.k8s.io/pause", "registry.k8s.io/networking/kube-network-policies"
    installer = "ghcr.io/siderolabs/installer"
    with start_machinery(peers) as code:
        named = {talos: code[talos].images() for talos in MACHINERY}
    for talos, constants in named.items():
        listed = images(talos)
        assert tuple(each for each in listed if each in constants) == constants, talos
        others = {each.rpartition(":")[0] for each in listed if each not in constants}
        assert others == {
            pause,
            *([installer] if minor_of(talos) <= (1, 11) else []),
            *([policies] if minor_of(talos) >= (1, 13) else []),
        }


@pytest.mark.parametrize("kubernetes", ["v1.34.1", "v1.33.4", "v1.30.0"])
def test_another_kubernetes_is_what_talosctl_configures_machines_for(
    peers: Peers, tmp_path: Path, kubernetes: str
) -> None:
    """`image default` knows no other Kubernetes; `gen config` does, and names its images."""
    flags = ("--kubernetes-version", kubernetes.removeprefix("v"), "--output-dir", tmp_path)
    ask(peers.path("talosctl"), "gen", "config", "site", "https://10.0.0.1:6443", *flags)
    configured = {
        reference
        for file in ("controlplane.yaml", "worker.yaml")
        for reference in find_images(yaml.safe_load((tmp_path / file).read_text()))
    }
    ours = list_ours("--kubernetes", kubernetes).splitlines()
    assert configured == {
        reference
        for reference in ours
        if reference.endswith(f":{kubernetes}") or reference == installer_image(TALOS)
    }
    release = [each for each in images(TALOS) if not each.endswith(":v1.34.1")]
    assert [each for each in ours if not each.endswith(f":{kubernetes}")] == release


def find_images(value: object) -> Iterator[str]:
    """Yield the value of every key `image`."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "image":
                yield str(item)
            yield from find_images(item)
