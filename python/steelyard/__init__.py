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

import importlib as _importlib
import typing as _typing

if _typing.TYPE_CHECKING:
    from steelyard._compile import CompiledModule, compile
    from steelyard._device import DeviceArray, device_put
    from steelyard._errors import CompileError, RunError, SteelyardError
    from steelyard._explain import Remark, explain
    from steelyard._jit import CompiledFunction, jit
    from steelyard._load import Library, load
    from steelyard._profile import Profile, Site, profile
    from steelyard._schemes import Recipe, Scalify, Scheme
    from steelyard._state import ScaledArray

# Imported when asked for: `load` runs where there is no compiler and no JAX.
_MODULES = {
    "_compile": ("CompiledModule", "compile"),
    "_device": ("DeviceArray", "device_put"),
    "_errors": ("CompileError", "RunError", "SteelyardError"),
    "_explain": ("Remark", "explain"),
    "_jit": ("CompiledFunction", "jit"),
    "_load": ("Library", "load"),
    "_profile": ("Profile", "Site", "profile"),
    "_schemes": ("Recipe", "Scalify", "Scheme"),
    "_state": ("ScaledArray",),
}
_WHERE = {_name: _module for _module, _names in _MODULES.items() for _name in _names}


if not _typing.TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _WHERE:
            raise AttributeError(f"module 'steelyard' has no attribute {name!r}")
        value = getattr(_importlib.import_module(f"steelyard.{_WHERE[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "CompileError",
    "CompiledFunction",
    "CompiledModule",
    "DeviceArray",
    "Library",
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
    "device_put",
    "explain",
    "jit",
    "load",
    "profile",
]
