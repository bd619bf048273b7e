# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that people train, at small sizes: models, their gradients, optimizers; in plain JAX and of JAX's libraries."""

from corpus import models, of_equinox, of_flax, of_optax, plain
from corpus.registry import Programs

PROGRAMS = Programs(models.PROGRAMS, plain.PROGRAMS, of_equinox.PROGRAMS, of_flax.PROGRAMS, of_optax.PROGRAMS)
