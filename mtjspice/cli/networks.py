"""Commands about trained networks: training, sign-off, published experiments."""

import functools
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from mtjspice.cli.app import (
    AsJson,
    Digits,
    Jobs,
    Large,
    Mnist,
    OutFolder,
    Scheduler,
    Seed,
    SignOffToo,
    SpecFile,
    app,
    check,
    ended,
    naming,
    reproduce,
    signed_off,
)
from mtjspice.data.outputs import PAGE
from mtjspice.errors import InputError
from mtjspice.reading import read_text


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
    check(size_of(study), spec, large=large, jobs=1)
    from mtjspice.train.command import run_training  # noqa: PLC0415, imports torch

    folder = out or Path("out") / "weights"
    with naming(spec), progress() as tell:
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
        bool, typer.Option("--strict", help="Refuse another simulator than that of the card.")
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
    check(size, spec or weights, large=large, jobs=jobs, cluster=scheduler is not None)
    folder = out or Path("out") / "signoff"
    with nullcontext() if spec is None else naming(spec), progress() as tell:
        story = run_signoff(
            subject, asked, folder, full=full, strict=strict, jobs=jobs, scheduler=scheduler,
            progress=tell, say=tell.say,
        )  # fmt: skip
    signed_off(story, folder, as_json=as_json)


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
        from mtjspice.reproduce import subjects  # noqa: PLC0415, imports torch
        from mtjspice.signoff.run import run_signoff  # noqa: PLC0415, imports torch

        with progress() as tell:
            subject = subjects.goodwill_subject(
                folder, quick=quick, solutions=solutions, seed=seed, progress=tell
            )
            signed = run_signoff(
                subject, subjects.shipped_signoff("goodwill2022"), folder / "signoff", full=True,
                jobs=jobs, scheduler=scheduler, progress=tell, say=tell.say,
            )  # fmt: skip
        signed_off(signed, folder / "signoff", as_json=as_json)
    with naming(Path(goodwill.SPEC)), progress() as tell:
        story = goodwill.reproduce_goodwill(
            goodwill.shipped_spec(), folder, quick=quick, solutions=solutions, seed=seed,
            jobs=jobs, progress=tell,
        )  # fmt: skip
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_figures(story.title, story, folder / PAGE)
    raise typer.Exit(ended(story.verdict))


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
        from mtjspice.reproduce import subjects  # noqa: PLC0415, imports torch
        from mtjspice.signoff.run import run_signoff  # noqa: PLC0415, imports torch

        with progress() as tell:
            subject = subjects.borders_subject(
                folder, quick=quick, mnist=mnist, digits=digits, seed=seed, progress=tell
            )
            signed = run_signoff(
                subject, subjects.shipped_signoff("borders2024"), folder / "signoff",
                jobs=jobs, scheduler=scheduler, progress=tell, say=tell.say,
            )  # fmt: skip
        signed_off(signed, folder / "signoff", as_json=as_json)
    with naming(Path(borders.SPEC)), progress() as tell:
        story = borders.reproduce_borders(
            folder, quick=quick, mnist=mnist, digits=digits, seed=seed, jobs=jobs, progress=tell
        )
    if as_json:
        tables.print_json(report(story))
    else:
        tables.print_figures(story.title, story, folder / PAGE, story.warnings)
    raise typer.Exit(ended(story.verdict))


def _needs_signoff(scheduler: str | None) -> None:
    if scheduler is not None:
        raise InputError(
            source="--scheduler", value=scheduler, allowed="only a sign-off runs on a cluster: "
            "add --signoff",
        )  # fmt: skip
