"""Transistor libraries of others: what is read, what is refused, what goes into the netlist."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from unit.builders import experiment

from mtjspice.errors import InputError
from mtjspice.netlist import build_deck
from mtjspice.netlist.cards import LATCH_TRANSISTORS, read_card
from mtjspice.netlist.golden import golden_experiments
from mtjspice.netlist.library import LEVELS, Library
from mtjspice.netlist.nodes import is_node
from mtjspice.netlist.spice_dialect import definition_lines
from mtjspice.netlist.statements import INSTANCE, MODEL_TYPES, RESERVED
from mtjspice.spec import GatedCell, SenseAmplifier, Technology, TransientRead, Transistor
from mtjspice.spec.base import is_path
from mtjspice.units import parse_quantity

NCH = Transistor(model="nch", width=1e-6, length=1e-7)
MODEL = ".model nch nmos level=14 version=4.8.2 vth0=0.5"
PLAIN = f".lib tt\n{MODEL}\n.endl tt\n"


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "own.lib"


def read(path: Path, text: str | bytes, corner: str = "tt"):
    """The card of a library of this text."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_card(Technology(card=str(path), corner=corner))


def written(card) -> str:
    """The models of a card as they stand in netlists."""
    return "\n".join(definition_lines(card.models.values()))


def refusal(path: Path, text: str | bytes, corner: str = "tt") -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, text, corner)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_section_becomes_its_models_written_anew(path):
    assert written(read(path, f"* title\n{PLAIN}")) == MODEL


WAYS = {
    "capitals": PLAIN.upper(),
    "mixed": ".LiB Tt\n.MoDeL NCH NMOS LEVEL=14 Version=4.8.2 Vth0=0.5\n.EndL",
    "quoted name": PLAIN.replace(".lib tt", ".LIB 'tt'"),
    "doubly quoted name": PLAIN.replace(".lib tt", '.lib "TT"').replace("endl tt", "endl 'tt'"),
    "tabs": PLAIN.replace(" ", "\t"),
    "blanks": PLAIN.replace(" ", "   ").replace("=", " = "),
    "before lines": PLAIN.replace("\n", "\n \t "),
    "parentheses": PLAIN.replace("level", "(level").replace("0.5", "0.5)"),
    "parentheses at once": PLAIN.replace(" level", "(level").replace("0.5", "0.5 )"),
    "commas": PLAIN.replace(" v", ", v"),
    "continued": PLAIN.replace(" v", "\n+v"),
    "continued far away": PLAIN.replace(" v", "\n\n* one\n \t\n $ two\n ; three\n  + v"),
    "continued in the middle": PLAIN.replace("=", "\n+ =\n+"),
    "comments at the ends": PLAIN.replace("\n", " $ .control\n"),
    "semicolons": PLAIN.replace("\n", ";.control\n"),
    "slashes": PLAIN.replace("\n", " // .option scale=1\n"),
    "before a comma": PLAIN.replace("0.5", "0.5,$ .control"),
    "before the section": f"* one\n\n \n{PLAIN}",
    "behind the section": f"{PLAIN}\n* shell\n$ shell\n",
    "comments that are commands": PLAIN.replace(".endl", "*# shell touch X\n*#.control\n.endl"),
    "other sections": f".lib ff\n{MODEL.replace('0.5', '0.3')}\n.endl\n{PLAIN}.lib ss\n.endl ss",
    "parameters": PLAIN.replace("vth0=0.5", "vth0='x'\n.param x = {y*2} z=7\n.param y=0.25"),
    "subcircuits": PLAIN.replace(".endl", ".subckt s a b\nR1 a b 1k\n.ends s\n.endl"),
    "other models": PLAIN.replace(".endl", ".model d1 d is=1f\n.endl"),
    "without an end of line": PLAIN.rstrip(),
    "without sections": MODEL,
}


@pytest.mark.parametrize("text", WAYS.values(), ids=WAYS)
def test_what_is_written_otherwise_reads_the_same(path, text):
    text = written(read(path, text))
    assert text in {MODEL, MODEL.replace("vth0=0.5", "vth0=0.5")}


