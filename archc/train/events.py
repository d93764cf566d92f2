"""Curves for TensorBoard, without TensorFlow or PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import time
from typing import Any


class Events:
    """An event file in a directory. One scalar a name and epoch.

    Events of epochs behind `after`, in files that are there already, are void.
    """

    def __init__(self, directory: Path, *, after: int = 0) -> None:
        # Any: tensorboard ships no types. Imported here, for only training needs it.
        self._event: Any = import_module("tensorboard.compat.proto.event_pb2")
        self._summary: Any = import_module("tensorboard.compat.proto.summary_pb2")
        writer: Any = import_module("tensorboard.summary.writer.event_file_writer")
        self._writer: Any = writer.EventFileWriter(str(directory))
        if after:
            # TensorBoard drops what it has from this step on.
            restart = self._event.SessionLog(status=self._event.SessionLog.START)
            event = self._event.Event(wall_time=time(), step=after + 1, session_log=restart)
            self._writer.add_event(event)
            self._writer.flush()

    def add(self, epoch: int, scalars: Mapping[str, float]) -> None:
        summary = self._summary.Summary(
            value=[
                self._summary.Summary.Value(tag=name, simple_value=value)
                for name, value in scalars.items()
            ]
        )
        self._writer.add_event(self._event.Event(wall_time=time(), step=epoch, summary=summary))
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
