"""The policy pack on a committed stack, in a plain `preview --policy-pack policies`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.result import Json, Result
from tests.stacks.outside import Outside
from tests.stacks.site import open_site

pytestmark = pytest.mark.engine

Edit = Callable[[Json], None]
Judge = Callable[[Edit], Result]


@pytest.fixture(scope="module")
def judge(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Judge]:
    """Previews a change of the site with the policy pack; inside, with no server running."""
    directory = tmp_path_factory.mktemp("policies")
    with open_site(directory, engine_directory, outside, "airgap-basic") as site:
        site.switch_off()
        committed = copy.deepcopy(site.value)

        def preview(edit: Edit) -> Result:
            value = copy.deepcopy(committed)
            edit(value)
            site.change(value, relock=False)
            return site.workspace.preview("--policy-pack", "policies", exit_code=None)

        yield preview


def _violations(result: Result, level: str = "mandatory") -> set[tuple[str, str]]:
    """Return the violated policies of a level, each with the resource that violates it."""
    found = (event["policyEvent"] for event in result.events if "policyEvent" in event)
    return {
        (item["policyName"], item["resourceUrn"].rpartition("::")[2])
        for item in found
        if item["enforcementLevel"] == level
    }


def _mirror(endpoint: str, **more: bool) -> Json:
    return {"endpoints": [endpoint], "overridePath": True, "skipFallback": True, **more}


def _skip_verify(value: Json) -> None:
    registry = value["registry"]
    endpoint = f"{registry['endpoints'][0]['url']}/v2/docker.io"
    registry["mirrors"] = {"docker.io": _mirror(endpoint, skipVerify=True)}


def _excuse(value: Json, *, days: int) -> None:
    """Add an exception whose last day is so many days from now."""
    last = datetime.now(tz=UTC).date() + timedelta(days=days)
    value["policy"] = {
        "exceptions": [
            {
                "rule": "no-skip-verify",
                "subject": "docker.io",
                "reason": "its certificate is renewed next week",
                "owner": "platform@berlin.example",
                "expires": last.isoformat(),
            }
        ]
    }


def test_committed_stack_passes(judge: Judge) -> None:
    result = judge(lambda _: None)
    assert result.exit_code == 0, result
    assert _violations(result) == set()


@pytest.fixture(scope="module")
def violating(judge: Judge) -> Result:
    """The preview of a site that breaks three rules."""

    def edit(value: Json) -> None:
        _skip_verify(value)
        elsewhere = "https://mirror.elsewhere.example/v2/gcr.io"
        value["registry"]["mirrors"]["gcr.io"] = _mirror(elsewhere)
        mirror = value["assetMirror"]
        mirror["url"] = mirror["url"].replace("https:", "http:")
        del mirror["caFile"]

    return judge(edit)


def test_violating_stack_fails_its_preview(violating: Result) -> None:
    assert violating.exit_code == 1, violating


@pytest.mark.parametrize(
    ("policy", "resource", "subject"),
    [
        ("no-skip-verify", "registry", "docker.io: nodes do not verify the certificate of"),
        ("https-only", "asset-mirror", "the asset mirror is http, not https"),
        ("closed", "registry", "mirror.elsewhere.example: the mirror of gcr.io is outside"),
    ],
)
def test_violation_names_rule_resource_and_subject(
    violating: Result, policy: str, resource: str, subject: str
) -> None:
    assert (policy, resource) in _violations(violating)
    assert f"[mandatory]  {policy}" in violating.stdout
    assert subject in violating.stdout


def test_justified_exception_passes_and_is_told(judge: Judge) -> None:
    def edit(value: Json) -> None:
        _skip_verify(value)
        _excuse(value, days=0)  # its last day still counts

    today = None
    while today != datetime.now(tz=UTC).date():  # it was judged on its last day
        today = datetime.now(tz=UTC).date()
        result = judge(edit)
    assert result.exit_code == 0, result
    assert _violations(result) == set()
    assert _violations(result, "advisory") == {("notes", "registry"), ("notes", "sidero")}
    assert "by platform@berlin.example: its certificate is renewed next week" in result.stdout


def test_expired_exception_fails_and_names_its_owner(judge: Judge) -> None:
    def edit(value: Json) -> None:
        _skip_verify(value)
        _excuse(value, days=-1)

    result = judge(edit)
    assert result.exit_code == 1, result
    assert ("no-skip-verify", "registry") in _violations(result)
    assert "the exception of platform@berlin.example expired" in result.stdout
