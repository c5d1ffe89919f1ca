"""Exceptions from rules, their levels, and the hosts that are allowed."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import is_host, is_registry
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import Step, shown

__all__ = ["CHECKS"]


def _check_hosts(site: Site, _: Known) -> Iterator[Fault]:
    for index, host in enumerate(site.policy.allowed_hosts):
        if not (is_host(host) or is_registry(host)):
            at = ("policy", "allowedHosts", index)
            hint = "write host or host:port, without a scheme, a path and '*'"
            yield fault(at, f"{shown(host)} is not a host", hint)


def _check_dates(site: Site, _: Known) -> Iterator[Fault]:
    for index, exception in enumerate(site.policy.exceptions):
        try:
            dt.date.fromisoformat(exception.expires)
        except ValueError:
            at = ("policy", "exceptions", index, "expires")
            yield fault(at, f"{exception.expires} is not in the calendar", "expected a real date")


def _check_rules(site: Site, known: Known) -> Iterator[Fault]:
    """An exception for a rule that does not exist excepts nothing."""
    for index, exception in enumerate(site.policy.exceptions):
        at = ("policy", "exceptions", index, "rule")
        yield from _name_faults(at, exception.rule, known)


def _check_levels(site: Site, known: Known) -> Iterator[Fault]:
    for rule, level in site.policy.levels.items():
        at = ("policy", "levels", rule)
        yield from _name_faults(at, rule, known)
        if level == "disabled" and rule in known.lasting_rules:
            yield fault(at, "cannot be disabled", "it tells which other rules a site has lowered")


def _name_faults(at: tuple[Step, ...], rule: str, known: Known) -> Iterator[Fault]:
    if known.rules and rule not in known.rules:
        near = difflib.get_close_matches(rule, known.rules, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "rules: " + ", ".join(known.rules)
        yield fault(at, f"{shown(rule)} is no rule", hint)


CHECKS = checks(
    (_check_hosts, "policy"),
    (_check_dates, "policy"),
    (_check_rules, "policy"),
    (_check_levels, "policy"),
)
