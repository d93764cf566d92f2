"""What goes wrong with an image on its way to the net."""

from __future__ import annotations


class DoesNotFitError(Exception):
    """An image that a transform cannot take; the text says why. Pipelines add the file."""
