//===- Executable.cpp - Code and its description ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Executable.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

using namespace steelyard::runtime;

//===----------------------------------------------------------------------===//
// Creation
//===----------------------------------------------------------------------===//

static constexpr int64_t kMaxRank = 64;

/// Bytes of a dense buffer, or -1 when they do not fit in an int64_t.
static int64_t denseBytes(steelyard_type type, int64_t rank,
                          const int64_t *shape) {
  int64_t bytes = static_cast<int64_t>(steelyard_type_bytes(type));
  // Zero extents first: 2^40 x 2^40 x 0 elements are none.
  if (std::find(shape, shape + rank, 0) != shape + rank) {
    return 0;
  }
  for (int64_t i = 0; i < rank; ++i) {
    if (!multiply(bytes, shape[i], bytes)) {
      return -1;
    }
  }
  return bytes;
}

int64_t steelyard_value_bytes(const steelyard_value *value) {
  return denseBytes(value->type, value->rank, value->shape);
}

static Status checkShape(steelyard_type type, int64_t rank,
                         const int64_t *shape, const std::string &what) {
  if (steelyard_type_bytes(type) == 0) {
    return invalidArgument(what + " has no valid element type");
  }
  if (rank < 0 || rank > kMaxRank || (rank > 0 && !shape)) {
    return invalidArgument(format("%s has rank %lld without a shape of it",
                                  what.c_str(), static_cast<long long>(rank)));
  }
  if (std::any_of(shape, shape + rank, [](int64_t n) { return n < 0; })) {
    return invalidArgument(what + " has a negative extent");
  }
  if (denseBytes(type, rank, shape) < 0) {
    return invalidArgument(what + " has more bytes than fit");
  }
  return Status();
}

static Status copyValues(steelyard_executable &executable,
                         const steelyard_value *values, int64_t count,
                         bool isResult, const std::string &function,
                         std::vector<steelyard_value> *&copies) {
  const char *kind = isResult ? "result" : "argument";
  if (count < 0 || (count > 0 && !values)) {
    return invalidArgument(function + " has a list of no " + kind + "s");
  }
  copies = &executable.values.emplace_back(values, values + count);
  for (int64_t i = 0; i < count; ++i) {
    steelyard_value &value = (*copies)[static_cast<size_t>(i)];
    std::string what = format("%s %lld of %s", kind, static_cast<long long>(i),
                              function.c_str());
    Status status = checkShape(value.type, value.rank, value.shape, what);
    if (!status.ok()) {
      return status;
    }
    if (value.scale_of < -1 || value.scale_of >= count || value.scale_of == i) {
      return invalidArgument(what + " is the scale of no value");
    }
    if (value.role < STEELYARD_VALUE_USER ||
        value.role > STEELYARD_VALUE_OBSERVED ||
        (value.role == STEELYARD_VALUE_OBSERVED && !isResult)) {
      return invalidArgument(what + " has an unknown role");
    }
    if (!isResult && value.role == STEELYARD_VALUE_RECIPE_STATE &&
        !value.initial) {
      return invalidArgument(what +
                             " is recipe state without an initial value");
    }
    if (value.user_type != STEELYARD_INVALID_TYPE &&
        steelyard_type_bytes(value.user_type) == 0) {
      return invalidArgument(what + " has no valid user's type");
    }
    value.name = executable.keep(value.name);
    value.form = executable.keep(value.form);
    value.shape = executable.keep(value.shape, value.rank);
    if (isResult) {
      value.initial = nullptr;
      continue;
    }
    value.alias = value.state_of = -1;
    if (value.initial) {
      auto bytes = static_cast<size_t>(steelyard_value_bytes(&value));
      auto &copy = executable.initials.emplace_back(
          std::make_unique<unsigned char[]>(std::max<size_t>(bytes, 1)));
      std::memcpy(copy.get(), value.initial, bytes);
      value.initial = copy.get();
    }
  }
  return Status();
}

static Status copyArenaTensors(steelyard_executable &executable,
                               steelyard_function &function,
                               const std::string &name) {
  int64_t count = function.arena_tensor_count;
  if (count < 0 || (count > 0 && !function.arena_tensors)) {
    return invalidArgument(name + " has a list of no arena tensors");
  }
  auto &copies = executable.arenaTensors.emplace_back(
      function.arena_tensors, function.arena_tensors + count);
  for (steelyard_arena_tensor &tensor : copies) {
    std::string what = std::string("arena tensor '") +
                       (tensor.name ? tensor.name : "") + "' of " + name;
    Status status = checkShape(tensor.type, tensor.rank, tensor.shape, what);
    if (!status.ok()) {
      return status;
    }
    int64_t bytes = denseBytes(tensor.type, tensor.rank, tensor.shape);
    if (tensor.offset < 0 || tensor.offset > function.arena_bytes ||
        bytes > function.arena_bytes - tensor.offset) {
      return invalidArgument(what + " lies outside the arena");
    }
    tensor.name = executable.keep(tensor.name);
    tensor.shape = executable.keep(tensor.shape, tensor.rank);
  }
  function.arena_tensors = copies.data();
  return Status();
}

