"""LeNet-5 (LeCun et al. 1998, Figure 2)

Compiled by archc 0.1.0 from lenet.arch (sha256 9a281fab8cb68481).
61,706 parameters;
416.5 K multiply-adds at 1x32x32.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

# conv, fc: glorot, bias 0.
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.glorot_uniform())
Linear = partial(nnx.Linear, kernel_init=nnx.initializers.glorot_uniform())


class LeNet(nnx.Module):
    """LeNet-5 (LeCun et al. 1998, Figure 2)

    (N, 32, 32, 1) -> (N, classes)
    """

    def __init__(self, classes: int = 10, *, rngs: nnx.Rngs) -> None:
        self.c1 = Conv(1, 6, (5, 5), padding="VALID", rngs=rngs)  # line 11
        self.c3 = Conv(6, 16, (5, 5), padding="VALID", rngs=rngs)  # line 13
        self.c5 = Conv(16, 120, (5, 5), padding="VALID", rngs=rngs)  # line 15
        self.f6 = Linear(120, 84, rngs=rngs)  # line 16
        self.output = Linear(84, classes, rngs=rngs)  # line 17

    def __call__(self, x: Array) -> Array:
        x = nnx.tanh(self.c1(x))  # 28x28x6
        x = nnx.avg_pool(x, (2, 2), strides=(2, 2))  # 14x14x6
        x = nnx.tanh(self.c3(x))  # 10x10x16
        x = nnx.avg_pool(x, (2, 2), strides=(2, 2))  # 5x5x16
        x = nnx.tanh(self.c5(x))  # 1x1x120
        x = nnx.tanh(self.f6(x.squeeze((1, 2))))  # 84
        return self.output(x)

    def predict(self, x: Array) -> Array:
        """(N, 32, 32, 1) -> class probabilities (N, classes); call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    model = LeNet(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 32, 32, 1)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
