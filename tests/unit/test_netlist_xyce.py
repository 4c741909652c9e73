"""Netlists for Xyce: held against its guides' syntax, and read back.

The grammar here is written from the Xyce Reference Guide and Users' Guide, not from the writer:
what a line may be, which options and model parameters there are, what functions take.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from unit.builders import experiment
from unit.commands import caller

from mtjspice.device.trial import tile_experiment
from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.netlist.circuit import Sweep
from mtjspice.netlist.deck import Added
from mtjspice.netlist.elements import (
    BehaviouralCurrent,
    BehaviouralVoltage,
    Capacitor,
    Mosfet,
    Resistor,
    Subcircuit,
    Transconductance,
    VoltageSource,
)
from mtjspice.netlist.golden import golden_experiments
from mtjspice.netlist.xyce_dialect import XYCE
from mtjspice.spec import (
    Calibration,
    DieDesign,
    Experiment,
    GatedCell,
    Layout,
    ProgrammedTile,
    SenseAmplifier,
    Stimulus,
    Technology,
    TransientRead,
    read_spec,
)

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?:t|g|meg|x|k|mil|m|u|n|p|f)?"
NODE, NAME = r"[a-z0-9_]+", r"[a-z_]\w*"
VALUE = rf"(?:{NUMBER}|\{{[^{{}}]+\}})"
STATEMENTS = {
    "R": rf"R\w+ {NODE} {NODE} {VALUE}",
    "C": rf"C\w+ {NODE} {NODE} {VALUE}",
    "V": rf"V\w+ {NODE} {NODE}(?: (?:DC )?{NUMBER})?(?: PWL(?: {NUMBER} {NUMBER})+)?",
    "B": rf"B\w+ {NODE} {NODE} [VI]=\{{[^{{}}]+\}}",
    "G": rf"G\w+ {NODE} {NODE} {NODE} {NODE} {NUMBER}",
    "M": rf"M\w+ {NODE} {NODE} {NODE} {NODE} [\w.]+(?: (?:L|W|DELVTO)={VALUE})*",
    "X": rf"X\w+(?: {NODE})+ {NAME}",
    ".OPTIONS": rf"\.OPTIONS [\w-]+(?: \w+={NUMBER})+",
    ".PARAM": rf"\.PARAM(?: {NAME}={NUMBER})+",
    ".MODEL": r"\.MODEL [\w.]+ [NP]MOS(?: \w+=[-+\w.]+)*",
    ".DC": rf"\.DC (?:(?:LIN )?\w+ {NUMBER} {NUMBER} {NUMBER}|\w+ LIST(?: {NUMBER})+)",
    ".TRAN": rf"\.TRAN {NUMBER} {NUMBER}(?: {NUMBER}(?: {NUMBER})?)?",
    ".PRINT": r"\.PRINT (?:DC|TRAN)(?: FORMAT=CSV)?(?: PRECISION=\d+)?(?: [VI]\(\w+\))+",
    ".SUBCKT": rf"\.SUBCKT {NAME}(?: {NODE})*(?: PARAMS:(?: {NAME}={VALUE})+)?",
    ".ENDS": r"\.ENDS",
    ".END": r"\.END",
}
OPTIONS = {
    "device": {"temp", "tnom", "gmin"},
    "nonlin": {"abstol", "reltol", "deltaxtol", "rhstol", "maxstep"},
    "nonlin-tran": {"abstol", "reltol", "deltaxtol", "rhstol", "maxstep"},
}
ARGUMENTS = {"v": {1, 2}, "i": {1}, "abs": {1}, "min": {2}, "max": {2}}
MODELS = {
    1: "vto kp lambda gamma phi tox cgso cgdo cgbo cj cjsw mj mjsw pb is js tnom",
    14: """
    version binunit paramchk mobmod capmod diomod tempmod permod rdsmod rgatemod rbodymod geomod
    rgeomod trnqsmod acnqsmod igcmod igbmod toxe toxm epsrox xj ndep dmcg dmci vth0 u0 k1 k2 k3 w0
    lpe0 dvt0 dvt1 dvt2 dvt0w dsub eta0 etab voff nfactor cit cdsc cdscb cdscd minv voffl ua ub uc
    vsat a0 ags b0 b1 keta a1 a2 rdsw rdswmin prwg prwb wr pclm pdiblc1 pdiblc2 pdiblcb drout
    pscbe1 pscbe2 pvag delta fprout pdits lint wint cgso cgdo cgbo cgsl cgdl ckappas xpart noff
    voffcv jss jsd njs njd cjs cjd mjs mjd pbs pbd cjsws cjswd mjsws mjswd pbsws pbswd cjswgs cjswgd
    tnom kt1 kt1l kt2 ute ua1 ub1 uc1 at prt xtis xtid""",
}
"""Names of the guide's tables of MOSFETs' parameters, as far as our libraries use them."""


def passive15(repository, name: str) -> Experiment:
    """The array of an example, with its line ends, spread and a pattern of states."""
    kind = {"calibration.toml": Calibration, "layout.toml": Layout}[name]
    spec = read_spec(repository / "examples" / "passive15" / name, kind)
    states = np.random.default_rng(3).integers(0, 2, spec.crossbar.shape)
    volts = 0.1 * np.random.default_rng(4).random((3, spec.crossbar.rows))
    return Experiment(
        crossbar=spec.crossbar,
        die=spec.die,
        tile=ProgrammedTile(states=["".join("PA"[s] for s in row) for row in states]),
        stimulus=Stimulus(volts=volts.tolist()),
        periphery=spec.periphery,
    )


def die20k(repository) -> Experiment:
    return tile_experiment(read_spec(repository / "examples/die20k/die.toml", DieDesign), 7)


LATCHED = experiment(
    volts=[[0.1, 0.2]], periphery=SenseAmplifier(reference=0.5), analysis=TransientRead()
)
CASES = {
    "passive15, calibrated": lambda folder: passive15(folder, "calibration.toml"),
    "passive15, laid out": lambda folder: passive15(folder, "layout.toml"),
    "die20k": die20k,
    "latches in time": lambda _: LATCHED,
} | {f"golden {name}": lambda _, one=one: one for name, one in golden_experiments().items()}


@pytest.fixture(params=CASES)
def circuit(request, repository):
    return build_deck(CASES[request.param](repository)).circuit


def statements(text: str) -> list[str]:
    """Lines that are no comments, with their continuations."""
    lines = text.splitlines()
    assert lines[0].startswith("*")  # the title
    whole: list[str] = []
    for before, line in pairwise(lines):
        assert line.strip(), "an empty line"
        assert line[0] not in " \t", "a line that begins with a blank is a comment"
        if line.startswith("+"):
            # Behind a comment it would continue the statement before that.
            assert not before.startswith("*")
            whole[-1] += " " + line[1:].strip()
        elif not line.startswith("*"):
            assert ";" not in line
            whole.append(line)
    return whole


def kind_of(statement: str) -> str:
    return statement.split(maxsplit=1)[0].upper() if statement[0] == "." else statement[0].upper()


def test_every_line_is_of_the_guides_syntax(circuit):
    found = statements(XYCE.write(circuit))
    assert found[-1] == ".END"
    for statement in found:
        pattern = STATEMENTS[kind_of(statement)]
        assert re.fullmatch(pattern, statement, re.IGNORECASE), statement
        for text in re.findall(r"\{([^{}]+)\}", statement):
            Expression(text).check()


def test_options_and_model_parameters_are_those_of_the_guide(circuit):
    for statement in statements(XYCE.write(circuit)):
        words = statement.lower().split()
        if words[0] == ".options":
            assert {word.partition("=")[0] for word in words[2:]} <= OPTIONS[words[1]]
        if words[0] == ".model":
            values = dict(word.split("=") for word in words[3:])
            assert values.keys() <= {"level", *MODELS[int(values["level"])].split()}


def test_what_is_named_is_there(circuit):
    found = statements(XYCE.write(circuit))
    elements = [one.lower().split() for one in found if one[0] != "."]
    names = {words[0] for words in elements}
    models = {one.split()[1] for one in found if one.startswith(".MODEL")}
    nodes = {node for words in elements for node in words[1:3]} | {"0"}
    (printed,) = (one.split() for one in found if one.startswith(".PRINT"))
    asked = [word for word in printed if "(" in word]
    assert len(asked) == len(circuit.saved)
    for word in asked:
        assert word[2:-1] in (names if word[0] == "i" else nodes)
    for words in elements:
        assert words[0][0] != "m" or words[5] in models
    if isinstance(circuit.analysis, Sweep):
        (swept,) = (one.lower().split() for one in found if one.startswith(".DC"))
        assert {"vindex"} == names & set(swept)


def test_it_reads_back_as_the_circuit_that_was_written(circuit):
    found = statements(XYCE.write(circuit))
    assert tuple(read_back(found)) == circuit.elements


class Expression:
    """An expression between braces, by the guide's grammar."""

    def __init__(self, text: str):
        self.tokens = re.findall(rf"{NAME}|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|\S", text.lower())
        self.at = 0

    def check(self) -> None:
        self.sum()
        assert self.at == len(self.tokens), self.tokens[self.at :]

    def took(self, *allowed: str) -> bool:
        there = self.at < len(self.tokens) and self.tokens[self.at] in allowed
        self.at += there
        return there

    def sum(self) -> None:
        self.took("+", "-")
        self.atom()
        while self.took("+", "-", "*", "/"):
            self.took("-")
            self.atom()

    def atom(self) -> None:
        token = self.tokens[self.at]
        self.at += 1
        if token == "(":
            self.sum()
            assert self.took(")")
        elif self.took("("):
            count = 1
            while True:
                self.at += token in {"v", "i"}
                if token not in {"v", "i"}:
                    self.sum()
                if not self.took(","):
                    break
                count += 1
            assert self.took(")")
            assert count in ARGUMENTS[token] if token != "table" else count % 2 and count > 2
        else:
            assert re.fullmatch(rf"{NAME}|{NUMBER}", token), token


