"""Serves a store as it is: a read-only OCI registry and a mirror of boot assets.

OCI distribution specification v1.1 (pull and content discovery), RFC 9110. Writes nothing.
"""

from airgap.serve.application import app
from airgap.serve.server import Server

__all__ = ["Server", "app"]
