"""`augment { }` and `evaluate { }` as functions of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archc.data.dense import Dense
from archc.data.pipeline import RAW_WHITE, keys_of, whites_of
from archc.data.transforms import (
    CenterCrop,
    Flip,
    JitterResize,
    LearningTransform,
    MultiScaleCrop,
    Normalize,
    OneOfTenCrop,
    PcaColor,
    Photometric,
    RandomAreaCrop,
    RandomCrop,
    Resize,
    Scale,
    Shift,
    SubtractMean,
    TenCrop,
    Transform,
)
from archc.emit.python import (
    Call,
    Either,
    Index,
    Infix,
    Items,
    Text,
    Tree,
    literal,
    statement,
)
from archc.ops.base import Shape

IMAGE = Text("image")
RNG = Text("rng")


@dataclass(frozen=True)
class Steps:
    """One pipeline as the body of a function of `image`."""

    lines: list[str]
    """Its statements, the last one returns."""
    learned: bool
    """Whether they look at what was learned."""
    random: bool
    """Whether they draw from `rng`."""
    fitting: bool
    """Whether the net takes every image after them, whatever its size was."""


class Writer:
    """Writes the steps of a recipe for a net with input `shape` (C, H, W).

    `dense`: how the net is measured on whole images.
    """

    def __init__(
        self,
        augment: Sequence[Transform],
        evaluate: Sequence[Transform],
        dense: Dense | None,
        shape: Shape,
    ) -> None:
        self._shape = shape
        self._pipelines = (augment, evaluate)
        self._names = _names(self._pipelines)
        self.augment = self._steps(augment)
        self.evaluate = self._whole(evaluate, dense) if dense else self._steps(evaluate)
        self.learning = self._learning()
        """Statements that fill `learned` from `images`; none where nothing is learned."""

    def _steps(self, steps: Sequence[Transform]) -> Steps:
        lines, last = self._applied(steps)
        fitting = self._is_fitting(steps)
        if not fitting:
            last = Call("fitting", [last])
        lines += statement("return ", last, 4)
        return Steps(lines, _learns(steps), any(step.random for step in steps), fitting)

    def _whole(self, steps: Sequence[Transform], dense: Dense) -> Steps:
        """The steps, and behind them the image and its mirror at every scale."""
        lines, last = self._applied(steps)
        if last is not IMAGE:
            lines += statement("image = ", last, 4)
        fitting = min(dense.sides) >= max(self._shape[1:])
        one = "resize(image, side)" if fitting else "covering(resize(image, side))"
        each = "for side in SCALES"
        if any(step.views > 1 for step in steps):
            lines.append(f"    whole = [view {each} for view in {one}]")
        else:
            lines.append(f"    whole = [{one} {each}]")
        lines.append("    return [*whole, *(view[:, ::-1] for view in whole)]")
        return Steps(lines, _learns(steps), random=False, fitting=fitting)

    def _applied(self, steps: Sequence[Transform]) -> tuple[list[str], Tree]:
        """Statements, and the last step as an expression."""
        lines: list[str] = []
        last: Tree = IMAGE
        for number in range(len(steps)):
            if number:
                lines += statement("image = ", last, 4)
            before, last = self._step(steps, number, IMAGE)
            lines += before
        return lines, last

    def _is_fitting(self, steps: Sequence[Transform]) -> bool:
        """Whether every image is of the net's size after these steps, whatever it was."""
        for step in reversed(steps):
            match step:
                case (
                    CenterCrop(size=size)
                    | RandomCrop(size=size)
                    | RandomAreaCrop(size=size)
                    | OneOfTenCrop(size=size)
                    | TenCrop(size=size)
                    | MultiScaleCrop(size=size)
                    | Resize(size=tuple() as size)
                ):
                    return _pair(size) == self._shape[1:]
                case Resize() | JitterResize():
                    return False
                case _:
                    continue
        return False

    def _step(self, steps: Sequence[Transform], number: int, image: Tree) -> tuple[list[str], Tree]:
        """Statements before a step, and the step as an expression of the image."""
        step = steps[number]
        white = _white(whites_of(steps, self._shape[0])[number])
        name = self._names.get(keys_of(steps)[number], "")
        match step:
            case Resize(size=size):
                return [], Call("resize", [image, literal(size)])
            case JitterResize(low=low, high=high):
                side = Text(f"int(rng.integers({low}, {high + 1}))")
                return [], Call("resize", [image, side])
            case CenterCrop(size=size):
                return [], Call("center_crop", [image, literal(size)])
            case RandomCrop(size=size, pad=0):
                return [], Call("random_crop", [image, literal(size), RNG])
            case RandomCrop(size=size, pad=pad):
                return [], Call("padded_crop", [image, literal(size), literal(pad), RNG])
            case RandomAreaCrop():
                return _random_area(step, image)
            case Flip():
                mirrored = Index(image, "..., ::-1, :")
                return [], Either("rng.random() < 0.5", mirrored, image)
            case Shift(pixels=pixels):
                before = ["    height, width = image.shape[-3:-1]"]
                size = Text("(height, width)")
                return before, Call("padded_crop", [image, size, literal(pixels), RNG])
            case SubtractMean():
                return [], Infix("-", [image, _learned(name)])
            case PcaColor(std=std):
                values, vectors = _axes(name)
                args = [image, literal(std), _learned(values), _learned(vectors), white, RNG]
                return [], Call("pca_color", args)
            case Photometric(low=low, high=high):
                bounds = f"{literal(low).text}, {literal(high).text}"
                before = [
                    "    changes = [CHANGES[i] for i in rng.permutation(len(CHANGES))]",
                    f"    factors = rng.uniform({bounds}, len(CHANGES)).tolist()",
                ]
                args = [image, Text("changes"), Text("factors"), white]
                return before, Call("photometric", args)
            case Scale(factor=factor):
                return [], Infix("*", [image, _factor(factor)])
            case Normalize(mean=mean, std=std):
                return _normalized(mean, std, image)
            case TenCrop(size=size):
                return [], Call("ten_crop", [image, literal(size)])
            case OneOfTenCrop(size=size):
                return [], Index(Call("ten_crop", [image, literal(size)]), "int(rng.integers(10))")
            case MultiScaleCrop(size=size, scales=scales):
                return [], Call("multi_scale_crop", [image, literal(size), literal(scales)])
            case _:
                raise TypeError(f"no program for the step {step.word}")

    def _learning(self) -> list[str]:
        lines: list[str] = []
        done: set[str] = set()
        for steps in self._pipelines:
            keys, whites = keys_of(steps), whites_of(steps, self._shape[0])
            for number, step in enumerate(steps):
                if not isinstance(step, LearningTransform) or keys[number] in done:
                    continue
                done.add(keys[number])
                lines += self._learned(steps, number, self._names[keys[number]], whites[number])
        return lines

    def _learned(
        self, steps: Sequence[Transform], number: int, name: str, white: tuple[float, ...]
    ) -> list[str]:
        """Statements that learn what one step must know, of images after those before it."""
        before, seen = self._seen(steps, number, f"before_{name}")
        match steps[number]:
            case SubtractMean(per=per):
                mean = Call("astype", [Text("np.float32")], on=Call(f"mean_{per}", [seen]))
                return [*before, *statement(f'learned["{name}"] = ', mean, 4)]
            case PcaColor():
                values, vectors = _axes(name)
                axes = Call("colour_axes", [seen, _white(white)])
                return [
                    *before,
                    *statement("values, vectors = ", axes, 4),
                    f'    learned["{values}"], learned["{vectors}"] = values, vectors',
                ]
            case step:
                raise TypeError(f"no program for what {step.word} learns")

    def _seen(
        self, steps: Sequence[Transform], number: int, function: str
    ) -> tuple[list[str], Tree]:
        """The training images as they reach a step that learns: statements, and a call."""
        fixed = [i for i, step in enumerate(steps[:number]) if not step.random]
        if not fixed:
            return [], Call("images")
        lines: list[str] = []
        last: Tree = IMAGE
        for i in fixed:
            if i != fixed[0]:
                lines += statement("image = ", last, 8)
            before, last = self._step(steps, i, IMAGE)
            lines += [f"    {line}" for line in before]
        lines += statement("return ", last, 8)
        head = f"    def {function}(image: Pixels) -> Pixels:"
        return ["", head, *lines, ""], Call("images", [Text(function)])


