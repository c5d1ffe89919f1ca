"""`report`: base and head of a branch, a directory, a site that comes or goes; no network."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from airgap.lock import write_lock
from airgap.oci.reference import parse_reference
from airgap.receipt import format_receipt
from airgap.resolve.own_signatures import own_key
from airgap.rules.signers import key_signer
from airgap.signature.private import PrivateKey
from tests.cli.conftest import Command, write_site
from tests.cli.test_objects import listed
from tests.report.recorded import NAME, Side, make_pin, make_receipt, recorded, side
from tests.report.recording import EVENTS
from tests.site.documents import EXAMPLE_CA


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a test", "-c", "user.email=test@example.invalid")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _write(project: Path, of: Side) -> None:
    """Put berlin into a project, its authority in a file beside."""
    value = copy.deepcopy(of.value)
    certificates = project / "stacks" / "certs"
    certificates.mkdir(exist_ok=True)
    mirror = value["assetMirror"]
    assert isinstance(mirror, dict)
    (certificates / "mirror.pem").write_text(str(mirror.pop("ca")))
    mirror["caFile"] = "certs/mirror.pem"
    write_site(project, value, name=NAME)
    write_lock(project / "stacks" / f"{NAME}.lock.json", of.lock)


def _commit(project: Path, message: str) -> None:
    _git(project, "add", "--all")
    _git(project, "commit", "--quiet", "--message", message)


@pytest.fixture
def branch(project: Path) -> Path:
    """A project whose main branch has berlin, on a branch of its own."""
    for file in (project / "stacks").glob("Pulumi.*.yaml"):
        file.unlink()
    _git(project, "init", "--quiet", "--initial-branch=main")
    _write(project, side())
    _commit(project, "Berlin")
    _git(project, "checkout", "--quiet", "-b", "change")
    return project


def test_a_branch_without_a_change_exits_0(airgap: Command, branch: Path) -> None:
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"## {NAME}: Nothing changes.")


def test_the_base_is_where_the_branch_left_main(airgap: Command, branch: Path) -> None:
    fork = _git(branch, "rev-parse", "HEAD")
    _, head = recorded("image").both()
    _write(branch, head)
    _commit(branch, "New images")
    _git(branch, "checkout", "--quiet", "main")
    _write(branch, recorded("versions").both()[1])
    _commit(branch, "Main goes on")
    _git(branch, "checkout", "--quiet", "change")
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 0
    assert "2 images updated" in outcome.stdout
    assert f"main at {fork[:12]} (the merge base)" in outcome.stdout
    assert "Talos" not in outcome.stdout.splitlines()[0]


def test_what_is_not_committed_counts(airgap: Command, branch: Path) -> None:
    _write(branch, recorded("image").both()[1])
    assert "2 images updated" in airgap("report", NAME, "--base", "HEAD").stdout


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_file_outside_stacks_that_is_not_committed_is_told(
    airgap: Command, branch: Path, monkeypatch: pytest.MonkeyPatch, *, is_nested: bool
) -> None:
    """`init --registry-ca certs/ca.pem` names it so; the head was called the commit alone."""
    project = branch
    if is_nested:
        project = branch / "project"
        project.mkdir()
        for name in ("Pulumi.yaml", "stacks"):
            (branch / name).rename(project / name)
        monkeypatch.chdir(project)
    of = recorded("ca-rotation").both()[1]
    value = copy.deepcopy(of.value)
    mirror = value["assetMirror"]
    assert isinstance(mirror, dict)
    certificates = branch / "certs"
    certificates.mkdir()
    (certificates / "ca.pem").write_text(EXAMPLE_CA)
    new = str(mirror.pop("ca"))
    mirror["caFile"] = "../../certs/ca.pem" if is_nested else "../certs/ca.pem"
    write_site(project, value, name=NAME)
    _commit(branch, "A CA beside the stacks")

    assert "not committed" not in airgap("report", NAME, "--base", "HEAD").stdout
    (project / "README.md").write_text("nothing of the site's")
    assert "not committed" not in airgap("report", NAME, "--base", "HEAD").stdout
    (certificates / "ca.pem").write_text(new)

    outcome = airgap("report", NAME, "--base", "HEAD")
    assert outcome.exit_code == 0, outcome.stderr
    assert "A certificate authority is replaced" in outcome.stdout
    assert "with changes that are not committed" in outcome.stdout


def test_files_that_the_site_names_are_read_at_the_base(airgap: Command, branch: Path) -> None:
    _write(branch, recorded("ca-rotation").both()[1])
    outcome = airgap("report", NAME)
    assert "Berlin site CA 2026" in outcome.stdout
    assert "Berlin site CA 2027" in outcome.stdout


def test_a_manifest_is_read_at_the_base(airgap: Command, branch: Path) -> None:
    folder = branch / "stacks" / "manifests"
    folder.mkdir()
    of = side()
    value = {**of.value, "manifests": ["manifests"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}
    for image in ("docker.io/library/nginx:1.27.3", "docker.io/grafana/grafana:11.3.0"):
        spec = {"containers": [{"name": "main", "image": image}]}
        (folder / "web.yaml").write_text(yaml.safe_dump({**pod, "spec": spec}))
        _write(branch, Side(value=value, lock=of.lock))
        _commit(branch, f"A pod of {image}")
    outcome = airgap("report", NAME, "--base", "HEAD~1")
    assert outcome.exit_code == 0, outcome.stderr
    assert "Nothing changes" in outcome.stdout


def test_a_new_site_is_a_change(airgap: Command, branch: Path) -> None:
    _git(branch, "rm", "--quiet", "--cached", "-r", "stacks")
    _git(branch, "commit", "--quiet", "--message", "None")
    outcome = airgap("report", NAME, "--base", "HEAD")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"## {NAME}: A new site: Talos v1.11.5, Kubernetes v1.34.1")


def test_a_removed_site_is_a_change(airgap: Command, branch: Path) -> None:
    shutil.rmtree(branch / "stacks")
    (branch / "stacks").mkdir()
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"## {NAME}: The site is removed: Talos v1.11.5")


def test_a_site_that_is_nowhere_is_an_error(airgap: Command, branch: Path) -> None:
    outcome = airgap("report", "hamburg")
    assert outcome.exit_code == 1
    assert "there is no site 'hamburg'" in outcome.stderr
    assert NAME in outcome.stderr


def test_a_base_without_a_lock_counts_as_nothing(airgap: Command, branch: Path) -> None:
    (branch / "stacks" / f"{NAME}.lock.json").unlink()
    _commit(branch, "No lock")
    _write(branch, side())
    outcome = airgap("report", NAME, "--base", "HEAD")
    assert "The base has the site without a lock" in outcome.stdout
    assert "A new site" in outcome.stdout


def _old_lock(branch: Path) -> None:
    lock_file = branch / "stacks" / f"{NAME}.lock.json"
    document = json.loads(lock_file.read_text())
    lock_file.write_text(json.dumps({**document, "lockVersion": 0}))


def _unfitting_lock(branch: Path) -> None:
    _write(branch, Side(value=recorded("versions").both()[1].value, lock=side().lock))


def _refused_site(branch: Path) -> None:
    write_site(branch, {**side().value, "nonsense": 1}, name=NAME)


def _no_text(branch: Path) -> None:
    (branch / "stacks" / f"Pulumi.{NAME}.yaml").write_bytes(b"config: \xff\x00")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_old_lock, "this release reads version 1, not 0"),
        (_unfitting_lock, "talos.versions"),
        (_refused_site, "nonsense"),
        (_no_text, "Pulumi.berlin.yaml"),
    ],
)
@pytest.mark.parametrize("where", ["git", "directory"])
def test_a_base_that_cannot_be_read_counts_as_nothing_and_the_report_says_why(
    airgap: Command,
    branch: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    why: str,
    where: str,
) -> None:
    """It was an error before: then the very change that mends a base could not be reviewed."""
    spoil(branch)
    _commit(branch, "A bad base")
    shutil.copytree(branch / "stacks", tmp_path / "other")
    _write(branch, side())
    given = ("--base", "HEAD") if where == "git" else ("--base-dir", str(tmp_path / "other"))
    outcome = airgap("report", NAME, *given)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"## {NAME}: A new site")
    named = f"HEAD at {_git(branch, 'rev-parse', 'HEAD')[:12]}" if where == "git" else "directory"
    first = outcome.stdout.partition("\n\n")[2].partition("\n\n")[0]
    assert "From nothing, since " in outcome.stdout
    assert f"The base at {named}" in outcome.stdout
    assert why in outcome.stdout.replace("\\", ""), first


def test_a_bad_base_does_not_hide_a_finding(airgap: Command, branch: Path) -> None:
    _old_lock(branch)
    _commit(branch, "An old lock")
    _write(branch, recorded("mirror").both()[1])
    outcome = airgap("report", NAME, "--base", "HEAD")
    assert outcome.exit_code == 1
    assert "no-skip-verify" in outcome.stdout


def test_a_removed_site_that_could_not_be_read_is_an_error_that_names_it(
    airgap: Command, branch: Path
) -> None:
    """A report from nothing to nothing would say that nothing changes."""
    _old_lock(branch)
    _commit(branch, "An old lock")
    shutil.rmtree(branch / "stacks")
    outcome = airgap("report", NAME, "--base", "HEAD")
    assert outcome.exit_code == 1
    assert f"stacks/{NAME}.lock.json at HEAD" in outcome.stderr
    assert "name a later base" in outcome.stderr


def test_without_a_base_everything_is_new(airgap: Command, branch: Path) -> None:
    outcome = airgap("report", NAME, "--base", "none")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"## {NAME}: A new site")
    assert "From nothing to change at " in outcome.stdout
    assert airgap("report", "hamburg", "--base", "none").exit_code == 1


def test_the_report_says_which_head_it_judged(airgap: Command, branch: Path) -> None:
    head = _git(branch, "rev-parse", "HEAD")[:12]
    assert f" to change at {head}. " in airgap("report", NAME).stdout
    (branch / "stacks" / f"{NAME}.lock.json").touch()
    (branch / "README.md").write_text("of no site")
    assert f" to change at {head}. " in airgap("report", NAME).stdout
    _write(branch, recorded("image").both()[1])
    dirty = f" to change at {head}, with changes that are not committed. "
    assert dirty in airgap("report", NAME).stdout
    _git(branch, "checkout", "--quiet", "--detach")
    assert f" to commit {head}, with changes" in airgap("report", NAME).stdout


def test_a_base_that_is_a_commit_is_called_by_words(airgap: Command, branch: Path) -> None:
    head = _git(branch, "rev-parse", "HEAD")
    assert f"From commit {head[:12]} to" in airgap("report", NAME, "--base", head).stdout
    named = airgap("report", NAME, "--base", head, "--base-name", "where the branch left main")
    assert f"From where the branch left main at {head[:12]} to" in named.stdout
    assert airgap("report", NAME, "--base-name", "x").exit_code == 2


def test_a_commit_that_is_not_here_is_an_error(airgap: Command, branch: Path) -> None:
    for reference in ("origin/none", "--upload-pack=x"):
        outcome = airgap("report", NAME, f"--base={reference}")
        assert outcome.exit_code == 1
        assert "no such commit here" in outcome.stderr


def test_a_directory_can_be_the_base(airgap: Command, branch: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(branch / "stacks", other / "stacks")
    _write(branch, recorded("image").both()[1])
    outcome = airgap("report", NAME, "--base-dir", str(other))
    assert "2 images updated" in outcome.stdout
    assert "From directory other to change at " in outcome.stdout


def test_outside_of_git_the_base_has_to_be_named(
    airgap: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    _write(project, side())
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 1
    assert "--base-dir" in outcome.stderr


def test_a_mandatory_finding_exits_1(airgap: Command, branch: Path) -> None:
    _write(branch, recorded("mirror").both()[1])
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 1
    assert "policy violations" in outcome.stdout
    assert "no-skip-verify" in outcome.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--base", "HEAD", "--base-dir", "."),
        ("--link", "fast"),
        ("--link", "0Mbit/s"),
        ("--format", "pdf"),
    ],
)
def test_wrong_usage_exits_2(airgap: Command, branch: Path, arguments: tuple[str, ...]) -> None:
    assert airgap("report", NAME, *arguments).exit_code == 2


def test_the_help_tells_the_exit_codes(airgap: Command) -> None:
    outcome = airgap("report", "--help")
    assert "Exit codes: 0" in outcome.stdout


def test_times_are_of_the_given_links(airgap: Command, branch: Path) -> None:
    _write(branch, recorded("image").both()[1])
    outcome = airgap("report", NAME, "--link", "10Mbit/s", "--link", "2.5Gbit/s")
    assert "at 10Mbit/s" in outcome.stdout
    assert "at 2.5Gbit/s" in outcome.stdout
    assert "100Mbit/s" not in outcome.stdout


def test_out_is_written_whole(airgap: Command, branch: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    outcome = airgap("report", NAME, "--format", "json", "--out", str(file))
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert json.loads(file.read_text())["isEmpty"] is True
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".report")] == []


def test_a_lock_that_does_not_fit_is_an_error(airgap: Command, branch: Path) -> None:
    head = recorded("versions").both()[1]
    _write(branch, Side(value=head.value, lock=side().lock))
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 1
    assert "talos.versions" in outcome.stderr


def test_a_project_in_a_folder_of_its_repository_is_read_there(
    airgap: Command, project: Path
) -> None:
    repository = project.parent
    _git(repository, "init", "--quiet", "--initial-branch=main")
    for file in (project / "stacks").glob("Pulumi.*.yaml"):
        file.unlink()
    _write(project, side())
    certificate = project / "stacks" / "certs" / "mirror.pem"
    certificate.rename(certificate.with_name("2026.pem"))
    certificate.symlink_to("2026.pem")
    _git(repository, "add", "--", project.name)
    _git(repository, "commit", "--quiet", "--message", "Berlin")
    _write(project, recorded("image").both()[1])
    outcome = airgap("report", NAME)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.startswith(f"## {NAME}: 2 images updated.")


def test_git_is_told_to_ask_nobody(
    airgap: Command, branch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partial clone fetches what it lacks when it is read; here it must fail instead."""
    seen: list[dict[str, str]] = []
    run = subprocess.run

    def watch(*arguments: object, **options: object) -> object:
        environment = options.get("env")
        assert isinstance(environment, dict)
        seen.append(environment)
        return run(*arguments, **options)  # type: ignore[call-overload]  # passed on as it came

    monkeypatch.setattr("airgap.cli.revisions.subprocess.run", watch)
    assert airgap("report", NAME).exit_code == 0
    assert {(each["GIT_ALLOW_PROTOCOL"], each["GIT_NO_LAZY_FETCH"]) for each in seen} == {
        ("none", "1")
    }


