"""Every machine configuration that sites deliver, read by the Talos releases that will boot it.

The peers are Talos' own loader, patcher and validator (the machinery module) at the last served
release of each minor, its published schema, and talosctl v1.11.5. A server's configuration is made
as it is in a site: generated for its release, patched by Sidero with the machinery inside Sidero.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from airgap.plan import credentials_patch
from airgap.render import render_documents
from airgap.talos import config_dialect, minor_of, sidero_machinery
from tests.peers.delivered import SITES, class_patches, documents_of, files_of, plan_for
from tests.peers.machinery import (
    MACHINERY,
    Machinery,
    MachineryError,
    find_breaches,
    start_machinery,
)
from tests.peers.processes import bare_environment
from tests.plan.test_examples import EXAMPLES, plan_of
from tools.peers import Peers

pytestmark = pytest.mark.peers

KINDS = ("controlplane", "worker")
SIDEROS = ("v0.6.11", "v0.6.13")

# What Sidero v0.6.12 and newer merge into every configuration after the patches
# (siderolabs/sidero v0.6.13, internal/metadata): with it there are always several documents.
SIDERO_OWN = """\
apiVersion: v1alpha1
kind: SideroLinkConfig
apiUrl: grpc://192.168.1.5:8081
---
apiVersion: v1alpha1
kind: EventSinkConfig
endpoint: '[fdae:41e4:649b:9303::1]:4002'
---
apiVersion: v1alpha1
kind: KmsgLogConfig
name: remote-log
url: tcp://[fdae:41e4:649b:9303::1]:4001
"""

Code = Mapping[str, Machinery]


@pytest.fixture(scope="module")
def code(peers: Peers) -> Iterator[Code]:
    """Every release's own code, by release."""
    with start_machinery(peers) as running:
        yield running


def receive(code: Code, talos: str, kind: str, patches: tuple[str, ...], sidero: str) -> str:
    """Return the configuration a server gets from Sidero.

    The peer of a minor stands for the machinery inside Sidero, which is that minor's first.
    """
    inside = minor_of(sidero_machinery(sidero))
    (metadata_server,) = (code[each] for each in MACHINERY if minor_of(each) == inside)
    own = (SIDERO_OWN,) if inside >= (1, 12) else ()
    return metadata_server.patch(code[talos].generate(kind), (*patches, *own))


def expect_boot(code: Code, talos: str, config: str) -> None:
    """Fail unless the release boots with a configuration, warns of nothing, and its schema agrees.

    The schemas of 1.12 and 1.13 leave out `machine.registries` and others that are deprecated but
    still read: a configuration in that form is the code's to judge alone.
    """
    assert code[talos].validate(config) == ()
    if config_dialect(talos) == "v1alpha1" or "RegistryMirrorConfig" in config:
        assert find_breaches(code[talos], config) == []


@pytest.mark.parametrize("talos", MACHINERY)
@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("sidero", SIDEROS)
def test_server_of_a_site_boots_with_what_sidero_serves(
    code: Code, site: str, talos: str, sidero: str
) -> None:
    for made in class_patches(plan_for(talos, SITES[site], sidero)):
        for kind in KINDS:
            config = receive(code, talos, kind, made.patches, sidero)
            expect_boot(code, talos, config)


@pytest.mark.parametrize("name", EXAMPLES)
def test_server_of_an_example_boots_with_what_sidero_serves(code: Code, name: str) -> None:
    classes = list(class_patches(plan_of(name)))
    assert classes
    for made in classes:
        for kind in KINDS:
            config = receive(code, made.talos, kind, made.patches, "v0.6.13")
            expect_boot(code, made.talos, config)
