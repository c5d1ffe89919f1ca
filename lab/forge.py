"""A practice forge: comments of pull requests, as GitHub's REST API has them.

Endpoints: list (in pages of `per_page`, with a Link header), create, update; version 2022-11-28. A
token is asked for; a comment can be updated by whoever wrote it, and by nobody else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from werkzeug.wrappers import Request, Response

from lab.server import Simulator
from lab.tls import ServerCertificate

__all__ = ["Comment", "Forge"]

_LISTED = re.compile(r"/repos/(?P<repository>[^/]+/[^/]+)/issues/(?P<number>\d+)/comments\Z")
_ONE = re.compile(r"/repos/(?P<repository>[^/]+/[^/]+)/issues/comments/(?P<comment>\d+)\Z")
_MAX_CHARACTERS = 65_536


@dataclass(slots=True, kw_only=True)
class Comment:
    """One comment."""

    number: int
    issue: int
    body: str
    author: str


class Forge(Simulator):
    """A forge with one repository.

    Args:
        repository: `owner/name`.
        token: What requests have to carry.
        author: Whose token it is.
        page_size: The most that a page holds, whatever is asked for.
        certificate: Speak TLS with it.
    """

    def __init__(
        self,
        *,
        repository: str,
        token: str,
        author: str = "robot",
        page_size: int = 100,
        certificate: ServerCertificate | None = None,
    ) -> None:
        super().__init__(certificate=certificate)
        self.comments: list[Comment] = []
        self._repository = repository
        self._token = token
        self._author = author
        self._page_size = page_size

    def add(self, issue: int, body: str, *, author: str = "somebody") -> Comment:
        """Write a comment as somebody."""
        comment = Comment(number=len(self.comments) + 1, issue=issue, body=body, author=author)
        self.comments.append(comment)
        return comment

    def respond(self, request: Request) -> Response:
        """Answer the API's three requests."""
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return _answer({"message": "Bad credentials"}, status=401)
        listed, one = _LISTED.match(request.path), _ONE.match(request.path)
        found = listed or one
        if found is None or found["repository"] != self._repository:
            return _answer({"message": "Not Found"}, status=404)
        if listed and request.method == "GET":
            return self._list(int(listed["number"]), request)
        body = str(json.loads(request.get_data())["body"])
        if len(body) > _MAX_CHARACTERS:
            return _answer({"message": "body is too long"}, status=422)
        if listed and request.method == "POST":
            created = self.add(int(listed["number"]), body, author=self._author)
            return _answer(_shown(created), status=201)
        if one and request.method == "PATCH":
            return self._update(int(one["comment"]), body)
        return _answer({"message": "Method Not Allowed"}, status=405)

    def _list(self, issue: int, request: Request) -> Response:
        size = min(int(request.args.get("per_page", "30")), self._page_size)
        page = int(request.args.get("page", "1"))
        every = [comment for comment in self.comments if comment.issue == issue]
        shown = every[(page - 1) * size : page * size]
        response = _answer([_shown(comment) for comment in shown])
        if page * size < len(every):
            url = f"{self.url}{request.path}?per_page={size}&page={page + 1}"
            response.headers["Link"] = f'<{url}>; rel="next"'
        return response

    def _update(self, number: int, body: str) -> Response:
        comment = next((item for item in self.comments if item.number == number), None)
        if comment is None:
            return _answer({"message": "Not Found"}, status=404)
        if comment.author != self._author:
            return _answer({"message": "Must have admin rights to Repository."}, status=403)
        comment.body = body
        return _answer(_shown(comment))


def _shown(comment: Comment) -> dict[str, object]:
    return {"id": comment.number, "body": comment.body, "user": {"login": comment.author}}


def _answer(document: object, *, status: int = 200) -> Response:
    return Response(json.dumps(document), status=status, mimetype="application/json")
