"""Which rules there are, and what each is where a site does not say otherwise."""

from __future__ import annotations

from airgap.rules import (
    ca_expiry,
    ca_valid,
    cache_medium,
    closed,
    closed_workloads,
    default_resolvers,
    download_time,
    factory_signed,
    https_only,
    immutable_urls,
    levels,
    mirror_paths,
    no_fallback,
    no_skip_verify,
    node_credentials,
    pinned,
    plain_credentials,
    public_services,
    retention,
    schematic_drift,
    signed,
    signed_release,
    stock_fields,
    version_skew,
)
from airgap.rules.rule import Rule, rule_of

__all__ = ["ADVISORY_RULES", "MANDATORY_RULES", "RULES"]

_JUDGING: tuple[Rule, ...] = (
    rule_of(no_skip_verify, "mandatory"),
    rule_of(https_only, "mandatory"),
    rule_of(ca_valid, "mandatory"),
    rule_of(pinned, "mandatory"),
    rule_of(immutable_urls, "mandatory", formerly=("pinned",)),
    rule_of(closed, "mandatory"),
    rule_of(closed_workloads, "mandatory"),
    rule_of(no_fallback, "mandatory", formerly=("closed",)),
    rule_of(public_services, "mandatory", formerly=("closed",)),
    rule_of(mirror_paths, "mandatory"),
    rule_of(plain_credentials, "mandatory"),
    rule_of(stock_fields, "mandatory"),
    rule_of(cache_medium, "mandatory"),
    rule_of(retention, "mandatory"),
    rule_of(version_skew, "mandatory"),
    rule_of(signed, "mandatory"),
    rule_of(factory_signed, "mandatory"),
    rule_of(ca_expiry, "advisory"),
    rule_of(node_credentials, "advisory"),
    rule_of(download_time, "advisory"),
    rule_of(default_resolvers, "advisory"),
    rule_of(schematic_drift, "advisory"),
    rule_of(signed_release, "advisory"),
)
RULES = (*_JUDGING, levels.over(_JUDGING))
"""All of them, mandatory ones first; the last tells which of the others a site has lowered."""

MANDATORY_RULES = tuple(rule for rule in RULES if rule.level == "mandatory")
ADVISORY_RULES = tuple(rule for rule in RULES if rule.level == "advisory")
