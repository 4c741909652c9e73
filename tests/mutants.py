"""Named faults that a test must find: each is made in a copy of the package and its test run there.

A fault of these would be a wrong verdict without a word: a sign, a side, a threshold, an index.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
NEEDED = ("mtjspice", "models", "netlists", "examples", "tests", "pyproject.toml")
"""What of the checkout the tests need."""
TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Mutant:
    """A fault, and the test that must find it.

    Attributes:
        name: what is wrong.
        file: in the package.
        old: text that is there exactly once.
        new: what it becomes.
        test: the test's id, without the parameters in brackets, below ``tests``.
    """

    name: str
    file: str
    old: str
    new: str
    test: str


@dataclass(frozen=True)
class Killed:
    """What became of a mutant.

    Attributes:
        name: of the mutant.
        killed: whether its test failed.
        said: the last line that pytest printed.
    """

    name: str
    killed: bool
    said: str


class MutantError(Exception):
    """A mutant that cannot be tried: its text is gone, or its test does not run."""


def spoilt(text: str, mutant: Mutant) -> str:
    """A file's text with the fault in it.

    Raises:
        MutantError: unless the text that is replaced is there exactly once.
    """
    found = text.count(mutant.old)
    if found != 1:
        raise MutantError(f"{mutant.name}: {mutant.old!r} is {found} times in {mutant.file}")
    return text.replace(mutant.old, mutant.new)


def run_all(mutants: Sequence[Mutant] | None = None) -> list[Killed]:
    """Try mutants, all that have a name if left out, one after the other.

    Raises:
        MutantError: if a text is gone, or a test does not pass without the fault, does not run, or
            is skipped.
    """
    tried = MUTANTS if mutants is None else mutants
    for mutant in tried:  # before anything is run
        spoilt((REPOSITORY / "mtjspice" / mutant.file).read_text(encoding="utf-8"), mutant)
    with _copy() as folder:
        code, said = _tested(folder, *dict.fromkeys(mutant.test for mutant in tried))
        if code != 0 or "skipped" in said:
            raise MutantError(f"without any fault: pytest ended with {code}, {said}")
        return [_tried(folder, mutant) for mutant in tried]


def _tried(folder: Path, mutant: Mutant) -> Killed:
    path = folder / "mtjspice" / mutant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(spoilt(sound, mutant), encoding="utf-8")
    try:
        code, said = _tested(folder, mutant.test)
    finally:
        path.write_text(sound, encoding="utf-8")
    if code not in (0, 1):  # 1 is a test that failed; all else is one that did not run
        raise MutantError(f"{mutant.name}: pytest ended with {code}, {said}")
    return Killed(mutant.name, code == 1, said)


@contextmanager
def _copy() -> Iterator[Path]:
    """A copy of what the tests need, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="mtjspice-mutants-") as name:
        folder = Path(name)
        for part in NEEDED:
            source = REPOSITORY / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", ".*")
                shutil.copytree(source, folder / part, ignore=ignored)
            else:
                shutil.copy(source, folder / part)
        yield folder


def _tested(folder: Path, *tests: str) -> tuple[int, str]:
    """(pytest's exit code, its last line) for tests of the copy."""
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        # Two faults of a file within a second would else be one to Python's cache.
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--ngspice=required", *(f"tests/{test}" for test in tests)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    lines = (done.stdout or done.stderr).strip().splitlines()
    return done.returncode, lines[-1] if lines else ""