def _edit(project: Path, **changes: object) -> None:
    _write(project, Side(value={**side().value, **changes}, lock=side().lock))


def test_a_redirect_of_upstream_is_a_change(airgap: Command, branch: Path) -> None:
    """It was told as none: neither plan nor lock has it."""
    _edit(branch, upstream={"registries": {"ghcr.io": "https://cache.example/ghcr.io"}})
    outcome = airgap("report", NAME)
    assert outcome.stdout.startswith(
        f"## {NAME}: Nothing that machines see changes; `upstream.registries` of the stack file is "
        "changed."
    )
    assert "| — | `https://cache.example/ghcr.io` |" in outcome.stdout
    document = json.loads(airgap("report", NAME, "--format", "json").stdout)
    assert document["isEmpty"] is False
    assert [key["path"] for key in document["siteKeys"]] == ['upstream.registries["ghcr.io"].url']
    new = json.loads(airgap("report", NAME, "--base", "none", "--format", "json").stdout)
    assert new["siteKeys"] == []


def test_a_file_that_another_name_is_given_to_is_a_change(airgap: Command, branch: Path) -> None:
    certificates = branch / "stacks" / "certs"
    (certificates / "mirror.pem").rename(certificates / "other.pem")
    stack_file = branch / "stacks" / f"Pulumi.{NAME}.yaml"
    stack_file.write_text(stack_file.read_text().replace("mirror.pem", "other.pem"))
    outcome = airgap("report", NAME)
    assert "| `assetMirror.caFile` | `certs/mirror.pem` | `certs/other.pem` |" in outcome.stdout


