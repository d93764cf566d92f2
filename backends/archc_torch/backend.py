"""What `archc` finds under the entry point `torch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from archc.backend import Program
from archc.computing import AS_WRITTEN, Computing
from archc.ir import Graph
from archc.recipe import Recipe
from archc_torch.emit.program import emit

if TYPE_CHECKING:
    from torch import nn

    from archc.train.crew import Crew
    from archc.train.launch import Launch
    from archc_torch.engine import TorchEngine


@dataclass(frozen=True)
class TorchBackend:
    """Emits programs without importing torch; only what runs them needs it."""

    name: ClassVar[str] = "torch"
    processes: ClassVar[bool] = True

    def emit(self, graph: Graph) -> Program:
        return emit(graph)

    def emit_training(self, graph: Graph) -> Program:
        from archc_torch.emit.training import emit_training

        return emit_training(graph)

    def build(self, program: Program) -> nn.Module:
        from archc_torch.module import build

        return build(program)

    def launch(self, asked: Launch) -> int:
        from archc_torch.launcher import launch

        return launch(asked)

    def crew(self) -> Crew:
        from archc_torch.processes import crew

        return crew()

    def engine(
        self,
        program: Program,
        graph: Graph,
        recipe: Recipe,
        *,
        device: str,
        seed: int,
        accumulate: int = 1,
        computing: Computing = AS_WRITTEN,
        part: Program | None = None,
    ) -> TorchEngine:
        from archc_torch.engine import TorchEngine

        return TorchEngine(
            program,
            graph,
            recipe,
            device=device,
            seed=seed,
            accumulate=accumulate,
            computing=computing,
            part=part,
        )
