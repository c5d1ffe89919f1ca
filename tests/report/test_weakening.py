"""What makes the policies let more pass is in the first line, and beside the verdict."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

import pytest

from airgap.report import Report, Scene, compare, write_markdown, write_page
from airgap.report.scene import View
from airgap.report.weakening import find_weakened
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, side

EXCEPTION = {
    "rule": "no-skip-verify",
    "subject": "registry.old.example",
    "reason": "replaced in March",
    "owner": "platform team",
    "expires": "2027-03-31",
}
WEAKER = [
    ({"levels": {"closed": "advisory"}}, "`closed` is advisory instead of mandatory"),
    ({"levels": {"no-plain-credentials": "disabled"}}, "`no-plain-credentials` is disabled"),
    (
        {"exceptions": [EXCEPTION]},
        "`no-skip-verify` has an exception for `registry.old.example` until 2027-03-31",
    ),
    ({"allowedHosts": ["x.example"]}, "`x.example` is allowed"),
]


def _report(base: dict[str, object], head: dict[str, object]) -> Report:
    old, new = side(policy=base), side(policy=head)
    return compare(old.scene, new.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


@pytest.mark.parametrize(("policy", "told"), WEAKER)
def test_a_weaker_policy_is_in_the_headline_and_by_the_verdict(
    policy: dict[str, object], told: str
) -> None:
    report = _report({}, policy)
    assert report.headline.startswith(f"Policies are weakened: {told}")
    assert f"⚠️ **Policies are weakened:** {told}" in write_markdown(report)
    assert "Policies are weakened: " in write_page(report)


@pytest.mark.parametrize(("policy", "_told"), WEAKER)
def test_a_stricter_policy_is_none_of_it(policy: dict[str, object], _told: str) -> None:
    report = _report(policy, {})
    assert report.weakened == ()
    assert "weakened" not in write_markdown(report)


EARLIER = {**EXCEPTION, "expires": "2027-01-31"}


def test_an_exception_that_ends_later_weakens_the_policies() -> None:
    report = _report({"exceptions": [EARLIER]}, {"exceptions": [EXCEPTION]})
    told = "`no-skip-verify` has an exception for `registry.old.example` until 2027-03-31 instead"
    assert report.headline.startswith(f"Policies are weakened: {told} of 2027-01-31")
    assert len(report.weakened) == 1


@pytest.mark.parametrize(
    "changed",
    [
        [EARLIER],
        [{**EXCEPTION, "reason": "replaced in spring"}],
        [{**EXCEPTION, "owner": "storage team"}],
        [EXCEPTION, EARLIER],
    ],
)
def test_an_exception_that_ends_earlier_or_reads_otherwise_weakens_nothing(
    changed: list[dict[str, str]],
) -> None:
    report = _report({"exceptions": [EXCEPTION]}, {"exceptions": changed})
    assert report.weakened == ()
    assert report.headline == "The policies are changed."


@pytest.mark.parametrize("suffix", ["", " 00:00:00 +0000 UTC"])
def test_an_exception_for_another_subject_is_a_new_one(suffix: str) -> None:
    """With the end as the engine 3.250 hands an unquoted date on, too."""
    other = {**EXCEPTION, "subject": "other.example", "expires": f"2027-01-31{suffix}"}
    old = side(policy={"exceptions": [EXCEPTION]}).scene
    head = _with_policy(old, {"exceptions": [EXCEPTION, other]})
    (told,) = find_weakened(old, head)
    assert told == "`no-skip-verify` has an exception for `other.example` until 2027-01-31"


def test_an_exception_for_nothing_and_one_without_end_are_notes_of_the_report() -> None:
    report = _report({}, {"exceptions": [{**EXCEPTION, "expires": "9999-12-31"}]})
    told = {(each.rule, each.level, each.standing, each.subject) for each in report.findings}
    assert told == {
        ("unused-exception", "advisory", "new", "registry.old.example"),
        ("long-exception", "advisory", "new", "registry.old.example"),
    }
    assert "`unused-exception` `registry.old.example`" in write_markdown(report)


def _with_policy(scene: Scene, changes: dict[str, object]) -> Scene:
    """Return a scene whose components have another policy, as the engine's events have it."""
    views = {
        key: replace(view, inputs={**view.inputs, "policy": {**_policy(view.inputs), **changes}})
        for key, view in scene.views.items()
    }
    return replace(scene, views=views)


def _policy(inputs: Mapping[str, object]) -> Mapping[str, object]:
    found = inputs.get("policy")
    return found if isinstance(found, Mapping) else {}


# Signatures: what must be signed, and by whom.

KEYS = [
    f"-----BEGIN PUBLIC KEY-----\n{b64encode(word).decode()}\n-----END PUBLIC KEY-----\n"
    for word in (b"one", b"other")
]
FINGERPRINTS = [f"key sha256:{sha256(word).hexdigest()}" for word in (b"one", b"other")]
PERSON = {"issuer": "https://accounts.example", "identity": "release@example.com"}


def _signed(*items: tuple[str, str | dict[str, str]], **more: object) -> dict[str, object]:
    """Return what must be signed: (images, PEM text or identity) each."""
    require = [
        {"images": images, **({"keyPem": by} if isinstance(by, str) else {"keyless": by})}
        for images, by in items
    ]
    return {"require": require, **more}


