"""`no-plain-credentials`: no secret stands in what a preview, a state or a file shows.

Judged in every text of every component and set: user information and tokens in URLs, registry
credentials and other secret keys of a machine configuration (those that the site gives to machines
are a secret of their own, outside of these values), kernel arguments, private keys. What is found
is named by its place and never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.masking import SENSITIVE
from airgap.rules.values import Path, Values, walk

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "no-plain-credentials"
SUMMARY = "No password, token or private key stands in clear."
REASON = (
    "What is in a state, a preview, a pull request or /proc/cmdline was read by everybody who may "
    "see it, for ever: a password that was merged is a password to be changed, on every machine."
)
REMEDY = (
    "Change the secret, and give the new one as `sidero-airgap:credentials` or by the machine that "
    "runs the transfer (Docker config, AIRGAP_AUTH_FILE)."
)

_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_QUERY = re.compile(rf"(?i)://\S*[?&]({SENSITIVE}|sig|signature|key)=[^\s&$]")
_ARGUMENT = re.compile(rf"(?i)\A(--?)?{SENSITIVE}=[^\s$]")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_KEYS = {
    "aescbcencryptionsecret", "auth", "bearertoken", "identitytoken", "passphrase", "passwd",
    "password", "registrytoken", "secret", "secretboxencryptionsecret", "token",
}  # fmt: skip
_PLACEHOLDERS = ("$", "<", "{")


def check(kind: str, values: Values) -> Iterator[Violation]:  # noqa: ARG001 (a rule's signature)
    """Yield a violation for each text that holds a secret, once a place."""
    for path, text in walk(values, without=("policy",)):
        if message := _fault(path, text):
            yield Violation(
                subject=".".join(path),
                message=f"{message}, in clear",
                remedy=REMEDY,
            )


def _fault(path: Path, text: str) -> str:
    """Return what a text holds; empty when it may be read by everybody."""
    if _PRIVATE_KEY.search(text):
        return "a private key"
    if _USER.search(text):
        return "user information in a URL"
    if _QUERY.search(text):
        return "a token in a URL"
    last = path[-1] if path else ""
    is_item = last.isdigit()
    if is_item and _ARGUMENT.search(text):
        return f"the value of {text.partition('=')[0]}"
    if last.lower() in _KEYS and text and not text.startswith(_PLACEHOLDERS):
        return f"the value of {last}"
    return ""
