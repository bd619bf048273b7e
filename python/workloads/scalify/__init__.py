# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A character GPT trained with Scalify (arXiv:2407.17353) in FP8 and FP16, beside float32 and casts without scales."""
