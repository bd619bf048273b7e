# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steelyard: a compiler that gives every tensor a scale and runs graphs in low precision."""

import os as _os
import sys as _sys

# The extension module lies in the build tree: <build>/python/steelyard, on sys.path beside the sources.
__path__ += [
    _path
    for _path in (_os.path.join(_entry, "steelyard") for _entry in _sys.path)
    if _path not in __path__ and _os.path.isdir(_path)
]

from steelyard._compile import CompiledModule, compile
from steelyard._errors import CompileError, RunError, SteelyardError
from steelyard._explain import Remark, explain
from steelyard._jit import CompiledFunction, jit
from steelyard._profile import Profile, Site, profile
from steelyard._schemes import Recipe, Scalify, Scheme
from steelyard._state import ScaledArray

__all__ = [
    "CompileError",
    "CompiledFunction",
    "CompiledModule",
    "Profile",
    "Recipe",
    "Remark",
    "RunError",
    "ScaledArray",
    "Scalify",
    "Scheme",
    "Site",
    "SteelyardError",
    "compile",
    "explain",
    "jit",
    "profile",
]
