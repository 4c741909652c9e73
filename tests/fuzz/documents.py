"""JSON, tensors and tables that lie: cards, weights, dies, maps, networks, solutions."""

import gzip
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from fuzz.attack import LARGE, Attack
from fuzz.forge import (
    DELETED,
    changed,
    changed_tensors,
    document,
    originals,
    text_of,
    with_header,
    with_tensors,
)

WEIGHTS, TENSORS = "weights/weights.json", "weights/tiles.safetensors"
CARD, DIES, MAP, NETWORKS = "own.card.json", "dies/dies.json", "map.csv", "out/networks.json"
EVERY = {"card": CARD, "weights": WEIGHTS, "dies": DIES, "networks": NETWORKS}


class _Command:
    """Makes the file of the marker when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        import os  # noqa: PLC0415

        return os.system, ("touch @MARKER@",)


def pickled() -> bytes:
    # The oldest form has its strings in lines, so that the marker's name can be put in.
    return pickle.dumps(_Command(), protocol=0)


def document_attacks() -> Iterator[Attack]:
    """All of them."""
    for kind, name in EVERY.items():
        yield from _malformed(kind, name)
    yield from _cards()
    yield from _weights()
    yield from _tensors()
    yield from _dies()
    yield from _maps()
    yield from _networks()
    yield from _solutions()


def _malformed(kind: str, name: str) -> Iterator[Attack]:
    """What is no JSON, or not this JSON."""
    whole = originals()[name]
    text = whole.decode()
    body = text.rstrip().removesuffix("}")
    texts: dict[str, bytes] = {
        "empty": b"", "only a mark": b"\xef\xbb\xbf", "null": b"null", "a number": b"1",
        "a text": b'"text"', "a list": b"[]", "an empty object": b"{}", "true": b"true",
        "cut off": whole[: len(whole) // 2], "without its last bracket": body.encode(),
        "followed by more": whole + b"{}", "twice": whole + whole,
        "with a comment": b"// x\n" + whole,
        "NUL": bytes(100), "all bytes": bytes(range(256)), "Latin-1": whole.replace(b'"', b'"\xe9',
                                                                                    1),
        "UTF-16 without a mark": text.encode("utf-16-le"), "gzip": gzip.compress(whole),
        "a pickle": pickled(), "nested": b"[" * 100_000,
        "nested and closed": b"[" * 1000 + b"]" * 1000,
        "nested objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
        "with a nested key": (body + ', "more": ' + "[" * 3000 + "]" * 3000 + "}").encode(),
        "with a key twice": (body + ', "format": 1, "format": 2}').encode(),
        "with a long number": (body + ', "more": ' + "9" * 5000 + "}").encode(),
        "with NaN": (body + ', "more": NaN}').encode(), "with half a letter": whole + b"\xc3",
    }  # fmt: skip
    for what, content in texts.items():
        yield Attack(f"{name}: {what}", kind, {name: content})
    # Networks that are not there are trained.
    missing = () if kind == "networks" else ("nowhere", name.rpartition("/")[2])
    for target in ("/dev/zero", "/etc/passwd", "..", *missing):
        yield Attack(f"{name}: a link to {target}", kind, links={name: target})
    yield Attack(f"{name}: a pipe", kind, pipes=(name,))
    yield Attack(f"{name}: larger than any", kind, sizes={name: LARGE})


def _wrong(value: Any) -> Iterator[tuple[str, Any]]:
    """What cannot stand in the place of a value."""
    yield from (("null", None), ("an object", {"a": 1}), ("a list of lists", [[[[[[1]]]]]]))
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield from (("true", True), ("text", "three"), ("NaN", float("nan")), ("inf", float("inf")),
                    ("-1e300", -1e300), ("a long number", int("9" * 4000)))  # fmt: skip
    if isinstance(value, int):
        yield from (("a fraction", 1.7), ("-1", -1), ("2^70", 2**70))
    if isinstance(value, str):
        yield from (("a number", 1), ("true", True))


def _places(content: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a document, and the first entry of every list, with what is there."""
    if isinstance(content, dict):
        for key, value in content.items():
            inner = f"{place}.{key}" if place else key
            yield inner, value
            yield from _places(value, inner)
    elif isinstance(content, list) and content:
        yield f"{place}.0", content[0]
        yield from _places(content[0], f"{place}.0")


