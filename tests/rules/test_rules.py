"""Each rule: what holds it, what breaks it, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.plan import plan_site
from airgap.rules import ADVISORY_RULES, MANDATORY_RULES, evaluate
from tests.plan.samples import SCHEMATIC_ID, make_lock, make_site, sha256
from tests.rules.samples import TODAY, component, good_site, judge, put

COMPONENTS = ("Site", "Registry", "AssetMirror", "ImageFactory", "SideroEnvironment")


@pytest.mark.parametrize("delivery", ["files", "cluster"])
@pytest.mark.parametrize("talos", ["v1.11.5", "v1.12.0"])
def test_a_sites_own_defaults_hold_every_rule(delivery: str, talos: str) -> None:
    site = good_site(
        talos={"versions": [talos]},
        sidero={"version": "v0.6.13", "delivery": delivery},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
    )
    lock = make_lock(images={f"ghcr.io/siderolabs/installer:{talos}": "talos"}, talos=(talos,))
    views = list(plan_site(site, lock, name="berlin").views())
    assert len(views) > len(COMPONENTS)
    for token, name, inputs in views:
        assert evaluate(token, name, inputs, today=TODAY) == (), name


REGISTRY_BREAKS = [
    ("mirrors|ghcr.io|skipVerify", True, "no-skip-verify", "ghcr.io"),
    (
        "mirrors|ghcr.io|endpoints",
        ["http://r.example:5000/v2/ghcr.io"],
        "https-only",
        "r.example:5000",
    ),
    ("mirrors|ghcr.io|endpoints", ["https://ghcr.io/v2"], "closed", "ghcr.io"),
    ("mirrors|ghcr.io|skipFallback", False, "no-fallback", "ghcr.io"),
    ("mirrors|ghcr.io|skipFallback", None, "no-fallback", "ghcr.io"),
    ("mirrors|ghcr.io", None, "no-fallback", "ghcr.io"),
    ("mirrors|*", None, "no-fallback", "*"),
    ("mirrors|*|endpoints", [], "no-fallback", "*"),
    ("mirrors|*|skipFallback", False, "no-fallback", "*"),
    ("endpoints", [{"url": "http://r.example:5000"}], "https-only", "r.example:5000"),
    ("endpoints", [{"url": "https://elsewhere.example"}], "closed", "elsewhere.example"),
]

SIDERO_BREAKS = [
    (
        "serverClasses|workers|machineConfig|v1alpha1|machine|registries|config|r.example:5000|tls",
        {"insecureSkipVerify": True},
        "no-skip-verify",
        "r.example:5000",
    ),
    (
        "serverClasses|workers|machineConfig|RegistryTLSConfig/r.example:5000",
        {"insecureSkipVerify": True},
        "no-skip-verify",
        "r.example:5000",
    ),
    ("environments|default|kernel|sha512", "", "pinned", "default"),
    ("environments|default|kernel|sha512", "0" * 127, "pinned", "default"),
    ("environments|default|initrd|sha512", "0" * 128, "immutable-urls", "default"),
    ("serverClasses|workers|installer|digest", None, "pinned", "workers"),
    ("serverClasses|workers|installer|digest", "v1.11.5", "pinned", "workers"),
    (
        "environments|default|kernelArgs",
        ["talos.config=https://cfg.example/x"],
        "closed",
        "cfg.example",
    ),
    ("nodes|timeServers", ["time.cloudflare.com"], "public-services", "time.cloudflare.com"),
    ("nodes|nameservers", ["1.1.1.1"], "public-services", "1.1.1.1"),
    ("nodes|discovery", {"enabled": True}, "public-services", "discovery.talos.dev"),
    (
        "nodes|discovery",
        {"enabled": True, "endpoint": "https://discovery.talos.dev/"},
        "public-services",
        "discovery.talos.dev",
    ),
    (
        "nodes|discovery",
        {"enabled": True, "endpoint": "http://a.example"},
        "https-only",
        "a.example",
    ),
]

ASSET_BREAKS = [
    ("url", "http://a.example/talos", "https-only", "a.example"),
    ("url", "https://github.com/siderolabs", "closed", "github.com"),
    ("assets|v1.11.5/vmlinuz-amd64|sha512", "", "pinned", "v1.11.5/vmlinuz-amd64"),
    ("assets|v1.11.5/vmlinuz-amd64|sha512", None, "pinned", "v1.11.5/vmlinuz-amd64"),
]

FACTORY_BREAKS = [
    ("endpoint", "http://a.example", "https-only", "a.example"),
    ("endpoint", "https://factory.talos.dev", "closed", "factory.talos.dev"),
    ("registry", "ghcr.io", "closed", "ghcr.io"),
    ("registry", "https://ghcr.io", "closed", "ghcr.io"),
    ("registry", "http://a.example", "https-only", "a.example"),
    ("schematics", {"workers": {"id": "abc123"}}, "pinned", "workers"),
]

SITE_BREAKS = [
    ("upstream", {"releases": "http://c.example/talos"}, "https-only", "c.example"),
    ("upstream", {"factory": "http://c.example:8080"}, "https-only", "c.example:8080"),
    ("upstream", {"registries": {"ghcr.io": "http://c.example"}}, "https-only", "c.example"),
]

BREAKS = [
    (kind, *broken)
    for kind, breaks in (
        ("Registry", REGISTRY_BREAKS),
        ("SideroEnvironment", SIDERO_BREAKS),
        ("AssetMirror", ASSET_BREAKS),
        ("ImageFactory", FACTORY_BREAKS),
        ("Site", SITE_BREAKS),
    )
    for broken in breaks
]


@pytest.mark.parametrize(("kind", "path", "value", "rule", "subject"), BREAKS)
def test_one_broken_thing_is_one_mandatory_finding(
    kind: str, path: str, value: object, rule: str, subject: str
) -> None:
    findings = judge(kind, put(component(kind), path, value))
    assert [(item.rule, item.level, item.subject) for item in findings] == [
        (rule, "mandatory", subject)
    ]
    assert findings[0].remedy
    assert findings[0].resource == "x"


UPSTREAM = {
    "releases": "http://cache.example/talos",
    "factory": "https://factory.example",
    "registries": {
        "ghcr.io": "http://cache.example:5000/ghcr.io",
        "docker.io": "https://cache.example/docker.io",
        "quay.io": "http://127.0.0.1:5000/quay.io",
        "gcr.io": "http://localhost:5000",
        "registry.k8s.io": "http://[::1]:5000",
    },
}


def test_what_stands_for_upstream_in_clear_is_told_but_for_this_machines_own() -> None:
    """Tags become digests over that wire; loopback is on none (RFC 1122, 3.2.1.3)."""
    plan = plan_site(good_site(upstream=UPSTREAM), make_lock(), name="berlin")
    findings = judge("Site", dict(plan.site.inputs))
    told = {(item.rule, item.level, item.subject) for item in findings}
    assert told == {
        ("https-only", "mandatory", "cache.example"),
        ("https-only", "mandatory", "cache.example:5000"),
    }
    assert "ghcr.io" in " ".join(map(str, findings))


def test_an_upstream_in_clear_is_excepted_by_its_host() -> None:
    exception = {
        "rule": "https-only",
        "subject": "cache.example",
        "reason": "a cable between two machines",
        "owner": "platform team",
        "expires": "2027-03-31",
    }
    site = good_site(upstream=UPSTREAM, policy={"exceptions": [exception]})
    plan = plan_site(site, make_lock(), name="berlin")
    assert {item.level for item in judge("Site", dict(plan.site.inputs))} == {"advisory"}


def test_a_site_whose_upstream_is_https_has_nothing_of_it_in_its_state() -> None:
    redirects = {"releases": "https://cache.example/talos", "factory": "http://127.0.0.1:1"}
    plan = plan_site(good_site(upstream=redirects), make_lock(), name="berlin")
    assert "upstream" not in plan.site.inputs


@pytest.mark.parametrize(
    ("asset", "rule", "subject"),
    [
        ({"url": "https://a.example/x"}, "pinned", "default"),
        (
            {"url": "http://a.example/0000000000000000/x", "sha512": "0" * 128},
            "https-only",
            "a.example",
        ),
    ],
)
def test_the_forks_boot_asset_is_judged_as_a_kernel_is(
    asset: dict[str, str], rule: str, subject: str
) -> None:
    values = put(component("SideroEnvironment"), "flavour", "airgap")
    findings = judge("SideroEnvironment", put(values, "environments|default|bootAsset", asset))
    assert [(item.rule, item.subject) for item in findings] == [(rule, subject)]


@pytest.mark.parametrize(
    "images",
    [
        {"ghcr.io/a": "v1"},
        {"ghcr.io/a": "v1@sha256:" + "0" * 63},
        {"ghcr.io/a": [f"v1@{sha256('a')}", "v2"]},
        {"ghcr.io/a": []},
        {"ghcr.io/a": f"v1@{sha256('a')} "},
    ],
)
def test_an_image_set_without_a_digest_is_not_pinned(images: dict[str, object]) -> None:
    token = "pulumi-python:dynamic/airgap:ImageSet"
    findings = evaluate(token, "images-talos", {"images": images}, today=TODAY)
    assert [(item.rule, item.subject) for item in findings] == [("pinned", "ghcr.io/a")]


def test_the_mark_built_on_site_must_be_complete_and_agree_with_the_image() -> None:
    path = "serverClasses|workers|installer"
    good = {
        "image": f"factory.example/metal-installer/{SCHEMATIC_ID}:v1.11.5",
        "builtOnSite": {"schematicId": SCHEMATIC_ID, "version": "v1.11.5"},
    }
    allowed = ["a.example", "r.example:5000", "factory.example"]
    values = put(component("SideroEnvironment"), path, good)
    values = put(values, "policy|allowedHosts", allowed)
    assert judge("SideroEnvironment", values) == ()
    for bad in (
        {**good, "builtOnSite": True},
        {**good, "builtOnSite": {"schematicId": SCHEMATIC_ID}},
        {**good, "builtOnSite": {"schematicId": "abc123", "version": "v1.11.5"}},
        {**good, "image": "factory.example/metal-installer/other:v1.11.5"},
    ):
        values = put(component("SideroEnvironment"), path, bad)
        values = put(values, "policy|allowedHosts", allowed)
        findings = judge("SideroEnvironment", values)
        assert "pinned" in {item.rule for item in findings}, bad


def test_a_carried_installer_must_have_its_digest_and_its_host_a_mirror() -> None:
    """Upstream's factory made it; machines pull it from the site by the public factory's name."""
    path = "serverClasses|workers|installer"
    image = f"factory.talos.dev/metal-installer/{SCHEMATIC_ID}:v1.11.5"
    good = {"image": image, "digest": f"sha256:{'a' * 64}"}
    assert judge("SideroEnvironment", put(component("SideroEnvironment"), path, good)) == ()
    found = judge("SideroEnvironment", put(component("SideroEnvironment"), path, {"image": image}))
    assert [(item.rule, item.subject) for item in found] == [("pinned", "workers")]
    hosts = ["factory.talos.dev", *component("Registry")["mirrors"]]  # type: ignore[misc]  # a mapping
    found = judge("Registry", put(component("Registry"), "hosts", hosts))
    assert ("no-fallback", "factory.talos.dev") in {(item.rule, item.subject) for item in found}


def test_the_image_of_a_factory_that_is_delivered_has_its_digest() -> None:
    image = "r.example:5000/ghcr.io/siderolabs/image-factory:v1.5.0"
    for pinned, count in ((f"{image}@sha256:{'a' * 64}", 0), (image, 1)):
        values = {**component("ImageFactory"), "deployment": {"image": pinned}}
        found = [item for item in judge("ImageFactory", values) if item.rule == "pinned"]
        assert len(found) == count, pinned


def test_a_boot_url_must_name_its_content() -> None:
    """Sidero's cache is keyed by URL: new bytes at an old URL are never fetched."""
    values = component("SideroEnvironment")
    kernel = "https://a.example/talos/v1.11.5/vmlinuz-amd64"
    findings = judge("SideroEnvironment", put(values, "environments|default|kernel|url", kernel))
    assert [item.rule for item in findings] == ["immutable-urls"]


