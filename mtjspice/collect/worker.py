"""The process at the other end of `mtjspice.collect.pool`: receives calls, sends back results."""

import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

LOOK_EVERY_S = 0.5
"""How often a worker looks whether its parent still lives, s."""


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


def end_with(parent: int) -> None:
    """End this process soon after its parent, also in the middle of a call.

    A parent that is killed cannot end its workers, and a call that nobody waits for would keep a
    processor busy until it is done.

    Args:
        parent: its process id.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os._exit(1)  # without cleaning up: the main thread may be deep inside ngspice

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with(int(sys.argv[2]))
    # Ctrl-C is the parent's business; one thread, because parallelism is processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    serve(Connection(int(sys.argv[1])))