MAY_BE_NULL = ("access", "amplifier", "inputs", "groups", "copies", "outlier", "diameters",
               "geometry",
               "equal_signs", "equal_codes", "row", "column", "correction")  # fmt: skip
FREE = ("versions", "units", "loss", "checksum", "study.hardware.spread.diameters")
"""What nothing is computed from, or any text may stand in."""


def _mistyped(kind: str, name: str, top: str = "", every: int = 1) -> Iterator[Attack]:
    """Wrong values at every place, with the right checksums."""
    content = document(name)
    some = list(_places(content[top], top) if top else _places(content))
    count = 0
    for place, value in some:
        if any(part in place.split(".") for part in FREE if "." not in part):
            continue
        for what, wrong in _wrong(value):
            last = place.rpartition(".")[2]
            if wrong is None and (value is None or last in MAY_BE_NULL or last.startswith("new_")
                                  or ".limits." in place or last == "access_current"):  # fmt: skip
                continue
            if value is None or (isinstance(value, str) and not isinstance(wrong, str | dict | list)
                                 and isinstance(wrong,
                                                bool | int) and ".name" in place):  # fmt: skip
                continue
            count += 1
            if count % every == 0:
                forged = text_of(changed(content, place, wrong))
                yield Attack(f"{place}: {what}", kind, {name: forged})


def _cards() -> Iterator[Attack]:
    content = document(CARD)
    yield from _mistyped("card", CARD, "card", every=7)
    for place in ("card.circuit", "card.validity", "card.version", "card.name", "card.data_key",
                  "card.versions", "checksum", "card"):  # fmt: skip
        yield Attack(f"without {place}", "card", {CARD: text_of(changed(content, place, DELETED))})
    plain = json.dumps(content).encode()
    yield Attack("another number, with the old checksum", "card",
                 {CARD: plain.replace(b'"volts": 0.1', b'"volts": 9.1')})  # fmt: skip
    yield Attack(
        "a checksum that is none", "card", {CARD: json.dumps(content | {"checksum": 1}).encode()}
    )
    amplifier = {"input_resistance": 1.0, "gain": 2e3, "zero": 0.0, "clip_low": -1.0,
                 "clip_high": 1.0,
                 "deviation": 0.0}  # fmt: skip
    impossible: dict[str, list[Any]] = {
        "card.validity.volts": [0, -0.1, 1e300],
        "card.validity.cells": [0, -5, 10**30],
        "card.validity.sizes": [[[0, 0]], [[-1, 5]], [[1]], [[15, 15, 15]], [[10**12, 10**12]]],
        "card.validity.shorts": [-0.1, 1.5],
        "card.validity.sigma_ln_rp": [-0.05, 1e300],
        "card.validity.mismatch": [-1.0],
        "card.validity.short_resistance": [0, -100, 1e-300],
        "card.validity.bridge_resistance": [0, -1],
        "card.validity.defects": [["explosion"], ["short", 1], "short"],
        "card.errors.0.rms": [-1.0, 1e300],
        "card.errors.0.p999": [-1.0],
        "card.errors.0.maximum": [-1.0],
        "card.errors.0.reads": [0, -1],
        "card.errors.0.tiles": [0, -1],
        "card.errors.0.equal_signs": [1.5, -0.5],
        "card.planned": [-1, 0],
        "card.version": [2, "1", 1.0, True],
        "card.correction.linear": [0, -1, 1e300],
        "card.correction.mixed": [1e300],
        "card.name": ["", "../../x", "/etc/passwd", "a\nb", "a\0b", "<script>alert(1)</script>",
                      "x" * 5000],
        "card.data_key": ["", "../x", "z" * 64],
        "card.circuit.name": ["../x", "a/b", "\n"],
        "card.circuit.crossbar.rows": [0, -1, 10**9],
        "card.circuit.crossbar.cell.kind": ["gate", "../x"],
        "card.circuit.read_voltage": [0, -1, 1e9],
        "card.amplifier": [amplifier | {"gain": 0}, amplifier | {"gain": -1},
                           amplifier | {"gain": 1e300},
                           amplifier | {"clip_low": 2.0}, amplifier | {"input_resistance": -1},
                           amplifier | {"deviation": -1}, {}],
        "card.access": [{}, {"resistance": []}, {"resistance": [[[]]], "sensitivity": [],
                                                 "current_scale": 1,
                        "potential_scale": 1, "threshold_sigma": []}],
    }  # fmt: skip
    for place, values in impossible.items():
        for value in values:
            forged = text_of(changed(content, place, value))
            yield Attack(f"{place} = {value!r:.60}", "card", {CARD: forged})
    for extra in ("more", "__class__", "constructor"):
        yield Attack(
            f"a key {extra}", "card", {CARD: text_of(changed(content, f"card.{extra}", 1))}
        )


