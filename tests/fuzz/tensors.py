"""Tensors whose checksum is right and whose content is not."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from fuzz.attack import LARGE, Attack
from fuzz.forge import changed_tensors, originals, pickled, with_header, with_tensors
from safetensors.numpy import load

TENSORS = "weights/tiles.safetensors"


def tensor_attacks() -> Iterator[Attack]:
    """All of them."""

    def attack(name: str, files: dict[str, bytes]) -> Attack:
        return Attack(f"tensors: {name}", "weights", files)

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
