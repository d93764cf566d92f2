"""How a net is applied to a whole image: the step `dense` of `evaluate { }`."""

from typing import Annotated

from pydantic import Field

from archc.data.sizes import SizeOf
from archc.data.transforms import MAX_SCALES, Side, spell
from archc.form import Form


class Dense(Form):
    """The net applied to the whole image, of any size, its last layers as convolutions (VGG,
    section 3.2), at one scale or at several (section 4.2).

    For each of `scales` the image is scaled to that shorter side, as `resize` does. The scores
    of the classes are averaged over all places, and the softmax outputs of the image and its
    mirror, at all scales, are averaged. It is the last step of `evaluate { }`.
    """

    word = "dense"
    scales: Annotated[
        Side | Annotated[tuple[Side, ...], Field(min_length=1, max_length=MAX_SCALES)], SizeOf.SIDE
    ]

    @property
    def sides(self) -> tuple[int, ...]:
        """The shorter side of the image at each scale, in pixels."""
        return (self.scales,) if isinstance(self.scales, int) else self.scales

    def __str__(self) -> str:
        return spell(self)