def _weights() -> Iterator[Attack]:
    content = document(WEIGHTS)
    yield from _mistyped("weights", WEIGHTS, every=4)
    for key in content:
        yield Attack(
            f"without {key}", "weights", {WEIGHTS: text_of(changed(content, key, DELETED))}
        )
    plain = json.dumps(content, indent=1).encode()
    yield Attack("another unit, with the old checksum", "weights",
                 {WEIGHTS: plain.replace(b'"unit": 7e-05', b'"unit": 6e-05')})  # fmt: skip
    yield Attack("tensors of other weights", "weights", {TENSORS: originals()[TENSORS] + b" "})
    impossible: dict[str, list[Any]] = {
        "layers.0.g_norm": [0, -2e-4, 1e300, 1e-300, "2e-4"],
        "layers.0.unit": [0, -7e-5, 1e300, 1e-300, "7e-5"],
        "layers.0.outlier": [-1, 1e300],
        "layers.0.inputs": [0, -1, 15, 17, 10**9, "16"],
        "layers.0.outputs": [0, 5, 7, 10**9],
        "layers.0.groups": [0, 3, 10**9],
        "layers.0.copies": [0, 2, 10**9],
        "layers.0.first": [1, -1, 10**9],
        "layers.1.first": [0, 10**9],
        "layers": [[], {}, content["layers"][:1], content["layers"] * 2],
        "features": [[], [20] * 16, list(range(20, 35)), list(range(20, 37)), [-1, *range(21, 36)],
                     [1.7, *range(21, 36)], ["3", *range(21, 36)], [True, *range(21, 36)],
                     [10**9, *range(21, 36)], [10**30, *range(21, 36)]],
        "classes": [[], ["0"] * 10, list("012345678"), list(range(10)), [None] * 10, "0123456789"],
        "key": ["", "../x", "a\nb", "\0", 0, "z" * 64],
        "card": ["", "0" * 64, "../x", 0],
        "data": ["", "something else", "../x", 0],
        "format": ["mtjspice weights 0", "", 1],
        "tiles": ["", "0" * 64, 0],
        "study.name": ["../x", "/etc", "a\nb", "<script>", ""],
        "study.hardware.card": ["/etc/passwd", "../own.card.json", "own.card.json", "nowhere", "",
                                "a\0b",
                                "die20k"],
        "study.hardware.tiles": [0, 1, 10**9],
        "study.hardware.dies": [0, 10**9],
        "study.network.hidden": [[], [7], [6, 6], [10**9]],
        "study.hardware.spread.sigma_ln_rp": [-1, 1e300],
        "study.training.epochs": [0, -1],
    }  # fmt: skip
    for place, values in impossible.items():
        for value in values:
            forged = text_of(changed(content, place, value))
            yield Attack(f"{place} = {value!r:.60}", "weights", {WEIGHTS: forged})
    for extra in ("more", "__class__", "hook"):
        for place in (extra, f"layers.0.{extra}", f"study.{extra}", f"study.hardware.{extra}"):
            forged = text_of(changed(content, place, "x"))
            yield Attack(f"a key {place}", "weights", {WEIGHTS: forged})


