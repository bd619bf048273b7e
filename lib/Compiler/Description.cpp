//===- Description.cpp - What an executable says of itself ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Description.h"

#include "steelyard/Target/GPU/Transforms/DeviceCode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace steelyard;

steelyard_type steelyard::runtimeType(StringRef name) {
  for (steelyard_type type = 1; type < STEELYARD_FORMAT_KIND; ++type) {
    if (name == steelyard_type_name(type)) {
      return type;
    }
  }
  return STEELYARD_INVALID_TYPE;
}

namespace {

/// Those enabled that the runtime can ask the processor for.
std::string requiredFeatures(const TargetMachine &machine) {
  SmallVector<StringRef> names;
  for (const SubtargetFeatureKV &feature :
       machine.getMCSubtargetInfo()->getEnabledProcessorFeatures()) {
    if (steelyard_processor_supports(feature.Key) != -1) {
      names.push_back(feature.Key);
    }
  }
  return join(names, ",");
}

/// C structs as constants; the layout is the C compiler's, which `check`
/// compares.
class Description {
public:
  explicit Description(Module &module)
      : module(module), pointer(PointerType::get(module.getContext(), 0)) {}

  Constant *executable(ArrayRef<FunctionSpec> functions,
                       const TargetMachine &machine, StringRef target,
                       const DeviceCode &device) {
    auto described = map_to_vector(
        functions, [&](const FunctionSpec &spec) { return function(spec); });
    SmallVector<Constant *> images, constants;
    if (!device.chip.empty()) {
      images.push_back(image(device));
    }
    for (const std::string &name : device.constants) {
      constants.push_back(record<steelyard_constant>(
          {module.getNamedGlobal(name), i64(bytesOf(name))}));
    }
    return record<steelyard_executable_desc>(
        {i32(STEELYARD_ABI_VERSION), i32(flags(device)), i64(functions.size()),
         array(described), string(target), string(machine.getTargetCPU()),
         string(requiredFeatures(machine)), i64(images.size()), array(images),
         i64(constants.size()), array(constants), null(), null()});
  }

private:
  static uint32_t flags(const DeviceCode &device) {
    return cuda::canOverlapLaunches(device.chip)
               ? STEELYARD_EXECUTABLE_KERNELS_WAIT
               : 0;
  }

  Constant *null() { return ConstantPointerNull::get(pointer); }
  Constant *i32(uint32_t value) {
    return ConstantInt::get(Type::getInt32Ty(module.getContext()), value);
  }
  Constant *i64(uint64_t value) {
    return ConstantInt::get(Type::getInt64Ty(module.getContext()), value);
  }

  /// A constant of the module, by its address.
  Constant *global(Constant *value) {
    auto *variable =
        new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                           GlobalValue::PrivateLinkage, value);
    variable->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    return variable;
  }
  Constant *string(StringRef text) {
    return global(ConstantDataArray::getString(module.getContext(), text));
  }
  Constant *bytes(StringRef data) {
    if (data.empty()) {
      return null();
    }
    auto *variable = cast<GlobalVariable>(global(ConstantDataArray::getString(
        module.getContext(), data, /*AddNull=*/false)));
    variable->setAlignment(Align(16));
    return variable;
  }
  Constant *shape(ArrayRef<int64_t> extents) {
    if (extents.empty()) {
      return null();
    }
    SmallVector<uint64_t> words(extents.begin(), extents.end());
    return global(ConstantDataArray::get(module.getContext(), ArrayRef(words)));
  }
  Constant *array(ArrayRef<Constant *> elements) {
    if (elements.empty()) {
      return null();
    }
    return global(ConstantArray::get(
        ArrayType::get(elements.front()->getType(), elements.size()),
        elements));
  }
  template <typename Struct>
  Constant *record(ArrayRef<Constant *> fields) {
    Constant *value =
        ConstantStruct::getAnon(module.getContext(), fields, /*Packed=*/false);
    assert(module.getDataLayout().getTypeAllocSize(value->getType()) ==
               sizeof(Struct) &&
           "a field is missing");
    return value;
  }

  int64_t bytesOf(StringRef global) {
    return static_cast<int64_t>(module.getDataLayout().getTypeAllocSize(
        module.getNamedGlobal(global)->getValueType()));
  }

  Constant *image(const DeviceCode &device) {
    auto kernels = map_to_vector(
        device.kernels, [&](const std::string &name) { return string(name); });
    return record<steelyard_gpu_image>(
        {string(device.chip), module.getNamedGlobal(device.image),
         i64(bytesOf(device.image)), i64(kernels.size()), array(kernels)});
  }

