"""Tables and folders that lie: defect maps, networks of others, manifests."""

import gzip
import json
from collections.abc import Iterator

from fuzz.attack import LARGE, Attack
from fuzz.forge import pickled, sha256

MAP = "map.csv"


def table_attacks() -> Iterator[Attack]:
    """All of them."""
    yield from _maps()
    yield from _solutions()
    yield from _manifests()


def _maps() -> Iterator[Attack]:
    head = "kind,tile,row,column\n"
    lines = (
        "short,0,1", "short,0,1,2,3", "short", "short,,1,2", "short,0,,", "short,0,1,",
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
        "short" + "," * 1_000_000, "short,0,1,2\n" * 50_000, "kind,tile,row,column",
        "short,True,1,2",
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


def _manifests() -> Iterator[Attack]:
    """Output folders whose manifest lists what is not theirs, with the right checksums."""
    mine = b"* a netlist of the user's\n"
    listed = {
        "a file beside the folder": ("../mine.cir", "mine.cir"),
        "a file by way of a folder": ("worst/../../mine.cir", "mine.cir"),
        "a file behind a link": ("behind/mine.cir", "mine.cir"),
        "a file that is a link": ("linked.cir", "mine.cir"),
        "a file with another content": ("worst/mine.cir", "out/worst/mine.cir"),
        "nothing": ("", "out/worst/mine.cir"),
        "the simulations": ("simulations", "out/worst/mine.cir"),
    }
    for what, (name, kept) in listed.items():
        right = sha256(mine) if kept == "mine.cir" else "0" * 64
        manifest = json.dumps({"files": {name: right} if name else {}}).encode()
        yield Attack(
            f"a manifest that lists {what}", "array",
            {"out/manifest.json": manifest, "mine.cir": mine, "out/worst/mine.cir": mine,
             "out/failures.txt": mine},
            links={"out/behind": "..", "out/linked.cir": "../mine.cir"},
            arguments=("calibrate", "wired.toml", "--out", "out", "--jobs", "1"),
            keeps=(kept, "out/failures.txt", "array.toml"), must=("refused", "without effect"),
            limit_s=120.0,
        )  # fmt: skip
    files = {"elsewhere/failures.txt": mine, "elsewhere/worst/1.cir": mine}
    yield Attack("an output folder with files of the user's", "array", files,
                 arguments=("calibrate", "wired.toml", "--out", "elsewhere", "--jobs", "1"),
                 keeps=tuple(files), must=("refused", "without effect"), limit_s=120.0)  # fmt: skip
