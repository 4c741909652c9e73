"""The program of a process of `mtjspice.collect.process`: receives calls, sends back results."""

import contextlib
import importlib
import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mtjspice.spec.resources import Resources
from mtjspice.spice import sandbox

READY = "ready"
"""What a worker sends before the first call: what it takes to start is not the call's time."""
LOOK_EVERY_S = 0.1
"""How often a worker looks whether its parent still lives and what memory it holds, s."""


def serve(connection: Connection) -> None:
    """Answer calls until the parent closes the connection."""
    while True:
        try:
            function, args = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[bool, Any] = True, function(*args)
        except Exception as error:
            answer = False, error
        try:
            connection.send(answer)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            connection.send((False, RuntimeError(f"{answer[1]!r} cannot be sent back: {error}")))
        except BrokenPipeError:
            return


def watch(parent: int, folder: Path, memory: int) -> None:
    """End this process soon after its parent, or when it holds too much memory, also in a call.

    A parent that is killed cannot end its workers, and a call that nobody waits for would keep a
    processor busy until it is done.

    Args:
        parent: its process id.
        folder: of this process, which is removed.
        memory: what it may hold, bytes.
    """

    def look() -> None:
        # Without cleaning up at the end: the main thread may be deep inside a simulator.
        while os.getppid() == parent:
            if sandbox.resident() > memory:
                os._exit(sandbox.OVER_MEMORY)
            time.sleep(LOOK_EVERY_S)
        sandbox.remove_private(folder)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def main(connection: str, parent: str, folder: str, limits: str, module: str) -> None:
    """Serve until the parent closes the connection.

    Args:
        connection: number of the file that is connected with it.
        parent: its process id.
        folder: private, the working folder.
        limits: JSON of `Resources`.
        module: of the function that is called first.
    """
    may = Resources.model_validate_json(limits)
    assert may.memory is not None
    watch(int(parent), Path(folder), may.memory)
    sandbox.confine(may)
    # Ctrl-C, the end of a job and of a terminal are the parent's business: this process ends soon
    # after it, and its folder with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connected = Connection(int(connection))
    # Loading its libraries is part of the start, too; what cannot be loaded the call will tell.
    with contextlib.suppress(Exception):
        importlib.import_module(module)
    connected.send(READY)
    serve(connected)
    sandbox.remove_private(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
