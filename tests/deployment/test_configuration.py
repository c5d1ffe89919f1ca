"""A factory's configuration against what its release reads.

Settings: the `koanf` keys of siderolabs/image-factory v1.0.3 and v1.5.0 `cmd/image-factory/cmd/
options.go`; flags: those of v0.8.4 and v0.9.0 `cmd/image-factory/flags.go`. A key that no release
has would be ignored without a word, a flag would end the program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from airgap.deployment import configuration, find_places, flags, settings
from tests.deployment.samples import CA, SIGNER, deployed_site, factory

_REPOSITORY = ("registry", "namespace", "repository", "insecure")
KNOWN_1_0 = {
    *("http.httpListenAddr", "http.certFile", "http.keyFile", "http.externalURL"),
    *("build.minTalosVersion", "build.maxConcurrency", "metrics.addr"),
    *("artifacts.core.registry", "artifacts.core.insecure"),
    *(f"artifacts.schematic.{key}" for key in _REPOSITORY),
    *(f"artifacts.installer.internal.{key}" for key in _REPOSITORY),
    *(f"cache.oci.{key}" for key in _REPOSITORY),
    "cache.signingKeyPath",
    *(
        f"containerSignature.{key}"
        for key in ("subjectRegExp", "publicKeyFile", "publicKeyHashAlgo", "disabled")
    ),
    "secureBoot.enabled",
    *(f"secureBoot.file.{key}" for key in ("signingKeyPath", "signingCertPath", "pcrKeyPath")),
}
KNOWN_1_4 = KNOWN_1_0 | {"artifacts.core.namespace"}
KNOWN_0_8 = {
    *("http-port", "external-url", "asset-builder-max-concurrency", "metrics-listen-addr"),
    *("image-registry", "insecure-image-registry"),
    *("schematic-service-repository", "insecure-schematic-service-repository"),
    *("installer-internal-repository", "insecure-installer-internal-repository"),
    "installer-external-repository",
    *("cache-repository", "insecure-cache-repository", "cache-signing-key-path"),
    *("container-signature-pubkey", "container-signature-subject-regexp"),
    *("secureboot", "secureboot-signing-key-path", "secureboot-signing-cert-path"),
    "secureboot-pcr-key-path",
}
KNOWN_0_9 = KNOWN_0_8 | {"container-signature-disabled", "http-cert-file", "http-key-file"}
HTTPS = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]}
PREFIXED = {
    "kind": "existing",
    "endpoints": [{"url": "https://harbor.example"}],
    "pathPrefix": "talos",
}

TWO = {
    "kind": "existing",
    "endpoints": [
        {"url": "https://r.example:5000", "ca": CA},
        {"url": "https://r2.example", "ca": CA},
    ],
}


def leaves(values: Mapping[str, object], at: str = "") -> Iterator[tuple[str, object]]:
    """Yield each value by its dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value


def words(
    version: str, registry: Mapping[str, object] = HTTPS, /, **wish: object
) -> dict[str, str]:
    """Return flags by name."""
    parted = (
        word.removeprefix("-").partition("=") for word in flags(factory(version, registry, **wish))
    )
    return {name: value for name, _, value in parted}


WHOLE = {"secureBoot": True, "deployment": {"tlsSecretRef": "tls"}}


@pytest.mark.parametrize("signed", [False, True])
def test_every_setting_is_one_that_the_release_reads(signed: bool) -> None:
    wish = {**WHOLE, **({"verification": {"publicKey": SIGNER}} if signed else {})}
    assert dict(leaves(settings(factory("v1.0.3", **wish)))).keys() <= KNOWN_1_0
    newer = settings(factory("v1.5.0", PREFIXED, **wish))
    assert dict(leaves(newer)).keys() <= KNOWN_1_4


def test_every_flag_is_one_that_the_release_knows() -> None:
    assert words("v0.9.0", **WHOLE).keys() <= KNOWN_0_9
    assert words("v0.8.4", secureBoot=True).keys() <= KNOWN_0_8


def test_all_four_registries_are_the_sites_each_by_its_own_scheme() -> None:
    own = {"kind": "existing", "endpoints": [{"url": "http://r.local:5000"}]}
    for version in ("v1.0.3", "v1.5.0"):
        found = dict(leaves(settings(factory(version, own))))
        registries = {key: value for key, value in found.items() if key.endswith(".registry")}
        insecure = {key: value for key, value in found.items() if key.endswith(".insecure")}
        assert list(registries.values()) == ["r.local:5000"] * 4
        assert list(insecure.values()) == [True] * 4
    given = words("v0.9.0", own)
    assert [value for name, value in given.items() if name.startswith("insecure-")] == ["true"] * 4
    assert given["image-registry"] == "r.local:5000"
    assert given["schematic-service-repository"] == "r.local:5000/image-factory/schematics"


