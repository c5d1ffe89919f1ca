"""A pull request's comment that is updated, not repeated: found again by its first line.

The REST API is GitHub's (`/repos/{owner}/{name}/issues/{number}/comments`, 2022-11-28), which other
forges answer as well. Only comments that begin with the marker count: one that quotes it does not.
A run that fails half way is begun again with the list, so that it never posts twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import quote, urlsplit

import httpx

__all__ = ["MAX_CHARACTERS", "Outcome", "Place", "PostingError", "marker", "post_comment"]

MAX_CHARACTERS = 65_536
"""What GitHub takes of a comment's body."""

Outcome = Literal["posted", "updated", "unchanged"]

_PAGE = 100
_MAX_PAGES = 100
_ATTEMPTS = 4
_TIMEOUT_S = 30.0
_REFUSED = frozenset({403, 404, 410})
_PASSING = frozenset({429, 500, 502, 503, 504})


class PostingError(Exception):
    """The comment could not be written; the message holds no credential."""


class _PassingError(PostingError):
    """It may be written when it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where comments go.

    Attributes:
        url: The API's URL, such as https://api.github.com.
        repository: `owner/name`.
        number: The pull request's.
        token: What the API is asked with; it goes to that URL alone, and no redirect is followed.
    """

    url: str
    repository: str
    number: int
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse to send a token where anybody reads it.

        Raises:
            ValueError: The URL is none, or plain http to another machine.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("the API's URL: expected https://host[/path]")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError("the API's URL is plain http: the token would be in clear")
        if self.repository.count("/") != 1 or not all(self.repository.split("/")):
            raise ValueError("the repository: expected owner/name")

    @property
    def comments(self) -> str:
        """The URL of the pull request's comments."""
        owner, name = (quote(part, safe="") for part in self.repository.split("/"))
        return f"{self.url.rstrip('/')}/repos/{owner}/{name}/issues/{self.number}/comments"

    def comment(self, number: int) -> str:
        """Return the URL of one comment."""
        return f"{self.comments.rpartition(f'/{self.number}/')[0]}/comments/{number}"


def marker(site: str) -> str:
    """Return the first line of a site's comment."""
    return f"<!-- sidero-airgap report: {site} -->"


def post_comment(
    place: Place, first_line: str, text: str, *, sleep: Callable[[float], None] = time.sleep
) -> Outcome:
    """Write a comment that begins with a line, or update the one there is.

    Raises:
        PostingError: It cannot be written, also when it is tried again.
    """
    body = f"{first_line}\n{text}"
    headers = {
        "Authorization": f"Bearer {place.token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "sidero-airgap",
    }
    with httpx.Client(headers=headers, timeout=_TIMEOUT_S, follow_redirects=False) as client:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return _write(client, place, first_line, body)
            except _PassingError:
                if attempt == _ATTEMPTS:
                    raise
                sleep(2.0**attempt)
    raise AssertionError("unreachable")


def _write(client: httpx.Client, place: Place, first_line: str, body: str) -> Outcome:
    for number, present in _marked(client, place, first_line):
        if _plain(present) == _plain(body):
            return "unchanged"
        answer = _send(client, "PATCH", place.comment(number), body)
        if answer.status_code not in _REFUSED:
            _check(answer)
            return "updated"
    _check(_send(client, "POST", place.comments, body))
    return "posted"


def _marked(client: httpx.Client, place: Place, first_line: str) -> Iterator[tuple[int, str]]:
    """Yield the comments that begin with the line, oldest first, as far as the API lists them."""
    for page in range(1, _MAX_PAGES + 1):
        answer = _send(client, "GET", f"{place.comments}?per_page={_PAGE}&page={page}")
        _check(answer)
        for comment in _listed(answer):
            number, body = comment.get("id"), comment.get("body")
            first = _plain(body).partition("\n")[0] if isinstance(body, str) else ""
            if isinstance(number, int) and first == first_line:
                yield number, str(body)
        if "next" not in answer.links:
            return


def _listed(answer: httpx.Response) -> list[Mapping[str, object]]:
    try:
        document: object = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, list):
        raise PostingError(f"{_place(answer)}: no list of comments; is this the API's URL?")
    return [item for item in document if isinstance(item, Mapping)]


def _send(client: httpx.Client, method: str, url: str, body: str | None = None) -> httpx.Response:
    try:
        return client.request(method, url, json=None if body is None else {"body": body})
    except httpx.TransportError as error:
        host = urlsplit(url).netloc
        raise _PassingError(f"{host}: {type(error).__name__}: {error}") from None


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    message = f"{_place(answer)}: answered {answer.status_code}"
    limited = answer.status_code == 403 and answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status_code in _PASSING or limited:
        raise _PassingError(message)
    hint = "; may the token write comments there?" if answer.status_code in {401, 403, 404} else ""
    raise PostingError(message + hint)


def _place(answer: httpx.Response) -> str:
    request = answer.request
    return f"{request.method} {request.url.copy_with(query=None)}"


def _plain(text: str) -> str:
    """Return a body as it was before a server touched its line ends."""
    return text.replace("\r\n", "\n").strip()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
