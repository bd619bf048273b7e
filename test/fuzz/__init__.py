# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bounded fuzzing of the parser and of whole pipelines; docs/testing.md says how it is run."""
