"""Transistor libraries that try to do more than to describe transistors."""

from collections.abc import Iterator, Mapping
from itertools import product

from fuzz.attack import LARGE, Attack, Outcome

LIBRARY = "lib/tech.lib"
EITHER: tuple[Outcome, ...] = ("refused", "without effect")
MODEL = ".model nch nmos level=14 version=4.8.2 toxe=3n"
CLEAN = f"""\
* A library as people have it.
.lib tt
{MODEL} vth0=0.5
.endl tt

.lib ff
{MODEL} vth0=0.4
.endl ff
"""
LATCH = '\n[periphery]\nkind = "sense_amplifier"\n\n[analysis]\nkind = "transient"\n'
"""Makes the netlist need the transistors of another library, too."""
SHELL = "shell touch @MARKER@"
COMMANDS = f".control\n{SHELL}\n.endc"


def inside(text: str, *, last: bool = False) -> str:
    """The clean library with more lines in the section that is read."""
    end = "vth0=0.5\n"
    at = CLEAN.index(end) + len(end) if last else CLEAN.index(MODEL)
    return f"{CLEAN[:at]}{text}\n{CLEAN[at:]}"


def with_value(text: str) -> str:
    """The clean library with something else as the value of a model parameter."""
    return CLEAN.replace("vth0=0.5", f"vth0={text}")


def library_attacks() -> Iterator[Attack]:
    """All of them."""
    for name, text, must in (
        *_commands(), *_dot_lines(), *_elements(), *_models(), *_values(), *_structures(),
    ):  # fmt: skip
        content = text if isinstance(text, bytes) else text.encode()
        yield Attack(name, "library", {LIBRARY: content}, must=must)
    from fuzz.folders import SPECS  # noqa: PLC0415, which imports this module

    spec = SPECS["spec.toml"] + LATCH
    for name in ("nmos_12", "pmos_12", "NMOS_12"):
        text = inside(f".model {name} {name[:4]} level=14 version=4.8.2 vth0=0.9")
        files = {LIBRARY: text.encode(), "spec.toml": spec.encode()}
        yield Attack(f"a model {name} beside that of the latch", "library", files)
    yield Attack("a library that is larger than any", "library", sizes={LIBRARY: LARGE})
    yield from _includes()
    yield from _through_other_commands()


Text = tuple[str, str | bytes, tuple[Outcome, ...]]


