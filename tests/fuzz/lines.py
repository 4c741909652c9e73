"""Run random command lines, each in a folder of its own."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fuzz.attack import Field
from fuzz.commands import Asked, add_odd, command_line, write_everything
from fuzz.folders import KINDS
from fuzz.server import Server


def run_lines(seeds: Sequence[int], jobs: int = 2) -> list[Asked]:
    """Run the command lines of some seeds."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as made:
        clean = Path(made) / "clean"
        write_everything(clean)

        def one(server: Server, k: int) -> Asked:
            line, folder = command_line(seeds[k]), Path(made) / f"{k}"
            shutil.copytree(clean, folder, symlinks=True)
            add_odd(folder)
            for name, content in line.files.items():
                (folder / name).write_bytes(content)
            ran = server.run(line.arguments, folder, line.limit_s)
            for path in (folder, folder.with_name(f"{k}.said")):
                shutil.rmtree(path, ignore_errors=True)
            return Asked(seeds[k], ran)

        with Field(KINDS, jobs).opened() as field:
            return field.each(one, len(seeds))