@pytest.mark.parametrize(
    "encoded",
    [
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        b"\xff\xfe" + PLAIN.encode("utf-16-le"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        ("* µ Ω\n" + PLAIN).encode(),
    ],
    ids=["CRLF", "CR", "BOM", "UTF-16", "UTF-16 the other way", "letters in a comment"],
)
def test_other_encodings_read_the_same(path, encoded):
    assert written(read(path, encoded)) == MODEL


def inside(*lines: str) -> str:
    """The plain library with lines in its section."""
    return PLAIN.replace(".endl", "\n".join(lines) + "\n.endl")


def in_subcircuit(*lines: str) -> str:
    return inside(".subckt s a b", *lines, ".ends")


COMMANDS = [
    ".control", ".CONTROL", "\t.Control", ".control shell", ".endc", ".option gmin=1e-3",
    ".OPTIONS reltol=1", ".option scale=1u", ".opt scale=1u", ".temp 100", ".global a",
    ".if (1)", ".func f(x) {x}", ".end", ".csparam x=1", ".meas tran a max v(1)", ".measure x",
    ".save all", ".print v(1)", ".probe v(1)", ".plot v(1)", ".exec x", ".tran 1n 1u",
    ".dc v1 0 1 1", ".ac dec 1 1 2",
    ".op", ".noise v(1) v 1", ".four 1 v(1)", ".ic v(1)=1", ".nodeset v(1)=1",
    ".spiceinit", ".load x", ".codemodel x", ".pre_osdi x", ".osdi x", ".hdl x", ".verilog x",
    ".title x", ".width out=80", ".", "..", ".modelx", ".libs", ".paramx a=1", ".parameters a=1",
    ".protect", ".unprotect", ".data x", ".alter", ".step param x 1 2 1", ".sens v(1)", ".pss 1 2",
    ".disto dec 1 1 2", ".pz 1 0 2 0 cur pol", ".tf v(1) v", ".inccard x", "shell touch X",
    "touch X", "R1 a b 1k", "V1 a 0 1", "M1 d g s b nch w=1u l=1u", "X1 a b s", "A1 a b c",
    "N1 a b c", "B1 a 0 v=1", "system touch X", "`touch X`", "!touch X", "@X", "#X", "%X", ",",
    ";;\n=", "=", "(", "'x'", '"x"', "{x}", "1", "é", "a\0b", "a\x1bb", "a\x0cb", "ﬁ",
    ".model\xa0x",
]  # fmt: skip


@pytest.mark.parametrize("line", COMMANDS)
@pytest.mark.parametrize("where", ["used", "unused", "outside", "subcircuit", "included"])
def test_a_line_that_is_not_allowed_is_refused_wherever_it_stands(path, line, where):
    if (where == "subcircuit" and line[0] in "RVMXBvmsS") or "nodeset" in line:
        line = "A1 [a] [b] filesource"
    text = {
        "used": inside(line),
        "unused": f"{PLAIN}.lib ff\n{line}\n.endl\n",
        "outside": f"{line}\n{PLAIN}",
        "subcircuit": in_subcircuit(line),
        "included": inside(".include 'more.inc'"),
    }[where]
    more = path.with_name("more.inc")
    more.write_text(f"* first\n{line}\n")
    error = refusal(path, text)
    assert error.source == str(more if where == "included" else path)
    number = {"used": 3, "unused": 5, "outside": 1, "subcircuit": 4, "included": 2}[where]
    assert re.fullmatch(r"line \d+", error.key)
    assert int(error.key[5:]) - number in {0, 1}  # a ;; line has its words on the next


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (".option scale=1u", "lengths must be in metres"),
        (".options gmin=1", "the spec says tolerances"),
        (".temp 3", "the spec says the temperature"),
        (".control", "commands are run on this machine"),
        (".lib a b c", "must be .lib NAME or .lib FILE SECTION"),
        (".lib", "must be .lib NAME"),
        (".lib a/b", "must be .lib NAME"),
        (".lib ff", "stands inside of a section"),
        (".ends", "there is no .subckt that it closes"),
        (".ends s", "there is no .subckt that it closes"),
        (".include", "must name one file"),
        (".include a b", "must name one file"),
        (".include 'a", "must name one file"),
        ('.include "a" "b"', "quotes do not belong there"),
        (".include missing.inc", "cannot be read"),
        (".include .", "it is a folder"),
        (".lib missing.lib tt", "cannot be read"),
        (".model", "must be .model NAME TYPE"),
        (".model x", "must be .model NAME TYPE"),
        (".model x nmosx a=1", "of the types c, csw, d"),
        (".model x filesource file=/etc/passwd", "of the types"),
        (".model x d_source(input_file='x')", "of the types"),
        (".model x table2d(file='x')", "of the types"),
        (".model x ako: nch nmos", "of the types"),
        (".model 1x nmos", "must be .model NAME TYPE"),
        (".model $x nmos", "must be .model NAME TYPE"),
        (".model x.1/../y nmos", "must be .model NAME TYPE"),
        ('.model x d (level="shell")', "level must be a number or an expression"),
        (".model x nmos (level=1", "is not NAME=VALUE"),
        (".model x nmos level", "is not NAME=VALUE"),
        (".model x nmos level=", "is not NAME=VALUE"),
        (".model x nmos =1", "is not NAME=VALUE"),
        (".model x nmos level==1", "level must be a number"),
        (".model x nmos a=1 b c=2", "is not NAME=VALUE"),
        (".model x nmos level=1 level=2", "level is given twice"),
        (".model x nmos a=b+ 1", "is not NAME=VALUE"),
        (".model x nmos a=`id`", "quotes do not belong there"),
        (".model x nmos a=1\\n", "does not belong there"),
        (".model x nmos vth0=profile", "can read a file"),
        (".model x nmos version='shell'", "must be digits and points"),
        (".model nch pmos", "nch is in"),
        (".MODEL NCH pmos", "line 2, already"),
        (".param", ""),
        (".param x", "is not NAME=VALUE"),
        (".param f(x)=1", "is not NAME=VALUE"),
        (".param x='1' x='2'", "x is given twice"),
        (".param x=1\n.param X=2", "x is in"),
        (".subckt", "must be .subckt NAME NODE"),
        (".subckt s", "must be .subckt NAME NODE"),
        (".subckt s a w", ".endl"),
        (".subckt s a\n.endl", "stands inside of a subcircuit"),
        (".subckt s a w=", "is not NAME=VALUE"),
        (".subckt s a 'b'", "must be .subckt NAME NODE"),
        (".subckt s a\n.ends t", "does not close .subckt s of line 3"),
        (".subckt s a\n.subckt t b\n.ends s\n.ends t", "does not close .subckt t of line 4"),
        (".subckt s a\n.include more.inc\n.ends", "stands inside of a subcircuit"),
        (".subckt s a\n.lib x tt\n.ends", "stands inside of a subcircuit"),
        (".subckt s a\n.endl\n.ends", "stands inside of a subcircuit"),
        (".subckt s a\n.param temper=1\n.ends", "temper has a meaning of its own"),
        (".subckt s a\n.model x filesource\n.ends", "of the types"),
        (".subckt s a\nV1 a 0 pwlfile=x\n.ends", "can read a file"),
        (".subckt s a\nB1 a 0 v=table(v(a),1,2)\n.ends", "can read a file"),
        (".subckt s a\nR1 a 0 'x' \"y\"\n.ends", "does not belong there"),
        (".subckt s a\nR1 a 0 `id`\n.ends", "quotes do not belong there"),
        (".subckt s a\nR1 a 0 @x[y]\n.ends", "does not belong there"),
        (".subckt s a\nU1 a\n.ends", "elements of a subcircuit may begin with B C D"),
    ],
)  # fmt: skip
def test_a_refusal_says_the_line_and_why(path, line, why):
    if line == ".param":
        assert written(read(path, inside(line))) == MODEL
        return
    error = refusal(path, inside(line))
    assert re.fullmatch(r"line [3-6]", error.key)
    assert why in error.allowed
    assert str(path) in str(error)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("+ level=1\n" + PLAIN, "there is nothing to continue"),
        (".endl\n" + PLAIN, "there is no .lib that it closes"),
        (PLAIN.replace(".endl tt", ".endl ff"), "does not close .lib tt of line 1"),
        (PLAIN.replace(".endl tt", ""), "is not closed by .endl"),
        (PLAIN + PLAIN, "there is a section of this name already"),
        (PLAIN + PLAIN.upper(), "there is a section of this name already"),
        (PLAIN + ".lib", "must be .lib NAME"),
    ],
)
def test_a_library_whose_sections_are_not_whole_is_refused(path, text, why):
    assert why in refusal(path, text).allowed


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("level", "level\n+ .control\n+"),
        PLAIN.replace("vth0=0.5", "vth0=0.5\n+\n+.control"),
        PLAIN.replace(".lib tt\n", ".lib tt\n+ .control\n"),
        PLAIN.replace("vth0=0.5", "vth0=0.5\n* gap\n+ .include /etc/passwd"),
    ],
)
def test_a_command_behind_a_plus_is_refused(path, text):
    assert re.fullmatch(r"line [1-4]", refusal(path, text).key)


