"""The engine's fixtures, for the tests of this directory."""

from tests.engine.fixtures import engine_directory, make_workspace

__all__ = ["engine_directory", "make_workspace"]
