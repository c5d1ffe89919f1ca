"""`check`: judge a site by the rules, without the engine."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TextIO

import click

from airgap.cli.objects import read_objects
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import check_lock, read_lock
from airgap.plan import Plan, plan_site
from airgap.resolve.own_signatures import check_own_signatures
from airgap.rules import Finding, evaluate, find_blockers

__all__ = ["check"]


@click.command()
@site_argument
@project_option
@click.option(
    "--objects",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="What the cluster holds: `kubectl get serverclasses,servers,environments -o yaml`; - for "
    "standard input. Says whose patches break, or have the last word over, the site's.",
)
def check(site: str, *, project: Project, objects: TextIO | None) -> None:
    """Judge SITE by the policies; exit 1 when a mandatory one is violated.

    The same rules as `pulumi preview --policy-pack policies`, over the same values, with neither
    engine nor network. The lock must fit the site.
    """
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    check_own_signatures(description, lock)
    plan = plan_site(description, lock, name=site)
    present = read_objects(objects) if objects else ()
    findings = (*_judge(plan), *find_blockers(plan.sidero.inputs, present))
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
