"""Syntax -> Graph: names, blocks, parameters and shapes, worked out in one walk.

A fault is reported where it is and poisons what depends on it, so that the walk goes on
and finds the next independent one, but none that only follows.
"""

from __future__ import annotations

from archc.elaborate.graph_builder import MAX_ELEMENTS, MAX_NODES
from archc.elaborate.net import elaborate
from archc.elaborate.walk import MAX_NESTING, MAX_STEPS

__all__ = ["MAX_ELEMENTS", "MAX_NESTING", "MAX_NODES", "MAX_STEPS", "elaborate"]
