"""Objects of the cluster beside a site's server classes.

Expected values: Sidero v0.6.13's metadata server (its order of patches) and Talos' configpatcher,
which refuses JSON patches of a configuration with several documents. Objects as its CRDs have them.
"""

from __future__ import annotations

import pytest

from airgap.plan import plan_site
from airgap.rules import Finding, find_blockers
from tests.plan.samples import IMAGES, make_lock, make_site

UUID = "4c4c4544-0039-3010-8048-b7c04f384432"
OTHER = "4c4c4544-0039-3010-8048-b7c04f384433"
DISK = [{"op": "replace", "path": "/machine/install/disk", "value": "/dev/nvme0n1"}]


def sidero_of(talos: str, **changes: object) -> dict[str, object]:
    """Return the component's inputs of a site with one class of this release."""
    site = make_site(
        talos={"versions": [talos]},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
        **changes,
    )
    images = {**IMAGES, f"ghcr.io/siderolabs/installer:{talos}": "talos"}
    plan = plan_site(site, make_lock(images=images, talos=(talos,)), name="berlin")
    return dict(plan.sidero.inputs)


def metal(kind: str, name: str, spec: object, **more: object) -> dict[str, object]:
    """Return an object of Sidero's."""
    head = {"apiVersion": "metal.sidero.dev/v1alpha2", "kind": kind, "metadata": {"name": name}}
    return {**head, "spec": spec, **more}


def server(name: str = UUID, **spec: object) -> dict[str, object]:
    """Return a Server."""
    return metal("Server", name, {"accepted": True, **spec})


def server_class(name: str, *servers: str, **spec: object) -> dict[str, object]:
    """Return a ServerClass with servers in use."""
    status = {"serversAvailable": [], "serversInUse": list(servers)}
    return metal("ServerClass", name, {"qualifiers": {}, **spec}, status=status)


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    """Return level, rule and subject of each finding."""
    return [(finding.level, finding.rule, finding.subject) for finding in findings]


@pytest.mark.parametrize("talos", ["v1.12.0", "v1.13.9"])
def test_a_servers_json_patch_blocks_where_the_configuration_has_several_documents(
    talos: str,
) -> None:
    objects = [server_class("workers", UUID), server(configPatches=DISK)]
    (finding,) = find_blockers(sidero_of(talos), objects)
    assert told((finding,)) == [("mandatory", "config-patches", f"Server/{UUID}")]
    assert talos in finding.message
    assert "strategicPatches" in finding.remedy


def test_a_servers_json_patch_goes_on_working_up_to_1_11() -> None:
    """One v1alpha1 document: trust stands in registries.config, not in TrustedRootsConfig."""
    objects = [server_class("workers", UUID), server(configPatches=DISK)]
    assert find_blockers(sidero_of("v1.11.5"), objects) == ()


def test_the_image_caches_volume_is_a_second_document_before_1_12_too() -> None:
    sidero = sidero_of("v1.11.5", imageCache={"enabled": True, "volume": {}})
    objects = [server_class("workers", UUID), server(configPatches=DISK)]
    (finding,) = find_blockers(sidero, objects)
    assert finding.level == "mandatory"
    assert "VolumeConfig" in finding.message


def test_what_a_server_class_had_in_json_patches_stays_and_blocks() -> None:
    """Applied over, the object keeps fields that we do not name."""
    objects = [
        server_class("workers", configPatches=DISK),
        server_class("others", configPatches=DISK),
    ]
    assert told(find_blockers(sidero_of("v1.12.0"), objects)) == [
        ("mandatory", "config-patches", "ServerClass/workers")
    ]
    assert find_blockers(sidero_of("v1.11.5"), objects) == ()


def test_a_server_of_another_class_is_none_of_the_sites() -> None:
    objects = [
        server_class("any", UUID, OTHER),
        server_class("others", OTHER),
        server_class("workers", UUID),
        server(UUID, configPatches=DISK),
        server(OTHER, configPatches=DISK),
    ]
    findings = find_blockers(sidero_of("v1.12.0"), objects)
    assert [finding.subject for finding in findings] == [f"Server/{UUID}"]


def test_before_the_class_is_there_every_free_server_may_become_its() -> None:
    objects = [server_class("any", UUID), server(configPatches=DISK)]
    assert told(find_blockers(sidero_of("v1.12.0"), objects)) == [
        ("mandatory", "config-patches", f"Server/{UUID}")
    ]


MIRROR_OLD = "machine: {registries: {mirrors: {ghcr.io: {endpoints: ['https://old.example']}}}}"
MIRROR_NEW = """
apiVersion: v1alpha1
kind: RegistryMirrorConfig
name: ghcr.io
endpoints: [{url: "https://old.example"}]
"""


