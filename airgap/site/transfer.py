"""The site's `transfer` section: how fast, how many at a time, and which platforms."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airgap.site.document import Document, Platform, Rate, Window

__all__ = ["Limit", "Transfer"]


class Limit(Document):
    """A limit on all of a run's bytes together, to and from anywhere, repeats included."""

    between: Window | None = None
    """The time of day it holds, such as 22:00-06:00, in this machine's time; always if left out."""
    rate: Rate
    """So much a second, such as 20MiB/s or 100Mbit/s; or unlimited."""


class Transfer(Document):
    """How bytes are moved. Only `platforms` is part of what a lock depends on."""

    limits: tuple[Limit, ...] = ()
    """The first that fits the time of day holds; without any, transfers go as fast as they can."""
    connections: Annotated[int, Field(ge=1, le=64, strict=True)] = 16
    """The most requests at a time to one host; fewer while it asks for less."""
    platforms: tuple[Platform, ...] = ()
    """Carry these of an image's platforms only, such as linux/amd64; whole images if left out."""