def test_comments_and_form_are_no_change(airgap: Command, branch: Path) -> None:
    stack_file = branch / "stacks" / f"Pulumi.{NAME}.yaml"
    value = yaml.safe_load(stack_file.read_text())
    value["config"]["sidero-airgap:site"]["transfer"] = {"limits": []}
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=True, width=60)
    stack_file.write_text(f"# for the colleague who reads this\n{text}")
    assert "Nothing changes." in airgap("report", NAME).stdout


# What `check` says of the same


def _findings(text: str) -> list[tuple[str, ...]]:
    keys = ("rule", "level", "resource", "subject", "message", "remedy")
    found = json.loads(text)["findings"]
    return sorted(
        tuple(each[key] for key in keys) for each in found if each.get("standing") != "gone"
    )


@pytest.mark.parametrize("name", ["nothing", "mirror", "versions", "flavour", "class-removed"])
@pytest.mark.parametrize("base", [("--base", "none"), ()])
def test_the_policies_say_what_check_says(
    airgap: Command, branch: Path, name: str, base: tuple[str, ...]
) -> None:
    _write(branch, recorded(name).both()[1])
    checked = airgap("check", NAME, "--json")
    told = airgap("report", NAME, "--format", "json", *base)
    assert _findings(told.stdout) == _findings(checked.stdout)
    assert told.exit_code == checked.exit_code


