"""The site's `policy` section: what the rules allow here beyond their defaults.

The schema names the rules, so that an editor completes them and marks one that is none.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import Field
from pydantic.config import JsonDict

from airgap.site.document import AllowedHost, Date, Document, Kept, Text, example

__all__ = ["Policy", "PolicyException", "RuleLevel"]

RuleLevel = Annotated[Literal["mandatory", "advisory", "disabled"], Kept]


def _names() -> list[str]:
    """Return the rules' names; read when a schema is made, and not when the model is."""
    from airgap.rules import RULES

    return sorted(rule.name for rule in RULES)


def _complete_value(schema: JsonDict) -> None:
    schema["enum"] = cast("JsonDict", {"names": _names()})["names"]


def _complete_keys(schema: JsonDict) -> None:
    """Name the rules, and refuse that one is disabled which tells of the others."""
    from airgap.rules import RULES

    lasting = [
        {"properties": {rule.name: {"const": "disabled"}}, "required": [rule.name]}
        for rule in RULES
        if rule.is_lasting
    ]
    more = {"propertyNames": {"enum": _names()}, "not": {"anyOf": lasting}}
    schema.update(cast("JsonDict", more))


class PolicyException(Document):
    """A rule's justified exception: for one subject, with a reason, an owner and an end."""

    rule: Annotated[Text, example("no-skip-verify"), Field(json_schema_extra=_complete_value)]
    """The rule's name, such as no-skip-verify."""
    subject: Annotated[Text, example("registry.old.example")]
    """What it is excepted for, such as registry.old.example."""
    reason: Annotated[Text, example("its certificate is replaced in March")]
    """Why."""
    owner: Annotated[Text, example("platform team")]
    """Who answers for it."""
    expires: Date
    """The last day it holds."""


class Policy(Document):
    """What the rules allow here beyond their defaults."""

    allowed_hosts: tuple[Annotated[AllowedHost, example("registry.example:5000")], ...] = ()
    """Hosts (host or host:port) inside the site that URLs and images may name besides its own."""
    levels: dict[str, RuleLevel] = Field(
        default_factory=dict,
        examples=[{"schematic-drift": "mandatory"}],
        json_schema_extra=_complete_keys,
    )
    """What a rule's violation is here: mandatory stops, advisory is told, disabled is not judged.
    A mandatory rule that is lowered is told of in every preview."""
    exceptions: tuple[PolicyException, ...] = ()
    """Justified exceptions."""
