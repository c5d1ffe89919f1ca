"""Refuses secrets inside `sidero-airgap:site`.

The engine shows the site in clear in previews and state exports, even when a part of it was
encrypted with `--secret`. So it holds none: what machines need is the one secret key
`sidero-airgap:credentials`, what transfers need comes from the machine they run on. No fault
repeats the value it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from airgap.errors import Fault, SiteError
from airgap.rules.masking import SENSITIVE
from airgap.site.path import ROOT, Step, dotted, has_user_information

__all__ = ["find_secrets", "refuse_secret_site"]

HINT = (
    "the site is shown in clear in previews and state: put what machines need into "
    "pulumi config set --secret --path 'sidero-airgap:credentials[\"host:port\"].password', "
    "and what transfers need into the Docker configuration of the machine they run on"
)

_NAME = re.compile(SENSITIVE, re.IGNORECASE)
_NAMES_OF_RULES = ("policy", "levels")
"""Below it keys are rules' names: no secret's, whatever they end with."""
_KEYS = frozenset({"auth", "username", "user", "bearer", "pass"})
_KEY_ENDS = (
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "secretkey",
    "credential",
    "credentials",
    "privatekey",
    "apikey",
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_ENCRYPTED = "an encrypted value ('secure:')"


def refuse_secret_site(is_secret: bool) -> None:
    """Refuse to run when the engine says that the site, or a part of it, is encrypted.

    Args:
        is_secret: What `pulumi.runtime.is_config_secret("sidero-airgap:site")` answers.

    Raises:
        SiteError: It is.
    """
    if is_secret:
        raise SiteError("sidero-airgap:site", [_fault((), _ENCRYPTED)])


def find_secrets(value: object) -> tuple[tuple[tuple[Step, ...], Fault], ...]:
    """Return every secret in the site as its author wrote it: its place and its fault."""
    return tuple(_walk(value, ()))


def _walk(value: object, at: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Fault]]:
    if isinstance(value, Mapping):
        yield from _walk_mapping(value, at)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, (*at, index))
    elif isinstance(value, str) and (what := _secret_text(value)):
        yield at, _fault(at, what)


def _walk_mapping(
    value: Mapping[object, object], at: tuple[Step, ...]
) -> Iterator[tuple[tuple[Step, ...], Fault]]:
    if set(value) == {"secure"}:  # what the engine takes for an encrypted value
        yield at, _fault(at, _ENCRYPTED)
        return
    for key, item in value.items():
        here = (*at, str(key))
        if at != _NAMES_OF_RULES and _names_secret(str(key)) and item is not None:
            yield here, _fault(here, "a secret, by its name")
        elif what := _secret_text(str(key)):
            yield here, _fault(here, what)
        else:
            yield from _walk(item, here)


def _names_secret(key: str) -> bool:
    plain = key.replace("-", "").replace("_", "").lower()
    is_known = plain in _KEYS or plain.endswith(_KEY_ENDS)
    return is_known or _NAME.fullmatch(key) is not None


def _secret_text(text: str) -> str:
    if _PRIVATE_KEY.search(text):
        return "a private key"
    return "a URL with user information" if has_user_information(text) else ""


def _fault(at: tuple[Step, ...], what: str) -> Fault:
    return Fault(path=dotted(at) if at else ROOT, message=f"found {what}", hint=HINT)
