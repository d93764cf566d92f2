"""The files that a spec imports: each read once, none from outside of the spec's folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from archc import syntax
from archc.diagnostics import DiagnosticError, Frame, Sink
from archc.errors import text as errors
from archc.parser import parse, read

MAX_FILES = 100
"""How many files a spec may name."""

MAX_IMPORTED = 1_000_000
"""How many characters these may have together."""


def imported(file: syntax.File) -> tuple[syntax.File, ...]:
    """The files that a file imports, and what those import, in the order first named.

    Raises `DiagnosticError` with every import that cannot be, and every fault in what is read.
    """
    if not file.imports:
        return ()
    walk = _Imports(file)
    walk.sink.raise_if_failed()
    return tuple(walk.found.values())


class _Imports:
    def __init__(self, file: syntax.File) -> None:
        self.sink = Sink()
        self.found: dict[Path, syntax.File] = {}
        self.length = 0
        self.named = 0
        self.root = file
        source = file.span.source
        path = source.path.resolve() if source.path is not None else None
        self._of(file, path, [path] if path is not None else [], ())

    def _of(
        self,
        file: syntax.File,
        path: Path | None,
        chain: Sequence[Path],
        trace: tuple[Frame, ...],
    ) -> None:
        for each in file.imports[: MAX_FILES + 1]:
            fault = self._one(each, path, chain, trace)
            if fault is not None:
                self.sink.add(fault)

    def _one(
        self,
        each: syntax.Import,
        path: Path | None,
        chain: Sequence[Path],
        trace: tuple[Frame, ...],
    ) -> errors.BadImport | None:
        name, span = each.path.value, each.path.span

        def bad(reason: str, fix: str = "") -> errors.BadImport:
            return errors.BadImport(path=name, reason=reason, fix=fix, span=span, trace=trace)

        if path is None:
            return bad("a text that was read from no file has nothing beside it")
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or "\0" in name or ":" in name:
            fix = 'a file beside this one, or in a folder there: "blocks/inception.arch"'
            return bad("imports stay in the folder of the file that has them", fix)
        if parts.suffix != ".arch":
            meant = str(parts.with_suffix(".arch")) if parts.name else "blocks.arch"
            return bad("what is imported is an .arch file", f'"{meant}"')
        try:
            target = (path.parent / parts).resolve()
        except (OSError, RuntimeError) as error:
            return bad(str(error))
        if not target.is_relative_to(path.parent):
            return bad("it leads out of the folder of the file that has it")
        if target in chain:
            files = " -> ".join([*(p.name for p in chain[chain.index(target) :]), target.name])
            return bad(f"it imports what imports it: {files}")
        self.named += 1
        if self.named > MAX_FILES:
            return bad(f"a spec is made of {MAX_FILES} files at most")
        if target in self.found:
            return None
        if not os.path.isfile(target):  # noqa: PTH113  (pathlib raises for some names)
            return bad("there is no such file", self._near(path.parent, parts))
        shown = str(PurePosixPath(file_name(self.root, path)).parent / parts)
        try:
            source = read(target, shown)
            self.length += len(source.text)
            if self.length > MAX_IMPORTED:
                return bad(f"what a spec imports has {MAX_IMPORTED:,} characters at most")
            file = parse(source)
        except DiagnosticError as error:
            self.sink.extend(error)
            return None
        self.found[target] = file
        frame = Frame(parts.name, "import", each.span)
        self._of(file, target, [*chain, target], (frame, *trace))
        return None

    def _near(self, folder: Path, parts: PurePosixPath) -> str:
        """A file there that may be meant."""
        try:
            known = sorted(p.name for p in (folder / parts.parent).glob("*.arch"))
        except OSError:
            return ""
        return errors.near_file(str(parts), [str(parts.with_name(name)) for name in known[:200]])


def file_name(root: syntax.File, path: Path) -> str:
    """A file's name as the reader knows it: relative as the spec's own is."""
    source = root.span.source
    if source.path is None:
        return path.name
    here = source.path.resolve().parent
    if not path.is_relative_to(here):
        return str(path)
    return str(PurePosixPath(source.name).parent / path.relative_to(here).as_posix())
