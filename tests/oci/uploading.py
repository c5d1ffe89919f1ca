"""What tests of uploads bring: data, sources good and bad, and a record of uploads under way."""

from __future__ import annotations

import hashlib
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from airgap.digest import Digest
from airgap.errors import IntegrityError
from airgap.net import Body, StreamBody, Traffic
from airgap.oci.manifest import Descriptor

__all__ = ["Data", "Memory", "Remembered", "Stopping", "Streamed", "make_data"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Bytes that no compression makes smaller, and their descriptor."""

    content: bytes
    descriptor: Descriptor

    @property
    def digest(self) -> str:
        """`sha256:<hex>`, by hashlib alone."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()


def make_data(size: int, seed: int = 1) -> Data:
    """Make bytes that are always the same for a seed."""
    content = random.Random(seed).randbytes(size)  # noqa: S311 (test data)
    digest = Digest("sha256", hashlib.sha256(content).hexdigest())
    descriptor = Descriptor(media_type="application/octet-stream", digest=digest, size=size)
    return Data(content=content, descriptor=descriptor)


class Memory:
    """A source that can begin anywhere; `asked` is where it was begun."""

    can_seek = True

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.asked: list[int] = []

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        self.asked.append(offset)
        yield StreamBody(_Reader(self._content[offset:]), len(self._content) - offset)


class Streamed(Memory):
    """A source that only gives all of its bytes, and checks them before it gives the last."""

    can_seek = False

    def __init__(self, content: bytes, expected: Digest) -> None:
        super().__init__(content)
        self._expected = expected

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        assert offset == 0
        self.asked.append(offset)
        yield StreamBody(_Checked(self._content, self._expected), len(self._content))


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._left = memoryview(content)

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class _Checked(_Reader):
    def __init__(self, content: bytes, expected: Digest) -> None:
        super().__init__(content)
        self._hash = hashlib.sha256()
        self._expected = expected

    def readinto(self, buffer: memoryview, /) -> int:
        count = super().readinto(buffer)
        self._hash.update(buffer[:count])
        if not self._left and self._hash.hexdigest() != self._expected.hex:
            raise IntegrityError(f"the source is not {self._expected}")
        return count


class Stopping:
    """A source in whose middle the run ends, as by Ctrl-C."""

    can_seek = True

    def __init__(self, content: bytes, after: int) -> None:
        self._content = content
        self._after = after

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        yield _StoppingBody(self._content[offset:], self._after)


class _StoppingBody:
    is_repeatable = False

    def __init__(self, content: bytes, after: int) -> None:
        self._content = content
        self._after = after
        self.size = len(content)

    def send(self, connection: socket.socket, traffic: Traffic) -> None:  # noqa: ARG002 (protocol)
        connection.sendall(self._content[: self._after])
        raise KeyboardInterrupt


@dataclass(slots=True)
class Remembered:
    """A record of uploads under way, in memory."""

    kept: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, repository: str, digest: Digest) -> str | None:
        return self.kept.get((repository, str(digest)))

    def keep(self, repository: str, digest: Digest, location: str) -> None:
        self.kept[repository, str(digest)] = location

    def drop(self, repository: str, digest: Digest) -> None:
        self.kept.pop((repository, str(digest)), None)
