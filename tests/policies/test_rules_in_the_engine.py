"""Every mandatory rule stops a real preview: by what breaks it, and by what it cannot know.

A preview a rule: of a site's whole stack that passes as it is, with one thing in it that breaks the
rule, so that the exit code is that rule's alone. The engine makes a note of a policy that touches
an unknown value, and exits 0: nothing of that may reach a rule of ours. There one program registers
a component for each rule, since a preview of all costs as much as a preview of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE

from airgap.plan import plan_site
from airgap.rules import MANDATORY_RULES
from tests.engine.fixtures import MakeWorkspace, engine_directory, make_workspace
from tests.engine.result import Result
from tests.engine.workspace import CHECKOUT, Workspace
from tests.plan.samples import make_lock
from tests.rules.cases import CASES, MARKED, Case
from tests.rules.samples import good_site

__all__ = ["engine_directory", "make_workspace"]

pytestmark = pytest.mark.engine

# An unknown output is what the program of a site would pass on if it read one of a resource.
UNKNOWN = (UNKNOWN_BOOLEAN_VALUE, UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE)
PROGRAM = (
    f"UNKNOWN = {UNKNOWN!r}\n"
    """\
import asyncio
import json
from pathlib import Path

import pulumi


def known(value):
    future = asyncio.Future()
    future.set_result(value)
    return future


def as_input(value):
    if isinstance(value, dict):
        return {key: as_input(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_input(item) for item in value]
    return pulumi.Output(set(), known(None), known(False)) if value in UNKNOWN else value


class Component(pulumi.ComponentResource):
    def __init__(self, kind, name, values):
        super().__init__(kind, name, as_input(values))
        self.register_outputs({})


for name, (kind, values) in json.loads(Path("components.json").read_text()).items():
    Component(kind, name, values)
"""
)

NAMES = tuple(rule.name for rule in MANDATORY_RULES)
STOPPING = {case.rule: case for case in CASES if case.rule in NAMES}
Resources = Mapping[str, tuple[str, Mapping[str, object]]]
"""Type and inputs by name."""
PACK = ("--policy-pack", str(CHECKOUT / "policies"))


def run(
    make_workspace: MakeWorkspace,
    components: Resources,
    config: Mapping[str, object] | None = None,
) -> Result:
    """Preview components under the pack."""
    files = {"__main__.py": PROGRAM, "components.json": json.dumps(components)}
    return make_workspace(files=files, config=config).preview(*PACK, exit_code=None)


def stopped(result: Result) -> dict[tuple[str, str], str]:
    """Return the message of each mandatory violation by policy and resource."""
    found = (event["policyEvent"] for event in result.events if "policyEvent" in event)
    return {
        (item["policyName"], item["resourceUrn"].rpartition("::")[2]): item["message"]
        for item in found
        if item["enforcementLevel"] == "mandatory"
    }


# Each rule by itself.


def good_stack() -> dict[str, tuple[str, Mapping[str, object]]]:
    """Return what the program registers of a site that every rule lets pass."""
    plan = plan_site(good_site(), make_lock(), name="berlin")
    return {name: (token, inputs) for token, name, inputs in plan.views()}


def token_of(case: Case) -> str:
    """Return the type of the component that a case is about."""
    return f"airgap:index:{case.kind}"


def broken_stack(rule: str) -> tuple[Resources, str]:
    """Return the stack with one component that breaks a rule, and that component's name."""
    if rule not in STOPPING:
        pytest.fail(f"tests/rules/cases.py has nothing that breaks {rule}", pytrace=False)
    token = token_of(STOPPING[rule])
    stack = good_stack()
    (name,) = (name for name, (kind, _) in stack.items() if kind == token)
    return {**stack, name: (token, STOPPING[rule].broken())}, name


Judge = Callable[[Resources], Result]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory, engine_directory: Path) -> Iterator[Judge]:
    """Previews a stack under the pack, all in one project."""
    directory = tmp_path_factory.mktemp("rules") / "project"
    workspace = Workspace.create(directory, engine_directory, files={"__main__.py": PROGRAM})

    def preview(stack: Resources) -> Result:
        workspace.write({"components.json": json.dumps(stack)})
        return workspace.preview(*PACK, exit_code=None)

    yield preview
    workspace.end_leftovers()


def test_a_stack_that_breaks_no_rule_passes(judge: Judge) -> None:
    """The others would mean nothing if any preview failed."""
    result = judge(good_stack())
    assert result.exit_code == 0, result
    assert stopped(result) == {}


@pytest.mark.parametrize("rule", NAMES)
def test_a_mandatory_rule_alone_stops_a_preview_and_shows_no_secret(
    judge: Judge, rule: str
) -> None:
    stack, name = broken_stack(rule)
    result = judge(stack)
    assert result.exit_code == 1, result
    found = stopped(result)
    assert set(found) == {(rule, name)}
    assert STOPPING[rule].subject in found[rule, name]
    assert f"[mandatory]  {rule}" in result.output
    assert MARKED not in found[rule, name]
    assert MARKED not in result.output


# What cannot be known.


def test_what_a_mandatory_rule_cannot_know_stops_a_preview_as_well(
    make_workspace: MakeWorkspace,
) -> None:
    unknown = {name: (token_of(case), case.unjudged()) for name, case in STOPPING.items()}
    result = run(make_workspace, unknown)
    assert result.exit_code == 1, result
    found = stopped(result)
    for case in STOPPING.values():
        told = f"not known in preview: {case.rule} cannot be judged"
        assert told in found[case.rule, case.rule]
    assert "can't run policy" not in result.output, "the engine made a note of none"


@pytest.mark.parametrize(("level", "exit_code"), [("mandatory", 1), ("advisory", 0)])
def test_a_set_has_the_policy_of_its_stack(
    make_workspace: MakeWorkspace, level: str, exit_code: int
) -> None:
    """A set's inputs have none: the pack reads it where the engine tells it the configuration."""
    images = {"images": {"ghcr.io/a": "v1"}}
    result = run(
        make_workspace,
        {"images-talos": ("pulumi-python:dynamic/airgap:ImageSet", images)},
        config={"site": {"policy": {"levels": {"pinned": level}}}},
    )
    assert result.exit_code == exit_code, result
    assert "ghcr.io/a: image without a sha256 digest: v1" in result.output
    assert set(stopped(result)) == ({("pinned", "images-talos")} if exit_code else set())
