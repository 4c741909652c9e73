"""Sign-off: how much SPICE margins save, whether what they exclude is so, and what a run survives.

    python benchmarks/signoff.py [--quick] [--only PART ...] [--json]

``--quick``: one die and 500 images. Parts: one-die, full, dies36, goodwill, kill, cluster. All runs
start with empty stores, so that their times are those of all simulations. MNIST is read from the
folder of shared data; without it the small digits of scikit-learn are used.
"""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import psutil
from promises import REPOSITORY, in_parts, shared_data

from mtjspice.data.defects import save_dies
from mtjspice.data.files import make_folder, write_text
from mtjspice.device.dies import draw_dies
from mtjspice.reproduce.borders2024.run import shipped_spec
from mtjspice.reproduce.borders2024.runs import drawn, study_of
from mtjspice.reproduce.subjects import goodwill_subject, shipped_signoff
from mtjspice.signoff.findings import NOT, SignOffStory
from mtjspice.signoff.from_files import subject_of
from mtjspice.signoff.run import run_signoff
from mtjspice.spec import SignOff, format_spec
from mtjspice.surrogate.card import load_card
from mtjspice.train.orders import Order, fill
from mtjspice.verdicts.figures import Figure, at_least, at_most

CACHE = REPOSITORY / "out" / "benchmarks" / "signoff"
"""Of weights only: they are trained once."""
FEW = 500
"""Images that are simulated one and all."""
LOOSE = 0.02
"""Bound on accuracy for a few hundred images: 0.1 points of 500 would be half an image."""
KILLS = 10
FILES = ("report.json", "report.html", "flips.csv", "dies.csv", "manifest.json")


@cache
def mnist() -> Path | None:
    """Folder of MNIST; None for the small digits."""
    data = shared_data()
    return None if data is None else data / "mnist"


@cache
def weights() -> Path:
    """The statistics-aware weights of borders2024."""
    spec = shipped_spec(digits=mnist() is None)
    folder = make_folder(CACHE / ("digits" if mnist() is None else "mnist"))
    fill(Order(study_of(spec, spec.robust), folder), mnist())
    return folder


@cache
def dies(count: int, times: float = 1.0) -> Path:
    """Folder of the first dies of borders2024, with so many times the defects."""
    spec = shipped_spec(digits=mnist() is None)
    if times == 1:
        found = [die for (die,) in drawn(spec, count)]
    else:
        hardware = spec.hardware
        rates = hardware.rates.replace(
            **{k: times * getattr(hardware.rates, k)
               for k in ("short", "stuck_p", "stuck_ap", "dead_lines")}
        )  # fmt: skip
        shape = load_card(hardware.card).circuit.crossbar.shape
        found = list(draw_dies(hardware.spread, rates, shape, hardware.tiles, count, spec.die_seed))
    folder = CACHE / f"dies-{count}-times{times:g}"
    save_dies(folder, found)
    return folder


def signed(
    where: Path, spec: SignOff, *, full: bool = False, images: int | None = None,
    scheduler: str | None = None,
) -> SignOffStory:  # fmt: skip
    """Sign off on the dies of a folder, from an empty store."""
    subject = subject_of(weights(), where, mnist=mnist(), digits=mnist() is None, images=images)
    with tempfile.TemporaryDirectory() as out:
        return run_signoff(
            subject,
            spec,
            Path(out),
            full=full,
            jobs=2 if scheduler is None else None,
            scheduler=scheduler,
        )


def cost(story: SignOffStory) -> str:
    """Vectors, rate and wall time of a run, in words."""
    (label,) = [judged.condition for judged in story.judged]
    vectors = story.times[f"{label}: tile vectors"]
    core = story.times[f"{label}: SPICE, summed over workers and runs"]
    wall = story.times[f"{label}: wall"]
    return (
        f"{vectors:.0f} tile vectors in {wall / 60:.1f} min on two workers, "
        f"{vectors / max(core, 1e-9):.0f} a second and core"
    )


@cache
def guided_one_die(quick: bool) -> SignOffStory:
    """One die by its margins."""
    if quick:
        return signed(dies(1), SignOff(accuracy_bound=LOOSE), images=FEW)
    return signed(dies(1), SignOff())


def one_die(quick: bool) -> list[Figure]:
    """Share simulated, time, flips."""
    story = guided_one_die(quick)
    judged = story.judged[0]
    s, flips = judged.statement, int(judged.dies[0].flipped.sum())
    who = f"one die, {s.images} images"
    return [
        at_most(f"{who}: share simulated", s.simulated / s.images, None, "",
                f"{s.unsafe} not safe, {s.audited} for the audit: at most "
                f"{100 * s.accuracy:.2g} points at {100 * s.confidence:g} %; {cost(story)}"),
        at_most(f"{who}: share not safe", s.unsafe / s.images, None, "", "without the audit"),
        at_most(f"{who}: wall time", story.times["all"] / 60, None, "min", cost(story)),
        at_most(f"{who}: flipped classes found", flips, None, "",
                f"of {s.simulated} simulated; {s.audit_flips} in the audit"),
    ]  # fmt: skip