def test_text_of_a_comment_never_reaches_the_netlist(path):
    text = inside("*# shell touch X", "* `x`", ".model d1 d is=1f ; shell").replace(
        "0.5", "0.5 $ shell"
    )
    assert written(read(path, text)) == MODEL


NO_LIBRARY = [
    "root:x:0:0:secret", "secret", "key = 'secret'", "R1 a b secret", "secret\n+ more", "sécret",
    'a "secret" "', "{secret",
]  # fmt: skip


@pytest.mark.parametrize("line", NO_LIBRARY)
def test_content_of_a_file_that_is_no_library_is_not_told(path, line):
    error = refusal(path, f"{line}\nmore:secret\n")
    assert error.key == "line 1"
    assert "cret" not in str(error).replace(str(path), "")
    assert error.value is None
    if line.startswith(("root", "R1", "{")):
        assert error.allowed.startswith("not a statement of a transistor library")


def test_binary_content_is_refused(path):
    assert refusal(path, bytes(range(256)) * 10).key
    assert "only ASCII" in refusal(path, PLAIN.replace("0.5", "0.5\0")).allowed
    assert "UTF-8" in refusal(path, PLAIN.encode() + b"* \xb5\n").allowed


# Parameters and numbers.


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_parameter_may_not_change_what_a_name_means(path, name):
    assert f"{name} has a meaning of its own" in refusal(path, inside(f".param {name}=1")).allowed


SAME = {
    "3*0.25": 0.75, "a+b*c": 2 + 3 * 4.0, "(a+b)*c": 20.0, "a-b-c": -5.0, "c/b/a": 4 / 3 / 2,
    "c/b*a": 8 / 3, "2*-3": -6.0, "-a**2": -4.0, "-a*b": -6.0, "2**0.5": 2**0.5, "a**(-2)": 0.25,
    "1u*100meg": 100.0, "45nm*1e9": 45.0, "1M": 1e-3, "2.5e-006": 2.5e-6, ".5*4": 2.0, "5.*4": 20.0,
    "1e-3k": 1.0, "5g": 5e9, "3t/1t": 3.0, "1xyz": 1.0, "2f*1e15": 2.0,
    "1e3v": 1e3, "((a))": 2.0, " a + b ": 5.0, "- a": -2.0, "+a": 2.0, "10p/1p": 10.0,
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SAME.items())
def test_an_expression_comes_to_its_number(path, text, value):
    section = inside(".param a=2 b=3 c=4").replace("vth0=0.5", f"vth0='{text}' k1={{{text}}}")
    values = dict(re.findall(r"(\w+)=(\S+)", written(read(path, section))))
    for name in ("vth0", "k1"):
        factor = {"1M": 1e-3, "5g": 1e9, "1xyz": 1, "1e-3k": 1, "1e3v": 1e3}.get(text)
        if factor is None:
            assert float(values[name]) == pytest.approx(value, rel=1e-14)
        else:
            assert values[name] == text.lower()


