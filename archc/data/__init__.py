"""Datasets, augmentation and batches. Importing this package loads neither NumPy nor Pillow."""
