"""U-Net (Ronneberger, Fischer & Brox 2015, Figure 1)

Compiled by archc 0.1.0 from unet.arch (sha256 4c54d6a7515efb19).
31,030,658 parameters;
150.4 G multiply-adds at 1x572x572.
"""

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array


def crop(x: Array, margin: tuple[int, int]) -> Array:
    """Cuts a margin (height, width) off each side.

    (N, H, W, C) -> (N, H - 2 * height, W - 2 * width, C)
    """
    top, left = margin
    return x[:, top : x.shape[1] - top, left : x.shape[2] - left]


# conv, deconv, fc: glorot, bias 0 (archc's default).
Conv = partial(nnx.Conv, kernel_init=nnx.initializers.glorot_uniform())
ConvTranspose = partial(
    nnx.ConvTranspose,
    transpose_kernel=True,
    kernel_init=nnx.initializers.glorot_uniform(),
)


class Double(nnx.Module):
    """Two unpadded 3x3 convolutions, each followed by a ReLU (Section 2)

    double(n)  --  unet.arch:38

    (N, H, W, in_channels) -> (N, H_out, W_out, n)
    """

    def __init__(self, in_channels: int, n: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = Conv(in_channels, n, (3, 3), padding="VALID", rngs=rngs)
        self.conv2 = Conv(n, n, (3, 3), padding="VALID", rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = nnx.relu(self.conv1(x))
        return nnx.relu(self.conv2(x))


class UNet(nnx.Module):
    """U-Net (Ronneberger, Fischer & Brox 2015, Figure 1)

    (N, 572, 572, 1) -> (N, 388, 388, classes)
    """

    def __init__(self, classes: int = 2, *, rngs: nnx.Rngs) -> None:
        self.down1 = Double(1, 64, rngs=rngs)  # line 9
        self.down2 = Double(64, 128, rngs=rngs)  # line 10
        self.down3 = Double(128, 256, rngs=rngs)  # line 11
        self.double4 = Double(256, 512, rngs=rngs)  # line 13
        self.dropout1 = nnx.Dropout(0.5, rngs=rngs)  # line 13
        self.double5 = Double(512, 1024, rngs=rngs)  # line 15
        self.dropout2 = nnx.Dropout(0.5, rngs=rngs)  # line 15
        # line 16
        self.deconv1 = ConvTranspose(
            1024, 512, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs
        )
        self.up4 = Double(1024, 512, rngs=rngs)  # line 16
        # line 17
        self.deconv2 = ConvTranspose(
            512, 256, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs
        )
        self.up3 = Double(512, 256, rngs=rngs)  # line 17
        # line 18
        self.deconv3 = ConvTranspose(
            256, 128, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs
        )
        self.up2 = Double(256, 128, rngs=rngs)  # line 18
        # line 19
        self.deconv4 = ConvTranspose(
            128, 64, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs
        )
        self.up1 = Double(128, 64, rngs=rngs)  # line 19
        self.conv1 = Conv(64, classes, (1, 1), rngs=rngs)  # line 20

    def __call__(self, x: Array) -> Array:
        x = self.down1(x)  # 568x568x64
        out = nnx.max_pool(x, (2, 2), strides=(2, 2))  # 284x284x64
        down2 = self.down2(out)  # 280x280x128
        out = nnx.max_pool(down2, (2, 2), strides=(2, 2))  # 140x140x128
        down3 = self.down3(out)  # 136x136x256
        out = nnx.max_pool(down3, (2, 2), strides=(2, 2))  # 68x68x256
        dropout1 = self.dropout1(self.double4(out))  # 64x64x512
        # 56x56x512
        deconv1 = self.deconv1(
            self.dropout2(self.double5(nnx.max_pool(dropout1, (2, 2), strides=(2, 2))))
        )
        # 52x52x512
        out = self.up4(jnp.concatenate([crop(dropout1, (4, 4)), deconv1], axis=-1))
        # 100x100x256
        out = self.up3(
            jnp.concatenate([crop(down3, (16, 16)), self.deconv2(out)], axis=-1)
        )
        # 196x196x128
        out = self.up2(
            jnp.concatenate([crop(down2, (40, 40)), self.deconv3(out)], axis=-1)
        )
        # 392x392x128
        x = jnp.concatenate([crop(x, (88, 88)), self.deconv4(out)], axis=-1)
        x = self.up1(x)  # 388x388x64
        return self.conv1(x)

    def predict(self, x: Array) -> Array:
        """Class probabilities; call eval() first."""
        return nnx.softmax(self(x))


if __name__ == "__main__":
    model = UNet(rngs=nnx.Rngs(0))
    model.eval()
    outputs = model(jnp.zeros((1, 572, 572, 1)))
    parameters = jax.tree.leaves(nnx.state(model, nnx.Param))
    count = sum(parameter.size for parameter in parameters)
    print(f"{outputs.shape}, {count:,} parameters")
