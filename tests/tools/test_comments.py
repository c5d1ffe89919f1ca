"""A comment is found again by its first line and updated; a token goes nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.forge import Forge
from tools.comments import Place, PostingError, marker, post_comment

__all__: list[str] = []

TOKEN = "MARKED-token"
REPOSITORY = "example/sites"
MARK = marker("berlin")


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def forge() -> Iterator[Forge]:
    with Forge(repository=REPOSITORY, token=TOKEN) as forge:
        yield forge
        assert forge.crashes == []


def place(forge: Forge, *, number: int = 17, token: str = TOKEN) -> Place:
    return Place(url=forge.url, repository=REPOSITORY, number=number, token=token)


def post(forge: Forge, text: str, *, waits: list[float] | None = None) -> str:
    sleep = ([] if waits is None else waits).append
    return post_comment(place(forge), MARK, text, sleep=sleep)


def test_the_first_run_posts_and_later_ones_update(forge: Forge) -> None:
    assert [post(forge, "one"), post(forge, "two"), post(forge, "two")] == [
        "posted", "updated", "unchanged",
    ]  # fmt: skip
    assert [comment.body for comment in forge.comments] == [f"{MARK}\ntwo"]


def test_a_comment_is_found_behind_a_hundred_others() -> None:
    with Forge(repository=REPOSITORY, token=TOKEN, page_size=30) as forge:
        for number in range(95):
            forge.add(17, f"comment {number}")
        assert post(forge, "one") == "posted"
        forge.add(17, "afterwards")
        assert post(forge, "two") == "updated"
    assert len(forge.comments) == 97


def test_a_comment_that_quotes_the_marker_is_left_alone(forge: Forge) -> None:
    quoting = forge.add(17, f"> {MARK}\nwhat is this?\n{MARK}")

    assert post(forge, "one") == "posted"
    assert quoting.body.startswith("> ")


def test_a_comment_of_somebody_else_does_not_stop_ours(forge: Forge) -> None:
    forge.add(17, f"{MARK}\nmine")

    assert [post(forge, "one"), post(forge, "two")] == ["posted", "updated"]
    assert [comment.body for comment in forge.comments] == [f"{MARK}\nmine", f"{MARK}\ntwo"]


def test_other_sites_and_other_pull_requests_have_their_own(forge: Forge) -> None:
    post(forge, "one")
    post_comment(place(forge), marker("munich"), "one")
    post_comment(place(forge, number=18), MARK, "one")

    assert len(forge.comments) == 3


def test_line_ends_that_a_server_changes_are_no_change(forge: Forge) -> None:
    post(forge, "one\ntwo\n")
    forge.comments[0].body = forge.comments[0].body.replace("\n", "\r\n")

    assert post(forge, "one\ntwo\n") == "unchanged"


def test_an_answer_that_is_lost_posts_no_second_comment(forge: Forge) -> None:
    forge.faults.add("/comments$", method="POST", mute=True)

    assert post(forge, "one") == "unchanged"
    assert len(forge.comments) == 1


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_server_that_is_busy_is_asked_again(forge: Forge, status: int) -> None:
    waits: list[float] = []
    forge.faults.add("/comments$", times=2, status=status)

    assert post(forge, "one", waits=waits) == "posted"
    assert waits == [2.0, 4.0]


def test_a_server_that_stays_busy_is_given_up(forge: Forge) -> None:
    forge.faults.add("/comments$", times=None, status=503)

    with pytest.raises(PostingError, match="503"):
        post(forge, "one")


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_refusal_is_told_and_not_repeated(forge: Forge, status: int) -> None:
    waits: list[float] = []
    forge.faults.add("/comments$", times=None, status=status)

    with pytest.raises(PostingError, match=str(status)):
        post(forge, "one", waits=waits)
    assert waits == []


def test_a_page_that_is_no_api_is_told(forge: Forge) -> None:
    forge.faults.add_login_page("/comments$")

    with pytest.raises(PostingError, match="API's URL"):
        post(forge, "one")


def test_a_redirect_is_not_followed(forge: Forge) -> None:
    forge.faults.add("/comments$", status=302, headers={"Location": f"{forge.url}/elsewhere"})

    with pytest.raises(PostingError, match="302"):
        post(forge, "one")
    assert [exchange.path for exchange in forge.requests if "elsewhere" in exchange.path] == []


def test_the_token_is_in_no_error_and_no_text(forge: Forge) -> None:
    with pytest.raises(PostingError) as refusal:
        post_comment(place(forge, token=f"{TOKEN}-wrong"), MARK, "one")

    assert TOKEN not in str(refusal.value)
    assert TOKEN not in repr(place(forge))


@pytest.mark.parametrize(
    "url", ["http://forge.example", "https://user:MARKED@forge.example", "forge.example", "ftp://x"]
)
def test_a_token_is_not_sent_in_clear(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Place(url=url, repository=REPOSITORY, number=1, token=TOKEN)
