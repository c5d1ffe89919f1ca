"""The script that CI runs: which sites, which steps, which exit code, and one comment a site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.forge import Forge
from tools.comments import MAX_CHARACTERS, marker
from tools.pull_request import build_parser, main

__all__: list[str] = []

ACTION = Path(__file__).parents[2] / "actions" / "pull-request" / "action.yml"
TOKEN = "MARKED-token"
REPOSITORY = "example/sites"

STAND_IN = """
import json, os, pathlib, sys
arguments = sys.argv[1:]
with open(os.environ["STAND_IN_LOG"], "a") as log:
    log.write(json.dumps(arguments) + "\\n")
plan = json.loads(pathlib.Path(os.environ["STAND_IN_LOG"] + ".plan").read_text())
name = arguments[0] + (":events" if "--events" in arguments else "")
name += ":html" if "html" in arguments else ""
step = plan.get(name, {})
if "--events" in arguments:
    step.setdefault("report", pathlib.Path(arguments[arguments.index("--events") + 1]).read_text())
if "--out" in arguments and not step.get("silent"):
    out = pathlib.Path(arguments[arguments.index("--out") + 1])
    out.write_text(step.get("report", "A report."))
if "--lock" in arguments:
    lock = pathlib.Path(arguments[arguments.index("--lock") + 1])
    step.setdefault("say", "lock " + lock.read_text())
