"""What is in an image cache: what machines of the release pull, and nothing they do not.

The lists are those that `talosctl image default` prints (facts, "Release assets & image lists").
"""

from __future__ import annotations

from typing import cast

import pytest

from airgap.lock.model import SITE_IMAGES, ImagePin, Inputs, Lock, PlatformPin
from airgap.oci.manifest import OCI_INDEX
from airgap.plan import plan_site
from airgap.plan.cache_content import CacheContent, cache_file, select_content
from airgap.plan.caches import cache_places, cache_url
from airgap.site.model import Site
from tests.plan.samples import IMAGES, make_lock, make_site, sha256

__all__: list[str] = []

TALOS_1_11_5 = [
    "ghcr.io/siderolabs/flannel:v0.27.4",
    "registry.k8s.io/coredns/coredns:v1.12.4",
    "gcr.io/etcd-development/etcd:v3.6.5",
    "registry.k8s.io/kube-apiserver:v1.34.1",
    "registry.k8s.io/kube-controller-manager:v1.34.1",
    "registry.k8s.io/kube-scheduler:v1.34.1",
    "registry.k8s.io/kube-proxy:v1.34.1",
    "ghcr.io/siderolabs/kubelet:v1.34.1",
    "ghcr.io/siderolabs/installer:v1.11.5",
    "registry.k8s.io/pause:3.10",
]


def _pin(reference: str, need: str, *reasons: str, platforms: tuple[str, ...] = ()) -> ImagePin:
    held = {each: PlatformPin(digest=sha256(reference + each), size=1) for each in platforms}
    return ImagePin.model_validate(
        {
            "digest": sha256(reference),
            "mediaType": OCI_INDEX,
            "size": 1000,
            "platforms": held,
            "need": need,
            "neededBy": reasons,
        }
    )


def _lock(pins: dict[str, ImagePin]) -> Lock:
    return Lock(inputs=Inputs(talos=("v1.11.5",), sidero="v0.6.13"), images=pins)


def _of_release() -> dict[str, ImagePin]:
    """Pin the release's list as `lock` does: by Kubernetes or by Talos release."""
    pins = {}
    for reference in TALOS_1_11_5:
        own = reference.endswith(":v1.34.1")
        need = "talos" if "installer" in reference else "kubernetes"
        pins[reference] = _pin(reference, need, "kubernetes v1.34.1" if own else "talos v1.11.5")
    return pins


def _content(site: Site, pins: dict[str, ImagePin], architecture: str = "amd64") -> CacheContent:
    return select_content(site, _lock(pins), "v1.11.5", architecture).content


def test_a_cache_holds_the_list_of_its_release_and_the_workloads() -> None:
    pins = _of_release() | {"docker.io/library/nginx:1.27.3": _pin("n", "workloads", SITE_IMAGES)}
    found = _content(make_site(), pins)
    assert sorted(found.images) == sorted([*TALOS_1_11_5, "docker.io/library/nginx:1.27.3"])
    assert found.platforms == ("linux/amd64",)
    assert found.images["docker.io/library/nginx:1.27.3"] == sha256("n")


@pytest.mark.parametrize(
    ("reference", "pin"),
    [
        ("ghcr.io/siderolabs/installer:v1.10.9", _pin("a", "talos", "talos v1.10.9")),
        ("ghcr.io/siderolabs/kubelet:v1.33.6", _pin("b", "kubernetes", "kubernetes v1.33.6")),
        ("ghcr.io/siderolabs/imager:v1.11.5", _pin("c", "talos", "image factory for v1.11.5")),
        ("ghcr.io/siderolabs/iscsi-tools:v0.2.0", _pin("d", "extensions", "server class gpu")),
        ("ghcr.io/siderolabs/caps:v0.6.13", _pin("e", "sidero", "sidero v0.6.13")),
        ("quay.io/jetstack/cert:v1", _pin("f", "sidero", "management.certManager v1.18.2")),
    ],
)
def test_what_other_machines_pull_is_left_out_with_the_reason(
    reference: str, pin: ImagePin
) -> None:
    site = make_site()
    chosen = select_content(site, _lock({**_of_release(), reference: pin}), "v1.11.5", "amd64")
    assert reference not in chosen.content.images
    assert pin.needed_by[0] in chosen.left_out[reference]


