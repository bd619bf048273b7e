# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``steelyard.jit``: JAX functions through the compiler."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import threading
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax._src import config as _config  # its switches for one thread are not public

from steelyard._device import DeviceArray, DeviceFunction
from steelyard._errors import CompileError, SteelyardError
from steelyard._explain import Remark
from steelyard._leaves import PYTHON_NUMBERS, at_argument, is_key, leaf_of
from steelyard._locations import with_source_line
from steelyard._memory import device_of
from steelyard._runtime import CPU, Function, Target, compile_library, compile_module, make_function
from steelyard._schemes import Scalify, Scheme
from steelyard._state import KeepsRecipeState, NegativeRoot, RecipeState, ScaledArray, pack
from steelyard._types import DTYPES


def _tracing_options() -> tuple[Hashable, ...]:
    """What of JAX's configuration changes the program that a function is traced to."""
    config: Any = jax.config
    return (
        config.jax_enable_x64,
        config.jax_numpy_dtype_promotion,
        config.jax_numpy_rank_promotion,
        config.jax_default_matmul_precision,
        config.jax_default_prng_impl,
    )


def _numbers_and_names(
    function: Callable[..., Any], numbers: tuple[int, ...], names: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """As ``jax.jit`` does: where only one of the two is given, the other follows from the signature."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return numbers, names
    kinds = [parameter.kind for parameter in parameters]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        count = sum(kind in _BY_POSITION for kind in kinds)
        numbers = tuple(index + count if -count <= index < 0 else index for index in numbers)
    if names and not numbers:
        numbers = tuple(i for i, p in enumerate(parameters) if p.kind in _BY_POSITION and p.name in names)
    elif numbers and not names:
        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = tuple(p.name for i, p in enumerate(parameters) if i in numbers and p.kind is either)
    return numbers, names


_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_abstract: Any = jax.ShapeDtypeStruct  # JAX leaves its constructor untyped


class _Result:
    """What becomes of a result of compiled code."""

    def __init__(self, spec: Any, results: Sequence[Any]) -> None:
        self.name: str = spec.name
        self.is_recipe_state: bool = spec.is_recipe_state
        self.is_observed: bool = spec.is_observed
        # An exponent, which follows its data: the user's type and the form of the pair.
        self.scaled: tuple[np.dtype[Any], str] | None = None
        if spec.scale_of >= 0:
            data = results[spec.scale_of]
            self.scaled = DTYPES[data.user_element_type], data.state_form


class _Compiled:
    """One function for one set of shapes."""

    def __init__(
        self,
        module: str | bytes,
        scheme: Scheme | None,
        lowered: jax.stages.Lowered | None,
        function: str = "main",
        name: str = "module",
        target: Target = CPU,
    ) -> None:
        self._target = target
        self.out_tree: Any = lowered.out_tree if lowered else None
        # Which results are keys of jax.random, and of which kind.
        results = enumerate(jax.tree_util.tree_leaves(lowered.out_info) if lowered else ())
        self._keys = {i: r.dtype._impl.name for i, r in results if jnp.issubdtype(r.dtype, jax.dtypes.prng_key)}
        self._source = (module, function, name)
        self._build(scheme)

    def profiled(self) -> Function | DeviceFunction:
        """The same, compiled to time its kernels."""
        module, function, name = self._source
        scheme = self._scheme.pipeline() if self._scheme else ""
        executable = compile_module(module, scheme, None, name, profile=True, target=self._target)
        return make_function(executable, [f.name for f in executable.functions].index(function), self._target)

    def save(self, path: str | os.PathLike[str], cpu: str, profile: bool) -> None:
        """Writes the module's code as a shared library."""
        if not cpu and not profile:
            try:
                self.function.executable.save(os.fspath(path))
            except RuntimeError as error:
                raise CompileError(str(error)) from None
            return
        module, _, name = self._source
        scheme = self._scheme.pipeline() if self._scheme else ""
        compile_library(module, scheme, cpu, name, os.fspath(path), self._target, profile)

    def _build(self, scheme: Scheme | None) -> None:
        module, function, name = self._source
        self._scheme = scheme
        self.remarks: list[Remark] = []

        def keep(severity: str, message: str, location: str) -> None:
            if severity == "remark":
                self.remarks.append(Remark(message, location))

        try:
            executable = compile_module(module, scheme.pipeline() if scheme else "", keep, name, target=self._target)
        except CompileError as error:
            text = module if isinstance(module, str) else ""
            raise CompileError(with_source_line(str(error), text, name)) from None
        names = [f.name for f in executable.functions]
        if function not in names:
            raise CompileError(f"the module has no public function {function!r}; it has {', '.join(names) or 'none'}")
        self.function = make_function(executable, names.index(function), self._target)
        arguments = self.function.arguments
        self._recipe_state = [argument for argument in arguments if argument.is_recipe_state]
        scaled = {argument.scale_of for argument in arguments}
        # Of each argument that the user gives: where it stays scaled, the storage type and form.
        self.user_arguments = [
            (DTYPES[argument.element_type], argument.element_type, argument.state_form) if index in scaled else None
            for index, argument in enumerate(arguments)
            if argument.scale_of < 0 and not argument.is_recipe_state
        ]
        self._results = [_Result(spec, self.function.results) for spec in self.function.results]

    def __call__(self, leaves: Sequence[Any], state: RecipeState) -> Any:
        try:
            return self._locked(leaves, state)
        except NegativeRoot as error:  # before anything has run
            if not isinstance(self._scheme, Scalify):
                raise
            warnings.warn(f"an argument {error}. It is compiled again so.", stacklevel=3)
            self._build(dataclasses.replace(self._scheme, second_moments="value"))
            return self._locked(leaves, state)

    def _locked(self, leaves: Sequence[Any], state: RecipeState) -> Any:
        if not self._recipe_state:
            return self._run(leaves, state)
        with state.lock:  # one call's state is the next one's
            return self._run(leaves, state)

    def buffers(self, leaves: Sequence[Any], state: RecipeState) -> list[Any]:
        """What compiled code takes for these leaves: data and exponents apart, and its own state."""
        arguments: list[Any] = []
        for leaf, scaled in zip(leaves, self.user_arguments, strict=True):
            if scaled is None:
                arguments.append(leaf if isinstance(leaf, DeviceArray) else np.asarray(leaf))
                continue
            dtype, element_type, form = scaled
            kept = leaf if isinstance(leaf, ScaledArray) else pack(np.asarray(leaf), element_type, form)
            if kept.data.dtype != dtype or kept.form != form:
                kept = pack(np.asarray(kept), element_type, form)
            parts = [kept.data, kept._exponent]
            arguments += parts if self._target.is_device else [np.asarray(part) for part in parts]
        # What the compiler added comes after what the user has.
        return arguments + [state.get(spec) for spec in self._recipe_state]

    def _run(self, leaves: Sequence[Any], state: RecipeState) -> Any:
        buffers = self.function(self.buffers(leaves, state))
        results: list[Any] = []
        observed: dict[str, Any] = {}
        for buffer, result in zip(buffers, self._results, strict=True):
            if result.scaled:
                results[-1] = ScaledArray(results[-1], buffer, *result.scaled)
            elif result.is_recipe_state:
                state.values[result.name] = buffer
            elif result.is_observed:
                observed[result.name] = buffer
            else:
                results.append(buffer)
        state.observed = observed
        for index, kind in self._keys.items():
            bits: Any = np.asarray(results[index])
            results[index] = jax.random.wrap_key_data(bits, impl=kind)
        return results if self.out_tree is None else jax.tree_util.tree_unflatten(self.out_tree, results)


def _lower(jitted: Any, positional: Sequence[Any], named: dict[str, Any]) -> Any:
    """StableHLO, with presets of contractions (jax.lax.DotAlgorithmPreset) too that JAX has no code for on its CPU."""
    try:
        return jitted.lower(*positional, **named)
    except ValueError as error:
        if "is not supported by dot_general on CPU" not in str(error):
            raise
    # Of JAX's platforms the one that has them all and lowers to StableHLO alone.
    return jitted.trace(*positional, **named).lower(lowering_platforms=("tpu",))


class CompiledFunction(KeepsRecipeState):
    """What ``steelyard.jit`` returns: call it like the function it was made from."""

    def __init__(self, function: Callable[..., Any], scheme: Scheme | None, target: Target = CPU, **options: Any) -> None:
        functools.update_wrapper(self, function)
        super().__init__()
        self._scheme = scheme
        self._target = target
        self._device = device_of(target.device) if target.is_device else None
        self._static_argnums: tuple[int, ...] = options["static_argnums"]
        self._static_argnames = frozenset(options["static_argnames"])
        self._jitted = jax.jit(function, keep_unused=True, **options)
        self._compiled: dict[Hashable, _Compiled] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        compiled, leaves = self._get(args, kwargs)
        return compiled(leaves, self._recipe_state)

    def save(self, path: str | os.PathLike[str], *args: Any, cpu: str = "", profile: bool = False, **kwargs: Any) -> None:
        """Compiles ahead of time, for arguments of these shapes, types and static values, into a shared library.

        ``steelyard.load``, ``steelyard-run`` and C programs (``steelyard_executable_load``) run it, where there is no
        compiler and no JAX; its function is ``main``, pytrees are flat there. For the same ``cpu`` it gives the same bits
        as a call here.

        Parameters
        ----------
        path : path to write
        *args, **kwargs
            As for a call; what is in the arrays doesn't matter.
        cpu : str
            The processor, in LLVM's names ("x86-64-v3"); this one unless given.
        profile : bool
            Whether the code is to take times, for ``steelyard.profile(steelyard.load(path)["main"], ...)``.

        Raises
        ------
        CompileError
            Also where there is no C compiler to link with ($CC, cc, gcc or clang), or the file can't be written.
        """
        compiled, _ = self._get(args, kwargs)
        compiled.save(path, cpu, profile)

    def _get(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[_Compiled, list[Any]]:
        count = len(args)
        static = {index % count for index in self._static_argnums if -count <= index < count}
        dynamic = (
            tuple(arg for index, arg in enumerate(args) if index not in static),
            {name: arg for name, arg in kwargs.items() if name not in self._static_argnames},
        )
        values, tree = jax.tree_util.tree_flatten(dynamic)
        try:
            leaves = [leaf_of(value, self._device) for value in values]
        except (SteelyardError, TypeError) as error:
            raise at_argument(error, dynamic, self._device) from None
        weak = tuple(type(value) in PYTHON_NUMBERS for value in values)
        keys = {index: value for index, value in enumerate(values) if is_key(value)}
        # With their types: 1, 1.0 and True are equal, and trace to different programs.
        statics = (
            tuple((index, type(args[index]), args[index]) for index in sorted(static)),
            tuple((name, type(kwargs[name]), kwargs[name]) for name in sorted(kwargs.keys() & self._static_argnames)),
        )
        kinds = tuple((index, value.dtype) for index, value in keys.items())
        key = (tree, statics, weak, kinds, tuple((leaf.shape, leaf.dtype) for leaf in leaves), _tracing_options())
        try:
            with self._lock:
                compiled = self._compiled.get(key)
        except TypeError as error:
            raise TypeError(f"static arguments are hashable: {error}") from None
        if compiled is None:
            abstract = [
                _abstract(leaf.shape, leaf.dtype, weak_type=is_weak) for leaf, is_weak in zip(leaves, weak, strict=True)
            ]
            for index, value in keys.items():
                abstract[index] = _abstract(value.shape, value.dtype)
            positional, named = jax.tree_util.tree_unflatten(tree, abstract)
            rest = iter(positional)
            filled = [args[index] if index in static else next(rest) for index in range(count)]
            named |= {name: arg for name, arg in kwargs.items() if name in self._static_argnames}
            with _config.use_shardy_partitioner(False):  # GSPMD's annotations are attributes
                lowered = _lower(self._jitted, filled, named)
            compiled = _Compiled(lowered.as_text(debug_info=True), self._scheme, lowered, target=self._target)
            with self._lock:
                self._compiled[key] = compiled
        return compiled, leaves


def check_scheme(scheme: Any) -> None:
    """Raises where it is none."""
    if scheme is not None and not isinstance(scheme, Scheme):
        raise TypeError(f"scheme is a steelyard.Scheme such as Scalify(), got {scheme!r}")


def jit(
    function: Callable[..., Any],
    *,
    scheme: Scheme | None = None,
    target: str = "cpu",
    device: int = 0,
    chip: str = CPU.chip,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
) -> CompiledFunction:
    """Compiles a JAX function, once for each set of shapes, types and static values.

    Parameters
    ----------
    function : callable
        Anything ``jax.jit`` takes: arrays and pytrees of them in and out.
    scheme : Scheme, optional
        What to do to the graph, e.g. ``Scalify()``. None: the function as it is, in the user's types.
    target : {"cpu", "cuda"}
        Where it runs. Compiling for "cuda" takes no GPU.
    device : int
        For "cuda": the ordinal of the device that runs it.
    chip : str
        For "cuda": what kernels are compiled for, in the names of NVIDIA's compilers.
    static_argnums, static_argnames, donate_argnums, donate_argnames
        As ``jax.jit`` has them. A donated argument that becomes a result of its type and shape is state: with a
        scheme that scales it comes back as a ScaledArray and goes in again without conversion.

    Returns
    -------
    CompiledFunction
        Takes NumPy, JAX or DLPack arrays, and jax.random's keys; gives NumPy arrays, keys for keys, and ScaledArrays for
        scaled state. Arrays are read where they lie; one that is strided, not aligned, of the other byte order, or of
        64 bits while ``jax_enable_x64`` is off (JAX then computes in 32) is copied first.
        With ``target="cuda"`` arrays that lie on the device (of JAX, PyTorch, CuPy, or DeviceArrays) are taken where they
        are, others are copied there; results are DeviceArrays, and so is what is in ScaledArrays. A call with DeviceArrays
        alone returns before it is computed.

    Raises
    ------
    CompileError
        At the first call with new shapes, where the graph can't be compiled; it names the source line.
    RunError
        At a call for "cuda", where there is no driver or device, or an array lies on another one.
    """
    check_scheme(scheme)

    def many(value: Any, kind: type) -> tuple[Any, ...]:
        return (value,) if isinstance(value, kind) else tuple(value)

    static = _numbers_and_names(function, many(static_argnums, int), many(static_argnames, str))
    donated = _numbers_and_names(function, many(donate_argnums, int), many(donate_argnames, str))
    return CompiledFunction(
        function,
        scheme,
        Target(target, device, chip),
        static_argnums=static[0],
        static_argnames=static[1],
        donate_argnums=donated[0],
        donate_argnames=donated[1],
    )
