//===- Executable.h - What an executable keeps ------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_EXECUTABLE_H
#define STEELYARD_LIB_RUNTIME_EXECUTABLE_H

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "CUDA/Module.h"
#include "Support.h"

struct steelyard_executable {
  bool isForDevice() const { return target == "cuda"; }

  std::vector<steelyard_function> functions;
  std::string target, processor, features;
  void (*release)(void *owner) = nullptr;
  void *owner = nullptr;

  bool kernelsWait = false; // STEELYARD_EXECUTABLE_KERNELS_WAIT
  std::vector<steelyard_gpu_image> images;
  std::vector<steelyard_constant> constants;
  mutable steelyard::runtime::cuda::Modules modules;

  // What the pointers in `functions` and `images` point to.
  std::deque<std::string> strings;
  std::deque<std::vector<int64_t>> shapes;
  std::deque<std::vector<steelyard_value>> values;
  std::deque<std::vector<steelyard_arena_tensor>> arenaTensors;
  std::deque<std::vector<steelyard_site>> sites;
  std::deque<std::unique_ptr<unsigned char[]>> initials;
  std::deque<std::vector<const char *>> kernels;

  const char *keep(const char *text) {
    return strings.emplace_back(text ? text : "").c_str();
  }
  const int64_t *keep(const int64_t *shape, int64_t rank) {
    return shapes.emplace_back(shape, shape + rank).data();
  }
};

#endif // STEELYARD_LIB_RUNTIME_EXECUTABLE_H
