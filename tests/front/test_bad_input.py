"""A spec is from a stranger: whatever it is, there is an answer, soon, within bounds."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ARCHC = str(Path(sys.executable).with_name("archc"))
SECONDS = 10
"""Of the processor. By hand it is under two but for the specs that double or follow behind
conditions, which take up to four; the machines of tests are slow."""
MEMORY = 512 * 2**20
"""Of address space, the interpreter and its libraries included."""


@dataclass(frozen=True)
class Answer:
    """What a command said, and its status."""

    status: int
    error: str


# By a shell: code of ours between fork and exec would warn where a test before has loaded JAX.
BOUNDED = ("sh", "-c", f'ulimit -v {MEMORY // 1024} && exec "$@"', "sh")


def archc(*argv: str | bytes) -> Answer:
    """Run a command within the bounds; its answer is always a fit one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*BOUNDED, ARCHC, *argv],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    error = done.stderr.decode("utf-8")
    assert "Traceback" not in error
    assert done.returncode in (0, 1, 2), error
    assert took < SECONDS, f"{took:.1f} seconds"
    assert (done.returncode == 1) == error.startswith("error[E"), error
    assert len(error) < 20_000, "an answer is for a person"
    assert all(c in "\n\t" or c.isprintable() for c in error)
    return Answer(done.returncode, error)


def net(body: str, blocks: str = "", **params: object) -> str:
    parameters = ", ".join(f"{name} = {value}" for name, value in params.items())
    return f"net n({parameters or 'classes = 10'}) {{\n  input(3x32x32)\n  {body}\n}}\n{blocks}\n"


def doubling(leaf: str, times: int, call: str = "b{0} b{0}") -> str:
    """Blocks that call the one before twice."""
    lines = [f"block b{i} {{ {call.format(i - 1)} }}" for i in range(1, times + 1)]
    return net(f"b{times}", "\n".join([*lines, f"block b0 {{ {leaf} }}"]))


GROUPS = "\n".join(
    f"block b{i} {{ {' '.join(f'g{j}: {{' for j in range(60))} b{i - 1} {'}' * 60} }}"
    for i in range(1, 41)
)

