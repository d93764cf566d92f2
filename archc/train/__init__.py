"""Training: the driver that knows no framework.

`train(job)` does it all, and `measure(job, weights)` is its evaluation alone; what a
framework must do is `archc.backend.Engine`.
"""

from __future__ import annotations

from archc.train.dense import DenseNet
from archc.train.driver import train
from archc.train.job import Job, Result
from archc.train.measure import measure
from archc.train.run_directory import default_run_dir

__all__ = ["DenseNet", "Job", "Result", "default_run_dir", "measure", "train"]
