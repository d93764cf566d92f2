"""What backends share: the outline of a program, and Python text."""
