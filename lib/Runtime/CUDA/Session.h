//===- Session.h - A context's part of a device -----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef STEELYARD_LIB_RUNTIME_CUDA_SESSION_H
#define STEELYARD_LIB_RUNTIME_CUDA_SESSION_H

#include <memory>
#include <shared_mutex>
#include <vector>

#include "Driver.h"
#include "Marks.h"
#include "Points.h"
#include "Ranges.h"

namespace steelyard::runtime::cuda {

class Gemms;
class Graphs;
class Module;

/// The primary CUDA context of a device, which lives as long as somebody keeps
/// it: memory, streams and modules go with it.
class PrimaryContext {
public:
  PrimaryContext(const Driver &driver, const Device &device)
      : driver(driver), device(device) {}
  ~PrimaryContext();
  PrimaryContext(const PrimaryContext &) = delete;

  Status retain();

  /// Waits for all that is done in it.
  void synchronize() const;

  const Driver &driver;
  const Device &device;
  ContextHandle handle = nullptr; // null: not kept
};

/// Held while a stream is captured: whoever waits for a whole context then is
/// refused, and ends the capture (CUDA C++ Programming Guide, "Prohibited and
/// Unhandled Operations"). Not had while one of the runtime's threads does.
std::shared_lock<std::shared_mutex> tryToCapture();

/// What the running call has done, as far as a replay has to know.
struct Trace {
  int64_t operations = 0; // what it put on the stream
  bool hasWaited = false; // the host looked at the device
  bool isCaptured = false;
};

/// The primary context is the thread's current one while this lives.
class Current {
public:
  explicit Current(const PrimaryContext &primary);
  ~Current();
  Current(const Current &) = delete;

  Status status; // why it is not

private:
  const PrimaryContext &primary;
};

/// What a `steelyard_context` has on its device. Everything but `open` and the
/// destructor is called with the primary context current.
class Session {
public:
  /// Opens the driver, keeps the primary context of device `ordinal`, and makes
  /// a stream where `stream` is null.
  static Status open(int ordinal, StreamHandle stream,
                     std::unique_ptr<Session> &session);
  ~Session();
  Session(const Session &) = delete;

  const Driver &driver() const { return primary.driver; }
  const Device &device() const { return primary.device; }

  /// At least one byte, aligned to 256. `what` names it in the message.
  Status allocate(size_t bytes, const std::string &what, Address &address);

  /// Makes the arena at least `bytes` large; its contents are lost when it
  /// grows.
  Status reserveArena(size_t bytes);

  /// Before the host looks at what the running call did: such a call is not
  /// replayed, and can't be captured. What waits or allocates for other reasons
  /// can't be captured either, but does so once.
  Status beforeLook();

  /// Waits for the stream.
  Status synchronize();

  /// A point behind the work so far.
  Status record(int64_t &point);

  /// The time since the last mark was the device's at `site`.
  Status mark(int64_t site, std::vector<int64_t> &nanoseconds);

  /// Waits for the marks so far, if any, and adds up what sites took.
  Status collectMarks(std::vector<int64_t> &nanoseconds);

  /// Copies within the device, which is not waited for.
  Status copy(Address to, Address from, size_t bytes);

  /// Copies, and waits for it.
  Status upload(Address to, const void *from, size_t bytes);
  Status download(void *to, Address from, size_t bytes);

  /// That `address`, which `describe` names, is memory that kernels may use.
  template <typename Describe>
  Status checkPointer(Address address, Describe describe) const {
    return isOfDevice(address) ? Status() : explainPointer(address, describe());
  }

  PrimaryContext primary;
  StreamHandle stream = nullptr;
  bool ownsStream = false;
  Address arena = 0;
  size_t arenaBytes = 0;
  std::unique_ptr<Gemms> gemms; // once needed
  Module *running = nullptr;    // the code of the call that runs, or null
  Trace trace;                  // of that call
  Points points;
  Marks marks;             // of the code that runs
  Marks *marking = &marks; // or of its graph

  void *const ranges = rangeDomain(); // null: nobody listens
  const char *operation = nullptr;    // what comes next is called; or null

  /// Kernels that wait themselves are launched ahead of the end of what comes
  /// before them: on devices from compute capability 9.0 on, where CUDA
  /// captures that, from 12.3 on.
  bool launchesAhead = false;

  bool replaysCalls = true;
  StreamHandle captureStream = nullptr;        // once needed
  std::vector<std::shared_ptr<Graphs>> graphs; // one a module
  std::vector<const void *> addresses;         // of the call that runs

private:
  Session(const Driver &driver, const Device &device);

  /// Of the environment.
  Status readSettings();

  bool isOfDevice(Address address) const;
  Status explainPointer(Address address, const std::string &what) const;
};

inline Address toAddress(const void *pointer) {
  return reinterpret_cast<Address>(pointer);
}
inline void *toPointer(Address address) {
  return reinterpret_cast<void *>(address); // NOLINT(performance-no-int-to-ptr)
}

} // namespace steelyard::runtime::cuda

#endif // STEELYARD_LIB_RUNTIME_CUDA_SESSION_H
