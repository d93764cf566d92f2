"""E07: datasets, image files and what a recipe does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archc.diagnostics import Diagnostic

LAYOUT = "train/<class>/*.jpg and val/<class>/*.jpg"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True, kw_only=True)
class DataNotFound(Diagnostic):
    """`--data` names neither a set that archc knows nor a folder."""

    code: ClassVar[str] = "E0701"
    path: str

    def message(self) -> str:
        return f"there is no folder '{self.path}' to take images from"

    def help(self) -> str:
        return f"give 'digits', 'cifar10:FOLDER', 'generated:1000', or a folder that holds {LAYOUT}"


@dataclass(frozen=True, kw_only=True)
class SplitMissing(Diagnostic):
    """An image folder has its images in `train/` and `val/`."""

    code: ClassVar[str] = "E0702"
    path: str
    split: str

    def message(self) -> str:
        return f"the folder '{self.path}' has no {self.split}/ inside"

    def help(self) -> str:
        return f"an image folder holds {LAYOUT}"


@dataclass(frozen=True, kw_only=True)
class NoClasses(Diagnostic):
    """Each class of images is a folder of its own."""

    code: ClassVar[str] = "E0703"
    path: str

    def message(self) -> str:
        return f"'{self.path}' has no folders inside; each class of images is a folder there"

    def help(self) -> str:
        return f"an image folder holds {LAYOUT}"


@dataclass(frozen=True, kw_only=True)
class UnknownClasses(Diagnostic):
    """`val/` has classes that `train/` does not have."""

    code: ClassVar[str] = "E0704"
    path: str
    classes: tuple[str, ...]

    def message(self) -> str:
        return (
            f"'{self.path}' has classes that train/ does not have: {listed(self.classes)}; "
            "no net can learn them"
        )

    def help(self) -> str:
        return "give train/ and val/ the same folders"


@dataclass(frozen=True, kw_only=True)
class NoImages(Diagnostic):
    """A class has no files that are images by their name."""

    code: ClassVar[str] = "E0705"
    path: str
    suffixes: tuple[str, ...]

    def message(self) -> str:
        return f"there are no images in '{self.path}'"

    def help(self) -> str:
        return f"images are files that end in {', '.join(self.suffixes)}"


@dataclass(frozen=True, kw_only=True)
class UnreadableImage(Diagnostic):
    """A file is no image, or is broken."""

    code: ClassVar[str] = "E0706"
    path: str
    reason: str

    def message(self) -> str:
        return f"the image '{self.path}' cannot be read: {self.reason}"

    def help(self) -> str:
        return "mend the file or move it out of the data set"


@dataclass(frozen=True, kw_only=True)
class ImageTooLarge(Diagnostic):
    """An image would take too much memory."""

    code: ClassVar[str] = "E0707"
    path: str
    size: str
    limit: int

    def message(self) -> str:
        return f"the image '{self.path}' is {self.size}; at most {self.limit:,} pixels are decoded"

    def notes(self) -> Sequence[str]:
        return ("a small file can unpack to an image that fills the memory, so there is a limit",)

    def help(self) -> str:
        return "make the image smaller or move it out of the data set"


@dataclass(frozen=True, kw_only=True)
class ClassCountDiffers(Diagnostic):
    """The net has another number of outputs than the data set has classes."""

    code: ClassVar[str] = "E0708"
    data: str
    has: int
    net: int

    def message(self) -> str:
        return f"the data set '{self.data}' has {self.has} classes, the net tells {self.net} apart"

    def help(self) -> str:
        return f"--set classes={self.has}"


@dataclass(frozen=True, kw_only=True)
class InputSizeDiffers(Diagnostic):
    """The recipe's steps leave images of another size than the net's input."""

    code: ClassVar[str] = "E0709"
    where: str
    image: str
    got: str
    wanted: str

    def message(self) -> str:
        return (
            f"after '{self.where}' the image '{self.image}' is {self.got}, "
            f"the net's input is {self.wanted}"
        )

    def help(self) -> str:
        side = self.wanted.partition("x")[2]
        return (
            f"end {self.where} {{ ... }} with a size, such as resize({side}), or center_crop(input)"
        )


@dataclass(frozen=True, kw_only=True)
class TransformDoesNotFit(Diagnostic):
    """A step of the recipe cannot be done to an image: it is too small, or has other channels."""

    code: ClassVar[str] = "E0710"
    where: str
    transform: str
    image: str
    reason: str

    def message(self) -> str:
        return (
            f"{self.transform} in '{self.where}' cannot take the image '{self.image}': "
            f"{self.reason}"
        )


@dataclass(frozen=True, kw_only=True)
class RandomInEvaluate(Diagnostic):
    """Evaluation has to give the same result each time, so none of its steps may be random."""

    code: ClassVar[str] = "E0711"
    transform: str

    def message(self) -> str:
        return (
            f"'{self.transform}' is random, so evaluating twice would give two results; "
            "evaluate { } takes fixed steps only"
        )

    def help(self) -> str:
        if self.transform == "random_crop":
            return "center_crop or ten_crop in evaluate { }"
        return f"move {self.transform} to augment {{ }}"


@dataclass(frozen=True, kw_only=True)
class ViewsInAugment(Diagnostic):
    """A step that makes several views of an image is for evaluation, which averages over them."""

    code: ClassVar[str] = "E0712"
    transform: str

    def message(self) -> str:
        return (
            f"'{self.transform}' makes several views of an image to average over; "
            "training takes one, so it belongs in evaluate { }"
        )

    def help(self) -> str:
        return "random_crop in augment { }"


@dataclass(frozen=True, kw_only=True)
class ChannelsUnsupported(Diagnostic):
    """Images are grey or of three colours."""

    code: ClassVar[str] = "E0713"
    channels: int

    def message(self) -> str:
        return (
            f"the net's input has {self.channels} channels; images have 1 (grey) or 3 (red, green, "
            "blue)"
        )

    def help(self) -> str:
        return "input(1x32x32) or input(3x224x224), say"


@dataclass(frozen=True, kw_only=True)
class FolderUnreadable(Diagnostic):
    """The folder is there, but may not be listed."""

    code: ClassVar[str] = "E0715"
    path: str
    reason: str

    def message(self) -> str:
        return f"the folder '{self.path}' cannot be listed: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class ImageDoesNotFit(Diagnostic):
    """With `dense` the net is applied to images of any size, but not to one that a layer cannot
    take: smaller than the net's input, or with branches that come out at different sizes."""

    code: ClassVar[str] = "E0716"
    image: str
    size: str
    reason: str

    def message(self) -> str:
        return f"the net cannot be applied to the image '{self.image}', {self.size}: {self.reason}"

    def help(self) -> str:
        return "scales in dense that are not smaller than the net's input"


