"""Which images a sign-off asks SPICE for, round by round; both levels are made up."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from unit.tiled import NO_DEFECTS, study, surrogate, written

from mtjspice.errors import SimulationError
from mtjspice.signoff import guided
from mtjspice.signoff.chosen import Audit
from mtjspice.signoff.compare import Differing
from mtjspice.signoff.dies import FoundFlip, Log, Specimen
from mtjspice.signoff.findings import ALL, AUDIT, NOT, UNSAFE
from mtjspice.signoff.guided import MOST_AT_ONCE, MOST_ROUNDS, WIDER, read_guided
from mtjspice.signoff.margins import Foreseen
from mtjspice.signoff.statement import audit_size, most_flips, of_round
from mtjspice.spec.signoff import SignOff
from mtjspice.surrogate.programmed import ReadErrors
from mtjspice.train.hardware import in_software

IMAGES = 300
WEIGHTS = written(study(hardware={"rates": NO_DEFECTS}))
TILES = sum(len(layer.states) for layer in WEIGHTS.layers)
ASKED = SignOff(guard=5.0, accuracy_bound=0.02, confidence=0.95)
DOUBLE = torch.float64


class Workers:
    """Stands for a simulator: nothing is simulated."""

    jobs = 2

    class pool:  # noqa: N801
        ended = 0

        @classmethod
        def shutdown(cls, **_):
            cls.ended += 1


@dataclass
class MadeUp:
    """A die whose levels are made up.

    Attributes:
        specimen: its name counts.
        lead: of class 0 over class 1, by the surrogate.
        deviation: of that lead, at the card's own errors.
        spice: lead in SPICE.
        ratios: of images with a level that differs, its error over the bound.
        asked: images of each call.
    """

    specimen: Specimen
    lead: np.ndarray
    deviation: np.ndarray
    spice: np.ndarray
    ratios: dict[int, float] = field(default_factory=dict)
    asked: list[list[int]] = field(default_factory=list)
    log: Log = field(default_factory=Log)
    by_nodal: int = 1

    def foresee(self, inputs, scale):
        zero = np.zeros_like(self.lead)
        outputs = torch.from_numpy(np.stack([self.lead, zero], axis=1))
        deviation = np.stack([zero, self.deviation * scale**0.5], axis=1)
        return Foreseen(outputs, torch.from_numpy(deviation), 0.125)

    def errors(self, scale):
        tiles = torch.full((TILES,), scale, dtype=DOUBLE)
        return [ReadErrors(tiles * 1e-5, tiles * 1e-4)]

    def read(self, inputs, images, classes, simulator, told=None):
        if told:
            told(TILES, TILES)
        self.asked.append(list(images))
        for j, image in enumerate(images):
            self.log.outputs[image] = np.array([self.spice[image], 0.0])
            if image in self.ratios:
                self._found(image, j, "level", self.ratios[image])
            if self.spice[image] < 0:
                self._found(image, j, "class", 0.0)

    def _found(self, image, vector, kind, ratio):
        differing = Differing(kind, 0, 0, 0, vector, 0, 1, ratio)
        self.log.found.append(FoundFlip(differing, image, "key", vector, np.zeros(1)))


@pytest.fixture
def read(monkeypatch):
    """Reads made-up dies as `read_guided` would."""

    def go(*dies: MadeUp, asked: SignOff = ASKED, **options):
        made = {one.specimen.name: one for one in dies}
        monkeypatch.setattr(guided, "OnOneDie", lambda one, _: made[one.name])
        specimens = [one.specimen for one in dies]
        inputs = torch.zeros(len(dies[0].lead), 8, dtype=DOUBLE)
        return read_guided(specimens, surrogate("full"), inputs, asked, Workers(), **options)

    return go


def die(name: str = "die", images: int = IMAGES, **parts) -> MadeUp:
    """Leads from 0.1 on upwards, a deviation of 0.1: the first images are not safe."""
    lead = np.linspace(0.1, 3.0, images)
    made = {"lead": lead, "deviation": np.full(images, 0.1), "spice": lead.copy()} | parts
    return MadeUp(Specimen(name, WEIGHTS, (WEIGHTS.study.hardware.nominal,)), **made)


def asked_of(one: MadeUp) -> list[int]:
    return [image for images in one.asked for image in images]


UNSAFE_ONES = 42
"""Images of a die whose lead is at most five times 0.1."""


def test_what_is_not_safe_and_an_audit_are_read_once_each(read):
    one, other = die("one"), die("other")
    found = read(one, other)
    statement = found.statement
    assert statement.unsafe == 2 * UNSAFE_ONES
    confidence = of_round(0.95, 1, MOST_ROUNDS)
    left = statement.images - statement.unsafe
    assert statement.audited == audit_size(left, 12, confidence)
    assert statement.simulated == statement.unsafe + statement.audited
    most = most_flips(left, statement.audited, 0, confidence)
    assert statement.accuracy == most / 600 <= 0.02
    assert statement.flip_rate == most / (600 - statement.simulated)
    assert (statement.rounds, statement.widened, statement.notes) == (1, 1.0, ())
    for made, seen in zip((one, other), found.dies, strict=True):
        assert (seen.why[:UNSAFE_ONES] == UNSAFE).all()
        assert set(seen.why[UNSAFE_ONES:]) == {AUDIT, NOT}
        assert sorted(asked_of(made)) == np.flatnonzero(seen.why != NOT).tolist()
        assert seen.reads == len(asked_of(made))
    assert not np.array_equal(found.dies[0].why, found.dies[1].why)
    assert found.vectors == statement.simulated * TILES


def test_audits_depend_on_seed_and_condition_and_on_nothing_else(read):
    def audit(**options):
        return (read(die(), **options).dies[0].why == AUDIT).nonzero()[0].tolist()

    first = audit()
    assert first == audit()
    assert first != audit(number=1)
    assert first != audit(asked=ASKED.replace(seed=1))
    assert first == audit(asked=ASKED.replace(name="another name", vectors=7))


def test_a_full_run_reads_every_image_and_leaves_nothing_open(read):
    one = die(ratios={5: 3.0})
    found = read(one, full=True)
    assert asked_of(one) == list(range(IMAGES))
    assert (found.dies[0].why == ALL).all()
    statement = found.statement
    assert (statement.simulated, statement.unsafe, statement.audited) == (IMAGES, 0, 0)
    assert (statement.accuracy, statement.flip_rate, statement.rounds) == (0, 0, 1)
    assert [possible for _, possible in found.found[0]] == [False]


def test_simulations_have_no_more_vectors_than_asked(read):
    one = die()
    read(one, asked=ASKED.replace(vectors=16), full=True)
    assert [len(images) for images in one.asked] == [16] * 18 + [12]


def test_progress_ends_with_everything_done(read):
    told = []
    found = read(die("one"), die("other"), told=lambda *step: told.append(step))
    vectors = 2 * found.vectors  # a made-up read tells of all tiles once
    assert ("surrogate", 2, 2) in told
    done = [step[1:] for step in told if step[0] == "spice"]
    assert done[-1][1] == found.vectors
    assert done == sorted(done)
    assert done[-1][0] <= vectors


def test_a_flip_of_what_was_not_safe_is_allowed_however_far_it_goes(read):
    """A single step of a converter may be more than the guard allows a lead to vary."""
    spice = np.linspace(0.1, 3.0, IMAGES)
    spice[[3, 20]] = -5.0, -0.01
    found = read(die(spice=spice))
    assert found.statement.rounds == 1
    assert [possible for _, possible in found.found[0]] == [True, True]
    assert found.dies[0].flipped.nonzero()[0].tolist() == [3, 20]
    assert found.dies[0].spice_lead[20] < 0


def flipping(images: range | list[int], **parts) -> MadeUp:
    spice = np.linspace(0.1, 3.0, IMAGES)
    spice[list(images)] = -0.1
    return die(spice=spice, **parts)


def test_a_safe_class_that_flips_in_the_audit_widens_the_errors(read):
    """All with a lead of less than 0.8 flip: eight deviations, where the guard is five."""
    one = flipping(range(72))
    found = read(one)
    statement = found.statement
    assert statement.rounds == 2
    # The worst flip that the audit has hit is of a lead of five to eight deviations.
    assert WIDER < statement.widened <= WIDER * (8 / 5) ** 2
    (note,) = statement.notes
    assert note.startswith("round 1: on die, image ")
    assert "a class of layer 1 differs that the bound calls impossible" in note
    assert f"taken {statement.widened:.3g} times as large" in note
    seen = found.dies[0]
    assert all(possible for _, possible in found.found[0])
    assert np.array_equal(seen.flipped, seen.simulated & (np.arange(IMAGES) < 72))
    assert (seen.safety[seen.why == NOT] > 1).all()
    assert (seen.safety[seen.why == AUDIT] <= 1).any()  # of the first round, and still counted
    # No image is read twice, and each has one reason.
    assert len(one.asked) == 2
    assert len(asked_of(one)) == len(set(asked_of(one))) == statement.simulated
    assert statement.unsafe + statement.audited == statement.simulated
    assert seen.bound.tolist() == pytest.approx([1e-4 * statement.widened] * TILES)


def test_a_level_beyond_its_bound_widens_the_errors_by_what_it_takes(read):
    one = die(ratios={2: 4.0, 7: 0.9, 11: 2.5})
    found = read(one)
    assert found.statement.rounds == 2
    assert found.statement.widened == pytest.approx(4 * WIDER)
    assert "image 2, a level of layer 1 differs" in found.statement.notes[0]
    assert "by 4 times the bound" in found.statement.notes[0]
    # The variance of a lead grows with the errors: twice as many leads are not safe.
    unsafe = found.dies[0].safety <= 1
    assert unsafe.sum() == (np.linspace(0.1, 3.0, IMAGES) <= 0.5 * (4 * WIDER) ** 0.5).sum()
    assert all(possible for _, possible in found.found[0])


def test_a_new_audit_is_drawn_from_what_was_not_looked_at(read):
    one = die(ratios={2: 4.0})
    found = read(one)
    statement, seen = found.statement, found.dies[0]
    first, second = one.asked
    assert not set(first) & set(second)
    unsafe_now = seen.why == UNSAFE
    population = IMAGES - len(first) - int((unsafe_now[second]).sum())
    confidence = of_round(0.95, 2, MOST_ROUNDS)
    drawn = int((seen.why[second] == AUDIT).sum())
    assert drawn == audit_size(population, 6, confidence)
    assert statement.accuracy == most_flips(population, drawn, 0, confidence) / IMAGES


@pytest.mark.parametrize("deviation", [0.0, 1e-300, 1e-12])
def test_a_flip_that_nothing_foresees_widens_the_errors_by_no_more_than_a_factor(read, deviation):
    found = read(flipping(range(100, 200), deviation=np.full(IMAGES, deviation)))
    statement = found.statement
    assert statement.rounds == MOST_ROUNDS
    assert statement.widened == pytest.approx((WIDER * MOST_AT_ONCE) ** (MOST_ROUNDS - 1))
    assert len(statement.notes) == MOST_ROUNDS
    assert all(len(note) < 300 for note in statement.notes)


def test_after_the_last_round_the_flips_of_its_audit_count(read):
    """Everything flips, and nothing foresees it: the bound is what the audit leaves."""
    found = read(flipping(range(IMAGES), deviation=np.full(IMAGES, 1e-9)))
    statement = found.statement
    if statement.simulated < statement.images:
        assert statement.audit_flips > 0
        assert statement.accuracy == (statement.images - statement.simulated) / IMAGES
    assert "times as large" not in statement.notes[-1]
    assert not all(possible for _, possible in found.found[0])


def test_a_lead_that_is_not_a_number_is_not_safe(read):
    deviation = np.full(IMAGES, 0.1)
    deviation[250] = np.nan
    found = read(die(deviation=deviation))
    assert found.dies[0].why[250] == UNSAFE


def test_few_images_are_all_read(read):
    """One flip among ten is more than is allowed to be left: the audit leaves none."""
    found = read(die(images=10, lead=np.full(10, 9.0), spice=np.full(10, 9.0),
                     deviation=np.full(10, 0.1)))  # fmt: skip
    assert found.statement.audited == 10
    assert found.statement.accuracy == 0


def test_nothing_to_read_is_no_trouble(read):
    lead = np.full(IMAGES, 9.0)
    dies = [die(name, lead=lead, spice=lead) for name in ("one", "other")]
    found = read(*dies, asked=ASKED.replace(accuracy_bound=0.999, confidence=0.5))
    assert found.statement.simulated == 1
    unread = [seen for seen in found.dies if seen.reads == 0]
    assert len(unread) == 1
    for seen in unread:
        assert seen.error.shape == seen.largest_error.shape == seen.level_flips.shape
        assert not seen.error.any()
        assert (seen.spice == -1).all()
        assert seen.spice_clipped == 0
        assert seen.clipped == 0.125


def test_leads_are_in_units_of_their_spread(read):
    one = die()
    seen = read(one).dies[0]
    spread = np.std(one.lead)
    assert seen.lead == pytest.approx(one.lead / spread)
    read_ones = seen.simulated
    assert seen.spice_lead[read_ones] == pytest.approx(one.spice[read_ones] / spread)
    alone = read(die(images=1, lead=np.ones(1), spice=np.ones(1), deviation=np.ones(1))).dies[0]
    assert alone.lead.tolist() == [1.0]  # without any spread


def test_an_error_ends_the_others_and_the_workers(read):
    class Failing(MadeUp):
        def read(self, *_, **__):
            raise SimulationError("made to fail")

    bad = Failing(**vars(die("bad")))
    before = Workers.pool.ended
    with pytest.raises(SimulationError, match="made to fail"):
        read(die("good"), bad)
    assert Workers.pool.ended == before + 1


def test_software_is_what_was_intended_where_that_is_something_else(read):
    layers = tuple(replace(layer, bias=-layer.bias) for layer in WEIGHTS.layers)
    intended = replace(WEIGHTS, layers=layers)
    one, other = die(), die()
    other.specimen = replace(other.specimen, intended=intended)
    for made, weights in ((one, WEIGHTS), (other, intended)):
        expected = in_software(weights, torch.zeros(1, 8, dtype=DOUBLE)).argmax()
        assert set(read(made).dies[0].software.tolist()) == {int(expected)}
    assert in_software(intended, torch.zeros(1, 8)).argmax() != int(
        in_software(WEIGHTS, torch.zeros(1, 8)).argmax()
    )


def test_an_audit_is_told_the_classes_and_what_it_chooses_is_told(read):
    one, other = die("one"), die("other")
    asked, told = [], []

    def allowed(surrogate, software, unsafe):
        asked.append((surrogate, software, unsafe))
        return 12

    found = read(one, other, audit=Audit(allowed, 0.998), chosen=told.append)
    ((surrogate, software, unsafe),) = asked  # once, whatever the rounds
    assert surrogate.shape == software.shape == (2, IMAGES)
    assert np.array_equal(surrogate, [die.surrogate for die in found.dies])
    assert np.array_equal(software, [die.software for die in found.dies])
    statement = found.statement
    assert np.array_equal(unsafe, [die.safety <= 1 for die in found.dies])
    assert statement.confidence == 0.998
    assert statement.left <= 12
    safe = statement.images - statement.unsafe
    assert statement.audited == audit_size(safe, 12, of_round(0.998, 1, MOST_ROUNDS))
    (chosen,) = told
    assert (chosen.images, chosen.unsafe, chosen.audited) == (
        600, statement.unsafe, statement.audited
    )  # fmt: skip
    assert chosen.vectors == found.vectors
