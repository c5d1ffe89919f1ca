"""`init` writes a stack file that loads, locks and plans, or says what is missing."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from airgap.cli.init import init
from airgap.lock import read_lock
from airgap.plan import plan_site
from airgap.site.draft import FLAGS, HEADER
from airgap.site.load import load_site
from airgap.talos import RELEASES
from lab.upstream import RELEASE, Upstream
from tests.cli.conftest import Command
from tests.engine.workspace import CHECKOUT
from tests.site.documents import EXAMPLE_CA

__all__: list[str] = []

REGISTRY = ("--registry", "https://registry.paris.example:5000")
MIRROR = (
    *("--asset-mirror", "https://artifacts.paris.example/talos"),
    *("--asset-mirror-path", "/srv/talos"),
)
NETWORK = ("--time-server", "10.0.0.1", "--nameserver", "10.0.0.2")
FACTORY = (
    *("--factory-endpoint", "https://factory.paris.example"),
    *("--extension", "siderolabs/iscsi-tools"),
)
KINDS = {
    "existing registry": (*REGISTRY, *MIRROR),
    "embedded": ("--embedded", "https://boot.paris.example:8443"),
    "no registry": ("--no-registry", *MIRROR),
    "existing factory": (*REGISTRY, *MIRROR, "--factory", "existing", *FACTORY),
    "deployed factory": (*REGISTRY, *MIRROR, "--factory", "deployed", *FACTORY),
    "fork": (*REGISTRY, *MIRROR, "--flavour", "airgap"),
}


@pytest.fixture
def ca(project: Path) -> Path:
    folder = project / "stacks" / "certs"
    folder.mkdir()
    path = folder / "site-ca.pem"
    path.write_text(EXAMPLE_CA)
    return path


def _redirect(path: Path, upstream: Upstream) -> None:
    """Add what a company with a pull-through cache would: nothing else of the file changes."""
    ca = upstream.ca_file.read_text()
    redirects = {
        "registries": {
            host: {"url": url, "ca": ca} for host, url in upstream.registry_redirects.items()
        },
        "releases": {"url": upstream.releases_url, "ca": ca},
    }
    lines = yaml.safe_dump({"upstream": redirects}).splitlines()
    text = path.read_text() + "".join(f"    {line}\n" for line in lines)
    path.write_text(text)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_loads_locks_plans_and_holds_the_policies(
    airgap: Command, project: Path, upstream: Upstream, ca: Path, kind: str
) -> None:
    trusted = () if kind == "no registry" else ("--registry-ca", str(ca))
    outcome = airgap("init", "paris", "--talos", RELEASE, *KINDS[kind], *trusted, *NETWORK)
    assert outcome.exit_code == 0, outcome.stderr
    path = project / "stacks" / "Pulumi.paris.yaml"
    load_site(path)
    _redirect(path, upstream)

    locked = airgap("lock", "paris")

    assert locked.exit_code == 0, locked.stderr
    site, lock = load_site(path), read_lock(project / "stacks" / "paris.lock.json")
    plan = plan_site(site, lock, name="paris")
    assert list(plan.views())
    assert site.kubernetes.versions == (RELEASES[RELEASE].kubernetes,)
    judged = airgap("check", "paris")
    assert judged.exit_code == 0, judged.stdout


def test_the_file_is_commented_and_points_editors_to_the_schema(
    airgap: Command, project: Path
) -> None:
    outcome = airgap("init", "paris", *KINDS["existing registry"])
    text = (project / "stacks" / "Pulumi.paris.yaml").read_text()

    assert text.startswith(f"{HEADER}\n")
    assert "pulumi preview -s paris --diff --policy-pack policies &&\n" in text
    assert "pulumi up -s paris --policy-pack policies\n" in text
    assert max(map(len, text.splitlines())) <= 100
    lines = text.splitlines()
    sections = [at for at, line in enumerate(lines) if line[:4] == "    " and line[4:5].isalpha()]
    uncommented = [
        lines[at]
        for at in sections
        if not lines[at - 1].lstrip().startswith("#") and lines[at - 1] == ""
    ]
    assert uncommented == []
    assert outcome.stdout.splitlines()[0] == "stacks/Pulumi.paris.yaml: written"
    assert outcome.stdout.splitlines()[-1].endswith("python -m airgap lock paris")


def test_the_newest_release_and_its_kubernetes_are_the_default(
    airgap: Command, project: Path
) -> None:
    airgap("init", "paris", *KINDS["existing registry"])
    site = load_site(project / "stacks" / "Pulumi.paris.yaml")

    newest = list(RELEASES.values())[-1]
    assert site.talos.versions == (newest.version,)
    assert site.kubernetes.versions == (newest.kubernetes,)


def test_an_older_sidero_gets_a_talos_that_it_can_configure(airgap: Command, project: Path) -> None:
    """Sidero v0.6.11 is built with Talos 1.11 (TALOS_RELEASE in its Makefile)."""
    outcome = airgap("init", "paris", "--sidero", "v0.6.11", *KINDS["existing registry"])
    assert outcome.exit_code == 0, outcome.stderr
    site = load_site(project / "stacks" / "Pulumi.paris.yaml")

    assert site.talos.versions[0].startswith("v1.11.")


def test_missing_answers_are_named_at_once_where_nobody_can_be_asked(
    airgap: Command, project: Path
) -> None:
    outcome = airgap("init", "paris", "--factory", "deployed")

    assert outcome.exit_code == 2
    for flag in ("--registry", "--embedded", "--no-registry", "--asset-mirror URL",
                 "--asset-mirror-path", "--factory-endpoint"):  # fmt: skip
        assert flag in outcome.stderr
    assert not (project / "stacks" / "Pulumi.paris.yaml").exists()


def test_every_fault_is_told_by_the_flag_it_comes_from(airgap: Command, project: Path) -> None:
    outcome = airgap(
        *("init", "paris", "--registry", "registry.example", "--registry-ca", "nowhere.pem"),
        *("--asset-mirror", "https://a.example/talos/", "--asset-mirror-path", "/srv/talos"),
        *("--talos", "v9.9.9", "--nameserver", "dns.example", "--extension", "iscsi"),
    )

    assert outcome.exit_code == 2
    told = [line.strip().partition(":")[0] for line in outcome.stderr.splitlines()]
    for flag in ("--registry or --embedded", "--registry-ca", "--asset-mirror", "--talos",
                 "--nameserver", "--extension"):  # fmt: skip
        assert flag in told
    assert not (project / "stacks" / "Pulumi.paris.yaml").exists()


@pytest.mark.parametrize("form", ["existing registry", "embedded", "deployed factory"])
def test_a_fault_of_an_answer_that_stands_twice_is_told_once_by_its_flag(
    airgap: Command, project: Path, form: str
) -> None:
    """It was told under --asset-mirror-ca as well, which nobody gave."""
    outcome = airgap("init", "paris", *KINDS[form], "--registry-ca", "nowhere.pem")

    assert outcome.exit_code == 2
    told = [line.strip() for line in outcome.stderr.splitlines() if line.startswith("  ")]
    assert [line.partition(":")[0] for line in told] == ["--registry-ca"]


def test_a_path_in_a_fault_is_the_one_that_was_given(airgap: Command, project: Path) -> None:
    """It was '../nosuch.pem', as the stack file would have had it."""
    outcome = airgap("init", "paris", *KINDS["existing registry"], "--registry-ca", "nosuch.pem")

    assert "  --registry-ca: 'nosuch.pem' cannot be read: No such file" in outcome.stderr
    assert "../" not in outcome.stderr
    assert "stack file" not in outcome.stderr


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_an_authority_is_read_where_there_are_no_stacks_yet(
    airgap: Command, project: Path, dry: tuple[str, ...]
) -> None:
    """It was said not to be there: it was looked for through a folder that was not."""
    shutil.rmtree(project / "stacks")
    (project / "certs").mkdir()
    (project / "certs" / "ca.pem").write_text(EXAMPLE_CA)
    given = ("--registry-ca", "certs/ca.pem")

    outcome = airgap("init", "paris", *KINDS["existing registry"], *given, *dry)

    assert outcome.exit_code == 0, outcome.stderr
    assert (project / "stacks").exists() != bool(dry)
    if not dry:
        site = load_site(project / "stacks" / "Pulumi.paris.yaml")
        assert site.registry.endpoints[0].ca == EXAMPLE_CA


def test_what_was_not_answered_is_told_as_it_will_be(airgap: Command, project: Path) -> None:
    """The plan turns synchronisation off: it was said that machines ask a public time server."""
    notes = [
        line
        for line in airgap("init", "paris", *KINDS["existing registry"]).stderr.splitlines()
        if line.startswith("note: ")
    ]

    assert len(notes) == 2
    assert "time synchronisation is off" in notes[0]
    assert "internet" not in notes[0]
    assert "1.1.1.1" in notes[1]
    assert "default-resolvers" in notes[1]
    told = airgap("init", "rome", *KINDS["existing registry"], *NETWORK).stderr
    assert "note: " not in told


def test_each_architecture_has_a_class_that_takes_no_other(airgap: Command, project: Path) -> None:
    """One class took any machine, and gave it the kernel of the architecture named first.

    Sidero's qualifiers have no architecture (ServerClass v1alpha2): a label has to tell it.
    """
    both = ("--architecture", "arm64", "--architecture", "amd64", "--talos", RELEASE)
    outcome = airgap("init", "paris", *KINDS["existing factory"], *both, *NETWORK)
    assert outcome.exit_code == 0, outcome.stderr
    site = load_site(project / "stacks" / "Pulumi.paris.yaml")

    booted = {item.name: item.architecture for item in site.environments}
    assert {
        item.name: (booted[item.environment], item.selector, item.extensions)
        for item in site.server_classes
    } == {
        f"workers-{name}": (
            name,
            {"matchLabels": {"kubernetes.io/arch": name}},
            ("siderolabs/iscsi-tools",),
        )
        for name in ("arm64", "amd64")
    }
    assert "kubernetes.io/arch=arm64" in outcome.stderr


def test_two_releases_of_two_architectures_have_a_class_for_each_architecture(
    airgap: Command, project: Path
) -> None:
    both = ("--architecture", "arm64", "--architecture", "amd64")
    releases = ("--talos", "v1.11.5", "--talos", "v1.11.3")
    airgap("init", "paris", *KINDS["existing registry"], *both, *releases)
    site = load_site(project / "stacks" / "Pulumi.paris.yaml")

    assert len(site.environments) == 4
    assert [item.environment for item in site.server_classes] == [
        "talos-1-11-5-arm64",
        "talos-1-11-5-amd64",
    ]


@pytest.mark.parametrize("name", ["Pulumi.paris.yaml", "paris.yaml", "paris.YML", "Pulumi.paris"])
def test_a_files_name_is_no_sites(airgap: Command, project: Path, name: str) -> None:
    outcome = airgap("init", name, *KINDS["existing registry"])

    assert outcome.exit_code == 2
    assert "'paris'" in outcome.stderr
    assert [path.name for path in (project / "stacks").iterdir()] == ["Pulumi.berlin.yaml"]


def test_a_fault_of_the_asset_mirrors_own_authority_has_its_own_flag(
    airgap: Command, project: Path, ca: Path
) -> None:
    own = ("--registry-ca", str(ca), "--asset-mirror-ca", "nowhere.pem")
    outcome = airgap("init", "paris", *KINDS["existing registry"], *own)

    assert "  --asset-mirror-ca: " in outcome.stderr
    assert "  --registry-ca: " not in outcome.stderr


def test_a_file_that_is_there_is_never_overwritten(airgap: Command, project: Path) -> None:
    path = project / "stacks" / "Pulumi.berlin.yaml"
    before = path.read_bytes()

    outcome = airgap("init", "berlin", *KINDS["existing registry"])

    assert outcome.exit_code == 1
    assert "Pulumi.berlin.yaml" in outcome.stderr
    assert path.read_bytes() == before


def test_dry_run_prints_and_writes_nothing(airgap: Command, project: Path) -> None:
    before = sorted(path.name for path in (project / "stacks").iterdir())
    outcome = airgap("init", "paris", "--dry-run", *KINDS["embedded"])

    assert outcome.exit_code == 0
    value = yaml.safe_load(outcome.stdout)["config"]["sidero-airgap:site"]
    assert value["registry"]["kind"] == "embedded"
    assert sorted(path.name for path in (project / "stacks").iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("paris", *REGISTRY, "--no-registry"),
        ("paris", *REGISTRY, *MIRROR, "--factory", "none", *FACTORY),
        ("../paris", *REGISTRY, *MIRROR),
        ("a/b", *REGISTRY, *MIRROR),
    ],
)
def test_what_excludes_each_other_is_wrong_usage(
    airgap: Command, arguments: tuple[str, ...]
) -> None:
    assert airgap("init", *arguments).exit_code == 2


def test_text_that_yaml_would_read_as_something_else_is_quoted(
    airgap: Command, project: Path
) -> None:
    folder = "/srv/a: b #c"
    airgap("init", "paris", *REGISTRY, "--asset-mirror", "https://a.example/talos",
           "--asset-mirror-path", folder)  # fmt: skip

    assert load_site(project / "stacks" / "Pulumi.paris.yaml").asset_mirror.path == folder


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_what_no_flag_says_is_asked(
    airgap: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {
        "Registry": "existing",
        "URL of the registry": "https://registry.paris.example:5000",
        "URL of the web server with boot assets": "https://artifacts.paris.example/talos",
        "The directory behind that URL": "/srv/talos",
        "Time server inside": "10.0.0.1",
        "Name server inside": "10.0.0.2",
    }
    asked: list[str] = []

    def prompt(question: str, *, default: str | None, **_: object) -> str:
        asked.append(question)
        return answers.get(question, default or "")

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    outcome = airgap("init", "paris", "--talos", RELEASE)

    assert outcome.exit_code == 0, outcome.stderr
    site = load_site(project / "stacks" / "Pulumi.paris.yaml")
    assert site.registry.endpoints[0].url == "https://registry.paris.example:5000"
    assert site.nodes.nameservers == ("10.0.0.2",)
    assert "Talos release" not in asked
    assert "Kubernetes release" in asked


def test_ctrl_c_at_a_question_says_that_nothing_was_written(
    airgap: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prompt(question: str, **_: object) -> str:
        raise click.Abort  # as click.prompt does

    monkeypatch.setattr(click, "prompt", prompt)
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    outcome = airgap("init", "paris")

    assert outcome.exit_code == 130
    assert outcome.stderr.splitlines()[-1] == "stopped; nothing was written"
    assert not (project / "stacks" / "Pulumi.paris.yaml").exists()


def test_every_option_of_an_answer_is_one_that_a_fault_can_name() -> None:
    options = {name for option in init.params for name in option.opts if name.startswith("--")}
    named = {word for flag in FLAGS.values() for word in flag.replace(",", " ").split()
             if word.startswith("--")}  # fmt: skip
    assert named <= options


def test_a_real_terminal_is_asked_and_standard_output_stays_clean(project: Path) -> None:
    ours, theirs = pty.openpty()
    answers = (
        *("", "", "", "existing", "https://registry.paris.example:5000", ""),
        *("https://artifacts.paris.example/talos", "/srv/talos", "none", "10.0.0.1", "10.0.0.2"),
    )
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    command = [sys.executable, "-m", "airgap", "init", "paris", "--project", str(project)]
    try:
        done = subprocess.run(
            command, cwd=CHECKOUT, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs,
            check=False, timeout=60, text=True,
        )  # fmt: skip
        asked = os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode == 0, asked
    assert done.stdout.splitlines()[0] == "stacks/Pulumi.paris.yaml: written"
    assert "Talos release" in asked
    site = load_site(project / "stacks" / "Pulumi.paris.yaml")
    assert site.nodes.time_servers == ("10.0.0.1",)