def _commands() -> Iterator[Text]:
    """ngspice's commands, in disguise and in every place."""
    heads = {
        "plain": ".control", "capitals": ".CONTROL", "mixed": ".CoNtRoL", "tab": "\t.control",
        "spaces": "    .control", "trailing": ".control ; nothing", "dollar": ".control $ nothing",
        "more": ".control once", "form feed": "\f.control", "vertical tab": "\v.control",
        "no-break space": "\u00a0.control", "mark": "\ufeff.control",
        "zero width": "\u200b.control",
    }  # fmt: skip
    for name, head in heads.items():
        for shell in (SHELL, SHELL.upper().replace("@MARKER@", "@MARKER@")):
            words = "in capitals" if shell.isupper() else "in lower case"
            yield f"control, {name}, {words}", inside(f"{head}\n{shell}\n.endc"), EITHER
    places = {
        "before the sections": f"{COMMANDS}\n{CLEAN}",
        "after the sections": f"{CLEAN}{COMMANDS}\n",
        "between them": CLEAN.replace("\n.lib ff", f"{COMMANDS}\n.lib ff"),
        "in the other section": CLEAN.replace(f"{MODEL} vth0=0.4", COMMANDS),
        "behind the model": inside(COMMANDS, last=True),
        "in a subcircuit": inside(f".subckt s a b\n{COMMANDS}\n.ends s"),
        "on the title line": f"{COMMANDS}\n{CLEAN}".removeprefix("* "),
        "without its end": inside(f".control\n{SHELL}"),
        "behind .end": f"{CLEAN}.end\n{COMMANDS}\n",
        "before .end in the section": inside(f".end\n{COMMANDS}"),
    }
    for name, text in places.items():
        yield f"control {name}", text, EITHER
    for name, ends in {"CRLF": "\r\n", "CR": "\r", "NEL": "\x85", "line separator": "\u2028",
                       "file separator": "\x1c", "CR CR LF": "\r\r\n",
                       "NUL": "\0\n"}.items():  # fmt: skip
        yield f"control, lines end with {name}", inside(COMMANDS).replace("\n", ends), EITHER
        one = inside(COMMANDS.replace("\n", ends))
        yield f"control, its own lines end with {name}", one, EITHER
    for mark, encoding in (("UTF-8", "utf-8-sig"), ("UTF-16", "utf-16"), ("UTF-32", "utf-32")):
        yield f"control behind a mark of {mark}", inside(COMMANDS).encode(encoding), EITHER
        yield (
            f"control first behind a mark of {mark}",
            f"{COMMANDS}\n{CLEAN}".encode(encoding),
            EITHER,
        )
    lines = {
        "as a comment of commands": f"*#{SHELL}",
        "as a comment of commands, set apart": f"*# {SHELL}",
        "as a comment continued": f"* nothing\n+ .control\n+ {SHELL}",
        "as a continued control": f".con\n+trol\n{SHELL}\n.endc",
        "as a continuation first": f"+ .control\n{SHELL}\n.endc",
        "behind a comment sign": f"* nothing ; .control\n{SHELL}",
        "as words of a model": f"{MODEL.replace('nch', 'other')} vth0=0.1 .control\n{SHELL}",
        "behind a backslash": f"\\\n.control\n{SHELL}\n.endc",
        "alone": SHELL,
        "by .exec": f".exec {SHELL}",
        "by system": ".control\nsystem touch @MARKER@\n.endc",
        "by an exclamation mark": ".control\n!touch @MARKER@\n.endc",
        "by backticks": ".param a=`touch @MARKER@`",
        "by backticks in a title": ".title `touch @MARKER@`",
        "by source": ".control\nsource /tmp/x\n.endc",
        "by set": ".control\nset shell=/bin/sh\nset noaskquit\n.endc",
        "by codemodel": ".control\ncodemodel ./evil.cm\n.endc",
        "by pre_osdi": "*#pre_osdi ./evil.osdi",
        "by pre_osdi in a control": ".control\npre_osdi ./evil.osdi\n.endc",
        "by write": ".control\nwrite @MARKER@\n.endc",
        "by echo to a file": ".control\necho x > @MARKER@\n.endc",
        "by alterparam": ".control\nalterparam vth0=0\n.endc",
        "quit": ".control\nquit\n.endc",
        "only its end": ".endc",
        "two of them": f"{COMMANDS}\n{COMMANDS}",
    }
    for name, text in lines.items():
        yield f"a command {name}", inside(text), EITHER