def read_back(found: list[str]) -> Iterator[object]:
    """The elements of statements, those inside subcircuits left out."""
    inside = False
    for statement in found:
        inside = (inside or statement.startswith(".SUBCKT")) and statement != ".ENDS"
        if statement[0] != "." and not inside:
            yield element(statement)


def element(statement: str) -> object:
    word, *rest = statement.split()
    letter, name, found = word[0], word[1:], None
    match letter:
        case "R":
            found = Resistor(name, *rest[:2], float(rest[2]))
        case "C":
            found = Capacitor(name, *rest[:2], float(rest[2]))
        case "G":
            found = Transconductance(name, *rest[:4], float(rest[4]))
        case "V":
            corners = [float(x) for x in rest[5:]]
            points = tuple(zip(corners[::2], corners[1::2], strict=True))
            found = VoltageSource(name, *rest[:2], float(rest[3]), points)
        case "B":
            a, b, law = statement.split(" ", 3)[1:]
            kind = {"V": BehaviouralVoltage, "I": BehaviouralCurrent}[law[0]]
            found = kind(name, a, b, law[3:-1].replace("TABLE", "pwl"))
        case "M":
            size = {key: float(value) for key, value in (word.split("=") for word in rest[5:])}
            found = Mosfet(name, *rest[:5], size["W"], size["L"], size.get("DELVTO", 0.0))
        case "X":
            found = Subcircuit(name, tuple(rest[:-1]), rest[-1])
    assert found is not None, statement
    return found


