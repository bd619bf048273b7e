# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The execution corpus on a GPU: ``python -m gpu prepare DIR`` compiles it, ``python -m gpu run DIR`` runs it.

The first needs no GPU, the second no compiler and no JAX: NumPy, libsteelyard_rt and cuBLASLt. ``prepare-numbers`` and
``run-numbers`` do the same to elementary functions and casts (``gpu.numbers``).
"""