def _tensors() -> Iterator[Attack]:
    """Tensors whose checksum is right and whose content is not."""

    def attack(name: str, files: dict[str, bytes]) -> Attack:
        return Attack(f"tensors: {name}", "weights", files)

    from safetensors.numpy import load  # noqa: PLC0415

    arrays = load(originals()[TENSORS])
    states, bias = arrays["layer0.states"], arrays["layer0.bias"]
    two, big = states.copy(), states.copy()
    two[0, 0, 0], big[0, 0, 0] = 2, 255
    nan, huge = bias.copy(), bias.copy()
    nan[0], huge[0] = np.nan, 1e300
    cases: dict[str, Any] = {
        "a state of 2": two, "a state of 255": big, "float states": states.astype(np.float64),
        "signed states": states.astype(np.int8), "true and false": states.astype(bool),
        "no tiles": states[:0], "a tile less": states[:-1], "a tile more": np.concatenate([states,
                                                                                           states]),
        "two axes": states[0], "a row less": states[:, :-1],
        "rows beyond the card": states.repeat(9, axis=1),
        "columns beyond the card": states.repeat(9, axis=2), "four axes": states[None],
        "left out": None,
    }  # fmt: skip
    for name, value in cases.items():
        yield attack(f"states: {name}", changed_tensors(layer0__states=value))
    for name, value in {
        "NaN": nan, "inf": nan * np.inf, "1e300": huge, "too few": bias[:-1],
        "two axes": bias[None],
        "none": bias[:0], "float16": bias.astype(np.float16),
        "whole numbers": bias.astype(np.int64),
        "left out": None,
    }.items():  # fmt: skip
        yield attack(f"bias: {name}", changed_tensors(layer0__bias=value))
    yield attack("one more", changed_tensors(layer9__states=states))
    yield attack("one with a path's name", changed_tensors(**{"../../x": states}))
    entry = b'{"layer0.states":{"dtype":"U8","shape":[%s],"data_offsets":[%s]}}'
    for name, header, length in (
        ("no header", b"", None), ("a header longer than the file", b"{}", 10**6),
        ("a header of 2^63", b"{}", 2**63), ("a header of 2^64-1", b"{}", 2**64 - 1),
        ("a header that is no JSON", b"{{{{", None), ("a header that is a list", b"[]", None),
        ("a nested header", b"[" * 100_000, None), ("an empty header", b"{}", None),
        ("offsets beyond the end", entry % (b"10,15,15", b"0,2250"), None),
        ("offsets that go back", entry % (b"1", b"8,0"), None),
        ("negative offsets", entry % (b"1", b"-1,0"), None),
        ("a huge shape", entry % (b"4294967296,4294967296", b"0,0"), None),
        ("a negative shape", entry % (b"-1", b"0,1"), None),
        ("a shape of zero and much", entry % (b"0,999999999999", b"0,0"), None),
        ("an unknown type", b'{"layer0.states":{"dtype":"X","shape":[0],"data_offsets":[0,0]}}',
         None),
        ("a name twice", b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
                         b'"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}', None),
        ("metadata of another kind", b'{"__metadata__":{"a":1}}', None),
        ("half a letter", b'{"\xc3":1}', None),
    ):  # fmt: skip
        yield attack(name, with_header(header, length=length))
    whole = originals()[TENSORS]
    for name, content in {
        "empty": b"", "a pickle": pickled(), "zip": b"PK\x03\x04" + bytes(100),
        "seven bytes": bytes(7),
        "numpy": b"\x93NUMPY" + bytes(100), "cut off": whole[:-1], "longer": whole + b"x",
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(200), "text": b"states\n", "NUL": bytes(10_000),
    }.items():  # fmt: skip
        yield attack(name, with_tensors(content))
    for target in ("/dev/zero", "/etc/passwd", "..", "nowhere"):
        yield Attack(f"tensors: a link to {target}", "weights", links={TENSORS: target})
    yield Attack("tensors: a pipe", "weights", pipes=(TENSORS,))
    yield Attack("tensors: larger than any", "weights", sizes={TENSORS: LARGE})


