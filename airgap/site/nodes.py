"""The site's `nodes` section: what machines are told of its network."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airgap.site.document import Document, Flag, Url, example

__all__ = ["Discovery", "Nodes"]


class Discovery(Document):
    """Talos' discovery service: on the internet unless an in-site endpoint is given."""

    enabled: Flag = False
    """Whether machines use it."""
    endpoint: Annotated[Url, example("https://discovery.example")] | None = None
    """The site's own discovery service."""


class Nodes(Document):
    """What machines need to know of the site's network."""

    time_servers: tuple[Annotated[str, example("10.0.0.1", "time.example")], ...] = ()
    """NTP servers; Talos waits for one at boot."""
    nameservers: tuple[Annotated[str, example("10.0.0.2")], ...] = ()
    """DNS servers by address; Talos' own defaults are on the internet."""
    extra_hosts: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, examples=[{"10.0.0.3": ["registry.example"]}]
    )
    """Host names by address, for sites without DNS."""
    discovery: Discovery = Discovery()
    """The discovery service."""
