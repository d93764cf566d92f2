"""What goes wrong with an image on its way to the net."""

from __future__ import annotations


class DoesNotFitError(Exception):
    """An image that a step cannot take; the text says why, its reader adds the file."""
