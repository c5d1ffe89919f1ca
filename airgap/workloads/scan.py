"""All images and hosts of one file: complete references, and the chain that leads to each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airgap.workloads.fields import Field
from airgap.workloads.names import complete
from airgap.workloads.objects import find_in_text
from airgap.workloads.places import Finding, Found, Host, Problem

__all__ = ["ARROW", "Scan", "scan"]

ARROW = " → "
"""Between the links of a chain: file → object → path."""

_MAX_PLACE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a file names.

    Attributes:
        images: Each complete reference, and the chains to where it stands.
        problems: The chain of each, what is wrong, and what to do.
        unseen: Chains to what names images only when it runs, with the reason.
        fields: Those of the site's own fields that led to an image.
        hosts: Each `host[:port]` outside the cluster, and the chain to where it is named first.
        serves: Hosts that the cluster itself answers; `*.` before a name is any one label.
    """

    images: dict[str, tuple[str, ...]]
    problems: tuple[Problem, ...]
    unseen: tuple[str, ...]
    fields: frozenset[Field]
    hosts: dict[str, str]
    serves: frozenset[str]


def scan(text: str, *, file: str, own: Sequence[Field] = (), allowed: Collection[str] = ()) -> Scan:
    """Return the images and hosts that a file of manifests or machine configuration names.

    Args:
        text: The file's text.
        file: Its path, for the chains.
        own: Fields of kinds that the site names.
        allowed: References whose tag `latest` may be left out.
    """
    images: dict[str, dict[str, None]] = {}
    problems: list[Problem] = []
    unseen: dict[str, None] = {}
    used: set[str] = set()
    hosts: dict[str, str] = {}
    serves: set[str] = set()
    for finding in find_in_text(text, own):
        chain = _chain(file, finding)
        if isinstance(finding, Host):
            if finding.is_served:
                serves.add(finding.name)
            else:
                hosts.setdefault(finding.name, _shortened(chain))
        elif isinstance(finding, Problem):
            problems.append(Problem(path=chain, message=finding.message, hint=finding.hint))
        elif isinstance(finding, Found):
            used.add(finding.field)
            reference = complete(finding, allowed=allowed)
            if isinstance(reference, Problem):
                hint = reference.hint
                problems.append(Problem(path=chain, message=reference.message, hint=hint))
            else:
                images.setdefault(reference, {})[chain] = None
        else:
            unseen[f"{chain}: {finding.message}"] = None
    return Scan(
        images={reference: tuple(chains) for reference, chains in sorted(images.items())},
        problems=tuple(problems),
        unseen=tuple(unseen),
        fields=frozenset(field for field in own if str(field) in used),
        hosts=dict(sorted(hosts.items())),
        serves=frozenset(serves),
    )


def _chain(file: str, finding: Finding) -> str:
    return ARROW.join(part for part in (file, *finding.steps, finding.path) if part)


def _shortened(chain: str) -> str:
    """Return a chain as one line of bounded length: names in it are a manifest's own."""
    line = "".join(letter if letter.isprintable() else " " for letter in chain[:_MAX_PLACE])
    return line if len(chain) <= _MAX_PLACE else f"{line}…"
