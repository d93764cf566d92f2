"""The data sets that `--data` names: `digits`, `cifar10:FOLDER`, `generated:N`, or a folder."""

from __future__ import annotations

from pathlib import Path

from archc.data.dataset import Dataset

DIGITS = "digits"
CIFAR10 = "cifar10:"
GENERATED = "generated:"
"""What is neither of these is the path of an image folder; one that is called so is
`./digits`."""


def open_source(source: str, *, shape: tuple[int, int, int], classes: int) -> Dataset:
    """A data set for a net with input `shape` (C, H, W). Raises `DiagnosticError` (E07)."""
    channels = shape[0]
    # Each when it is asked for: Pillow and scikit-learn take their time to load.
    if source == DIGITS:
        from archc.data.digits import load_digits

        return load_digits(channels)
    if source.startswith(CIFAR10):
        from archc.data.cifar import open_cifar10

        return open_cifar10(source.removeprefix(CIFAR10), channels)
    if source.startswith(GENERATED):
        from archc.data.generated import generate

        return generate(source.removeprefix(GENERATED), shape, classes)
    from archc.data.folder import open_folder

    return open_folder(source, channels)


def absolute(source: str) -> str:
    """A source as it is found from wherever one stands."""
    if source == DIGITS or source.startswith(GENERATED):
        return source
    kind = CIFAR10 if source.startswith(CIFAR10) else ""
    return kind + str(Path(source.removeprefix(kind)).resolve())


def from_here(source: str) -> str:
    """An absolute source as one would name it: a folder below this one without the way to here."""
    kind = CIFAR10 if source.startswith(CIFAR10) else ""
    path, here = Path(source.removeprefix(kind)), Path.cwd()
    if not path.is_absolute() or not path.is_relative_to(here):
        return source
    below = kind + str(path.relative_to(here))
    # A folder that is called like another source keeps its whole path.
    taken = not kind and (below == DIGITS or below.startswith((CIFAR10, GENERATED)))
    return source if taken else below