def _dot_lines() -> Iterator[Text]:
    """Lines that change the simulation, not the transistors."""
    lines = (
        ".option gmin=1e-3", ".options reltol=0.1", ".OPTION scale=1e-6", ".opt abstol=1",
        ".option temp=125", ".option tnom=125", ".option method=gear", ".option noinit",
        ".option klu", ".option sparse", ".option rshunt=1", ".option cshunt=1e-9",
        ".option savecurrents", ".option seed=random", ".option wnflag=1", ".option defl=1u",
        ".option gmin = 1e-3\n+ reltol=0.1", ".op\n+tion gmin=1e-3", "\t.Option gmin=1e-3",
        ".temp 125", ".TEMP -40 27 125", ".param temper=125", ".param TEMPER = 125",
        ".param hertz=1", ".param time=1", ".param gmin=1e-3", ".csparam gmin=1e-3",
        ".global bl0_0 wl0_0", ".global 0", ".global vdd", ".ic v(bl0_0)=1", ".nodeset v(bl0_0)=1",
        ".save all", ".print dc v(1)", ".plot dc v(1)", ".probe alli", ".tran 1n 1",
        ".dc v1 0 1 1e-9",
        ".op", ".ac dec 10 1 1e9", ".noise v(1) v1 dec 10 1 1e9", ".sens v(1)", ".tf v(1) v1",
        ".pz 1 0 2 0 vol pol", ".disto dec 10 1 1e9", ".four 1k v(1)", ".meas dc x max v(1)",
        ".measure dc x max v(1)", ".func f(x)={x}", ".FUNC nch(x)={x}", ".if (1)\n.endif",
        ".if (temper>50)\n.model other nmos level=14\n.else\n.model other pmos level=14\n.endif",
        ".elseif (1)", ".else", ".endif", ".end", ".END", ".title another", ".width out=80",
        ".alter", ".del lib", ".protect", ".unprotect", ".prot", ".data d a\n1\n.enddata",
        ".connect a b", ".hdl evil.va", ".pre_osdi evil.osdi", ".osdi evil.osdi", ".load evil",
        ".verilog evil.v", ".vec evil.vec", ".step param a 0 1 1e-9", ".lin", ".biaschk",
        ".malias nch=other", ".aliases", ".distribution d (0,0)", ".stim x", ".text x", ".watch x",
        ".mc 1000000 dc v(1)", ".wcase dc v(1)", ".optimize x", ".include", ".lib", ".inc", ".",
        "..", ".model", ".param", ".subckt", ".ends", ".endl tt tt", ".\u0441ontrol",
        ".mod\x00el x nmos",
    )  # fmt: skip
    for line in lines:
        yield f"the line {line.splitlines()[0]!r}", inside(line), EITHER
    for line in (".option gmin=1e-3", ".temp 125", ".param temper=125", ".global bl0_0", ".end"):
        yield f"{line} before the sections", f"{line}\n{CLEAN}", EITHER
        yield f"{line} after the sections", f"{CLEAN}{line}\n", EITHER
        yield f"{line} in a subcircuit", inside(f".subckt s a b\n{line}\n.ends s"), EITHER
        yield f"{line} behind the model", inside(line, last=True), EITHER


def _elements() -> Iterator[Text]:
    """Elements where there should be none."""
    lines = (
        "R1 bl0_0 0 1", "r_leak wl0_0 0 1", "C1 bl0_0 0 1", "L1 bl0_0 0 1n", "V1 bl0_0 0 1",
        "I1 bl0_0 0 1", "B1 bl0_0 0 I=1", "B1 bl0_0 0 I={temper}", "E1 bl0_0 0 wl0_0 0 1",
        "F1 bl0_0 0 v1 1", "G1 bl0_0 0 wl0_0 0 1", "H1 bl0_0 0 v1 1", "K1 l1 l2 0.5",
        "M1 bl0_0 wl0_0 0 0 nch w=1u l=1u", "D1 bl0_0 0 d", "Q1 a b c q", "J1 a b c j",
        "S1 a b c d s",
        "W1 a b v1 w", "T1 a b c d z0=50", "U1 a b u", "O1 a b c d o", "P1 a b p", "Y1 a b y",
        "N1 a b c d va", "Z1 a b c z", "X1 bl0_0 0 s", "A1 [1 2] filesource",
        "a1 %v([1]) fs\n.model fs filesource (file=\"/etc/passwd\" amploffset=[0])",
        "a1 [1] [2] dp\n.model dp d_process (process_file=\"/bin/sh\")",
        ".model dp d_process (process_file=\"touch @MARKER@\")",
        ".model ds d_source (input_file=\"/etc/passwd\")",
        ".model ds d_state (state_file=\"/etc/passwd\")",
        ".model t table2D (file=\"/etc/passwd\")", ".model t TABLE3D (file=\"/etc/passwd\")",
        ".model xf xfer (file=\"/etc/passwd\")", ".model fs filesource (file=\"|touch @MARKER@\")",
        ".model dl d_cosim (simulation=\"./evil.so\")", ".model va bsimcmg_va (module=\"evil\")",
        "bare words", "= 1", "0", "-1", "\"quoted\"", "'quoted'", "{braces}", "(parentheses)",
        "; only a comment sign then .control", "& .control", "# .control", "// .control", "-- x",
    )  # fmt: skip
    for line in lines:
        yield f"the element {line.splitlines()[0]!r}", inside(line), EITHER
    yield (
        "an element in a subcircuit of no use",
        inside(".subckt s a b\nR1 bl0_0 0 1\n.ends s"),
        EITHER,
    )
    yield "an element behind a model's lines", inside("+ R1 bl0_0 0 1", last=True), EITHER


