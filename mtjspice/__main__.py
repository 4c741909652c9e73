"""The entry point of ``mtjspice``: whatever goes wrong from here on becomes words and a code."""

from typing import NoReturn

from mtjspice import ending


def main() -> NoReturn:
    """Run the command line, whose libraries may be broken or find no memory."""
    ending.run(_command)


def _command() -> int | None:
    ending.check_address_space()
    from mtjspice import cli  # noqa: PLC0415, imports libraries

    return cli.answer()


if __name__ == "__main__":
    main()
