"""For each rule one thing that breaks it, and one that cannot be known in a preview.

Used by the tests of the rules, of the policy pack, and of the pack under the real engine: a rule
without a case here fails all three.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

from pulumi_policy.proxy import (
    UNKNOWN_BOOLEAN_VALUE,
    UNKNOWN_NUMBER_VALUE,
    UNKNOWN_STRING_VALUE,
)

from tests.plan.samples import SCHEMATIC_ID
from tests.rules.samples import component, put

__all__ = ["CASES", "FINGERPRINT", "MARKED", "Case"]

MARKED = "MARKED-do-not-show"
"""A secret: it stands in values that rules read, and in nothing that they say."""

FINGERPRINT = f"sha256:{'c' * 64}"
_OTHER_ID = "d" * 64
_KEY = f"key sha256:{'a' * 64}"
_IMAGE = "ghcr.io/siderolabs/kubelet:v1.34.1"
_ASSET = "v1.11.5/vmlinuz-amd64"

Edit = tuple[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What breaks a rule, as edits of a good component, and what keeps it from judging."""

    rule: str
    kind: str
    edits: tuple[Edit, ...]
    subject: str
    unknown: Edit

    def broken(self, *more: Edit) -> dict[str, object]:
        """Return the component's values with what breaks the rule, and further edits."""
        return _edited(self.kind, (*self.edits, *more))

    def unjudged(self) -> dict[str, object]:
        """Return the component's values, one of them unknown."""
        return _edited(self.kind, (self.unknown,))

    def exception(self, *, expires: str, subject: str = "") -> Edit:
        """Return the edit that excepts the subject until the end of a day."""
        item = {
            "rule": self.rule,
            "subject": subject or self.subject,
            "reason": "replaced in March",
            "owner": "j.doe",
            "expires": expires,
        }
        return ("policy|exceptions", [item])


def _edited(kind: str, edits: Iterable[Edit]) -> dict[str, object]:
    values = component(kind)
    for path, value in edits:
        values = put(values, path, deepcopy(value))
    return values


def _certificate(**changes: str) -> dict[str, object]:
    good = {"subject": "CN=Site CA", "notAfter": "2126-10-30", "key": "EC 256"}
    return {FINGERPRINT: {**good, "signature": "sha256", **changes}}


def _schematic(identifier: str, *arguments: str) -> dict[str, object]:
    content = {
        "systemExtensions": {"officialExtensions": ["siderolabs/iscsi-tools"]},
        "extraKernelArgs": list(arguments),
    }
    return {"id": identifier, "schematic": {"customization": content}}


def _required(**signed_by: object) -> dict[str, object]:
    requirement = {"images": "**", "key": _KEY}
    return {"require": [requirement], "signedBy": signed_by}


