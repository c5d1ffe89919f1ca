"""A factory that is delivered with the site: what is planned for it, and what a change shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from airgap.errors import LockError
from airgap.plan.deployed import DeployedPlan, plan_deployed
from airgap.site.model import Site
from tests.plan.samples import OTHER_CA, differences, make_lock, make_site, sha256

SIGNER = "-----BEGIN PUBLIC KEY-----\nc2lnbmVy\n-----END PUBLIC KEY-----\n"
FOLDER = "image-factory"


def site(delivery: str = "files", **factory: object) -> Site:
    """Return a site that deploys a factory."""
    wish = {"kind": "deployed", "version": "v1.5.0", "endpoint": "https://factory.example"}
    return make_site(
        imageFactory={**wish, **factory}, sidero={"version": "v0.6.13", "delivery": delivery}
    )


def planned(description: Site) -> DeployedPlan:
    """Return the plan of its factory."""
    image = f"ghcr.io/siderolabs/image-factory:{description.image_factory.version}"
    return plan_deployed(description, make_lock(images={image: "factory"}), name="berlin")


def texts(value: object) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def test_files_are_one_resource_that_holds_all_three_ways_of_running_it() -> None:
    [child] = planned(site(verification={"publicKey": SIGNER})).children
    assert child.name == "manifests-image-factory"
    assert child.token == "pulumi-python:dynamic/airgap:ManifestFiles"
    files = child.inputs["files"]
    assert isinstance(files, dict)
    assert set(files) == {
        f"{FOLDER}/{name}"
        for name in (
            *("kubernetes.yaml", "compose.yaml", "image-factory.service", "install.sh"),
            *("config.yaml", "site-ca.crt", "signer.pub"),
        )
    }


def test_the_flag_generation_has_no_configuration_file() -> None:
    [child] = planned(site(version="v0.9.0")).children
    files = child.inputs["files"]
    assert isinstance(files, dict)
    assert f"{FOLDER}/config.yaml" not in files


def test_objects_for_the_cluster_are_children_of_their_own() -> None:
    plan = planned(site("cluster"))
    assert [(child.kind, child.name) for child in plan.children] == [
        ("Namespace", "factory-namespace"),
        ("ConfigMap", "factory-configuration"),
        ("Secret", "factory-signing-key"),
        ("Service", "factory-service"),
        ("Deployment", "factory-deployment"),
    ]
    [secret] = [child for child in plan.children if child.kind == "Secret"]
    assert secret.credentials == "signingKey"
    assert "data" not in str(secret.inputs).lower().replace("metadata", "")


@pytest.mark.parametrize("delivery", ["files", "cluster"])
def test_no_input_is_a_rendered_text(delivery: str) -> None:
    """Certificates and keys are texts themselves; everything else is structured."""
    plan = planned(site(delivery, verification={"publicKey": SIGNER}))
    found = [text for child in plan.children for text in texts(child.inputs)]
    found += texts(plan.inputs)
    assert not [text for text in found if "\n" in text and not text.startswith("-----BEGIN ")]


@pytest.mark.parametrize("delivery", ["files", "cluster"])
def test_another_release_is_another_image_and_nothing_else(delivery: str) -> None:
    before, after = planned(site(delivery, version="v1.4.0")), planned(site(delivery))
    image = "ghcr.io/siderolabs/image-factory"
    places = {
        version: f"r.example:5000/{image}:{version}@{sha256(f'{image}:{version}')}"
        for version in ("v1.4.0", "v1.5.0")
    }
    assert differences(before.inputs, after.inputs) == {
        "deployment.image": (places["v1.4.0"], places["v1.5.0"])
    }


def test_verification_shows_whose_key_it_is() -> None:
    before, after = planned(site()), planned(site(verification={"publicKey": SIGNER}))
    changed = differences(before.inputs, after.inputs)
    at = "deployment.configuration.containerSignature"
    file = "/etc/image-factory/config/signer.pub"
    # openssl dgst -sha256 of the bytes between the armour: "signer"
    signer = "key " + sha256("signer")
    assert changed == {
        "deployment.verification": ("off", signer),
        f"{at}.disabled": (True, False),
        f"{at}.publicKeyFile": (None, file),
        f"{at}.publicKeyHashAlgo": (None, "sha256"),
    }


def test_a_new_authority_is_seen_by_its_fingerprint_and_is_another_pod() -> None:
    before, after = planned(site("cluster")), planned(site("cluster", ca=OTHER_CA))
    assert set(differences(before.inputs, after.inputs)) == {"deployment.trustFingerprint"}
    names = [
        [child.inputs["metadata"]["name"] for child in plan.children if child.kind == "ConfigMap"]  # type: ignore[index]
        for plan in (before, after)
    ]
    assert names[0] != names[1]


def test_a_namespace_that_is_sideros_is_not_made() -> None:
    plan = planned(site("cluster", deployment={"namespace": "sidero-system"}))
    assert "Namespace" not in {child.kind for child in plan.children}
    assert all("factory-namespace" not in child.after for child in plan.children)


def test_a_lock_without_the_factorys_image_is_refused() -> None:
    with pytest.raises(LockError) as refused:
        plan_deployed(site(), make_lock(), name="berlin")
    [fault] = refused.value.faults
    assert fault.path == "images[ghcr.io/siderolabs/image-factory:v1.5.0]"
    assert "python -m airgap lock" in refused.value.diagnostics()