def _models() -> Iterator[Text]:
    """Names and types of models that take the place of others, or lead elsewhere."""
    lines = (
        ".subckt nch d g s b\nR1 d s 1\n.ends nch", ".subckt sense_strongarm a b c d e f g\n.ends",
        ".subckt mtj a b\n.ends mtj",
        f"{MODEL} vth0=0.1", ".model NCH nmos level=14 vth0=0.1", ".model nch pmos level=14",
        ".model nch nmos",
        ".model nch njf", ".model nch r r=1", ".model nch vdmos", ".model nch nch",
        ".model n;ch nmos",
        ".model n\0ch nmos", ".model ../nch nmos", ".model 'nch' nmos level=14",
        ".model {nch} nmos",
        ".model n$ch nmos", ".model nch ako:other nmos", ".model n*ch nmos", ".model * nmos",
        ".model \u200bnch nmos level=14", ".model \uff4e\uff43\uff48 nmos level=14",
        ".model nch(nmos nmos", ".model nch)nmos level=14", ".model x nmos level=14 tox=`x`",
        ".model x nmos (level=14", ".model x nmos level=14)", ".model x nmos level=",
        ".model x nmos =1",
        ".model x nmos level==14", ".model x nmos level 14", ".model x nmos level=14 level=1",
        ".model x nmos level=14 version=\"4.8.2", ".model x nmos level=14 file=\"/etc/passwd\"",
        ".subckt s a b\n.subckt t a b\n.ends t\n.ends s", ".subckt s a b", ".ends s",
        ".subckt s a b\n.ends t", ".subckt s a b params: w=1\nR1 a b {w}\n.ends s",
        ".subckt s a b\n.lib tt\n.ends s", ".subckt s a b\n.endl tt\n.ends s",
    )  # fmt: skip
    for line in lines:
        yield f"the model {line.splitlines()[0]!r}", inside(line), EITHER


