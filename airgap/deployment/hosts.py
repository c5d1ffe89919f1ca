"""Every host that a factory's configuration names, also by leaving a setting to its default.

Defaults: siderolabs/image-factory `cmd/image-factory/cmd/options.go` at v0.8.4, v0.9.0, v1.0.3 and
v1.5.0. Three of its registries default to ghcr.io and are pushed to; keyless verification asks
Sigstore's TUF repository before anything else, and the program ends where that is out of reach.
What only the enterprise build reads counts where a configuration sets it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from airgap.errors import Fault, SiteError
from airgap.talos import version_key
from airgap.talos.factory_release import (
    CONFIGURED_BY_FILE,
    VERIFICATION_CAN_BE_OFF,
    VERIFIES_BY_KEY_ALONE,
)

__all__ = ["NamedHost", "check_closed", "hosts_named"]

_SIGSTORE = "tuf-repo-cdn.sigstore.dev"
_SUBJECT = "containerSignature.subjectRegExp"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/?#@]*@)?([^\s/?#]+)", re.IGNORECASE)

_FILE_DEFAULTS = {
    "http.externalURL": "https://localhost/",
    "artifacts.core.registry": "ghcr.io",
    "artifacts.schematic.registry": "ghcr.io",
    "artifacts.installer.internal.registry": "ghcr.io",
    "artifacts.installer.external.registry": "",
    "cache.oci.registry": "ghcr.io",
    _SUBJECT: r"(@siderolabs\.com$|^releasemgr-svc@talos-production\.iam\.gserviceaccount\.com$)",
}
_FLAG_DEFAULTS = {
    "external-url": "https://localhost/",
    "image-registry": "ghcr.io",
    "schematic-service-repository": "ghcr.io/siderolabs/image-factory/schematics",
    "installer-internal-repository": "ghcr.io/siderolabs",
    "installer-external-repository": "",
    "cache-repository": "ghcr.io/siderolabs/image-factory/cache",
    "container-signature-subject-regexp": r"@siderolabs\.com$",
}
_BEFORE_OFF = {"installer-external-repository": "ghcr.io/siderolabs"}
"""Before v0.9.0."""

_SERVICES = (  # switched on by the first, reached at the second, or at the third without it
    ("cache.s3.enabled", "cache.s3.endpoint", "s3.amazonaws.com"),
    ("cache.cdn.enabled", "cache.cdn.host", ""),
    ("cache.gsa.serviceAccountEmail", "cache.gsa.fulcioURL", "fulcio.sigstore.dev"),
    ("secureBoot.azureKeyVault.url", "secureBoot.azureKeyVault.url", ""),
    ("secureBoot.awsKMS.keyID", "", "kms.amazonaws.com"),
    ("authentication.auth0.domain", "authentication.auth0.domain", ""),
    ("cache-s3-enabled", "cache-s3-endpoint", "s3.amazonaws.com"),
    ("cache-cdn-enabled", "cache-cdn-host", ""),
    ("secureboot-azure-key-vault-url", "secureboot-azure-key-vault-url", ""),
    ("secureboot-aws-kms-id-key-id", "", "kms.amazonaws.com"),
)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class NamedHost:
    """A `host[:port]`, and the setting that names it or leaves it to its default."""

    setting: str
    host: str


def hosts_named(
    configuration: Mapping[str, object] | Sequence[str], version: str
) -> tuple[NamedHost, ...]:
    """Return every host that a factory of this release would ask, sorted by setting.

    Args:
        configuration: A configuration file's content, or flags (up to v0.9).
        version: The factory's release.
    """
    given = _given(configuration)
    effective = {**_defaults(version), **given}
    found = {
        *_registries(effective, version),
        *_sigstore(effective, version),
        *_services(effective),
        *_urls(effective),
    }
    return tuple(sorted(found))


def check_closed(
    configuration: Mapping[str, object] | Sequence[str], version: str, inside: Collection[str]
) -> None:
    """Refuse a configuration that would ask a host outside of the site.

    Args:
        configuration: As `hosts_named` takes it.
        version: The factory's release.
        inside: Each `host[:port]` of the site.

    Raises:
        SiteError: With a fault a setting.
    """
    allowed = {host.lower() for host in inside}
    faults = [
        Fault(
            path=item.setting,
            message=f"names {item.host}, which is outside of the site",
            hint="give it a host of the site, or switch it off",
        )
        for item in hosts_named(configuration, version)
        if item.host.lower() not in allowed
    ]
    if faults:
        raise SiteError("the factory's configuration", faults)


def _given(configuration: Mapping[str, object] | Sequence[str]) -> dict[str, object]:
    """Return what is set: by dotted key, or by a flag's name."""
    if isinstance(configuration, Mapping):
        return dict(_leaves(configuration))
    parted = (word.lstrip("-").partition("=") for word in configuration)
    return {name: value if equals else "true" for name, equals, value in parted}


def _leaves(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{at}.{key}" if at else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{at}[{index}]")
    else:
        yield at, value


def _defaults(version: str) -> Mapping[str, str]:
    key = version_key(version)
    if key >= CONFIGURED_BY_FILE:
        return _FILE_DEFAULTS
    early = {} if key >= VERIFICATION_CAN_BE_OFF else _BEFORE_OFF
    return {**_FLAG_DEFAULTS, **early}


def _registries(effective: Mapping[str, object], version: str) -> Iterator[NamedHost]:
    """Yield the registries: `host[:port]` alone in a file, with a path in a flag."""
    known = [key for key in _defaults(version) if key.endswith(("registry", "repository"))]
    extra = [key for key in effective if key.endswith(".registry")]  # what later releases add
    for setting in dict.fromkeys((*known, *extra)):
        if host := _text(effective, setting).partition("/")[0]:
            yield NamedHost(setting=setting, host=host)


def _sigstore(effective: Mapping[str, object], version: str) -> Iterator[NamedHost]:
    """Yield Sigstore's TUF repository, where verification begins by asking it."""
    key = version_key(version)
    by_file = key >= CONFIGURED_BY_FILE
    disabled = "containerSignature.disabled" if by_file else "container-signature-disabled"
    if key >= VERIFICATION_CAN_BE_OFF and _is_on(effective, disabled):
        return
    subject = _SUBJECT if by_file else "container-signature-subject-regexp"
    if key < VERIFIES_BY_KEY_ALONE or _text(effective, subject):
        yield NamedHost(setting=subject, host=_SIGSTORE)


def _services(effective: Mapping[str, object]) -> Iterator[NamedHost]:
    for switch, place, default in _SERVICES:
        if _is_on(effective, switch):
            named = _text(effective, place) or default
            found = _URL.match(named)
            host = found[1] if found else named.partition("/")[0]
            yield NamedHost(setting=place or switch, host=host or "a host of no name")


def _urls(effective: Mapping[str, object]) -> Iterator[NamedHost]:
    """Yield the host of every URL, whatever it stands for."""
    for setting, value in effective.items():
        if isinstance(value, str) and _URL.match(value):
            yield NamedHost(setting=setting, host=urlsplit(value).netloc.rpartition("@")[2])


def _is_on(effective: Mapping[str, object], setting: str) -> bool:
    return _text(effective, setting).lower() not in ("", "0", "f", "false")


def _text(effective: Mapping[str, object], setting: str) -> str:
    value = effective.get(setting)
    return "" if value is None else str(value)
