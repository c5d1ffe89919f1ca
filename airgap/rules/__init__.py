"""What a site must hold: pure rules over the plain values of components and resources.

`policies/` adapts them to the engine and `python -m airgap check` runs them without it. A rule
reads values and yields violations; `evaluate` turns these into findings, weighing the site's
exceptions.
"""

from airgap.rules.blocking import find_blockers
from airgap.rules.catalogue import ADVISORY_RULES, MANDATORY_RULES, RULES
from airgap.rules.evaluation import evaluate, evaluate_rule
from airgap.rules.findings import Finding
from airgap.rules.judgement import judge_site
from airgap.rules.rule import Rule, RuleLevel, level_of

__all__ = [
    "ADVISORY_RULES",
    "MANDATORY_RULES",
    "RULES",
    "Finding",
    "Rule",
    "RuleLevel",
    "evaluate",
    "evaluate_rule",
    "find_blockers",
    "judge_site",
    "level_of",
]
