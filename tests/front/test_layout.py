"""The layout of specs: what it changes, and that it changes nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archc.driver import check
from archc.ir import Graph
from archc.layout import formatted
from archc.source import Source
from tests.docs.blocks import complete, every
from tests.nets import ROOT, SPECS

FILES = SPECS
TEXTS = {path.name: path.read_text("utf-8") for path in FILES} | {
    block.place: complete(block)
    for block in every("arch")
    if block.manner != "refused" and "import" not in block.text
}


def laid(text: str) -> str:
    """A text in its layout, which that of the layout is too."""
    made = formatted(Source("test.arch", text))
    assert formatted(Source("test.arch", made)) == made
    return made


def body(text: str) -> str:
    """The layout of what stands in a net, from its first line on."""
    made = laid(f"net n {{\n{text}\n}}\n")
    assert made.startswith("net n {\n")
    assert made.endswith("\n}\n")
    return made.removeprefix("net n {\n").removesuffix("\n}\n")


def comments(text: str) -> list[str]:
    """The comments of a text, without their signs and the blanks around them."""
    found = re.findall(r'"[^"\n]*"|(#[^\n]*)', text)
    return [comment.lstrip("#").strip() for comment in found if comment]


def lines(text: str) -> int:
    return sum(bool(line.strip()) for line in re.split(r"\r\n|\r|\n", text))


def described(graph: Graph) -> object:
    nodes = [
        (n.path, n.op, n.inputs, n.each, n.towers, n.shared, graph.weights(n)) for n in graph.nodes
    ]
    heads = [(head.tap, head.output, head.weight) for head in graph.heads]
    stages = [(s.name, s.first, s.last, s.named) for s in graph.stages]
    return nodes, stages, heads, graph.output, graph.doc, graph.recipe, len(graph.net.expects)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_spec_stays_the_same(text: str) -> None:
    made = laid(text)
    assert comments(made) == comments(text)
    assert lines(made) == lines(text)
    beside = ROOT / "specs" / "test.arch"  # for what it imports
    before, after = (check(Source("test.arch", each, beside)) for each in (text, made))
    assert described(after) == described(before)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_specs_are_in_the_layout(path: Path) -> None:
    text = path.read_text("utf-8")
    assert laid(text) == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_spec_without_its_blanks_gets_them_back(path: Path) -> None:
    """All but the author's columns and blank lines."""
    text = path.read_text("utf-8")
    plain = re.sub(r"\n+", "\n", re.sub(r"(?<=\S) {2,}", " ", text)).replace(" #", "  #")
    plain = re.sub(r"\( (?=[0-9])", "(", plain)
    bare = re.sub(
        r"""("[^"]*"|[#][^\n]*)|^ +|(?<=[(){}|,:;]) +| +(?=[(){}|,:;])""",
        lambda match: match[1] or "",
        plain,
        flags=re.MULTILINE,
    )
    assert bare != plain
    assert laid(bare) == laid(plain)


EXAMPLES = {
    "conv( 3,1 ,16 , pad = same )relu": "conv(3, 1, 16, pad=same) relu",
    "aux(weight=0.3){fc(2)softmax}": "aux(weight = 0.3) { fc(2) softmax }",
    "input(3x8x8,width=0.5)": "input(3x8x8, width = 0.5)",
    "a :conv3-64 b :{ }": "a: conv3-64 b: {}",
    "b(act = leaky_relu(slope = 0.1))": "b(act=leaky_relu(slope=0.1))",
    "fc(n-1) fc(- 1*n) fc(n//2+3)": "fc(n - 1) fc(-1*n) fc(n//2 + 3)",
    "fc(3 * 3*3) fc(n / 2*3) fc(2*3 * n) fc(1 /255)": (
        "fc(3*3*3) fc(n / 2 * 3) fc(2 * 3 * n) fc(1/255)"
    ),
    "fc(2*w[i]) fc(min(n,2)*2) fc(2 * n*k)": "fc(2 * w[i]) fc(min(n, 2) * 2) fc(2 * n * k)",
    "if n//2==2*3 and (n // 2)==3 { }": "if n // 2 == 2*3 and (n//2) == 3 {}",
    "fc(n / - 2*3) fc(- 2 * 3) fc((2)*3)": "fc(n / -2 * 3) fc(-2*3) fc((2) * 3)",
    "fc([ 1 ,n ]) fc(w [ i ]) fc( ( n ) )": "fc([1, n]) fc(w[i]) fc((n))",
    "if(in!=n)and not k{relu}else if a==1 {skip}else{}": (
        "if (in != n) and not k { relu } else if a == 1 { skip } else {}"
    ),
    "r:repeat( 3 )as i{relu}": "r: repeat(3) as i { relu }",
    "concat{|skip|relu}": "concat { | skip | relu }",
    "defaults{maxpool(2,2)} after conv,fc but last{relu}": (
        "defaults { maxpool(2, 2) } after conv, fc but last { relu }"
    ),
    "expect a.output==8x8x8 expect output( a )!=1x1x1": (
        "expect a.output == 8x8x8 expect output(a) != 1x1x1"
    ),
    "recipe{batch 3 init{conv,fc:he,bias - 1;a:normal(mean=0)}}": (
        "recipe { batch 3 init { conv, fc: he, bias -1; a: normal(mean = 0) } }"
    ),
    'recipe{optimizer sgd(lr=0.1 assumed"x") augment{crop(pad=1)}}': (
        'recipe { optimizer sgd(lr = 0.1 assumed "x") augment { crop(pad=1) } }'
    ),
    'recipe{augment{flip assumed"x"} init{fc:he assumed"x",bias 0}}': (
        'recipe { augment { flip assumed "x" } init { fc: he assumed "x", bias 0 } }'
    ),
    "recipe { batch(2)*3 }": "recipe { batch (2) * 3 }",
    "relu#here": "relu  # here",
    "##  here  \nrelu # there": "##  here\n  relu  # there",
    "#\nrelu": "#\n  relu",
}