@pytest.mark.ngspice
def test_ngspice_evaluates_expressions_to_the_same_numbers(tmp_path):
    lines = [f"V{k} n{k} 0 {{{text}}}" for k, text in enumerate(SAME)]
    prints = " ".join(f"v(n{k})" for k in range(len(SAME)))
    deck = ["* numbers", ".param a=2 b=3 c=4", *lines, ".op", ".control", "set numdgt=14", "run",
            f"print {prints}", ".endc", ".end"]  # fmt: skip
    said = plain_ngspice("\n".join(deck), tmp_path)
    found = {int(k): float(v) for k, v in re.findall(r"^v\(n(\d+)\) = (\S+)$", said, re.M)}
    assert [found[k] for k in range(len(SAME))] == pytest.approx(list(SAME.values()), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x", "'x' is no parameter of this section"),
        ("temper", "'temper' is no parameter"),
        ("loop1", "loop1 depends on itself"),
        ("1/0", "divides by zero"),
        ("1/zero", "divides by zero"),
        ("1e999", "comes to no finite number"),
        ("1a", "'1a' is not expected there"),
        ("1e300*1e300", "comes to no finite number"),
        ("10**1000", "comes to no finite number"),
        ("0**(-1)", "comes to no finite number"),
        ("(-2)**2", "of negative numbers"),
        ("2**3**2", "powers of powers"),
        ("2**-1", "is not expected there"),
        ("agauss(0,1,1)", "the function agauss is not evaluated"),
        ("sqrt(2)", "the function sqrt is not evaluated"),
        ("1 2", "'2' is not expected there"),
        ("a b", "'b' is not expected there"),
        ("(1", "a parenthesis is not closed"),
        ("1)", "')' is not expected there"),
        ("1+", "its end"),
        ("", "its end"),
        ("*2", "'*' is not expected there"),
        ("1mil", "is not expected there"),
        ("1e", "is not expected there"),
        ("a>1", "is not arithmetic"),
        ("2^3", "is not arithmetic"),
        ("a ? 1 : 2", "is not arithmetic"),
        ("1d3", "is not expected there"),
        ("1.2.3", "is not expected there"),
        ("(" * 100 + "1" + ")" * 100, "parentheses inside each other"),
        ("1" + "+1" * 1000, "at most 1000 are read"),
        ("-" * 500 + "1", "is not expected there"),
    ],
)
def test_what_comes_to_no_number_is_refused_by_name(path, text, why):
    parameters = ".param a=2 zero='1-1' loop1='loop2+1' loop2='loop1'"
    error = refusal(path, inside(parameters).replace("vth0=0.5", f"vth0='{text}'"))
    assert error.key == "line 2" or "loop" in text
    assert why in error.allowed
    assert ("loop" if "loop" in text else "vth0") in error.allowed


def test_a_long_chain_of_parameters_is_refused(path):
    chain = " ".join(f"p{k}='p{k + 1}+0'" for k in range(100))
    assert "depends on itself, or on" in refusal(
        path, inside(f".param {chain} p100=1").replace("0.5", "p0")
    ).allowed  # fmt: skip


def test_parameters_of_other_sections_are_not_known(path):
    text = f".param x=1\n.lib ff\n.param y=1\n.endl\n{PLAIN}"
    for name in "xy":
        assert "no parameter" in refusal(path, text.replace("0.5", f"'{name}'")).allowed


# Parameters of models.


@pytest.mark.parametrize("name", sorted(INSTANCE))
@pytest.mark.parametrize("channel", ["nmos", "pmos"])
def test_what_belongs_to_a_transistor_is_refused_in_a_model(path, name, channel):
    error = refusal(path, inside(f".model x {channel} level=1 {name.upper()}=72"))
    assert (error.key, error.source) == ("line 3", str(path))
    assert error.allowed == f"{name} is a transistor's own: {INSTANCE[name]}"
    assert written(read(path, inside(f".model x d {name}=0.5"))) == MODEL  # m of a diode is its own


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("model", "value"),
    [("level=1", "temp=99"), ("level=1", "dtemp=72"), ("level=14", "delvt0=0.1"),
     ("level=14", "mulu0=0.5"), ("level=14", "nf=3"), ("level=14", "ad=1")],
)  # fmt: skip
def test_ngspice_takes_a_transistors_parameters_from_its_model(tmp_path, model, value):
    assert current(tmp_path, f"{model} {value}") != current(tmp_path, model)


def test_what_bsim_calls_a_models_own_is_read(path):
    text = PLAIN.replace("vth0=0.5", "vth0=0.5 geomod=0 rgeomod=1 rbdb=15 ngcon=1 xgw=0 lmin=1u")
    assert "rgeomod=1 rbdb=15 ngcon=1 xgw=0 lmin=1u" in written(read(path, text))


@pytest.mark.parametrize(
    "level", ["14k", "1meg", "-5", "1.9", "0", "7", "11", "15", "44", "60", "72", "99", "1e300"]
)
def test_a_level_that_ngspice_lacks_is_refused(path, level):
    error = refusal(path, PLAIN.replace("level=14", f"level={level}"))
    assert (error.key, error.source) == ("line 2", str(path))
    assert f"level = {level} must be one that SPICE has: 1, 2, 3" in error.allowed


