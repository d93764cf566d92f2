"""E03: names, arguments and structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic, Label, did_you_mean, some
from archc.source import Span


@dataclass(frozen=True, kw_only=True)
class UnknownForm(Diagnostic):
    """No op, block, optimizer, schedule, initialiser or augmentation has this name."""

    code: ClassVar[str] = "E0301"
    name: str
    kind: str
    known: tuple[str, ...]
    value: str = ""
    """What the name means there, where it is a parameter that is no op."""

    def message(self) -> str:
        if self.value:
            return f"'{self.name}' is {self.value} here, and no {self.kind}"
        return f"no {self.kind} is called '{self.name}'"

    def help(self) -> str:
        if self.value:
            return f"a parameter is given an op by its name, without quotes: {self.name} = relu"
        if "-" in self.name:
            near = did_you_mean(self.name.rstrip("-0123456789"), self.known)
            short = "shorthand is conv3-64, conv1x7-32, FC-4096"
            return short if near in ("", "did you mean 'conv'?") else near
        elsewhere = _ELSEWHERE.get(self.name.lower().replace("_", ""))
        if elsewhere is not None and elsewhere[0] in self.known:
            return elsewhere[1]
        return did_you_mean(self.name, self.known) or f"known: {some(sorted(self.known))}"


_FC = ("fc", "it is called fc here: fc(4096)")
_BN = ("bn", "it is called bn here")
_SKIP = ("add", "a residual block is add { | conv(3, 1, 64, pad=same) | skip }")
_REPEAT = ("conv", "what is done several times: repeat(3) as i { ... }")
_ELSE_IF = ("conv", "it is spelled else if")
_FLATTEN = ("fc", "leave it out: fc flattens what reaches it")
_ELSEWHERE = {
    "linear": _FC,
    "dense": _FC,
    "flatten": _FLATTEN,
    "view": _FLATTEN,
    "adaptiveavgpool2d": ("global_avgpool", "it is called global_avgpool here"),
    "localresponsenorm": ("lrn", "it is called lrn here: lrn(5)"),
    "batchnorm": _BN,
    "batchnorm2d": _BN,
    "batchnormalization": _BN,
    "swish": ("silu", "it is called silu here"),
    "residual": _SKIP,
    "shortcut": _SKIP,
    "gaussian": ("normal", "it is called normal here: normal(0, 0.01)"),
    "for": _REPEAT,
    "while": _REPEAT,
    "loop": _REPEAT,
    "elif": _ELSE_IF,
    "elseif": _ELSE_IF,
    "elsif": _ELSE_IF,
    "xavier": ("glorot", "it is called glorot here"),
    "kaiming": ("he", "it is called he here"),
}
"""What other tools call an op or a form: the name it has here, and what to say."""


@dataclass(frozen=True, kw_only=True)
class UnknownArgument(Diagnostic):
    """An argument was given by a name that the op or block does not have."""

    code: ClassVar[str] = "E0302"
    form: str
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"{self.form} takes no argument called '{self.name}'"

    def help(self) -> str:
        if not self.known:
            return f"{self.form} takes no arguments"
        return did_you_mean(self.name, self.known) or f"it takes {some(self.known)}"


@dataclass(frozen=True, kw_only=True)
class BadArgument(Diagnostic):
    """The value of an argument is none that it can have."""

    code: ClassVar[str] = "E0303"
    form: str
    name: str
    value: str
    rule: str
    fix: str = ""

    def message(self) -> str:
        if not self.name:
            return f"the arguments of {self.form} do not go together: {self.rule}"
        return f"{self.name} of {self.form} is {self.value}; it {self.rule}"

    def help(self) -> str:
        return self.fix


@dataclass(frozen=True, kw_only=True)
class MissingArgument(Diagnostic):
    """An argument without a default was not given. The help shows all of them in order."""

    code: ClassVar[str] = "E0304"
    form: str
    missing: tuple[str, ...]
    signature: str

    def message(self) -> str:
        *first, last = (f"'{name}'" for name in self.missing)
        return f"{self.form} needs its " + (f"{', '.join(first)} and {last}" if first else last)

    def help(self) -> str:
        return self.signature


@dataclass(frozen=True, kw_only=True)
class TooManyArguments(Diagnostic):
    """More arguments were given than the op or block has."""

    code: ClassVar[str] = "E0305"
    form: str
    most: int
    signature: str

    def message(self) -> str:
        if not self.most:
            return f"{self.form} takes no arguments"
        return f"{self.form} takes {self.most} argument{'s' * (self.most > 1)}; this is one more"

    def help(self) -> str:
        return self.signature if self.most else f"leave the parentheses out: {self.form}"


@dataclass(frozen=True, kw_only=True)
class RepeatedArgument(Diagnostic):
    """An argument was given by its place and by its name, or by its name twice."""

    code: ClassVar[str] = "E0306"
    form: str
    name: str
    first: Span

    def message(self) -> str:
        return f"{self.name} of {self.form} is given twice"

    def others(self) -> Sequence[Label]:
        return [Label(self.first, "first here")]


@dataclass(frozen=True, kw_only=True)
class UnknownName(Diagnostic):
    """A name in an expression that is no parameter of this net or block, and no word that the
    argument takes. Blocks see their own parameters only."""

    code: ClassVar[str] = "E0307"
    name: str
    known: tuple[str, ...]
    near: tuple[str, ...] = ("true", "false")
    """What may be meant too, but is not listed."""
    fix: str = "a number, or a parameter: net lenet(classes = 10) { ... }"
    """What to write where nothing is known."""

    def message(self) -> str:
        return f"'{self.name}' is not known here"

    def help(self) -> str:
        near = did_you_mean(self.name, (*self.known, *self.near))
        if near or not self.known:
            return near or self.fix
        return f"known here: {some(self.known)}"


@dataclass(frozen=True, kw_only=True)
class RepeatedName(Diagnostic):
    """Two things of one kind have the same name. Layers without a label are named by their op and
    a counter (`conv1`, `conv2`), so a label can be in the way of such a name."""

    code: ClassVar[str] = "E0308"
    name: str
    kind: str
    first: Span
    counted: bool = False
    """Whether the second of them has no label, and got the name by counting."""

    def message(self) -> str:
        return f"the {self.kind} '{self.name}' is taken"

    def label(self) -> str:
        return f"without a label, this is '{self.name}'" if self.counted else ""

    def others(self) -> Sequence[Label]:
        return [Label(self.first, "first here")]

    def help(self) -> str:
        return "give it another label, or none" if self.kind == "label" else ""


@dataclass(frozen=True, kw_only=True)
class RecursiveBlock(Diagnostic):
    """A block that calls itself, by way of others or not, would never end."""

    code: ClassVar[str] = "E0309"
    name: str

    def message(self) -> str:
        return f"the block '{self.name}' calls itself, so its expansion would never end"


@dataclass(frozen=True, kw_only=True)
class WrongBody(Diagnostic):
    """A structure without its braces or branches, or braces or arguments where none belong."""

    code: ClassVar[str] = "E0310"
    name: str
    rule: str
    example: str = ""

    def message(self) -> str:
        return f"{self.name} {self.rule}"

    def help(self) -> str:
        return self.example


@dataclass(frozen=True, kw_only=True)
class BadInput(Diagnostic):
    """A net begins with its input, once: `input(3x224x224)`, channels x height x width."""

    code: ClassVar[str] = "E0311"
    problem: str
    fix: str = ""

    def message(self) -> str:
        return self.problem

    def help(self) -> str:
        return self.fix


@dataclass(frozen=True, kw_only=True)
class BadOperands(Diagnostic):
    """An expression that has no value: it divides by zero, calculates with what is no number, takes
    an element that a list does not have, or asks a condition of what is neither true nor false."""

    code: ClassVar[str] = "E0312"
    problem: str
    fix: str = ""

    def message(self) -> str:
        return self.problem

    def help(self) -> str:
        return self.fix


@dataclass(frozen=True, kw_only=True)
class AmbiguousName(Diagnostic):
    """A parameter has the name of a word that an argument takes, such as `same` for `pad`, or of
    another op than it stands for; which one is meant cannot be known."""

    code: ClassVar[str] = "E0313"
    name: str
    other: str = "a word that this argument takes too"

    def message(self) -> str:
        return f"'{self.name}' is a parameter here, and {self.other}"

    def help(self) -> str:
        return "rename the parameter"


@dataclass(frozen=True, kw_only=True)
class NoSingleNet(Diagnostic):
    """A file holds one net, and the blocks that it uses."""

    code: ClassVar[str] = "E0314"
    file: str
    nets: tuple[str, ...]

    def message(self) -> str:
        if not self.nets:
            return f"{self.file} holds no net"
        return f"{self.file} holds {len(self.nets)} nets ({some(self.nets)}); a spec is one net"

    def help(self) -> str:
        if self.nets:
            return "put this one into a file of its own"
        return "net lenet { input(1x32x32) ... }"


@dataclass(frozen=True, kw_only=True)
class MisplacedStructure(Diagnostic):
    """A structure or a block stands where it cannot mean anything."""

    code: ClassVar[str] = "E0315"
    name: str
    rule: str

    def message(self) -> str:
        return f"{self.name} {self.rule}"


@dataclass(frozen=True, kw_only=True)
class NoValue(Diagnostic):
    """A parameter of the net has no default and was not set."""

    code: ClassVar[str] = "E0316"
    net: str
    name: str

    def message(self) -> str:
        return f"the parameter '{self.name}' of {self.net} has no value"

    def help(self) -> str:
        return f"give it a default, or say --set {self.name}=VALUE"


@dataclass(frozen=True, kw_only=True)
class UnknownParameter(Diagnostic):
    """`--set` names a parameter that the net does not have."""

    code: ClassVar[str] = "E0317"
    net: str
    name: str
    known: tuple[str, ...]

    def message(self) -> str:
        return f"the net {self.net} has no parameter '{self.name}'"

    def help(self) -> str:
        return did_you_mean(self.name, self.known) or (
            f"it has {some(self.known)}" if self.known else "it has none"
        )