static Status copySites(steelyard_executable &executable,
                        steelyard_function &function, const std::string &name) {
  int64_t count = function.site_count;
  if (count < 0 || (count > 0 && !function.sites)) {
    return invalidArgument(name + " has a list of no sites");
  }
  auto &copies =
      executable.sites.emplace_back(function.sites, function.sites + count);
  for (steelyard_site &site : copies) {
    site = {executable.keep(site.kind), executable.keep(site.buffers),
            executable.keep(site.location)};
  }
  function.sites = copies.data();
  return Status();
}

static bool sameTensor(const steelyard_value &a, const steelyard_value &b) {
  return a.type == b.type && a.rank == b.rank &&
         std::equal(a.shape, a.shape + a.rank, b.shape);
}

static Status copyFunction(steelyard_executable &executable,
                           steelyard_function &function, int64_t index) {
  std::string name = std::string("function ") + std::to_string(index) + " '" +
                     (function.name ? function.name : "") + "'";
  if (!function.entry) {
    return invalidArgument(name + " has no entry");
  }
  if (function.arena_bytes < 0) {
    return invalidArgument(name + " has a negative arena");
  }
  function.name = executable.keep(function.name);
  std::vector<steelyard_value> *arguments = nullptr, *results = nullptr;
  Status status =
      copyValues(executable, function.arguments, function.argument_count,
                 /*isResult=*/false, name, arguments);
  if (status.ok()) {
    status = copyValues(executable, function.results, function.result_count,
                        /*isResult=*/true, name, results);
  }
  if (status.ok()) {
    status = copyArenaTensors(executable, function, name);
  }
  if (status.ok()) {
    status = copySites(executable, function, name);
  }
  if (!status.ok()) {
    return status;
  }
  for (size_t i = 0; i < results->size(); ++i) {
    const steelyard_value &result = (*results)[i];
    if (result.state_of < -1 || result.state_of >= function.argument_count ||
        (result.state_of >= 0 &&
         !sameTensor(result,
                     (*arguments)[static_cast<size_t>(result.state_of)]))) {
      return invalidArgument(
          format("result %zu of %s is the next value of argument %lld, which "
                 "is none of its type and shape",
                 i, name.c_str(), static_cast<long long>(result.state_of)));
    }
    if (result.alias == -1) {
      continue;
    }
    if (result.alias < 0 || result.alias >= function.argument_count ||
        (*arguments)[static_cast<size_t>(result.alias)].alias != -1 ||
        !sameTensor(result, (*arguments)[static_cast<size_t>(result.alias)])) {
      return invalidArgument(
          format("result %zu of %s aliases %lld, which is no argument of its "
                 "type and shape, or is another result's",
                 i, name.c_str(), static_cast<long long>(result.alias)));
    }
    (*arguments)[static_cast<size_t>(result.alias)].alias =
        static_cast<int64_t>(i);
  }
  function.arguments = arguments->data();
  function.results = results->data();
  return Status();
}

/// That text ends: the driver looks for its closing zero.
static bool isWhole(const steelyard_gpu_image &image) {
  const auto *data = static_cast<const char *>(image.data);
  std::string_view start(
      data, static_cast<size_t>(std::min<int64_t>(image.bytes, 4)));
  return start == "\x7f"
                  "ELF" ||
         start == "\x50\xed\x55\xba" || // fat binary
         start == "\xb1\x43\x62\x46" || // its wrapper
         data[image.bytes - 1] == 0;
}

/// The images but for their data.
static Status copyImages(steelyard_executable &executable,
                         const steelyard_executable_desc &desc) {
  int64_t count = desc.image_count;
  if (count < 0 || (count > 0 && !desc.images)) {
    return invalidArgument("an executable with a list of no images");
  }
  if (count > 0 && !executable.isForDevice()) {
    return invalidArgument("an executable for 'cpu' with images of a GPU");
  }
  executable.images.assign(desc.images, desc.images + count);
  for (steelyard_gpu_image &image : executable.images) {
    std::string what =
        std::string("the image for '") + (image.chip ? image.chip : "") + "'";
    if (!cuda::Chip().parse(image.chip)) {
      return invalidArgument(what + ", which is no chip of NVIDIA's (sm_90a)");
    }
    if (!image.data || image.bytes <= 0) {
      return invalidArgument(what + " has no data");
    }
    if (!isWhole(image)) {
      return invalidArgument(what + " is neither machine code nor text with a "
                                    "closing zero");
    }
    int64_t kernels = image.kernel_count;
    if (kernels < 0 || (kernels > 0 && !image.kernels)) {
      return invalidArgument(what + " has a list of no kernels");
    }
    if (kernels != executable.images.front().kernel_count) {
      return invalidArgument(
          format("%s has %lld kernels, and the first one has %lld",
                 what.c_str(), static_cast<long long>(kernels),
                 static_cast<long long>(desc.images->kernel_count)));
    }
    auto &names =
        executable.kernels.emplace_back(image.kernels, image.kernels + kernels);
    for (const char *&name : names) {
      if (!name || !*name) {
        return invalidArgument(what + " has a kernel without a name");
      }
      name = executable.keep(name);
    }
    image.kernels = names.data();
    image.chip = executable.keep(image.chip);
  }
  return Status();
}

