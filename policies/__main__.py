"""Assembles the pack; the rules are in `airgap/rules`, the adapters in `adapters`."""

import sys
from pathlib import Path

# The pack runs in its own directory; the rules it adapts are beside it.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import PolicyPack

from policies.adapters import build_policies

PolicyPack(name="sidero-airgap", policies=build_policies())
