"""Every rule alike: it passes, it fails, it is excepted, it runs out, it is raised and lowered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from airgap.rules import ADVISORY_RULES, MANDATORY_RULES, RULES, Finding, Rule
from airgap.site.policy import PolicyException
from tests.rules.cases import CASES, MARKED, Case
from tests.rules.samples import TODAY, component, judge

LEVELS = {rule.name: rule.level for rule in RULES}
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)


def of_rule(case: Case, findings: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings of the case's rule."""
    return [item for item in findings if item.rule == case.rule]


def test_there_is_a_case_for_each_rule_and_a_name_is_there_once() -> None:
    assert [case.rule for case in CASES] == [rule.name for rule in RULES]
    assert len(LEVELS) == len(RULES) == len(MANDATORY_RULES) + len(ADVISORY_RULES)
    assert len(RULES) >= 15


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_says_what_holds_why_and_what_to_do(rule: Rule) -> None:
    for text in (rule.name, rule.summary, rule.reason, rule.remedy):
        assert text == text.strip() != ""
        assert "\n" not in text


@each
def test_a_good_component_holds_the_rule(case: Case) -> None:
    assert of_rule(case, judge(case.kind, component(case.kind))) == []


@each
def test_what_breaks_a_rule_is_one_finding_of_it_alone(case: Case) -> None:
    (found,) = judge(case.kind, case.broken())
    assert (found.rule, found.level, found.subject) == (
        case.rule,
        LEVELS[case.rule],
        case.subject,
    )
    assert found.message
    assert found.remedy


@each
def test_an_exception_in_force_makes_a_note_that_names_its_owner(case: Case) -> None:
    (found,) = judge(case.kind, case.broken(case.exception(expires=TODAY.isoformat())))
    assert (found.rule, found.level) == (case.rule, "advisory")
    assert f"allowed until {TODAY} by j.doe: replaced in March" in found.message
    assert not found.remedy


@each
def test_an_expired_exception_excuses_nothing_and_is_told(case: Case) -> None:
    before = (TODAY - timedelta(days=1)).isoformat()
    (found,) = judge(case.kind, case.broken(case.exception(expires=before)))
    assert (found.rule, found.level) == (case.rule, LEVELS[case.rule])
    assert f"the exception of j.doe expired ({before})" in found.message


@each
def test_an_exception_for_another_subject_excuses_nothing(case: Case) -> None:
    edit = case.exception(expires="2999-12-31", subject="another")
    (found,) = judge(case.kind, case.broken(edit))
    assert found.level == LEVELS[case.rule]
    assert "j.doe" not in found.message


@each
@pytest.mark.parametrize("level", ["mandatory", "advisory", "disabled"])
def test_a_site_sets_the_level_of_a_rule(case: Case, level: str) -> None:
    stated = {**({"pinned": "disabled"} if case.rule == "lowered" else {}), case.rule: level}
    found = of_rule(case, judge(case.kind, case.broken(("policy|levels", stated))))
    if level == "disabled" and case.rule == "lowered":
        level = "advisory"  # it cannot be disabled: it tells of the others
    assert {item.level for item in found} == ({level} if level != "disabled" else set())


