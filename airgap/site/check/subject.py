"""What every check is made of: its signature, what it may know, and shared ways of telling."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from airgap.errors import Fault
from airgap.site.model import Site
from airgap.site.path import Step, dotted
from airgap.talos.releases import Release

__all__ = ["Check", "Known", "checks", "fault", "repeated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the program's tables hold.

    Attributes:
        talos: Talos releases by version.
        sidero: Sidero releases, each with the newest Talos release it can configure.
        rules: Names of the policy rules; empty when they are not judged here.
        lasting_rules: Those that cannot be disabled.
    """

    talos: Mapping[str, Release]
    sidero: Mapping[str, str]
    rules: Collection[str] = ()
    lasting_rules: Collection[str] = ()


Run = Callable[[Site, Known], Iterable[Fault]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check, and the sections of the site it reads."""

    sections: frozenset[str]
    run: Run


def checks(*pairs: tuple[Run, str]) -> tuple[Check, ...]:
    """Return checks from (function, names of its sections)."""
    return tuple(Check(run=run, sections=frozenset(names.split())) for run, names in pairs)


def fault(at: tuple[Step, ...], message: str, hint: str) -> Fault:
    """Return a fault at a place."""
    return Fault(path=dotted(at), message=message, hint=hint)


def repeated(values: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """Give (index, first index) of each value that stood in the list before."""
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(value, index) != index:
            yield index, first[value]