  Constant *value(const TensorSpec &spec) {
    int32_t role = spec.isRecipeState          ? STEELYARD_VALUE_RECIPE_STATE
                   : spec.isObserved           ? STEELYARD_VALUE_OBSERVED
                   : spec.aliasedArgument >= 0 ? STEELYARD_VALUE_STATE
                                               : STEELYARD_VALUE_USER;
    return record<steelyard_value>(
        {string(spec.name), i64(runtimeType(spec.elementType)),
         i64(spec.shape.size()), shape(spec.shape),
         i64(-1), // compiled code writes what is donated to other buffers
         i64(spec.scaleOf), i32(role), i32(0), bytes(spec.initial),
         i64(spec.aliasedArgument),
         i64(spec.userElementType.empty() ? STEELYARD_INVALID_TYPE
                                          : runtimeType(spec.userElementType)),
         string(spec.stateForm)});
  }

  Constant *values(ArrayRef<TensorSpec> specs) {
    return array(map_to_vector(
        specs, [&](const TensorSpec &spec) { return value(spec); }));
  }

  Constant *function(const FunctionSpec &spec) {
    Function *entry = module.getFunction("steelyard_entry_" + spec.name);
    assert(entry && "every described function is compiled");
    entry->setLinkage(GlobalValue::InternalLinkage);
    SmallVector<Constant *> tensors, sites;
    for (const ArenaTensor &tensor : spec.arenaTensors) {
      if (steelyard_type type = runtimeType(tensor.elementType)) {
        tensors.push_back(record<steelyard_arena_tensor>(
            {string(""), i64(type), i64(tensor.shape.size()),
             shape(tensor.shape), i64(tensor.offset)}));
      }
    }
    for (const Site &site : spec.sites) {
      sites.push_back(record<steelyard_site>(
          {string(site.kind), string(site.buffers), string(site.location)}));
    }
    return record<steelyard_function>(
        {string(spec.name), entry, i64(spec.arenaSize),
         i64(spec.arguments.size()), values(spec.arguments),
         i64(spec.results.size()), values(spec.results), i64(tensors.size()),
         array(tensors), i64(sites.size()), array(sites), i32(spec.hasChecks),
         i32(0)});
  }

  Module &module;
  PointerType *pointer;
};

TensorSpec describe(const steelyard_value &value) {
  TensorSpec spec;
  spec.name = value.name;
  spec.shape.assign(value.shape, value.shape + value.rank);
  spec.elementType = steelyard_type_name(value.type);
  spec.aliasedArgument = value.state_of;
  spec.scaleOf = value.scale_of;
  if (value.user_type != STEELYARD_INVALID_TYPE) {
    spec.userElementType = steelyard_type_name(value.user_type);
  }
  spec.stateForm = value.form;
  spec.isRecipeState = value.role == STEELYARD_VALUE_RECIPE_STATE;
  spec.isObserved = value.role == STEELYARD_VALUE_OBSERVED;
  spec.byteSize = steelyard_value_bytes(&value);
  if (value.initial) {
    spec.initial.assign(static_cast<const char *>(value.initial),
                        spec.byteSize);
  }
  return spec;
}

} // namespace

void steelyard::addDescription(Module &module, const TargetMachine &machine,
                               ArrayRef<FunctionSpec> functions,
                               StringRef target, const DeviceCode &device) {
  Constant *value =
      Description(module).executable(functions, machine, target, device);
  new GlobalVariable(module, value->getType(), /*isConstant=*/true,
                     GlobalValue::ExternalLinkage, value,
                     STEELYARD_EXECUTABLE_SYMBOL);
}

std::vector<FunctionSpec>
steelyard::readDescription(const steelyard_executable &executable) {
  std::vector<FunctionSpec> specs;
  int64_t count = steelyard_executable_function_count(&executable);
  for (int64_t index = 0; index < count; ++index) {
    const steelyard_function &function =
        *steelyard_executable_function(&executable, index);
    FunctionSpec &spec = specs.emplace_back();
    spec.name = function.name;
    for (const steelyard_value &value :
         ArrayRef(function.arguments, function.argument_count)) {
      spec.arguments.push_back(describe(value));
    }
    for (const steelyard_value &value :
         ArrayRef(function.results, function.result_count)) {
      spec.results.push_back(describe(value));
    }
    spec.arenaSize = function.arena_bytes;
    for (const steelyard_arena_tensor &tensor :
         ArrayRef(function.arena_tensors, function.arena_tensor_count)) {
      steelyard_value dense = {};
      dense.type = tensor.type;
      dense.rank = tensor.rank;
      dense.shape = tensor.shape;
      spec.arenaTensors.push_back({{tensor.shape, tensor.shape + tensor.rank},
                                   steelyard_type_name(tensor.type),
                                   tensor.offset,
                                   steelyard_value_bytes(&dense)});
    }
    for (const steelyard_site &site :
         ArrayRef(function.sites, function.site_count)) {
      spec.sites.push_back({site.kind, site.buffers, site.location});
    }
    spec.hasChecks = function.has_checks != 0;
  }
  return specs;
}
