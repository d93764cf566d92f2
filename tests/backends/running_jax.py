"""Programs for JAX, run for tests; see `running`."""

from __future__ import annotations

import sys
from typing import Any

import archc_jax.emit.program
import jax
import jax.numpy as jnp
import numpy as np
import optax
from archc_jax.weights import by_path, canonical, stored
from flax import nnx

from archc.backend import Program
from archc.ir import Graph
from archc.program_module import load_program

from .running import Arrays, Dtype, Trained, as_map

COMPILER = {
    # Compiling takes nearly all of the time, and most of that is spent on code that runs once.
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    # On CPUs the XLA of jaxlib 0.10.2 ends the process over some gradients of strided convolutions
    # in float64 ("Window dimensions do not match RHS shape"); not in float32, which is trained in.
    "xla_disable_hlo_passes": "algsimp",
}


def emit(graph: Graph) -> Program:
    return archc_jax.emit.program.emit(graph)


def evaluate(program: Program, weights: Arrays, x: np.ndarray, dtype: Dtype) -> np.ndarray:
    with jax.enable_x64(dtype == "float64"):
        model: Any = _model(program, weights, dtype)
        model.eval()
        graph, state = nnx.split(model)
        called = jax.jit(lambda state, x: nnx.merge(graph, state)(x), compiler_options=COMPILER)
        return _nchw(called(state, _nhwc(x, dtype)))


def train(
    program: Program, weights: Arrays, x: np.ndarray, labels: np.ndarray, dtype: Dtype
) -> Trained:
    with jax.enable_x64(dtype == "float64"):
        model: Any = _model(program, weights, dtype)
        model.train()
        factors = getattr(load_program(program), "LOSS_WEIGHTS", {"logits": 1.0}).values()
        classifies = hasattr(model, "predict")
        graph, parameters, others = nnx.split(model, nnx.Param, ...)

        def loss_of(parameters: Any, images: jax.Array) -> tuple[jax.Array, Any]:
            net = nnx.merge(graph, parameters, others, copy=True)
            outputs = net(images)
            every = outputs if isinstance(outputs, tuple) else (outputs,)
            losses = [
                optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
                if classifies
                else (logits**2).mean()
                for logits in every
            ]
            loss = sum(factor * each for factor, each in zip(factors, losses, strict=True))
            return jnp.asarray(loss), (every, nnx.state(net, nnx.BatchStat))

        derivative = jax.value_and_grad(loss_of, argnums=(0, 1), has_aux=True)
        differentiated = jax.jit(derivative, compiler_options=COMPILER)
        (loss, (every, statistics)), (gradients, seen) = differentiated(parameters, _nhwc(x, dtype))
        names = {key: name for name, key in program.keys.items()}
        return Trained(
            [_nchw(logits) for logits in every],
            float(loss),
            {names[key]: canonical(each.get_value()) for key, each in by_path(gradients).items()},
            _nchw(seen),
            {names[key]: canonical(each.get_value()) for key, each in by_path(statistics).items()},
        )


def forget() -> None:
    """Programs are modules, which Python keeps; JAX keeps what it compiled of them."""
    for name in [name for name in sys.modules if name.startswith("archc_program_")]:
        del sys.modules[name]
    jax.clear_caches()


def _nhwc(x: np.ndarray, dtype: Dtype) -> jax.Array:
    return jax.device_put(x.astype(dtype).transpose(0, 2, 3, 1))


def _nchw(x: jax.Array) -> np.ndarray:
    found = np.asarray(x)
    return found.transpose(0, 3, 1, 2) if found.ndim == 4 else as_map(found)


def _model(program: Program, weights: Arrays, dtype: Dtype) -> nnx.Module:
    """The net with these weights. Its initialisers are only traced: they take long to compile."""
    made = getattr(load_program(program), program.class_name)
    model: nnx.Module = nnx.eval_shape(lambda: made(rngs=nnx.Rngs(0)))
    state = nnx.state(model)
    variables = by_path(state)
    for name, array in weights.items():
        variables[program.keys[name]].set_value(jax.device_put(stored(array.astype(dtype))))
    for variable in variables.values():
        if isinstance(variable, nnx.RngKey):
            variable.set_value(jax.random.key(0))
        elif isinstance(variable, nnx.RngCount):
            variable.set_value(jnp.zeros((), jnp.uint32))
    nnx.update(model, state)
    return model