print(step.get("say", "said by " + name), os.environ.get("GITHUB_TOKEN", ""))
sys.exit(step.get("code", 0))
"""
"""Plays `python -m airgap`: writes what it was called with, and does as it is told."""


RECEIPT = json.dumps(
    {
        "receiptVersion": 1, "site": "berlin", "lock": f"sha256:{'a' * 64}", "checked": "quick",
        "madeAt": "2026-11-30T16:00:00Z", "tool": "1.0.0",
        "images": {}, "factoryImages": {}, "assets": {},
    }
)  # fmt: skip
"""As docs/pull-requests.md has it, of a site that has nothing."""


class Checkout:
    """A repository with sites, a main branch, and a branch that changes something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root.with_name("calls")
        self.stand_in = root.with_name("stand_in.py")
        self.stand_in.write_text(STAND_IN)
        self.log.with_suffix(".plan").write_text("{}")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=self.root, check=True, capture_output=True, text=True
        ).stdout

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def calls(self) -> list[list[str]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def run(self, *arguments: str) -> int:
        airgap = (sys.executable, str(self.stand_in))
        return main(["--base", "main", *arguments], airgap=airgap)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    root = tmp_path / "checkout"
    root.mkdir()
    checkout = Checkout(root)
    checkout.git("init", "--quiet", "--initial-branch", "main")
    checkout.write("Pulumi.yaml", "name: sidero-airgap\n")
    for site in ("berlin", "munich", "paris"):
        checkout.write(f"stacks/Pulumi.{site}.yaml", f"site: {site}\nmanifests: [m/{site}]\n")
        checkout.write(f"stacks/{site}.lock.json", "merged")
    checkout.write("stacks/m/paris/web.yaml", "old")
    checkout.commit()
    checkout.git("switch", "--quiet", "--create", "change")
    monkeypatch.chdir(root)
    monkeypatch.setenv("STAND_IN_LOG", str(checkout.log))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("GITHUB_TOKEN", "GITHUB_API_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    return checkout


Plan = Callable[..., None]


@pytest.fixture
def stand_in(checkout: Checkout) -> Plan:
    """Says what the commands do: `stand_in(check={"code": 1})`."""

    def plan(**steps: dict[str, Any]) -> None:
        named = {name.replace("_", ":"): step for name, step in steps.items()}
        checkout.log.with_suffix(".plan").write_text(json.dumps(named))

    return plan


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    with Forge(repository=REPOSITORY, token=TOKEN) as forge:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", forge.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
        yield forge
        assert forge.crashes == []


def test_nothing_changed_is_fit_and_asks_nothing(checkout: Checkout) -> None:
    checkout.write("README.md", "other")
    checkout.commit()

    assert checkout.run() == 0
    assert checkout.calls() == []


def test_every_step_is_run_for_every_changed_site(checkout: Checkout) -> None:
    checkout.write("stacks/Pulumi.berlin.yaml", "site: other\n")
    checkout.write("stacks/munich.lock.json", "moved")
    checkout.commit()
    out = checkout.root / "out" / "pull-request"

    assert checkout.run() == 0
    assert checkout.calls() == [
        call
        for site in ("berlin", "munich")
        for call in (
            ["lock", site, "--check"],
            ["check", site],
            *(
                ["report", site, "--base", "main", "--format", form, "--out", str(out / file)]
                for form, file in (("markdown", f"{site}.md"), ("html", f"{site}.html"))
            ),
        )
    ]
    assert (out / "berlin.html").is_file()


def test_a_file_that_a_stack_names_changes_its_site(checkout: Checkout) -> None:
    checkout.write("stacks/m/paris/web.yaml", "new")
    checkout.commit()

    checkout.run()

    assert {call[1] for call in checkout.calls()} == {"paris"}


@pytest.mark.parametrize(
    ("named", "changed"),
    [
        ("../certs/ca.pem", "certs/ca.pem"),
        ("../certs", "certs/ca.pem"),
        ("certs/../../certs/ca.pem", "certs/ca.pem"),
        ("linked.pem", "certs/ca.pem"),
        ("linked/ca.pem", "certs/ca.pem"),
        ("{root}/certs/ca.pem", "certs/ca.pem"),
        ("../../shared/ca.pem", "../shared/ca.pem"),
    ],
)
@pytest.mark.parametrize("is_committed", [True, False])
def test_a_file_outside_stacks_that_a_stack_names_changes_its_site(
    checkout: Checkout, named: str, changed: str, *, is_committed: bool
) -> None:
    """It was said that no site is changed, of a CA as `init --registry-ca` writes it."""
    _nest(checkout)
    (checkout.root / "stacks/linked.pem").symlink_to("../certs/ca.pem")
    (checkout.root / "stacks/linked").symlink_to("../certs")
    checkout.write(
        "stacks/Pulumi.paris.yaml", f"caFile: {named.format(root=checkout.root)}\nnone: ''\n"
    )
    for path in ("certs/ca.pem", "../shared/ca.pem"):
        checkout.write(path, "old")
    checkout.commit()
    checkout.git("branch", "--force", "main")
    checkout.write("README.md", "not named")
    checkout.write(changed, "new")
    if is_committed:
        checkout.commit()

    assert checkout.run() == 0
    assert {call[1] for call in checkout.calls()} == {"paris"}


def _nest(checkout: Checkout) -> None:
    """Move the project into a folder of its repository."""
    folder = checkout.root / "project"
    folder.mkdir()
    for name in ("Pulumi.yaml", "stacks"):
        checkout.git("mv", name, f"project/{name}")
    checkout.root = folder
    os.chdir(folder)


def test_a_file_that_a_stack_names_and_nobody_added_changes_its_site(checkout: Checkout) -> None:
    checkout.write("stacks/Pulumi.paris.yaml", "caFile: ../certs/ca.pem\n")
    checkout.commit()
    checkout.git("branch", "--force", "main")
    checkout.write("certs/ca.pem", "new")

    checkout.run()

    assert {call[1] for call in checkout.calls()} == {"paris"}


@pytest.mark.parametrize(
    "text", ["a: &a [*a]\n", "a: \xff\n", "a: [\n", 'a: "\\0"\n', f"a: {'x/' * 5000}\n"]
)
def test_a_stack_file_of_any_content_names_what_it_can(checkout: Checkout, text: str) -> None:
    (checkout.root / "stacks/Pulumi.paris.yaml").write_text(text, encoding="latin-1")
    checkout.commit()
    checkout.git("branch", "--force", "main")
    checkout.write("stacks/m/berlin/web.yaml", "new")

    checkout.run()

    assert {call[1] for call in checkout.calls()} == {"berlin"}


def test_what_main_got_since_is_not_the_branchs(checkout: Checkout) -> None:
    began = checkout.git("rev-parse", "HEAD").strip()
    checkout.git("switch", "--quiet", "main")
    checkout.write("stacks/munich.lock.json", "merged by somebody else")
    checkout.commit()
    checkout.git("switch", "--quiet", "change")
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()

    checkout.run()

    assert {call[1] for call in checkout.calls()} == {"berlin"}
    for call in checkout.calls():
        if call[0] == "report":
            assert call[2:6] == ["--base", began, "--base-name", "where the branch left main"]


def test_a_removed_site_is_reported_and_not_judged(checkout: Checkout) -> None:
    (checkout.root / "stacks/Pulumi.berlin.yaml").unlink()
    (checkout.root / "stacks/berlin.lock.json").unlink()
    checkout.commit()

    assert checkout.run() == 0
    assert [call[0] for call in checkout.calls()] == ["report", "report"]


def test_a_renamed_site_is_two_and_a_lock_without_its_site_is_none(checkout: Checkout) -> None:
    checkout.git("mv", "stacks/Pulumi.berlin.yaml", "stacks/Pulumi.bonn.yaml")
    checkout.write("stacks/nowhere.lock.json", "left over")
    checkout.commit()

    checkout.run()

    assert {call[1] for call in checkout.calls()} == {"berlin", "bonn"}


@pytest.mark.parametrize("step", ["lock", "check", "report"])
def test_what_is_not_fit_is_exit_1(checkout: Checkout, stand_in: Plan, step: str) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(**{step: {"code": 1, "say": "MARKED reason"}})

    assert checkout.run() == 1
    comment = (checkout.root / "out/pull-request/berlin.comment.md").read_text()
    assert "MARKED reason" in comment
    assert "A report." in comment


def test_a_page_with_findings_is_none_but_a_missing_page_is(
    checkout: Checkout, stand_in: Plan
) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(report_html={"code": 1})
    assert checkout.run() == 0
    stand_in(report_html={"code": 1, "silent": True})
    assert checkout.run() == 1


def test_a_report_that_fails_is_told_in_its_place(checkout: Checkout, stand_in: Plan) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(report={"code": 1, "silent": True, "say": "``` no such lock"})

    assert checkout.run() == 1
    comment = (checkout.root / "out/pull-request/berlin.comment.md").read_text()
    assert comment.startswith("### berlin: no report")
    assert "````text\n``` no such lock\n````" in comment


def test_a_report_that_was_called_wrongly_is_exit_2(checkout: Checkout, stand_in: Plan) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(report={"code": 2, "silent": True}, check={"code": 1})

    assert checkout.run() == 2


def test_a_receipt_is_compared_with_the_lock_that_was_merged(
    checkout: Checkout, stand_in: Plan
) -> None:
    """What the change adds cannot be inside yet."""
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.write("stacks/berlin.receipt.json", RECEIPT)
    checkout.commit()
    stand_in(receipt={"code": 1})

    assert checkout.run() == 0
    comment = checkout.root / "out/pull-request/berlin.comment.md"
    assert "| receipt | differs (exit 1), only told |" in comment.read_text()
    assert "lock merged" not in comment.read_text(), "the report has a section of it"
    told = [call for call in checkout.calls() if call[0] == "report"]
    assert [call[call.index("--receipt") + 1] for call in told] == [
        str(checkout.root / "stacks/berlin.receipt.json")
    ] * 2
    assert checkout.run("--fail-on-drift") == 1

    stand_in(receipt={"code": 1}, report={"code": 1, "silent": True})
    assert checkout.run() == 1
    assert "lock merged" in comment.read_text(), "there is no report to say it"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{}", "receiptVersion"),
        ("<<<<<<< ours", "no JSON"),
        ("", "no JSON"),
        (RECEIPT.replace("berlin", "bonn"), "it is of the site 'bonn'"),
        (RECEIPT.replace("2026", "26"), "madeAt"),
    ],
)
def test_a_receipt_that_cannot_be_read_is_exit_1_and_the_report_is_made_without(
    checkout: Checkout, text: str, why: str
) -> None:
    """There was no report at all, and the receipt itself was told as one that differs."""
    checkout.write("stacks/berlin.receipt.json", text)
    checkout.commit()

    assert checkout.run() == 1
    comment = (checkout.root / "out/pull-request/berlin.comment.md").read_text()
    assert comment.startswith("A report.")
    assert "| receipt | exit 1 |" in comment
    assert why in comment
    assert "berlin.receipt.json" in comment
    assert [call for call in checkout.calls() if "--receipt" in call or call[0] == "receipt"] == []


