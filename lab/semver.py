"""Versions as an Image Factory reads them (github.com/blang/semver/v4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

__all__ = ["Version"]

_NUMBER = r"(?:0|[1-9]\d*)"
_STRICT = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?\Z"
)
_OFFERED = re.compile(r"(?:alpha|beta|rc)\.\d+\Z")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version; `rank` puts a pre-release before its release, and numbers in their order."""

    major: int
    minor: int
    patch: int = 0
    rank: tuple[tuple[int, int, str], ...] = ((2, 0, ""),)
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `v1.11.5` or `1.12.0-alpha.1`; ValueError for anything else."""
        match = _STRICT.match(text.removeprefix("v"))
        if match is None:
            raise ValueError(f"no semantic version: {text!r}")
        pre = match[4] or ""
        numbers = (int(match[1]), int(match[2]), int(match[3]))
        return cls(*numbers, _rank(pre), pre) if pre else cls(*numbers)

    def __str__(self) -> str:
        """Return `1.12.0-alpha.1`: without a `v`."""
        numbers = f"{self.major}.{self.minor}.{self.patch}"
        return f"{numbers}-{self.pre}" if self.pre else numbers

    @property
    def release(self) -> Version:
        """The release that a pre-release comes before: what a factory goes by to know features."""
        return Version(self.major, self.minor, self.patch)

    @property
    def is_offered_early(self) -> bool:
        """Whether it is a pre-release of a kind that a factory offers."""
        return _OFFERED.match(self.pre) is not None


def _rank(pre: str) -> tuple[tuple[int, int, str], ...]:
    parts = ((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split("."))
    return tuple(parts)
