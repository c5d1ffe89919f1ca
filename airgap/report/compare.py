"""From two scenes to a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from airgap.report.amounts import Link, count_transfer
from airgap.report.changes import Changes, find_changes
from airgap.report.drift import count_repair, find_drift_reach, write_drift
from airgap.report.headline import write_headline
from airgap.report.judgement import compare_findings, judge
from airgap.report.model import Basis, KeyChange, ObjectChange, Report
from airgap.report.reach import find_reach
from airgap.report.scene import Scene
from airgap.report.topology import draw_topology
from airgap.rules import Finding

__all__ = ["compare"]

_STOPPED = "This is not whole, since the engine stopped early"


def compare(
    base: Scene,
    head: Scene,
    *,
    site: str,
    basis: Basis,
    links: Sequence[Link] = (),
    today: date,
    more_objects: Sequence[ObjectChange] = (),
    more_findings: Sequence[Finding] = (),
    present: Sequence[Mapping[str, object]] = (),
    drift: Sequence[KeyChange] = (),
) -> Report:
    """Return what changes from base to head.

    Args:
        base: What there is; an empty scene for a new site.
        head: What there will be; an empty scene for one that is removed.
        site: Its name.
        basis: What the scenes were read from.
        links: Speeds that times are given for.
        today: The day that exceptions of rules are measured by.
        more_objects: What the scenes cannot say: secrets that the engine says have changed.
        more_findings: What the engine's own policies say of the head.
        present: Objects that the cluster holds beside the site's.
        drift: What the site lacks of the base's lock, by its receipt.
    """
    changes = find_changes(base, head, more_objects)
    before = judge(base, today=today, present=present)
    is_drift = basis.kind == "refresh"  # what is found has not been asked for: no rule is for it
    after = before if is_drift else (*judge(head, today=today, present=present), *more_findings)
    return Report(
        site=site,
        basis=basis,
        headline=_headline(changes, basis),
        is_empty=changes.is_empty,
        reach=find_drift_reach(changes) if is_drift else find_reach(changes),
        versions=changes.versions,
        images=changes.images,
        assets=changes.assets,
        schematics=changes.schematics,
        trust=changes.trust,
        objects=changes.objects,
        files=changes.files,
        transfer=(
            count_repair(base, head, links) if is_drift else count_transfer(base, head, links)
        ),
        needs=changes.needs,
        platforms=changes.platforms,
        weakened=() if is_drift else changes.weakened,
        site_keys=changes.site_keys,
        drift=tuple(drift),
        findings=compare_findings(before, after, site=site),
        topology=draw_topology(changes),
    )


def _headline(changes: Changes, basis: Basis) -> str:
    """Return the first line: that not all is seen stands before all that is."""
    told = write_drift(changes) if basis.kind == "refresh" else write_headline(changes)
    if not basis.unfinished:
        return told
    if changes.is_empty:
        return f"{_STOPPED}, and what would change is not known."
    return f"{_STOPPED}. As far as it came: {told}"
