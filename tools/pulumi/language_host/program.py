"""Runs one Pulumi program: connects the SDK to the engine, then runs the program's `__main__`.

Started by the language plugin with the settings as JSON, the program's path, and the program's
arguments. Exits with 32 when the program failed and the reason has been told to the engine.
"""

import asyncio
import json
import os
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pulumi
import pulumi.runtime

EXPLAINED = 32

# Each resource waits in a thread for the engine's answer; the engine works on `parallel` of them.
THREADS_PER_WORKER = 4
MAX_THREADS = 512

NOT_THE_PROGRAM = (
    __file__,
    "<frozen runpy>",
    runpy.__file__,
    str(Path(asyncio.__file__).parent),
    str(Path(pulumi.runtime.__file__).parent),
)


def main() -> None:
    # The engine failed or was stopped: a KeyboardInterrupt's traceback would look like our fault.
    signal.signal(signal.SIGINT, _leave)
    settings = json.loads(sys.argv[1])
    program = sys.argv[2]
    sys.argv[:] = sys.argv[2:]
    sys.path[0] = str(Path(program).parent if Path(program).is_file() else Path(program))
    _configure(settings)
    try:
        _run(program, threads=min(settings["parallel"] * THREADS_PER_WORKER, MAX_THREADS))
    except pulumi.RunError as error:  # an error the program words for its user
        pulumi.log.error(str(error))
        sys.exit(EXPLAINED)
    except Exception as error:  # noqa: BLE001  # whatever a program raises is told to its user
        pulumi.log.error(f"The program failed:\n{_describe(error)}")
        sys.exit(EXPLAINED)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(EXPLAINED)


def _configure(settings: dict[str, Any]) -> None:
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(pulumi.runtime.Settings(**settings))


def _run(program: str, *, threads: int) -> None:
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(ThreadPoolExecutor(max(threads, 1)))
        runner.run(pulumi.runtime.run_in_stack(lambda: _run_main(program)))


def _run_main(program: str) -> None:
    runpy.run_path(program, run_name="__main__")


def _describe(error: Exception) -> str:
    """Return the error with its traceback, which begins where the program does."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(NOT_THE_PROGRAM):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


main()
