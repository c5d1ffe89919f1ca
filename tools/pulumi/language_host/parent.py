"""Ends a plugin whose engine is gone.

A crashed or killed engine tells nobody, and its plugins would stay for ever.
"""

import os
import threading
import time
from collections.abc import Callable

POLL_S = 0.5


def end_with_parent(leave: Callable[[], None]) -> None:
    """Call `leave` from a thread of its own as soon as this process has another parent than now."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_S)
        leave()

    threading.Thread(target=watch, name="parent", daemon=True).start()