@pytest.mark.parametrize("version", ["9" * 900, "4.8.2.1.1", ".", "4.", "4..8", "1234", "4.8a"])
def test_a_version_of_another_form_is_refused(path, version):
    error = refusal(path, PLAIN.replace("4.8.2", version))
    assert (error.key, error.source) == ("line 2", str(path))
    assert "must be digits and points" in error.allowed


MODELS = [f"level={level}" for level in LEVELS] + [
    "level=8 version=3.0", "level=49 version=3.1", "level=8 version=3.2.4", "level=14 version=4.5",
]  # fmt: skip


@pytest.mark.ngspice
@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_shifts_where_ngspice_has_delvto(path, tmp_path, model):
    assert current(tmp_path, model) is not None or model == "level=73"  # it wants more parameters
    shifts = read(path, f".model nch nmos {model}").shifts
    shifted = current(tmp_path, model, "delvto=0.1")
    assert (shifted is not None and shifted != current(tmp_path, model)) is shifts


def current(folder: Path, model: str, own: str = "") -> float | None:
    """What flows through one transistor; None where ngspice has none."""
    lines = ["* one transistor", f".model nch nmos {model}", f"M1 d g 0 0 nch w=10u l=1u {own}",
             "Vd d 0 1", "Vg g 0 1.2", ".op", ".control", "set numdgt=14", "run", "print i(vd)",
             ".endc", ".end"]  # fmt: skip
    (folder / "one.cir").write_text("\n".join(lines))
    command = ["ngspice", "-n", "-b", "one.cir"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(r"^i\(vd\) = (\S+)$", done.stdout, re.M)
    return float(found[1]) if found else None


# Includes.


def tree(path: Path, **files: str) -> None:
    for name, text in files.items():
        file = path.parent / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize(
    "line",
    [
        ".include more.inc", ".INCLUDE 'more.inc'", '.inc "more.inc"', ".include ./more.inc",
        ".include down/../more.inc", ".lib more.lib ff", ".LIB 'more.lib' FF",
        ".lib 'more.lib' 'ff'",
        ".include 'a b.inc'", ".include down/deep.inc", ".lib own.lib ff",
    ],
)  # fmt: skip
def test_files_of_the_folder_are_included(path, line):
    tree(path, more_inc=MODEL, more_lib=f".lib FF\n{MODEL}\n.endl\n.lib tt\n.endl\n",
         down__deep_inc=".include '../more.inc'")  # fmt: skip
    path.with_name("a b.inc").write_text(MODEL)
    text = f".lib tt\n{line}\n.endl\n.lib ff\n{MODEL}\n.endl\n"
    assert written(read(path, text)) == MODEL


def test_a_link_to_the_library_is_followed_to_its_folder(path, tmp_path):
    tree(path, more_inc=MODEL)
    path.write_text(".lib tt\n.include more.inc\n.endl\n")
    other = tmp_path / "other" / "linked.lib"
    other.parent.mkdir()
    other.symlink_to(path)
    assert written(read_card(Technology(card=str(other)))) == MODEL
    (tmp_path / "other" / "beside.inc").write_text(MODEL)  # beside the link, not the library
    path.write_text(".lib tt\n.include ../other/beside.inc\n.endl\n")
    with pytest.raises(InputError, match="only files in the library's folder"):
        read_card(Technology(card=str(other)))


def test_a_link_to_a_library_in_a_folder_beside(tmp_path):
    for folder in ("proj", "pdk"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pdk" / "main.lib").write_text('.lib tt\n.include "sub.lib"\n.endl\n')
    (tmp_path / "pdk" / "sub.lib").write_text(MODEL)
    link = tmp_path / "proj" / "my.lib"
    link.symlink_to("../pdk/main.lib")
    assert written(read_card(Technology(card=str(link)))) == MODEL


@pytest.mark.parametrize(
    "line",
    [
        ".include /etc/passwd", ".include ../outside.inc", ".include '../outside.inc'",
        ".include linked.inc", ".include down/../../outside.inc", ".include linked/outside.inc",
        ".lib ../outside.inc tt", ".lib /etc/passwd tt", ".lib linked.inc tt",
    ],
)  # fmt: skip
def test_files_elsewhere_are_not_included(tmp_path, line):
    path = tmp_path / "library" / "own.lib"
    path.parent.mkdir()
    (path.parent / "down").mkdir()
    (tmp_path / "outside.inc").write_text(MODEL)
    (path.parent / "linked.inc").symlink_to(tmp_path / "outside.inc")
    (path.parent / "linked").symlink_to(tmp_path)
    error = refusal(path, inside(line))
    assert "only files in the library's folder" in error.allowed
    assert error.key == "line 3"


@pytest.mark.parametrize(
    "files",
    [
        {"own_lib": ".lib tt\n.lib own.lib tt\n.endl"},
        {"own_lib": ".lib tt\n.lib more.lib tt\n.endl",
         "more_lib": ".lib tt\n.lib own.lib tt\n.endl"},
        {"own_lib": ".include own.lib"},
        {"own_lib": ".include more.inc", "more_inc": ".include third.inc",
         "third_inc": ".include more.inc"},
    ],
)  # fmt: skip
def test_loops_of_includes_are_refused(path, files):
    tree(path, **files)
    assert refusal(path, path.read_text()).allowed == "includes itself"


def test_too_many_includes_are_refused(path):
    tree(path, a_inc=".param a=1", **{f"i{k}_inc": f".include i{k + 1}.inc" for k in range(50)})
    assert "20 deep" in refusal(path, ".include i0.inc").allowed
    tree(path, e_inc="* empty\n")
    assert "at most 200 files" in refusal(path, ".include e.inc\n" * 201 + MODEL).allowed
    many = {f"w{k}_inc": f".include w{k + 1}.inc\n" * 10 for k in range(15)}
    tree(path, w15_inc="", **many)
    assert "at most 200 files" in refusal(path, ".include w0.inc").allowed


def test_an_included_file_is_read_as_strictly(path):
    tree(path, more_inc=f"{MODEL}\n.option scale=1\n")
    error = refusal(path, ".lib tt\n.include more.inc\n.endl")
    assert (error.source, error.key) == (str(path.with_name("more.inc")), "line 2")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (".include more.lib", "the file has sections (ff, ss): name one"),
        (".lib more.lib tt", "the file has ff, ss"),
        (".lib more.inc tt", "the file has no sections"),
        (".include pipe", "it is a pipe"),
        (".include 'more.inc\0'", "only ASCII"),
    ],
)
def test_an_include_that_fits_nothing_is_refused(path, line, why):
    tree(path, more_lib=".lib ff\n.endl\n.lib ss\n.endl", more_inc=MODEL)
    os.mkfifo(path.with_name("pipe"))
    assert why in refusal(path, inside(line)).allowed