def _dies() -> Iterator[Attack]:
    content = document(DIES)
    yield from _mistyped("dies", DIES, every=2)
    impossible: dict[str, list[Any]] = {
        "dies.0.defects": ["/etc/passwd", "../map.csv", "..", ".", "", "a\0b", "nowhere.csv",
                           "/dev/zero",
                           "dies.json", "x" * 5000],
        "dies": [[], {}, None, [1], ["die00.csv"], [[]]],
        "dies.0.sigma_ln_rp": [-0.1, 2, 1e300],
        "dies.0.short_resistance": [0, -1],
        "dies.0.seed": [-1, 2**63, 1.5],
        "dies.0.mismatch": [-1],
        "dies.0.diameters": [{}, {"low": "50um", "high": "40nm"}, {"low": 0, "high": 0}],
        "format": ["mtjspice dies 0", 1, "", None],
    }  # fmt: skip
    for place, values in impossible.items():
        for value in values:
            yield Attack(
                f"{place} = {value!r:.60}", "dies", {DIES: text_of(changed(content, place, value))}
            )
    for place in ("more", "dies.0.more", "dies.0.__class__"):
        yield Attack(f"a key {place}", "dies", {DIES: text_of(changed(content, place, 1))})
    for target in ("/dev/zero", "/etc/passwd", "..", "../last"):
        yield Attack(f"a map that is a link to {target}", "dies", links={"dies/die00.csv": target})
    yield Attack("a map that is a pipe", "dies", pipes=("dies/die00.csv",))


def _maps() -> Iterator[Attack]:
    head = "kind,tile,row,column\n"
    lines = (
        "short,0,1", "short,0,1,2,3", "short", ",,,", "short,,1,2", "short,0,,", "short,0,1,",
        "short,0,,2",
        "dead_row,0,1,2", "dead_row,0,,2", "dead_column,0,1,", "explosion,0,1,2", "short,-1,1,2",
        "short,0,-1,2", "short,6,1,2", "short,0,15,2", "short,0,1,15", "bridged_rows,0,14,0",
        "bridged_columns,0,0,14", "short,0.0,1,2", "short,1e0,1,2", "short,0,1.5,2",
        "short,nan,1,2",
        "short,inf,1,2", "short,0x0,1,2", "short,\u0661x,1,2", "short," + "9" * 5000 + ",1,2",
        "short,0," + "0" * 5000 + "1,2", "=cmd|' /C calc'!A0,0,1,2", "short;0;1;2",
        "short\t0\t1\t2",
        '"short,0,1,2', 'short,0,1,2"', 'short,0,"1,2', "short,0,1,2\nstuck_p,0,1,2",
        "short,0,1,2\nshort,0,1,2",
        "short,0,1,2\0", "short\0,0,1,2", "sh\u043ert,0,1,2", "short,0,1,2 # comment,",
        "short,+0,+1,+2,",
        "short,0,1,2\x1cshort,0,1,3", "short,²,1,2", "short,0,1,2\r\nshort,0,1,99", "x" * 1_000_000,
        "," * 1_000_000, "short,0,1,2\n" * 50_000, "kind,tile,row,column", "short,True,1,2",
        "../x,0,1,2",
    )  # fmt: skip
    for line in lines:
        yield Attack(f"the line {line[:40]!r}", "map", {MAP: f"{head}{line}\n".encode()})
    texts = {
        "empty": b"", "only a mark": b"\xef\xbb\xbf",
        "another head": b"kind,row,column\nshort,1,2\n",
        "a head with a column more": b"kind,tile,row,column,why\nshort,0,1,2,x\n",
        "a head in another order": b"tile,kind,row,column\n0,short,1,2\n",
        "no head": b"short,0,1,2\n",
        "a head with a name twice": b"kind,tile,row,row\nshort,0,1,2\n", "NUL": bytes(1000),
        "all bytes": bytes(range(256)), "Latin-1": b"kind,tile,row,column\nsh\xf6rt,0,1,2\n",
        "UTF-16 without a mark": (head + "short,0,1,2\n").encode("utf-16-le"),
        "a pickle": pickled(),
        "gzip": gzip.compress(head.encode()), "a spreadsheet": b"PK\x03\x04" + bytes(100),
        "only comments": b"# a\n# b\n",
        "JSON": b"[]", "HTML": b"<table><tr><td>kind</td></tr></table>",
    }  # fmt: skip
    for what, content in texts.items():
        yield Attack(f"a map that is {what}", "map", {MAP: content})
    for target in ("/dev/zero", "/dev/full", "/etc/passwd", "nowhere", "map.csv", "lib"):
        yield Attack(f"a map that is a link to {target}", "map", links={MAP: target})
    yield Attack("a map that is a pipe", "map", pipes=(MAP,))
    yield Attack("a map that is larger than any", "map", sizes={MAP: LARGE})