def test_a_receipt_that_could_not_be_compared_is_not_called_different(
    checkout: Checkout, stand_in: Plan
) -> None:
    """Such as with a merged lock of another form: the report says no more of it."""
    checkout.write("stacks/berlin.receipt.json", RECEIPT)
    checkout.commit()
    stand_in(receipt={"code": 1, "say": "error: MARKED reason"})

    assert checkout.run() == 0
    comment = (checkout.root / "out/pull-request/berlin.comment.md").read_text()
    assert "| receipt | not done (exit 1), only told |" in comment
    assert "MARKED reason" in comment


def test_what_every_step_says_is_told_once(checkout: Checkout, stand_in: Plan) -> None:
    """One fault of a stack file stood five times in a comment."""
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    refused = {"code": 1, "silent": True, "say": "error: MARKED fault"}
    stand_in(lock=refused, check=refused, report=refused, report_html=refused)

    assert checkout.run() == 1
    comment = (checkout.root / "out/pull-request/berlin.comment.md").read_text()
    assert comment.count("MARKED fault") == 1
    assert comment.startswith("### berlin: no report")
    assert all(f"| {step} | exit 1 |" in comment for step in ("lock", "policies", "report"))


def test_what_two_steps_say_beside_a_report_is_told_once_by_both_names(
    checkout: Checkout, stand_in: Plan
) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    refused = {"code": 1, "say": "error: MARKED fault"}
    stand_in(lock=refused, check=refused)

    assert checkout.run() == 1
    comment = (checkout.root / "out/pull-request/berlin.comment.md").read_text()
    assert comment.count("MARKED fault") == 1
    assert "<summary>lock, policies</summary>" in comment


