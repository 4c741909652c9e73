"""The process at the other end of `mtjspice.collect.pool`: receives calls, sends back results."""

import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any


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


if __name__ == "__main__":
    # Ctrl-C is the parent's business; one thread, because parallelism is processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    serve(Connection(int(sys.argv[1])))
