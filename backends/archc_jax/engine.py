"""An emitted program on a mesh of devices: the whole step is one compiled function."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from archc.backend import Program, Step
from archc.diagnostics import fail
from archc.errors.backends import TowersOnHosts
from archc.errors.recipes import NoRecipe
from archc.ir import Graph
from archc.optimizer_state import AVERAGED, STEPS, TRAINED, spelled
from archc.passes import towers_of
from archc.pieces import pieces
from archc.program_module import load_program
from archc.recipe import Recipe
from archc.towers import divided
from archc.train.crew import Crew
from archc.trainable import filters, trainable
from archc.weights import check_names
from archc_jax.devices import described, find_mesh
from archc_jax.hosts import HostsLayout, is_key
from archc_jax.layout import WHOLE, Layout
from archc_jax.limit import limited
from archc_jax.loss import cross_entropy
from archc_jax.module import abstract, build
from archc_jax.optimizer import replaced, rule, slots, steps
from archc_jax.processes import crew
from archc_jax.towers import TowersLayout
from archc_jax.weights import by_path, canonical, dump, joined, load, stored

Arrays = dict[str, jax.Array]
"""Arrays by the path that they have in the program."""


Sums = tuple[Arrays, jax.Array, jax.Array]
"""Gradients, the loss and the wrong answers."""


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
        part: Program | None = None,
    ) -> None:
        trainable(graph)
        if recipe.optimizer is None:
            fail(NoRecipe(net=graph.name))
        self._form = recipe.optimizer
        self.crew: Crew = crew()
        if part and self.crew.size > 1:
            fail(TowersOnHosts(backend="jax"))
        mesh = find_mesh(device, towers_of(graph) if part else 1)
        self._layout = HostsLayout(mesh, self.crew) if self.crew.size > 1 else Layout(mesh)
        if part:
            self._layout = TowersLayout(mesh, {program.keys[name] for name in divided(graph)})
        self.device = described(mesh)
        self.devices: int = mesh.size
        self.versions: Mapping[str, str] = {
            name: version(name) for name in ("jax", "jaxlib", "flax", "optax")
        }
        self._keys = program.keys
        self._smoothing = recipe.loss.smoothing
        self._accumulate = accumulate
        self._limit = recipe.limit
        self._filters = frozenset(program.keys[name] for name in filters(graph))
        self._average = recipe.average
        self._averaged_steps = 0
        self._loss_weights: dict[str, float] = getattr(
            load_program(part or program), "LOSS_WEIGHTS", {"logits": 1.0}
        )
        with jax.default_device(mesh.local_devices[0]):
            self._model = build(program, seed)
        # What is traced is the program of one tower, where there is one.
        traced = abstract(part) if part else self._model
        traced.eval()
        self._evaluating = nnx.split(traced)[0]
        traced.train()
        self._training, state = nnx.split(traced)
        self._variables = nnx.to_flat_state(state)
        self._take_arrays()
        self._undecayed = frozenset(
            path for path in self._parameters if not self._form.decay_bias and path.endswith("bias")
        )
        self._optimizer: Any = self._place(self._rule(self._form.lr).init(self._parameters))
        self._compile()

    def _compile(self) -> None:
        """The functions of the arrays that are held, each a `jit`."""
        mapped, sharding = self._layout.mapped, self._layout.sharding
        held = (self._parameters, self._others, self._optimizer)
        self._step = jax.jit(
            mapped(self._stepped, lambda specs: (*specs[:3], WHOLE)),
            donate_argnums=(0, 1, 2),
            out_shardings=sharding((*held, (0.0, 0))),
        )
        self._add = jax.jit(
            mapped(self._added, lambda specs: specs[1:3]),
            donate_argnums=(1, 2),
            out_shardings=sharding((self._others, (self._parameters, 0.0, 0))),
        )
        self._update = jax.jit(
            mapped(self._updated, lambda specs: specs[:2]),
            donate_argnums=(0, 1),
            out_shardings=sharding((self._parameters, self._optimizer)),
        )
        self._taken_in = jax.jit(
            _taken_in, donate_argnums=0, out_shardings=sharding(self._averages)
        )
        # Predictions are this process's own.
        here = self._layout.here
        self._predict = jax.jit(
            here.mapped(self._predicted, lambda _: WHOLE), out_shardings=here.sharding(0.0)
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
                self._layout.place_batch(images, size),
                self._layout.place_batch(labels, size),
            )
        else:
            seen = self._step_in_pieces(images, labels, lr, size)
        if self._average is not None:
            self._averaged_steps += 1
            share = 1.0 - self._average.keep(self._averaged_steps)
            arrays = {**self._parameters, **self._others}
            trained = {path: arrays[path] for path in self._averages}
            self._averages = self._taken_in(self._averages, trained, share)
        loss, wrong = jax.device_get(seen)
        return Step(loss=float(loss), wrong=int(wrong))

    def _step_in_pieces(
        self, images: np.ndarray, labels: np.ndarray, lr: float, size: int
    ) -> tuple[jax.Array, jax.Array]:
        """The same step, of gradients that are summed up piece by piece."""
        sums = (jax.tree.map(jnp.zeros_like, self._parameters), jnp.zeros(()), jnp.zeros((), int))
        images, labels = self._layout.whole(images, size), self._layout.whole(labels, size)
        for piece in pieces(size, self._accumulate):
            count = piece.stop - piece.start
            mine = self._layout.share(count)
            self._others, sums = self._add(
                self._parameters,
                self._others,
                self._place(sums),
                count / size,
                self._layout.place_batch(images[piece][mine], count),
                self._layout.place_batch(labels[piece][mine], count),
            )
        gradients, loss, wrong = sums
        self._parameters, self._optimizer = self._update(
            self._parameters, self._optimizer, gradients, lr
        )
        return loss, wrong

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
        found = self._of_the_rule()
        if self._average is not None:
            found[AVERAGED] = np.array(self._averaged_steps, np.int64)
            trained = dump(self._current(self._parameters, self._others), self._keys)
            found |= {spelled(TRAINED, name): array for name, array in trained.items()}
        return found

    def _of_the_rule(self) -> dict[str, np.ndarray]:
        """What the optimiser alone remembers."""
        found = {
            spelled(slot, name): canonical(arrays[path])
            for slot, arrays in slots(self._optimizer).items()
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

    def rng_state(self) -> dict[str, np.ndarray]:
        """The streams that dropout draws from: keys and counts, by their paths."""
        return {path: _plain(self._others[path]) for path in sorted(self._streams)}

    def load_rng_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from there. Raises `DiagnosticError` (E0604)."""
        check_names({path: array.shape for path, array in self.rng_state().items()}, state)
        self._others |= self._place(
            {path: _like(self._others[path], array) for path, array in state.items()}
        )

    def _stepped(
        self,
        parameters: Arrays,
        others: Arrays,
        optimizer: Any,
        lr: jax.Array,
        images: jax.Array,
        labels: jax.Array,
    ) -> tuple[Arrays, Arrays, Any, tuple[jax.Array, jax.Array]]:
        """A step as a function of all that it changes, for `jit`."""
        gradients, others, seen = self._measured(parameters, others, images, labels)
        parameters, optimizer = self._updated(parameters, optimizer, gradients, lr)
        return parameters, others, optimizer, seen

    def _added(
        self,
        parameters: Arrays,
        others: Arrays,
        sums: Sums,
        part: jax.Array,
        images: jax.Array,
        labels: jax.Array,
    ) -> tuple[Arrays, Sums]:
        """Gradients, loss and wrong answers with those of a piece, `part` of the batch."""
        gradients, others, (loss, wrong) = self._measured(parameters, others, images, labels)
        before, loss_before, wrong_before = sums
        total = {path: before[path] + part * g for path, g in gradients.items()}
        return others, (total, loss_before + part * loss, wrong_before + wrong)

    def _measured(
        self, parameters: Arrays, others: Arrays, images: jax.Array, labels: jax.Array
    ) -> tuple[Arrays, Arrays, tuple[jax.Array, jax.Array]]:
        """The gradients of the mean loss of some images, what the net changes as it is applied,
        and the loss and the wrong answers."""
        labels = jax.lax.with_sharding_constraint(labels, self._layout.shared_out)

        def measured(parameters: Arrays) -> tuple[jax.Array, tuple[jax.Array, Arrays]]:
            model = self._made(self._training, parameters, others)
            outputs: Any = model(_maps(images, self._layout))
            # A net without aux heads returns its logits alone.
            every: tuple[jax.Array, ...] = outputs if isinstance(outputs, tuple) else (outputs,)
            losses = [
                weight * cross_entropy(logits, labels, self._smoothing)
                for weight, logits in zip(self._loss_weights.values(), every, strict=True)
            ]
            wrong = (every[0].argmax(axis=1) != labels).sum()
            return jnp.stack(losses).sum(), (wrong, _arrays(nnx.state(model, nnx.Not(nnx.Param))))

        # float32 means float32: no TF32 on a GPU.
        with jax.default_matmul_precision("highest"):
            (loss, (wrong, others)), gradients = jax.value_and_grad(measured, has_aux=True)(
                parameters
            )
        return gradients, others, (loss, wrong)

    def _updated(
        self, parameters: Arrays, optimizer: Any, gradients: Arrays, lr: jax.Array
    ) -> tuple[Arrays, Any]:
        """The parameters after a step along these gradients, and what the rule remembers."""
        updates, optimizer = self._rule(lr).update(gradients, optimizer, parameters)
        updated: Any = optax.apply_updates(parameters, updates)
        if self._limit is not None:
            most = self._limit.most
            updated |= {path: limited(updated[path], most) for path in self._filters}
        return updated, optimizer

    def _predicted(self, parameters: Arrays, others: Arrays, images: jax.Array) -> jax.Array:
        # `predict` is a method of every program that ends in softmax.
        model: Any = self._made(self._evaluating, parameters, others)
        with jax.default_matmul_precision("highest"):
            return model.predict(_maps(images, self._layout.here))

    def _rule(self, lr: jax.Array | float) -> optax.GradientTransformation:
        return rule(self._form, lr, self._undecayed)

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
        self._parameters: Arrays = self._place(_arrays(nnx.state(self._model, nnx.Param)))
        others = nnx.state(self._model, nnx.Not(nnx.Param))
        self._streams = {
            path for path, variable in by_path(others).items() if isinstance(variable, nnx.RngState)
        }
        self._others: Arrays = self._place(_arrays(others))
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
        """The net with these arrays."""
        variables = nnx.to_flat_state(nnx.state(self._model))
        nnx.update(self._model, _state(variables, {**parameters, **others}))
        return self._model

    def _made(
        self, graph: nnx.GraphDef[nnx.Module], parameters: Arrays, others: Arrays
    ) -> nnx.Module:
        """A net with these arrays, in training or evaluating as its graph says."""
        # A copy, for a variable can be written only in the trace that it was made in.
        return nnx.merge(graph, _state(self._variables, {**parameters, **others}), copy=True)