BINARY = "the download called 'CIFAR-10 binary version', cifar-10-binary.tar.gz"


@dataclass(frozen=True, kw_only=True)
class CifarFile(Diagnostic):
    """A file of CIFAR-10 is missing, has another size, or a label that is none."""

    code: ClassVar[str] = "E0717"
    path: str
    reason: str

    def message(self) -> str:
        return f"the CIFAR-10 file '{self.path}' cannot be used: {self.reason}"

    def help(self) -> str:
        return f"unpack {BINARY}, again and whole"


@dataclass(frozen=True, kw_only=True)
class CifarPickles(Diagnostic):
    """The Python version of CIFAR-10 is pickles, which run whatever code they hold when they are
    opened, so archc opens none."""

    code: ClassVar[str] = "E0718"
    path: str

    def message(self) -> str:
        return f"'{self.path}' holds the Python version of CIFAR-10, which is pickles"

    def notes(self) -> Sequence[str]:
        return ("a pickle runs what code it holds when it is opened; archc opens none",)

    def help(self) -> str:
        return f"take {BINARY}"


@dataclass(frozen=True, kw_only=True)
class BadGenerated(Diagnostic):
    """A generated set has a number of images that none can have."""

    code: ClassVar[str] = "E0719"
    count: str
    most: int

    def message(self) -> str:
        return f"'generated:{self.count}' is no number of images from 1 to {self.most:,}"

    def help(self) -> str:
        return "generated:1000"


@dataclass(frozen=True, kw_only=True)
class ReaderUnavailable(Diagnostic):
    """Image files are read by grain and simplejpeg, which come with `archc-nets[train]`."""

    code: ClassVar[str] = "E0720"
    reason: str

    def message(self) -> str:
        return f"images are read with grain and simplejpeg, and one cannot be loaded: {self.reason}"

    def help(self) -> str:
        return "pip install grain simplejpeg"


@dataclass(frozen=True, kw_only=True)
class WorkerEnded(Diagnostic):
    """A process that decodes images was killed or crashed."""

    code: ClassVar[str] = "E0721"
    reason: str

    def message(self) -> str:
        return f"a process that reads images is gone: {self.reason}"

    def notes(self) -> Sequence[str]:
        return (
            "exit code -9: it was killed, often where memory ran out",
            "exit code -7: shared memory ran out, of which containers have little",
        )

    def help(self) -> str:
        return "--workers 0 reads in threads of the process that trains"
