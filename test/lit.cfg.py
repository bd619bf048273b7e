# Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lit's configuration: `lit build/test` runs every .mlir file under test/."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "support"))
import assemble
import expectations

config.name = "steelyard"
config.test_format = expectations.ShTest()
config.suffixes = [".mlir"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.steelyard_build, "test")

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.steelyard_build, "bin"), config.llvm_bin, os.environ["PATH"]]
)
config.environment["STEELYARD_CACHE_DIR"] = ""  # what is tested is compiled
# The sanitizer's build: Debian's MLIR is not instrumented, and its allocators write what ours have poisoned.
config.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "allow_user_poisoning=0")
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
config.substitutions.append(("%python", config.python))

with open("/proc/cpuinfo", encoding="utf-8") as info:
    flags = set(info.read().split())
for feature, flag in (("avx2", "avx2"), ("avx512", "avx512f")):
    if flag in flags:
        config.available_features.add(feature)
if assemble.find_ptxas():
    config.available_features.add("ptxas")
