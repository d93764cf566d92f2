"""A program that trains: the net and its recipe as one text that stands alone."""
