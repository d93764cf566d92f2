"""What might be wrong in a program for PyTorch."""

from __future__ import annotations

from .planted import Fault

FAULTS = {
    "lrn's alpha divided by n": Fault(r"alpha=alpha \* n", "alpha=alpha"),
    "ceil for floor": Fault(r"(F\.max_pool2d\(.*)\)", r"\1, ceil_mode=True)"),
    "flatten in the order H, W, C": Fault(r"\.flatten\(1\)", ".movedim(1, -1).flatten(1)"),
    "batch norm's momentum": Fault(r"(nn\.BatchNorm2d\(\d+)\)", r"\1, momentum=0.9)"),
    "batch norm's running variance biased": Fault(
        r"nn\.BatchNorm2d",
        "Biased",
        """
class Biased(nn.BatchNorm2d):
    def forward(self, x):
        before = self.running_var.clone()
        y = super().forward(x)
        if self.training:
            after = x.detach().var((0, 2, 3), unbiased=False)
            self.running_var = (1 - self.momentum) * before + self.momentum * after
        return y
""",
    ),
    "gelu approximate": Fault(r"F\.gelu\((.*)\)", r'F.gelu(\1, approximate="tanh")'),
    "concat in another order": Fault(
        r"torch\.cat\(",
        "backwards(",
        """
def backwards(maps, dim):
    return torch.cat(maps[::-1], dim)
""",
    ),
    "padding on one side": Fault(
        r"nn\.Conv2d\(",
        "OneSided(",
        """
class OneSided(nn.Conv2d):
    def forward(self, x):
        top, left = self.padding
        x = F.pad(x, (2 * left, 0, 2 * top, 0))
        return F.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)
""",
    ),
    "average pooling counts the padding": Fault(", count_include_pad=False", ""),
    "groups interleaved": Fault(
        r"nn\.Conv2d\(",
        "Interleaved(",
        """
class Interleaved(nn.Conv2d):
    def forward(self, x):
        x = x.unflatten(1, (self.groups, -1)).transpose(1, 2).flatten(1, 2)
        return super().forward(x)
""",
    ),
    "aux weight dropped": Fault(r"(\"aux\d\": )0\.\d", r"\g<1>1.0"),
    "aux loss dropped": Fault(r"(\"aux2\": )0\.\d", r"\g<1>0.0"),
    "batch norm by its running statistics in training": Fault(
        r"nn\.BatchNorm2d",
        "Frozen",
        """
class Frozen(nn.BatchNorm2d):
    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(x, mean, var, self.weight, self.bias, False, eps=self.eps)
""",
    ),
    "batch norm's eps": Fault(r"eps=0\.1", "eps=0.001"),
    "layernorm's variance unbiased": Fault("correction=0", "correction=1"),
    "softmax over columns": Fault(r"(x = torch\.softmax\(.*)dim=1", r"\1dim=-1"),
    "leaky_relu's slope": Fault(r"(F\.leaky_relu\(.*), 0\.2\)", r"\1, 0.01)"),
    "relu6 without its limit": Fault(r"F\.relu6\((?!.*\+ 3)", "F.relu("),
    "hardsigmoid of slope 0.2": Fault(r"F\.relu6\((.*) \+ 3\) / 6", r"(\1 * 0.2 + 0.5).clip(0, 1)"),
    "another part": Fault(r"chunk\(3, 1\)\[1\]", "chunk(3, 1)[2]"),
    "shuffle turned round": Fault(r"\(towers, groups, -1\)", "(towers, -1, groups)"),
    "tile channel by channel": Fault(r"\.repeat\(1, 2, 1, 1\)", ".repeat_interleave(2, 1)"),
    "a transposed kernel turned round": Fault(
        r"nn\.ConvTranspose2d\(",
        "Turned(",
        """
class Turned(nn.ConvTranspose2d):
    def forward(self, x):
        kernel = self.weight.flip(2, 3)
        return F.conv_transpose2d(x, kernel, self.bias, self.stride, groups=self.groups)
""",
    ),
    "crop from the left only": Fault(r"x\[:, :, top : .*\]", "x[:, :, 2 * top :, 2 * left :]"),
    "lrn across towers": Fault(
        r"tower_lrn\((.*), towers=2\)",
        r"lrn(\1)",
        """
def lrn(x, n, k, alpha, beta):
    return F.local_response_norm(x, n, alpha=alpha * n, beta=beta, k=k)
""",
    ),
    "a factor a channel left out": Fault(r"self\.layerscale1\((.*)\), dim", r"\1, dim"),
    "no gradient through sigmoid": Fault(
        r"torch\.sigmoid\((.*)\)", r"torch.sigmoid((\1).detach())"
    ),
    "half the gradient through silu": Fault(r"F\.silu\(x\)", "F.silu(0.5 * x + 0.5 * x.detach())"),
}
