"""A site whose machines have an image cache medium alone, and the volume it is copied to."""

from __future__ import annotations

import pytest

from tests.site.documents import EXAMPLE_CA, Raw, changed, faults_of, parsed

NONE: Raw = {"kind": "none"}
CACHE: Raw = {"enabled": True, "medium": "cd"}


def told(registry: Raw, cache: Raw) -> list[tuple[str, str]]:
    """Return the faults' paths and messages."""
    faults = faults_of(changed((("registry",), registry), (("imageCache",), cache)))
    return [(fault.path, fault.message) for fault in faults]


def test_no_registry_and_a_medium_is_a_site() -> None:
    site = parsed(changed((("registry",), NONE), (("imageCache",), CACHE)))
    assert site.registry.endpoints == ()


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"endpoints": [{"url": "https://r.example"}]}, "site.registry.endpoints"),
        ({"pathPrefix": "proj"}, "site.registry.pathPrefix"),
        ({"layout": "flat"}, "site.registry.layout"),
        ({"overwrite": True}, "site.registry.overwrite"),
        ({"nodeAuth": "machineConfig"}, "site.registry.nodeAuth"),
        ({"mirrors": {"ghcr.io": {"skipVerify": True}}}, "skipVerify"),
        ({"mirrors": {"ghcr.io": {"caCert": EXAMPLE_CA}}}, "caCert"),
    ],
)
def test_what_needs_a_registry_is_refused_without_one(more: Raw, path: str) -> None:
    (found,) = told({**NONE, **more}, CACHE)
    assert found[0].endswith(path)


@pytest.mark.parametrize(
    ("volume", "path"),
    [
        ({"minSize": "a lot"}, "site.imageCache.volume.minSize"),
        ({"maxSize": "10 GiBytes"}, "site.imageCache.volume.maxSize"),
        ({"minSize": "2GiB", "maxSize": "2GB"}, "site.imageCache.volume.maxSize"),
        ({"diskSelector": " "}, "site.imageCache.volume.diskSelector"),
    ],
)
def test_sizes_are_those_that_talos_reads(volume: Raw, path: str) -> None:
    """go-humanize's ParseBytes; IEC and SI units are told apart."""
    assert [found[0] for found in told(NONE, {**CACHE, "volume": volume})] == [path]


@pytest.mark.parametrize(
    "volume",
    [{}, {"minSize": "2GB", "maxSize": "2GiB"}, {"minSize": "1.5 gib"}, {"minSize": "1073741824"}],
)
def test_sizes_in_every_unit(volume: Raw) -> None:
    assert told(NONE, {**CACHE, "volume": volume}) == []


def test_a_volume_that_nobody_looks_for_is_refused() -> None:
    registry: Raw = {"kind": "existing", "endpoints": [{"url": "https://r.example"}]}
    assert "site.imageCache.volume" in [found[0] for found in told(registry, {"volume": {}})]