@pytest.mark.parametrize("reason", [SITE_IMAGES, "manifest addons/ingress.yaml"])
def test_what_the_site_names_itself_is_in_whatever_else_needs_it(reason: str) -> None:
    reference = "ghcr.io/siderolabs/sidero-controller-manager:v0.6.13"
    pin = _pin("s", "sidero", "sidero v0.6.13", reason)
    assert reference in _content(make_site(), {reference: pin}).images


def test_an_image_that_another_release_needs_as_well_is_in() -> None:
    pin = _pin("p", "kubernetes", "talos v1.10.9", "talos v1.11.5")
    assert (
        "registry.k8s.io/pause:3.10"
        in _content(make_site(), {"registry.k8s.io/pause:3.10": pin}).images
    )


def test_a_release_without_a_choice_of_kubernetes_has_its_own_alone() -> None:
    """1.11.5 also runs 1.33, which another release of the site brings."""
    pins = _of_release() | {
        "ghcr.io/siderolabs/kubelet:v1.33.6": _pin("k", "kubernetes", "kubernetes v1.33.6")
    }
    site = make_site(kubernetes={"versions": []}, talos={"versions": ["v1.10.9", "v1.11.5"]})
    assert sorted(_content(site, pins).images) == sorted(TALOS_1_11_5)


def test_an_image_of_another_architecture_is_left_out() -> None:
    pins = {"docker.io/a/b:1": _pin("b", "workloads", SITE_IMAGES, platforms=("linux/amd64",))}
    site = make_site(architectures=["amd64", "arm64"])
    assert _content(site, pins).images
    chosen = select_content(site, _lock(pins), "v1.11.5", "arm64")
    assert chosen.left_out == {"docker.io/a/b:1": "it has nothing for linux/arm64"}


def test_installers_that_the_factory_makes_are_said() -> None:
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "r.example:5000",
    }
    chosen = select_content(make_site(imageFactory=factory), _lock({}), "v1.11.5", "amd64")
    (reason,) = chosen.left_out.values()
    assert "no digest yet" in reason


# Signatures


KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
SIGNED = {
    KUBELET: _pin("kubelet", "workloads", SITE_IMAGES),
    f"ghcr.io/siderolabs/kubelet:sha256-{'a' * 64}.sig": _pin(
        "sig", "signatures", f"signature of {KUBELET}"
    ),
    f"ghcr.io/siderolabs/kubelet:sha256-{'a' * 64}.att": _pin(
        "att", "signatures", f"signature of {KUBELET}"
    ),
    f"ghcr.io/siderolabs/etcd:sha256-{'b' * 64}.sig": _pin(
        "other", "signatures", "signature of ghcr.io/siderolabs/etcd:v3"
    ),
}


@pytest.mark.parametrize(
    ("talos", "asked", "carried"),
    [
        ("v1.12.11", None, False),
        ("v1.13.9", None, True),
        ("v1.13.9", False, False),
        ("v1.11.5", True, True),
    ],
)
def test_signatures_are_in_from_1_13_on_or_as_the_site_says(
    talos: str, *, asked: bool | None, carried: bool
) -> None:
    cache = {} if asked is None else {"signatures": asked}
    site = make_site(imageCache=cache, talos={"versions": [talos]}, kubernetes={"versions": []})
    found = select_content(site, _lock(SIGNED), talos, "amd64").content
    assert list(found.images) == [KUBELET]
    wanted = [f"ghcr.io/siderolabs/kubelet:sha256-{'a' * 64}.sig"] if carried else []
    assert list(found.signatures) == wanted


def test_what_vouches_for_another_architecture_alone_is_left_out() -> None:
    image = _pin("k", "workloads", SITE_IMAGES, platforms=("linux/amd64", "linux/arm64"))
    children = {name: image.platforms[name].digest.replace(":", "-") for name in image.platforms}
    pins = {KUBELET: image} | {
        f"ghcr.io/siderolabs/kubelet:{tag}.sig": _pin(tag, "signatures", f"signature of {KUBELET}")
        for tag in children.values()
    }
    site = make_site(imageCache={"signatures": True}, architectures=["amd64", "arm64"])
    for architecture in ("amd64", "arm64"):
        found = _content(site, pins, architecture).signatures
        own = children[f"linux/{architecture}"]
        assert list(found) == [f"ghcr.io/siderolabs/kubelet:{own}.sig"]


# What it is known by


