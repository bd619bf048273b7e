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

#include <atomic>
#include <csignal>
#include <nanobind/nanobind.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace nb = nanobind;
using namespace steelyard;

namespace {

/// One call at a time: the Python side takes a context from a pool for each.
class Context {
public:
  explicit Context(int threads) : threads(threads), context(create()) {}
  Context(const Context &) = delete;
  ~Context() { steelyard_context_destroy(context); }

  /// A new one: drops a request to stop that came too late for its call.
  void renew() {
    steelyard_context *fresh = create();
    steelyard_context_destroy(context);
    context = fresh;
  }

  steelyard_context *get() const { return context; }

  nb::bytes arena() const {
    size_t size = 0;
    const void *bytes = steelyard_context_arena(context, &size);
    return nb::bytes(bytes, size);
  }

private:
  steelyard_context *create() const {
    steelyard_context_options options = {STEELYARD_ABI_VERSION, threads,
                                         nullptr};
    steelyard_error error;
    steelyard_context *created = steelyard_context_create(&options, &error);
    if (!created) {
      throw std::runtime_error(error.message);
    }
    return created;
  }

  int threads;
  steelyard_context *context;
};

/// While it lives, on the main thread, Ctrl-C stops the call in `context`;
/// Python's own handler, which only takes note, is called as well.
class CancelOnInterrupt {
public:
  explicit CancelOnInterrupt(steelyard_context *context) {
    if (syscall(SYS_gettid) != getpid() ||
        sigaction(SIGINT, nullptr, &previous) != 0 ||
        previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
      return;
    }
    interrupted = false;
    running = context;
    struct sigaction own = previous;
    own.sa_flags |= SA_SIGINFO;
    own.sa_sigaction = handle;
    isSet = sigaction(SIGINT, &own, nullptr) == 0;
  }
  CancelOnInterrupt(const CancelOnInterrupt &) = delete;
  ~CancelOnInterrupt() { stop(); }

  /// Back to Python's handler. True if there was a signal.
  bool stop() {
    if (!isSet) {
      return false;
    }
    isSet = false;
    sigaction(SIGINT, &previous, nullptr);
    running = nullptr;
    while (handlers) { // on other threads
    }
    return interrupted;
  }

private:
  static void handle(int signal, siginfo_t *info, void *state) {
    ++handlers;
    interrupted = true;
    if (steelyard_context *context = running) {
      steelyard_context_cancel(context);
    }
    if (previous.sa_flags & SA_SIGINFO) {
      previous.sa_sigaction(signal, info, state);
    } else {
      previous.sa_handler(signal);
    }
    --handlers;
  }

