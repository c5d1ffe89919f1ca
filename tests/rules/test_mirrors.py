"""Mirrors: the forms of path that Talos makes a 404 of, and the ways past them."""

from __future__ import annotations

import pytest

from airgap.plan import plan_site
from tests.plan.samples import make_lock
from tests.rules.samples import component, good_site, judge, put

R = "https://r.example:5000"
WORKERS = "serverClasses|workers|machineConfig"


def rules_of(kind: str, values: dict[str, object]) -> list[tuple[str, str]]:
    """Return rule and subject of each finding."""
    return [(item.rule, item.subject) for item in judge(kind, values)]


# Talos v1.9-v1.13 internal/pkg/containers/image/resolver.go, asked for docker.io/library/nginx in
# a registry that keeps upstream hosts as a prefix: what is no `/v2/docker.io/library/…` is a 404.
PATHS = [
    (f"{R}/v2/docker.io", True, ""),
    (f"{R}/v2/docker.io/", True, ""),
    (f"{R}/v2/team/docker.io", True, ""),
    (R, False, "images lie below docker.io/"),
    (f"{R}/v2", False, "images lie below docker.io/"),
    (f"{R}/docker.io", False, "without overridePath machines ask for /docker.io/v2/"),
    (f"{R}/v2/docker.io", False, "without overridePath machines ask for /v2/docker.io/v2/"),
    (R, True, "overridePath is set, and the path has no /v2"),
    (f"{R}/docker.io", True, "overridePath is set, and the path has no /v2"),
    (f"{R}/v2/docker.io/v2", False, "its path has /v2 twice"),
]


@pytest.mark.parametrize(("url", "override", "told"), PATHS)
def test_a_form_of_path_that_no_registry_answers_is_refused(
    url: str, *, override: bool, told: str
) -> None:
    values = component("Registry")
    put(values, "mirrors|docker.io|endpoints", [url])
    put(values, "mirrors|docker.io|overridePath", override)
    found = [item for item in judge("Registry", values) if item.rule == "mirror-paths"]
    assert [told in item.message for item in found] == ([True] if told else [])
    assert all(item.subject == "docker.io" for item in found)


@pytest.mark.parametrize(
    ("url", "override", "is_told"),
    [(R, False, False), (f"{R}/v2", False, False), (f"{R}/v2/docker.io", True, True)],
)
def test_a_flat_registry_has_images_without_their_host(
    url: str, *, override: bool, is_told: bool
) -> None:
    values = put(component("Registry"), "layout", "flat")
    for host in ("ghcr.io", "gcr.io", "registry.k8s.io"):
        put(values, f"mirrors|{host}|endpoints", [R])
        put(values, f"mirrors|{host}|overridePath", False)
    put(values, "mirrors|docker.io|endpoints", [url])
    put(values, "mirrors|docker.io|overridePath", override)
    assert rules_of("Registry", values) == ([("mirror-paths", "docker.io")] if is_told else [])


def test_serve_finds_an_image_by_the_host_that_containerd_names() -> None:
    """`GET /v2/library/nginx/…?ns=docker.io` (airgap/serve/catalogue.py)."""
    values = put(component("Registry"), "mirrors|docker.io|endpoints", [R])
    put(values, "mirrors|docker.io|overridePath", False)
    for kind, told in (("existing", [("mirror-paths", "docker.io")]), ("embedded", [])):
        assert rules_of("Registry", put(values, "kind", kind)) == told


def test_a_registry_that_is_not_the_sites_own_is_not_measured_by_its_layout() -> None:
    values = put(component("Registry"), "mirrors|docker.io|endpoints", ["https://q.example"])
    put(values, "mirrors|docker.io|overridePath", False)
    put(values, "policy|allowedHosts", ["r.example:5000", "q.example"])
    assert rules_of("Registry", values) == []


@pytest.mark.parametrize(
    ("path", "mirror"),
    [
        (
            f"{WORKERS}|v1alpha1|machine|registries|mirrors|docker.io",
            {"endpoints": [f"{R}/docker.io"], "skipFallback": True},
        ),
        (
            f"{WORKERS}|RegistryMirrorConfig/docker.io",
            {"endpoints": [{"url": f"{R}/docker.io"}], "skipFallback": True},
        ),
    ],
)
def test_what_servers_get_is_judged_in_either_dialect(path: str, mirror: dict[str, object]) -> None:
    values = put(component("SideroEnvironment"), path, mirror)
    assert rules_of("SideroEnvironment", values) == [("mirror-paths", "docker.io")]
    put(values, path, {**mirror, "endpoints": [], "skipFallback": False})
    assert rules_of("SideroEnvironment", values) == [("no-fallback", "docker.io")]


@pytest.mark.parametrize(
    ("cache", "told"),
    [
        (None, "there is no image cache medium"),
        ({"medium": "none", "writeProtected": False}, "there is no image cache medium"),
        ({"medium": "usb", "writeProtected": False}, "wipes a stick"),
        ({"medium": "usb", "writeProtected": True}, ""),
        ({"medium": "cd", "writeProtected": False}, ""),
        ({"medium": "diskImage", "writeProtected": False}, ""),
    ],
)
def test_a_site_without_a_registry_needs_a_medium(
    cache: dict[str, object] | None, told: str
) -> None:
    site = good_site(registry={"kind": "none"}, imageCache={"enabled": True, "medium": "cd"})
    values = dict(plan_site(site, make_lock(), name="berlin").registry.inputs)
    assert values["imageCache"] == {"medium": "cd", "writeProtected": False}
    del values["imageCache"]
    found = judge("Registry", values | ({"imageCache": cache} if cache else {}))
    assert {item.rule for item in found} == ({"cache-medium"} if told else set())
    assert all(told in item.message for item in found)
