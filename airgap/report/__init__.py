"""The report of a change: two sides of a site compared, and written for people and for programs.

Pure: two sites with their plans and locks, or the engine's own events, go in; a `Report` comes out,
and Markdown, a page or JSON of it. No network, no disk, no clock.
"""

from airgap.report.amounts import Link, parse_link
from airgap.report.compare import compare
from airgap.report.document import write_json
from airgap.report.events import Observed, read_events
from airgap.report.held import compare_held, held_words
from airgap.report.markdown import MARKDOWN_LIMIT, write_markdown
from airgap.report.model import Basis, Report
from airgap.report.page import write_page
from airgap.report.scene import Scene, scene_of_plan

__all__ = [
    "MARKDOWN_LIMIT",
    "Basis",
    "Link",
    "Observed",
    "Report",
    "Scene",
    "compare",
    "compare_held",
    "held_words",
    "parse_link",
    "read_events",
    "scene_of_plan",
    "write_json",
    "write_markdown",
    "write_page",
]
