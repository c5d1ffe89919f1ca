"""What any CI runs for a pull request: judge every changed site, and say it in one comment each.

    python -m tools.pull_request --base origin/main                        judge, write files
    python -m tools.pull_request --base origin/main --comment 17           and comment

For each site whose stack file, lock, receipt, or a file that it names differs from where the branch
began: `lock --check`, `check` (the policies), `report` (Markdown and HTML), on demand `pulumi
preview`, and the comparison of `stacks/<site>.receipt.json` with the lock that was merged last.
Nothing but git is asked, and the comments' API when there is something to post.

Exit codes: 0  every site is fit
            1  a lock does not fit, a policy is violated, a step failed; drift: --fail-on-drift
            2  wrong usage, or a base that git does not know
            3  a comment could not be posted (also when a site is not fit)

Environment: GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, as GitHub's runners and those of
compatible forges set them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools.changed_sites import (
    STACKS,
    UsageError,
    branching_point,
    changed_sites,
    find_root,
    name_of,
    named_sites,
    run_git,
    stack_file,
)
from tools.comments import MAX_CHARACTERS, Place, PostingError, marker, post_comment

__all__ = ["build_parser", "main"]

OK, FOUND, USAGE, NOT_POSTED = 0, 1, 2, 3

_MAX_OUTPUT = 1_000
_CLOSING_ROOM = 80
_FINDINGS = "\n### Policies\n"
_FENCE = re.compile(r"`{3,}")
_LIMIT_S = 1_800
_TOKEN = "GITHUB_TOKEN"  # noqa: S105 - a variable's name
_API_URL = "https://api.github.com"
AIRGAP = (sys.executable, "-m", "airgap")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was done for a site.

    Attributes:
        title: What, for people.
        code: How it ended; 0 is well.
        output: What it said.
        is_judged: Whether another code than 0 makes the site unfit.
    """

    title: str
    code: int
    output: str
    is_judged: bool = True

    @property
    def is_fit(self) -> bool:
        """Whether it speaks for the site."""
        return self.code == 0 or not self.is_judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every step needs: where, against what, with which programs.

    Attributes:
        base: The commit that the branch began at.
        shown_base: The branch that is merged into where it stands there, else the commit.
        base_name: What a reader knows the commit by; empty where the branch's name says it.
    """

    root: Path
    base: str
    shown_base: str
    base_name: str
    out: Path
    airgap: tuple[str, ...] = AIRGAP
    is_previewed: bool = False
    fails_on_drift: bool = False
    page: str = ""


def build_parser() -> argparse.ArgumentParser:
    """Return the options; `actions/pull-request/action.yml` has the same, which a test holds."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.pull_request",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--base", required=True, metavar="REF", help="the branch that is merged into")
    add(
        "--site",
        action="append",
        default=[],
        metavar="NAME",
        help="judge this site, changed or not; can be given again [default: all changed ones]",
    )
    add(
        "--out",
        type=Path,
        default=Path("out/pull-request"),
        metavar="DIR",
        help="where reports are written [default: out/pull-request]",
    )
    add(
        "--page",
        default="",
        metavar="URL",
        help="where the HTML will be found: comments link to it",
    )
    add("--preview", action="store_true", help="run pulumi preview as well; it must be on PATH")
    add(
        "--fail-on-drift",
        action="store_true",
        help="exit 1 when a receipt differs from the lock that was merged last",
    )
    add("--comment", type=int, metavar="NUMBER", help="comment on this pull request")
    add(
        "--repository",
        metavar="OWNER/NAME",
        help="whose pull request it is [default: GITHUB_REPOSITORY]",
    )
    add(
        "--api-url",
        metavar="URL",
        help="of the comments' API [default: GITHUB_API_URL, or https://api.github.com]",
    )
    return parser  # fmt: skip