def test_a_registry_inside_that_is_an_upstream_of_the_lock_is_outside() -> None:
    site = make_site(registry={"kind": "existing", "endpoints": [{"url": "https://ghcr.io"}]})
    plan = plan_site(site, make_lock(), name="berlin")
    rules = {item.rule for item in judge("Registry", dict(plan.registry.inputs))}
    assert rules == {"closed"}


def test_an_allowed_host_is_inside_with_any_port_unless_it_names_one() -> None:
    values = put(component("Registry"), "endpoints", [{"url": "https://extra.example:8443"}])
    for host, inside in (
        ("extra.example", True),
        ("extra.example:8443", True),
        ("extra.example:443", False),
        ("example", False),
    ):
        allowed = ["r.example:5000", host]
        findings = judge("Registry", put(values, "policy|allowedHosts", allowed))
        assert (findings == ()) is inside, host


def test_credentials_in_the_machine_configuration_are_a_note() -> None:
    findings = judge("Registry", put(component("Registry"), "nodeAuth", "machineConfig"))
    assert [(item.rule, item.level) for item in findings] == [("node-credentials", "advisory")]
    assert "/configdata" in findings[0].message


@pytest.mark.parametrize(
    ("link", "size", "told"),
    [
        ("1Gbit/s", 37_500_000_000, False),
        ("1Gbit/s", 37_500_000_001, True),
        ("2.5Mbit/s", 93_750_000, False),
        ("2.5Mbit/s", 94_000_000, True),
        ("0Mbit/s", 1, True),
    ],
)
def test_an_asset_that_takes_more_than_sideros_five_minutes_is_a_note(
    link: str, size: int, told: bool
) -> None:
    """300 s at 1 Gbit/s are 37.5 GB; the engine hands sizes on as floats."""
    values = put(component("AssetMirror"), "assetLink", link)
    name = "v1.11.5/initramfs-amd64.xz"
    values = put(values, "assets", {name: {"sha512": "0" * 128, "size": float(size)}})
    notes = [(item.rule, item.level, item.subject) for item in judge("AssetMirror", values)]
    assert notes == ([("download-time", "advisory", name)] if told else [])


