"""What `mtjspice spec` says of every key, and its JSON Schema, which takes every example."""

import json
import math
import re
import tomllib
from pathlib import Path

import pytest
from unit.commands import caller
from unit.test_spec_ranges import NUMBERS, kinds_below

from mtjspice.spec.described import KINDS, described, keys_of, meanings, schema_of
from mtjspice.spec.ranges import Within

SPECS = sorted(set().union(*map(kinds_below, KINDS.values())), key=lambda kind: kind.__name__)


def examples(repository: Path) -> list[Path]:
    return sorted((repository / "examples").glob("*/*.toml"))


@pytest.mark.parametrize("kind", SPECS, ids=lambda kind: kind.__name__)
def test_every_key_has_a_meaning(kind):
    keys = keys_of(kind)
    assert [key.name for key in keys] == list(kind.model_fields)
    for key in keys:
        assert len(key.meaning) > 2, key.name
        assert key.allowed
        assert key.default
    assert set(meanings(kind)) == set(kind.model_fields), "of keys that are there, and no others"


def test_every_number_has_a_unit_and_a_range():
    numbers = [(kind, name, bounds) for kind, name, bounds in NUMBERS if kind in SPECS]
    assert len(numbers) > 150
    for kind, name, bounds in numbers:
        (key,) = (key for key in keys_of(kind) if key.name == name)
        assert key.unit, f"{kind.__name__}.{name}"
        assert bounds.says().removeprefix("must be ") in key.allowed
        plain = isinstance(bounds, Within) and bounds.unit != "1"
        assert (key.unit != "no unit") == plain
    units = {(kind.__name__, key.name): key.unit for kind in SPECS for key in keys_of(kind)}
    assert units["Mtj", "ra"] == "Ω·m²"
    assert units["Line", "resistance"] == "Ω"
    assert units["Technology", "temperature"] == "°C"
    assert units["Stimulus", "volts"] == "V"
    assert units["Technology", "card"] == ""


def test_defaults_are_written_as_in_a_file():
    training = {key.name: key.default for key in keys_of(KINDS["training"])}
    assert training["name"] == "required"
    hardware = next(kind for kind in SPECS if kind.__name__ == "Hardware")
    spread = {key.name: key.default for key in keys_of(hardware)}["spread"]
    found = tomllib.loads(f"spread = {spread}")["spread"]
    assert found == {"sigma_ln_rp": 0.05, "sigma_ln_tmr": 0.05, "mismatch": 1.0}


@pytest.mark.parametrize("name", KINDS)
def test_the_words_have_every_key(name):
    lines = described(KINDS[name]).split("\n")
    said = {line.split(" = ")[0] for line in lines if re.match(r"\w+ = ", line)}
    wanted = {key.name for kind in kinds_below(KINDS[name]) for key in keys_of(kind)}
    assert said == wanted
    assert max(map(len, lines)) <= 200


def holds(schema: dict, value, whole: dict) -> bool:
    """Whether a value keeps a JSON Schema, as far as draft 7 is used here; else a KeyError."""
    checks = {
        "type": lambda kind: of_type(value, kind),
        "enum": lambda allowed: value in allowed,
        "const": lambda allowed: value == allowed,
        "anyOf": lambda options: any(holds(one, value, whole) for one in options),
        "allOf": lambda options: all(holds(one, value, whole) for one in options),
        "oneOf": lambda options: sum(holds(one, value, whole) for one in options) == 1,
        "$ref": lambda name: holds(whole["definitions"][name.split("/")[-1]], value, whole),
        "required": lambda names: not isinstance(value, dict) or set(names) <= set(value),
        "minimum": lambda low: isinstance(value, str) or value >= low,
        "maximum": lambda high: isinstance(value, str) or value <= high,
        "pattern": lambda text: not isinstance(value, str) or re.search(text, value) is not None,
        "minItems": lambda count: len(value) >= count,
        "maxItems": lambda count: len(value) <= count,
        "items": lambda one: (
            not isinstance(value, list) or all(holds(one, entry, whole) for entry in value)
        ),
        "properties": lambda known: (
            not isinstance(value, dict)
            or all(holds(known[k], v, whole) for k, v in value.items() if k in known)
        ),
        "additionalProperties": lambda more: (
            more or not isinstance(value, dict) or set(value) <= set(schema["properties"])
        ),
    }
    told = {"title", "description", "default", "$schema", "definitions"}
    order = ["type", *sorted(schema.keys() - told - {"type"})]
    return all(checks[name](schema[name]) for name in order if name in schema)


