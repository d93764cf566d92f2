"""What might be wrong in a program for JAX."""

from __future__ import annotations

from .planted import Fault

FAULTS = {
    "lrn's alpha divided by n": Fault(r"alpha \* total", "alpha / n * total"),
    "ceil for floor": Fault(r"(nnx\.max_pool\(.*)\)  #", r"\1, padding=((0, 1), (0, 1)))  #"),
    "flatten in the order H, W, C": Fault(r"x\.transpose\(0, 3, 1, 2\)\.reshape", "x.reshape"),
    "batch norm's momentum": Fault(r"(= BatchNorm\(\d+)\)", r"\1, momentum=0.9)"),
    "batch norm's running variance biased": Fault(r"var \* \(n / \(n - 1\)\)", "var"),
    "batch norm's variance unbiased": Fault(r"wide\.var\(axes\)", "wide.var(axes, ddof=1)"),
    "gelu approximate": Fault("approximate=False", "approximate=True"),
    "concat in another order": Fault(
        r"jnp\.concatenate\(",
        "backwards(",
        """
def backwards(maps, axis):
    return jnp.concat(maps[::-1], axis=axis)
""",
    ),
    "padding on one side": Fault("padding=1,", "padding=((2, 0), (2, 0)),"),
    "average pooling counts the padding": Fault(
        "count_include_pad=False", "count_include_pad=True"
    ),
    "groups interleaved": Fault(
        r"self\.conv1\(x\)  # 5x5x6",
        "self.conv1(x.reshape(*x.shape[:-1], 2, -1).swapaxes(-1, -2).reshape(x.shape))",
    ),
    "aux weight dropped": Fault(r"(\"aux\d\": )0\.\d", r"\g<1>1.0"),
    "aux loss dropped": Fault(r"(\"aux2\": )0\.\d", r"\g<1>0.0"),
    "batch norm by its running statistics in training": Fault(
        r"if self\.use_running_average:", "if True:"
    ),
    "batch norm's eps": Fault(r"epsilon=0\.1", "epsilon=0.001"),
    "leaky_relu's slope": Fault(r"(nnx\.leaky_relu\(.*), 0\.2\)", r"\1, 0.01)"),
    "relu6 without its limit": Fault(r"nnx\.relu6\(", "nnx.relu("),
    "another part": Fault(r"axis=-1\)\[1\]", "axis=-1)[2]"),
    "shuffle turned round": Fault(r"towers, groups, -1\)", "towers, -1, groups)"),
    "tile channel by channel": Fault(
        r"jnp\.tile\(x, \(1, 1, 1, 2\)\)", "jnp.repeat(x, 2, axis=-1)"
    ),
    "a transposed kernel turned round": Fault(r"self\.kernel\[::-1, ::-1\]", "self.kernel[...]"),
    "crop from the left only": Fault(r"x\[:, top : .*\]", "x[:, 2 * top :, 2 * left :]"),
    "lrn across towers": Fault(r"towers, -1\)\n    return lrn", "1, -1)\n    return lrn"),
    "a factor a channel left out": Fault(r"return x \* self\.scale\n", "return x\n"),
}
