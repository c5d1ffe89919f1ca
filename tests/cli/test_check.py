"""`check`: what it prints for people and for scripts, and how it exits."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest

from airgap.rules import RULES, Finding
from tests.cli.conftest import SITE, Command, write_site

pytestmark = pytest.mark.usefixtures("ready")


@pytest.fixture
def violating(ready: Path, site_value: dict[str, object]) -> Path:
    """A site that breaks two rules, one of them twice, and lowers a third."""
    registry = site_value["registry"]
    assert isinstance(registry, dict)
    mirrors = {
        "ghcr.io": {"skipVerify": True, "skipFallback": False},
        "docker.io": {"skipFallback": False},
    }
    value = {
        **site_value,
        "registry": {**registry, "mirrors": mirrors},
        "policy": {"levels": {"no-skip-verify": "advisory"}},
    }
    write_site(ready, value)
    return ready


@pytest.mark.usefixtures("violating")
def test_findings_are_grouped_by_rule_with_what_stops_first(airgap: Command) -> None:
    outcome = airgap("check", SITE)
    assert outcome.exit_code == 1
    *lines, verdict = outcome.stdout.splitlines()
    heads = [line.split(" · ")[0] for line in lines if line.startswith("[")]
    assert heads[0] == "[mandatory] no-fallback"
    groups = [head for head, _ in groupby(heads)]
    assert len(groups) == len(set(groups)), "each rule's together"
    stops = [index for index, head in enumerate(heads) if head.startswith("[mandatory]")]
    assert stops == list(range(len(stops)))
    (why,) = [line for line in lines if not line.startswith("[")]
    assert why.startswith("    why: A pull that the mirror cannot answer goes on to the internet")
    assert verdict == f"{SITE}: {len(stops)} violations, {len(heads) - len(stops)} notes"


@pytest.mark.usefixtures("violating")
def test_a_lowered_rule_is_a_note_and_so_is_that_it_was_lowered(airgap: Command) -> None:
    lines = airgap("check", SITE).stdout.splitlines()
    assert [line for line in lines if line.startswith("[advisory] no-skip-verify · registry")]
    (lowered,) = [line for line in lines if line.startswith("[advisory] lowered")]
    assert "policy.levels.no-skip-verify: advisory here" in lowered


def test_an_exception_for_nothing_is_a_note(
    airgap: Command, ready: Path, site_value: dict[str, object]
) -> None:
    exception = {
        "rule": "no-skip-verify",
        "subject": "dockre.io",
        "reason": "replaced in March",
        "owner": "platform team",
        "expires": "2027-03-31",
    }
    write_site(ready, {**site_value, "policy": {"exceptions": [exception]}})
    lines = airgap("check", SITE).stdout.splitlines()
    (told,) = [line for line in lines if line.startswith("[advisory] unused-exception")]
    assert (
        "dockre.io: the exception of platform team from no-skip-verify matches no finding" in told
    )


def test_a_finding_names_the_command_with_its_site(
    airgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No rule knows the site: it was printed as `lock <site>`, literally."""
    remedy = "run: python -m airgap lock <site>"
    told = Finding(rule="pinned", level="mandatory", subject="x", message="y", remedy=remedy)
    monkeypatch.setattr("airgap.rules.judgement.evaluate", lambda *_args, **_more: (told,))
    outcome = airgap("check", SITE)
    assert f"(run: python -m airgap lock {SITE})" in outcome.stdout
    assert "<site>" not in outcome.stdout


@pytest.mark.usefixtures("violating")
def test_json_has_a_version_every_rule_with_its_level_and_every_finding(airgap: Command) -> None:
    outcome = airgap("check", SITE, "--json")
    assert outcome.exit_code == 1
    document = json.loads(outcome.stdout)
    assert document["formatVersion"] == 1
    assert document["site"] == SITE
    levels = {item["name"]: item["level"] for item in document["rules"]}
    assert list(levels) == [rule.name for rule in RULES]
    assert (levels["no-skip-verify"], levels["no-fallback"]) == ("advisory", "mandatory")
    assert all(item["reason"] and item["remedy"] for item in document["rules"])
    found = document["findings"]
    assert document["violations"] == sum(item["level"] == "mandatory" for item in found) > 0
    assert document["notes"] == sum(item["level"] == "advisory" for item in found) > 0
    assert {"rule", "level", "resource", "subject", "message", "remedy"} == set(found[0])


def test_json_of_a_good_site_is_whole_and_exits_0(airgap: Command) -> None:
    outcome = airgap("check", SITE, "--json")
    assert outcome.exit_code == 0
    document = json.loads(outcome.stdout)
    assert (document["violations"], document["findings"]) == (0, [])


def test_help_says_each_exit_code(airgap: Command) -> None:
    shown = airgap("check", "--help").stdout
    codes = shown.partition("Exit codes:")[2]
    for code, words in (("0", "notes may be told"), ("1", "is violated"), ("2", "wrong usage")):
        assert any(
            line.strip().startswith(code) and words in line for line in codes.splitlines()
        ), code


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ({"no-skip-verfy": "advisory"}, "did you mean 'no-skip-verify'?"),
        ({"no-skip-verify": "off"}, "site.policy.levels"),
        ({"lowered": "disabled"}, "cannot be disabled"),
    ],
)
def test_a_level_that_is_none_is_a_fault_of_the_site(
    airgap: Command,
    ready: Path,
    site_value: dict[str, object],
    levels: dict[str, str],
    told: str,
) -> None:
    write_site(ready, {**site_value, "policy": {"levels": levels}})
    outcome = airgap("check", SITE)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert told in outcome.stderr


def test_a_host_that_a_manifest_names_stops_with_its_place(
    ready: Path, site_value: dict[str, object], airgap: Command
) -> None:
    """A manifest that names no image changes nothing in the lock."""
    url = "https://user:MARKED-do-not-show@telemetry.vendor.example/x?token=MARKED-do-not-show"
    manifest = {"kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"url": url}}
    (ready / "stacks" / "web.json").write_text(json.dumps(manifest))
    write_site(ready, {**site_value, "manifests": ["web.json"]})
    outcome = airgap("check", SITE)
    assert outcome.exit_code == 1
    (line,) = [line for line in outcome.stdout.splitlines() if "closed-workloads" in line]
    assert line.startswith(
        f"[mandatory] closed-workloads · {SITE} · telemetry.vendor.example: "
        "is named at web.json → ConfigMap web → data.url"
    )
    assert "MARKED" not in outcome.stdout + outcome.stderr
    policy = {"allowedHosts": ["telemetry.vendor.example"]}
    write_site(ready, {**site_value, "manifests": ["web.json"], "policy": policy})
    assert airgap("check", SITE).exit_code == 0
