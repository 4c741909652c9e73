"""Numbers held against a count that is not ours, and intervals against what is true.

Each file of the folder ``truths`` is a part, of the same name; its function ``figures`` measures.

    python benchmarks/truth.py [--quick] [--only PART ...]
"""

import importlib
from pathlib import Path

from promises import in_parts

FOLDER = Path(__file__).parent / "truths"

if __name__ == "__main__":
    names = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
    parts = {name: importlib.import_module(f"truths.{name}").figures for name in names}
    in_parts("what is true", parts, quick=names)