@pytest.mark.parametrize(("text", "made"), EXAMPLES.items(), ids=EXAMPLES)
def test_blanks_within_a_line(text: str, made: str) -> None:
    assert body(text) == f"  {made}"


def test_headers() -> None:
    assert laid("net n(a=1,b = in/2){relu} block b ( k=3 ){ }") == (
        "net n(a = 1, b = in/2) { relu } block b(k = 3) {}\n"
    )


def test_blank_lines() -> None:
    text = '\n\nimport "a"\n\n\n\nnet n {\n \n# c\n\nrelu\n\n\ntanh\n\n}\n\n# end\n\n\n'
    assert laid(text) == 'import "a"\n\nnet n {\n  # c\n\n  relu\n\n  tanh\n}\n\n# end\n'
    assert laid("") == ""
    assert laid("\n\n") == ""
    assert laid("# alone") == "# alone\n"


def test_tabs_and_line_ends() -> None:
    text = "net n {\r\n\tconv(3,\t1, 8)\trelu\t# a\tb  \r\n\t\ttanh   \r\n}"
    made = "net n {\n  conv(3, 1, 8)   relu    # a\tb\n  tanh\n}\n"
    assert laid(text) == made


def test_indentation() -> None:
    text = """net n(
a = 1,
b = [1,
2]
) {
a: { towers(2) {
relu
} }
concat {
# one
| relu
# of one
tanh
| mul {
| skip
| relu }
# none
}
expect params ==
n *
4
recipe { optimizer sgd(lr = 1)
assumed "x"
}
}
# after
"""
    assert (
        laid(text)
        == """net n(
  a = 1,
  b = [1,
    2]
) {
  a: { towers(2) {
      relu
  } }
  concat {
    # one
    | relu
      # of one
      tanh
    | mul {
        | skip
        | relu }
    # none
  }
  expect params ==
    n *
    4
  recipe { optimizer sgd(lr = 1)
      assumed "x"
  }
}
# after
"""
    )


def test_columns_stay() -> None:
    """Also where something to the left of them grows, for all lines of the table."""
    text = """
  a: { conv(3, 1, 8)   relu     # one
    b: { conv(3,1,128) relu }   # two
  }
     c: b(64)        tanh  maxpool(2, 2)
     c: b(64,64,64)  tanh  maxpool(2, 2)
     c: b(4)         tanh  maxpool(2, 2) #three
     d: b(4,4)       tanh  maxpool(2, 2)"""
    assert (
        body(text)
        == """\
  a: { conv(3, 1, 8)   relu      # one
    b: { conv(3, 1, 128) relu }  # two
  }
  c: b(64)          tanh  maxpool(2, 2)
  c: b(64, 64, 64)  tanh  maxpool(2, 2)
  c: b(4)           tanh  maxpool(2, 2)  # three
  d: b(4, 4)        tanh  maxpool(2, 2)"""
    )


