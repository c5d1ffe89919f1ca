"""`check`: judge a site by the rules, without the engine."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TextIO

import click

from airgap.cli.objects import objects_option, read_objects
from airgap.cli.output import json_option, print_json
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import check_lock, read_lock
from airgap.plan import plan_site
from airgap.resolve.own_signatures import check_own_signatures
from airgap.rules import RULES, Finding, find_blockers, judge_site, level_of
from airgap.rules.values import Values, part

__all__ = ["FORMAT_VERSION", "check"]

FORMAT_VERSION = 1
"""Of the JSON: a reader refuses another one."""

_REASONS = {rule.name: rule.reason for rule in RULES}


@click.command()
@site_argument
@project_option
@objects_option
@json_option
def check(site: str, *, project: Project, objects: TextIO | None, as_json: bool) -> None:
    """Judge SITE by the policies.

    The same rules as `pulumi preview --policy-pack policies`, over the same values, with neither
    engine nor network. The lock must fit the site. docs/policies.md says what each rule is for,
    and how a site excepts from it or sets its level.

    \b
    Exit codes:
      0  no mandatory rule is violated; notes may be told
      1  a mandatory rule is violated (told on stdout), or the site or its lock
         cannot be judged (told on stderr, and nothing on stdout)
      2  wrong usage
    """
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    check_own_signatures(description, lock)
    plan = plan_site(description, lock, name=site)
    present = read_objects(objects) if objects else ()
    policy, today = part(plan.site.inputs, "policy"), datetime.now(tz=UTC).date()
    judged = judge_site(plan.views(), policy, today=today)
    found = (*judged, *find_blockers(plan.sidero.inputs, present))
    findings = _ordered([_with_name(item, site) for item in found])
    mandatory = sum(finding.level == "mandatory" for finding in findings)
    if as_json:
        print_json(_document(site, policy, findings))
    else:
        for line in _lines(findings):
            click.echo(line)
        click.echo(f"{site}: {mandatory} violations, {len(findings) - mandatory} notes")
    if mandatory:
        sys.exit(1)


def _with_name(finding: Finding, site: str) -> Finding:
    """Return the finding with the site's name in the command to run: no rule knows it."""
    return replace(finding, remedy=finding.remedy.replace("<site>", site))


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings with what stops first, each rule's together, in the rules' order."""
    names = [*_REASONS, *(item.rule for item in findings if item.rule not in _REASONS)]
    return tuple(
        sorted(findings, key=lambda item: (item.level != "mandatory", names.index(item.rule)))
    )


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield a line a finding, and after those of a rule that stops why it does."""
    for (level, rule), found in groupby(findings, key=lambda item: (item.level, item.rule)):
        for item in found:
            yield f"[{level}] {rule} · {item.resource} · {item}"
        if level == "mandatory" and rule in _REASONS:
            yield f"    why: {_REASONS[rule]}"


def _document(site: str, policy: Values, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "formatVersion": FORMAT_VERSION,
        "site": site,
        "violations": sum(item.level == "mandatory" for item in findings),
        "notes": sum(item.level == "advisory" for item in findings),
        "rules": [
            {
                "name": rule.name,
                "level": level_of(rule, policy),
                "summary": rule.summary,
                "reason": rule.reason,
                "remedy": rule.remedy,
            }
            for rule in RULES
        ],
        "findings": [
            {
                "rule": item.rule,
                "level": item.level,
                "resource": item.resource,
                "subject": item.subject,
                "message": item.message,
                "remedy": item.remedy,
            }
            for item in findings
        ],
    }
