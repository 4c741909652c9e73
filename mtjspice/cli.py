"""The command line. It parses, calls one function, prints; exit codes are those of `errors`."""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mtjspice.data.outputs import PAGE
from mtjspice.ending import DEBUG
from mtjspice.ending import run as run_to_its_end
from mtjspice.errors import ExitCode, InputError, printable
from mtjspice.reading import read_text
from mtjspice.verdicts.figures import Verdict, together

if TYPE_CHECKING:
    from mtjspice.spec.base import Spec
    from mtjspice.spec.size import Size

# Commands import what they call where they call it, so that none waits for the libraries of others:
# ``--help`` takes a quarter of a second, and torch alone takes more than a second.

HELP = """
Simulate arrays of magnetic tunnel junctions in ngspice, and the networks that live in them.

Exit codes: 0 done or verdict pass, 1 verdict fail, 2 bad input, 3 simulator, disk, cluster or
memory missing or failing, 4 verdict inconclusive, 70 a fault of mtjspice, 130 interrupted, 141 the
reader of the output left.

With --debug, before or after the command, an error comes with its traceback.
"""
app = typer.Typer(
    help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

reproduce = typer.Typer(no_args_is_help=True, help="Do a published experiment again.")
app.add_typer(reproduce, name="reproduce")
_UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""Of the parser; typer brings a click of its own from 0.26 on."""

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC.toml", show_default=False)]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Folder of all output.")]
MOST_JOBS = 256
"""Worker processes on one machine; a cluster's workers are its own business."""
Jobs = Annotated[
    int | None, typer.Option(min=1, max=MOST_JOBS, help="Worker processes; default: processors.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Mnist = Annotated[Path | None, typer.Option(help="Folder of MNIST; what it lacks is downloaded.")]
Digits = Annotated[
    bool, typer.Option("--digits", help="Use the small digits that scikit-learn ships.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Replaces the seed of the spec.")]
SignOffToo = Annotated[
    bool, typer.Option("--signoff", help="Sign the trained weights off in SPICE, and no more.")
]
Large = Annotated[
    bool,
    typer.Option("--large", help="Go ahead with what needs too much memory, or days of SPICE."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of a Dask scheduler, tcp://... or tls://..., in the place of local workers. "
        "Calls and results are pickles: whoever reaches the scheduler can run code on the workers, "
        "and they here."
    ),
]


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
    """Train or read networks, simulate every sample in ngspice, judge, write the report."""
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
    _check(size_of(study), spec, large=large, jobs=jobs)
    folder = out or Path("out") / spec.resolve().parent.name
    with _about(spec), progress() as tell:
        story = run_study(study, folder, solutions=solutions, jobs=jobs, progress=tell)
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_outcome(story, folder / PAGE)
    raise typer.Exit(_ended(story.verdict))


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
    with _about(spec):
        if tile is None:
            experiment = read_spec(spec, Experiment)
            _check(netlist_size(experiment), spec, large=large)
        else:
            design = read_spec(spec, DieDesign)
            _check(netlist_size(design), spec, large=large)
            experiment = tile_experiment(design, tile)
        text = language.write(build_deck(experiment).circuit)
    _warn_of_unusual(experiment)
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
    """Simulate one array, or every tile of a die, in ngspice and print its output currents."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.collect.die import simulate as simulate_described  # noqa: PLC0415
    from mtjspice.data.results import save_result  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import DieDesign, Experiment, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415

    described = read_spec(spec, Experiment, DieDesign)
    assert isinstance(described, Experiment | DieDesign)
    _check(size_of(described), spec, large=large, jobs=jobs)
    _warn_of_unusual(described)
    store = None if out is None else out / "simulations"
    with _about(spec), progress() as tell:
        result = simulate_described(
            described, jobs=jobs, store=store, progress=functools.partial(tell, "ngspice")
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
        tables.print_json({"attrs": result.attrs, "current": result["current"].to_numpy().tolist()})
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
        _check(size_of(one), path, large=large, jobs=jobs)
    from mtjspice.layout.page import COMPARISON_PAGE, compared  # noqa: PLC0415, imports torch
    from mtjspice.layout.page_json import report  # noqa: PLC0415, imports torch
    from mtjspice.layout.run import check_apart, run_comparison, run_layout  # noqa: PLC0415, imports torch

    check_apart(specs)
    first = described[specs[0]]
    folder = out or Path("out") / (first.name if len(described) == 1 else "comparison")
    if len(described) == 1:
        with _about(specs[0]), progress() as tell:
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
    raise typer.Exit(_ended(together(story.verdict for story in stories)))


@app.command()
def calibrate(
    spec: SpecFile,
    out: OutFolder = None,
    seed: Seed = None,
    jobs: Jobs = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Fit the surrogate to ngspice, judge it on runs that it never saw, write card and report."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import Calibration, changed, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415

    calibration = read_spec(spec, Calibration)
    if seed is not None:
        calibration = changed(calibration, "--seed", seed=seed)
    _check(size_of(calibration), spec, large=large, jobs=jobs)
    from mtjspice.calibrate.page import report  # noqa: PLC0415, imports torch
    from mtjspice.calibrate.run import card_path, run_calibration  # noqa: PLC0415, imports torch

    folder = out or Path("out") / calibration.name
    with _about(spec), progress() as tell:
        story = run_calibration(calibration, folder, jobs=jobs, progress=tell)
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_calibration(story, card_path(calibration, folder), folder / PAGE)
    raise typer.Exit(_ended(story.verdict))


@app.command()
def train(
    spec: SpecFile,
    method: Annotated[
        str | None, typer.Option(help="ideal, hardware-aware or statistics-aware.")
    ] = None,
    dies: Annotated[
        Path | None, typer.Option(help="For hardware-aware: folder of dies, or a defect map (CSV).")
    ] = None,
    start: Annotated[Path | None, typer.Option(help="Folder of weights to start from.")] = None,
    mnist: Mnist = None,
    digits: Digits = False,
    out: OutFolder = None,
    seed: Seed = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Train a network on tiles, for one die or for all; save it as programmed tiles."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import TrainingStudy, changed, read_spec  # noqa: PLC0415
    from mtjspice.spec.size import size_of  # noqa: PLC0415

    study = read_spec(spec, TrainingStudy)
    if seed is not None:
        study = changed(study, "--seed", seed=seed)
    if method is not None:
        study = study.replace(training=changed(study.training, "--method", method=method))
    _check(size_of(study), spec, large=large, jobs=1)
    from mtjspice.train.command import run_training  # noqa: PLC0415, imports torch

    folder = out or Path("out") / "weights"
    with _about(spec), progress() as tell:
        outcome = run_training(
            study, folder, dies=dies, start=start, mnist=mnist, digits=digits,
            progress=functools.partial(tell, "training"),
        )  # fmt: skip
    if as_json:
        tables.print_json(outcome.report())
    else:
        tables.print_training(outcome, folder, study.hardware.card, dies, mnist)


@app.command()
def signoff(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", show_default=False)],
    dies: Annotated[Path, typer.Option(help="Folder of dies, or one die's defect map (CSV).")],
    spec: Annotated[
        Path | None, typer.Option(help="TOML: confidence, conditions, limits of the verdict.")
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(help="Calibration card of the weights (.card.json); needed unless it ships."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Simulate every image.")] = False,
    images: Annotated[
        int | None, typer.Option(min=1, help="Only so many test images, drawn with the seed.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="ACCURACY|WEIGHTS",
            help="What drops are counted from: an accuracy, 0.97 or 97%, or a folder of weights; "
            "the same weights in software if left out.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse another ngspice than that of the card.")
    ] = False,
    scheduler: Scheduler = None,
    mnist: Mnist = None,
    digits: Digits = False,
    out: OutFolder = None,
    seed: Seed = None,
    jobs: Jobs = None,
    large: Large = False,
    as_json: AsJson = False,
) -> None:
    """Do trained weights still classify when the whole circuit is simulated, on every die?"""
    from mtjspice.data.weights import load_weights  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415
    from mtjspice.spec import SignOff, changed, read_spec  # noqa: PLC0415

    asked = SignOff() if spec is None else read_spec(spec, SignOff)
    if seed is not None:
        asked = changed(asked, "--seed", seed=seed)
    load_weights(weights)  # before torch, which takes seconds
    if not dies.is_dir():
        read_text(dies)
    from mtjspice.signoff.from_files import size_of_signoff, subject_of  # noqa: PLC0415, imports torch
    from mtjspice.signoff.run import run_signoff  # noqa: PLC0415, imports torch

    subject = subject_of(
        weights, dies, named=card, mnist=mnist, digits=digits, images=images, seed=asked.seed,
        reference=reference,
    )  # fmt: skip
    size = size_of_signoff(subject, asked, full=full)
    _check(size, spec or weights, large=large, jobs=jobs, cluster=scheduler is not None)
    folder = out or Path("out") / "signoff"
    with nullcontext() if spec is None else _about(spec), progress() as tell:
        story = run_signoff(
            subject, asked, folder, full=full, strict=strict, jobs=jobs, scheduler=scheduler,
            progress=tell, say=tell.say,
        )  # fmt: skip
    _signed_off(story, folder, as_json=as_json)


@reproduce.command()
def goodwill2022(
    quick: Annotated[bool, typer.Option("--quick", help="Only the first 30 networks.")] = False,
    solutions: Annotated[
        Path | None, typer.Option(help="Folder of NIST's networks and split; none are trained.")
    ] = None,
    sign: SignOffToo = False,
    scheduler: Scheduler = None,
    out: OutFolder = None,
    seed: Seed = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """300 networks for the Wine data on passive 15 x 15 arrays (Goodwill et al. 2022)."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.data.nist import read_samples  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415

    if solutions is not None:
        read_samples(solutions)
    if not sign:
        _needs_signoff(scheduler)
    from mtjspice.reproduce.goodwill2022 import run as goodwill  # noqa: PLC0415, imports torch
    from mtjspice.reproduce.goodwill2022.page import report  # noqa: PLC0415, imports torch

    folder = out or Path("out") / "goodwill2022"
    if sign:
        from mtjspice.reproduce.subjects import sign_goodwill  # noqa: PLC0415, imports torch

        with progress() as tell:
            signed = sign_goodwill(
                folder, quick=quick, solutions=solutions, seed=seed, jobs=jobs,
                scheduler=scheduler, progress=tell, say=tell.say,
            )  # fmt: skip
        _signed_off(signed, folder / "signoff", as_json=as_json)
    with _about(Path(goodwill.SPEC)), progress() as tell:
        story = goodwill.reproduce_goodwill(
            goodwill.shipped_spec(), folder, quick=quick, solutions=solutions, seed=seed,
            jobs=jobs, progress=tell,
        )  # fmt: skip
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_figures(story.title, story, folder / PAGE)
    raise typer.Exit(_ended(story.verdict))


@reproduce.command()
def borders2024(
    quick: Annotated[bool, typer.Option("--quick", help="Short trainings, few dies.")] = False,
    mnist: Mnist = None,
    digits: Digits = False,
    sign: SignOffToo = False,
    scheduler: Scheduler = None,
    out: OutFolder = None,
    seed: Seed = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """MNIST on 36 dies of 20,000 junctions with defects (Borders et al. 2024)."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.progress import progress  # noqa: PLC0415

    if not sign:
        _needs_signoff(scheduler)
    from mtjspice.reproduce.borders2024 import run as borders  # noqa: PLC0415, imports torch
    from mtjspice.reproduce.borders2024.page import report  # noqa: PLC0415, imports torch

    folder = out or Path("out") / "borders2024"
    if sign:
        from mtjspice.reproduce.subjects import sign_borders  # noqa: PLC0415, imports torch

        with progress() as tell:
            signed = sign_borders(
                folder, quick=quick, mnist=mnist, digits=digits, seed=seed, jobs=jobs,
                scheduler=scheduler, progress=tell, say=tell.say,
            )  # fmt: skip
        _signed_off(signed, folder / "signoff", as_json=as_json)
    with _about(Path(borders.SPEC)), progress() as tell:
        story = borders.reproduce_borders(
            folder, quick=quick, mnist=mnist, digits=digits, seed=seed, jobs=jobs, progress=tell
        )
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_figures(story.title, story, folder / PAGE, story.warnings)
    raise typer.Exit(_ended(story.verdict))


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


def _warn_of_unusual(spec: "Spec") -> None:
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.spec import unusual  # noqa: PLC0415

    for found in unusual(spec):
        tables.made_console(stderr=True).print(f"warning: {found}", soft_wrap=True)


def _needs_signoff(scheduler: str | None) -> None:
    if scheduler is not None:
        raise InputError(
            source="--scheduler", value=scheduler, allowed="only a sign-off runs on a cluster: "
            "add --signoff",
        )  # fmt: skip


def _check(
    size: "Size", source: Path, *, large: bool, jobs: int | None = None, cluster: bool = False
) -> None:
    """Refuse what is too large, unless the user says that it is meant."""
    from mtjspice.collect.large import check_size  # noqa: PLC0415, imports what runs simulations

    if not large:
        check_size(size, source, jobs=jobs, cluster=cluster)


_ENDS = {
    Verdict.PASS: ExitCode.DONE,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def _ended(verdict: Verdict) -> ExitCode:
    return _ENDS[verdict]


def _signed_off(story: Any, folder: Path, *, as_json: bool) -> NoReturn:
    """Print a sign-off; its verdict is the exit code."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.signoff.page_json import report  # noqa: PLC0415

    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_signoff(story, folder / PAGE)
    raise typer.Exit(_ended(story.verdict))


def main() -> NoReturn:
    """Entry point where nothing has to be said of libraries that do not load; see `__main__`."""
    run_to_its_end(answer)


def answer() -> int:
    """Do what the command line asks for; the exit code."""
    command = typer.main.get_command(app)
    try:
        given = [word for word in sys.argv[1:] if word != DEBUG]
        with command.make_context("mtjspice", given) as context:
            command.invoke(context)
    except typer.Exit as left:
        return left.exit_code
    except _UsageError as error:
        error.message = printable(error.message)  # type: ignore[attr-defined]
        error.show()  # type: ignore[attr-defined]
        return ExitCode.BAD_INPUT
    return ExitCode.DONE


@contextmanager
def _about(spec: Path) -> Iterator[None]:
    """Name the spec file in errors that are found only when its circuit is built."""
    try:
        yield
    except InputError as error:
        if error.source.startswith("--"):  # an option, not in any file
            raise
        raise error.within(spec) from None


if __name__ == "__main__":
    main()
