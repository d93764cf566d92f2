"""The parameters and multiply-adds of the zoo's nets, added up by hand from their papers' tables.

Nothing here knows archc. A `Sum` follows a square map through a net: `size` is its side, `c` its
channels. Branches are added where they begin, by saying where they do.
"""

from __future__ import annotations

from math import ceil


class Sum:
    """What a net has so far."""

    def __init__(self, c: int, size: int) -> None:
        self.c, self.size = c, size
        self.params = self.macs = 0

    def conv(
        self,
        n: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        pad: int | None = None,
        groups: int = 1,
        *,
        bias: bool = False,
        bn: bool = True,
    ) -> Sum:
        """A convolution, padded to keep the size unless `pad` says; `bn` adds 2 a channel."""
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        if pad is not None or stride > 1:
            room = self.size + 2 * (kh // 2 if pad is None else pad) - kh
            self.size = room // stride + 1
        weights = n * (self.c // groups) * kh * kw
        self.params += weights + (n if bias else 0) + (2 * n if bn else 0)
        self.macs += weights * self.size**2
        self.c = n
        return self

    def fc(self, n: int) -> Sum:
        self.params += (self.c + 1) * n
        self.macs += self.c * n
        self.c, self.size = n, 1
        return self

    def norm(self) -> Sum:
        self.params += 2 * self.c
        return self

    def pool(self, kernel: int, stride: int, pad: int = 0, *, up: bool = False) -> Sum:
        steps = (self.size + 2 * pad - kernel) / stride
        self.size = (ceil(steps) if up else int(steps)) + 1
        return self

    def excite(self, squeezed: int) -> Sum:
        """Squeeze-and-excitation: two 1x1 convolutions with biases, on a map of 1x1."""
        self.params += 2 * self.c * squeezed + squeezed + self.c
        self.macs += 2 * self.c * squeezed
        return self

    def branch(self) -> Sum:
        """A sum of its own that begins here."""
        return Sum(self.c, self.size)

    def join(self, *branches: Sum, c: int | None = None) -> Sum:
        """Go on where branches end: with all their channels, or `c`."""
        self.params += sum(branch.params for branch in branches)
        self.macs += sum(branch.macs for branch in branches)
        (self.size,) = {branch.size for branch in branches}
        self.c = sum(branch.c for branch in branches) if c is None else c
        return self


def resnet18() -> Sum:
    s = Sum(3, 224).conv(64, 7, 2).pool(3, 2, 1)
    for n in (64, 128, 256, 512):
        for i in range(2):
            stride = 2 if n > 64 and i == 0 else 1
            main = s.branch().conv(n, 3, stride).conv(n, 3)
            s.join(main, s.branch().conv(n, 1, stride) if stride > 1 else main.branch(), c=n)
    return s.fc(1000)


def _bottlenecks(groups: int, wide: int, *, first: bool = False) -> Sum:
    """ResNet-50, and of other groups and widths; `first`: the stride at the first 1x1."""
    s = Sum(3, 224).conv(64, 7, 2).pool(3, 2, 1)
    for n, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for i in range(count):
            stride = 2 if n > 64 and i == 0 else 1
            a, b = (stride, 1) if first else (1, stride)
            main = s.branch().conv(wide * n, 1, a).conv(wide * n, 3, b, groups=groups)
            main.conv(4 * n)
            s.join(main, s.branch().conv(4 * n, 1, stride) if i == 0 else main.branch(), c=4 * n)
    return s.fc(1000)


def resnet50() -> Sum:
    return _bottlenecks(1, 1)


def resnet50_as_printed() -> Sum:
    """With the stride where the paper has it."""
    return _bottlenecks(1, 1, first=True)


def resnext50_32x4d() -> Sum:
    return _bottlenecks(32, 2)


def densenet121() -> Sum:
    s = Sum(3, 224).conv(64, 7, 2).pool(3, 2, 1)
    for block, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            grown = s.branch().norm().conv(128).conv(32, 3, bn=False)
            s.join(s.branch(), grown)
        if block < 3:
            s.norm().conv(s.c // 2, bn=False).pool(2, 2)
    return s.norm().fc(1000)


def squeezenet1_1() -> Sum:
    plain = {"bias": True, "bn": False}
    s = Sum(3, 224).conv(64, 3, 2, 0, **plain)
    for i, n in enumerate((16, 16, 32, 32, 48, 48, 64, 64)):
        if i in (0, 2, 4):
            s.pool(3, 2, up=True)
        s.conv(n, **plain)
        s.join(s.branch().conv(4 * n, **plain), s.branch().conv(4 * n, 3, **plain))
    return s.conv(1000, **plain)


def inception_v3(*, aux: bool = True) -> Sum:
    s = Sum(3, 299).conv(32, 3, 2, 0).conv(32, 3, 1, 0).conv(64, 3).pool(3, 2)
    s.conv(80).conv(192, 3, 1, 0).pool(3, 2)
    for n in (32, 64, 64):
        five, double = s.branch().conv(48).conv(64, 5), s.branch().conv(64).conv(96, 3).conv(96, 3)
        s.join(s.branch().conv(64), five, double, s.branch().conv(n))
    double = s.branch().conv(64).conv(96, 3).conv(96, 3, 2, 0)
    s.join(s.branch().conv(384, 3, 2, 0), double, s.branch().pool(3, 2))
    flat, tall = (1, 7), (7, 1)
    for n in (128, 160, 160, 192):
        seven = s.branch().conv(n).conv(n, flat).conv(192, tall)
        double = s.branch().conv(n).conv(n, tall).conv(n, flat).conv(n, tall).conv(192, flat)
        s.join(s.branch().conv(192), seven, double, s.branch().conv(192))
    if aux:
        head = s.branch().pool(5, 3).conv(128).conv(768, 5, 1, 0).fc(1000)
        s.params += head.params
        s.macs += head.macs
    seven = s.branch().conv(192).conv(192, flat).conv(192, tall).conv(192, 3, 2, 0)
    s.join(s.branch().conv(192).conv(320, 3, 2, 0), seven, s.branch().pool(3, 2))
    for _ in range(2):
        three, double = s.branch().conv(384), s.branch().conv(448).conv(384, 3)
        for each in (three, double):
            each.join(each.branch().conv(384, (1, 3)), each.branch().conv(384, (3, 1)))
        s.join(s.branch().conv(320), three, double, s.branch().conv(192))
    return s.fc(1000)


def mobilenet_v2() -> Sum:
    s = Sum(3, 224).conv(32, 3, 2)
    rows = "1 16 1 1, 6 24 2 2, 6 32 3 2, 6 64 4 2, 6 96 3 1, 6 160 3 2, 6 320 1 1"
    for t, c, n, stride in (map(int, row.split()) for row in rows.split(",")):
        for i in range(n):
            wide = t * s.c
            if t > 1:
                s.conv(wide)
            s.conv(wide, 3, stride if i == 0 else 1, groups=wide).conv(c)
    return s.conv(1280).fc(1000)


def mobilenet_v3_large() -> Sum:
    s = Sum(3, 224).conv(16, 3, 2)
    rows = """3 16 16 0 1, 3 64 24 0 2, 3 72 24 0 1, 5 72 40 24 2, 5 120 40 32 1, 5 120 40 32 1,
        3 240 80 0 2, 3 200 80 0 1, 3 184 80 0 1, 3 184 80 0 1, 3 480 112 120 1,
        3 672 112 168 1, 5 672 160 168 2, 5 960 160 240 1, 5 960 160 240 1"""
    for k, wide, n, squeezed, stride in (map(int, row.split()) for row in rows.split(",")):
        if wide != s.c:
            s.conv(wide)
        s.conv(wide, k, stride, groups=wide)
        if squeezed:
            s.excite(squeezed)
        s.conv(n)
    return s.conv(960).fc(1280).fc(1000)


def shufflenet_v2_x1_0() -> Sum:
    s = Sum(3, 224).conv(24, 3, 2).pool(3, 2, 1)
    for n, count in ((58, 4), (116, 8), (232, 4)):
        left = s.branch().conv(s.c, 3, 2, groups=s.c).conv(n)
        s.join(left, s.branch().conv(n).conv(n, 3, 2, groups=n).conv(n))
        for _ in range(count - 1):
            half = Sum(n, s.size)
            s.join(half.branch(), half.conv(n).conv(n, 3, groups=n).conv(n))
    return s.conv(1024).fc(1000)


def efficientnet_b0() -> Sum:
    s = Sum(3, 224).conv(32, 3, 2)
    rows = """1 3 16 1 1, 6 3 24 2 2, 6 5 40 2 2, 6 3 80 3 2, 6 5 112 3 1, 6 5 192 4 2,
        6 3 320 1 1"""
    for t, k, n, count, stride in (map(int, row.split()) for row in rows.split(",")):
        for i in range(count):
            squeezed, wide = s.c // 4, t * s.c
            if t > 1:
                s.conv(wide)
            s.conv(wide, k, stride if i == 0 else 1, groups=wide).excite(squeezed).conv(n)
    return s.conv(1280).fc(1000)


def convnext_tiny() -> Sum:
    plain = {"bias": True, "bn": False}
    s = Sum(3, 224).conv(96, 4, 4, 0, **plain).norm()
    for n, count in ((96, 3), (192, 3), (384, 9), (768, 3)):
        if n > 96:
            s.norm().conv(n, 2, 2, 0, **plain)
        for _ in range(count):
            s.conv(n, 7, groups=n, **plain).norm().conv(4 * n, **plain).conv(n, **plain)
            s.params += n  # the layer's scale
    return s.norm().fc(1000)


def unet() -> Sum:
    plain = {"bias": True, "bn": False}
    s = Sum(1, 572)
    for n in (64, 128, 256, 512, 1024):
        s.conv(n, 3, 1, 0, **plain).conv(n, 3, 1, 0, **plain)
        if n < 1024:
            s.pool(2, 2)
    for n in (512, 256, 128, 64):
        # The up-convolution paints 2x2 for each place that there is.
        weights = s.c * n * 4
        s.params += weights + n
        s.macs += weights * s.size**2
        s.c, s.size = 2 * n, 2 * s.size  # with as many from the copy
        s.conv(n, 3, 1, 0, **plain).conv(n, 3, 1, 0, **plain)
    return s.conv(2, **plain)
