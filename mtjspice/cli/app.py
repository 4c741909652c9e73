"""What all commands share: the application, its options, how a command ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mtjspice.data.outputs import PAGE
from mtjspice.errors import ExitCode, InputError
from mtjspice.verdicts.figures import Verdict

if TYPE_CHECKING:
    from mtjspice.spec.base import Spec
    from mtjspice.spec.size import Size

# Commands import what they call where they call it, so that none waits for the libraries of others:
# ``--help`` takes a quarter of a second, and torch alone takes more than a second.

HELP = """
Simulate arrays of magnetic tunnel junctions in SPICE, and the networks that live in them.

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


_ENDS = {
    Verdict.PASS: ExitCode.DONE,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def ended(verdict: Verdict) -> ExitCode:
    """The exit code that a verdict stands for."""
    return _ENDS[verdict]


def warn_of_unusual(spec: "Spec") -> None:
    """Say on stderr what is allowed in a spec and rare."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.spec import unusual  # noqa: PLC0415

    for found in unusual(spec):
        tables.made_console(stderr=True).print(f"warning: {found}", soft_wrap=True)


def check(
    size: "Size", source: Path, *, large: bool, jobs: int | None = None, cluster: bool = False
) -> None:
    """Refuse what is too large, unless the user says that it is meant."""
    from mtjspice.collect.large import check_size  # noqa: PLC0415, imports what runs simulations

    if not large:
        check_size(size, source, jobs=jobs, cluster=cluster)


def signed_off(story: Any, folder: Path, *, as_json: bool) -> NoReturn:
    """Print a sign-off; its verdict is the exit code."""
    from mtjspice import tables  # noqa: PLC0415
    from mtjspice.signoff.page_json import report  # noqa: PLC0415

    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_signoff(story, folder / PAGE)
    raise typer.Exit(ended(story.verdict))


@contextmanager
def naming(spec: Path) -> Iterator[None]:
    """Name the spec file in errors that are found only when its circuit is built."""
    try:
        yield
    except InputError as error:
        if error.source.startswith("--"):  # an option, not in any file
            raise
        raise error.within(spec) from None
