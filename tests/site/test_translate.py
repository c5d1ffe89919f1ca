"""What the plan document writes, read as what a registry answers.

Expected: by the endpoint rules of Talos v1.9-1.13 (tests/plan/rewriting), and the file names that
its releases have.
"""

from __future__ import annotations

import pytest

from airgap.site.model import Site
from tests.plan.rewriting import manifest_urls
from tests.site.documents import Raw, changed, faults_of, minimal, parsed

__all__: list[str] = []

OWN = "https://registry.example:5000"
HUB = ("registry", "mirrors", "docker.io")


def requests(site: Site, host: str = "docker.io") -> list[str]:
    """Return where a node looks for library/nginx:1.27."""
    mirror = site.registry.mirrors[host]
    values = {
        "endpoints": list(mirror.endpoints),
        "overridePath": mirror.override_path,
        "skipFallback": True,
    }
    return manifest_urls({host: values}, host, "library/nginx", "1.27")


@pytest.mark.parametrize(
    "mirror",
    [
        {"endpoints": [f"{OWN}/docker.io"]},
        {"endpoints": [f"{OWN}/docker.io/"]},
        {"endpoints": [f"{OWN}/docker.io"], "overridePath": True},
        {"endpoints": [f"{OWN}/v2/docker.io"]},
        {"endpoints": [OWN]},
    ],
)
def test_an_endpoint_of_the_plan_document_is_asked_where_the_image_is(
    mirror: dict[str, list[str]],
) -> None:
    site = parsed(changed((HUB, mirror)))

    assert requests(site) == [f"{OWN}/v2/docker.io/library/nginx/manifests/1.27"]
    assert len(site.translations) == 1
    assert site.translations[0].startswith(
        f'site.registry.mirrors["docker.io"].endpoints[0]: {mirror["endpoints"][0]} is read as '
    )


def test_every_endpoint_of_a_mirror_gets_the_path_that_override_path_needs() -> None:
    other = "https://other.example:5000"
    site = parsed(changed((HUB, {"endpoints": [f"{OWN}/docker.io", other]})))

    assert requests(site) == [
        f"{OWN}/v2/docker.io/library/nginx/manifests/1.27",
        f"{other}/v2/library/nginx/manifests/1.27",
    ]
    assert len(site.translations) == 2


def test_a_bare_endpoint_of_the_site_has_its_prefix_too() -> None:
    site = parsed(changed((HUB, {"endpoints": [OWN]}), (("registry", "pathPrefix"), "team/mirror")))

    assert requests(site) == [f"{OWN}/v2/team/mirror/docker.io/library/nginx/manifests/1.27"]


@pytest.mark.parametrize(
    "mirror",
    [
        {"endpoints": [f"{OWN}/v2/docker.io"], "overridePath": True},
        {"endpoints": ["https://other.example:5000"]},
        {"endpoints": ["https://other.example:5000/v2"]},
        {"skipVerify": False},
    ],
)
def test_what_a_registry_answers_is_left_as_it_is(mirror: Raw) -> None:
    site = parsed(changed((HUB, mirror)))

    assert site.translations == ()
    assert list(site.registry.mirrors["docker.io"].endpoints) == mirror.get("endpoints", [])


def test_the_root_of_a_flat_registry_is_right() -> None:
    site = parsed(changed((HUB, {"endpoints": [OWN]}), (("registry", "layout"), "flat")))

    assert requests(site) == [f"{OWN}/v2/library/nginx/manifests/1.27"]
    assert site.translations == ()


@pytest.mark.parametrize(
    "mirror",
    [
        {"endpoints": [f"{OWN}/docker.io"], "overridePath": False},
        {"endpoints": [f"{OWN}/artifactory/api/docker/hub"]},
    ],
)
def test_what_may_mean_something_else_is_asked_about(mirror: Raw) -> None:
    faults = faults_of(changed((HUB, mirror)))

    assert [fault.path for fault in faults] == ['site.registry.mirrors["docker.io"].endpoints[0]']
    assert "overridePath" in faults[0].hint


@pytest.mark.parametrize("written", [None, [], "x", {"endpoints": 3}, {"endpoints": ["://["]}])
def test_a_mirror_of_a_wrong_shape_is_the_models_to_refuse(written: object) -> None:
    value = minimal()
    value["registry"] = {"kind": "existing", "endpoints": [{"url": OWN}], "mirrors": written}

    if written is not None:
        assert faults_of(value)
    assert faults_of(changed((HUB, written)))


def fork(*edits: tuple[tuple[str | int, ...], object]) -> Raw:
    return changed((("sidero", "flavour"), "airgap"), *edits)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("metal-amd64.raw.xz", "metal-amd64.raw.zst"),
        (
            {"url": "https://artifacts.example/talos/v1.11.5/metal-amd64.raw.xz"},
            "metal-amd64.raw.zst",
        ),
        ({"url": "https://artifacts.example/talos/v1.11.5/metal-amd64.iso"}, "metal-amd64.iso"),
    ],
)
def test_a_boot_asset_is_the_file_that_releases_have(written: object, meant: str) -> None:
    site = parsed(fork((("environments", 0, "bootAsset"), written)))

    assert site.environments[0].boot_asset == meant
    assert len(site.translations) == 1
    assert site.translations[0].startswith("site.environments[0].bootAsset: ")


def test_a_file_of_ones_own_keeps_its_name() -> None:
    asset = (("environments", 0, "bootAsset"), "cache-amd64.raw.xz")
    file = (("environments", 0, "bootAssetFile"), "built/cache-amd64.raw.xz")
    site = parsed(fork(asset, file), {"built/cache-amd64.raw.xz": b"image"})

    assert site.environments[0].boot_asset == "cache-amd64.raw.xz"
    assert site.translations == ()


CACHE = ("imageCache",)
CACHE_URL = "https://artifacts.example/talos/v1.11.5/image-cache.oci"


@pytest.mark.parametrize("more", [[], ["iso"], ["tar"]])
def test_the_url_of_an_image_cache_is_a_tar_on_the_asset_mirror(more: list[str]) -> None:
    """facts: `image-cache.oci` is a directory, so that one URL cannot name it."""
    written = {"enabled": True, "imageCacheURL": CACHE_URL, **({"publish": more} if more else {})}
    site = parsed(changed((CACHE, written)))

    assert list(site.image_cache.publish) == (more if "tar" in more else [*more, "tar"])
    (note,) = site.translations
    assert note.startswith(f"site.imageCache.imageCacheURL: {CACHE_URL} is read as publish: [tar]")
    assert ".oci.tar" in note


@pytest.mark.parametrize("url", ["https://other.example/image-cache.oci", 3, "https://["])
def test_an_image_cache_that_is_somewhere_else_is_refused_with_what_to_write(url: object) -> None:
    [fault] = faults_of(changed((CACHE, {"imageCacheURL": url})))

    assert fault.path == "site.imageCache.imageCacheURL"
    assert "publish: [tar]" in fault.hint
