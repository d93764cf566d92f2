"""What the graph knows of itself: counts, depth, receptive fields, memory."""
