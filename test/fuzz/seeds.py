# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules to begin with: what JAX prints for the corpus, the cases of rules, and the IR of all tests."""

from __future__ import annotations

import hashlib
import os
import re
import sys

from fuzz.server import BUILD, REPOSITORY


def _from_python() -> list[str]:
    """The corpus but for what libraries are needed for, and the cases of scale rules, of test/python."""
    sys.path.insert(0, str(REPOSITORY / "test" / "python"))
    import jax
    from corpus import models, plain
    from test_rules import DATA, RULES, text_of

    programs = [*models.PROGRAMS.values(), *plain.PROGRAMS.values()]
    texts = [jax.jit(function).lower(*arguments).as_text() for function, arguments in programs]
    return texts + [text_of(rule, DATA["ones"].astype("f4")) for rules in RULES.values() for rule in rules]


def _from_lit() -> list[str]:
    files = sorted((REPOSITORY / "test").rglob("*.mlir"))
    modules = [m for file in files for m in file.read_text().split("// -----")]
    # Comments are expectations, and say nothing to a parser.
    return [m for text in modules if (m := re.sub(r"^\s*//.*\n", "", text, flags=re.MULTILINE).strip())]


def seeds() -> list[str]:
    """All modules; those of Python are kept in the build folder, by what they are made from."""
    tests = REPOSITORY / "test" / "python"
    sources = [tests / "test_rules.py", *sorted((tests / "corpus").glob("*.py"))]
    digest = hashlib.sha256(b"".join(s.read_bytes() for s in sources)).hexdigest()[:16]
    kept = BUILD / "fuzz" / f"seeds-{digest}.mlir"
    separator = "\n// =====\n"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")  # other jobs make it as well
        part.write_text(separator.join(_from_python()))
        part.rename(kept)
    return kept.read_text().split(separator) + _from_lit()