def _values() -> Iterator[Text]:
    """Values that are no numbers, or that never end."""
    deep, wide = "(" * 20000 + "1" + ")" * 20000, "1" + "0" * 5000
    values = (
        "nan", "inf", "-inf", "1e999", "-1e999", "NaN(1)", "infinity", "0x10", "1e", "1e+", "--1",
        "1..2", "1,5", "", "one", "'one'", "\"0.5\"", "{}", "{", "}", "{{0.5}}", "{1/0}", "{0/0}",
        "{10**10**10}", "{10^10^10^10}", "{2**1e9}", "{9**9**9**9}", "{sqrt(-1)}", "{ln(0)}",
        "{log(-1)}",
        "{exp(1e9)}", "{1e308*10}", "{temper}", "{TEMPER*1}", "{time}", "{hertz}", "{v(1)}",
        "{i(v1)}",
        "{agauss(0,1,3)}", "{gauss(1,0.1,3)}", "{unif(1,0.1)}", "{aunif(1,1)}", "{limit(1,1)}",
        "{random()}", "{rand}", "{unknown}", "{__import__('os').system('touch @MARKER@')}",
        "{().__class__.__bases__[0].__subclasses__()}", "{open('/etc/passwd').read()}",
        "{exec('1')}", "{lambda: 0}", "{[1 for x in y]}", "{'a'*10**9}", "{1 if 1 else 2}", "{1;2}",
        "{nch}", "{vth0}", "{self}", "`touch @MARKER@`", "$(touch @MARKER@)", "${HOME}", "%s%n",
        "{0.5",
        "0.5}", "'0.5", "{'0.5'}", "{max()}", "{min(1,2,3,4,5}", "{abs(1,2)}", "{abs}", "{1+}",
        "{*1}",
        "{1 1}", "{!1}", "{~1}", "{1?2}", "{1?2:}", "{1<<1000000000}", "{" + deep + "}",
        "{" + "-" * 50000 + "1}", "{" + "1+" * 100000 + "1}",
        "{" + "abs(" * 5000 + "1" + ")" * 5000 + "}",
        wide, "{" + wide + "}", "0." + "1" * 2_000_000 + "x", "1e" + "9" * 5000,
        "9" * 1_000_000 + "q",
    )  # fmt: skip
    for value in values:
        yield f"the value {value[:30]!r}", with_value(value), ("refused",)
    parameters = {
        "a loop of one": ".param a={a}",
        "a loop of two": ".param a={b} b={a}",
        "a loop of many": "\n".join(f".param p{k}={{p{(k + 1) % 900}}}" for k in range(900)),
        "one that is not there": ".param a={nowhere}",
        "laughs": "\n".join([".param p0=1",
                             *(f".param p{k}={{p{k - 1}+p{k - 1}}}" for k in range(1, 64)),
                             ".param a={p63/p63*1e999}"]),
        "a long chain": "\n".join([*(f".param p{k}={{p{k + 1}}}" for k in range(20000)),
                                   ".param p20000={1/0}", ".param a={p0}"]),
        "a name of ours": ".param temper=1 a={temper}",
        "a function": ".param a(x)={x*x}",
        "random numbers": ".param a=agauss(0,1,3)",
        "one given twice": ".param a=1\n.param a=agauss(0,1,1)",
        "text": ".param a=\"/etc/passwd\"",
        "a command": ".param a={`touch @MARKER@`}",
    }  # fmt: skip
    for name, lines in parameters.items():
        yield f"parameters: {name}", inside(lines).replace("vth0=0.5", "vth0={a}"), ("refused",)