# What a spec holds, and the code that it is refused with; none where it is in order.
SPECS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "E0314"),
    "blank lines": ("\n" * 900_000, "E0314"),
    "comments": ("#\n" * 900_000, "E0314"),
    "more comments": ("#\n" * 2_100_000, "E0002"),
    "binary": (bytes(range(256)) * 10, "E0003"),
    "a program": (Path(sys.executable).read_bytes()[:900_000], "E0003"),
    "zeros": (bytes(1000), "E0102"),
    "not UTF-8": (b"net n { \xff }", "E0003"),
    "UTF-16": ("net n { input(3x8x8) relu }".encode("utf-16"), "E0003"),
    "blocks that double sixty times": (doubling("relu", 60), "E0206"),
    "empty blocks that double sixty times": (doubling("", 60), "E0206"),
    "faulty blocks that double sixty times": (doubling("con", 60), "E0206"),
    "layers that double": (doubling("fc(10)", 60), "E0206"),
    "branches that double": (doubling("relu", 40, "concat {{ | b{0} | b{0} }}"), "E0206"),
    "a block that calls itself": (net("a", "block a { a }"), "E0309"),
    "blocks that call each other": (net("a", "block a { b } block b { a }"), "E0309"),
    "a ladder of blocks": (
        net("b99", "block b0 {}" + "".join(f"block b{i} {{ b{i - 1} }}\n" for i in range(1, 100))),
        "E0311",
    ),
    "blocks of nested groups": (net("b40", f"{GROUPS}\nblock b0 {{ relu }}"), "E0206"),
    "open brackets": ("(" * 100_000, "E0106"),
    "open groups": (net("a: {" * 100_000), "E0106"),
    "nested groups": (net(" ".join(f"g{i}: {{" for i in range(97)) + "relu" + "}" * 97), ""),
    "nested branches": (net("concat { | relu |" * 96 + "relu" + "}" * 96), ""),
    "closed brackets": (net("fc(10)" + ")" * 100_000), "E0109"),
    "a number of 6,000 digits": (net(f"fc({'9' * 6_000})"), "E0104"),
    "a size of 6,000 digits": (net(f"fc({'9' * 6_000}x3)"), "E0104"),
    "a fraction of 6,000 digits": (net(f"dropout(0.{'9' * 6_000})"), "E0104"),
    "an exponent of 6,000 digits": (net(f"fc(1e{'9' * 6_000})"), "E0104"),
    "a size of 9,000 parts": (net(f"fc({'x'.join('1' * 9_000)})"), "E0303"),
    "infinity": (net("fc(1e999)"), "E0104"),
    "minus infinity": (net("fc(-1e999)"), "E0104"),
    "a product": (net(f"fc({'*'.join(['9'] * 90)})"), "E0104"),
    "hexadecimal": (net("fc(0x10)"), "E0303"),
    "negative and zero": (net("conv(-3, 0, -1) fc(0)"), "E0303"),
    "zero input": ("net n { input(0x8x8) relu }", "E0311"),
    "negative input": ("net n { input([-3, 8, 8]) relu }", "E0311"),
    "a large input": (f"net n {{ input({'9' * 9}x{'9' * 9}x{'9' * 9}) relu }}", "E0206"),
    "a large map": (net("conv(1, 1, 2147483647)"), "E0206"),
    "a large fc": (net("fc(2147483647) " * 9), ""),
    "large padding": (net("conv(1, 1, 4, pad=2147483647)"), "E0206"),
    "a string that is not closed": (net('fc("abc)'), "E0103"),
    "look-alike letters": (net("c\u043env(3, 1, 64)"), "E0102"),
    "right to left": (net("relu \u202e con"), "E0102"),
    "an escape sequence": (net("relu \x1b]0;title\x07 con ]"), "E0109"),
    "a NUL": (net("relu\0"), "E0102"),
    "a lone surrogate": (net("relu ").encode() + b"\xed\xa0\x80", "E0003"),
    "a chain of 300,000": (net("relu " * 300_000), "E0002"),
    "a chain of 100,000": (net("relu " * 100_000), "E0206"),
    "a chain of 19,000": (net("relu " * 19_000), ""),
    "a chain of faults": (net("con " * 19_000), "E0301"),
    "a chain of one label": (net("a: relu " * 6_000), "E0308"),
    "a line of 1 MB": (f"net n {{ input(3x8x8) con(3) #{'x' * 900_000}\n}}", "E0301"),
    "a line of blanks": (f"net n {{ input(3x8x8) {' ' * 900_000} con(3) \n}}", "E0301"),
    "a string of 1 MB": (net(f'fc("{"x" * 900_000}")'), "E0303"),
    "a string of 1 MB where none belongs": (net(f'relu "{"x" * 900_000}"'), "E0101"),
    "100,000 terms": (net(f"fc({'+'.join(['1'] * 100_000)})"), "E0106"),
    "100,000 differences": (net(f"fc({'-'.join(['a'] * 100_000)})"), "E0106"),
    "6,000 terms": (net(f"fc({'+'.join(['1'] * 6_000)})"), "E0106"),
    "90 terms": (net(f"fc({'+'.join(['1'] * 90)})"), ""),
    "deep minus": (net(f"fc({'-' * 100_000}1)"), "E0106"),
    "minus": (net(f"fc({'-' * 10_000}1)"), "E0106"),
    "lists of sums of lists": (net(f"fc({'[' * 90}1{('+1' * 90 + ']') * 90})"), "E0106"),
    "120,000 parameters": (
        f"net n({','.join(f'p{i}=1' for i in range(120_000))}) {{ input(3x8x8) relu }}", "E0002"),
    "4,000 parameters": (
        f"net n({','.join(f'p{i}=1' for i in range(4_000))}) {{ input(3x8x8) relu }}", ""),
    "parameters of parameters": (
        f"net n(p=1,{','.join(f'p{i}=p' for i in range(4_000))}) {{ input(3x8x8) relu }}", ""),
    "parameters of a block": (
        net("b " * 50, f"block b({','.join(f'p{i}=1' for i in range(4_000))}) {{ relu }}"), ""),
    "names nobody knows": (
        net("cx " * 9_000, " ".join(f"block b{i}{{}}" for i in range(2_600))), "E0301"),
    "a long name": (net("a" * 900_000), "E0110"),
    "a long label": (net(f"{'a' * 900_000}: relu"), "E0110"),
    "many claims": (net("relu " * 7_000 + "expect relu7000.params == 0 " * 1_500), ""),
    "many false claims": (net("relu " * 7_000 + "expect receptive_field == 0 " * 2_000), "E0401"),
    "many clauses": (net("relu recipe { " + "batch 3 " * 9_000 + "}"), "E0502"),
    "many rules": (
        net("fc(9) " * 2_000 + "recipe { optimizer sgd(0.1) batch 3 epochs 2 init { "
            + "; ".join(["xc: bias 0"] * 1_500) + " } }"), "E0505"),
    "a long hyphenated word": (net("a" + "-b" * 400_000), "E0301"),
    "a long shorthand": (net("conv3" + "-64" * 300_000), "E0301"),
    "a long part of a hyphenated word": (net(f"a-{'b' * 900_000}"), "E0110"),
    "a shorthand of many digits": (net(f"conv3-{'9' * 99}"), "E0303"),
    "much shorthand": (net("conv3-64 " * 9_000), ""),
    "more shorthand": (net("conv3-64 " * 90_000), "E0206"),
    "a repeat without end": (net("repeat(1000000000) { relu }"), "E0206"),
    "a repeat of nothing without end": (net("repeat(1000000000) { b }", "block b { }"), "E0206"),
    "a repeat of too many digits": (net(f"repeat({'9' * 30}) {{ relu }}"), "E0104"),
    "repeats in repeats": (net("repeat(999) { " * 3 + "relu" + " }" * 3), "E0206"),
    "repeats of nothing in repeats": (
        net("repeat(n) { repeat(n) { b } }", "block b { }", n=19_000), "E0206"),
    "repeats of parameters": (net("repeat(n) { repeat(n * n) { relu } }", n=100), "E0206"),
    "repeats of what is computed": (
        net("repeat(n) as i { repeat(n + i) { relu } }", n=300), "E0206"),
    "repeats that double": (doubling("relu", 60, "repeat(2) {{ b{0} }}"), "E0206"),
    "repeats of what arrives that double": (
        doubling("relu", 60, "repeat(in - 1) {{ b{0} }}"), "E0206"),
    "repeats of nothing that double": (doubling("", 60, "repeat(in - 1) {{ b{0} }}"), "E0206"),
    "choices that double": (doubling("relu", 45, "if in == 3 {{ b{0} b{0} }}"), "E0206"),
    "choices of nothing that double": (doubling("", 45, "if in == 3 {{ b{0} b{0} }}"), "E0206"),
    "choices that double and are not taken": (
        doubling("", 60, "if in == 4 {{ b{0} b{0} }} relu"), ""),
    "arms that are not taken, again and again": (
        net(f"repeat(9000) {{ if in == 4 {{ {'relu ' * 20_000} }} }}"), "E0206"),
    "repeats not taken, again and again": (
        net(f"repeat(9000) {{ if in == 4 {{ {'repeat(2) { relu } ' * 9_000} }} }}"), "E0206"),
    "nested choices": (net("if in == 3 { " * 97 + "relu" + " }" * 97), ""),
    "5,000 times else if": (
        net("if in == 4 { tanh }" + " else if in == 4 { tanh }" * 5_000), "E0106"),
    "a list of 100,000": (net("fc(w[99999])", n=3, w=f"[{'1,' * 100_000}]"), ""),
    "a list of 100,000 for a number": (net("fc(w)", w=f"[{'1,' * 100_000}]"), "E0303"),
    "a list of 100,000 in a condition": (
        net("repeat(9) { if w < w { relu } }", w=f"[{'1,' * 100_000}]"), "E0312"),
    "a far element": (net("fc(w[1000000000])", w="[1, 2]"), "E0312"),
    "a farther element": (net("fc(w[999999999 * 999999999])", w="[1, 2]"), "E0312"),
    "elements of elements": (net(f"fc({'w[' * 90}0{']' * 90})", w="[0, 2]"), "E0303"),
    "a block that is given itself": (net("b(b)", "block b(x) { x }"), "E0309"),
    "defaults of everything": (net(f"defaults {{ {'fc(bias=true) ' * 30_000} }} relu"), "E0306"),
    "much that follows": (net("fc(1) " * 20_000 + "after fc { relu relu relu }"), "E0206"),
    "what follows and is followed": (
        net("relu fc(1) after fc { relu } after relu { fc(1) }"), ""),
    "many that follow": (net("relu " * 9_000 + "after fc, conv but last { relu }" * 50), ""),
    "too many that follow": (net("relu " + "after fc { relu }" * 9_000), "E0206"),
    "a width beyond all": ("net n { input(3x8x8, width = 1e300) relu }", "E0311"),
    "a tiny width": ("net n { input(3x8x8, width = 1e-300) fc(10) fc(10) }", ""),
    "a syntax error a line": (net("fc(1 1)\n" * 9_000), "E0101"),
    "20,000 imports": ('import "x.arch"\n' * 20_000 + net("relu"), "E0111"),
    "many assumptions": (
        net(" ".join(f'fc(10 assumed "{i}")' for i in range(3_000))), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECS)
