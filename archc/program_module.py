"""An emitted program as an imported module, whatever its framework."""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from archc.backend import Program


def load_program(program: Program) -> ModuleType:
    """The program as an imported module, from a file as its user would have it.

    The same text is the same module. The file stays until the process ends, so that tracebacks
    and `inspect` can show its lines.
    """
    digest = hashlib.sha256(program.text.encode()).hexdigest()[:12]
    name = f"archc_program_{program.class_name}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    path = _folder() / f"{name}.py"
    path.write_text(program.text, "utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        # Half a module would be found the next time.
        del sys.modules[name]
        raise
    return module


def loss_weights(program: Program) -> list[float]:
    """What each head's loss counts, in the order of the program's outputs: the net's own first."""
    # A net without aux heads has one loss.
    weights: dict[str, float] = getattr(load_program(program), "LOSS_WEIGHTS", {"logits": 1.0})
    return list(weights.values())


@cache
def _folder() -> Path:
    """Where the programs of this process lie while it runs."""
    folder = tempfile.TemporaryDirectory(prefix="archc-")
    atexit.register(folder.cleanup)
    return Path(folder.name)