def _structures() -> Iterator[Text]:
    """Files that are no libraries, and sections that are not where they seem to be."""
    large = "x" * 1_000_000
    texts: dict[str, tuple[str | bytes, tuple[Outcome, ...]]] = {
        "empty": ("", ("refused",)),
        "only a mark": (b"\xef\xbb\xbf", ("refused",)),
        "only comments": ("* a\n* b\n", ("refused",)),
        "only NUL": (bytes(1000), ("refused",)),
        "all bytes": (bytes(range(256)) * 40, ("refused",)),
        "gzip": (b"\x1f\x8b\x08" + bytes(100), ("refused",)),
        "a program": (b"\x7fELF" + bytes(1000), ("refused",)),
        "a script": (b"#!/bin/sh\ntouch @MARKER@\n", ("refused",)),
        "Latin-1": (CLEAN.encode() + b"* \xb5m \xe9\n.lib x\n.endl\n", ("refused",)),
        "UTF-16 without a mark": (CLEAN.encode("utf-16-le"), ("refused",)),
        "UTF-16 cut off": (CLEAN.encode("utf-16")[:-1], ("refused",)),
        "UTF-16 with half a pair": (b"\xff\xfe" + b"\x00\xd8" * 20, ("refused",)),
        "a section without an end": (CLEAN.removesuffix(".endl ff\n"), EITHER),
        "a section that ends twice": (CLEAN + ".endl ff\n", EITHER),
        "an end without a section": (".endl tt\n" + CLEAN, EITHER),
        "another section's end": (CLEAN.replace(".endl tt", ".endl ff", 1), EITHER),
        "sections inside each other": (inside(".lib ff\n.endl ff"), EITHER),
        "a section twice": (CLEAN + CLEAN.replace("vth0=0.5", "vth0=0.1"), EITHER),
        "a section twice, in capitals": (CLEAN + f".LIB TT\n{MODEL} vth0=0.1\n.ENDL\n", EITHER),
        "a section named like a path": (CLEAN + ".lib ../../x\n.endl\n", EITHER),
        "a section with a quoted name": (CLEAN + f".lib 'tt'\n{MODEL} vth0=0.1\n.endl\n", EITHER),
        "a section with a shell's name": (CLEAN + ".lib $(touch @MARKER@)\n.endl\n", EITHER),
        "a long name": (inside(f".model {large} nmos level=14"), EITHER),
        "a long value": (inside(f".model x nmos level={large}"), EITHER),
        "a long word": (inside(large), EITHER),
        "a long line of words": (inside("x " * 500_000), EITHER),
        "many continuation lines": (inside(".model x nmos level=14\n" + "+ a=1\n" * 100_000),
                                    EITHER),
        "many comments in a model": (
            inside(".model x nmos\n" + "* c\n" * 100_000 + "+ level=14 b={}"), EITHER),
        "many quotes": (inside("'" * 500_001), EITHER),
        "many braces": (inside("{" * 500_000), EITHER),
        "many subcircuits inside each other": (
            inside("".join(f".subckt s{k} a b\n" for k in range(5000))), EITHER),
        "many sections inside each other": ("".join(f".lib s{k}\n" for k in range(5000)),
                                            ("refused",)),
    }  # fmt: skip
    for name, (text, must) in texts.items():
        yield f"a library that is {name}", text, must


def _includes() -> Iterator[Attack]:
    """Includes that lead outside, to what is no file, or nowhere."""
    outside = {"outside.lib": CLEAN.replace("tt", "xx").encode(),
               "outside.inc": f"{MODEL.replace('nch', 'other')} vth0=0.1\n".encode()}  # fmt: skip
    targets = (
        "/etc/passwd", "/etc/hostname", "../outside.inc", "./../outside.inc",
        "../lib/../outside.inc",
        "sub/../../outside.inc", "..\\outside.inc", "%2e%2e/outside.inc", "~/outside.inc",
        "$HOME/outside.inc", "${HOME}/outside.inc", "/proc/self/environ", "/proc/self/mem",
        "/dev/zero", "/dev/stdin", "/dev/tty", "/dev/random", ".", "..", "/", "", "nowhere.inc",
        "file:///etc/passwd", "http://127.0.0.1:9/x.lib", "*.inc", "outside.inc/", "x" * 5000,
        "/dev/fd/0", "\\\\host\\share", "../spec.toml", "|touch @MARKER@",
        "tech.lib/../../outside.inc",
    )  # fmt: skip
    words = ("include", "inc", "INCLUDE", "InC")
    for k, target in enumerate(targets):
        for quote in ("", '"', "'")[: 2 + k % 2]:
            line = f".{words[k % 4]} {quote}{target}{quote}"
            files = {LIBRARY: inside(line).encode(), **outside}
            yield Attack(f"include {quote}{target[:40]}{quote}", "library", files)
    for target in ("../outside.lib", "/etc/passwd", "tech.lib", "nowhere.lib", "/dev/zero"):
        files = {LIBRARY: inside(f".lib '{target}' xx").encode(), **outside}
        yield Attack(f"a section of {target}", "library", files)
        files = {LIBRARY: inside(f".LIB {target} xx", last=True).encode(), **outside}
        yield Attack(f"a section of {target}, in capitals", "library", files)
    yield from _include_trees(outside)