def _maps(images: jax.Array, layout: Layout) -> jax.Array:
    """(N, C, H, W) as (N, H, W, C), shared out over the devices."""
    return jax.lax.with_sharding_constraint(images.transpose(0, 2, 3, 1), layout.shared_out)


def _taken_in(averages: Arrays, trained: Arrays, share: jax.Array) -> Arrays:
    """Averages moved by a share of the way to what is trained."""
    return {path: a + share * (trained[path] - a) for path, a in averages.items()}


def _state(variables: nnx.FlatState[Any], arrays: Arrays) -> nnx.State:
    """These variables with other arrays, by their paths."""
    return nnx.from_flat_state(
        (path, variable.replace(arrays[joined(path)])) for path, variable in variables
    )


def _arrays(state: nnx.State) -> Arrays:
    return {path: variable.get_value() for path, variable in by_path(state).items()}


def _plain(array: jax.Array) -> np.ndarray:
    """A part of a stream's state as numbers."""
    return np.array(jax.random.key_data(array) if is_key(array) else array)


def _like(array: jax.Array, plain: np.ndarray) -> jax.Array:
    """The inverse of `_plain`, of the same kind as an array."""
    if is_key(array):
        return jax.random.wrap_key_data(jax.device_put(plain), impl=jax.random.key_impl(array))
    return jax.device_put(plain.astype(array.dtype))
