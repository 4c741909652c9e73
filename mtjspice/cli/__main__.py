"""``python -m mtjspice.cli``."""

from mtjspice.cli import main

if __name__ == "__main__":
    main()
