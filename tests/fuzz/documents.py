"""JSON that lies: cards, weights, dies, networks."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

from fuzz.attack import LARGE, Attack
from fuzz.forge import (
    DELETED,
    OWN,
    changed,
    document,
    originals,
    pickled,
    text_of,
)

from mtjspice.surrogate.card import VERSION

WEIGHTS, TENSORS = "weights/weights.json", "weights/tiles.safetensors"
CARD, DIES, MAP = "own.card.json", "dies/dies.json", "map.csv"
NETWORKS = f"{OWN}/weights.json"
EVERY = {"card": CARD, "weights": WEIGHTS, "dies": DIES, "networks": NETWORKS}


def document_attacks() -> Iterator[Attack]:
    """All of them."""
    for kind, name in EVERY.items():
        yield from _malformed(kind, name)
    yield from _cards()
    yield from _weights()
    yield from _dies()
    yield from _networks()


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
    for place in ("card.circuit", "card.validity", "card.bound", "card.version", "card.name",
                  "card.data_key", "card.versions", "checksum", "card"):  # fmt: skip
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
        "card.validity.short_resistance": [0, -100],
        "card.validity.bridge_resistance": [0, -1],
        "card.bound.margin": [0, 0.5, 1e9, True],
        "card.bound.expansion": [-0.1, 1.5],
        "card.bound.nodal.bound": [-1e-5, 1e300],
        "card.bound.shorted.rms": [-1e-5, "much"],
        "card.validity.defects": [["explosion"], ["short", 1], "short"],
        "card.errors.0.rms": [-1.0, 1e300],
        "card.errors.0.p999": [-1.0],
        "card.errors.0.maximum": [-1.0],
        "card.errors.0.reads": [0, -1],
        "card.errors.0.tiles": [0, -1],
        "card.errors.0.equal_signs": [1.5, -0.5],
        "card.planned": [-1, 0],
        "card.version": [VERSION - 1, VERSION + 1, str(VERSION), float(VERSION), True],
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


def _networks() -> Iterator[Attack]:
    content = document(NETWORKS)
    impossible: dict[str, list[Any]] = {
        "layers": [[], None, 1, [[]], [{}]],
        "layers.0.inputs": [0, -1, 12, 14, 10**30, None, True, "13", 1.5, float("nan"), [13]],
        "layers.1.outputs": [0, 2, 4, None],
        "features": [[], [0] * 13, [[]], None, "x"],
        "format": ["mtjspice weights 0", 1, None],
    }  # fmt: skip
    for place, values in impossible.items():
        for value in values:
            forged = text_of(changed(content, place, value))
            yield Attack(f"{place} = {value!r:.60}", "networks", {NETWORKS: forged})
    for place in ("format", "key", "name", "layers", "layers.0.inputs", "classes"):
        forged = text_of(changed(content, place, DELETED))
        yield Attack(f"without {place}", "networks", {NETWORKS: forged})
