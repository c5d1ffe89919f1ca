"""What any CI runs for a pull request: judge every changed site, and say it in one comment each.

    python -m tools.pull_request --base origin/main                        judge, write files
    python -m tools.pull_request --base origin/main --comment 17           and comment

For each site whose stack file, lock, receipt, or a file that it names differs from where the branch
began: `lock --check`, `check` (the policies), `report` (Markdown and HTML), on demand `pulumi
preview` and the report of what it says, and the comparison of `stacks/<site>.receipt.json` with the
lock that was merged last. Nothing but git is asked, with a preview the engine and its backend, and
the comments' API when there is something to post.

Exit codes: 0  every site is fit
            1  a lock does not fit, a policy is violated, a receipt cannot be read, a step failed;
               drift: --fail-on-drift
            2  wrong usage, a base that git does not know, a clone without where the branch began
            3  a comment could not be posted (also when a site is not fit)

Environment: GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, as GitHub's runners and those of
compatible forges set them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from airgap.cli.receipts import read_receipt
from airgap.errors import AirgapError
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
from tools.comment_text import Reports, write_comment
from tools.comments import Place, PostingError, marker, post_comment
from tools.preview import STREAMING, read_said
from tools.steps import (
    DRIFT,
    LOCK,
    PAGE,
    POLICIES,
    PREVIEW,
    PREVIEW_PAGE,
    PREVIEW_REPORT,
    REPORT,
    Step,
)

__all__ = ["build_parser", "main"]

OK, FOUND, USAGE, NOT_POSTED = 0, 1, 2, 3

_LIMIT_S = 1_800
_TOKEN = "GITHUB_TOKEN"  # noqa: S105 - a variable's name
_API_URL = "https://api.github.com"
AIRGAP = (sys.executable, "-m", "airgap")


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
        text = write_comment(Reports.read(run.out, site, page=run.page), steps)
        (run.out / f"{site}.comment.md").write_text(text, encoding="utf-8")
        for step in steps:
            print(f"{site}: {step.title}: {step.verdict}")
        if any(step.code == USAGE for step in steps if step.title == REPORT):
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


def _steps(run: Run, site: str) -> Iterator[Step]:
    is_there = stack_file(run.root, site).is_file()
    for suffix in ("md", "html", "preview.md", "preview.html", "preview.txt"):
        (run.out / f"{site}.{suffix}").unlink(missing_ok=True)  # of a former run
    if is_there:
        yield _airgap(run, LOCK, "lock", site, "--check")
        yield _airgap(run, POLICIES, "check", site)
    receipt = run.root / STACKS / f"{site}.receipt.json"
    has_receipt = is_there and receipt.is_file()
    unread = _unread_receipt(receipt, site) if has_receipt else None
    source = ("--base", run.shown_base, *(("--base-name", run.base_name) if run.base_name else ()),
              *(("--receipt", str(receipt)) if has_receipt and not unread else ()))  # fmt: skip
    yield from _reports(run, site, site, (REPORT, PAGE), source)
    if is_there and run.is_previewed:
        yield from _preview(run, site)
    if has_receipt:
        yield unread or _drift(run, site, receipt)


def _unread_receipt(receipt: Path, site: str) -> Step | None:
    """Return what is wrong with a receipt that is none: a fault of its own, and no drift.

    The report is made without it, for the change is to be reviewed all the same.
    """
    try:
        read_receipt(receipt, site)
    except AirgapError as error:
        return Step(title=DRIFT, code=FOUND, output=f"error: {error.diagnostics()}")
    return None


def _reports(
    run: Run, site: str, name: str, titles: tuple[str, str], source: Sequence[str]
) -> Iterator[Step]:
    """Write a report as `<name>.md` and `<name>.html`.

    Args:
        titles: What the two steps are called.
        source: The options that say what it is told by.
    """
    page = ("--page", run.page.replace("{site}", name)) if run.page else ()
    for title, form, suffix, more in zip(
        titles, ("markdown", "html"), ("md", "html"), (page, ()), strict=True
    ):
        path = run.out / f"{name}.{suffix}"
        made = _airgap(
            run, title, "report", site, *source, "--format", form, *more, "--out", str(path)
        )
        # Exit 1 with a report is a finding, which is what `check` says as well; without, it failed.
        yield replace(made, is_judged=not path.is_file() or form == "markdown")


def _airgap(run: Run, title: str, *arguments: str) -> Step:
    return _started(run, title, [*run.airgap, *arguments])


def _preview(run: Run, site: str) -> Iterator[Step]:
    """Run the engine once; what it says is told by a report, and in words beside it."""
    command = ("pulumi", "preview", "--stack", site, "--json", "--non-interactive",
               "--policy-pack", "policies")  # fmt: skip
    words = run.out / f"{site}.preview.txt"
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events"
        with events.open("wb") as file:
            done = _started(run, PREVIEW, command, into=file, variables={STREAMING: "true"})
        with events.open(encoding="utf-8", errors="replace") as lines:
            said = read_said(lines, done.output)
        words.write_text(said.text, encoding="utf-8")
        yield replace(done, output=said.trouble, whole=words.name)
        source = ("--events", str(events))
        for step in _reports(run, site, f"{site}.preview", (PREVIEW_REPORT, PREVIEW_PAGE), source):
            # A preview that failed is told as that; where it came to no report, that is why.
            if step.code == 0 or done.code == 0:
                yield step


def _drift(run: Run, site: str, receipt: Path) -> Step:
    """Compare with the lock that was merged last: what this change adds is not inside yet."""
    with tempfile.TemporaryDirectory() as folder:
        merged = run_git(run.root, "show", f"{run.base}:./{STACKS}/{site}.lock.json")
        more = []
        if merged is not None:
            lock = Path(folder) / f"{site}.lock.json"
            lock.write_text(merged, encoding="utf-8")
            more = ["--lock", str(lock)]
        done = _airgap(run, DRIFT, "receipt", site, "--compare", str(receipt), *more)
    return replace(done, is_judged=run.fails_on_drift or done.code == USAGE)


def _started(
    run: Run,
    title: str,
    command: Sequence[str],
    *,
    into: IO[bytes] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Step:
    """Run a command, without the token: it is for comments alone, and the branch's code runs.

    Args:
        into: Gets what it prints; its errors alone are the output then.
        variables: What it is given beside the environment.
    """
    environment = {name: value for name, value in os.environ.items() if name != _TOKEN}
    environment |= variables or {}
    try:
        done = subprocess.run(
            command, cwd=run.root,
            env=environment, stdin=subprocess.DEVNULL, stdout=into or subprocess.PIPE,
            stderr=subprocess.PIPE if into else subprocess.STDOUT, check=False, timeout=_LIMIT_S,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Step(title=title, code=FOUND, output=f"ended after {_LIMIT_S} s")
    except OSError as error:
        return Step(title=title, code=FOUND, output=f"{command[0]}: {error.strerror}")
    said = done.stderr if into else done.stdout
    return Step(title=title, code=done.returncode, output=said.strip())


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