def _signatures(base: dict[str, object], head: dict[str, object]) -> Report:
    old, new = side(signatures=base), side(signatures=head)
    return compare(old.scene, new.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


GRAFANA, EVERYTHING = "docker.io/grafana/**", "**"
LOST = [
    (
        _signed((GRAFANA, KEYS[0])),
        _signed(),
        "`docker.io/grafana/**` needs no signature any more",
    ),
    (
        _signed((GRAFANA, KEYS[0]), (GRAFANA, PERSON)),
        _signed((GRAFANA, PERSON)),
        f"`docker.io/grafana/**` needs no signature of `{FINGERPRINTS[0][:17]}",
    ),
    (
        _signed((EVERYTHING, KEYS[0])),
        _signed((GRAFANA, KEYS[0])),
        "`**` needs no signature any more, only `docker.io/grafana/**`",
    ),
    (
        _signed(("docker.io/grafana/**", KEYS[0])),
        _signed(("docker.io/grafana/*", KEYS[0])),
        "`docker.io/grafana/**` needs no signature any more, only `docker.io/grafana/*`",
    ),
    (
        _signed(releases=PERSON),
        _signed(),
        "releases of Talos need no signature any more",
    ),
]


@pytest.mark.parametrize(("base", "head", "told"), LOST)
def test_what_need_not_be_signed_any_more_weakens_the_policies(
    base: dict[str, object], head: dict[str, object], told: str
) -> None:
    report = _signatures(base, head)
    assert report.headline.startswith(f"Policies are weakened: {told}")
    assert f"⚠️ **Policies are weakened:** {told}" in write_markdown(report)


@pytest.mark.parametrize(
    ("base", "head"),
    [
        *((head, base) for base, head, _ in LOST),
        (_signed((GRAFANA, KEYS[0])), _signed((EVERYTHING, KEYS[0]))),
        (_signed(("docker.io/grafana/*", KEYS[0])), _signed((GRAFANA, KEYS[0]))),
        (
            _signed((GRAFANA, KEYS[0]), ("ghcr.io/**", PERSON)),
            _signed(("ghcr.io/**", PERSON), (GRAFANA, KEYS[0])),
        ),
    ],
)
def test_what_must_be_signed_besides_weakens_nothing(
    base: dict[str, object], head: dict[str, object]
) -> None:
    assert _signatures(base, head).weakened == ()


@pytest.mark.parametrize(
    ("base", "head", "old", "new"),
    [
        (
            _signed((GRAFANA, KEYS[0])),
            _signed((GRAFANA, KEYS[1])),
            FINGERPRINTS[0],
            FINGERPRINTS[1],
        ),
        (
            _signed((GRAFANA, KEYS[0])),
            _signed((EVERYTHING, PERSON)),
            FINGERPRINTS[0],
            PERSON["identity"],
        ),
    ],
)
def test_another_signer_is_in_the_headline_and_readable(
    base: dict[str, object], head: dict[str, object], old: str, new: str
) -> None:
    report = _signatures(base, head)
    assert report.weakened == ()
    assert report.headline.startswith("Another signer of `docker.io/grafana/**`")
    settings = "".join(change.model_dump_json() for change in report.objects)
    assert GRAFANA in settings
    assert old in settings
    assert new in settings
    assert "(secret" not in write_markdown(report)
    assert "ecrets of" not in report.headline


def test_another_signer_of_releases_is_in_the_headline() -> None:
    other = {**PERSON, "identity": "other@example.com"}
    report = _signatures(_signed(releases=PERSON), _signed(releases=other))
    assert report.headline.startswith("Another signer of releases of Talos")


def _scene(component: str, **inputs: object) -> Scene:
    view = View(token=f"airgap:index:{component}", name="x", inputs=inputs)
    return Scene(views={view.key: view})


TRUSTED = {"key": FINGERPRINTS[0], "signedBy": {}}
REQUIRED = {"require": [{"images": "**", "key": FINGERPRINTS[0]}], "signedBy": {}}


@pytest.mark.parametrize(
    ("base", "head", "told"),
    [
        (
            _scene("ImageFactory", kind="deployed", verification=TRUSTED),
            _scene("ImageFactory", kind="deployed"),
            ("what the Image Factory reads needs no signature any more",),
        ),
        (
            _scene("ImageFactory", kind="deployed", verification=TRUSTED),
            _scene("ImageFactory", kind="none"),
            (),
        ),
        (
            _scene("Registry", kind="existing", signatures=REQUIRED),
            _scene("Registry", kind="none"),
            ("`**` needs no signature any more",),
        ),
        (
            _scene("ImageFactory", kind="deployed"),
            _scene("ImageFactory", kind="deployed", verification=TRUSTED),
            (),
        ),
    ],
)
def test_a_factory_that_checks_no_signature_any_more_is_weaker_and_none_is_not(
    base: Scene, head: Scene, told: tuple[str, ...]
) -> None:
    assert find_weakened(base, head) == told


def test_the_level_of_a_rule_about_secrets_is_no_secret() -> None:
    text = write_markdown(_report({}, {"levels": {"no-plain-credentials": "disabled"}}))
    assert "(secret" not in text


def test_hosts_of_the_site_itself_weaken_nothing() -> None:
    mirror = {"kind": "directory", "url": "https://other.berlin.example/talos", "path": "/srv"}
    base, head = side(), side(assetMirror=mirror)
    report = compare(base.scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert report.weakened == ()


def test_what_environments_boot_is_in_the_headline() -> None:
    listed = side().value["environments"]
    assert isinstance(listed, list)
    first = listed[0]
    head = side(environments=[{**first, "extraKernelArgs": ["talos.dashboard.disabled=1"]}])
    report = compare(side().scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert "Environments `default` and `talos-1-11-5-amd64` are changed" in report.headline