static Status copyConstants(steelyard_executable &executable,
                            const steelyard_executable_desc &desc) {
  int64_t count = desc.constant_count;
  if (count < 0 || (count > 0 && !desc.constants)) {
    return invalidArgument("an executable with a list of no constants");
  }
  if (count > 0 && !executable.isForDevice()) {
    return invalidArgument("an executable for 'cpu' with constants of a GPU");
  }
  executable.constants.assign(desc.constants, desc.constants + count);
  for (int64_t i = 0; i < count; ++i) {
    const steelyard_constant &constant = desc.constants[i];
    if (constant.bytes < 0 || (constant.bytes > 0 && !constant.data)) {
      return invalidArgument(
          format("constant %lld has no data", static_cast<long long>(i)));
    }
  }
  return Status();
}

static Status checkProcessor(const steelyard_executable &executable) {
  std::string missing;
  for (const std::string &feature : split(executable.features, ',')) {
    if (steelyard_processor_supports(feature.c_str()) != 1) {
      missing += (missing.empty() ? "" : ", ") + feature;
    }
  }
  if (missing.empty()) {
    return Status();
  }
  return failedPrecondition(
      format("it was compiled for the processor '%s'; this one lacks %s: "
             "compile it with --cpu of a processor that has no more than this "
             "one",
             executable.processor.c_str(), missing.c_str()));
}

static Status createExecutable(const steelyard_executable_desc *desc,
                               steelyard_executable &executable) {
  if (!desc) {
    return invalidArgument("no description of an executable");
  }
  if (desc->abi_version >> 16 != STEELYARD_ABI_VERSION >> 16) {
    return failedPrecondition(
        format("an executable of ABI version %u.%u, the runtime has %u.%u",
               desc->abi_version >> 16, desc->abi_version & 0xffff,
               STEELYARD_ABI_VERSION >> 16, STEELYARD_ABI_VERSION & 0xffff));
  }
  executable.target = desc->target ? desc->target : "cpu";
  executable.processor = desc->processor ? desc->processor : "";
  executable.features = desc->features ? desc->features : "";
  executable.kernelsWait = desc->flags & STEELYARD_EXECUTABLE_KERNELS_WAIT;
  if (executable.target != "cpu" && executable.target != "cuda") {
    return unimplemented("an executable for '" + executable.target +
                         "'; this runtime runs those for 'cpu' and 'cuda'");
  }
  Status able = checkProcessor(executable);
  if (!able.ok()) {
    return able;
  }
  if (desc->function_count < 0 ||
      (desc->function_count > 0 && !desc->functions)) {
    return invalidArgument("an executable without functions' list");
  }
  executable.functions.assign(desc->functions,
                              desc->functions + desc->function_count);
  for (size_t i = 0; i < executable.functions.size(); ++i) {
    Status status = copyFunction(executable, executable.functions[i],
                                 static_cast<int64_t>(i));
    if (!status.ok()) {
      return status;
    }
  }
  Status status = copyImages(executable, *desc);
  if (status.ok()) {
    status = copyConstants(executable, *desc);
  }
  if (!status.ok()) {
    return status;
  }
  executable.release = desc->release;
  executable.owner = desc->owner;
  return Status();
}

steelyard_executable *
steelyard_executable_create(const steelyard_executable_desc *desc,
                            steelyard_error *error) {
  auto executable = std::make_unique<steelyard_executable>();
  if (report(createExecutable(desc, *executable), error) != STEELYARD_OK) {
    return nullptr;
  }
  return executable.release();
}

const char *
steelyard_executable_target(const steelyard_executable *executable) {
  return executable->target.c_str();
}
const char *
steelyard_executable_processor(const steelyard_executable *executable) {
  return executable->processor.c_str();
}
const char *
steelyard_executable_features(const steelyard_executable *executable) {
  return executable->features.c_str();
}

void steelyard_executable_destroy(steelyard_executable *executable) {
  if (!executable) {
    return;
  }
  void (*release)(void *) = executable->release;
  void *owner = executable->owner;
  delete executable;
  if (release) {
    release(owner);
  }
}

int64_t
steelyard_executable_function_count(const steelyard_executable *executable) {
  return static_cast<int64_t>(executable->functions.size());
}

const steelyard_function *
steelyard_executable_function(const steelyard_executable *executable,
                              int64_t index) {
  if (index < 0 || index >= steelyard_executable_function_count(executable)) {
    return nullptr;
  }
  return &executable->functions[static_cast<size_t>(index)];
}

int64_t steelyard_executable_find(const steelyard_executable *executable,
                                  const char *name) {
  for (size_t i = 0; i < executable->functions.size(); ++i) {
    if (std::strcmp(executable->functions[i].name, name) == 0) {
      return static_cast<int64_t>(i);
    }
  }
  return -1;
}
