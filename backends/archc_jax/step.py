"""What a step computes, as functions of arrays alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from archc.recipe import AdamW, FilterRms, Sgd
from archc_jax.arrays import Arrays, arrays_of, chosen
from archc_jax.layout import Layout
from archc_jax.limit import limited
from archc_jax.loss import cross_entropy
from archc_jax.nets import Nets
from archc_jax.not_finite import Odd, looked, odd, probed
from archc_jax.optimizer import rule
from archc_jax.precision import Arithmetic, are_finite, widened

Sums = tuple[Arrays, jax.Array, jax.Array]
"""Gradients, the loss and the wrong answers."""

Found = tuple[jax.Array, jax.Array, jax.Array]
"""The loss, the wrong answers, and whether the loss and all gradients were finite."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The functions that `jit` is given: a step, whole or in pieces, a look at what in it is not
    finite, and predictions. Images are (N, C, H, W), labels (N,), as a share of the batch."""

    nets: Nets
    keys: Mapping[str, str]
    """The path of each array, by its canonical name."""
    layout: Layout
    arithmetic: Arithmetic
    loss_weights: Sequence[float]
    """Of every head, the net's own first."""
    smoothing: float
    form: Sgd | AdamW
    undecayed: frozenset[str]
    """What weight decay leaves alone."""
    limit: FilterRms | None
    filters: frozenset[str]
    """What `limit` acts on."""

    def rule(self, lr: jax.Array | float) -> optax.GradientTransformation:
        """The update at a rate."""
        return rule(self.form, lr, self.undecayed)

    def stepped(
        self,
        parameters: Arrays,
        others: Arrays,
        optimizer: Any,
        lr: jax.Array,
        factor: jax.Array,
        images: jax.Array,
        labels: jax.Array,
    ) -> tuple[Arrays, Arrays, Any, Found]:
        """A step as a function of all that it changes, for `jit`."""
        gradients, after, (loss, wrong) = self._measured(parameters, others, factor, images, labels)
        parameters, optimizer, finite = self.updated(parameters, optimizer, gradients, loss, lr)
        # Where training ends, everything is left as it was: the step is looked at once more.
        ends = ~jnp.isfinite(loss) if self.arithmetic.skips else ~finite
        return parameters, chosen(ends, others, after), optimizer, (loss, wrong, finite)

    def added(
        self,
        parameters: Arrays,
        others: Arrays,
        sums: Sums,
        part: jax.Array,
        factor: jax.Array,
        images: jax.Array,
        labels: jax.Array,
    ) -> tuple[Arrays, Sums]:
        """Gradients, loss and wrong answers with those of a piece, `part` of the batch."""
        gradients, others, (loss, wrong) = self._measured(
            parameters, others, factor, images, labels
        )
        before, loss_before, wrong_before = sums
        total = {path: before[path] + part * g for path, g in gradients.items()}
        return others, (total, loss_before + part * loss, wrong_before + wrong)

    def _measured(
        self,
        parameters: Arrays,
        others: Arrays,
        factor: jax.Array,
        images: jax.Array,
        labels: jax.Array,
    ) -> tuple[Arrays, Arrays, tuple[jax.Array, jax.Array]]:
        """The gradients of the mean loss of some images, what the net changes as it is applied,
        and the loss and the wrong answers."""
        labels = jax.lax.with_sharding_constraint(labels, self.layout.shared_out)

        def measured(
            parameters: Arrays,
        ) -> tuple[jax.Array, tuple[jax.Array, jax.Array, Arrays]]:
            model = self.nets.made(
                self.nets.training, self.arithmetic.parameters(parameters), others
            )
            loss, every = self._loss(model, images, labels)
            wrong = (every[0].argmax(axis=1) != labels).sum()
            after = arrays_of(nnx.state(model, nnx.Not(nnx.Param)))
            return self.arithmetic.scaled(loss, factor), (loss, wrong, after)

        # float32 means float32: no TF32 on a GPU.
        with jax.default_matmul_precision("highest"):
            gradients, (loss, wrong, after) = jax.grad(measured, has_aux=True)(parameters)
        return self.arithmetic.unscaled(gradients, factor), after, (loss, wrong)

    def _loss(
        self, model: nnx.Module, images: jax.Array, labels: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        """The mean loss of some images, and every head's logits, the net's own first."""
        # Any: a call is the program's.
        net: Any = model
        outputs: Any = net(self._maps(images, self.layout))
        # A net without aux heads returns its logits alone.
        every: tuple[jax.Array, ...] = outputs if isinstance(outputs, tuple) else (outputs,)
        losses = [
            weight * cross_entropy(widened(logits), labels, self.smoothing)
            for weight, logits in zip(self.loss_weights, every, strict=True)
        ]
        return jnp.stack(losses).sum(), every

    def looked(
        self,
        parameters: Arrays,
        others: Arrays,
        factor: jax.Array,
        images: jax.Array,
        labels: jax.Array,
    ) -> tuple[Odd, list[jax.Array]]:
        """What in a step is not finite: by layer, and the logits of the net and of each head."""

        def measured(
            parameters: Arrays, added: Arrays | None
        ) -> tuple[jax.Array, tuple[Odd, Arrays, list[jax.Array]]]:
            model = self.nets.made(self.nets.kept, self.arithmetic.parameters(parameters), others)
            left: Arrays = {}
            seen = probed(model, self.keys, added, left)
            loss, every = self._loss(model, images, labels)
            ends = [odd(logits) for logits in every]
            return self.arithmetic.scaled(loss, factor), (seen, left, ends)

        with jax.default_matmul_precision("highest"):
            found = looked(measured, parameters, self.keys)
        return jax.tree.map(lambda is_odd: ~self.layout.everywhere(~is_odd), found)

    def updated(
        self,
        parameters: Arrays,
        optimizer: Any,
        gradients: Arrays,
        loss: jax.Array,
        lr: jax.Array,
    ) -> tuple[Arrays, Any, jax.Array]:
        """The parameters after a step along these gradients, what the rule remembers, and
        whether all was finite; if it was not, both are as they were."""
        finite = self.layout.everywhere(are_finite(gradients) & jnp.isfinite(loss))
        updates, remembered = self.rule(lr).update(gradients, optimizer, parameters)
        updated: Any = optax.apply_updates(parameters, updates)
        if self.limit is not None:
            most = self.limit.most
            updated |= {path: limited(updated[path], most) for path in self.filters}
        return (
            chosen(finite, updated, parameters),
            chosen(finite, remembered, optimizer),
            finite,
        )

    def predicted(self, parameters: Arrays, others: Arrays, images: jax.Array) -> jax.Array:
        parameters = self.arithmetic.parameters(parameters)
        model: Any = self.nets.made(self.nets.evaluating, parameters, others)
        with jax.default_matmul_precision("highest"):
            if self.arithmetic.is_half:
                # As the program's own `predict`, but for the softmax, which is float32's.
                return jax.nn.softmax(widened(model(self._maps(images, self.layout.here))))
            # `predict` is a method of every program that ends in softmax.
            return model.predict(self._maps(images, self.layout.here))

    def _maps(self, images: jax.Array, layout: Layout) -> jax.Array:
        """(N, C, H, W) as (N, H, W, C), shared out over the devices."""
        maps = self.arithmetic.images(images).transpose(0, 2, 3, 1)
        return jax.lax.with_sharding_constraint(maps, layout.shared_out)
