"""The definitions against those of Sidero v0.6.13, and objects against both flavours.

Sidero's own files are no part of this project: what they hold, without their prose, is compared by
its digest, and field by field where they lie beside the checkout (`conftest.py`).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from airgap.render import render_documents
from airgap.sidero import KINDS, definition, spec_schema, validate

__all__: list[str] = []

# sha256 of `spec` as JSON with sorted keys, descriptions left out, of Sidero v0.6.13's
# app/sidero-controller-manager/config/crd/bases/metal.sidero.dev_<plural>.yaml
UPSTREAM = {
    "Environment": "6e9839a0fd6c01e7a74b657fd276e457ff387e09feb92d8fc3f66f2c361248ca",
    "ServerClass": "cf0ea852fd18fb25be09d29399fbff58db9e1f9e9398cdefc014c4867ce2cebc",
    "Server": "64c42185071dea3f865cfc5dbaea3802594a4f1de2d3a68c4f2a1788d2aaac7c",
}

# The plan document's Environment, whole: the fork's fields beside Sidero's.
ENVIRONMENT: dict[str, object] = {
    "apiVersion": "metal.sidero.dev/v1alpha2",
    "kind": "Environment",
    "metadata": {"name": "talos", "labels": {"any": "label"}},
    "spec": {
        "kernel": {"url": "https://a.example/vmlinuz-amd64", "sha512": "", "args": ["a=b"]},
        "initrd": {"url": "https://a.example/initramfs-amd64.xz", "sha512": ""},
    },
}
FORK_FIELDS: dict[str, object] = {
    "bootAsset": {"url": "https://a.example/metal-amd64.raw.zst", "sha512": ""},
    "airGap": {
        "enabled": True,
        "registryMirrors": {
            "docker.io": {
                "endpoints": ["https://r.example:5000/v2/docker.io"],
                "overridePath": True,
                "skipVerify": False,
                "caCert": "",
                "authSecretRef": "registry-credentials",
            }
        },
        "imageCacheURL": "https://a.example/image-cache.tar",
        "localImageFactory": {
            "endpoint": "https://f.example",
            "registry": "r.example:5000",
            "insecureSkipVerify": False,
        },
        "assetMirror": "https://a.example",
    },
}


def without_prose(value: object) -> object:
    """Return a schema without its descriptions: they decide nothing."""
    if isinstance(value, Mapping):
        return {
            key: without_prose(item)
            for key, item in value.items()
            if not (key == "description" and isinstance(item, str))
        }
    if isinstance(value, list):
        return [without_prose(item) for item in value]
    return value


def stock_spec(kind: str) -> dict[str, object]:
    """Return what a definition says, without the webhook, which Sidero's installation adds."""
    spec = copy.deepcopy(definition(kind, flavour="stock")["spec"])
    assert isinstance(spec, dict)
    assert spec.pop("conversion")["strategy"] == "Webhook"
    return spec


@pytest.mark.parametrize("kind", KINDS)
def test_the_stock_definition_is_sideros_own(kind: str) -> None:
    text = json.dumps(stock_spec(kind), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == UPSTREAM[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_field_by_field_it_is_sideros_own(kind: str, sidero_crds: Path | None) -> None:
    """Without Sidero's files, the run's summary says so, and the digest above stands alone."""
    if sidero_crds is None:
        return
    path = sidero_crds / f"metal.sidero.dev_{KINDS[kind]}.yaml"
    theirs = without_prose(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert isinstance(theirs, dict)
    assert stock_spec(kind) == theirs["spec"]


def test_the_fork_changes_the_environment_and_nothing_else() -> None:
    for kind in KINDS:
        same = definition(kind, flavour="airgap") == definition(kind, flavour="stock")
        assert same == (kind != "Environment")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flavour", ["stock", "airgap"])
def test_a_definition_survives_being_written(kind: str, flavour: str) -> None:
    made = definition(kind, flavour=flavour, namespace="elsewhere")
    assert yaml.safe_load(render_documents([made])) == made
    assert "namespace: elsewhere" in render_documents([made])


def test_one_version_is_stored_and_sidero_converts_the_other() -> None:
    """`apiextensions.k8s.io/v1`: exactly one version has `storage: true`."""
    spec = definition("Environment", flavour="airgap")["spec"]
    assert isinstance(spec, dict)
    assert [item["name"] for item in spec["versions"] if item["storage"]] == ["v1alpha2"]
    service = spec["conversion"]["webhook"]["clientConfig"]["service"]
    assert service["name"] == "sidero-webhook-service"


def with_fields(spec: Mapping[str, object], **changes: object) -> dict[str, object]:
    """Return the Environment with more in its spec."""
    before = ENVIRONMENT["spec"]
    assert isinstance(before, dict)
    return {**ENVIRONMENT, **changes, "spec": {**before, **spec}}


def test_stock_refuses_the_forks_fields_and_the_fork_takes_them() -> None:
    """facts/real-peers: a strict API server says `unknown field "spec.airGap"`."""
    assert validate(ENVIRONMENT, flavour="stock") == ()
    forked = with_fields(FORK_FIELDS)
    assert validate(forked, flavour="airgap") == ()
    paths = [fault.path for fault in validate(forked, flavour="stock")]
    assert paths == ["spec.bootAsset", "spec.airGap"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"airgap": {}}, "spec.airgap"),
        ({"airGap": {"registryMirrors": {"x": {"endpoints": "u"}}}}, "x.endpoints"),
        ({"airGap": {"registryMirrors": {"x": {}}}}, "x.endpoints"),
        ({"airGap": {"registryMirrors": {"x": {"endpoints": [], "skipFallback": True}}}}, "Fall"),
        ({"airGap": {"enabled": "yes"}}, "spec.airGap.enabled"),
        ({"bootAsset": {"sha512": ""}}, "spec.bootAsset.url"),
        ({"kernel": {"url": 1}}, "spec.kernel.url"),
        ({"kernel": {"args": [True]}}, "spec.kernel.args[0]"),
        ({"initrd": []}, "spec.initrd"),
    ],
)
def test_what_a_strict_api_server_refuses_is_told_with_its_path(
    fields: Mapping[str, object], path: str
) -> None:
    [fault] = validate(with_fields(fields), flavour="airgap")
    assert path in fault.path


def test_a_kind_or_version_that_is_not_served_is_refused() -> None:
    for changes in ({"apiVersion": "metal.sidero.dev/v1alpha3"}, {"kind": "Boot"}):
        [fault] = validate({**ENVIRONMENT, **changes}, flavour="stock")
        assert fault.path == "kind"


def test_whole_numbers_come_back_from_the_engine_as_floats() -> None:
    """Pulumi's wire format has one number (facts/pulumi)."""
    document = {
        "apiVersion": "metal.sidero.dev/v1alpha2",
        "kind": "ServerClass",
        "metadata": {"name": "big"},
        "spec": {"qualifiers": {"hardware": [{"compute": {"totalCoreCount": 8.0}}]}},
    }
    assert validate(document, flavour="stock") == ()
    document["spec"] = {"qualifiers": {"hardware": [{"compute": {"totalCoreCount": 8.5}}]}}
    assert len(validate(document, flavour="stock")) == 1


def test_the_schema_of_a_field_is_that_of_the_stored_version() -> None:
    """v1alpha1 has other qualifiers."""
    assert "hardware" in str(spec_schema("ServerClass", "qualifiers"))
    with pytest.raises(KeyError):
        spec_schema("ServerClass", "bootAsset")
