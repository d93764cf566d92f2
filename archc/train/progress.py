"""What a run shows while it trains: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Display(Protocol):
    """Where the driver says things."""

    def say(self, text: str) -> None:
        """A line that stays."""
        ...

    def advance(self, epoch: int, loss: float, error: float, images: int) -> None:
        """A batch was trained: the running loss and error of the epoch, the batch's size."""
        ...


class Silent(AbstractContextManager["Silent"]):
    """Shows nothing."""

    def say(self, text: str) -> None: ...

    def advance(self, epoch: int, loss: float, error: float, images: int) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Lines(Silent):
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        say(self._console, text)


class Bar(AbstractContextManager["Bar"]):
    """A progress bar under the lines that stay."""

    def __init__(self, console: Console, epochs: int, images: int, seen: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._epochs = epochs
        self._progress: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[seen]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("left", markup=False),
            console=console,
            transient=True,
        )
        self._task: TaskID = self._progress.add_task(
            "", total=epochs * images, completed=seen, seen=""
        )

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        say(self._progress.console, text)

    def advance(self, epoch: int, loss: float, error: float, images: int) -> None:
        speed = self._progress.tasks[self._task].speed
        self._progress.update(
            self._task,
            advance=images,
            description=f"epoch {epoch}/{self._epochs}",
            seen=f"loss {loss:.4f}  error {error:.2%}"
            + (f"  {speed:,.0f} images/s" if speed else ""),
        )


def say(console: Console, text: str) -> None:
    """A line as it is: names of files may hold what rich takes for markup."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def display(
    console: Console, *, quiet: bool, epochs: int, images: int, seen: int = 0
) -> Silent | Bar:
    """The display for a console: nothing, a bar, or lines. So many images of each epoch, of which
    the run has seen some before."""
    if quiet:
        return Silent()
    return Bar(console, epochs, images, seen) if console.is_terminal else Lines(console)
