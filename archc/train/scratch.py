"""A launcher's temporary folder, which is gone with it: should it be killed, the next one clears
up after it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

_PREFIX = "archc-launcher-"


@contextmanager
def scratch() -> Generator[Path]:
    """A folder of this process's own. What others have left is removed first.

    Its owner holds a lock on it, which the system lets go of whatever ends the owner. Where a file
    system has no locks nothing is cleared up.
    """
    for left in Path(gettempdir()).glob(f"{_PREFIX}*"):
        _clear(left)
    folder, handle = _made()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _made() -> tuple[Path, int]:
    """A new folder, and what holds the lock on it."""
    while True:
        folder = Path(mkdtemp(prefix=_PREFIX))
        handle = os.open(folder, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        # Before it was locked another may have taken it for one that was left.
        if folder.is_dir():
            return folder, handle
        os.close(handle)


def _clear(folder: Path) -> None:
    """Remove a folder that nobody holds; another user's cannot be."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if os.fstat(handle).st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        # It is held, or the file system has no locks.
        return
    finally:
        os.close(handle)
