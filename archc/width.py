"""`width`: a net of other channel counts than its spec writes.

Every layer's number of outputs is scaled but the classes. What a spec derives from the channels
that arrive (`in / 4`, `groups = in`) must follow them, and not be scaled once more. So a number
that depends on `in` is two numbers: what it is in the net as written, by which conditions are
decided, and beside it the one it is in the scaled net.
"""

from __future__ import annotations

from collections.abc import Callable

Number = int | float


class Twofold:
    """A number of the net as written that knows what it is in the scaled one."""

    scaled: Number
    width: float


class TwofoldInt(Twofold, int):
    """A whole number of the net as written."""


class TwofoldFloat(Twofold, float):
    """A decimal number of the net as written."""


def twofold(written: Number, scaled: Number, width: float) -> Number:
    """A number as written, with what it is in a net scaled by `width`."""
    made = TwofoldFloat(written) if isinstance(written, float) else TwofoldInt(written)
    made.scaled, made.width = scaled, width
    return made


def in_scaled(number: Number) -> Number:
    """What a number is in the scaled net; one that depends on no channels is the same there."""
    return number.scaled if isinstance(number, Twofold) else number


def calculated(
    written: Number, again: Callable[..., Number], operands: tuple[Number, ...], *, counts: bool
) -> Number:
    """The result of an operation, calculated again for the scaled net if it depends on `in`.

    Where `counts`, what stands beside channels that arrive is a count of channels too: in a sum.
    """
    width = next((o.width for o in operands if isinstance(o, Twofold)), None)
    if width is None:
        return written
    scaled = [
        channels(number, width) if counts and not isinstance(number, Twofold) else in_scaled(number)
        for number in operands
    ]
    return twofold(written, again(*scaled), width)


def channels(count: Number, width: float) -> Number:
    """A count of channels, scaled by `width`: as even as it was, up to fours, and never 0.

    So what a spec halves or groups (ShuffleNet's split) can still be halved.
    """
    if isinstance(count, float):
        return count * width
    step = 4 if count % 4 == 0 else 2 if count % 2 == 0 else 1
    return max(step, round(count * width / step) * step)
