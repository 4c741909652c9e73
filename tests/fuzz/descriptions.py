"""Specs that are hostile: texts that are no TOML, names that are paths, numbers that cannot be."""

import gzip
from collections.abc import Iterator

from fuzz.attack import LARGE, Attack
from fuzz.folders import SPECS, TOO_MANY
from fuzz.forge import pickled

COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "array": ("array.toml", ("netlist", "array.toml")),
    "die": ("die.toml", ("netlist", "die.toml", "--tile", "1")),
    "training": ("training.toml", ("train", "training.toml", "--digits", "--method",
                                   "hardware-aware", "--dies", "not-there.csv")),
    "signoff": ("signoff.toml", ("signoff", "weights", "--dies", "dies", "--digits", "--images",
                                 str(TOO_MANY), "--spec", "signoff.toml")),
}  # fmt: skip
"""By kind of attack: the spec and the command that reads it."""
LONG: dict[str, tuple[str, ...]] = {
    "layout.toml": ("layout", "layout.toml", "--quick"),
    "calibration.toml": ("calibrate", "calibration.toml"),
    "study.toml": ("run", "study.toml"),
}
"""Specs whose commands do long work if they are taken."""
NAMES = (
    "../../x", "..", ".", "/etc/passwd", "a/b", "a\\\\b", "", " ", "a\\nb", "a\\u0000b", "a\\tb",
    "\\u202eb",
    "<script>alert(1)</script>", "<img src=x>", "{{7*7}}", "{% x %}", "$(touch @MARKER@)",
    "`touch @MARKER@`", "~", "~root", "-rf", "--out", "con|x", "a*b", "a?b", "a\\\"b",
    "[red]x[/red]",
    "x\\u001b[31m", "\\ufeffx", "\\ud7ff\\u0000", "x" * 101, "x" * 5000, "\U0001f4a9", "a\\r\\nb",
    "./x", "x ",
)  # fmt: skip


def description_attacks() -> Iterator[Attack]:
    """All of them."""
    for kind, (name, _) in COMMANDS.items():
        yield from _malformed(kind, name, None)
    for name, arguments in LONG.items():
        yield from _malformed("array", name, arguments)
    yield from _names()
    yield from _numbers()
    yield from _paths()


def _malformed(kind: str, name: str, arguments: tuple[str, ...] | None) -> Iterator[Attack]:
    text = SPECS[name]
    whole = text.encode()
    texts: dict[str, bytes] = {
        "only NUL": bytes(1000), "all bytes": bytes(range(256)),
        "a mark in the middle": text[:20].encode()
        + b"\xef\xbb\xbf" + text[20:].encode(), "Latin-1": whole + b"# \xb5m\n",
        "a pickle": pickled(),
        "UTF-16 without a mark": text.encode("utf-16-le"), "UTF-32": text.encode("utf-32"),
        "UTF-16 cut off": text.encode("utf-16")[:-1], "gzip": gzip.compress(whole),
        "JSON": b'{"name": 1}',
        "YAML": b"name: !!python/object/apply:os.system ['touch @MARKER@']\n",
        "a script": b"#!/bin/sh\ntouch @MARKER@\n",
        "nested lists": b"more = " + b"[" * 1000 + b"]" * 1000 + b"\n" + whole,
        "deeply nested lists": b"more = " + b"[" * 100_000,
        "nested tables": b"x = " + b"{a=" * 2000,
        "dotted keys": b".".join([b"a"] * 5000) + b" = 1\n" + whole, "a key twice": whole + whole,
        "a long number": b"more = " + b"9" * 4301 + b"\n" + whole,
        "a key that is unknown": b"more=1\n" + whole,
        "a key of Python": b"__class__ = 1\n" + whole,
        "a long key": b"a" * 1_000_000 + b" = 1\n" + whole,
        "a long text": b'more = "' + b"a" * 1_000_000 + b'"\n' + whole, "cut off": b"name = \"a",
        "a date": b"more = 1979-05-27T07:32:00Z\n" + whole,
        "hex": b"seed = 0x" + b"f" * 5000 + b"\n" + whole,
        "dates as numbers": b"seed = 1979-05-27\n" + whole, "many keys": b"".join(
            b"k%d = 1\n" % k for k in range(50_000)) + whole,
            "NUL in a text": b'more = "\0"\n' + whole,
    }  # fmt: skip
    for what, content in texts.items():
        yield Attack(f"{name}: {what}", kind, {name: content}, arguments=arguments)
    for target in ("/dev/zero", "/etc/passwd", "..", "nowhere", name, "/proc/self/mem"):
        yield Attack(f"{name}: a link to {target}", kind, links={name: target}, arguments=arguments)
    yield Attack(f"{name}: a pipe", kind, pipes=(name,), arguments=arguments)
    yield Attack(f"{name}: larger than any", kind, sizes={name: LARGE}, arguments=arguments)