def main(arguments: Sequence[str] | None = None, *, airgap: Sequence[str] = AIRGAP) -> int:
    """Judge a pull request; return the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        root = find_root()
        place = _place(options)
        base = branching_point(root, options.base)
        shown = name_of(root, base, options.base)
        run = Run(
            root=root,
            base=base,
            shown_base=shown,
            base_name="" if shown == options.base else f"where the branch left {options.base}",
            out=(Path.cwd() / options.out).absolute(),
            airgap=tuple(airgap),
            is_previewed=options.preview,
            fails_on_drift=options.fail_on_drift,
            page=options.page,
        )
        if run.is_previewed and shutil.which("pulumi") is None:
            raise UsageError("--preview: there is no pulumi on PATH")
        sites = named_sites(root, run.base, options.site) or changed_sites(root, run.base)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    if not sites:
        print("no site is changed")
        return OK
    return _judge_all(run, sites, place)


def _judge_all(run: Run, sites: Sequence[str], place: Place | None) -> int:
    run.out.mkdir(parents=True, exist_ok=True)
    code = OK
    is_posted = True
    for site in sites:
        steps = tuple(_steps(run, site))
        text = _comment(run, site, steps)
        (run.out / f"{site}.comment.md").write_text(text, encoding="utf-8")
        for step in steps:
            print(f"{site}: {step.title}: {_verdict(step)}")
        if any(step.code == USAGE for step in steps if step.title == _REPORT):
            code = max(code, USAGE)
        elif not all(step.is_fit for step in steps):
            code = max(code, FOUND)
        if place is not None:
            is_posted = _post(place, site, text) and is_posted
    return code if is_posted else NOT_POSTED


def _post(place: Place, site: str, text: str) -> bool:
    try:
        outcome = post_comment(place, marker(site), text)
    except PostingError as error:
        print(f"error: {site}: the comment could not be posted: {error}", file=sys.stderr)
        return False
    print(f"{site}: comment {outcome}")
    return True


# What is done for a site.

_LOCK, _POLICIES, _REPORT, _PAGE = "lock", "policies", "report", "HTML page"
_PREVIEW, _DRIFT = "pulumi preview", "receipt"


def _steps(run: Run, site: str) -> Iterator[Step]:
    is_there = stack_file(run.root, site).is_file()
    if is_there:
        yield _airgap(run, _LOCK, "lock", site, "--check")
        yield _airgap(run, _POLICIES, "check", site)
    page = ("--page", _page_of(run, site)) if run.page else ()
    base = ("--base", run.shown_base, *(("--base-name", run.base_name) if run.base_name else ()))
    for title, form, file, more in (
        (_REPORT, "markdown", f"{site}.md", page),
        (_PAGE, "html", f"{site}.html", ()),
    ):
        path = run.out / file
        path.unlink(missing_ok=True)
        made = _airgap(
            run, title, "report", site, *base, "--format", form, *more, "--out", str(path)
        )
        # Exit 1 with a report is a finding, which is what `check` says as well; without, it failed.
        yield replace(made, is_judged=not path.is_file() or title == _REPORT)
    if is_there and run.is_previewed:
        yield _preview(run, site)
    receipt = run.root / STACKS / f"{site}.receipt.json"
    if is_there and receipt.is_file():
        yield _drift(run, site, receipt)


def _page_of(run: Run, site: str) -> str:
    return run.page.replace("{site}", site)


def _airgap(run: Run, title: str, *arguments: str) -> Step:
    return _started(run, title, [*run.airgap, *arguments])


def _preview(run: Run, site: str) -> Step:
    """Run the engine; what it prints is a file beside the report, only the verdict a comment's."""
    command = ["pulumi", "preview", "--stack", site, "--diff", "--non-interactive",
               "--policy-pack", "policies"]  # fmt: skip
    done = _started(run, _PREVIEW, command)
    file = run.out / f"{site}.preview.txt"
    file.write_text(done.output, encoding="utf-8")
    return replace(done, output=f"see {file.name}")


def _drift(run: Run, site: str, receipt: Path) -> Step:
    """Compare with the lock that was merged last: what this change adds is not inside yet."""
    with tempfile.TemporaryDirectory() as folder:
        merged = run_git(run.root, "show", f"{run.base}:./{STACKS}/{site}.lock.json")
        more = []
        if merged is not None:
            lock = Path(folder) / f"{site}.lock.json"
            lock.write_text(merged, encoding="utf-8")
            more = ["--lock", str(lock)]
        done = _airgap(run, _DRIFT, "receipt", site, "--compare", str(receipt), *more)
    return replace(done, is_judged=run.fails_on_drift or done.code == USAGE)


