//===- Module.cpp - steelyard._native ---------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//  The compiler and the runtime for Python: text in, addresses of buffers in,
//  nothing of MLIR.
//
//===----------------------------------------------------------------------===//

#include "steelyard/Compiler/Compiler.h"
#include "steelyard/Runtime/steelyard.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace steelyard;

namespace {

/// One call at a time: the Python side takes a context from a pool for each.
class Context {
public:
  explicit Context(int threads) {
    steelyard_context_options options = {STEELYARD_ABI_VERSION, threads,
                                         nullptr};
    steelyard_error error;
    context = steelyard_context_create(&options, &error);
    if (!context) {
      throw std::runtime_error(error.message);
    }
  }
  Context(const Context &) = delete;
  ~Context() { steelyard_context_destroy(context); }

  nb::bytes arena() const {
    size_t size = 0;
    const void *bytes = steelyard_context_arena(context, &size);
    return nb::bytes(bytes, size);
  }

  steelyard_context *context;
};

std::shared_ptr<Executable> compileText(const std::string &text,
                                        const std::string &scheme,
                                        const std::string &dump,
                                        const std::string &cpu,
                                        nb::object onDiagnostic) {
  CompileOptions options;
  options.scheme = scheme;
  options.dumpDirectory = dump;
  options.cpu = cpu;
  std::vector<Diagnostic> diagnostics;
  options.onDiagnostic = [&](const Diagnostic &diagnostic) {
    diagnostics.push_back(diagnostic);
  };
  CompileResult result;
  {
    nb::gil_scoped_release released;
    result = compile(text, options);
  }
  static const char *const names[] = {"error", "warning", "remark", "note"};
  if (!onDiagnostic.is_none()) {
    for (const Diagnostic &diagnostic : diagnostics) {
      onDiagnostic(names[static_cast<int>(diagnostic.severity)],
                   diagnostic.message, diagnostic.location);
    }
  }
  if (!result.executable) {
    throw std::runtime_error(result.error);
  }
  return result.executable;
}

void run(const Executable &executable, size_t index, Context &context,
         const std::vector<uintptr_t> &arguments,
         const std::vector<uintptr_t> &results) {
  if (index >= executable.functions().size() ||
      arguments.size() != executable.functions()[index].arguments.size() ||
      results.size() != executable.functions()[index].results.size()) {
    throw std::invalid_argument("wrong function or number of buffers");
  }
  std::string error;
  {
    nb::gil_scoped_release released;
    error =
        executable.run(index, context.context,
                       reinterpret_cast<const void *const *>(arguments.data()),
                       reinterpret_cast<void *const *>(results.data()));
  }
  if (!error.empty()) {
    throw std::runtime_error(error);
  }
}

} // namespace

NB_MODULE(_native, m) {
  nb::class_<TensorSpec>(m, "TensorSpec")
      .def_ro("name", &TensorSpec::name)
      .def_ro("shape", &TensorSpec::shape)
      .def_ro("element_type", &TensorSpec::elementType)
      .def_ro("aliased_argument", &TensorSpec::aliasedArgument)
      .def_ro("scale_of", &TensorSpec::scaleOf)
      .def_ro("user_element_type", &TensorSpec::userElementType)
      .def_ro("state_form", &TensorSpec::stateForm)
      .def_ro("byte_size", &TensorSpec::byteSize);
  nb::class_<FunctionSpec>(m, "FunctionSpec")
      .def_ro("name", &FunctionSpec::name)
      .def_ro("arguments", &FunctionSpec::arguments)
      .def_ro("results", &FunctionSpec::results)
      .def_ro("arena_size", &FunctionSpec::arenaSize);
  nb::class_<Context>(m, "Context")
      .def(nb::init<int>(), nb::arg("threads") = 0)
      .def("arena", &Context::arena);
  nb::class_<Executable>(m, "Executable")
      .def_prop_ro("functions", &Executable::functions)
      .def_prop_ro("object_code",
                   [](const Executable &executable) {
                     return nb::bytes(executable.objectCode().data(),
                                      executable.objectCode().size());
                   })
      .def("run", &run, nb::arg("function"), nb::arg("context"),
           nb::arg("arguments"), nb::arg("results"));
  m.def("compile", &compileText, nb::arg("text"), nb::arg("scheme") = "",
        nb::arg("dump_directory") = "", nb::arg("cpu") = "",
        nb::arg("on_diagnostic") = nb::none());
  m.def("set_blas_path", [](const std::string &path) {
    steelyard_error error;
    if (steelyard_set_blas_path(path.c_str(), &error)) {
      throw std::runtime_error(error.message);
    }
  });
  m.def("blas_description",
        [] { return std::string(steelyard_blas_description()); });
}
