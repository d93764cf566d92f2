"""What training remembers beside the weights, by names that all backends share.

| name | what it is |
| --- | --- |
| `conv1.weight` | the velocity v of `sgd`; not there without momentum |
| `moment1/conv1.weight`, `moment2/conv1.weight` | m and v of `adamw` |
| `steps` | how many steps `adamw` has taken, int64 |
| `trained/conv1.weight` | what is trained, where the recipe averages: the net's own are averages |
| `averaged` | how many steps are in the average, int64 |
| `loss_scale` | the factor of the loss, float64; of fp16 only (`archc.loss_scale`) |
| `loss_scale_steps` | how many steps in a row were taken with it, int64 |

Arrays by canonical name have the canonical layout.
"""

from __future__ import annotations

VELOCITY = ""
MOMENT1 = "moment1"
MOMENT2 = "moment2"
STEPS = "steps"
TRAINED = "trained"
AVERAGED = "averaged"
LOSS_SCALE = "loss_scale"
LOSS_SCALE_STEPS = "loss_scale_steps"


def spelled(slot: str, name: str) -> str:
    """The name of a weight's array in a slot. A canonical name holds no slash."""
    return f"{slot}/{name}" if slot else name
