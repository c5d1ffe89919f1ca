"""Runs one module of this package: `python language_host server|dynamic_provider ARGUMENTS…`.

The launchers start the directory as a script, from wherever it was copied to: the package is
imported by name, from the directory above.
"""

import importlib
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)
importlib.import_module(f"language_host.{sys.argv.pop(1)}").main()
