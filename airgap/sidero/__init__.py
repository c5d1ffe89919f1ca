"""Sidero Metal's custom resources: what v0.6.13 and the plan document's fork keep of an object.

Pure: values, their validation, and the definitions as this project ships them.
"""

from airgap.sidero.definitions import (
    GROUP,
    KINDS,
    SCHEMAS,
    VERSION,
    definition,
    definition_name,
    spec_schema,
)
from airgap.sidero.validation import find_faults, validate

__all__ = [
    "GROUP",
    "KINDS",
    "SCHEMAS",
    "VERSION",
    "definition",
    "definition_name",
    "find_faults",
    "spec_schema",
    "validate",
]