def _learns(steps: Sequence[Transform]) -> bool:
    """Whether a step looks at what was learned."""
    return any(isinstance(step, LearningTransform) for step in steps)


def _names(pipelines: Sequence[Sequence[Transform]]) -> dict[str, str]:
    """A name for what each step learns, by its key: `mean`, and `mean2` for another."""
    names: dict[str, str] = {}
    for steps in pipelines:
        for key, step in zip(keys_of(steps), steps, strict=True):
            if isinstance(step, LearningTransform) and key not in names:
                word = "mean" if isinstance(step, SubtractMean) else "eigen"
                number = sum(name.startswith(word) for name in names.values()) + 1
                names[key] = f"{word}{number}" if number > 1 else word
    return names


def _axes(name: str) -> tuple[str, str]:
    """`eigenvalues` and `eigenvectors`, of the second that are learned `eigenvalues2`."""
    number = name.removeprefix("eigen")
    return f"eigenvalues{number}", f"eigenvectors{number}"


def _learned(name: str) -> Text:
    return Text(f'learned["{name}"]')


def _random_area(step: RandomAreaCrop, image: Tree) -> tuple[list[str], Tree]:
    named = [("area", literal(step.area)), ("aspect", literal(step.aspect)), ("rng", RNG)]
    before = statement("image = ", Call("random_area", [image], named), 4)
    method: Text = literal(step.interpolation)
    if step.interpolation == "varied":
        before.append("    method = list(METHODS)[int(rng.integers(len(METHODS)))]")
        method = Text("method")
    return before, Call("scaled", [image, literal(_pair(step.size)), method])


def _white(white: tuple[float, ...]) -> Text:
    """How far black is from white: one number where the channels agree."""
    return literal(white[0] if len(set(white)) == 1 else white)


def _factor(factor: float) -> Tree:
    """A factor, as a fraction where it is exactly one."""
    inverse = round(1 / factor)
    if factor < 1 and 1 / inverse == factor and inverse < RAW_WHITE * RAW_WHITE:
        return Infix("/", [Text("1"), Text(str(inverse))])
    return literal(factor)


def _normalized(
    mean: float | tuple[float, ...], std: float | tuple[float, ...], image: Tree
) -> tuple[list[str], Tree]:
    """Numbers for all channels stand in the expression, those of each channel before it."""
    before: list[str] = []
    names: dict[str, Tree] = {}
    for name, value in (("mean", mean), ("std", std)):
        names[name] = literal(value) if isinstance(value, float) else Text(name)
        if isinstance(value, tuple):
            numbers = Items([literal(float(number)) for number in value])
            call = Call("np.array", [numbers, Text("np.float32")])
            before += statement(f"{name} = ", call, 4)
    return before, Infix("/", [Infix("-", [image, names["mean"]]), names["std"]])


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else size