@pytest.mark.parametrize("rule", MANDATORY_RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize(
    ("level", "told"), [("advisory", True), ("disabled", True), ("mandatory", False)]
)
def test_a_lowered_rule_is_told_once_a_site(rule: Rule, level: str, *, told: bool) -> None:
    name = rule.name
    for kind in ("Site", "Registry", "AssetMirror", "ImageFactory", "SideroEnvironment"):
        values = component(kind)
        policy = values["policy"]
        assert isinstance(policy, dict)
        values["policy"] = {**policy, "levels": {name: level}}
        subjects = [item.subject for item in judge(kind, values) if item.rule == "lowered"]
        assert subjects == ([f"policy.levels.{name}"] if told and kind == "Site" else [])


def test_an_exception_of_the_rule_it_was_a_part_of_still_holds() -> None:
    former = {
        "no-fallback": "closed",
        "public-services": "closed",
        "immutable-urls": "pinned",
    }
    assert {rule.name: rule.formerly for rule in RULES if rule.formerly} == {
        name: (old,) for name, old in former.items()
    }
    for case in CASES:
        if case.rule in former:
            edit = replace(case, rule=former[case.rule]).exception(expires="2999-12-31")
            (found,) = judge(case.kind, case.broken(edit))
            assert found.level == "advisory", case.rule


@each
def test_no_finding_quotes_a_secret(case: Case) -> None:
    """In each place where a text may stand: URLs, kernel arguments, settings, signatures."""
    values = case.broken(("marked", _marked(MARKED)))
    findings = judge(case.kind, values)
    assert any(item.rule == "no-plain-credentials" for item in findings)
    assert not [item for item in findings if MARKED in f"{item} {item.resource}"]


def _marked(secret: str) -> dict[str, object]:
    return {
        "url": f"https://user:{secret}@elsewhere.example/x?token={secret}",
        "plain": f"http://{secret}@elsewhere.example:8080",
        "arguments": [
            f"talos.config=https://c.example/x?token={secret}",
            f"a.password={secret}",
            f"talos.environment=API_TOKEN={secret}",
            f"talos.environment=AWS_SECRET_ACCESS_KEY={secret}",
            f"talos.config.inline={secret}",
            f'x="ipxe.pass={secret},{secret}"',
        ],
        "meta": [{"key": 10, "value": f"wireguard:\n  privateKey: {secret}\n"}],
        "registries": {"config": {"r.example": {"auth": {"password": secret, "auth": secret}}}},
        "pem": f"-----BEGIN EC PRIVATE KEY-----\n{secret}\n-----END EC PRIVATE KEY-----",
    }


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Registry", "mirrors|ghcr.io|endpoints"),
        ("Registry", "endpoints"),
        ("AssetMirror", "url"),
        ("ImageFactory", "endpoint"),
        ("ImageFactory", "registry"),
        ("SideroEnvironment", "environments|default|kernel|url"),
        ("SideroEnvironment", "environments|default|kernelArgs"),
        ("SideroEnvironment", "nodes|discovery"),
    ],
)
def test_a_secret_in_an_address_is_found_and_never_shown(kind: str, path: str) -> None:
    url = f"http://user:{MARKED}@elsewhere.example:5000/v1/vmlinuz?token={MARKED}"
    shapes = {
        "mirrors|ghcr.io|endpoints": [url],
        "endpoints": [{"url": url}],
        "environments|default|kernelArgs": [f"talos.config={url}"],
        "nodes|discovery": {"enabled": True, "endpoint": url},
    }
    case = Case(
        rule="", kind=kind, edits=((path, shapes.get(path, url)),), subject="", unknown=("", "")
    )
    findings = judge(kind, case.broken())
    assert "no-plain-credentials" in {item.rule for item in findings}
    assert len(findings) > 1, "other rules quote the address"
    assert not [str(item) for item in findings if MARKED in str(item)]


def _sections() -> dict[str, str]:
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text("utf-8")
    parts = page.partition("\n## The rules\n")[2].split("\n### `")[1:]
    return {part.partition("`")[0]: part for part in parts}


def test_the_page_has_a_section_for_each_rule_in_order() -> None:
    assert list(_sections()) == [rule.name for rule in RULES]


@pytest.mark.parametrize("name", LEVELS)
def test_a_section_says_level_reason_remedy_and_an_exception(name: str) -> None:
    rule = next(rule for rule in RULES if rule.name == name)
    section = _sections()[name]
    told = " ".join(section.split())
    for text in (f"{rule.level.capitalize()}. {rule.summary}", rule.reason, rule.remedy):
        assert " ".join(text.split()) in told
    (item,) = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    assert isinstance(item["expires"], date)
    assert PolicyException.model_validate(item).rule == name