  // Of the one main thread.
  static inline std::atomic<steelyard_context *> running = nullptr;
  static inline std::atomic<bool> interrupted = false;
  static inline std::atomic<int> handlers = 0;
  static inline struct sigaction previous = {};
  bool isSet = false;
};

std::shared_ptr<Executable>
compileModule(nb::bytes module, const std::string &scheme,
              const std::string &dump, const std::string &cpu,
              const std::string &name, nb::object onDiagnostic, bool profile,
              const std::string &target, const std::string &chip,
              const std::string &toolkit) {
  CompileOptions options;
  options.toolkit = toolkit;
  options.target = target;
  options.chip = chip;
  options.scheme = scheme;
  options.dumpDirectory = dump;
  options.cpu = cpu;
  options.name = name;
  options.profile = profile;
  if (std::string error = readCacheEnvironment(options); !error.empty()) {
    throw std::runtime_error("error: " + error);
  }
  std::vector<Diagnostic> diagnostics;
  options.onDiagnostic = [&](const Diagnostic &diagnostic) {
    diagnostics.push_back(diagnostic);
  };
  CompileResult result;
  {
    nb::gil_scoped_release released;
    result = compile(std::string_view(module.c_str(), module.size()), options);
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

/// Where the elements of C-contiguous NumPy arrays lie.
std::vector<void *> addresses(const nb::list &arrays) {
  std::vector<void *> pointers;
  pointers.reserve(arrays.size());
  for (nb::handle array : arrays) {
    Py_buffer view;
    if (PyObject_GetBuffer(array.ptr(), &view, PyBUF_SIMPLE) != 0) {
      throw nb::python_error();
    }
    pointers.push_back(view.buf);
    PyBuffer_Release(&view);
  }
  return pointers;
}

/// The caller holds the arrays, of the function's types and shapes.
void run(const Executable &executable, size_t index, Context &context,
         const nb::list &argumentArrays, const nb::list &resultArrays) {
  std::vector<void *> arguments = addresses(argumentArrays),
                      results = addresses(resultArrays);
  if (index >= executable.functions().size() ||
      arguments.size() != executable.functions()[index].arguments.size() ||
      results.size() != executable.functions()[index].results.size()) {
    throw std::invalid_argument("wrong function or number of buffers");
  }
  std::string error;
  bool interrupted = false;
  {
    nb::gil_scoped_release released;
    CancelOnInterrupt cancel(context.get());
    error =
        executable.run(index, context.get(), arguments.data(), results.data());
    interrupted = cancel.stop();
  }
  if (interrupted) {
    context.renew();
    if (PyErr_CheckSignals() != 0) { // KeyboardInterrupt
      throw nb::python_error();
    }
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
      .def_ro("is_recipe_state", &TensorSpec::isRecipeState)
      .def_ro("is_observed", &TensorSpec::isObserved)
      .def_prop_ro("initial",
                   [](const TensorSpec &spec) {
                     return nb::bytes(spec.initial.data(), spec.initial.size());
                   })
      .def_ro("byte_size", &TensorSpec::byteSize);
  nb::class_<ArenaTensor>(m, "ArenaTensor")
      .def_ro("shape", &ArenaTensor::shape)
      .def_ro("element_type", &ArenaTensor::elementType)
      .def_ro("offset", &ArenaTensor::offset)
      .def_ro("byte_size", &ArenaTensor::byteSize);
  nb::class_<Site>(m, "Site")
      .def_ro("kind", &Site::kind)
      .def_ro("buffers", &Site::buffers)
      .def_ro("location", &Site::location);
  nb::class_<FunctionSpec>(m, "FunctionSpec")
      .def_ro("name", &FunctionSpec::name)
      .def_ro("arguments", &FunctionSpec::arguments)
      .def_ro("results", &FunctionSpec::results)
      .def_ro("arena_size", &FunctionSpec::arenaSize)
      .def_ro("arena_tensors", &FunctionSpec::arenaTensors)
      .def_ro("sites", &FunctionSpec::sites);
  nb::class_<Context>(m, "Context")
      .def(nb::init<int>(), nb::arg("threads") = 0)
      .def("arena", &Context::arena)
      .def(
          "site_times",
          [](const Context &context, size_t count) {
            std::vector<int64_t> times(count);
            steelyard_context_site_times(
                context.get(), static_cast<int64_t>(count), times.data());
            return times;
          },
          nb::arg("count"));
  nb::class_<Executable>(m, "Executable")
      .def_prop_ro("functions", &Executable::functions)
      .def_prop_ro("object_code",
                   [](const Executable &executable) {
                     return nb::bytes(executable.objectCode().data(),
                                      executable.objectCode().size());
                   })
      .def_prop_ro("handle",
                   [](const Executable &executable) {
                     return reinterpret_cast<uintptr_t>(executable.runtime());
                   })
      .def("save",
           [](const Executable &executable, const std::string &path) {
             std::string error;
             {
               nb::gil_scoped_release released;
               error = executable.save(path);
             }
             if (!error.empty()) {
               throw std::runtime_error(error);
             }
           })
      .def("run", &run, nb::arg("function"), nb::arg("context"),
           nb::arg("arguments"), nb::arg("results"));
  m.def("compile", &compileModule, nb::arg("module"), nb::arg("scheme") = "",
        nb::arg("dump_directory") = "", nb::arg("cpu") = "",
        nb::arg("name") = "module", nb::arg("on_diagnostic") = nb::none(),
        nb::arg("profile") = false, nb::kw_only(), nb::arg("target") = "cpu",
        nb::arg("chip") = CompileOptions().chip, nb::arg("toolkit") = "");
  m.def(
      "compile_library",
      [](nb::bytes module, const std::string &scheme, const std::string &cpu,
         const std::string &name, const std::string &path, bool profile,
         const std::string &target, const std::string &chip,
         const std::string &toolkit) {
        CompileOptions options;
        options.toolkit = toolkit;
        options.target = target;
        options.chip = chip;
        options.scheme = scheme;
        options.cpu = cpu;
        options.name = name;
        options.profile = profile;
        std::string error;
        {
          nb::gil_scoped_release released;
          error = compileLibrary(
              std::string_view(module.c_str(), module.size()), options, path);
        }
        if (!error.empty()) {
          throw std::runtime_error(error);
        }
      },
      nb::arg("module"), nb::arg("scheme"), nb::arg("cpu"), nb::arg("name"),
      nb::arg("path"), nb::arg("profile") = false, nb::kw_only(),
      nb::arg("target") = "cpu", nb::arg("chip") = CompileOptions().chip,
      nb::arg("toolkit") = "");
  m.def("recipes", [] {
    nb::dict all;
    for (const RecipeSpec &recipe : recipes()) {
      nb::dict options;
      for (const RecipeSpec::Option &option : recipe.options) {
        options[option.name.c_str()] =
            nb::make_tuple(option.value, option.least, option.greatest);
      }
      all[recipe.name.c_str()] = options;
    }
    return all;
  });
  m.def("set_blas_path", [](const std::string &path) {
    steelyard_error error;
    if (steelyard_set_blas_path(path.c_str(), &error)) {
      throw std::runtime_error(error.message);
    }
  });
  m.def("abi_version_address", [] { // tells apart two copies of the runtime
    return reinterpret_cast<uintptr_t>(&steelyard_abi_version);
  });
  m.def("blas_description",
        [] { return std::string(steelyard_blas_description()); });
}
