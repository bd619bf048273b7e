//===- Graphs.h - Calls that are replayed -----------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a function does on a device depends on its addresses alone, unless its
// code looks at the device. So a call with the addresses of an earlier one can
// be a CUDA graph's launch in place of thousands of kernels':
//
//   first call with its addresses   runs the code, which loads what is needed
//   second                          captures the code's work, launches that
//   later ones                      launch it
//
// Work is captured on a stream of its own, which is in nobody's way: not on the
// default stream, which can't be captured, and not on a blocking one, during
// whose capture nobody may use the default stream.
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_LIB_RUNTIME_CUDA_GRAPHS_H
#define STEELYARD_LIB_RUNTIME_CUDA_GRAPHS_H

#include <atomic>
#include <map>
#include <mutex>
#include <vector>

#include "Session.h"

namespace steelyard::runtime::cuda {

/// A context's graphs of one module. They are made and destroyed with the
/// primary context current. The context and the module may be
/// destroyed by two threads at once; whichever comes first closes it.
class Graphs {
public:
  struct Call {
    std::vector<const void *> addresses;
    GraphExecHandle graph = nullptr;        // null: it has run once
    std::unique_ptr<Marks> marks = nullptr; // of the graph, if it has any
  };
  struct Function {
    bool isExcluded = false; // it can't be replayed, or gains nothing by it
    int failures = 0;        // of captures
    std::vector<Call> calls; // the last one first
  };

  Graphs(const Driver &driver, const Module &module)
      : driver(driver), module(&module) {}
  Graphs(const Graphs &) = delete;

  bool isOf(const Module &other) const {
    return module.load(std::memory_order_acquire) == &other;
  }
  bool isClosed() const {
    return module.load(std::memory_order_acquire) == nullptr;
  }

  /// Only in a call of it.
  Function &operator[](const steelyard_function &function) {
    return functions[&function];
  }

  /// Destroys the function's graphs, and wants no more of them.
  void exclude(Function &function);

  /// Destroys the function's oldest graph.
  void dropLast(Function &function) const;

  /// Destroys all: their addresses may be given to others.
  void forget();

  /// Destroys them: their code or what they work on goes.
  void close();

  /// Closes it where the driver can't be asked to destroy anything.
  void abandon();

private:
  void destroy(Call &call) const;
  void destroy(Function &function) const;

  const Driver &driver;
  std::mutex mutex; // of all but what a call uses
  std::atomic<const Module *> module;
  std::map<const steelyard_function *, Function> functions;
};

/// One call of the session's running module, and what there is of it.
class Replay {
public:
  Replay(Session &session, const steelyard_function &function,
         const void *const *arguments, void *const *results);
  Replay(const Replay &) = delete;

  /// Puts the graph of such calls on the stream. False when there is none, or
  /// it can't be launched: nothing was done then.
  bool launch();

  /// True where the code is to be run for its work to be captured.
  bool beginCapture();

  /// `status` is what the code came to; true when there is a graph.
  bool endCapture(const Status &status);

  /// After the code has run, and done its work.
  void remember();

private:
  void exclude();

  Session &session;
  Graphs *graphs = nullptr;
  Graphs::Function *function = nullptr; // null: it is not to be replayed
  Graphs::Call *call = nullptr;         // null: there was none
  StreamHandle stream = nullptr;        // the session's, during capture
  std::shared_lock<std::shared_mutex> capturing;
};

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_GRAPHS_H