def test_tls_is_asked_for_where_the_registry_has_it() -> None:
    found = dict(leaves(settings(factory("v1.5.0"))))
    assert {value for key, value in found.items() if key.endswith(".insecure")} == {False}


def test_a_registry_of_its_own_is_written_to_and_the_sites_is_read() -> None:
    embedded = {"kind": "embedded", "endpoints": [{"url": "http://boot.example:8443"}]}
    found = dict(leaves(settings(factory("v1.5.0", embedded, registry="w.example:5000"))))
    assert found["artifacts.core.registry"] == "boot.example:8443"
    assert found["artifacts.core.insecure"] is True
    written = ("artifacts.schematic", "artifacts.installer.internal", "cache.oci")
    assert {found[f"{key}.registry"] for key in written} == {"w.example:5000"}
    assert {found[f"{key}.insecure"] for key in written} == {False}


def test_a_registry_of_its_own_is_reached_as_its_url_says() -> None:
    embedded = {"kind": "embedded", "endpoints": [{"url": "https://boot.example:8443"}]}
    plain = dict(leaves(settings(factory("v1.5.0", embedded, registry="http://w.example:5000"))))
    written = ("artifacts.schematic", "artifacts.installer.internal", "cache.oci")
    assert {plain[f"{key}.registry"] for key in written} == {"w.example:5000"}
    assert {plain[f"{key}.insecure"] for key in written} == {True}
    assert plain["artifacts.core.insecure"] is False
    given = words("v0.9.0", embedded, registry="http://w.example:5000")
    assert given["insecure-cache-repository"] == "true"


def test_a_registry_of_its_own_is_trusted_by_its_own_ca() -> None:
    """Its factory's endpoint may be plain http, which has none."""
    embedded = {"kind": "embedded", "endpoints": [{"url": "https://boot.example:8443"}]}
    kept = {"url": "https://w.example:5000", "ca": CA}
    wish = {"endpoint": "http://factory.example", "registry": kept}
    place = find_places(deployed_site("v1.5.0", embedded, **wish)).schematics
    assert (place.endpoint, place.ca) == ("https://w.example:5000", CA)
    assert factory("v1.5.0", embedded, **wish).authorities == CA
    by_name = {"registry": "w.example:5000", "ca": CA}  # the endpoint's, where it has no other
    assert find_places(deployed_site("v1.5.0", embedded, **by_name)).schematics.ca == CA


def test_a_prefix_stands_before_what_is_read_and_what_is_written() -> None:
    found = dict(leaves(settings(factory("v1.5.0", PREFIXED))))
    assert found["artifacts.core.namespace"] == "talos"
    assert found["artifacts.schematic.namespace"] == "talos/image-factory"
    places = find_places(deployed_site("v1.5.0", PREFIXED))
    assert str(places.schematics) == "harbor.example/talos/image-factory/schematics"
    assert places.schematics.path == "talos/image-factory/schematics"


def test_without_verification_it_is_off_in_the_words_of_each_release() -> None:
    assert settings(factory("v1.0.0"))["containerSignature"] == {
        "disabled": True,
        "subjectRegExp": "",
    }
    assert words("v0.9.0")["container-signature-disabled"] == "true"


def test_verification_is_by_the_key_and_by_no_identity() -> None:
    """An identity's default is not empty, and asks Sigstore (324c464, v1.0.3)."""
    found = settings(factory("v1.0.3", verification={"publicKey": SIGNER}))["containerSignature"]
    assert found == {
        "disabled": False,
        "subjectRegExp": "",
        "publicKeyFile": "/etc/image-factory/config/signer.pub",
        "publicKeyHashAlgo": "sha256",
    }


def test_the_generation_follows_the_release() -> None:
    assert isinstance(configuration(factory("v0.9.0")), tuple)
    assert isinstance(configuration(factory("v1.0.0")), dict)


def test_machines_are_told_the_endpoint_and_get_installers_from_the_factory_itself() -> None:
    found = dict(leaves(settings(factory("v1.5.0"))))
    assert found["http.externalURL"] == "https://factory.example/"
    assert not [key for key in found if "external." in key]
    assert words("v0.9.0")["installer-external-repository"] == ""
    # v0.8 sends machines to where it pushes; its default is ghcr.io
    external = words("v0.8.4")["installer-external-repository"]
    assert external == "r.example:5000/image-factory/installers"


def test_authorities_of_all_registries_are_one_bundle() -> None:
    other = CA.replace("c2l0ZSBDQQ==", "b3RoZXIgQ0E=")
    made = factory("v1.5.0", TWO, ca=other)
    assert made.authorities == CA + other
