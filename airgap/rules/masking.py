"""Nothing secret in what a finding says, wherever its words come from.

A rule that judges credentials must read them, and any rule may quote an address or a kernel
argument: whatever a finding shows passes here.
"""

from __future__ import annotations

import re

__all__ = ["SENSITIVE", "masked"]

SENSITIVE = r"[\w.:-]*(?:passw(?:or)?d|passphrase|token|secret|api[_-]?key|credentials?|psk)"
"""Of a setting or a kernel argument whose value is a secret, in any case."""

_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_QUERY = re.compile(r"(://[^\s?#]*)[?#][^\s)]*")
_SETTING = re.compile(rf"(?i)\b({SENSITIVE})=(?!$|\s)[^\s,)]*")


def masked(text: str) -> str:
    """Return a text without user information and query of URLs, and values of secret settings."""
    without_user = _USER.sub("", text)
    return _SETTING.sub(r"\1=…", _QUERY.sub(r"\1?…", without_user))