def _include_trees(outside: Mapping[str, bytes]) -> Iterator[Attack]:
    def with_files(name: str, text: str, more: Mapping[str, bytes | str], **rest: object) -> Attack:
        files = {LIBRARY: inside(text).encode(), **outside}
        files |= {k: v if isinstance(v, bytes) else v.encode() for k, v in more.items()}
        return Attack(name, "library", files, **rest)  # type: ignore[arg-type]

    inc = ".include a.inc"
    for name, content in (
        ("commands", COMMANDS), ("an option", ".option gmin=1e-3"), ("a temperature", ".temp 125"),
        ("an element", "R1 bl0_0 0 1"), ("an end", ".end"), ("a global node", ".global bl0_0"),
        ("an include of what is outside", ".include ../outside.inc"),
        ("a section's end", ".endl tt"), ("commands in capitals", COMMANDS.upper()),
        ("a comment of commands", f"*#{SHELL}"), ("a continuation", "+ .control\n" + SHELL),
        ("half a model", ".model nch nmos level=14 vth0=0.1\n+"),
    ):  # fmt: skip
        yield with_files(f"an included file with {name}", inc, {"lib/a.inc": content}, must=EITHER)
    yield with_files("a library that includes itself", ".include tech.lib", {})
    yield with_files("a section that includes itself", ".lib tech.lib tt", {})
    yield with_files("a file that includes itself", inc, {"lib/a.inc": inc})
    loop = {"lib/a.inc": ".include b.inc", "lib/b.inc": ".include sub/../a.inc", "lib/sub/x": ""}
    yield with_files("two files that include each other", inc, loop)
    chain = {f"lib/c{k}.inc": f".include c{k + 1}.inc" for k in range(1500)}
    yield with_files("a chain of includes", ".include c0.inc", chain)
    tree = {f"lib/t{k}.inc": f".include t{k + 1}.inc\n" * 10 for k in range(12)} | {
        "lib/t12.inc": ""
    }
    yield with_files("a tree of includes", ".include t0.inc", tree)
    yield with_files("a link to what is outside", inc, {}, links={"lib/a.inc": "../outside.inc"})
    yield with_files("a link to an absolute place", inc, {}, links={"lib/a.inc": "/etc/passwd"})
    yield with_files("a link to a device", inc, {}, links={"lib/a.inc": "/dev/zero"})
    yield with_files("a link to itself", inc, {}, links={"lib/a.inc": "a.inc"})
    yield with_files("a link to a folder", ".include a/x.inc", {"else/x.inc": ".temp 125"},
                     links={"lib/a": "../else"})  # fmt: skip
    yield with_files("a pipe that is included", inc, {}, pipes=("lib/a.inc",))
    yield with_files("a pipe in another section", "", {LIBRARY: CLEAN.replace(
        f"{MODEL} vth0=0.4", ".include a.inc")}, pipes=("lib/a.inc",), must=EITHER)  # fmt: skip
    yield Attack("a library that is a pipe", "library", {}, pipes=(LIBRARY,))
    for target in (
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "..",
        "tech.lib",
        "/etc/passwd",
    ):
        yield Attack(f"a library that is a link to {target}", "library", links={LIBRARY: target})


def _through_other_commands() -> Iterator[Attack]:
    """The same by the other ways that a library has into ngspice."""
    texts = (inside(COMMANDS), inside(".option gmin=1e-3"), inside(".include /etc/passwd"))
    for text, arguments in product(texts, (
        ("simulate", "spec.toml", "--jobs", "1"), ("layout", "layout.toml", "--quick"),
        ("calibrate", "calibration.toml"), ("run", "study.toml"),
    )):  # fmt: skip
        name = f"{arguments[0]} with {text.splitlines()[2]!r}"
        yield Attack(name, "library", {LIBRARY: text.encode()}, arguments=arguments)