def test_columns_of_numbers_end_together() -> None:
    text = """
  a: b( 8,  16, skip, 1)   relu
  a: b( 8, 128, se,   1)   relu
  a: b( 4,4096, se,  10) relu

  a: b( 8, 16)
  a: b( 8, 16)"""
    made = """\
  a: b( 8,   16, skip, 1)  relu
  a: b( 8,  128, se,   1)  relu
  a: b( 4, 4096, se,  10) relu

  a: b(8, 16)
  a: b(8, 16)"""
    assert body(text) == made


# Random texts ----------------------------------------------------------------------------

_ITEMS = (
    "relu",
    "conv ( 3 , 1 , 16 , pad = same )",
    "conv3-64",
    "a : fc ( n - 1 )",
    "fc ( - n * 2 * 3 + w [ 0 ] )",
    'b ( act = leaky_relu ( 0.1 ) , k = [ 1 , 2 ] assumed "a # b" )',
    "towers ( 2 ) { %s }",
    "g : { %s %s }",
    "concat { | %s | %s %s }",
    "repeat ( 3 ) as i { %s }",
    "if in == 3 and not ( k > 2 ) { %s } else { skip }",
    "aux ( weight = 0.3 ) { %s }",
)
_ENTRIES = (
    "%s",
    "expect params ~ 138M",
    "expect output ( g ) == 8 * ( 3 * 3 + 1 )",
    "defaults { maxpool ( 2 , 2 ) }",
    "after conv , fc but last { relu }",
    "recipe { augment { flip scale ( 1 / 255 ) } optimizer sgd ( lr = 0.1 ) batch n - 1 }",
    "recipe { init { conv , a.b : he , bias - 1 ; fc : zeros ; } }",
)
_CLOSE = set("(){}[],:;|=~")


@st.composite
def items(draw: st.DrawFn, depth: int = 0) -> str:
    item = draw(st.sampled_from(_ITEMS if depth < 3 else _ITEMS[:6]))
    while "%s" in item:
        item = item.replace("%s", draw(items(depth + 1)), 1)
    return item


@st.composite
def specs(draw: st.DrawFn) -> str:
    """A spec of random items with random blanks, lines and comments between its words."""
    entries = draw(st.lists(st.sampled_from(_ENTRIES), min_size=1, max_size=6))
    filled = [entry.replace("%s", draw(items())) for entry in entries]
    text = f'net n ( a = 1 , b = a // 2 ) {{ "doc" {" ".join(filled)} }} block c ( k ) {{ relu }}'
    words = re.findall(r'"[^"]*"|\S+', text)
    gaps = st.sampled_from(
        ["", " ", " ", "  ", "    ", "\t", "\n", "\n\n\n", " \n  ", "\r\n", "#c\n", "  # d \n\n"]
    )
    made = draw(gaps)
    for before, word in zip(["", *words], words, strict=False):
        gap = draw(gaps)
        if not gap and not (before in _CLOSE or word in _CLOSE):
            gap = " "
        made += gap + word
    return made + draw(gaps)


@settings(max_examples=200)
@given(specs())
def test_any_spec(text: str) -> None:
    made = laid(text)
    assert re.sub(r"#.*|\s", "", made) == re.sub(r"#.*|\s", "", text)
    assert comments(made) == comments(text)
    assert lines(made) == lines(text)
    assert "\t" not in made
    assert not re.search(r"\r|\n\n\n|\{\n\n|\n\n *[})\]]|^\n|\n\n\Z", made)
    assert not re.search(r" $", made, re.MULTILINE)
    assert made.endswith("\n")


_GAPS = st.sampled_from(["", " ", " ", "  ", "   "])


@st.composite
def tables(draw: st.DrawFn) -> str:
    """Rows of numbers and words with columns here and there, some only by chance."""
    rows: list[str] = []
    for _ in range(draw(st.integers(2, 6))):
        row = draw(st.sampled_from(["  ", "", "    "])) + "b("
        for _ in range(draw(st.integers(1, 4))):
            row += draw(_GAPS) + draw(st.sampled_from(["1", "12", "123", "1234", "n", "skip"]))
            row += draw(_GAPS) + ","
        row += draw(_GAPS) + ")" + draw(_GAPS) + draw(st.sampled_from(["relu", "", "tanh  fc(3)"]))
        rows.append(row + draw(_GAPS) + draw(st.sampled_from(["", "#a", "  # b"])))
    return "\n".join(["net n {", *rows, "}"])


@settings(max_examples=300)
@given(tables())
def test_any_table(text: str) -> None:
    made = laid(text)
    assert re.sub(r"#.*|\s", "", made) == re.sub(r"#.*|\s", "", text)