def _names() -> Iterator[Attack]:
    """Names that would be paths, markup or commands."""
    for number, name in enumerate(NAMES):
        for file, arguments in (*LONG.items(),) if number % 3 == 0 else [*LONG.items()][:1]:
            text = SPECS[file].split("\n", 1)[1]
            files = {file: f'name = "{name}"\n{text}'.encode()}
            yield Attack(f"{file}: the name {name[:30]!r}", "array", files, arguments=arguments)
        for kind in ("training", "signoff", "die"):
            file = COMMANDS[kind][0]
            files = {file: f'name = "{name}"\n{SPECS[file].split(chr(10), 1)[1]}'.encode()}
            yield Attack(f"{file}: the name {name[:30]!r}", kind, files)
    for file, arguments in LONG.items():
        for value in ("1", "true", "[]", "{}", "1979-05-27", "nan", '["a"]'):
            text = SPECS[file].split("\n", 1)[1]
            files = {file: f"name = {value}\n{text}".encode()}
            yield Attack(f"{file}: the name {value}", "array", files, arguments=arguments)


def _numbers() -> Iterator[Attack]:
    """Numbers that no array has, in the place of small ones."""
    cases: dict[str, tuple[tuple[str, str], ...]] = {
        "array": (
            ("rows = 2", "rows = {}"), ("columns = 2", "columns = {}"),
            ("[tile]", "[tile]\nindex = {}"), ("volts = [[0.1, \"50mV\"]]", "volts = {}"),
            ("[tile]", "[crossbar.row]\nresistance = {}\n[tile]"),
            ("[tile]", "[crossbar.column]\nend = {}\n[tile]"),
            ("[tile]", "[crossbar.cell.mtj]\nra = {}\n[tile]"),
            ("[tile]", "[crossbar.cell.mtj]\ndiameter = {}\n[tile]"),
            ("[tile]", "[crossbar.cell.mtj]\ntmr0 = {}\n[tile]"),
            ("[tile]", "[crossbar.cell.mtj]\nv_half = {}\n[tile]"),
            ("[tile]", "[die]\nsigma_ln_rp = {}\n[tile]"), ("[tile]",
                                                            "[die]\nmismatch = {}\n[tile]"),
            ("[tile]", "[die]\nshort_resistance = {}\n[tile]"), ("[tile]",
                                                                 "[die]\nseed = {}\n[tile]"),
            ("[crossbar]", "reltol = {}\n[crossbar]"), ("[tile]",
                                                        "[technology]\ntemperature = {}\n[tile]"),
            ("[tile]", "[analysis]\nkind = \"transient\"\nstep = {}\n[tile]"),
            ("[tile]", "[analysis]\nkind = \"transient\"\nperiod = {}\n[tile]"),
        ),
        "die": (("tiles = 2", "tiles = {}"), ("vectors = 2", "vectors = {}"), ("rows = 2",
                                                                               "rows = {}"),
                ('read_voltage = "0.1V"', "read_voltage = {}")),
        "training": (("hidden = [6]", "hidden = [{}]"), ("inputs = 16", "inputs = {}"),
                     ("tiles = 6", "tiles = {}"), ("epochs = 1", "epochs = {}"), ("batch = 64",
                                                                                  "batch = {}"),
                     ("sigma_ln_rp = 0.05", "sigma_ln_rp = {}"), ("tiles = 6",
                                                                  "tiles = 6\ndies = {}"),
                     ("batch = 64", "batch = 64\nlearning_rate = {}")),
        "signoff": (("accuracy_bound = 0.5", "accuracy_bound = {}"), ("accuracy_bound",
                                                                      "confidence = {}#"),
                    ("accuracy_bound", "guard = {}#"), ("accuracy_bound", "vectors = {}#"),
                    ("accuracy_bound", "netlists = {}#"), ("accuracy_bound",
                                                           "temperatures = [{}]#")),
    }  # fmt: skip
    values = ("-1", "1e300", "-1e300", "nan", "inf", "-inf", "true", '""', '"x"', "[]", "{}",
              '"1e999"',
              '"5 parsec"', "[[[[]]]]", "1000000000", '"5M"', '"0x10"', '"' + "9" * 5000 + '"',
              "1979-05-27")  # fmt: skip
    for kind, places in cases.items():
        file, _ = COMMANDS[kind]
        for place, made in places:
            for value in values:
                if _may_be(made, value):
                    continue
                text = SPECS[file].replace(place, made.format(value), 1)
                where = next(line for line in made.splitlines() if "{}" in line)
                name = f"{file}: {where} with {value[:20]}"
                yield Attack(name, kind, {file: text.encode()})


