"""Runs the SDK's provider of dynamic resources so that it does not outlive the engine."""

import os
import runpy
import sys
from pathlib import Path

from .parent import end_with_parent


def main() -> None:
    """Serve dynamic resources until the engine ends this process, or is gone."""
    end_with_parent(lambda: os._exit(1))
    # Providers are imported from beside the program, as `python -m pulumi.dynamic` would.
    sys.path[0] = str(Path.cwd())
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
