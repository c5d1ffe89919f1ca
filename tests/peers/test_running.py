"""Machines that run: patched as the written commands do it, by Talos' own patcher.

A machine that has the site's configuration keeps it as it is; one that has another site's has
nothing left of that site's endpoints, time servers and name servers, which Talos' merge of lists
would keep, and keep first. Nor has one that got those in v1alpha1, before it was upgraded.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import cache

import pytest
import yaml

from airgap.talos import minor_of
from tests.peers.delivered import SITES, class_patches, files_of, plan_for
from tests.peers.machinery import MACHINERY, Machinery, MachineryError, start_machinery
from tools.peers import Peers

pytestmark = pytest.mark.peers

ELSEWHERE = {
    "registry": {"kind": "existing", "endpoints": [{"url": "https://former.example:5000"}]},
    "nodes": {
        "timeServers": ["10.9.9.1"],
        "nameservers": ["10.9.9.2"],
        "extraHosts": {"10.9.9.3": ["former.example"]},
    },
}

_NAMES = ("several endpoints", "discovery inside", "no registry, an image cache")
SHAPES = {name: {**SITES["several endpoints"], **SITES[name]} for name in _NAMES}
"""Sites that set every list there is, in both dialects; CAs that Talos can parse."""

Code = Mapping[str, Machinery]
Documents = dict[str, object]
Generate = Callable[[str, str], str]


@pytest.fixture(scope="module")
def code(peers: Peers) -> Iterator[Code]:
    """Every release's own code, by release."""
    with start_machinery(peers) as running:
        yield running


@pytest.fixture(scope="module")
def generated(code: Code) -> Generate:
    """The configuration that a release generates, made once a kind: its keys take their time."""
    return cache(lambda talos, kind: code[talos].generate(kind))


def patches_named(files: Mapping[str, str], folder: str, commands: str) -> tuple[str, ...]:
    """Return the patches of the first `talosctl patch mc` of a file of commands, in order."""
    text = files[f"{folder}/{commands}"]
    line = next(line for line in text.splitlines() if line.startswith("talosctl patch mc "))
    words = shlex.split(line)
    named = [words[place + 1] for place, word in enumerate(words) if word == "--patch"]
    return tuple(
        files[f"{folder}/{name.removeprefix('@')}"] if name.startswith("@") else name
        for name in named
    )


def by_name(config: str) -> Documents:
    """Return the documents of a configuration by kind and name.

    Their order has no meaning, and a machine's empty network section has none.
    """
    documents = list(yaml.safe_load_all(config))
    for document in documents:
        if document.get("machine", {}).get("network") == {}:
            del document["machine"]["network"]
    return {
        f"{document.get('kind', 'v1alpha1')}/{document.get('name', '')}": document
        for document in documents
    }


@pytest.mark.parametrize("talos", MACHINERY)
@pytest.mark.parametrize("site", SHAPES)
def test_a_machine_with_the_sites_configuration_keeps_it(
    code: Code, generated: Generate, site: str, talos: str
) -> None:
    plan = plan_for(talos, SHAPES[site])
    patches = patches_named(files_of(plan), "machine-config", "workers.commands.txt")
    (made,) = class_patches(plan)
    served = code[talos].patch(generated(talos, "worker"), made.patches)
    assert by_name(code[talos].patch(served, patches)) == by_name(served)


@pytest.mark.parametrize("talos", MACHINERY)
@pytest.mark.parametrize("site", SHAPES)
def test_a_machine_of_another_site_has_nothing_of_it_left(
    code: Code, generated: Generate, site: str, talos: str
) -> None:
    (elsewhere,) = class_patches(plan_for(talos, ELSEWHERE))
    plan = plan_for(talos, {**SHAPES[site], "nodes": {"nameservers": ["10.0.0.2"]}})
    patches = patches_named(files_of(plan), "machine-config", "workers.commands.txt")
    before = code[talos].patch(generated(talos, "controlplane"), elsewhere.patches)
    assert "former.example" in before
    assert "10.9.9.2" in before
    after = code[talos].patch(before, patches)
    assert code[talos].validate(after) == ()
    mirrors = yaml.safe_dump([_mirrors(after)])
    assert "former.example" not in mirrors
    assert "10.9.9.2" not in after


