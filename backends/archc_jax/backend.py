"""What `archc` finds under the entry point `jax`."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from archc.backend import Program
from archc.computing import AS_WRITTEN, Computing
from archc.ir import Graph
from archc.recipe import Recipe
from archc_jax.emit.program import emit

if TYPE_CHECKING:
    from flax import nnx

    from archc.train.crew import Crew
    from archc.train.launch import Launch
    from archc_jax.engine import JaxEngine


@dataclass(frozen=True)
class JaxBackend:
    """Emits programs without importing JAX; only what runs them needs it."""

    name: ClassVar[str] = "jax"
    processes: ClassVar[bool] = False

    def emit(self, graph: Graph) -> Program:
        return emit(graph)

    def emit_training(self, graph: Graph) -> Program:
        from archc_jax.emit.training import emit_training

        return emit_training(graph)

    def build(self, program: Program) -> nnx.Module:
        from archc_jax.module import build

        return build(program)

    def launch(self, asked: Launch) -> int:
        from archc.train.supervisor import supervise
        from archc_jax.processes import MEETING

        if asked.meeting is not None:
            where = {**dataclasses.asdict(asked.meeting), "device": asked.device}
            os.environ[MEETING] = json.dumps(where)
        return supervise(asked.words, asked.run, asked.limits)

    def crew(self) -> Crew:
        from archc_jax.processes import crew

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
    ) -> JaxEngine:
        from archc_jax.engine import JaxEngine

        return JaxEngine(
            program,
            graph,
            recipe,
            device=device,
            seed=seed,
            accumulate=accumulate,
            computing=computing,
            part=part,
        )