def test_includes_of_sections_that_are_not_asked_for_are_not_followed(path):
    assert written(read(path, f"{PLAIN}.lib ff\n.include missing.inc\n.endl\n")) == MODEL


def test_an_included_file_that_was_changed_is_read_again(path):
    tree(path, more_inc=MODEL)
    before = written(read(path, ".lib tt\n.include more.inc\n.endl"))
    tree(path, more_inc=MODEL.replace("0.5", "0.55"))
    assert written(read_card(Technology(card=str(path)))) != before
    path.with_name("more.inc").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        read_card(Technology(card=str(path)))


def test_a_library_without_sections_is_for_the_default_corner_alone(path):
    assert written(read(path, MODEL)) == MODEL
    error = refusal(path, MODEL, corner="ff")
    assert error.key == "corner"
    assert "leave corner out" in error.allowed


# Large ones.


def test_large_libraries_are_read_or_refused(path):
    assert written(read(path, "* comment\n" * 1_000_000 + PLAIN)) == MODEL
    assert written(read(path, PLAIN.replace("level", "\n+ " * 100_000 + "level"))) == MODEL
    assert "at most" in refusal(path, PLAIN.replace("0.5", "0.5" + "\n+ x=1" * 100_000)).allowed
    assert "at most" in refusal(path, "w" * 250_000).allowed
    assert refusal(path, "'" * 150_000).key == "line 1"
    assert refusal(path, ".model x nmos a=" + "{" * 150_000).key == "line 1"
    assert refusal(path, ".subckt s a\nR1 " + "a" * 150_000 + '"').key == "line 2"
    assert "is larger" in refusal(path, "*" * (16 * 2**20 + 1)).allowed


# Names.


def test_every_node_of_ours_is_known_as_one():
    made = dict(golden_experiments())
    latched = SenseAmplifier()
    made["latched"] = experiment(
        periphery=latched, analysis=TransientRead(), crossbar={"cell": GatedCell()}
    )
    for one in made.values():
        text = build_deck(one).text.replace("\n+ ", " ")
        for pins in re.findall(r"^[mM]\S+ (\S+ \S+ \S+ \S+) ", text, re.M):
            assert [node for node in pins.split() if not is_node(node)] == []


@pytest.mark.parametrize("name", ["bulk", "BULK", "x0_0", "wlon", "sl0_0", "bl12_3", "t", "vdd"])
def test_a_model_with_the_name_of_a_node_is_refused(path, name):
    error = refusal(path, f".lib tt\n.model {name} nmos level=14\n.endl")
    assert (error.key, error.value) == ("model", name.lower())
    assert "name of a node" in error.allowed


@pytest.mark.parametrize("name", ["off", "OFF", "thermal", "tnodeout", "off.1", "cut.off"])
def test_a_model_with_the_name_of_a_flag_is_refused(path, name):
    error = refusal(path, f".lib tt\n.model {name} nmos level=14\n.endl")
    assert (error.key, error.value) == ("model", name.lower())
    assert "is a flag" in error.allowed


@pytest.mark.parametrize("name", ["cutoff", "off_1", "thermal_n"])
def test_a_model_whose_name_only_holds_a_flag_is_read(path, name):
    assert list(read(path, PLAIN.replace("nch", name)).channels) == [name]


@pytest.mark.parametrize("name", ["nmos_33", "NMOS_VTG", "sky130_fd_pr__nfet_01v8__model.0"])
def test_names_of_models_in_use_are_no_nodes(name):
    assert not is_node(name.lower())


def latched(technology: Technology, access: str = "nmos_12", **sense):
    access = Transistor(model=access, width=1e-6, length=1e-6)
    return experiment(
        crossbar={"cell": GatedCell(access=access)}, technology=technology,
        periphery=SenseAmplifier(**sense), analysis=TransientRead(),
    )  # fmt: skip


