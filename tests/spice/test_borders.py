"""The reproduction of Borders et al. (2024) from end to end, with tiny networks."""

import dataclasses

import numpy as np
import pytest

from mtjspice.data.defects import load_dies
from mtjspice.reproduce.borders2024.findings import (
    AWARE,
    AWARE_PLAIN,
    DEEP,
    OTHERS,
    OWN,
    RETRAINED,
    UNAWARE,
    UNAWARE_SHAPED,
    Findings,
    Judged,
)
from mtjspice.reproduce.borders2024.run import shipped_spec
from mtjspice.reproduce.borders2024.runs import drawn, explore
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.spec.training import TiledNetwork

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]
WEIGHTS = {
    "baseline-0", "robust-0", "robust-0-short0.003", "shaped-0", "plain-0", "deep-ideal",
    "deep-statistics-aware", "own-0", "own-1", "own-0-times2",
}  # fmt: skip


def tiny() -> Borders:
    """The spec that ships with small networks, few epochs and two dies."""
    spec = shipped_spec(quick=True)

    def short(training, epochs: int = 4):
        return training.replace(epochs=epochs, batch=16)

    plain = TiledNetwork(hidden=(12,))
    shaped = TiledNetwork(hidden=(12,), inputs=30, copies=(1, 2), outlier=(2.2, 3.4))
    deep = TiledNetwork(hidden=(24, 12), outlier=(2.0, 3.5, 3.5))
    return spec.replace(
        seeds=1,
        dies=2,
        deep_dies=2,
        correction=40,
        audit=2,
        hardware=spec.hardware.replace(tiles=5),
        baseline=spec.baseline.replace(network=plain, training=short(spec.baseline.training)),
        robust=spec.robust.replace(network=shaped, training=short(spec.robust.training)),
        deep=spec.deep.replace(network=deep, training=short(spec.deep.training)),
        own=spec.own.replace(training=short(spec.own.training, 1), dies=2, others=1),
        sweeps=spec.sweeps.replace(
            shorts=(0.0, 0.003), retrained=(0.003,), factors=(1.0, 2.0), dies=2, own_dies=1,
            directions=2, along=(0.0, 1.0), samples=50,
        ),
    )  # fmt: skip


def files(folder) -> dict[str, tuple[int, int]]:
    """Inodes and times of all files: a file that is written again is another one."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def plain(value):
    """Findings as data that can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, Findings | Judged):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("borders")


@pytest.fixture(scope="module")
def told() -> list:
    return []


@pytest.fixture(scope="module")
def found(folder, told):
    return explore(tiny(), folder, None, 1, lambda *step: told.append(step))


def test_all_pieces_are_there(found, folder, told):
    assert {p.name for p in (folder / "weights").iterdir()} == WEIGHTS
    assert all(
        {p.name for p in each.iterdir()} == {"tiles.safetensors", "weights.json"}
        for each in (folder / "weights").iterdir()
    )
    assert found.networks == len(WEIGHTS)
    assert {k: v.shape for k, v in found.software.items()} == {
        UNAWARE: (1,), AWARE: (1,), DEEP: (2,)
    }  # fmt: skip
    assert {k: v.errors.shape for k, v in found.dies.items()} == {
        UNAWARE: (1, 2), UNAWARE_SHAPED: (1, 2), OWN: (2, 1), OTHERS: (2, 1),
        AWARE_PLAIN: (1, 2), AWARE: (1, 2),
    }  # fmt: skip
    after = {k: v.corrected for k, v in found.dies.items()}
    assert after.pop(OWN) is None  # the die that the weights were made for is the reference
    assert all(x.shape == found.dies[k].errors.shape for k, x in after.items())
    assert found.high.errors.shape == (1, 2)
    assert {k: v.shape for k, v in found.by_rate.items()} == {
        UNAWARE: (2, 2), AWARE: (2, 2), RETRAINED: (1, 2)
    }  # fmt: skip
    assert {k: v.shape for k, v in found.by_factor.items()} == {
        UNAWARE: (2, 2), OWN: (2, 1), OTHERS: (2, 1), AWARE: (2, 2)
    }  # fmt: skip
    assert {k: v.shape for k, v in found.along.items()} == {UNAWARE: (2, 2), AWARE: (2, 2)}
    assert {k: v.shape for k, v in found.deep.items()} == {UNAWARE: (2,), AWARE: (2,)}
    assert found.defects.shape == (2, 2)
    assert (found.defects[1] > found.defects[0]).all()
    assert found.test_samples == 500
    assert set(found.times) == {"training", "judging", "loss along draws", "spice"}
    for what in ("training", "judging", "loss", "spice"):
        steps = [(done, total) for name, done, total in told if name == what]
        assert steps[-1][0] == steps[-1][1] > 0


def test_every_error_is_a_share_and_every_loss_a_number(found):
    errors = [
        *found.software.values(), *found.by_rate.values(), *found.by_factor.values(),
        *found.deep.values(), found.high.errors, found.high.corrected,
        *(judged.errors for judged in found.dies.values()),
        *(judged.corrected for kind, judged in found.dies.items() if kind != OWN),
    ]  # fmt: skip
    for some in errors:
        assert (some >= 0).all()
        assert (some <= 1).all()
    for losses in found.along.values():
        assert np.isfinite(losses).all()
        assert (losses > 0).all()
        assert (losses[:, 0] == losses[0, 0]).all()  # the nominal die
    assert found.software[UNAWARE][0] < 0.85  # guessing has 0.9


def test_ngspice_says_what_the_surrogate_says(found):
    assert found.audit.images == 2
    assert found.audit.equal in (0.5, 1.0)  # the outputs of so small a network come close
    assert found.audit.largest < 0.3  # steps of the converter: few sums make an output
    assert found.audit.simulations == 4  # tiles: two groups, and two for the outputs twice


def test_the_dies_are_kept_beside_the_weights(found, folder):
    kept = load_dies(folder / "dies", (25, 25), 5)
    assert kept == tuple(die for (die,) in drawn(tiny(), 2))
    assert found.first_die == kept[0]


def test_a_second_run_finds_everything_and_says_the_same(found, folder):
    before = files(folder)
    again = explore(tiny(), folder, None, 1, lambda *_: None)
    after = files(folder)
    kept = {name for name in before if name.split("/")[0] in ("weights", "judged", "simulations")}
    assert set(after) == set(before)
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert len([name for name in kept if name.startswith("judged")]) > 10
    one, other = plain(found), plain(again)
    assert set(one.pop("times")) == set(other.pop("times"))
    assert one == other