def test_each_site_has_one_comment_which_is_updated(checkout: Checkout, forge: Forge) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.write("stacks/munich.lock.json", "moved")
    checkout.commit()

    assert checkout.run("--comment", "17") == 0
    assert checkout.run("--comment", "17") == 0

    first = [comment.body.partition("\n")[0] for comment in forge.comments]
    assert first == [marker("berlin"), marker("munich")]


def test_no_command_is_given_the_token(checkout: Checkout, forge: Forge, stand_in: Plan) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(check={"code": 1, "say": "MARKED reason"})

    assert checkout.run("--comment", "17") == 1
    assert "MARKED reason" in forge.comments[0].body
    assert TOKEN not in forge.comments[0].body


def test_what_cannot_be_posted_is_exit_3(
    checkout: Checkout, forge: Forge, stand_in: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(check={"code": 1})
    forge.faults.add("/comments", times=None, status=403)

    assert checkout.run("--comment", "17") == 3
    told = "".join(capsys.readouterr())
    assert "403" in told
    assert TOKEN not in told


def test_a_report_of_any_length_fits_a_comment(
    checkout: Checkout, forge: Forge, stand_in: Plan
) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    stand_in(report={"report": "line\n" * 20_000}, check={"code": 1, "say": "x" * 50_000})

    assert checkout.run("--comment", "17") == 1
    body = forge.comments[0].body
    assert len(body) <= MAX_CHARACTERS
    assert "more characters are in berlin.md" in body
    assert "| policies | exit 1 |" in body


def test_a_report_that_is_cut_keeps_its_findings_and_closes_its_folds(
    checkout: Checkout, forge: Forge, stand_in: Plan
) -> None:
    """What comes last is what stops: it was cut away, and all that followed stood in a fold."""
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    table = "<details><summary>Images</summary>\n\n" + "row\n" * 20_000 + "</details>\n"
    found = "### Policies\n\n- ⛔ `closed` MARKED finding\n\n"
    files = "### Files\n\n" + "file\n" * 100
    stand_in(report={"report": f"## berlin: x\n\n{table}\n{found}{files}", "code": 1})

    assert checkout.run("--comment", "17", "--page", "https://ci.example/{site}.html") == 1
    body = forge.comments[0].body
    assert len(body) <= MAX_CHARACTERS
    assert body.index("</details>") < body.index("more characters are in berlin.md")
    assert body.index("more characters are in") < body.index("MARKED finding")
    assert "[and as a page](https://ci.example/berlin.html)" in body
    assert body.count("<details") == body.count("</details>")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--base", "nowhere"),
        ("--base=--output=x",),
        ("--site", "atlantis"),
        ("--site", "../berlin"),
        ("--comment", "17"),
        ("--preview",),
    ],
)
def test_wrong_usage_is_exit_2(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    monkeypatch.setattr("tools.pull_request.shutil.which", lambda _: None)

    assert checkout.run(*arguments) == 2
    assert checkout.calls() == []


def _clone_shallow(checkout: Checkout, folder: Path) -> None:
    """Clone the branch's last commit, then main's: as CI does that is not told otherwise."""
    address = f"file://{checkout.root}"
    checkout.git("clone", "--quiet", "--depth", "1", "--branch", "change", address, str(folder))
    tip = "main:refs/remotes/origin/main"
    checkout.git("-C", str(folder), "fetch", "--quiet", "--depth", "1", "origin", tip)


def test_a_shallow_clone_is_refused_with_what_to_do(
    checkout: Checkout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What main had got meanwhile was reported as what the branch takes back, with exit 0."""
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    checkout.write("stacks/berlin.lock.json", "merged by somebody else")
    checkout.commit()
    clone = tmp_path / "clone"
    _clone_shallow(checkout, clone)
    monkeypatch.chdir(clone)

    assert checkout.run("--base", "origin/main") == 2
    assert checkout.calls() == []
    told = capsys.readouterr().err
    assert "shallow" in told
    assert "fetch-depth: 0" in told
    assert "git fetch --unshallow" in told

    checkout.git("-C", str(clone), "fetch", "--quiet", "--unshallow", "origin")
    assert checkout.run("--base", "origin/main") == 0
    assert {call[1] for call in checkout.calls()} == {"berlin"}


def test_a_branch_without_common_history_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.git("switch", "--quiet", "--orphan", "other")
    checkout.write("Pulumi.yaml", "name: sidero-airgap\n")
    checkout.commit()

    assert checkout.run() == 2
    told = capsys.readouterr().err
    assert "no common history" in told
    assert "shallow" not in told


def test_a_token_in_clear_is_wrong_usage(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    arguments = ("--comment", "1", "--repository", "a/b", "--api-url", "http://forge.example")

    assert checkout.run(*arguments) == 2


def test_a_file_named_like_an_option_is_no_site(checkout: Checkout) -> None:
    checkout.write("stacks/Pulumi.--help.yaml", "site: x\n")
    checkout.commit()

    assert checkout.run() == 2
    assert checkout.calls() == []


def test_a_site_can_be_named_though_nothing_changed(checkout: Checkout) -> None:
    assert checkout.run("--site", "paris") == 0
    assert {call[1] for call in checkout.calls()} == {"paris"}


def test_the_documentation_names_every_option_and_exit_code() -> None:
    text = (ACTION.parents[2] / "docs" / "pull-requests.md").read_text()

    undocumented = [name for name in _options() if f"--{name}" not in text]
    assert undocumented == []
    assert all(f"| {code} | " in text for code in range(4))


# The composite action.


@pytest.fixture
def action() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    return document


def _options() -> dict[str, object]:
    return {
        option.option_strings[0].removeprefix("--"): option.default
        for option in build_parser()._actions
        if option.dest != "help"
    }


def test_the_actions_inputs_are_the_scripts_options(action: dict[str, Any]) -> None:
    inputs = action["inputs"]

    assert set(inputs) == {*_options(), "token", "artefact"}  # the script uploads nothing
    assert [name for name, given in inputs.items() if not given["description"]] == []
    assert [name for name, given in inputs.items() if given.get("required")] == ["base"]
    assert inputs["out"]["default"] == str(_options()["out"])


def _shell_steps(action: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in action["runs"]["steps"] if "run" in step]


def test_what_is_written_is_an_artefact_whatever_the_verdict(action: dict[str, Any]) -> None:
    """A page is asked for most where a site is refused; an empty name asks for none."""
    *_, upload = action["runs"]["steps"]

    assert upload["uses"] == "actions/upload-artifact@v4"
    assert upload["if"] == "always() && inputs.artefact != ''"
    assert upload["with"] == {
        "name": "${{ inputs.artefact }}",
        "path": "${{ inputs.out }}",
        "if-no-files-found": "ignore",  # no site is changed
    }
    assert action["inputs"]["artefact"]["default"] == "sidero-airgap-reports"


def _run(action: dict[str, Any], folder: Path, **given: str) -> list[str]:
    """Run the action's last command with a stand-in for the script; return its arguments."""
    program = folder / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    step = _shell_steps(action)[-1]
    environment = {name: given.get(name, "") for name in step["env"]} | {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", step["run"]], cwd=folder, env=environment,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_the_action_passes_every_input_on_as_it_is(action: dict[str, Any], tmp_path: Path) -> None:
    given = {
        "BASE": "origin/main", "SITE": "berlin", "OUT": "out dir", "PAGE": "https://a.example/$(x)",
        "PREVIEW": "yes", "FAIL_ON_DRIFT": "yes", "COMMENT": "17", "REPOSITORY": "a/b",
        "API_URL": "https://forge.example",
    }  # fmt: skip
    arguments = _run(action, tmp_path, **given)
    options = build_parser().parse_args(arguments[2:])

    assert arguments[:2] == ["-m", "tools.pull_request"]
    assert vars(options) == {
        "base": "origin/main", "site": ["berlin"], "out": Path("out dir"),
        "page": "https://a.example/$(x)", "preview": True, "fail_on_drift": True, "comment": 17,
        "repository": "a/b", "api_url": "https://forge.example",
    }  # fmt: skip


def test_the_action_leaves_out_what_is_not_given(action: dict[str, Any], tmp_path: Path) -> None:
    arguments = _run(action, tmp_path, BASE="origin/main", OUT="out")

    assert arguments[2:] == ["--base", "origin/main", "--out", "out"]


def test_the_action_puts_no_input_into_a_shells_text(action: dict[str, Any]) -> None:
    """An expression in `run` would be replaced before the shell reads it."""
    assert [step for step in _shell_steps(action) if "${{" in step["run"]] == []