def _started(run: Run, title: str, command: Sequence[str]) -> Step:
    """Run a command, without the token: it is for comments alone, and the branch's code runs."""
    environment = {name: value for name, value in os.environ.items() if name != _TOKEN}
    try:
        done = subprocess.run(
            command, cwd=run.root,
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False, timeout=_LIMIT_S, encoding="utf-8",
            errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Step(title=title, code=FOUND, output=f"ended after {_LIMIT_S} s")
    except OSError as error:
        return Step(title=title, code=FOUND, output=f"{command[0]}: {error.strerror}")
    return Step(title=title, code=done.returncode, output=done.stdout.strip())


# What is said of it.


def _verdict(step: Step) -> str:
    if step.code == 0:
        return "fit"
    return f"exit {step.code}" if step.is_judged else f"differs (exit {step.code}), only told"


def _comment(run: Run, site: str, steps: Sequence[Step]) -> str:
    """Return a comment: the report as it is, and below it what else was done."""
    path = run.out / f"{site}.md"
    report = path.read_text(encoding="utf-8") if path.is_file() else _no_report(site, steps)
    told = [step for step in steps if step.title not in (_REPORT, _PAGE) or not step.is_fit]
    rows = [f"| {step.title} | {_verdict(step)} |" for step in told]
    table = "\n".join(["| step | verdict |", "|---|---|", *rows])
    folded = "".join(_folded(step) for step in told if step.code != 0)
    room = MAX_CHARACTERS - len(marker(site)) - len(table) - len(folded) - 10
    whole = f"{site}.md, [and as a page]({_page_of(run, site)})" if run.page else f"{site}.md"
    return f"{_cut_report(report.strip(), room, whole)}\n\n{table}\n{folded}"


def _no_report(site: str, steps: Sequence[Step]) -> str:
    said = next((step.output for step in steps if step.title == _REPORT), "")
    return f"### {site}: no report\n\n{_fence(_cut(said, _MAX_OUTPUT, 'the log'))}"


def _folded(step: Step) -> str:
    text = _fence(_cut(step.output, _MAX_OUTPUT, "the log"))
    return f"\n<details><summary>{step.title}</summary>\n\n{text}\n\n</details>\n"


def _fence(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _cut_report(text: str, room: int, rest: str) -> str:
    """Return a report that is short enough: its findings stay, what stands before them goes."""
    if len(text) <= room:
        return text
    before, heading, after = text.partition(_FINDINGS)
    if not heading:
        return _cut(text, room, rest)
    findings, following, more = after.partition("\n### ")
    told = _cut(f"{_FINDINGS}{findings}".strip(), room // 2, rest)
    others = f"{before}{following}{more}".strip()
    return f"{_cut(others, room - len(told) - 2, rest)}\n\n{told}"


def _cut(text: str, room: int, rest: str) -> str:
    """Return text that is short enough: cut between lines, open folds closed, and said so."""
    if len(text) <= room:
        return text
    note = f"… {len(text)} more characters are in {rest}"  # at least as long as the one that is
    kept = text[: max(0, room - len(note) - _CLOSING_ROOM)].rpartition("\n")[0]
    kept_whole = f"{kept}{_closing(kept)}"
    return f"{kept_whole}\n\n… {len(text) - len(kept)} more characters are in {rest}"


def _closing(text: str) -> str:
    """Return what closes the fence and the folds that are open at the end of a text."""
    fence = ""
    depth = 0
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[0]
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            depth += line.count("<details") - line.count("</details>")
    return (f"\n{fence}" if fence else "") + "\n\n</details>" * depth


def _place(options: argparse.Namespace) -> Place | None:
    if options.comment is None:
        return None
    token = os.environ.get(_TOKEN, "")
    repository = options.repository or os.environ.get("GITHUB_REPOSITORY", "")
    missing = [
        name
        for name, value in (
            ("GITHUB_TOKEN in the environment", token),
            ("--repository, or GITHUB_REPOSITORY in the environment", repository),
        )
        if not value
    ]
    if missing:
        raise UsageError(f"--comment needs {' and '.join(missing)}")
    url = options.api_url or os.environ.get("GITHUB_API_URL") or _API_URL
    try:
        return Place(url=url, repository=repository, number=options.comment, token=token)
    except ValueError as error:
        raise UsageError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
