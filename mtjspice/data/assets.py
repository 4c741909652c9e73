"""Where the files beside the code are: ``models/`` and ``netlists/``.

In a wheel they lie inside the package, in a checkout at its top level.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def folder(name: str) -> Path:
    """The folder ``models`` or ``netlists``."""
    installed = _PACKAGE / "_assets" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
