"""The command line. It parses, calls one function, prints; exit codes are those of `errors`.

0: done, or the verdict is a pass. 1: the verdict is a fail. 2: bad input. 3: the simulator is
missing or failed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from mtjspice.errors import InputError, MtjspiceError
from mtjspice.spec import Experiment, Study, read_spec

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC.toml", show_default=False)]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Folder of all output.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Worker processes; default: processors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Replaces the seed of the spec.")]


@app.command()
def run(
    spec: SpecFile,
    out: OutFolder = None,
    solutions: Annotated[
        Path | None, typer.Option(help="Folder of networks in NIST's format.")
    ] = None,
    only: Annotated[
        list[int] | None, typer.Option(help="Run this solution; may be given more than once.")
    ] = None,
    seed: Seed = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Train or read networks, simulate every sample in ngspice, judge, write the report."""
    from mtjspice.run import run_study  # noqa: PLC0415, keeps the other commands quick

    study = read_spec(spec, Study)
    if seed is not None:
        study = study.replace(seed=seed)
    if only:
        if study.network.kind != "solutions":
            raise InputError(
                source="--only", value=only, allowed="this study trains its network itself"
            )
        study = study.replace(network=study.network.replace(only=tuple(only)))
    folder = out or Path("out") / spec.resolve().parent.name
    with _progress() as tell:
        outcome = run_study(study, folder, solutions=solutions, jobs=jobs, progress=tell)
    if as_json:
        _print_json(json.loads((folder / "report.json").read_text()))
    else:
        _print_outcome(study, outcome)
    raise typer.Exit(0 if outcome.passed else 1)


@app.command()
def netlist(spec: SpecFile, out: OutFolder = None) -> None:
    """Write the netlist of one array; plain ``ngspice -b`` runs it."""
    from mtjspice.data.files import make_folder, write_text  # noqa: PLC0415
    from mtjspice.netlist import build_deck  # noqa: PLC0415

    text = build_deck(read_spec(spec, Experiment)).text
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(make_folder(out) / "deck.cir", text)


@app.command()
def simulate(spec: SpecFile, out: OutFolder = None, as_json: AsJson = False) -> None:
    """Simulate one array in ngspice and print its output currents."""
    from mtjspice.collect import Simulator  # noqa: PLC0415

    experiment = read_spec(spec, Experiment)
    with Simulator(jobs=1, store=out) as simulator:
        result = simulator.run([experiment])[0]
    currents = result["current"]
    if as_json:
        _print_json({"attrs": result.attrs, "current": currents.to_numpy().tolist()})
        return
    table = Table(title=f"Output current in µA, {result.attrs['simulator']}")
    table.add_column("vector", justify="right")
    for line in currents["output_line"].to_numpy():
        table.add_column(f"column {line}", justify="right")
    for k, row in enumerate(currents.to_numpy()):
        table.add_row(str(k), *(f"{1e6 * i:.4f}" for i in row))
    Console().print(table)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, and what to do about what is not."""
    from mtjspice.spice.doctor import examine  # noqa: PLC0415

    findings = examine()
    if as_json:
        _print_json([finding.__dict__ for finding in findings])
    else:
        table = Table(title="mtjspice doctor")
        for heading in ("part", "found", "what to do"):
            table.add_column(heading, overflow="fold")
        for finding in findings:
            table.add_row(finding.part, finding.found, finding.advice or "nothing")
        Console().print(table)
    raise typer.Exit(0 if all(finding.usable for finding in findings) else 3)


def main() -> None:
    """Entry point: errors on purpose become one message and their exit code."""
    try:
        app()
    except MtjspiceError as error:
        Console(stderr=True).print(
            f"mtjspice: {error}", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(error.exit_code)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars on stderr, one for each kind of step."""
    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield tell


def _print_outcome(study: Study, outcome: Any) -> None:
    """The short table that a run ends with."""
    console = Console()
    table = Table(title=study.name)
    for heading in ("level", "best G_norm", "all samples", "training", "test"):
        table.add_column(heading, justify="left" if heading == "level" else "right")
    value = {figure.name: figure.value for figure in outcome.figures}
    for level in ("ideal", "ngspice"):
        shares = (value[f"accuracy, {s} samples, {level}"] for s in ("all", "train", "test"))
        table.add_row(
            level, f"{value[f'best G_norm, {level}']:g}", *(f"{100 * s:.2f} %" for s in shares)
        )
    console.print(table)
    c = outcome.comparison
    console.print(f"flips, ideal to ngspice: {len(c.flips)} of {c.ideal.predicted.size} classes")
    for figure in outcome.figures:
        if figure.limit:
            holds = "holds" if figure.holds else "BROKEN"
            console.print(f"limit: {figure.name}: {figure.value:.4g} {figure.limit}: {holds}")
    for warning in outcome.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
    seconds = ", ".join(f"{name} {s:.1f} s" for name, s in outcome.times.items())
    console.print(f"times: {seconds}")
    console.print(f"report: {outcome.report}", soft_wrap=True)
    console.print(f"verdict: {'PASS' if outcome.passed else 'FAIL'}")


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