def test_the_forks_fields_are_judged_like_stock() -> None:
    site = make_site(
        sidero={"version": "v0.6.13", "flavour": "airgap"},
        registry={
            "kind": "existing",
            "endpoints": [{"url": "https://r.example:5000"}],
            "mirrors": {"docker.io": {"endpoints": ["https://r.example:5001"], "skipVerify": True}},
        },
        policy={"allowedHosts": ["r.example"]},
    )
    plan = plan_site(site, make_lock(), name="berlin")
    subjects = {item.subject for item in judge("SideroEnvironment", dict(plan.sidero.inputs))}
    assert subjects == {"r.example:5001", "docker.io"}


@pytest.mark.parametrize("token", ["pulumi:pulumi:Stack", "kubernetes:core/v1:Secret", ""])
def test_what_is_not_this_projects_is_not_judged(token: str) -> None:
    assert evaluate(token, "x", {"url": "http://x", "images": {"a": "b"}}, today=TODAY) == ()


def test_the_readme_says_what_each_rule_is_for() -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    table = page.partition("\n## Policies\n")[2].partition("\n## ")[0]
    told = {line.split("`")[1]: "(a note)" in line for line in table.splitlines() if "| `" in line}
    noted = {rule.name for rule in ADVISORY_RULES}
    assert told == {rule.name: rule.name in noted for rule in (*MANDATORY_RULES, *ADVISORY_RULES)}


@pytest.mark.parametrize(
    ("stated", "words"),
    [(False, "skipFallback is false"), (None, "skipFallback is not set")],
)
def test_a_fallback_that_is_asked_for_is_told_from_one_that_nobody_shut(
    stated: object, words: str
) -> None:
    values = put(component("Registry"), "mirrors|ghcr.io|skipFallback", stated)
    (found,) = judge("Registry", values)
    assert (found.rule, f"({words})" in found.message) == ("no-fallback", True)
    path = "serverClasses|workers|machineConfig|v1alpha1|machine|registries|mirrors|ghcr.io"
    values = put(component("SideroEnvironment"), f"{path}|skipFallback", stated)
    (found,) = judge("SideroEnvironment", values)
    assert (found.rule, f"({words})" in found.message) == ("no-fallback", True)
