"""Whatever stands in a file, its reader gives what it says or refuses it as the user's."""

import contextlib
import copy
import json
import math
import tomllib

import pytest
from fuzz.commands import KEYS, LEAVES, change
from fuzz.folders import CARD, SPECS
from fuzz.forge import OWN, changed_places, originals, sealed
from fuzz.libraries import CLEAN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtjspice.data.defects import load_dies, read_defects
from mtjspice.data.nist import read_solutions
from mtjspice.data.weights import load_weights
from mtjspice.errors import InputError
from mtjspice.netlist.cards import read_card
from mtjspice.reading import parse_json, parse_toml
from mtjspice.reproduce.borders2024.spec import Borders
from mtjspice.reproduce.goodwill2022.spec import Goodwill
from mtjspice.spec import (
    Calibration,
    DieDesign,
    Experiment,
    Layout,
    SignOff,
    Study,
    Technology,
    TrainingStudy,
)
from mtjspice.spec.toml import build_spec, format_spec, parse_spec
from mtjspice.surrogate.card import load_card
from mtjspice.units import UNITS, parse_quantity

EFFORTS = [60, pytest.param(2000, marks=pytest.mark.slow, id="long")]
"""Examples of each property."""
KINDS = {"spec.toml": Experiment, "array.toml": Experiment, "die.toml": DieDesign,
         "layout.toml": Layout,
         "calibration.toml": Calibration, "study.toml": Study, "nist.toml": Study,
         "training.toml": TrainingStudy, "signoff.toml": SignOff}  # fmt: skip
SHAPE, TILES = (15, 15), 6

chances = st.randoms(use_true_random=False)
leaves = st.one_of(
    st.sampled_from(LEAVES), st.integers(), st.floats(), st.text(max_size=20), st.booleans()
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=5)), inner, max_size=4),
    ),
    max_leaves=12,
)
tables = st.dictionaries(st.sampled_from(KEYS), trees, max_size=6)


def searched(examples: int):
    """The same examples in every run, and no limit on the time of one."""
    return settings(
        max_examples=examples, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def damaged(content: bytes, chance) -> bytes:
    """Bytes lost, doubled, exchanged, in a few places."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(content) + 1)
        size = chance.randrange(12)
        other = bytes(chance.randrange(256) for _ in range(chance.randrange(8)))
        words = (
            b"",
            other,
            b".include x\n",
            b"[",
            b'"',
            b"{",
            b"\0",
            b"9" * 30,
            b"\xff\xfe",
            b"nan",
            b"\n+ ",
        )
        content = content[:at] + chance.choice(words) + content[at + size :]
    return content


@pytest.mark.parametrize("examples", EFFORTS)
@pytest.mark.parametrize("kind", [*dict.fromkeys(KINDS.values()), Borders, Goodwill])
def test_a_spec_of_anything(kind, examples):
    @searched(examples)
    @given(tables)
    def holds(data):
        try:
            build_spec(data, kind, source="x")
        except InputError as error:
            assert "pydantic" not in str(error)

    holds()


@pytest.mark.parametrize("examples", EFFORTS)
@pytest.mark.parametrize("name", KINDS)
def test_a_spec_that_was_changed(name, examples):
    """What is taken has a key, and is the same when it is written and read again."""
    data = tomllib.loads(SPECS[name])

    @searched(examples)
    @given(chances)
    def holds(chance):
        made = copy.deepcopy(data)
        for _ in range(chance.randrange(1, 4)):
            change(made, chance)
        try:
            spec = build_spec(made, KINDS[name], source="x")
        except InputError as error:
            assert "pydantic" not in str(error)
            return
        assert len(spec.key()) == 64
        assert parse_spec(format_spec(spec), KINDS[name]) == spec

    holds()


@pytest.mark.parametrize("examples", EFFORTS)
@pytest.mark.parametrize("parse", [parse_toml, parse_json])
def test_text_that_is_anything(parse, examples):
    @searched(examples)
    @given(st.text())
    def holds(text):
        with contextlib.suppress(InputError):
            parse(text, "x")

    holds()


@pytest.mark.parametrize("examples", EFFORTS)
def test_a_quantity_of_anything(examples):
    pieces = st.lists(
        st.one_of(
            st.sampled_from(["1", "5", ".", "e", "-", "+", "k", "M", "meg", "m", "µ", "Ω", "Ohm",
                             "·", "²",
                             "%", " ", "F", "V", "A", "u", "inf", "nan", "_", "٣", "9" * 400,
                             "e999"]),
            st.characters(),
        ),
        max_size=6,
    ).map("".join)  # fmt: skip

    @searched(examples * 5)
    @given(pieces, st.sampled_from(sorted(UNITS)))
    def holds(text, unit):
        try:
            value = parse_quantity(text, unit)
        except ValueError:
            return
        assert isinstance(value, float)
        assert not math.isnan(value)

    holds()


READERS = {
    "map.csv": (lambda folder: read_defects(folder / "map.csv", SHAPE, TILES), "map.csv"),
    "dies/dies.json": (lambda folder: load_dies(folder / "dies", SHAPE, TILES), "dies/dies.json"),
    "dies/die00.csv": (lambda folder: load_dies(folder / "dies", SHAPE, TILES), "dies/die00.csv"),
    "weights/weights.json": (lambda folder: load_weights(folder / "weights"),
                             "weights/weights.json"),
    "weights/tiles.safetensors": (
        lambda folder: load_weights(folder / "weights"), "weights/tiles.safetensors"),
    "own.card.json": (lambda folder: load_card(folder / "own.card.json"), "own.card.json"),
    f"{OWN}/weights.json": (lambda folder: load_weights(folder / OWN), f"{OWN}/weights.json"),
    "lib/tech.lib": (
        lambda folder: read_card(Technology(card=str(folder / "lib/tech.lib"))), "lib/tech.lib"),
    "nist/solutions/0_fc1_weight.txt": (
        lambda folder: read_solutions(folder / "nist"), "nist/solutions/0_fc1_weight.txt"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One clean file of each kind."""
    made = tmp_path_factory.mktemp("files")
    for name, content in originals().items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    (made / "lib").mkdir()
    (made / "lib" / "tech.lib").write_text(CLEAN)
    return made


@pytest.mark.parametrize("examples", EFFORTS)
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_was_damaged(name, folder, examples):
    read, path = READERS[name]
    whole = (folder / path).read_bytes()
    read(folder)

    @searched(examples)
    @given(chances)
    def holds(chance):
        (folder / path).write_bytes(damaged(whole, chance))
        with contextlib.suppress(InputError):
            read(folder)

    try:
        holds()
    finally:
        (folder / path).write_bytes(whole)


@pytest.mark.parametrize("examples", EFFORTS)
@pytest.mark.parametrize("name", [name for name in READERS if name.endswith(".json")])
def test_a_document_that_was_forged(name, folder, examples):
    """With the checksums that belong to what it says."""
    read, path = READERS[name]
    whole = (folder / path).read_bytes()
    content = json.loads(whole)

    @searched(examples)
    @given(chances, trees)
    def holds(chance, tree):
        forged = sealed(changed_places(content, tree, chance))
        (folder / path).write_text(json.dumps(forged))
        with contextlib.suppress(InputError):
            read(folder)

    try:
        holds()
    finally:
        (folder / path).write_bytes(whole)


def test_the_card_of_the_suite_ships():
    assert load_card(CARD).name == CARD
