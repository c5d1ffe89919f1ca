"""Every machine configuration that sites deliver, read by the Talos releases that will boot it.

The peers are Talos' own loader, patcher and validator (the machinery module) at one release of each
minor, of 1.9 and 1.12 the last that Go's module proxy serves (v1.9.5, v1.12.7; it refuses v1.9.6
and v1.12.11), its published schema, and talosctl v1.11.5. A server's configuration is made
as it is in a site: generated for its release, patched by Sidero with the machinery inside Sidero.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from airgap.plan import credentials_patch
from airgap.render import render_documents
from airgap.rules import find_blockers
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
from tests.rules.test_blocking import REFUSED, TOGETHER, server
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


def expect_boot(code: Code, talos: str, config: str, generated: str) -> None:
    """Fail unless the release boots with a configuration, warns of nothing, and its schema agrees.

    What the release generates does not keep to its own schema everywhere: nothing is added to that.
    """
    assert code[talos].validate(config) == ()
    assert find_breaches(code[talos], config) <= find_breaches(code[talos], generated)


def is_served(sidero: str, talos: str) -> bool:
    """Whether the machinery inside Sidero knows what the release generates; else it is refused."""
    return minor_of(talos) <= minor_of(sidero_machinery(sidero))


@pytest.mark.parametrize(
    ("sidero", "talos"),
    [(sidero, talos) for sidero in SIDEROS for talos in MACHINERY if is_served(sidero, talos)],
)
@pytest.mark.parametrize("site", SITES)
def test_server_of_a_site_boots_with_what_sidero_serves(
    code: Code, site: str, talos: str, sidero: str
) -> None:
    for made in class_patches(plan_for(talos, SITES[site], sidero)):
        for kind in KINDS:
            config = receive(code, talos, kind, made.patches, sidero)
            expect_boot(code, talos, config, code[talos].generate(kind))


@pytest.mark.parametrize("name", EXAMPLES)
def test_server_of_an_example_boots_with_what_sidero_serves(code: Code, name: str) -> None:
    classes = list(class_patches(plan_of(name)))
    assert classes
    for made in classes:
        for kind in KINDS:
            config = receive(code, made.talos, kind, made.patches, "v0.6.13")
            expect_boot(code, made.talos, config, code[made.talos].generate(kind))


@pytest.mark.parametrize("talos", MACHINERY)
def test_credentials_are_a_patch_that_machines_take(code: Code, talos: str) -> None:
    made = credentials_patch(
        {"r.example:5000": {"username": "node", "password": "secret"}},
        dialect=config_dialect(talos, sidero="v0.6.13"),
    )
    (plain,) = class_patches(plan_for(talos, SITES["plain"]))
    patches = (*plain.patches, render_documents(made))
    for kind in KINDS:
        config = receive(code, talos, kind, patches, "v0.6.13")
        expect_boot(code, talos, config, code[talos].generate(kind))
        assert "password: secret" in config


@pytest.mark.parametrize("talos", [each for each in MACHINERY if minor_of(each) >= (1, 12)])
def test_a_servers_patch_is_said_to_block_exactly_where_talos_refuses_it(
    code: Code, talos: str
) -> None:
    plan = plan_for(talos, SITES["discovery inside"])
    (made,) = class_patches(plan)
    for patch in (*(patch for patch, _, _ in REFUSED), *TOGETHER):
        config = receive(code, talos, "worker", (*made.patches, patch), "v0.6.13")
        found = find_blockers(plan.sidero.inputs, [server(strategicPatches=[patch])])
        if any(finding.level == "mandatory" for finding in found):
            with pytest.raises(MachineryError, match="v1alpha1"):
                code[talos].validate(config)
        else:
            code[talos].validate(config)


@pytest.mark.parametrize("site", SITES)
def test_what_is_newer_than_a_release_is_refused_by_it(code: Code, site: str) -> None:
    """The documents of 1.12 do not load into 1.11: what the dialects are for."""
    (made,) = class_patches(plan_for("v1.13.9", SITES[site]))
    with pytest.raises(MachineryError, match="RegistryMirrorConfig"):
        code["v1.11.5"].patch(code["v1.11.5"].generate("worker"), made.patches)


def test_talosctl_patches_and_validates_what_a_running_machine_is_given(
    peers: Peers, code: Code, tmp_path: Path
) -> None:
    talos, talosctl = "v1.11.5", peers.path("talosctl")
    for name, changes in SITES.items():
        for path, text in files_of(plan_for(talos, changes)).items():
            if not path.endswith(".patch.yaml") or not path.startswith("machine-config/"):
                continue
            base, patch, result = (tmp_path / each for each in ("base", "patch", "result"))
            base.write_text(code[talos].generate("controlplane"))
            patch.write_text(text)
            patched = f"machineconfig patch {base} -p @{patch} -o {result}"
            valid = f"validate --mode metal --strict -c {result}"
            for command in (patched, valid):
                done = subprocess.run(
                    [talosctl, *command.split()],
                    env=bare_environment(),
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, (name, path, done.stderr)
            assert documents_of(result.read_text()) != documents_of(base.read_text())
