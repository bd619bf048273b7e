# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What goes wrong, by kind."""


class SteelyardError(Exception):
    """Any error of Steelyard's own."""


class CompileError(SteelyardError):
    """A function could not be compiled; the message names the source line, as JAX recorded it."""


class RunError(SteelyardError):
    """Compiled code failed or was cancelled."""