def of_type(value, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "integer":
            return type(value) is int
        case "number":
            return type(value) in {int, float}
        case "boolean":
            return type(value) is bool
    raise KeyError(kind)


def schema_named_by(path: Path) -> Path:
    """The schema that the first line of a file names."""
    found = re.match(r"#:schema (\S+)\n", path.read_text())
    assert found is not None, path
    return path.parent / found[1]


def test_every_example_keeps_the_schema_that_it_names(repository):
    paths = examples(repository)
    assert len(paths) >= 10
    for path in paths:
        schema = json.loads(schema_named_by(path).read_text())
        assert holds(schema, tomllib.loads(path.read_text()), schema), path


def test_the_schemas_are_those_of_the_specs(repository):
    for name, kind in KINDS.items():
        kept = json.loads((repository / "docs" / "schemas" / f"{name}.json").read_text())
        assert kept == json.loads(json.dumps(schema_of(kind), allow_nan=False))


ARRAY = {
    "crossbar": {"rows": 2, "columns": 2},
    "tile": {"states": ["PA", "AP"]},
    "stimulus": {"volts": [["100mV", 0]]},
}


@pytest.mark.parametrize(
    ("place", "value", "good"),
    [
        ("crossbar.row", {"resistance": "5 Ohm"}, True),
        ("crossbar.row", {"resistance": 5}, True),
        ("crossbar.row", {"resistance": 0}, True),
        ("crossbar.row", {"resistance": 0.001}, False),
        ("crossbar.row", {"resistance": "five"}, False),
        ("crossbar.row", {"resistence": 5}, False),
        ("crossbar.row", {"ends": "three"}, False),
        ("crossbar.rows", 0, False),
        ("crossbar.rows", "4", False),
        ("crossbar.cell", {"mtj": {"tmr0": "150 %"}}, True),
        ("crossbar.cell", {"mtj": {"v_half": math.inf}}, True),
        ("crossbar.cell", {"gates": "row"}, False),
        ("crossbar.cell", {"kind": "gated", "gates": "row"}, True),
        ("crossbar.cell", {"kind": "gated", "pmos": {}}, False),
        ("crossbar.cell", {"kind": "golden"}, False),
        ("technology", {"temperature": "300 K"}, True),
        ("technology", {"temperature": 300}, False),
        ("stimulus.volts", [[0.1, 30]], False),
        ("tile.states", "PA", False),
        ("simulator", {"memory": "4 GiB"}, True),
        ("die", {"defects": [{"kind": "short", "row": 0, "column": 1}]}, True),
        ("die", {"defects": [{"kind": "shorted", "row": 0, "column": 1}]}, False),
        ("crossbar.rows", None, False),
    ],
)
def test_a_schema_takes_what_is_right_and_refuses_what_is_wrong(place, value, good):
    content = json.loads(json.dumps(ARRAY))
    *tables, key = place.split(".")
    table = content
    for name in tables:
        table = table[name]
    table[key] = value
    if value is None:
        del table[key]
    schema = schema_of(KINDS["experiment"])
    assert holds(schema, ARRAY, schema)
    assert holds(schema, content, schema) is good


def test_the_command_lists_kinds_keys_and_schemas(monkeypatch, capsys):
    ask = caller(monkeypatch, capsys)
    listed = ask("spec")
    assert (listed.code, [line.split()[0] for line in listed.out.splitlines()]) == (0, list(KINDS))
    words = ask("spec", "layout")
    assert words.code == 0
    assert "[crossbar.cell.mtj]" in words.out
    schema = ask("spec", "layout", "--schema")
    assert json.loads(schema.out)["title"] == "Layout"


@pytest.mark.parametrize("arguments", [("nothing",), ("nothing", "--schema"), ("--schema",)])
def test_a_kind_that_there_is_not_is_refused(monkeypatch, capsys, arguments):
    answer = caller(monkeypatch, capsys)("spec", *arguments)
    assert answer.code == 2
    assert "there are experiment, die, study" in answer.err