def full_subset(quick: bool) -> list[Figure]:
    """All of the first images in SPICE, against what the guided run says of them."""
    bad = dies(1, 10.0)
    pairs = (
        ("one die", guided_one_die(quick), dies(1)),
        ("ten times the defects",
         signed(bad, SignOff(accuracy_bound=LOOSE), images=FEW), bad),
    )  # fmt: skip
    figures = []
    for name, guided, where in pairs:
        whole = signed(where, SignOff(), full=True, images=FEW)
        mine, theirs = guided.judged[0].dies[0], whole.judged[0].dies[0]
        safe = mine.why[:FEW] == NOT
        excluded = int((theirs.flipped & safe).sum())
        scale = guided.judged[0].statement.widened
        beyond = (theirs.largest_error > mine.bound[:, None]).sum()
        impossible = [f for f in whole.judged[0].flips if f.kind == "level" and not f.possible]
        levels = int(theirs.level_flips.sum())
        figures += [
            at_most(f"{name}, {FEW} images in full: flips that the guided run excludes", excluded,
                    0, "", f"{int(theirs.flipped.sum())} classes flip, {int(safe.sum())} images "
                    f"were left out as safe; {cost(whole)}"),
            at_most(f"{name}, {FEW} images in full: levels that differ beyond the bound",
                    len(impossible) if scale == 1 else int(beyond), 0, "",
                    f"of {levels} levels that differ; largest error "
                    f"{float((theirs.largest_error / mine.bound[:, None]).max()):.2f} of the "
                    f"bound, which was widened {scale:g} times"),
        ]  # fmt: skip
    return figures


def dies36(quick: bool) -> list[Figure]:
    """All dies, margin-guided, at 0.1 points and 99 %."""
    story = signed(dies(36), shipped_signoff("borders2024"))
    s = story.judged[0].statement
    flips = sum(int(die.flipped.sum()) for die in story.judged[0].dies)
    value = {figure.name: figure.value for figure in story.figures}
    return [
        at_least("36 dies: times less SPICE than --full", s.images / s.simulated, 20, "",
                 f"{s.simulated} of {s.images} images: {s.unsafe} not safe, {s.audited} audited"),
        at_most("36 dies: bound on accuracy", s.accuracy, 0.001, "",
                f"{100 * s.confidence:g} % confidence, {s.audit_flips} flips in the audit; "
                f"{s.rounds} round(s)"),
        at_least("36 dies: accuracy, SPICE", float(value["accuracy, SPICE"]), None, "",
                 f"software {value['accuracy, software']:.4f}, surrogate "
                 f"{value['accuracy, surrogate']:.4f}; verdict "
                 f"{story.verdict}"),
        at_most("36 dies: flipped classes found", flips, None, "", "surrogate to SPICE"),
        at_most("36 dies: wall time", story.times["all"] / 60, None, "min", cost(story)),
    ]  # fmt: skip


def goodwill(quick: bool) -> list[Figure]:
    """Every network with every sample."""
    start = time.perf_counter()
    subject = goodwill_subject(make_folder(CACHE / "goodwill"))
    with tempfile.TemporaryDirectory() as out:
        story = run_signoff(subject, shipped_signoff("goodwill2022"), Path(out), full=True, jobs=2)
    s = story.judged[0].statement
    flips = sum(int(die.flipped.sum()) for die in story.judged[0].dies)
    value = {figure.name: figure.value for figure in story.figures}
    return [
        at_most("goodwill2022 in full: wall time", (time.perf_counter() - start) / 60, None, "min",
                f"{len(subject.specimens)} networks x {len(subject.images.labels)} samples x 2 "
                f"layers; {cost(story)}"),
        at_most("goodwill2022 in full: flipped classes", flips, None, "",
                f"surrogate to SPICE, of {s.images}; accuracy in SPICE "
                f"{value['accuracy, SPICE']:.4f}, software {value['accuracy, software']:.4f}"),
    ]  # fmt: skip