@pytest.mark.parametrize("talos", ["v1.11.5", "v1.12.0"])
@pytest.mark.parametrize("patch", [MIRROR_OLD, MIRROR_NEW])
def test_a_servers_own_mirror_has_the_last_word_in_either_dialect(talos: str, patch: str) -> None:
    objects = [server_class("workers", UUID), server(strategicPatches=[patch])]
    (finding,) = find_blockers(sidero_of(talos), objects)
    assert told((finding,)) == [("advisory", "shadowed", f"Server/{UUID}")]
    assert "machine.registries.mirrors.ghcr.io" in finding.message


# what ResolverConfig and TimeSyncConfig refuse beside them: V1Alpha1ConflictValidate of
# siderolabs/talos v1.12.7 and v1.13.9, pkg/machinery/config/types/network
REFUSED = [
    ("machine: {time: {servers: [10.9.9.1]}}", "machine.time.servers", "TimeSyncConfig"),
    ("machine: {time: {disabled: true}}", "machine.time.disabled", "TimeSyncConfig"),
    ("machine: {time: {bootTimeout: 2m}}", "machine.time.bootTimeout", "TimeSyncConfig"),
    ("machine: {network: {nameservers: [10.9.9.2]}}", "network.nameservers", "ResolverConfig"),
    ("machine: {network: {searchDomains: [a.example]}}", "searchDomains", "ResolverConfig"),
    ("machine: {network: {disableSearchDomain: true}}", "disableSearch", "ResolverConfig"),
]
TOGETHER = [
    "machine: {time: {disabled: false, servers: []}}",
    "machine: {time: {$patch: delete}}",
    "machine: {network: {extraHostEntries: [{ip: 10.0.0.9, aliases: [a]}]}}",
    "{apiVersion: v1alpha1, kind: TimeSyncConfig, ntp: {servers: [10.9.9.1]}}",
    MIRROR_OLD,
]


def control_plane(**spec: object) -> dict[str, object]:
    """Return a TalosControlPlane."""
    return {
        "apiVersion": "controlplane.cluster.x-k8s.io/v1alpha3",
        "kind": "TalosControlPlane",
        "metadata": {"name": "berlin"},
        "spec": {"controlPlaneConfig": {"controlplane": spec}},
    }


@pytest.mark.parametrize(("patch", "path", "kind"), REFUSED)
@pytest.mark.parametrize("talos", ["v1.12.0", "v1.13.9"])
def test_what_talos_refuses_beside_the_sites_documents_blocks(
    talos: str, patch: str, path: str, kind: str
) -> None:
    ours = server(strategicPatches=[patch])
    for item in (ours, control_plane(strategicPatches=[patch])):
        (finding,) = find_blockers(sidero_of(talos), [server_class("workers", UUID), item])
        assert (finding.level, finding.rule) == ("mandatory", "config-patches")
        assert path in finding.message
        assert kind in finding.message
    found = find_blockers(sidero_of("v1.11.5"), [server_class("workers", UUID), ours])
    assert [finding.level for finding in found if finding.level == "mandatory"] == []


@pytest.mark.parametrize("patch", TOGETHER)
def test_what_talos_takes_beside_the_sites_documents_does_not_block(patch: str) -> None:
    for item in (server(strategicPatches=[patch]), control_plane(strategicPatches=[patch])):
        found = find_blockers(sidero_of("v1.13.9"), [server_class("workers", UUID), item])
        assert [finding.level for finding in found] in ([], ["advisory"])


@pytest.mark.parametrize(
    ("path", "value", "blocks"),
    [
        ("/machine/time/servers/-", "10.9.9.1", True),
        ("/machine/time", {"servers": ["10.9.9.1"]}, True),
        ("/machine/network", {"hostname": "a"}, False),
        ("/machine/network", {"nameservers": ["10.9.9.2"]}, True),
    ],
)
def test_a_control_planes_json_patch_of_one_document_meets_the_classes_documents(
    path: str, value: object, *, blocks: bool
) -> None:
    """CABPT generates for v1.11, one document: the patch applies; then the class adds its own."""
    patch = [{"op": "add", "path": path, "value": value}]
    item = control_plane(talosVersion="v1.11", configPatches=patch)
    levels = {finding.level for finding in find_blockers(sidero_of("v1.13.9"), [item])}
    assert ("mandatory" in levels) is blocks


def test_what_is_refused_is_not_told_twice_and_the_rest_is_still_told() -> None:
    both = "machine: {time: {servers: [10.9.9.1]}, install: {image: x}}"
    found = find_blockers(
        sidero_of("v1.13.9"), [server_class("workers", UUID), server(strategicPatches=[both])]
    )
    assert [finding.level for finding in found] == ["mandatory", "advisory"]
    assert "machine.time" not in found[1].message