@pytest.mark.parametrize("name", ["registry", "sidero", "images-talos"])
def test_a_site_may_be_called_as_what_it_has(airgap: Command, branch: Path, name: str) -> None:
    """A part of that name would hide another, and no rule would judge it."""
    of = recorded("mirror").both()[1]
    write_site(branch, {**of.value, "policy": {"levels": {"closed": "advisory"}}}, name=name)
    write_lock(branch / "stacks" / f"{name}.lock.json", of.lock)
    checked = airgap("check", name, "--json")
    told = airgap("report", name, "--base", "none", "--format", "json")
    assert _findings(told.stdout) == _findings(checked.stdout)
    assert checked.exit_code == told.exit_code == 1


def test_a_signature_that_does_not_hold_is_refused_as_by_check(
    airgap: Command, branch: Path
) -> None:
    key = PrivateKey.make()
    lock = side().lock
    factory = side().value["imageFactory"]
    assert isinstance(factory, dict)
    image = "ghcr.io/siderolabs/installer:v1.11.5"
    own = own_key(parse_reference(image), lock.images[image])
    pin = make_pin(own, "signatures", "signatures").model_copy(
        update={"signature": "AAAA", "signed_by": (key_signer(key.public_pem),)}
    )
    value = {
        **side().value,
        "imageFactory": {**factory, "verification": {"publicKey": key.public_pem}},
    }
    _write(branch, Side(value=value, lock=lock))
    assert airgap("report", NAME).stdout
    bad = lock.model_copy(update={"images": {**lock.images, own: pin}})
    _write(branch, Side(value=value, lock=bad))
    checked, told = airgap("check", NAME), airgap("report", NAME)
    assert checked.exit_code == told.exit_code == 1
    assert "the signature is not of this image and key" in told.stderr
    assert (checked.stderr, checked.stdout) == (told.stderr, told.stdout)


