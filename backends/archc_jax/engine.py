"""An emitted program on a mesh of devices: the whole step is one compiled function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from archc.backend import Program, Step
from archc.computing import AS_WRITTEN, Computing
from archc.diagnostics import fail
from archc.errors.backends import AlwaysCompiled
from archc.errors.recipes import NoRecipe
from archc.ir import Graph
from archc.not_finite import Fault, Seen, backward_fault, forward_fault, layers
from archc.optimizer_state import AVERAGED, STEPS, TRAINED, spelled
from archc.passes import towers_of
from archc.pieces import pieces
from archc.program_module import loss_weights
from archc.recipe import Recipe
from archc.towers import divided
from archc.train.crew import Crew
from archc.trainable import filters, trainable, wide
from archc.weights import check_names
from archc_jax.arrays import Arrays, arrays_of, as_state, like, plain, taken_in
from archc_jax.devices import described, find_mesh
from archc_jax.hosts import HostsLayout
from archc_jax.layout import WHOLE, Layout
from archc_jax.module import abstract, build
from archc_jax.nets import Nets
from archc_jax.not_finite import counted
from archc_jax.optimizer import replaced, slots, steps
from archc_jax.precision import Arithmetic
from archc_jax.processes import crew
from archc_jax.step import Found, Steps
from archc_jax.towers import TowersLayout
from archc_jax.weights import by_path, canonical, dump, load, stored


class JaxEngine:
    """Trains the program that `archc compile` prints, and nothing else.

    The net's arrays are held beside it, by their paths: a step takes them, and gives the next
    ones in their memory. The net itself is what traces are made of; its own arrays are brought
    up to date where it is asked for its weights.

    Several devices, on one machine or on several, hold all weights each, and share out the images
    of a batch; each machine has a process, which is given the images of its devices. Where they
    do not come out even, XLA's partitioner pads the shares and masks what it padded: losses and
    statistics are those of the images alone, whatever the number of devices.

    With `part`, the program of one tower, each device of a replica has a tower of the net, and
    `program`, the whole net, is what begins it and what its weights are the whole of.
    """

    def __init__(
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
    ) -> None:
        trainable(graph)
        if recipe.optimizer is None:
            fail(NoRecipe(net=graph.name))
        if computing.compile:
            fail(AlwaysCompiled(backend="jax"))
        self.crew: Crew = crew()
        mesh = find_mesh(device, towers_of(graph) if part else 1)
        of = Layout
        if part:
            of = partial(TowersLayout, divided={program.keys[name] for name in divided(graph)})
        self._layout = HostsLayout(mesh, self.crew, of) if self.crew.size > 1 else of(mesh)
        self.device = described(mesh)
        self.devices: int = mesh.size
        self.versions: Mapping[str, str] = {
            name: version(name) for name in ("jax", "jaxlib", "flax", "optax")
        }
        self._graph = graph
        self._keys = program.keys
        self._arithmetic = Arithmetic(
            computing, frozenset(program.keys[name] for name in wide(graph))
        )
        self._accumulate = accumulate
        self._average = recipe.average
        self._averaged_steps = 0
        with jax.default_device(mesh.local_devices[0]):
            self._model = build(program, seed)
        self._take_arrays()
        biases = {path for path in self._parameters if path.endswith("bias")}
        self._steps = Steps(
            # What is traced is the program of one tower, where there is one.
            nets=Nets.of(
                abstract(part) if part else self._model, graph.name, recomputes=computing.recompute
            ),
            keys=program.keys,
            layout=self._layout,
            arithmetic=self._arithmetic,
            loss_weights=loss_weights(part or program),
            smoothing=recipe.loss.smoothing,
            form=recipe.optimizer,
            undecayed=frozenset(() if recipe.optimizer.decay_bias else biases),
            limit=recipe.limit,
            filters=frozenset(program.keys[name] for name in filters(graph)),
        )
        rule = self._steps.rule(recipe.optimizer.lr)
        self._optimizer: Any = self._place(rule.init(self._parameters))
        self._compile()

    def _compile(self) -> None:
        """The functions of the arrays that are held, each a `jit`."""
        mapped, sharding = self._layout.mapped, self._layout.sharding
        held = (self._parameters, self._others, self._optimizer)
        self._step = jax.jit(
            mapped(self._steps.stepped, lambda specs: (*specs[:3], WHOLE)),
            donate_argnums=(0, 1, 2),
            out_shardings=sharding((*held, (0.0, 0, 0))),
        )
        self._add = jax.jit(
            mapped(self._steps.added, lambda specs: specs[1:3]),
            donate_argnums=(1, 2),
            out_shardings=sharding((self._others, (self._parameters, 0.0, 0))),
        )
        self._update = jax.jit(
            mapped(self._steps.updated, lambda specs: (*specs[:2], WHOLE)),
            donate_argnums=(0, 1),
            out_shardings=sharding((self._parameters, self._optimizer, 0)),
        )
        self._taken_in = jax.jit(taken_in, donate_argnums=0, out_shardings=sharding(self._averages))
        # Predictions are this process's own.
        here = self._layout.here
        self._predict = jax.jit(
            here.mapped(self._steps.predicted, lambda _: WHOLE), out_shardings=here.sharding(0.0)
        )
        self._look = jax.jit(
            mapped(self._steps.looked, lambda _: WHOLE), out_shardings=sharding(0.0)
        )

    counts = True

    def share(self, count: int) -> slice:
        """The part of a batch that this process's devices take; the compiled step shares it out."""
        return self._layout.share(count)

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, size: int) -> Step:
        """One optimiser step on a share `(N, C, H, W)`, `(N,)` of a batch of `size` images."""
        if self._accumulate == 1:
            self._parameters, self._others, self._optimizer, seen = self._step(
                self._parameters,
                self._others,
                self._optimizer,
                lr,
                self._arithmetic.factor,
                self._layout.place_batch(images, size),
                self._layout.place_batch(labels, size),
            )
        else:
            seen = self._step_in_pieces(images, labels, lr, size)
        loss, wrong, finite = jax.device_get(seen)
        fault: Fault | None = None
        if not np.isfinite(loss) or not self._arithmetic.took(finite=bool(finite)):
            fault = self._fault(images, labels, size, of_the_loss=not np.isfinite(loss))
        if not finite or fault is not None:
            return Step(float(loss), int(wrong), skipped=fault is None, fault=fault)
        if self._average is not None:
            self._averaged_steps += 1
            share = 1.0 - self._average.keep(self._averaged_steps)
            arrays = {**self._parameters, **self._others}
            trained = {path: arrays[path] for path in self._averages}
            self._averages = self._taken_in(self._averages, trained, share)
        return Step(loss=float(loss), wrong=int(wrong))

    def _step_in_pieces(
        self, images: np.ndarray, labels: np.ndarray, lr: float, size: int
    ) -> Found:
        """The same step, of gradients that are summed up piece by piece."""
        sums = (jax.tree.map(jnp.zeros_like, self._parameters), jnp.zeros(()), jnp.zeros((), int))
        for part, placed, answers in self._pieces(images, labels, size):
            self._others, sums = self._add(
                self._parameters,
                self._others,
                self._place(sums),
                part,
                self._arithmetic.factor,
                placed,
                answers,
            )
        gradients, loss, wrong = sums
        self._parameters, self._optimizer, finite = self._update(
            self._parameters, self._optimizer, gradients, loss, lr
        )
        return loss, wrong, finite

    def _pieces(
        self, images: np.ndarray, labels: np.ndarray, size: int
    ) -> Iterator[tuple[float, jax.Array, jax.Array]]:
        """The pieces that a batch is computed in, of which this process has its share: which part
        of the batch each is, and its images and labels where they are computed with."""
        images, labels = self._layout.whole(images, size), self._layout.whole(labels, size)
        for piece in pieces(size, self._accumulate):
            count = piece.stop - piece.start
            mine = self._layout.share(count)
            yield (
                count / size,
                self._layout.place_batch(images[piece][mine], count),
                self._layout.place_batch(labels[piece][mine], count),
            )

    def _fault(
        self, images: np.ndarray, labels: np.ndarray, size: int, *, of_the_loss: bool
    ) -> Fault:
        """The layer at fault, by the same step once more, with everything in it looked at."""
        seen = {layer: Seen() for layer in layers(self._graph)}
        outputs: list[int] = []
        for _, placed, answers in self._pieces(images, labels, size):
            found, ends = self._look(
                self._parameters, self._others, self._arithmetic.factor, placed, answers
            )
            counted(jax.device_get(found), seen)
            outputs = [
                before + int(end)
                for before, end in zip(outputs or [0] * len(ends), ends, strict=True)
            ]
        if of_the_loss:
            return forward_fault(self._graph, seen, outputs)
        return backward_fault(self._graph, seen)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities `(N, classes)` in evaluation mode."""
        parameters, others = self._layout.local(self._judged())
        batch = self._layout.here.place_batch(images, len(images))
        found = self._predict(parameters, others, batch)
        return np.asarray(found, np.float32)

    def weights(self) -> dict[str, np.ndarray]:
        """Every parameter and statistic by canonical name."""
        parameters, others = self._judged()
        return dump(self._current(parameters, others), self._keys)

    def load_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace every parameter and statistic. Raises `DiagnosticError` (E0604)."""
        state = self._of_the_rule()
        load(self._current(self._parameters, self._others), self._keys, weights)
        self._take_arrays()
        self._keep_state(state)

    def optimizer_state(self) -> dict[str, np.ndarray]:
        """What training remembers, by the names of `archc.optimizer_state`."""
        found = self._of_the_rule() | self._arithmetic.state()
        if self._average is not None:
            found[AVERAGED] = np.array(self._averaged_steps, np.int64)
            trained = dump(self._current(self._parameters, self._others), self._keys)
            found |= {spelled(TRAINED, name): array for name, array in trained.items()}
        return found

    def _of_the_rule(self) -> dict[str, np.ndarray]:
        """What the optimiser alone remembers."""
        found = {
            spelled(slot, name): canonical(arrays[path])
            for slot, arrays in slots(self._layout.local(self._optimizer)).items()
            for name, path in self._keys.items()
            if path in arrays
        }
        count = steps(self._optimizer)
        if count is not None:
            found[STEPS] = np.array(count, np.int64)
        return found

    def load_optimizer_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace it. Raises `DiagnosticError` (E0604)."""
        check_names({name: v.shape for name, v in self.optimizer_state().items()}, state)
        if self._average is not None:
            averages = self._averages
            trained = {name: state[spelled(TRAINED, name)] for name in self._keys}
            load(self._current(self._parameters, self._others), self._keys, trained)
            self._take_arrays()
            self._averages = averages
            self._averaged_steps = int(state[AVERAGED])
        self._keep_state(state)
        self._arithmetic.load(state)

    def rng_state(self) -> dict[str, np.ndarray]:
        """The streams that dropout draws from: keys and counts, by their paths."""
        return {path: plain(self._others[path]) for path in sorted(self._streams)}

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there. Raises `DiagnosticError` (E0604)."""
        check_names({path: array.shape for path, array in self.rng_state().items()}, state)
        self._others |= self._place(
            {path: like(self._others[path], array) for path, array in state.items()}
        )

    def _place(self, tree: Any) -> Any:
        return self._layout.place(tree)

    def _keep_state(self, state: Mapping[str, np.ndarray]) -> None:
        """What `optimizer_state` gives, in the parameters' precision."""
        arrays: dict[str, Arrays] = {
            slot: {
                path: jax.device_put(
                    stored(state[spelled(slot, name)]).astype(self._parameters[path].dtype)
                )
                for name, path in self._keys.items()
                if path in there
            }
            for slot, there in slots(self._optimizer).items()
        }
        count = int(state[STEPS]) if STEPS in state else None
        self._optimizer = self._place(replaced(self._optimizer, arrays, count))

    def _take_arrays(self) -> None:
        """The net's arrays, on every device."""
        self._parameters: Arrays = self._place(arrays_of(nnx.state(self._model, nnx.Param)))
        others = nnx.state(self._model, nnx.Not(nnx.Param))
        self._streams = {
            path for path, variable in by_path(others).items() if isinstance(variable, nnx.RngState)
        }
        self._others: Arrays = self._place(arrays_of(others))
        arrays = {**self._parameters, **self._others}
        # Copies, for a step writes over the arrays that it is given.
        self._averages: Arrays = (
            {path: jnp.copy(arrays[path]) for path in self._keys.values()} if self._average else {}
        )

    def _judged(self) -> tuple[Arrays, Arrays]:
        """The parameters and the rest that predict: averages, where the recipe averages."""

        def shown(arrays: Arrays) -> Arrays:
            return {path: self._averages.get(path, array) for path, array in arrays.items()}

        return shown(self._parameters), shown(self._others)

    def _current(self, parameters: Arrays, others: Arrays) -> nnx.Module:
        """The net with these arrays, whole in this process."""
        variables = nnx.to_flat_state(nnx.state(self._model))
        whole = self._layout.local({**parameters, **others})
        nnx.update(self._model, as_state(variables, whole))
        return self._model