def test_two_models_of_one_name_in_a_netlist_are_refused(path):
    from mtjspice.netlist.identity import inputs_digest  # noqa: PLC0415

    read(path, PLAIN.replace("nch", "nmos_12"))
    for use in (build_deck, inputs_digest):
        with pytest.raises(InputError, match="is another model in") as caught:
            use(latched(Technology(card=str(path))))
        assert caught.value.value == "nmos_12"
    build_deck(latched(Technology(card="cmos12_bsim4")))


def test_the_latchs_transistors_are_those_of_its_subcircuit(repository):
    text = (repository / "models" / "periphery.lib").read_text()
    sizes = dict(
        re.findall(r"(\w+)=(\S+)", re.search(r"^\.subckt sense_strongarm.*$", text, re.M)[0])
    )
    body = re.search(r"^\.subckt sense_strongarm.*?^\.ends", text, re.M | re.S)[0]
    found = {
        (model, parse_quantity(sizes[width], "m"))
        for model, width in re.findall(r"^m\S+ .* (\wmos_12) w=\{(\w+)\} l=\{l\}$", body, re.M)
    }
    assert {(t.model, t.width) for t in LATCH_TRANSISTORS} == found
    assert {t.length for t in LATCH_TRANSISTORS} == {parse_quantity(sizes["l"], "m")}


def test_a_latchs_card_must_have_its_sizes(path):
    text = ".lib tt\n.model nmos_12 nmos level=14 lmin=60n\n.model pmos_12 pmos level=14\n.endl"
    read(path, text)
    with pytest.raises(InputError, match=r"the card is for nmos_12 \(lmin=6e-08\)"):
        build_deck(latched(Technology(card="cmos33_bsim4"), access="nmos_33", card=str(path)))


# Bins.

BINS = """\
.lib tt
.model nch.1 nmos level=14 lmin=0.1u lmax=0.5u wmin=1u wmax='5*unit' vth0=0.1
.model nch.2 nmos level=14 lmin=0.5u lmax=2u wmin=1u wmax=5u vth0=0.2
.model nch.3 nmos level=14 lmin=0.1u lmax=0.5u wmin=5u wmax=100u vth0=0.3
.model nch.four nmos level=14 lmin=0.1u lmax=100u wmin=0.1u wmax=1 vth0=0.4
.model nch.5 nmos level=14 lmin=0.1u vth0=0.5
.model pch pmos level=14 lmin=0.1u lmax=0.5u
.param unit=1u
.endl
"""


def named(path: Path, model: str, width: float, length: float) -> str:
    card = read(path, BINS)
    transistor = Transistor(model=model, width=width, length=length)
    card.check(transistor)
    return card.named(transistor)


@pytest.mark.parametrize(
    ("width", "length", "name"),
    [
        (1e-6, 1e-7, "nch.1"),
        (2e-6, 3e-7, "nch.1"),
        (4.999e-6, 4.999e-7, "nch.1"),
        (2e-6, 5e-7, "nch.2"),  # lmin <= L < lmax
        (5e-6, 3e-7, "nch.3"),
        (2e-6, 2e-6, "nch.2"),  # no bin follows: its end belongs to it
        (100e-6, 1e-7, "nch.3"),
        (5e-6, 1e-6, "nch.2"),
    ],
)
def test_the_bin_of_the_size_is_chosen(path, width, length, name):
    assert named(path, "NCH", width, length) == name
    cell = GatedCell(access=Transistor(model="Nch", width=width, length=length))
    made = experiment(crossbar={"cell": cell}, technology=Technology(card=str(path)))
    lines = re.findall(r"^M.*$", build_deck(made).text.replace("\n+ ", " "), re.M)
    assert len(lines) == 4
    assert all(f" {name} w=" in line for line in lines)


@pytest.mark.parametrize(
    ("model", "width", "length"),
    [
        ("nch", 0.9e-6, 3e-7),
        ("nch", 2e-6, 2.1e-6),
        ("nch", 6e-6, 1e-6),
        ("nch.1", 2e-6, 6e-7),
        ("nch.3", 2e-6, 3e-7),
        ("nch.5", 2e-6, 0.9e-7),
        ("pch", 2e-6, 0.6e-6),
        ("pch", 2e-6, 0.09e-6),
    ],
)
def test_a_size_without_a_bin_is_refused_with_the_ranges(path, model, width, length):
    with pytest.raises(InputError) as caught:
        named(path, model, width, length)
    assert caught.value.key == "length, width"
    assert "the card is for" in caught.value.allowed
    assert (
        "nch.1 (lmin=1e-07, lmax=5e-07, wmin=1e-06, wmax=5e-06), nch.2" in str(caught.value)
    ) is (model == "nch")


def test_a_bin_may_be_asked_for_by_its_name_if_it_has_the_size(path):
    assert named(path, "nch.1", 2e-6, 3e-7) == "nch.1"
    assert named(path, "nch.1", 5e-6, 5e-7) == "nch.1"
    assert named(path, "NCH.FOUR", 2e-6, 3e-7) == "nch.four"


def test_many_bins_are_not_all_listed(path):
    bins = "\n".join(
        f".model nch.{k} nmos level=14 lmin={k}u lmax={k + 1}u wmin=1u wmax=2u"
        for k in range(1, 40)
    )
    read(path, bins)
    with pytest.raises(InputError, match="and 27 more"):
        read_card(Technology(card=str(path))).named(NCH)


