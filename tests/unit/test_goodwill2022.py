"""The reproduction of Goodwill et al. (2022) without a simulator: its spec, and what it refuses."""

import sys

import numpy as np
import pytest

from mtjspice import cli
from mtjspice.errors import InputError
from mtjspice.reproduce.goodwill2022.correlation import rank_correlations
from mtjspice.reproduce.goodwill2022.predictors import FIDELITY, Predictor
from mtjspice.reproduce.goodwill2022.run import (
    best_metric,
    chosen_study,
    reproduce_goodwill,
    shipped_spec,
)
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec import Diameters, Die, format_spec, parse_spec
from mtjspice.surrogate.card import load_card

WAYS = {"quick": False, "solutions": None, "seed": None}


@pytest.fixture
def mtjspice(tmp_path, monkeypatch, capsys):
    """The command line, in this process and an empty folder; (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str]:
        words = ["mtjspice", "reproduce", "goodwill2022", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, capsys.readouterr().err

    return call


def test_the_spec_that_ships_is_the_experiment_of_the_paper():
    spec = shipped_spec()
    assert parse_spec(format_spec(spec), Goodwill) == spec
    assert spec.study.network.count == 300
    assert spec.study.network.hidden == (6,)
    assert spec.study.data.test_samples == 30
    assert spec.study.crossbar.shape == (15, 15)
    assert spec.study.dies == "own"
    assert spec.study.writing is not None
    assert spec.study.die.diameters is not None
    assert spec.limits.min_tuned_accuracy == spec.published == 0.953


def test_limits_of_another_command_are_refused():
    text = format_spec(shipped_spec()).replace(
        "[study.limits]\n", "[study.limits]\nmax_flips = 0.1\n"
    )
    with pytest.raises(InputError, match=r"study\.limits are those of `mtjspice run`"):
        parse_spec(text, Goodwill)


def test_its_array_is_the_one_of_the_card():
    circuit, study = load_card(shipped_spec().card).circuit, shipped_spec().study
    assert circuit.crossbar == study.crossbar
    assert circuit.die.diameters == study.die.diameters  # else: make cards


def test_the_quick_run_takes_the_first_networks_of_the_same_ones():
    spec = shipped_spec()
    quick = chosen_study(spec, **WAYS | {"quick": True})
    assert quick.network.first == spec.quick == 30
    assert quick.network.replace(first=None) == spec.study.network
    assert chosen_study(spec, **WAYS) == spec.study


def test_published_solutions_take_the_place_of_training(tmp_path):
    study = chosen_study(shipped_spec(), **WAYS | {"quick": True, "solutions": tmp_path})
    assert (study.data.kind, study.network.kind, study.network.first) == (
        "wine_nist",
        "solutions",
        30,
    )
    assert study.crossbar == shipped_spec().study.crossbar


def test_the_seed_is_replaced_and_checked():
    assert chosen_study(shipped_spec(), **WAYS | {"seed": 5}).seed == 5
    with pytest.raises(InputError, match="--seed: seed = -1"):
        chosen_study(shipped_spec(), **WAYS | {"seed": -1})


def test_the_best_metric_is_no_simulation_and_not_write_fidelity():
    target = np.arange(20.0)
    noisy = target + np.random.default_rng(1).normal(size=20) * 8
    metrics = [
        Predictor(FIDELITY, "", "", target),
        Predictor("worse", "", "", -noisy[::-1] % 7),
        Predictor("better", "", "", -noisy),
        Predictor("simulated", "", "", target, simulates=True),
    ]
    found = rank_correlations(np.stack([m.values for m in metrics]), target, resamples=100, seed=0)
    assert best_metric(metrics, found) == 2


@pytest.mark.parametrize("text", ["quick = 0", "card = 3", "resamples = 5", "[limits]\nmost = 1"])
def test_a_wrong_spec_is_named(text):
    key = text.split(" =")[0].split("\n")[-1]
    with pytest.raises(InputError, match=f"here: (limits.)?{key}"):
        parse_spec(f'{text}\n[study]\nname = "s"\n[study.crossbar]\nrows = 15\ncolumns = 15',
                   Goodwill, source="here")  # fmt: skip


def test_an_array_outside_the_card_is_refused_before_anything_is_done(tmp_path):
    spec = shipped_spec()
    die = Die(diameters=Diameters(low=20e-9, high=90e-9))
    with pytest.raises(InputError, match=r"card passive15: die.diameters = \(2e-08, 9e-08\)"):
        reproduce_goodwill(spec.replace(study=spec.study.replace(die=die)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_card_that_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match="card = 'passive16': is no card that ships"):
        reproduce_goodwill(shipped_spec().replace(card="passive16"), tmp_path / "out")


def test_a_folder_without_solutions_is_refused(mtjspice, tmp_path):
    code, said = mtjspice("--solutions", tmp_path / "none", "--out", "out")
    assert code == 2
    assert str(tmp_path / "none") in said
    assert "must be a folder that holds dataset/" in said
    assert not (tmp_path / "out").exists()


def test_a_damaged_solution_is_named(mtjspice, tmp_path, shared_data):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "dataset").symlink_to(shared_data / "wine-nist" / "dataset")
    (tmp_path / "solutions" / "0_fc1_weight.txt").write_text("0 1 2\n")
    code, said = mtjspice("--solutions", tmp_path, "--quick", "--out", "out")
    assert code == 2
    assert "0_fc1_weight.txt" in said
    assert "must hold only 0 and 1" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [("--jobs", "0"), ("--seed", "-1"), ("--card", "x")])
def test_a_wrong_option_is_exit_code_2(mtjspice, tmp_path, arguments):
    code, _ = mtjspice(*arguments, "--out", "out")
    assert code == 2
    assert not (tmp_path / "out").exists()


def test_an_experiment_that_is_not_there_is_exit_code_2(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mtjspice", "reproduce", "nobody1999"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "nobody1999" in capsys.readouterr().err