def _networks() -> Iterator[Attack]:
    content = document(NETWORKS)
    impossible: dict[str, list[Any]] = {
        "networks": [[], None, {}, [1], "x"],
        "networks.0.layers": [[], None, 1, [[]], [{}]],
        "networks.0.layers.0.states": [[], [""], ["PX"], [1], None, ["PAPA", "PA"], "PA", [[0, 1]]],
        "networks.0.layers.0.bias": [[], [None], ["x"], [float("nan")], [float("inf"), 1], [1e999],
                                     {}, "x",
                                     [[1, 2]], [True, "1"]],
        "format": ["mtjspice networks 0", 1, None],
    }  # fmt: skip
    for place, values in impossible.items():
        for value in values:
            forged = text_of(changed(content, place, value))
            yield Attack(f"{place} = {value!r:.60}", "networks", {NETWORKS: forged})
    for place in ("format", "key", "networks", "networks.0.name", "networks.0.layers"):
        forged = text_of(changed(content, place, DELETED))
        yield Attack(f"without {place}", "networks", {NETWORKS: forged})


def _solutions() -> Iterator[Attack]:
    """Matrices of numbers, as text."""
    first, bias = "nist/solutions/0_fc1_weight.txt", "nist/solutions/0_fc1_bias.txt"
    inputs, labels = "nist/dataset/X_train.txt", "nist/dataset/Y_train.txt"
    texts: dict[str, bytes] = {
        "empty": b"", "words": b"one two\n", "NaN": b"nan nan\n", "inf": b"inf\n",
        "a pickle": pickled(),
        "uneven": b"0 1\n0\n", "one number": b"1\n", "NUL": bytes(100),
        "all bytes": bytes(range(256)),
        "a long number": b"9" * 100_000 + b"\n", "1e999": b"1e999\n", "complex": b"1+2j\n",
        "hex": b"0x1p3\n",
        "numpy": b"\x93NUMPY\x01\x00" + bytes(100), "a script": b"#!/bin/sh\ntouch @MARKER@\n",
        "negative": b"-1 -1\n", "UTF-16": "0 1\n".encode("utf-16"), "gzip": gzip.compress(b"0 1\n"),
        "a line of many": b"1 " * 1_000_000 + b"\n",
    }  # fmt: skip
    for name in (first, bias, inputs, labels):
        for what, content in texts.items():
            yield Attack(f"{name}: {what}", "solutions", {name: content})
        for target in ("/dev/zero", "/etc/passwd", "..", "nowhere"):
            yield Attack(f"{name}: a link to {target}", "solutions", links={name: target})
        yield Attack(f"{name}: a pipe", "solutions", pipes=(name,))
        yield Attack(f"{name}: larger than any", "solutions", sizes={name: LARGE})
