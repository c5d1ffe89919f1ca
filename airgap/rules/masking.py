"""Nothing secret in what a finding says, wherever its words come from.

A rule that judges credentials must read them, and any rule may quote an address or a kernel
argument: whatever a finding shows passes here. What is a secret by its name is said here once, for
the rules and for reports.
"""

from __future__ import annotations

import re

__all__ = ["PRIVATE_KEY", "SENSITIVE", "SETTING", "masked"]

SENSITIVE = (
    r"[\w.:-]*(?:passw(?:or)?d|passphrase|(?<![A-Za-z])pass|pwd|token|secret|psk|credentials?"
    r"|(?:api|auth|access|private|(?:pre)?shared|secret|signing|encryption)[_-]?key|(?-i:_KEY)"
    r"|talos\.config\.(?:inline|early))"
)
"""How the name of a setting or a kernel argument ends whose value is a secret, in any case.

`pass` is a word of its own there (`ipxe.pass`, not `bypass`); `_KEY` is that of a variable, and as
it stands. Talos' two arguments hold a whole machine configuration, compressed
(pkg/machinery/constants, KernelParamConfigInline and KernelParamConfigEarly).
"""

SETTING = re.compile(
    rf"(?i)(?<![\w.:-])(?P<name>{SENSITIVE})=(?!\s|$)(?P<value>\"[^\"]*\"?|'[^']*'?|\S+)"
)
"""A sensitive setting and its value wherever it stands: `talos.environment=API_TOKEN=…`."""

PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|LS0tLS1CRUdJTiB(?!DRVJU|QVUJMSUMg)[A-Za-z0-9+/]{16,}=*"
)
"""PEM, or its base64 as machine configurations have it: but for certificates and public keys."""

_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_QUERY = re.compile(r"(://[^\s?#]*)[?#][^\s)]*")


def masked(text: str) -> str:
    """Return a text without user information and query of URLs, and values of secret settings."""
    without_user = _USER.sub("", text)
    return SETTING.sub(r"\g<name>=…", _QUERY.sub(r"\1?…", without_user))
