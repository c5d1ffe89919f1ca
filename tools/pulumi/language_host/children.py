"""The processes the plugin has started and not yet waited for."""

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO


class Children:
    """Starts processes, and kills those still alive when asked to. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._alive: set[subprocess.Popen[bytes]] = set()

    @contextmanager
    def running(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        cwd: str,
        environment: Mapping[str, str],
        output: int | IO[bytes] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a process; on leaving, kill it if it has not ended, and wait for it."""
        with self._lock:
            child = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            self._alive.add(child)
        try:
            yield child
        finally:
            child.kill()
            child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
            with self._lock:
                self._alive.discard(child)

    def kill(self) -> None:
        """Kill every process that is alive, without waiting."""
        # No lock: this also runs in a signal handler, which may have interrupted its holder.
        for child in tuple(self._alive):
            child.kill()
