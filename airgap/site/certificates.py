"""Reads the CA certificates a site names, and checks every one it holds.

PEM is judged by the TLS library that will use it.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import TypeVar

from airgap.site.model import Document, Site
from airgap.site.named_files import NamedFiles
from airgap.site.path import Step

__all__ = ["CertificateReader"]

_BEGIN = "-----BEGIN CERTIFICATE-----"
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_MAX_BYTES = 1 << 20
_INLINE = ("ca", "ca_cert")

_Part = TypeVar("_Part")


class CertificateReader(NamedFiles):
    """Fills `ca` from `caFile`, and collects what is wrong with any certificate."""

    def fill(self, site: Site, sections: frozenset[str]) -> Site:
        """Return the site with every `ca` filled, looking at these sections only."""
        changed = {}
        for name in sorted(sections):
            before: object = getattr(site, name)
            after = self._visit(before, (_alias(Site, name),))
            if after is not before:
                changed[name] = after
        return site.model_copy(update=changed) if changed else site

    def _visit(self, node: _Part, at: tuple[Step, ...]) -> _Part:
        """Return the node, or its copy with certificates filled."""
        if not isinstance(node, Document | Mapping | tuple):
            return node
        changed = {
            key: after
            for key, step, item in _items(node)
            if (after := self._visit(item, (*at, step))) is not item
        }
        if isinstance(node, Document):
            changed |= self._certificates(node, at)
        return _with(node, changed) if changed else node

    def _certificates(self, part: Document, at: tuple[Step, ...]) -> dict[Step, object]:
        """Return the PEM text to fill in, by attribute."""
        file = getattr(part, "ca_file", None)
        inline = {name: text for name in _INLINE if (text := getattr(part, name, None))}
        if file is not None and inline:
            self.add((*at, "caFile"), "given besides ca", "keep one of caFile and ca")
        elif file is not None:
            text = self._text_of(file, (*at, "caFile"))
            return {"ca": text} if text else {}
        return {
            name: pem
            for name, text in inline.items()
            if (pem := self._checked(text, (*at, _alias(type(part), name)))) not in (None, text)
        }

    def _text_of(self, file: str, at: tuple[Step, ...]) -> str | None:
        text = self.text(file, at, max_bytes=_MAX_BYTES, expected="expected a few CA certificates")
        return None if text is None else self._checked(text, at)

    def _checked(self, text: str, at: tuple[Step, ...]) -> str | None:
        """Return the certificates as PEM text, or add a fault."""
        pem = _decoded(text)
        if _PRIVATE_KEY.search(pem):
            self.add(
                at, "holds a private key", "give CA certificates only, and keep the key elsewhere"
            )
        elif _BEGIN not in pem:
            self.add(at, "found no certificate", f"expected PEM text with {_BEGIN}")
        elif reason := _refusal(pem):
            self.add(at, f"bad PEM: {reason}", "expected complete CA certificates in PEM")
        else:
            return pem
        return None


def _alias(model: type[Document], name: str) -> str:
    return model.model_fields[name].alias or name


def _items(node: object) -> Iterator[tuple[Step, Step, object]]:
    """Give each part of a node: its key there, its step in the path, and itself."""
    if isinstance(node, Document):
        for name in type(node).model_fields:
            yield name, _alias(type(node), name), getattr(node, name)
    elif isinstance(node, Mapping):
        yield from ((key, key, item) for key, item in node.items())
    elif isinstance(node, tuple):
        yield from ((index, index, item) for index, item in enumerate(node))


def _with(node: _Part, changed: Mapping[Step, object]) -> _Part:
    if isinstance(node, Document):
        return node.model_copy(update={str(key): item for key, item in changed.items()})
    if isinstance(node, tuple):
        return type(node)(changed.get(index, item) for index, item in enumerate(node))
    if isinstance(node, dict):
        return type(node)({**node, **changed})
    return node


def _decoded(text: str) -> str:
    """Return PEM text; what is the base64 of PEM text (Talos' own form) is decoded."""
    if "-----" in text:
        return text
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text


def _refusal(pem: str) -> str:
    """Return why TLS would not take these certificates; empty when it does."""
    if pem.count(_BEGIN) != pem.count("-----END CERTIFICATE-----"):
        return "a certificate is cut off"
    try:
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        return _reason(error)
    return ""


def _reason(error: Exception) -> str:
    """Return the TLS library's reason without its source line."""
    reason = str(getattr(error, "reason", "") or error)
    return reason.partition(" (_ssl")[0].replace("_", " ").lower()