MUTANTS = (
    # The device.
    Mutant(
        "one draw for a die's resistance and magnetoresistance",
        "device/variation.py",
        "die.sigma_ln_tmr_die * float(z[1])",
        "die.sigma_ln_tmr_die * float(z[0])",
        "unit/test_device_variation.py::test_dies_are_spread_as_asked_for_in_resistance_and_magnetoresistance_independently",
    ),
    Mutant(
        "stuck P is stuck AP",
        "device/variation.py",
        "state[place] = to",
        "state[place] = 1",
        "unit/test_device_variation.py::test_defects_lie_where_the_map_says",
    ),
    Mutant(
        "P has the law of AP",
        "device/conductance.py",
        "broadcast_arrays(\n        np.asarray(state) == 0,",
        "broadcast_arrays(\n        np.asarray(state) == 1,",
        "unit/test_device_conductance.py::test_the_current_is_the_law",
    ),
    Mutant(
        "magnetoresistance rises with temperature",
        "device/temperature.py",
        "(here / room) ** 2",
        "(room / here) ** 2",
        "unit/test_device_temperature.py::test_the_magnetoresistance_falls_with_temperature",
    ),
    Mutant(
        "states are read back at the arithmetic mean",
        "device/writing.py",
        "nominal * np.sqrt(1 + mtj.tmr0)",
        "nominal * (1 + mtj.tmr0 / 2)",
        "unit/test_device_writing.py::test_a_reading_tells_the_states_apart_at_the_geometric_mean_of_their_resistances",
    ),
    Mutant(
        "a short reads as AP",
        "device/writing.py",
        "np.where(drawn.short, 0,",
        "np.where(drawn.short, 1,",
        "unit/test_device_writing.py::test_states_read_back_as_they_are_and_defects_as_their_resistance",
    ),
    Mutant(
        "a junction has several defects",
        "device/dies.py",
        "free & (chance.random(shape)",
        "(chance.random(shape)",
        "unit/test_device_dies.py::test_of_several_defects_of_a_junction_the_first_is_taken",
    ),
    Mutant(
        "outputs at the upper limit are free",
        "device/converter.py",
        "amplifier.clip_high - slack",
        "amplifier.clip_high + slack",
        "unit/test_device_converter.py::test_an_output_at_a_limit_or_beside_it_by_rounding_stands_there",
    ),
    Mutant(
        "outputs at the lower limit are free",
        "device/converter.py",
        "amplifier.clip_low + slack",
        "amplifier.clip_low - slack",
        "unit/test_device_converter.py::test_an_output_at_a_limit_or_beside_it_by_rounding_stands_there",
    ),
    # The netlist, and what comes back.
    Mutant(
        "a bridge on another tile is on this one",
        "spec/die.py",
        "for one in self.of_tile(tile)\n"
        "            if isinstance(effect := one.about.effect, Bridged)",
        "for one in self.defects\n            if isinstance(effect := one.about.effect, Bridged)",
        "unit/test_netlist_cells.py::test_defects_of_another_tile_do_not_reach_a_tiles_netlist",
    ),
    Mutant(
        "a dead line on another tile is on this one",
        "spec/die.py",
        "for one in self.of_tile(tile)\n            if isinstance(effect := one.about.effect, Cut)",
        "for one in self.defects\n            if isinstance(effect := one.about.effect, Cut)",
        "unit/test_netlist_cells.py::test_defects_of_another_tile_do_not_reach_a_tiles_netlist",
    ),
    Mutant(
        "columns are read at the first row",
        "netlist/nodes.py",
        "crossbar.rows - 1 - row, crossbar.rows",
        "row, crossbar.rows",
        "unit/test_collect_circuits.py::test_wires_carry_what_the_nodal_equations_say",
    ),
    Mutant(
        "half is the whole read voltage",
        "netlist/drivers.py",
        "experiment.stimulus.read_voltage / 2",
        "experiment.stimulus.read_voltage",
        "unit/test_netlist_deck.py::test_half_is_half_of_the_read_voltage_above_the_reference",
    ),
    Mutant(
        "an amplifier's output rises with the current",
        "netlist/readout.py",
        "{zero}-{gain}*i(V{name})",
        "{zero}+{gain}*i(V{name})",
        "spice/test_simulation.py::test_the_amplifier_reports_and_clips",
    ),
    Mutant(
        "a floating node that is read is left out",
        "netlist/check.py",
        "needed = [node for node in read if node in floating]",
        "needed = [node for node in read if node not in read]",
        "unit/test_netlist_elements.py::test_a_floating_node_that_is_read_is_refused_by_name",
    ),
    Mutant(
        "one transistor has the spread of a pair",
        "netlist/cards.py",
        "math.sqrt(2 * area)",
        "math.sqrt(area)",
        "unit/test_netlist_cards.py::test_thresholds_are_spread_by_pelgroms_law",
    ),
    Mutant(
        "both transistors have the spread of the first",
        "collect/sweeps.py",
        "(sigma * z).reshape",
        "(sigma[0] * z).reshape",
        "unit/test_collect_circuits.py::test_each_transistor_of_a_transmission_gate_has_its_own_spread",
    ),
    Mutant(
        "a latch decides the other way",
        "collect/label.py",
        "difference = vectors.values[p] - vectors.values[n]",
        "difference = vectors.values[n] - vectors.values[p]",
        "unit/test_collect_circuits.py::test_a_read_in_time_settles_to_that_at_rest_and_latches_decide_by_its_sign",
    ),
    Mutant(
        "a millionth of the current may be lost",
        "spice/check.py",
        "KCL_TOLERANCE = 1e-8",
        "KCL_TOLERANCE = 1e-6",
        "spice/test_simulation.py::test_a_ten_millionth_of_the_current_is_not_lost_in_rounding",
    ),
    Mutant(
        "current may come from nowhere",
        "spice/check.py",
        "residual = np.abs(leaving.sum(axis=0))",
        "residual = leaving.sum(axis=0)",
        "spice/test_simulation.py::test_a_ten_millionth_of_the_current_is_not_lost_in_rounding",
    ),
    Mutant(
        "what rounding may leave has no bound",
        "netlist/deck.py",
        "return min(siemens",
        "return max(siemens",
        "spice/test_simulation.py::test_what_rounding_may_leave_is_far_below_a_current_of_a_whole_tile",
    ),
    # The surrogate and its errors.
    Mutant(
        "a bridge of columns lies at the other end",
        "solver/array.py",
        "position = kept.stop - 1 - row",
        "position = row - kept.start",
        "unit/test_solver_nodal.py::test_ohmic_arrays_with_any_defects_solve_the_equations_of_their_resistors",
    ),
    Mutant(
        "cells of a line that is cut off conduct",
        "solver/array.py",
        "(slice(None), number)] = True",
        "(slice(None), number)] |= False",
        "unit/test_solver_nodal.py::test_a_line_without_a_path_to_anything_carries_nothing_and_changes_nothing",
    ),
    Mutant(
        "a lifted column tilts the device the other way",
        "surrogate/expansion.py",
        "crossed = 2 * even * p * q + tilt",
        "crossed = 2 * even * p * q - tilt",
        "unit/test_surrogate_model.py::test_what_two_inputs_do_together_is_the_second_derivative_of_the_circuit",
    ),
    Mutant(
        "the 99.9th percentile is the 99th",
        "calibrate/errors.py",
        "np.quantile(np.abs(errors), 0.999)",
        "np.quantile(np.abs(errors), 0.99)",
        "unit/test_calibrate_fit.py::test_one_error_in_a_thousand_is_above_the_percentile",
    ),
    # Training.
    Mutant(
        "latent weights leave -1 to 1",
        "train/fit.py",
        "latent.clamp_(-1, 1)",
        "latent.clamp_(-9, 9)",
        "unit/test_train_fit.py::test_latent_weights_stay_between_minus_one_and_one",
    ),
    Mutant(
        "latent weights of small networks leave -1 to 1",
        "train/loop.py",
        "w.clamp_(-1, 1)",
        "w.clamp_(-9, 9)",
        "unit/test_train_loop.py::test_latent_weights_stay_between_minus_one_and_one",
    ),
    Mutant(
        "weights have the other sign",
        "train/tiles.py",
        "return plus - minus",
        "return minus - plus",
        "unit/test_train_tiles.py::test_weights_are_found_again_in_their_states",
    ),
    # The verdict.
    Mutant(
        "the bound on flips has twice the doubt",
        "signoff/statement.py",
        "middle, sample) > 1 - confidence",
        "middle, sample) > 2 * (1 - confidence)",
        "unit/test_signoff_statement.py::test_the_bound_is_that_of_counting_every_case",
    ),
    Mutant(
        "an audit leaves one flip more",
        "signoff/statement.py",
        "0, confidence) <= allowed",
        "0, confidence) <= allowed + 1",
        "unit/test_signoff_statement.py::test_the_audit_is_the_smallest_that_is_large_enough",
    ),
    Mutant(
        "each round of audits has the whole doubt",
        "signoff/statement.py",
        "1 - (1 - confidence) * share",
        "1 - (1 - confidence)",
        "unit/test_signoff_statement.py::test_all_rounds_together_are_wrong_no_more_often_than_allowed",
    ),
    Mutant(
        "half of the guard is safe",
        "signoff/guided.py",
        "~(safety > 1)",
        "~(safety > 0.5)",
        "unit/test_signoff_guided.py::test_what_is_not_safe_and_an_audit_are_read_once_each",
    ),
    Mutant(
        "what is not known counts for the circuit",
        "signoff/population.py",
        "_quantity(self.compared - self.right, down, up, self.lost_span)",
        "_quantity(self.compared - self.right, down * 0, up, self.lost_span)",
        "unit/test_signoff_judged.py::test_what_the_statement_leaves_open_widens_the_intervals",
    ),
    Mutant(
        "dies fail that are better in SPICE",
        "signoff/judged.py",
        "(seen.compared - seen.right).mean(axis=1) > limits.drop_die",
        "(seen.right - seen.compared).mean(axis=1) > limits.drop_die",
        "unit/test_signoff_judged.py::test_dies_fail_that_lose_too_much_or_are_too_bad",
    ),
    Mutant(
        "a limit that is met is broken",
        "verdicts/figures.py",
        "return high <= limit",
        "return high < limit",
        "unit/test_signoff_judged.py::test_a_limit_is_kept_at_its_value_and_broken_beyond",
    ),
    Mutant(
        "capital refuses a mean too early",
        "verdicts/intervals.py",
        "math.log(2 / (1 - confidence))\n    low, high = float",
        "0.3 * math.log(2 / (1 - confidence))\n    low, high = float",
        "unit/test_verdicts_intervals.py::test_a_mean_of_zeros_and_ones_covers_exactly_as_often_as_said",
    ),
    Mutant(
        "conditions do not share the doubt",
        "signoff/population.py",
        "(conditions * (6 if sample else 5))",
        "(6 if sample else 5)",
        "unit/test_signoff_judged.py::test_all_conditions_hold_together",
    ),
    Mutant(
        "all-wrong networks pass",
        "verdicts/chance.py",
        "chance + above_chance * (1 - chance)",
        "chance * above_chance * 0",
        "unit/test_signoff_judged.py::test_a_network_that_is_always_wrong_or_always_says_the_same_fails",
    ),
    Mutant(
        "the setting is chosen on the test samples",
        "study/verdict.py",
        'for curve in curves["train"]',
        'for curve in curves["test"]',
        "unit/test_study_verdict.py::test_the_setting_is_chosen_on_the_training_samples_alone",
    ),
)
"""All that have a name."""
