"""The files that only some runs write into an output folder, such as netlists of worst cases.

The folder's manifest lists them, each with its SHA-256. Those of an earlier run are removed if they
are as they were written; everything else in the folder is the user's and stays.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any, Final

from mtjspice.data.files import inside, make_folder, write_text
from mtjspice.errors import InputError
from mtjspice.reading import read_bytes, read_json

MANIFEST: Final = "manifest.json"
REPORT: Final = "report.json"
PAGE: Final = "report.html"


class Outputs:
    """What one run writes into its output folder.

    Args:
        folder: made if it is missing.

    Attributes:
        folder: the same.
        files: SHA-256 of what was written, by path in the folder.

    Raises:
        InputError: if the folder cannot be written.
    """

    def __init__(self, folder: Path):
        self.folder = make_folder(folder)
        self.files: dict[str, str] = {}
        self._earlier = _listed(self.folder)

    def write(self, name: str, text: str) -> str:
        """Write a text file whole, and list it at once: a run may be cut off.

        Args:
            name: path in the folder. Where a file of the user's has it, a free one beside it is
                taken.
            text: what to write.

        Returns:
            The path in the folder.

        Raises:
            InputError: if it cannot be written.
            StorageError: if the disk is full.
        """
        digest = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
        name = self._free(name, digest)
        path = self.folder / name
        if path.parent != self.folder:
            make_folder(path.parent)
        write_text(path, text)
        self.files[name] = digest
        content = _manifest(self.folder) | {"files": self._earlier | self.files}
        write_text(self.folder / MANIFEST, json.dumps(content, indent=1) + "\n")
        return name

    def close(self) -> dict[str, str]:
        """Remove what only an earlier run wrote; the files, for the manifest of this one."""
        for name, digest in self._earlier.items():
            if name not in self.files:
                _remove(self.folder, name, digest)
        return self.files

    def _free(self, name: str, digest: str) -> str:
        """The name, or the first one numbered from 2 that no file of the user's has."""
        path, number, tried = Path(name), 1, name
        while not self._is_ours(tried, digest):
            number += 1
            tried = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        return tried

    def _is_ours(self, name: str, digest: str) -> bool:
        """Whether there is nothing, or what was written here, or the very same."""
        path = self.folder / name
        if name in self.files or not (path.exists() or path.is_symlink()):
            return True
        return _digest(path) in (digest, self._earlier.get(name, digest))


def _manifest(folder: Path) -> dict[str, Any]:
    """What stands in the folder's manifest; nothing if it has none of ours."""
    try:
        content = read_json(folder / MANIFEST)
    except InputError:
        return {}
    return content if isinstance(content, dict) else {}


def _listed(folder: Path) -> dict[str, str]:
    files = _manifest(folder).get("files")
    if not isinstance(files, dict):
        return {}
    return {name: digest for name, digest in files.items() if isinstance(digest, str)}


def _digest(path: Path) -> str:
    """SHA-256 of a file; none of what is no file, or a link to one."""
    try:
        return "" if path.is_symlink() else hashlib.sha256(read_bytes(path)).hexdigest()
    except InputError:
        return ""


def _remove(folder: Path, name: str, digest: str) -> None:
    """Remove a file that is as it was written; a manifest may come from anybody."""
    with contextlib.suppress(ValueError, OSError):
        path = inside(folder, name)
        if digest and _digest(path) == digest:
            path.unlink()
