"""What archc computes with and its programs carry along, at their 88 columns.

`archc.emit.carried` copies the source of what a program needs.
"""
