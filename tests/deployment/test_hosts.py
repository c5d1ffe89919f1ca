"""Which hosts a configuration names, also by what it leaves out.

Defaults: siderolabs/image-factory `cmd/image-factory/cmd/options.go` at v0.8.4, v0.9.0, v1.0.3 and
v1.5.0. Sigstore: `buildArtifactsManager` of `service.go` at these (v1.0.3 came with 324c464).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from airgap.deployment import check_closed, configuration, hosts_named, settings
from airgap.errors import SiteError
from tests.deployment.samples import SIGNER, factory

SIGSTORE = "tuf-repo-cdn.sigstore.dev"
OFF = {"containerSignature": {"disabled": True}}
BY_KEY = {"containerSignature": {"publicKeyFile": "/key", "subjectRegExp": ""}}
KEY_AND_DEFAULT = {"containerSignature": {"publicKeyFile": "/key"}}


def named(found: Mapping[str, object] | Sequence[str], version: str) -> set[tuple[str, str]]:
    """Return what is named, as pairs."""
    return {(item.setting, item.host) for item in hosts_named(found, version)}


def hosts(found: Mapping[str, object] | Sequence[str], version: str) -> set[str]:
    """Return the hosts alone."""
    return {host for _, host in named(found, version)}


@pytest.mark.parametrize("version", ["v1.0.0", "v1.0.3", "v1.5.0", "v1.99.0"])
def test_an_empty_file_names_ghcr_io_four_times_and_sigstore(version: str) -> None:
    assert named({}, version) == {
        ("artifacts.core.registry", "ghcr.io"),
        ("artifacts.schematic.registry", "ghcr.io"),
        ("artifacts.installer.internal.registry", "ghcr.io"),
        ("cache.oci.registry", "ghcr.io"),
        ("http.externalURL", "localhost"),
        ("containerSignature.subjectRegExp", SIGSTORE),
    }


def test_no_flags_name_ghcr_io_and_sigstore() -> None:
    common = {
        ("image-registry", "ghcr.io"),
        ("schematic-service-repository", "ghcr.io"),
        ("installer-internal-repository", "ghcr.io"),
        ("cache-repository", "ghcr.io"),
        ("external-url", "localhost"),
        ("container-signature-subject-regexp", SIGSTORE),
    }
    assert named((), "v0.9.0") == common
    assert named((), "v0.8.4") == common | {("installer-external-repository", "ghcr.io")}


@pytest.mark.parametrize(
    ("signature", "version", "calls_home"),
    [
        (OFF, "v1.0.0", False),
        (OFF, "v1.5.0", False),
        (BY_KEY, "v1.0.2", True),  # asks beside the key, whatever the subject
        (BY_KEY, "v1.0.3", False),
        (BY_KEY, "v1.5.0", False),
        (KEY_AND_DEFAULT, "v1.0.3", True),
        (KEY_AND_DEFAULT, "v1.5.0", True),
    ],
)
def test_sigstore_is_asked_unless_both_ways_to_it_are_closed(
    signature: Mapping[str, object], version: str, calls_home: bool
) -> None:
    assert (SIGSTORE in hosts(signature, version)) is calls_home


@pytest.mark.parametrize(
    ("given", "version", "calls_home"),
    [
        (("-container-signature-disabled",), "v0.9.0", False),
        (("--container-signature-disabled=true",), "v0.9.0", False),
        (("-container-signature-disabled=false",), "v0.9.0", True),
        (("-container-signature-pubkey=/key",), "v0.9.0", True),
        (("-container-signature-disabled",), "v0.8.4", True),  # no such flag: it would not start
    ],
)
def test_flags_close_the_way_to_sigstore_from_v0_9_on(
    given: tuple[str, ...], version: str, calls_home: bool
) -> None:
    assert (SIGSTORE in hosts(given, version)) is calls_home


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ({"cache": {"s3": {"enabled": True}}}, "s3.amazonaws.com"),
        ({"cache": {"s3": {"enabled": True, "endpoint": "s3.out.example"}}}, "s3.out.example"),
        ({"cache": {"cdn": {"enabled": True, "host": "https://cdn.example"}}}, "cdn.example"),
        ({"cache": {"gsa": {"serviceAccountEmail": "a@b"}}}, "fulcio.sigstore.dev"),
        (
            {"secureBoot": {"azureKeyVault": {"url": "https://v.vault.azure.net/"}}},
            "v.vault.azure.net",
        ),
        ({"secureBoot": {"awsKMS": {"keyID": "k"}}}, "kms.amazonaws.com"),
        ({"authentication": {"auth0": {"domain": "me.auth0.com"}}}, "me.auth0.com"),
        ({"artifacts": {"installer": {"external": {"registry": "out.example"}}}}, "out.example"),
        ({"enterprise": {"vex": {"data": {"registry": "vex.example"}}}}, "vex.example"),
        ({"enterprise": {"scanner": {"databaseURL": "https://db.example/x"}}}, "db.example"),
        ({"something": {"new": ["https://later.example:8443/x"]}}, "later.example:8443"),
    ],
)
def test_what_is_switched_on_is_named(setting: Mapping[str, object], host: str) -> None:
    assert host in hosts({**OFF, **setting}, "v1.5.0")


def test_what_is_configured_and_off_is_not() -> None:
    found = {**OFF, "cache": {"s3": {"enabled": False, "endpoint": "s3.out.example"}}}
    assert "s3.out.example" not in hosts(found, "v1.5.0")


@pytest.mark.parametrize(
    ("version", "signed"),
    [
        *((version, False) for version in ("v0.9.0", "v1.0.0", "v1.0.3", "v1.4.0", "v1.5.0")),
        *((version, True) for version in ("v1.0.3", "v1.4.0", "v1.5.0")),
    ],
)
def test_what_is_generated_names_the_sites_hosts_alone(version: str, signed: bool) -> None:
    wish = {"verification": {"publicKey": SIGNER}} if signed else {}
    made = factory(version, secureBoot=True, **wish)
    found = configuration(made)
    assert hosts(found, version) == {"r.example:5000", "factory.example"} == made.hosts
    check_closed(found, version, made.hosts)


@pytest.mark.parametrize("block", ["http", "artifacts", "cache", "containerSignature"])
def test_leaving_a_block_out_is_refused(block: str) -> None:
    """Each of them has a default that is outside."""
    made = factory("v1.5.0")
    found = {key: value for key, value in settings(made).items() if key != block}
    with pytest.raises(SiteError, match="outside of the site") as refused:
        check_closed(found, "v1.5.0", made.hosts)
    assert all(fault.path.startswith(block) for fault in refused.value.faults)
    assert all(fault.hint for fault in refused.value.faults)
