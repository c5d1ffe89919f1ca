"""What the fault matrix says below its tables: kills at random moments."""

from __future__ import annotations

__all__ = ["FOOT"]

FOOT = """\
## Kills at random moments
"""
