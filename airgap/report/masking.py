"""What must not be read in a report: taken out of values by their key, and out of text by its form.

A site and a lock hold no secrets, and the engine masks its own; this is the second lock on that
door, for what an author wrote where nobody looks: a password in a URL, a join token in a kernel
argument, a key in a META value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from airgap.rules import RULES
from airgap.rules.masking import PRIVATE_KEY, SENSITIVE

__all__ = ["MASK", "is_sealed", "is_secret_key", "mask_text", "mask_value"]

MASK = "(secret)"
_ENGINES = "[secret]"
# The engine's own mark of a secret in plain JSON (pulumi `resource.SigKey` and `SecretSig`).
_SIGNATURE = "4dabf18193072939515e22adb298388d"

# What the policies hold for a secret is one here: there is one vocabulary. The words beside it are
# of documents, where a rule that refuses them would refuse too much.
_SECRET_KEY = re.compile(
    rf"{SENSITIVE}$|pass(word|wd|phrase)|token|private[-_]?key|^auth(orization)?$"
    r"|^\.?dockerconfigjson$|embeddedMachineConfiguration",
    re.IGNORECASE,
)
_KEY = "key"
"""Of Talos' authorities: a private key. Elsewhere it is a number, or a public key's fingerprint."""
_FINGERPRINT = re.compile(r"(?:key )?sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})")
_RULES = {rule.name for rule in RULES}
"""No secret's name, whatever it ends with: `levels["no-plain-credentials"]`."""
_NAMES = (
    rf"(?<![\w.:-])(?:{SENSITIVE}"
    r"|(?:[\w.:-]*[.:-])?(?:auth(?:orization)?|dockerconfigjson))"
)
"""Begun where a word of such characters begins and nowhere in it: long ones take no square time."""
_QUOTED = r"\"(?:[^\"\\]|\\.)*(?:\"|\Z)|'[^']*(?:'|\Z)"
_AFTER_COLON = rf"(?:{_QUOTED}|[\[{{|>](?s:.)*|[^\n]+)"
"""A value of YAML or JSON: quoted, or to the end; a reader who misses a word asks."""
_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.S
        ),
        MASK,
    ),
    (PRIVATE_KEY, MASK),
    (re.compile(r"(?<=://)[^/\s@\"?#]*@(?![^\s\"]*@)"), ""),
    # A password may hold `/` and `@`: in doubt all up to the last one is user information, but for
    # a digest, and for the branch or tag of a workflow that signs (Fulcio's identity of it).
    (re.compile(r"(?<=://)[^\s\"]*@(?!sha(?:256|512):|refs/)"), f"{MASK}@"),
    (re.compile(rf"(?i)(?<=\")({_NAMES}=)[^\"]+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)({_NAMES}\s?=\s?)(?:{_QUOTED}|\S+)"), rf"\1{MASK}"),
    (
        re.compile(r"(?i)([?&][\w.-]*(?:sig|signature|key|auth|code|credential)=)[^&\s]+"),
        rf"\1{MASK}",
    ),
    (
        re.compile(rf"(?i)({_NAMES}(?:[\"']\s*:\s*|:\s+)){_AFTER_COLON}"),
        rf"\1{MASK}",
    ),
)


def is_secret_key(path: tuple[str, ...]) -> bool:
    """Tell whether what stands under this path is a secret by a name in it."""
    return any(
        step in {"stringData", "auths"} or (step not in _RULES and _SECRET_KEY.search(step))
        for step in path
    )


def _is_open(value: object) -> bool:
    """Tell whether what stands under `key` may be read by everybody."""
    return isinstance(value, int | float) or (
        isinstance(value, str) and _FINGERPRINT.fullmatch(value) is not None
    )


def is_sealed(value: object) -> bool:
    """Tell whether the engine has masked a value."""
    return value == _ENGINES or (isinstance(value, Mapping) and _SIGNATURE in value)


def mask_text(text: str) -> str:
    """Return a text without what looks like a secret in it."""
    for form, instead in _TEXTS:
        text = form.sub(instead, text)
    return text


def mask_value(value: object, path: tuple[str, ...] = ()) -> object:
    """Return a value without secrets: leaf by leaf, before it becomes a text.

    A boolean is none, whatever its name; a mapping or list below a secret's name is one whole.
    Under `key` a number is none, and a fingerprint says whose signature counts.
    """
    if value is None or isinstance(value, bool) or value in ("", [], {}, ()):
        return value
    if is_sealed(value) or is_secret_key(path):
        return MASK
    if any(step.lower() == _KEY for step in path) and not _is_open(value):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        name = value.get("name")
        here = (*path, name) if isinstance(name, str) and "value" in value else path
        return {
            mask_text(str(key)): mask_value(inner, (*(here if key == "value" else path), str(key)))
            for key, inner in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [mask_value(item, path) for item in value]
    return value