CASES = (
    Case(
        rule="no-skip-verify",
        kind="Registry",
        edits=(("mirrors|ghcr.io|skipVerify", True),),
        subject="ghcr.io",
        unknown=("mirrors|ghcr.io|skipVerify", UNKNOWN_BOOLEAN_VALUE),
    ),
    Case(
        rule="https-only",
        kind="AssetMirror",
        edits=(("url", "http://a.example/talos"),),
        subject="a.example",
        unknown=("url", UNKNOWN_STRING_VALUE),
    ),
    Case(
        rule="ca-valid",
        kind="AssetMirror",
        edits=(("certificates", _certificate(notAfter="2001-01-01")),),
        subject=FINGERPRINT,
        unknown=("certificates", _certificate(notAfter=UNKNOWN_STRING_VALUE)),
    ),
    Case(
        rule="pinned",
        kind="AssetMirror",
        edits=((f"assets|{_ASSET}|sha512", ""),),
        subject=_ASSET,
        unknown=(f"assets|{_ASSET}|sha512", UNKNOWN_STRING_VALUE),
    ),
    Case(
        rule="immutable-urls",
        kind="SideroEnvironment",
        edits=(("environments|default|kernel|url", "https://a.example/talos/vmlinuz-amd64"),),
        subject="default",
        unknown=("environments|default|kernel|url", UNKNOWN_STRING_VALUE),
    ),
    Case(
        rule="closed",
        kind="Registry",
        edits=(("endpoints", [{"url": "https://elsewhere.example"}]),),
        subject="elsewhere.example",
        unknown=("endpoints", [{"url": UNKNOWN_STRING_VALUE}]),
    ),
    Case(
        rule="closed-workloads",
        kind="Site",
        edits=(
            ("workloads", {"hosts": {"hooks.example:8443": "shop.yaml → ConfigMap a → data.b"}}),
        ),
        subject="hooks.example:8443",
        unknown=("workloads", {"hosts": {"hooks.example:8443": UNKNOWN_STRING_VALUE}}),
    ),
    Case(
        rule="no-fallback",
        kind="Registry",
        edits=(("mirrors|ghcr.io|skipFallback", False),),
        subject="ghcr.io",
        unknown=("mirrors|ghcr.io|skipFallback", UNKNOWN_BOOLEAN_VALUE),
    ),
    Case(
        rule="public-services",
        kind="SideroEnvironment",
        edits=(("nodes|timeServers", ["time.cloudflare.com"]),),
        subject="time.cloudflare.com",
        unknown=("nodes|timeServers", [UNKNOWN_STRING_VALUE]),
    ),
    Case(
        rule="mirror-paths",
        kind="Registry",
        edits=(("mirrors|ghcr.io|overridePath", False),),
        subject="ghcr.io",
        unknown=("mirrors|ghcr.io|overridePath", UNKNOWN_BOOLEAN_VALUE),
    ),
    Case(
        rule="no-plain-credentials",
        kind="SideroEnvironment",
        edits=(("environments|default|kernelArgs", [f"console.password={MARKED}"]),),
        subject="environments.default.kernelArgs.0",
        unknown=("environments|default|kernelArgs", [UNKNOWN_STRING_VALUE]),
    ),
    Case(
        rule="stock-fields",
        kind="SideroEnvironment",
        edits=(("environments|default|airGap", {"enabled": True}),),
        subject="default",
        unknown=("flavour", UNKNOWN_STRING_VALUE),
    ),
    Case(
        rule="cache-medium",
        kind="Registry",
        edits=(
            ("mirrors|ghcr.io|endpoints", ["http://127.0.0.1:3172"]),
            ("mirrors|ghcr.io|overridePath", False),
            ("policy|allowedHosts", ["r.example:5000", "127.0.0.1:3172"]),
        ),
        subject="ghcr.io",
        unknown=("imageCache", {"medium": UNKNOWN_STRING_VALUE}),
    ),
    Case(
        rule="retention",
        kind="Registry",
        edits=(("retention|keepLocks", 1.0),),  # the engine hands numbers on as floats
        subject="retention.keepLocks",
        unknown=("retention|keepLocks", UNKNOWN_NUMBER_VALUE),
    ),
    Case(
        rule="version-skew",
        kind="Site",
        edits=(("kubernetes|versions", ["v1.28.0"]),),
        subject="v1.28.0",
        unknown=("kubernetes|versions", [UNKNOWN_STRING_VALUE]),
    ),
    Case(
        rule="signed",
        kind="Registry",
        edits=(("signatures", _required(**{_IMAGE: []})),),
        subject=_IMAGE,
        unknown=("signatures", _required(**{_IMAGE: [UNKNOWN_STRING_VALUE]})),
    ),
    Case(
        rule="factory-signed",
        kind="ImageFactory",
        edits=(("verification", {"key": _KEY, "signedBy": {_IMAGE: []}}),),
        subject=_IMAGE,
        unknown=("verification", {"key": _KEY, "signedBy": {_IMAGE: [UNKNOWN_STRING_VALUE]}}),
    ),
    Case(
        rule="ca-expiry",
        kind="AssetMirror",
        edits=(("certificates", _certificate(notAfter="2026-12-10")),),
        subject=FINGERPRINT,
        unknown=("certificates", _certificate(notAfter=UNKNOWN_STRING_VALUE)),
    ),
    Case(
        rule="node-credentials",
        kind="Registry",
        edits=(("nodeAuth", "machineConfig"),),
        subject="registry.nodeAuth",
        unknown=("nodeAuth", UNKNOWN_STRING_VALUE),
    ),
    Case(
        rule="download-time",
        kind="AssetMirror",
        edits=(("assets", {_ASSET: {"sha512": "0" * 128, "size": 37_500_000_001.0}}),),
        subject=_ASSET,
        unknown=("assetLink", UNKNOWN_STRING_VALUE),
    ),
    Case(
        rule="default-resolvers",
        kind="SideroEnvironment",
        edits=(("nodes|nameservers", []),),
        subject="nodes.nameservers",
        unknown=("nodes|nameservers", [UNKNOWN_STRING_VALUE]),
    ),
    Case(
        rule="schematic-drift",
        kind="ImageFactory",
        edits=(
            (
                "schematics",
                {"a": _schematic(SCHEMATIC_ID, "net.ifnames=0"), "b": _schematic(_OTHER_ID)},
            ),
        ),
        subject="a, b",
        unknown=(
            "schematics",
            {"a": _schematic(UNKNOWN_STRING_VALUE), "b": _schematic(_OTHER_ID)},
        ),
    ),
    Case(
        rule="signed-release",
        kind="AssetMirror",
        edits=(("signatures", _required(**{"v1.11.5": "unsigned"})),),
        subject="v1.11.5",
        unknown=("signatures", _required(**{"v1.11.5": UNKNOWN_STRING_VALUE})),
    ),
    Case(
        rule="lowered",
        kind="Site",
        edits=(("policy|levels", {"pinned": "disabled"}),),
        subject="policy.levels.pinned",
        unknown=("policy|levels", {"pinned": UNKNOWN_STRING_VALUE}),
    ),
)
