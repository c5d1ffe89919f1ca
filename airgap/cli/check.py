"""`check`: judge a site by the rules, without the engine."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import check_lock, read_lock
from airgap.plan import Plan, plan_site
from airgap.rules import Finding, evaluate

__all__ = ["check"]


@click.command()
@site_argument
@project_option
def check(site: str, *, project: Project) -> None:
    """Judge SITE by the policies; exit 1 when a mandatory one is violated.

    The same rules as `pulumi preview --policy-pack policies`, over the same values, with neither
    engine nor network. The lock must fit the site.
    """
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    findings = _judge(plan_site(description, lock, name=site))
    for finding in findings:
        click.echo(f"[{finding.level}] {finding.rule} · {finding.resource} · {finding}")
    mandatory = sum(finding.level == "mandatory" for finding in findings)
    click.echo(f"{site}: {mandatory} violations, {len(findings) - mandatory} notes")
    if mandatory:
        sys.exit(1)


def _judge(plan: Plan) -> tuple[Finding, ...]:
    today = datetime.now(tz=UTC).date()
    return tuple(
        finding
        for token, name, inputs in plan.views()
        for finding in evaluate(token, name, inputs, today=today)
    )