def test_objects_of_the_cluster_count_as_for_check(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump(listed(environment="rescue")))
    _write(branch, recorded("image").both()[1])
    checked = airgap("check", NAME, "--json", "--objects", str(file))
    told = airgap("report", NAME, "--format", "json", "--objects", str(file))
    assert _findings(told.stdout) == _findings(checked.stdout)
    assert checked.exit_code == told.exit_code == 1
    standings = {each["standing"] for each in json.loads(told.stdout)["findings"]}
    assert standings == {"still"}, "the base's own objects block as well"
    fresh = airgap("report", NAME, "--format", "json", "--objects", str(file), "--base", "none")
    assert {each["standing"] for each in json.loads(fresh.stdout)["findings"]} == {"new"}


# What a receipt says


def test_a_receipt_is_held_against_the_lock_of_the_base(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    _write(branch, recorded("image").both()[1])
    gone = {"docker.io/library/nginx:1.27.3": "missing"}
    for lacks, told in (({}, "the site has all"), (gone, "the site lacks 1 thing")):
        file.write_text(format_receipt(make_receipt(side().lock, lacks)))
        outcome = airgap("report", NAME, "--receipt", str(file))
        assert outcome.exit_code == 0, outcome.stderr
        assert f"By its receipt of 2026-11-30T16:00:00Z {told}" in outcome.stdout
    assert "| `image docker.io/library/nginx:1.27.3` | `sha256:" in outcome.stdout
    new = airgap("report", NAME, "--receipt", str(file), "--base", "none")
    assert "The base has no lock to hold the receipt against." in new.stdout


def test_a_receipt_of_another_site_is_refused(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    file = tmp_path / "receipt.json"
    other = make_receipt(side().lock, {}).model_copy(update={"site": "hamburg"})
    file.write_text(format_receipt(other))
    outcome = airgap("report", NAME, "--receipt", str(file))
    assert outcome.exit_code == 1
    assert "it is of the site 'hamburg'" in outcome.stderr
    events = ("--events", str(EVENTS / "drift.ndjson"))
    assert airgap("report", NAME, "--receipt", str(file), *events).exit_code == 2


def test_events_are_told_with_the_lock_that_is_here(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    name = "airgap-basic"
    shutil.copy(EVENTS / "drift.lock.json", branch / "stacks" / f"{name}.lock.json")
    outcome = airgap("report", name, "--events", str(EVENTS / "drift.ndjson"))
    assert outcome.exit_code == 0, outcome.stderr
    assert "Drift: 2 images, 2 boot assets and 1 file" in outcome.stdout
    assert "no lock here" not in outcome.stdout
    assert "128.0 KiB" in outcome.stdout


def test_events_without_their_end_are_an_error(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    """`pulumi … | python -m airgap report … --events -` when the engine is killed."""
    lines = (EVENTS / "credential-rotation.ndjson").read_text().splitlines(keepends=True)
    file, out = tmp_path / "events", tmp_path / "report.md"
    file.write_text("".join(lines[:5]))
    outcome = airgap("report", "airgap-basic", "--events", str(file), "--out", str(out))
    assert outcome.exit_code == 1
    assert "they end early, after 5 events" in outcome.stderr
    assert "pipefail" in outcome.stderr
    assert not out.exists()


def test_what_an_engine_that_failed_has_seen_is_no_success(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    lines = (EVENTS / "credential-rotation.ndjson").read_text().splitlines(keepends=True)
    error = {"diagnosticEvent": {"severity": "error", "message": "preview canceled"}}
    end = {"summaryEvent": {"isPreview": True, "result": "failed"}}
    file = tmp_path / "events"
    file.write_text("".join([*lines[:5], f"{json.dumps(error)}\n", json.dumps(end)]))
    outcome = airgap("report", "airgap-basic", "--events", str(file))
    assert outcome.exit_code == 1
    assert "This is not whole, since the engine stopped early" in outcome.stdout
    assert "preview canceled" in outcome.stderr


def test_a_directory_that_is_no_base_of_any_site_is_an_error(
    airgap: Command, branch: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    outcome = airgap("report", NAME, "--base-dir", str(other))
    assert outcome.exit_code == 1
    assert "--base-dir other: there is no stack file in it" in outcome.stderr
    (other / "Pulumi.yaml").touch()
    assert "A new site" in airgap("report", NAME, "--base-dir", str(other)).stdout


def test_what_are_no_events_is_an_error(airgap: Command, branch: Path, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text("Previewing update (dev)")
    outcome = airgap("report", NAME, "--events", str(file))
    assert outcome.exit_code == 1
    assert "PULUMI_ENABLE_STREAMING_JSON_PREVIEW" in outcome.stderr


def test_events_and_a_base_exclude_each_other(airgap: Command, branch: Path) -> None:
    outcome = airgap("report", NAME, "--events", str(EVENTS / "drift.ndjson"), "--base", "HEAD")
    assert outcome.exit_code == 2


def test_digests_link_into_the_page(airgap: Command, branch: Path) -> None:
    _write(branch, recorded("image").both()[1])
    url = "https://ci.example/artefacts/1/report.html"
    outcome = airgap("report", NAME, "--page", url)
    page = airgap("report", NAME, "--format", "html").stdout
    (place,) = set(re.findall(rf"\({re.escape(url)}#(image-[^)]*nginx[^)]*)\)", outcome.stdout))
    assert f'id="{place}"' in page
