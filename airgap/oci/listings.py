"""Lists that come in pages: tags and referrers (distribution specification v1.1).

Bounded in pages and entries, and the next page has to be on the same registry.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import urljoin, urlsplit

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError, redact
from airgap.net import Answer
from airgap.net.redirect import is_same_origin
from airgap.oci.answers import error_codes, read_tags
from airgap.oci.auth import Scope
from airgap.oci.channel import Channel
from airgap.oci.manifest import MAX_MANIFEST_BYTES, OCI_INDEX, Descriptor, parse_manifest

__all__ = ["MAX_REFERRERS", "MAX_TAGS", "list_referrers", "list_tags"]

MAX_TAGS = 250_000
MAX_REFERRERS = 10_000

_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_MAX_PAGES = 1000
_NO_API = (404, 405, 501)


def list_tags(channel: Channel, repository: str) -> tuple[str, ...]:
    """Return all tags of a repository in the registry's order.

    Raises:
        RegistryError: No such repository (404), refused, or no list: a page without an end, a name
            that is no tag.
    """
    tags: list[str] = []
    for page in _pages(channel, f"/v2/{repository}/tags/list", repository, ok=(200,)):
        tags += read_tags(page)
        if len(tags) > MAX_TAGS:
            raise _too_many(page, f"more than {MAX_TAGS} tags")
    return tuple(tags)


def list_referrers(
    channel: Channel, repository: str, subject: Digest
) -> tuple[Descriptor, ...] | None:
    """Return what refers to a digest, each once; None where the registry has no referrers API.

    Raises:
        RegistryError: Refused, out of reach, or a list without an end.
        IntegrityError: A page is no index.
    """
    found: dict[Digest, Descriptor] = {}
    path = f"/v2/{repository}/referrers/{subject}"
    for page in _pages(channel, path, repository, ok=(200, *_NO_API), accept=OCI_INDEX):
        if page.status != 200:
            # A repository that is not there has no referrers; that says nothing about the API.
            return () if "NAME_UNKNOWN" in error_codes(page) else None
        index = parse_manifest(page.body, source=redact(page.url))
        if not index.is_index:
            raise IntegrityError(f"{redact(page.url)}: the list of referrers is no index")
        found |= {item.digest: item for item in index.children if item.digest not in found}
        if len(found) > MAX_REFERRERS:
            raise _too_many(page, f"more than {MAX_REFERRERS} referrers")
    return tuple(found.values())


def _pages(
    channel: Channel, path: str, repository: str, *, ok: Collection[int], accept: str = ""
) -> Iterator[Answer]:
    seen: set[str] = set()
    while path not in seen and len(seen) < _MAX_PAGES:
        seen.add(path)
        answer = channel.send(
            "GET",
            path,
            Scope(repository=repository),
            ok=ok,
            headers={"Accept": accept} if accept else {},
            max_bytes=MAX_MANIFEST_BYTES,
        )
        yield answer
        link = _NEXT.search(answer.headers.get("link", ""))
        if link is None:
            return
        path = _own_path(channel, answer.url, link[1])
    raise RegistryError(f"{redact(channel.url)}: {repository} has endless pages of a list")


def _own_path(channel: Channel, url: str, link: str) -> str:
    """Return the path of a page's successor, which has to be on this registry."""
    target = urljoin(url, link)
    if not is_same_origin(target, channel.url):
        raise RegistryError(f"{redact(url)}: the next page of the list is at {redact(target)}")
    parts = urlsplit(target)
    return f"{parts.path}?{parts.query}"


def _too_many(page: Answer, what: str) -> RegistryError:
    return RegistryError(f"{redact(page.url)}: {what} in one repository")
