"""Commands about arrays: netlists, simulations, layouts, calibrations; and whole studies."""

import functools
import sys
from pathlib import Path
from typing import Annotated

import typer

from mtjspice.cli.app import (
    AsJson,
    Jobs,
    Large,
    OutFolder,
    Seed,
    SpecFile,
    app,
    check,
    ended,
    naming,
    warn_of_unusual,
)
from mtjspice.data.outputs import PAGE
from mtjspice.errors import InputError
from mtjspice.verdicts.figures import together


@app.command()
def run(
    spec: SpecFile,
    out: OutFolder = None,
    solutions: Annotated[
        Path | None, typer.Option(help="Folder of networks in NIST's format.")
    ] = None,
    only: Annotated[
        list[int] | None,
        typer.Option(min=0, help="Run this solution; may be given more than once."),
    ] = None,
    seed: Seed = None,
    jobs: Jobs = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Train or read networks, simulate every sample in SPICE, judge, write the report."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import Study, changed, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415
    from mtjspice.study.run import run_study, seed_matters  # noqa: PLC0415

    study = read_spec(spec, Study)
    from mtjspice.study.page import report  # noqa: PLC0415

    if seed is not None and not seed_matters(study):
        raise InputError(
            source="--seed", value=seed, allowed="this study reads its networks and its split: "
            "nothing is drawn",
        )  # fmt: skip
    if seed is not None:
        study = changed(study, "--seed", seed=seed)
    if only:
        if study.network.kind != "solutions":
            raise InputError(
                source="--only", value=only, allowed="this study trains its network itself"
            )
        if len(set(only)) < len(only):
            raise InputError(source="--only", value=only, allowed="names a solution twice")
        study = study.replace(network=changed(study.network, "--only", only=tuple(only)))
    check(size_of(study), spec, large=large, jobs=jobs)
    folder = out or Path("out") / spec.resolve().parent.name
    with naming(spec), progress() as tell:
        story = run_study(study, folder, solutions=solutions, jobs=jobs, progress=tell)
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_outcome(story, folder / PAGE)
    raise typer.Exit(ended(story.verdict))


@app.command()
def netlist(
    spec: SpecFile,
    tile: Annotated[int | None, typer.Option(min=0, help="Of a die: which tile.")] = None,
    dialect: Annotated[
        str, typer.Option(help="Language of the simulator: ngspice or xyce.")
    ] = "ngspice",
    out: OutFolder = None,
    large: Large = False,
) -> None:
    """Write the netlist of one array, or of one tile of a die; plain ``ngspice -b`` runs it."""
    from mtjspice.data.files import make_folder, write_text  # noqa: PLC0415
    from mtjspice.device.trial import tile_experiment  # noqa: PLC0415
    from mtjspice.netlist import build_deck  # noqa: PLC0415
    from mtjspice.netlist.dialects import dialect_named  # noqa: PLC0415
    from mtjspice.spec import DieDesign, Experiment, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import netlist_size  # noqa: PLC0415

    language = dialect_named(dialect, "--dialect")
    with naming(spec):
        if tile is None:
            experiment = read_spec(spec, Experiment)
            check(netlist_size(experiment), spec, large=large)
        else:
            design = read_spec(spec, DieDesign)
            check(netlist_size(design), spec, large=large)
            experiment = tile_experiment(design, tile)
        text = language.write(build_deck(experiment).circuit)
    warn_of_unusual(experiment)
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(make_folder(out) / "deck.cir", text)


@app.command()
def simulate(
    spec: SpecFile,
    out: OutFolder = None,
    jobs: Jobs = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Simulate one array, or every tile of a die, in SPICE and print its output currents."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.collect.die import simulate as simulate_described  # noqa: PLC0415
    from mtjspice.data.results import save_result  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import DieDesign, Experiment, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415

    described = read_spec(spec, Experiment, DieDesign)
    assert isinstance(described, Experiment | DieDesign)
    check(size_of(described), spec, large=large, jobs=jobs)
    warn_of_unusual(described)
    store = None if out is None else out / "simulations"
    with naming(spec), progress() as tell:
        result = simulate_described(
            described, jobs=jobs, store=store, progress=functools.partial(tell, "spice")
        )
    allowed = getattr(described.periphery, "clipped", 0.0)
    clipped = result.attrs.get("clipped_share", 0.0)
    if clipped > allowed:
        tables.made_console(stderr=True).print(
            f"warning: {100 * clipped:.2f} % of the reads are clipped; "
            f"{100 * allowed:g} % are allowed (periphery.clipped)"
        )
    dropped = result.attrs.get("dropped_nodes", "").split()
    if dropped:
        tables.made_console(stderr=True).print(
            f"warning: {len(dropped)} nodes are cut off from everything and were left out, from "
            f"{dropped[0]} on (dropped_nodes in the result)",
            highlight=False,
        )
    if out is not None:
        save_result(result, out / "result.nc")
    if as_json:
        # Not `to_numpy`, which would import dask where it is installed.
        tables.print_json({"attrs": result.attrs, "current": result["current"].values.tolist()})
    else:
        tables.print_currents(result)
        if out is not None:
            tables.made_console().print(f"result: {out / 'result.nc'}", soft_wrap=True)


@app.command()
def layout(
    specs: Annotated[list[Path], typer.Argument(metavar="LAYOUT.toml...", show_default=False)],
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer conditions, samples and sizes.")
    ] = False,
    out: OutFolder = None,
    seed: Seed = None,
    jobs: Jobs = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Does an array layout read, settle, write and yield? Several layouts are also compared."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import Layout, changed, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415

    described = {path: read_spec(path, Layout) for path in specs}
    if seed is not None:
        described = {path: changed(one, "--seed", seed=seed) for path, one in described.items()}
    for path, one in described.items():
        check(size_of(one), path, large=large, jobs=jobs)
    from mtjspice.layout.page import COMPARISON_PAGE, compared  # noqa: PLC0415, imports torch
    from mtjspice.layout.page_json import report  # noqa: PLC0415, imports torch
    from mtjspice.layout.run import check_apart, run_comparison, run_layout  # noqa: PLC0415, imports torch

    check_apart(specs)
    first = described[specs[0]]
    folder = out or Path("out") / (first.name if len(described) == 1 else "comparison")
    if len(described) == 1:
        with naming(specs[0]), progress() as tell:
            stories = [run_layout(first, folder, quick=quick, jobs=jobs, progress=tell)]
        page = folder / PAGE
    else:
        with progress() as tell:
            stories = run_comparison(described, folder, quick=quick, jobs=jobs, progress=tell)
        page = folder / COMPARISON_PAGE
    if as_json:
        tables.print_json(report(stories[0]) if len(stories) == 1 else compared(stories))
    else:
        tables.print_layouts(stories, page)
    raise typer.Exit(ended(together(story.verdict for story in stories)))


@app.command()
def calibrate(
    spec: SpecFile,
    out: OutFolder = None,
    seed: Seed = None,
    jobs: Jobs = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Fit the surrogate to SPICE, judge it on runs that it never saw, write card and report."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import Calibration, changed, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415

    calibration = read_spec(spec, Calibration)
    if seed is not None:
        calibration = changed(calibration, "--seed", seed=seed)
    check(size_of(calibration), spec, large=large, jobs=jobs)
    from mtjspice.calibrate.page import report  # noqa: PLC0415, imports torch
    from mtjspice.calibrate.run import card_path, run_calibration  # noqa: PLC0415, imports torch

    folder = out or Path("out") / calibration.name
    with naming(spec), progress() as tell:
        story = run_calibration(calibration, folder, jobs=jobs, progress=tell)
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_calibration(story, card_path(calibration, folder), folder / PAGE)
    raise typer.Exit(ended(story.verdict))