UPGRADED = [
    (talos, before)
    for talos in MACHINERY
    if minor_of(talos) >= (1, 12)
    for before in MACHINERY
    if minor_of(before) < (1, 12)
]


@pytest.mark.parametrize(("talos", "before"), UPGRADED)
@pytest.mark.parametrize("kind", ["controlplane", "worker"])
@pytest.mark.parametrize("site", SHAPES)
def test_a_machine_that_came_from_v1alpha1_has_the_site_in_documents_alone(
    code: Code, generated: Generate, site: str, kind: str, talos: str, before: str
) -> None:
    """An upgrade keeps the configuration: Talos 1.12 and newer have it in the older form."""
    (elsewhere,) = class_patches(plan_for(before, ELSEWHERE))
    served = code[before].patch(generated(before, kind), elsewhere.patches)
    files = files_of(plan_for(talos, SHAPES[site]))
    patches = patches_named(files, "machine-config", "workers.commands.txt")
    added = files["machine-config/workers.patch.yaml"]
    with pytest.raises(MachineryError, match="both v1alpha1 and new-style"):
        code[talos].validate(code[talos].patch(served, [added]))
    after = code[talos].patch(served, patches)
    assert code[talos].validate(after) == ()
    assert not any(gone in after for gone in ("10.9.9.1", "10.9.9.2"))
    assert "former.example" not in yaml.safe_dump([_mirrors(after)])
    fresh = code[talos].patch(generated(before, kind), [added])
    assert _documents(after) == _documents(fresh)


@pytest.mark.parametrize("talos", [each for each in MACHINERY if minor_of(each) >= (1, 12)])
def test_a_machines_own_search_domains_stay(code: Code, generated: Generate, talos: str) -> None:
    own = """
apiVersion: v1alpha1
kind: ResolverConfig
nameservers: [{address: 10.9.9.2}]
searchDomains: {domains: [own.example]}
"""
    patches = patches_named(
        files_of(plan_for(talos, SHAPES["several endpoints"])),
        "machine-config",
        "workers.commands.txt",
    )
    after = code[talos].patch(generated(talos, "worker"), [own, *patches])
    assert code[talos].validate(after) == ()
    assert "own.example" in after
    assert "10.9.9.2" not in after


def _documents(config: str) -> Documents:
    return {key: value for key, value in by_name(config).items() if key != "v1alpha1/"}


def _mirrors(config: str) -> Documents:
    documents = by_name(config)
    found = {key: value for key, value in documents.items() if key.startswith("RegistryMirror")}
    machine = documents["v1alpha1/"]
    assert isinstance(machine, dict)
    return {**found, "v1alpha1": machine["machine"].get("registries", {}).get("mirrors", {})}


@pytest.mark.parametrize("talos", MACHINERY)
def test_the_cluster_that_runs_sidero_takes_its_mirrors_at_every_release(
    code: Code, generated: Generate, talos: str
) -> None:
    """Its release is not the site's: one form for all of them."""
    files = files_of(plan_for("v1.11.5", SITES["several endpoints"]))
    patches = patches_named(files, "management", "commands.txt")
    once = code[talos].patch(generated(talos, "controlplane"), patches)
    assert code[talos].validate(once) == ()
    assert by_name(code[talos].patch(once, patches)) == by_name(once)


@pytest.mark.parametrize("talos", MACHINERY)
def test_cluster_apis_machines_boot_with_its_patches(
    code: Code, generated: Generate, talos: str
) -> None:
    """CABPT generates for the release, then applies strategicPatches with the same patcher."""
    files = files_of(plan_for(talos, SITES["several endpoints"]))
    control = yaml.safe_load(files["machine-config/workers.talos-control-plane.yaml"])
    template = yaml.safe_load(files["machine-config/workers.talos-config-template.yaml"])
    specifications = {
        "controlplane": control["spec"]["controlPlaneConfig"]["controlplane"],
        "worker": template["spec"]["template"]["spec"],
    }
    for kind, specification in specifications.items():
        config = code[talos].patch(generated(talos, kind), tuple(specification["strategicPatches"]))
        assert code[talos].validate(config) == ()