def _may_be(place: str, value: str) -> bool:
    """Whether a value is right where it is put."""
    if value == "1000000000":
        return any(word in place for word in ("seed", "guard", "index", "end ="))
    if value in ("inf", '"1e999"') or len(value) > 1000:
        return "v_half" in place  # no bias dependence
    if value in ("[]",):
        return "[{}]" in place
    return value == "-1" and "temperature" in place


def _paths() -> Iterator[Attack]:
    """Specs that name files which are no libraries and cards."""
    targets = ("/etc/passwd", "..", "/dev/zero", "nowhere.lib", "", "a\\u0000b", "~/x.lib", "http://x/y.lib",
               "lib", "/dev/stdin", "x" * 5000, "../" * 50 + "etc/passwd", "spec.toml",
               "/proc/self/environ",
               "cmos33_bsim4/../../../etc/passwd", "\\u202e", "|touch @MARKER@")  # fmt: skip
    for target in targets:
        text = SPECS["spec.toml"].replace("lib/tech.lib", target)
        files = {"spec.toml": text.encode()}
        yield Attack(f"the library {target[:40]!r}", "library", files)
        text = SPECS["own_card.toml"].replace("own.card.json", target)
        files = {"own_card.toml": text.encode()}
        yield Attack(f"the card {target[:40]!r}", "card", files)
        text = SPECS["own_card.toml"].replace("own.card.json", f"{target}.card.json")
        files = {"own_card.toml": text.encode()}
        yield Attack(f"the card {target[:40]!r} with an ending", "card", files)
    for corner in (
        "../x",
        "a b",
        "tt\\n.control",
        "tt'",
        "$(touch @MARKER@)",
        "",
        "x" * 5000,
        "tt ff",
    ):
        text = SPECS["spec.toml"].replace('corner = "tt"', f'corner = "{corner}"')
        yield Attack(f"the corner {corner[:30]!r}", "library", {"spec.toml": text.encode()})
    for model in (
        "nch w=1 l=1\\n.control",
        "nch $",
        "../nch",
        "",
        "0",
        "nch;x",
        "nch\\tx",
        "{nch}",
        "x" * 5000,
    ):
        text = SPECS["spec.toml"].replace('model = "nch"', f'model = "{model}"')
        yield Attack(f"the model {model[:30]!r}", "library", {"spec.toml": text.encode()})
