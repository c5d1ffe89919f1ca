"""Starts the plugin: serves on a loopback port, tells the engine which, and ends with it."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from .children import Children
from .parent import end_with_parent
from .service import LanguageHost

# A program and each of its policy packs hold one thread until they end.
THREADS = 64


def main() -> None:
    """Serve until the engine interrupts the process group, or is gone."""
    children = Children()

    def leave() -> None:
        children.kill()
        os._exit(0)

    # The engine waits up to 5 s for a plugin that it closes: end at once, unwinding nothing.
    signal.signal(signal.SIGINT, lambda _number, _frame: leave())
    signal.signal(signal.SIGTERM, lambda _number, _frame: leave())
    host = LanguageHost(engine_address=sys.argv[-1], children=children)
    server = grpc.server(ThreadPoolExecutor(THREADS), handlers=(host.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    end_with_parent(leave)
    while True:
        signal.pause()
