"""Commands about the tool itself: what specs may hold, what is installed."""

import sys
from typing import Annotated

import typer

from mtjspice.cli.app import AsJson, app
from mtjspice.errors import ExitCode


@app.command(name="spec")
def describe(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", show_default=False)] = None,
    schema: Annotated[bool, typer.Option("--schema", help="As JSON Schema, for editors.")] = False,
) -> None:
    """Say what a spec may hold: every key with unit, range, default and meaning."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.spec import described  # noqa: PLC0415

    if schema:
        tables.print_json(described.schema_of(described.kind_named(kind or "")))
    else:
        found = (
            described.listed() if kind is None else described.described(described.kind_named(kind))
        )
        sys.stdout.write(found + "\n")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, and what to do about what is not."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.spice.doctor import examine  # noqa: PLC0415

    findings = examine()
    if as_json:
        tables.print_json([finding.__dict__ for finding in findings])
    else:
        tables.print_findings(findings)
    usable = all(finding.usable for finding in findings)
    raise typer.Exit(ExitCode.DONE if usable else ExitCode.MACHINE)