def kill(quick: bool) -> list[Figure]:
    """Kill main process and workers at random times; the report must not show it."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        command = _command(base, dies(2), images=400)
        subprocess.run(_to(command, base / "calm"), check=False, capture_output=True)
        out, seen, kills = base / "killed", dict[str, int](), list[str]()
        process = _start(command, out)
        while len(kills) < KILLS and _simulating(process):
            time.sleep(chance.uniform(1.0, 6.0))
            seen |= {name: when for name, when in _written(out).items() if name not in seen}
            workers = _workers(process)
            if len(kills) % 2 and workers:
                os.kill(chance.choice(workers), signal.SIGKILL)
                kills.append("worker")
            elif process.poll() is None:
                process.kill()
                process.wait()
                kills.append("main")
                process = _start(command, out)
        process.wait()
        found = _written(out)
        again = [name for name, when in seen.items() if found.get(name) != when]
        differ, calm = _differing(base / "calm", out), len(_written(base / "calm"))
    told = f"{kills.count('main')} of the main process, {kills.count('worker')} of workers"
    return [
        at_least("kill test: kills during the run", len(kills), KILLS, "", told),
        at_most("kill test: files of the report that differ", len(differ), 0, "",
                ", ".join(differ) or f"{', '.join(FILES)}: the same bytes, apart from times"),
        at_most("kill test: simulations run again although finished", len(again), 0, "",
                f"of {len(seen)} that were finished before a kill, {calm} in all"),
        at_most("kill test: simulations beyond those of a calm run", len(found) - calm, 0, "",
                f"{calm} in the calm run"),
    ]  # fmt: skip


def _simulating(process: subprocess.Popen[bytes]) -> bool:
    """Wait until a run has workers; whether it came to that before it ended."""
    while process.poll() is None:
        if _workers(process):
            return True
        time.sleep(0.1)
    return False


def cluster(quick: bool) -> list[Figure]:
    """A Dask cluster of two worker processes beside two local workers."""
    from distributed import LocalCluster  # noqa: PLC0415, not needed by the other parts

    spec, images = SignOff(accuracy_bound=LOOSE), 300
    rates: dict[str, list[float]] = {"local": [], "dask": []}
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as there:
        signed(dies(1), SignOff(), full=True, images=4, scheduler=there.scheduler_address)
        for _ in range(3):
            for name, address in (("local", None), ("dask", there.scheduler_address)):
                story = signed(dies(1), spec, images=images, scheduler=address)
                condition = story.judged[0].condition
                rates[name].append(
                    story.times[f"{condition}: tile vectors"] / story.times[f"{condition}: wall"]
                )
    ratio = sorted(rates["dask"])[1] / sorted(rates["local"])[1]
    return [
        at_least("dask: throughput over that of local workers", ratio, 0.85, "",
                 f"medians of three, {sorted(rates['dask'])[1]:.0f} and "
                 f"{sorted(rates['local'])[1]:.0f} tile vectors a second"),
        *_lost_worker(images),
    ]  # fmt: skip


def _lost_worker(images: int) -> list[Figure]:
    """One of two Dask workers is killed for good in the middle."""
    from distributed import LocalCluster  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        command = _command(base, dies(1), images)
        subprocess.run(_to(command, base / "calm"), check=False, capture_output=True)
        with LocalCluster(n_workers=0, dashboard_address=None) as there:
            worker = [
                sys.executable, "-m", "distributed.cli.dask_worker", there.scheduler_address,
                "--no-nanny", "--no-dashboard", "--nthreads", "1",
            ]  # fmt: skip
            workers = [subprocess.Popen(worker, stderr=subprocess.DEVNULL) for _ in range(2)]
            out = base / "lost"
            process = _start([*command, "--scheduler", there.scheduler_address], out)
            while len(_written(out)) < 8 and process.poll() is None:
                time.sleep(0.2)
            workers[0].kill()
            code = process.wait()
            for one in workers:
                one.kill()
                one.wait()
        differ = _differing(base / "calm", out)
    return [
        at_most("dask: files of the report that differ after losing one of two workers",
                len(differ), 0, "", f"exit code {code}; {', '.join(differ) or 'none'}"),
    ]  # fmt: skip


def _command(base: Path, where: Path, images: int) -> list[str]:
    """The command line of a small sign-off."""
    write_text(base / "signoff.toml", format_spec(SignOff(accuracy_bound=LOOSE)))
    data = ["--digits"] if mnist() is None else ["--mnist", str(mnist())]
    return [
        sys.executable, "-m", "mtjspice.cli", "signoff", str(weights()), "--dies", str(where),
        "--spec", str(base / "signoff.toml"), "--images", str(images), *data,
    ]  # fmt: skip


def _to(command: Sequence[str], out: Path) -> list[str]:
    return [*command, "--out", str(out), *([] if "--scheduler" in command else ["--jobs", "2"])]


def _start(command: Sequence[str], out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(_to(command, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _workers(process: subprocess.Popen[bytes]) -> list[int]:
    """Worker processes of a run; none where it has ended."""
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children():
            with contextlib.suppress(psutil.Error):
                if "mtjspice.collect.worker" in " ".join(child.cmdline()):
                    found.append(child.pid)
    return found


def _written(out: Path) -> dict[str, int]:
    """When each result was written, by name."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "simulations").glob("*.nc")}


def _differing(one: Path, other: Path) -> list[str]:
    """Files of two reports that differ apart from times."""
    return [name for name in FILES if _timeless(one / name) != _timeless(other / name)]


def _timeless(path: Path) -> str:
    """A file of a report without what differs from run to run."""
    text = path.read_text(encoding="utf-8") if path.exists() else f"{path} is missing"
    if path.suffix == ".json" and path.exists():
        content = json.loads(text)
        content.pop("times", None)
        return json.dumps(content)
    return re.sub(r'<(\w+)[^>]* id="times".*?</\1>', "", text, flags=re.DOTALL)


PARTS = {
    "one-die": one_die,
    "full": full_subset,
    "dies36": dies36,
    "goodwill": goodwill,
    "kill": kill,
    "cluster": cluster,
}

if __name__ == "__main__":
    in_parts("sign-off", PARTS, quick=("one-die", "full", "kill", "cluster"))