def refused(circuit) -> InputError:
    with pytest.raises(InputError) as caught:
        XYCE.write(circuit)
    return caught.value


def test_a_netlist_that_measures_is_refused():
    added = Added(measures=(".meas dc x find v(y) at=0",))
    error = refused(build_deck(experiment(), added=added).circuit)
    assert (error.key, error.value) == ("dialect", "xyce")


def test_a_level_of_another_meaning_is_refused(tmp_path):
    library = tmp_path / "own.lib"
    library.write_text(".model nmos_33 nmos level=8\n")
    made = experiment(crossbar={"cell": GatedCell()}, technology=Technology(card=str(library)))
    error = refused(build_deck(made).circuit)
    assert (error.source, error.key, error.value) == ("nmos_33", "level", 8)


def test_a_shift_that_its_model_does_not_take_is_refused():
    circuit = build_deck(golden_experiments()["gated_level1_slow_and_hot"]).circuit
    shifted = tuple(
        replace(one, delvto=1e-3) if isinstance(one, Mosfet) else one for one in circuit.elements
    )
    assert refused(replace(circuit, elements=shifted)).key == "die.mismatch"


@pytest.mark.parametrize("law", ["noise(v(a))", "v(a)^2", "v(a)>0 ? 1 : 0"])
def test_an_expression_that_is_not_known_there_is_refused(law):
    circuit = build_deck(experiment()).circuit
    own = BehaviouralVoltage("own", "own", "0", law)
    assert refused(replace(circuit, elements=(*circuit.elements, own))).key == "bown"


def test_a_parameter_is_named_without_braces_inside_of_an_expression():
    circuit = build_deck(experiment()).circuit
    own = BehaviouralVoltage("own", "own", "0", "{gain}*v(in0)")
    text = XYCE.write(replace(circuit, parameters={"gain": 2.0}, elements=(own,)))
    assert ".PARAM gain=2.0\n" in text
    assert "Bown own 0 V={gain*v(in0)}\n" in text


def test_a_parameter_with_a_name_of_xyces_own_is_refused():
    assert (
        refused(replace(build_deck(experiment()).circuit, parameters={"Temp": 1.0})).key == "Temp"
    )


def test_the_command_line_writes_it(repository, monkeypatch, capsys):
    call = caller(monkeypatch, capsys)
    spec = repository / "examples" / "die20k" / "die.toml"
    said = call("netlist", spec, "--tile", 7, "--dialect", "xyce")
    assert (said.code, said.out) == (0, XYCE.write(build_deck(die20k(repository)).circuit))


def test_a_language_that_is_not_known_is_refused(repository, monkeypatch, capsys):
    call = caller(monkeypatch, capsys)
    said = call("netlist", repository / "examples/array/array.toml", "--dialect", "hspice")
    assert said.code == 2
    assert "--dialect = 'hspice': must be one of ngspice, xyce" in said.err
