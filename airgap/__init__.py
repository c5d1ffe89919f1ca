"""Resolve, lock, move and verify what an air-gapped Talos/Sidero site boots from.

The package knows nothing of Pulumi: `components/` and `providers/` call it, never the reverse.
"""

__all__ = ["VERSION"]

VERSION = "0.1.0"
"""The release of this project, as `pyproject.toml` has it."""
