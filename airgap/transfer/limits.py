"""What a site allows a run to move: its limits and connections, as one `Traffic`."""

from __future__ import annotations

from airgap.net import Pace, Schedule, Traffic
from airgap.site.schedule import read_schedule
from airgap.site.transfer import Transfer

__all__ = ["site_traffic"]


def site_traffic(transfer: Transfer) -> Traffic:
    """Return the traffic of one run under a site's `transfer` section.

    All that the run moves, to and from anywhere, has to share it.
    """
    return Traffic(pace=Pace(Schedule(read_schedule(transfer))), most_per_host=transfer.connections)
