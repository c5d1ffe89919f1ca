"""What the rules say of base and head: new, still there, gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from airgap.report.masking import mask_text
from airgap.report.model import FindingChange
from airgap.report.scene import Scene, part
from airgap.rules import Finding, find_blockers, judge_site

__all__ = ["compare_findings", "judge"]


def judge(
    scene: Scene, *, today: date, present: Sequence[Mapping[str, object]] = ()
) -> tuple[Finding, ...]:
    """Return what the rules say of a scene, and of what is `present` in the cluster beside it."""
    policy = part(scene.inputs("Registry"), "policy")
    sidero = scene.inputs("SideroEnvironment")
    views = ((view.token, view.name, view.inputs) for view in scene.views.values())
    return (
        *judge_site(views, policy, today=today),
        *(find_blockers(sidero, present) if scene.is_there else ()),
    )


def compare_findings(
    base: Iterable[Finding], head: Iterable[Finding], *, site: str
) -> tuple[FindingChange, ...]:
    """Return the findings, mandatory ones first; the same words of the same thing are the same.

    Args:
        base: What rules say of the base.
        head: What they say of the head.
        site: Its name, for the commands to run: no rule knows it.
    """
    before, after = dict.fromkeys(base), dict.fromkeys(head)
    listed = [
        *(_change(item, "still" if item in before else "new", site) for item in after),
        *(_change(item, "gone", site) for item in before if item not in after),
    ]
    return tuple(sorted(listed, key=_rank))


def _rank(item: FindingChange) -> tuple[object, ...]:
    order = ("new", "still", "gone")
    return (item.standing == "gone", item.level != "mandatory", order.index(item.standing))


def _change(item: Finding, standing: str, site: str) -> FindingChange:
    return FindingChange.model_validate(
        {
            "standing": standing,
            "rule": item.rule,
            "level": item.level,
            "resource": item.resource,
            "subject": mask_text(item.subject),
            "message": mask_text(item.message),
            "remedy": mask_text(item.remedy.replace("<site>", site)),
        }
    )
