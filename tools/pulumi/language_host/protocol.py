"""The engine's message types, imported from Pulumi's SDK without running the SDK.

`import pulumi` takes longer than all else the plugin does, for types that need none of it: the
packages above the generated modules are registered empty first.
"""

import sys
from importlib.machinery import PathFinder
from types import ModuleType


def _register_empty(name: str, path: list[str] | None = None) -> list[str]:
    """Register package `name` without running its `__init__`; return where its modules lie."""
    spec = PathFinder.find_spec(name, path)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{sys.executable} has no {name}: Pulumi's SDK is not installed")
    module = ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = module
    return module.__path__


_path = _register_empty("pulumi")
_path = _register_empty("pulumi.runtime", _path)
_register_empty("pulumi.runtime.proto", _path)

from pulumi.runtime.proto import analyzer_pb2, language_pb2, plugin_pb2  # noqa: E402  # after the above

__all__ = ["analyzer_pb2", "language_pb2", "plugin_pb2"]