def test_a_range_that_is_no_number_is_refused_by_name(path):
    for name in ("lmin", "lmax", "wmin", "wmax"):
        error = refusal(path, BINS.replace(f"{name}=0.1u", f"{name}='x'").replace(
            f"{name}=0.5u", f"{name}='x'").replace(f"{name}=1u", f"{name}='x'").replace(
            f"{name}=5u", f"{name}='x'"))  # fmt: skip
        assert f"{name} = x: 'x' is no parameter" in error.allowed


@pytest.mark.parametrize("comment", ["* range lmin=1e999", "* pelgrom avt_n=-5m"])
def test_a_comment_with_numbers_that_cannot_be_is_refused(path, comment):
    error = refusal(path, f"* one\n{comment}\n{PLAIN}")
    assert (error.key, error.value) == ("line 2", comment)


# What ships, and others' cards.


def test_every_library_of_ours_is_read(repository):
    files = sorted((repository / "models").glob("*.lib"))
    assert len(files) == 6
    for file in files:
        library = Library(file)
        for section in library.main.sections or [None]:
            library.models(section)


def test_a_foundrys_cards_are_read(shared_data):
    files = sorted((shared_data / "freepdk45").glob("*.inc"))
    assert len(files) == 6
    for file in files:
        card = read_card(Technology(card=str(file)))
        assert card.channels == {file.name[:8].lower(): file.name[:4].lower()}
        assert card.shifts
        assert sum(len(model.values) for model in card.models.values()) > 200


def test_model_types_are_spices_own():
    assert not {"filesource", "d_source", "table2d", "table3d", "numd", "nbjt"} & MODEL_TYPES


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cmos33_bsim4", False), ("die20k", False), ("", False), (".", False), ("own.lib", True),
        ("./own", True), ("a/b", True), ("../own", True), ("/own", True), ("own.card.json", True),
    ],
)  # fmt: skip
def test_what_has_a_slash_or_an_ending_is_a_path(name, path):
    assert is_path(name) is path


@pytest.mark.parametrize("name", ["../models/cmos33_bsim4", "./cmos33_bsim4"])
def test_names_of_what_ships_do_not_lead_elsewhere(name, monkeypatch, repository):
    monkeypatch.chdir(repository)
    with pytest.raises(InputError, match="cannot be read"):
        read_card(Technology(card=name))


# Through ngspice: the attacks that were reproduced, and currents.

ATTACKS = {
    "control": [".control", "shell touch {mark}", ".endc"],
    "capitals": [".CONTROL", "shell touch {mark}", ".ENDC"],
    "comment": ["*# shell touch {mark}"],
    "option": [".option gmin=1e-3 reltol=0.5"],
    "temperature": [".temp 120"],
    "parameter": [".param temper=120"],
    "scale": [".option scale=2"],
    "include": [".include {mark}"],
}


@pytest.mark.ngspice
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_library_runs_nothing(path, simulator, tmp_path, attack):
    mark = tmp_path / "elsewhere" / "mark"
    lines = [line.format(mark=mark) for line in ATTACKS[attack]]
    good = ".model nch nmos level=14 version=4.8.2 vth0=0.5 toxe=7n"
    path.write_text("\n".join([".lib tt", good, *lines, ".endl"]))
    made = experiment(
        crossbar={"cell": GatedCell(access=NCH)}, technology=Technology(card=str(path))
    )
    if attack == "comment":
        found = simulator.run([made])[0]
        path.write_text(f".lib tt\n{good}\n.endl")
        assert (found.current == simulator.run([made])[0].current).all()
    else:
        with pytest.raises(InputError) as caught:
            simulator.run([made])
        assert caught.value.key == "line 3"
    assert not mark.exists()


@pytest.mark.ngspice
@pytest.mark.parametrize("corner", ["ff", "nom", "ss"])
@pytest.mark.parametrize("kind", ["NMOS_VTG", "PMOS_VTG"])
def test_models_written_anew_carry_the_same_current(shared_data, tmp_path, kind, corner):
    file = shared_data / "freepdk45" / f"{kind}.{corner}.inc"
    card = read_card(Technology(card=str(file)))
    volts = 1 if kind[0] == "N" else -1
    found = []
    for models in (written(card), f".include '{file}'"):
        lines = [
            "* one transistor", models, f"M1 d g 0 0 {kind} w=1u l=50n", f"Vd d 0 {volts}",
            f"Vg g 0 {volts}", ".op", ".control", "set numdgt=14", "run", "print i(vd) i(vg)",
            ".endc", ".end",
        ]  # fmt: skip
        said = plain_ngspice("\n".join(lines), tmp_path)
        found.append([float(v) for v in re.findall(r"^i\(v[dg]\) = (\S+)$", said, re.M)])
    assert 1e-4 < abs(found[0][0]) < 1e-2
    assert 1e-10 < abs(found[0][1]) < 1e-5  # through the gate: FreePDK45 says toxref twice
    assert found[0] == found[1]


def plain_ngspice(deck: str, folder: Path) -> str:
    """What plain ngspice says to a netlist, without any file of settings."""
    (folder / "deck.cir").write_text(deck)
    command = ["ngspice", "-n", "-b", "deck.cir"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