def test_the_key_says_content_form_and_platform_and_nothing_else() -> None:
    content = CacheContent(platforms=("linux/amd64",), images={"a": "1", "b": "2"})
    backwards = CacheContent(platforms=("linux/amd64",), images={"b": "2", "a": "1"})
    assert content.key("tar") == backwards.key("tar")
    others = [
        content.key("iso"),
        CacheContent(platforms=("linux/arm64",), images=content.images).key("tar"),
        CacheContent(platforms=content.platforms, images={"a": "1"}).key("tar"),
        CacheContent(platforms=content.platforms, images={"a": "1", "b": "3"}).key("tar"),
        CacheContent(platforms=content.platforms, images=content.images, signatures={"c": "1"}).key(
            "tar"
        ),
    ]
    assert len({content.key("tar"), *others}) == len(others) + 1


def test_the_url_is_that_of_the_tar_below_the_mirror() -> None:
    site = make_site(imageCache={"publish": ["iso", "tar"]})
    lock = make_lock()
    content = select_content(site, lock, "v1.11.5", "amd64").content
    url = cache_url(site, lock, "v1.11.5", "amd64")
    key = content.key("tar")[:16]
    assert url == f"https://a.example/talos/v1.11.5/image-cache-{key}-amd64.oci.tar"
    assert cache_url(make_site(), lock, "v1.11.5", "amd64") is None


def test_a_cache_is_planned_for_each_release_and_architecture_at_each_destination() -> None:
    site = make_site(
        imageCache={"enabled": True, "publish": ["tar", "vfat", "image"]},
        architectures=["amd64", "arm64"],
    )
    plan = plan_site(site, make_lock(architectures=("amd64", "arm64")), name="berlin")
    for component, forms in ((plan.asset_mirror, {"tar", "vfat"}), (plan.registry, {"image"})):
        caches = [child for child in component.children if child.kind == "ImageCache"]
        assert [cache.name for cache in caches] == [
            "image-cache-v1.11.5-amd64",
            "image-cache-v1.11.5-arm64",
        ]
        for cache in caches:
            assert set(cast("dict[str, str]", cache.inputs["published"])) == forms
            assert cache.inputs["set"] == f"berlin/{cache.name}"


@pytest.mark.parametrize(
    ("talos", "kind", "refused"),
    [("v1.11.5", "none", True), ("v1.11.5", "existing", False), ("v1.13.9", "none", False)],
)
def test_what_a_release_cannot_serve_is_refused_where_machines_have_nothing_else(
    talos: str, kind: str, *, refused: bool
) -> None:
    """registryd up to Talos 1.12 answers 500 for manifests without a media type."""
    cache = {"enabled": True, "medium": "cd", "publish": ["iso"]}
    site = make_site(
        imageCache=cache,
        talos={"versions": [talos]},
        kubernetes={"versions": []},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[],
        **({"registry": {"kind": "none"}} if kind == "none" else {}),
    )
    (place,) = cache_places("berlin", site, make_lock(talos=(talos,)), "files")
    assert place.typed_only is refused
    plan = plan_site(site, make_lock(talos=(talos,)), name="berlin")
    (inputs,) = (c.inputs for c in plan.asset_mirror.children if c.kind == "ImageCache")
    assert inputs.get("typedOnly", False) is refused


def test_an_upgrade_reads_as_a_line_an_image_and_a_new_path() -> None:
    site = make_site(imageCache={"publish": ["tar"]})
    before, after = (
        plan_site(site, make_lock(images={**IMAGES, f"docker.io/a/b:{tag}": "workloads"}), name="b")
        for tag in ("1.27.2", "1.27.3")
    )
    old, new = (
        next(child.inputs for child in plan.asset_mirror.children if child.kind == "ImageCache")
        for plan in (before, after)
    )
    assert {key for key in old if old[key] != new[key]} == {"images", "published"}


def test_a_site_that_publishes_none_plans_none() -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    assert not [kind for kind, *_ in plan.views() if kind.endswith("ImageCache")]


def test_the_file_is_named_by_release_key_and_architecture() -> None:
    content = CacheContent(platforms=("linux/amd64",), images={})
    for form, ending in (("flat", "flat.tar"), ("iso", "iso"), ("vfat", "vfat.img")):
        path = cache_file(content, form, "v1.11.5", "amd64")  # type: ignore[arg-type]  # a literal
        assert path == f"v1.11.5/image-cache-{content.key(form)[:16]}-amd64.{ending}"