def test_spec(name: str, tmp_path: Path) -> None:
    text, code = SPECS[name]
    path = tmp_path / "spec.arch"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    answer = archc("check", str(path))
    assert answer.status == (1 if code else 0)
    assert f"error[{code}]" in answer.error or not code


def test_too_long(tmp_path: Path) -> None:
    path = tmp_path / "spec.arch"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    answer = archc("check", str(path))
    assert "error[E0002]" in answer.error
    assert "has more than 4,000,000 bytes" in answer.error


def _folder(path: Path) -> None:
    path.mkdir()


def _unreadable(path: Path) -> None:
    path.write_text("net n { input(3x8x8) relu }")
    path.chmod(0)


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize("make", [_folder, _unreadable, _loop, _nothing])
def test_no_file(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "spec.arch"
    make(path)
    if make is _unreadable and os.access(path, os.R_OK):
        pytest.skip("this user may read any file")
    assert "error[E0001]" in archc("check", str(path)).error


@pytest.mark.parametrize(
    "name",
    ["", "/", "a" * 5_000, f"{'a' * 5_000}.arch", "no\nsuch", "no\x1b[31msuch", b"\xff\xfe.arch"],
)
def test_no_such_name(name: str | bytes) -> None:
    assert "error[E0001]" in archc("check", name).error


def test_nul_in_a_path() -> None:
    """No command line can hold it, but a caller can."""
    code = (
        "from archc.driver import load\n"
        "from archc.diagnostics import DiagnosticError\n"
        "for spec in ('a\\0b', 'a\\0b.arch', '/a\\0b'):\n"
        "    try: load(spec)\n"
        "    except DiagnosticError as error: assert error.diagnostics[0].code == 'E0001'\n"
        "    else: raise SystemExit('loaded')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.arch")
    path.write_text("net n { input(3x8x8) relu }")
    assert archc("check", os.fsencode(path)).status == 0


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("classes=3", ""),
        ("classes = 3", ""),
        ("classes=3 # a comment", ""),
        ("classes=2 * 5", ""),
        ("foo=3", "E0317"),
        ("in=3", "E0317"),
        ("lambda=3", "E0317"),
        ("classes=1e999", "E0104"),
        ("classes=" + "9" * 7_000, "E0104"),
        ('classes="x', "E0103"),
        ("classes=}", "E0109"),
        ("classes=3}}", "E0109"),
        ("classes=3\n}\n}\nnet x {", "E0109"),
        ("classes=[1, 2", "E0108"),
        ("classes={", "E0108"),
        ("classes=" + "(" * 2_000, "E0106"),
        ("classes=" + "1+" * 9_000 + "1", "E0106"),
        ("classes=a b", "E0101"),
        ("classes=3 3", "E0101"),
        ("classes=3 batch 4", "E0101"),
        ('classes=3 assumed "x"', "E0101"),
        ("classes==3", "E0101"),
        ("classes=1+", "E0101"),
        ("classes=# foo", "E0101"),
        ("classes=lambda: 3", "E0101"),
        ("classes=init { }", "E0101"),
        ("classes=in", "E0312"),
        ("classes=1/0", "E0312"),
        ("classes=__import__(os)", "E0301"),
        ("classes=foo", "E0307"),
        ("classes=\x1b[31m", "E0108"),
        ("classes=\u0663", "E0102"),
        ('classes="a"', "E0303"),
        ('classes="\\"', "E0303"),
        ("classes=-1", "E0303"),
        ("classes=0", "E0303"),
        ("classes=1x2", "E0303"),
        ("classes=true", "E0303"),
        ("classes=10.5", "E0303"),
        ("classes=[]", "E0303"),
    ],
)
def test_setting(setting: str, code: str) -> None:
    answer = archc("params", "lenet", "--set", setting)
    assert answer.status == (1 if code else 0)
    assert f"error[{code}]" in answer.error or not code


@pytest.mark.parametrize(
    "setting",
    ["classes=", "classes", "=3", "class es=3", "a\nb=3", "\x1b[31m=3", "", "1=1", "classes= "],
)
def test_setting_that_is_no_setting(setting: str) -> None:
    answer = archc("params", "lenet", "--set", setting)
    assert answer.status == 2
    assert "is not NAME=VALUE" in answer.error
