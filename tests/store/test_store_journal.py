"""A journal says what counts, and never more, whatever became of its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airgap.store.disk import Disk
from airgap.store.journal import Journal, Noted

KEY = "sha256-" + "ab" * 32


class BootedDisk(Disk):
    """A disk under a named run of the kernel."""

    def __init__(self, name: str) -> None:
        self.name = name

    def boot(self) -> str:
        return self.name


@contextmanager
def opened(path: Path, *, key: str = KEY, size: int = 1000, boot: str = "one") -> Iterator[Journal]:
    journal = Journal(BootedDisk(boot), path, key=key, size=size)
    try:
        yield journal
    finally:
        journal.close()


def read(path: Path, *, key: str = KEY, size: int = 1000, boot: str = "one") -> Noted:
    with opened(path, key=key, size=size, boot=boot) as journal:
        return journal.read()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with bytes 0 to 300 synced and 300 to 400 written."""
    path = tmp_path / "journal"
    with opened(path) as journal:
        journal.begin()
        journal.note_validator('"v1"')
        journal.note_written([(0, 300)])
        journal.note_synced([(0, 300)])
        journal.note_written([(300, 400)])
    return path


def test_notes_are_read_back(path: Path) -> None:
    noted = read(path)
    assert list(noted.synced) == [(0, 300)]
    assert list(noted.written) == [(0, 400)]
    assert noted.validator == '"v1"'


def test_after_a_boot_only_what_was_synced_counts(path: Path) -> None:
    noted = read(path, boot="two")
    assert (list(noted.synced), list(noted.written)) == ([(0, 300)], [])


def test_kernel_without_a_name_counts_nothing_unsynced(tmp_path: Path) -> None:
    with opened(tmp_path / "journal", boot="") as journal:
        journal.begin()
        journal.note_written([(0, 300)])
    assert list(read(tmp_path / "journal", boot="").written) == []


def test_journal_of_another_blob_or_size_says_nothing(path: Path) -> None:
    for noted in (read(path, key="sha256-" + "cd" * 32), read(path, size=999)):
        assert not noted.synced.count
        assert not noted.validator


def test_kernel_that_lost_bytes_is_not_trusted_again(path: Path) -> None:
    with opened(path) as journal:
        journal.read()
        journal.distrust()
        journal.note_written([(400, 500)])
    noted = read(path)
    assert (list(noted.synced), list(noted.written)) == ([(0, 300)], [])


def test_journal_begun_again_says_nothing(path: Path) -> None:
    with opened(path) as journal:
        journal.read()
        journal.begin()
    assert not read(path).synced.count


def test_journal_torn_anywhere_says_a_part_of_the_truth(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        noted = read(path)
        assert set(noted.synced) <= {(0, 300)}
        assert set(noted.written) <= {(0, 300), (0, 400)}


def test_damaged_byte_voids_all_behind_it(path: Path) -> None:
    """CRC-32 finds every error burst of at most 32 bits (ITU-T V.42, 8.1.1.6.2)."""
    whole = path.read_bytes()
    position = whole.index(b'["synced"')
    for at in range(position - 9, position + len('["synced", 0, 300]')):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        noted = read(path)
        assert not noted.synced.count
        assert list(noted.written) == [(0, 300)]


def test_notes_behind_a_torn_line_take_its_place(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'01234567 ["synced", 0, 10')
    with opened(path) as journal:
        journal.read()
        journal.note_synced([(500, 600)])
    assert list(read(path).synced) == [(0, 300), (500, 600)]


def test_journal_that_is_something_else_says_nothing(tmp_path: Path) -> None:
    for content in (b"", b"\0" * 4096, b"{}\n", b"x" * 100_000, b'00000000 ["blob"]\n'):
        (tmp_path / "journal").write_bytes(content)
        assert not read(tmp_path / "journal").synced.count
