"""What long work tells while it runs: events to one callback, drawn or logged by whoever listens.

Pure values. A step tells in this order: `Planned` once it knows what is to move, `Awaited` while an
item does not come yet, `Moved` while its bytes move (a `Meter` sends it, at most four times a
second and item), `Event` for each item that is done, and `Summary` at the end. Only `Event` must be
sent. Reports may come from several threads at once.
"""

from airgap.progress.events import (
    Awaited,
    Event,
    Moved,
    Outcome,
    Planned,
    Progress,
    Report,
    Summary,
)
from airgap.progress.standing import Standing
from airgap.progress.tally import Meter, Tally
from airgap.progress.words import (
    count_bytes,
    say_awaited,
    say_progress,
    say_summary,
    say_time,
    short_item,
)

__all__ = [
    "Awaited",
    "Event",
    "Meter",
    "Moved",
    "Outcome",
    "Planned",
    "Progress",
    "Report",
    "Standing",
    "Summary",
    "Tally",
    "count_bytes",
    "say_awaited",
    "say_progress",
    "say_summary",
    "say_time",
    "short_item",
]
