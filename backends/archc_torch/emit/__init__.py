"""Outline -> a PyTorch program."""
