"""Reports: HTML with figures inside, JSON, and the manifest of what determined them."""

import importlib.util
import os
import sys
import threading
from pathlib import Path


def _import_matplotlib() -> None:
    """Import matplotlib from its own folder.

    It reads the ``matplotlibrc`` of the folder that it is imported in: one that is a pipe, or no
    text, would keep the program from starting. The folder is that of all threads, so this is left
    where there are others; what the file says does not count anyway (`canvas.style`).
    """
    found = importlib.util.find_spec("matplotlib")
    if "matplotlib" in sys.modules or threading.active_count() > 1 or not (found and found.origin):
        return
    own = Path(found.origin).parent / "mpl-data"
    if not (own / "matplotlibrc").is_file():
        return
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(own)
        importlib.import_module("matplotlib")
    finally:
        os.fchdir(here)
        os.close(here)


_import_matplotlib()
