"""The engine, the practice upstream, and sites made of the committed example stacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from lab.auth import Authenticator
from tests.engine.fixtures import engine_directory
from tests.stacks.delivery import Delivery, deliver
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

__all__ = ["MakeSite", "delivery", "engine_directory", "make_site", "outside"]


class MakeSite(Protocol):
    """Brings a committed stack onto this machine; see `open_site`."""

    def __call__(self, stack: str, *, auth: Authenticator | None = None) -> PracticeSite: ...


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    """The connected side, once a session."""
    return Outside(tmp_path_factory.mktemp("outside"))


@pytest.fixture(scope="session")
def delivery(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Delivery]:
    """A site with secrets, in files and then in a cluster."""
    with deliver(tmp_path_factory.mktemp("delivery"), engine_directory, outside) as delivered:
        yield delivered


@pytest.fixture
def make_site(tmp_path: Path, engine_directory: Path, outside: Outside) -> Iterator[MakeSite]:
    """Makes sites in the test's own directory."""
    with ExitStack() as sites:

        def make(stack: str, *, auth: Authenticator | None = None) -> PracticeSite:
            opened = open_site(tmp_path / stack, engine_directory, outside, stack, auth=auth)
            return sites.enter_context(opened)

        yield make
