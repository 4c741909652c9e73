"""Run every benchmark and list the promises that do not hold.

python benchmarks/all.py
"""

import json
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run them in turn; 1 if a promise is broken or a benchmark fails."""
    broken = []
    here = Path(__file__).parent
    for script in sorted(here.glob("*.py")):
        if script.name in {"all.py", "promises.py"}:
            continue
        print(f"{script.name} …", flush=True)
        command = [sys.executable, str(script), "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            broken.append(f"{script.name} ended with {done.returncode}")
            continue
        for figure in json.loads(done.stdout)["figures"]:
            line = f"{figure['name']}: {figure['value']} {figure['unit']} {figure['limit']}"
            print(f"  {line}")
            if figure["holds"] is False:
                broken.append(f"{script.name}: {line}")
    print("promises that do not hold:" if broken else "every promise holds")
    print("\n".join(f"  {line}" for line in broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
