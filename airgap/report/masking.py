"""What must not be read in a report: taken out of values by their key, and out of text by its form.

A site and a lock hold no secrets, and the engine masks its own; this is the second lock on that
door, for what an author wrote where nobody looks: a password in a URL, a join token in a kernel
argument, a key in a META value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["MASK", "is_sealed", "is_secret_key", "mask_text"]

MASK = "(secret)"
_ENGINES = "[secret]"
# The engine's own mark of a secret in plain JSON (pulumi `resource.SigKey` and `SecretSig`).
_SIGNATURE = "4dabf18193072939515e22adb298388d"

_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)|token|secret$|private[-_]?key|^auth$|^key$|api[-_]?key"
    r"|^\.?dockerconfigjson$|embeddedMachineConfiguration",
    re.IGNORECASE,
)
_NAMES = r"[\w.-]*(?:pass(?:word|wd|phrase)|token|secret|private[-_]?key|api[-_]?key)"
_TEXTS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.S), MASK),
    (re.compile(r"(?<=://)[^/\s@\"']*@"), ""),
    (re.compile(rf"\b({_NAMES}=)[^&\s\"',;)]+", re.IGNORECASE), rf"\1{MASK}"),
    (
        re.compile(r"([?&][\w.-]*(?:sig|signature|key|auth|code|credential)=)[^&\s\"',;)]+", re.I),
        rf"\1{MASK}",
    ),
    (
        re.compile(r"(\b(?:password|privateKey|\w*token|secret)[\"']?:\s+[\"']?)[^\s\"',]+", re.I),
        rf"\1{MASK}",
    ),
)


def is_secret_key(path: tuple[str, ...]) -> bool:
    """Tell whether what stands under this path is a secret by its name."""
    return bool(path) and (
        _SECRET_KEY.search(path[-1]) is not None
        or any(step in {"stringData", "auths"} for step in path[:-1])
    )


def is_sealed(value: object) -> bool:
    """Tell whether the engine has masked a value."""
    return value == _ENGINES or (isinstance(value, Mapping) and _SIGNATURE in value)


def mask_text(text: str) -> str:
    """Return a text without what looks like a secret in it."""
    for form, instead in _TEXTS:
        text = form.sub(instead, text)
    return text