@pytest.mark.parametrize(
    ("path", "shadows"),
    [
        ("/machine/registries/mirrors/ghcr.io", True),
        ("/machine/registries", True),
        ("/machine/install", True),
        ("/machine/install/image", True),
        ("/machine/registries/config/r.example:5000/tls/ca", True),
        ("/machine/install/disk", False),
        ("/machine/sysctls/net.core.somaxconn", False),
        ("/machine/nodeLabels/example.com~1rack", False),
    ],
)
def test_json_pointers_that_touch_what_the_class_sets(path: str, *, shadows: bool) -> None:
    patch = [{"op": "add", "path": path, "value": "x"}]
    objects = [server_class("workers", UUID), server(configPatches=patch)]
    findings = find_blockers(sidero_of("v1.11.5"), objects)
    assert [finding.level for finding in findings] == ["advisory"] * shadows


def test_a_server_that_boots_another_environment_is_told() -> None:
    """Sidero: Server.environmentRef comes before ServerClass.environmentRef."""
    objects = [server_class("workers", UUID), server(environmentRef={"name": "rescue"})]
    (finding,) = find_blockers(sidero_of("v1.11.5"), objects)
    assert told((finding,)) == [("advisory", "shadowed", f"Server/{UUID}")]
    assert "rescue" in finding.message
    environments = sidero_of("v1.11.5")["environments"]
    assert isinstance(environments, dict)
    own = environments["boot"]["object"]
    objects = [server_class("workers", UUID), server(environmentRef={"name": own})]
    assert find_blockers(sidero_of("v1.11.5"), objects) == ()


def test_a_patch_that_is_no_yaml_blocks() -> None:
    objects = [server_class("workers", UUID), server(strategicPatches=["machine: {"])]
    assert told(find_blockers(sidero_of("v1.11.5"), objects)) == [
        ("mandatory", "config-patches", f"Server/{UUID}")
    ]


def test_an_environment_outside_is_told_unless_it_is_to_be_adopted() -> None:
    url = "https://github.com/siderolabs/talos/releases/download/v1.11.5/vmlinuz-amd64"
    spec = {"kernel": {"url": url}, "initrd": {"url": "https://a.example/talos/x"}}
    objects = [metal("Environment", name, spec) for name in ("default", "rescue")]
    findings = find_blockers(sidero_of("v1.11.5"), objects)
    assert told(findings) == [("advisory", "closed", "Environment/rescue")]
    assert "github.com" in findings[0].message


@pytest.mark.parametrize(("version", "blocked"), [("v1.12", True), ("v1.11.5", False), ("", False)])
def test_a_control_planes_json_patches(version: str, *, blocked: bool) -> None:
    """CABPT: "JSON6902 patches are not supported for multi-document machine configuration"."""
    spec = {
        "controlPlaneConfig": {"controlplane": {"talosVersion": version, "configPatches": DISK}}
    }
    item = {
        "apiVersion": "controlplane.cluster.x-k8s.io/v1alpha3",
        "kind": "TalosControlPlane",
        "metadata": {"name": "berlin"},
        "spec": spec,
    }
    findings = find_blockers(sidero_of("v1.11.5"), [item])
    assert (
        told(findings)
        == [
            ("mandatory", "config-patches", "TalosControlPlane/berlin"),
        ]
        * blocked
    )


def test_mirrors_of_a_config_template_come_first() -> None:
    """Talos' merge appends: the template's endpoint would be asked before the site's."""
    item = {
        "apiVersion": "bootstrap.cluster.x-k8s.io/v1alpha3",
        "kind": "TalosConfigTemplate",
        "metadata": {"name": "workers"},
        "spec": {"template": {"spec": {"strategicPatches": [MIRROR_OLD]}}},
    }
    (finding,) = find_blockers(sidero_of("v1.11.5"), [item])
    assert finding.level == "advisory"
    assert "the first comes first" in finding.message


def test_the_sites_own_objects_block_nothing() -> None:
    """What the plan would apply, given back by the cluster."""
    sidero = sidero_of("v1.12.0")
    site = make_site(
        talos={"versions": ["v1.12.0"]},
        environments=[{"name": "boot", "talos": "v1.12.0"}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
    )
    images = {**IMAGES, "ghcr.io/siderolabs/installer:v1.12.0": "talos"}
    plan = plan_site(site, make_lock(images=images, talos=("v1.12.0",)), name="berlin")
    files = next(item for item in plan.sidero.children if item.name == "manifests-sidero")
    specifications = files.inputs["files"]
    assert isinstance(specifications, dict)
    objects = [
        document
        for specification in specifications.values()
        for document in specification.get("documents", ())
    ]
    assert len(objects) >= 2
    assert find_blockers(sidero, [*objects, server()]) == ()
