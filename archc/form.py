"""Forms: what a spec writes as a name with arguments.

Ops, augmentations, optimisers, schedules and initialisers are all forms. Their
fields, in the order written, are their positional arguments; a field without a
default must be given. `archc.binding` maps arguments to fields and faults back to
the argument's characters.

Files that define forms do not postpone their annotations: pydantic would compile each from
its text at every start of the command.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """A name with typed arguments. Strict: nothing is coerced, nothing unknown is taken."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        # Built on first use: a command pays only for the forms its spec names.
        defer_build=True,
    )

    word: ClassVar[str]
    """The name that specs use."""
