//===- Memory.cpp - Programs' memory of a device ----------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <optional>

#include "../Context.h"
#include "Session.h"

using namespace steelyard::runtime;
using namespace steelyard::runtime::cuda;

namespace {

/// A context that no call runs in, and its device, while this lives.
class Use {
public:
  explicit Use(steelyard_context *context) {
    if (!context) {
      status = invalidArgument("no context");
      return;
    }
    if (context->busy.exchange(true, std::memory_order_acquire)) {
      status = failedPrecondition("the context is running another call");
      return;
    }
    taken = context;
    status = context->openSession();
    if (status.ok()) {
      current.emplace(context->session->primary);
      status = current->status;
    }
  }
  ~Use() {
    current.reset();
    if (taken) {
      taken->busy.store(false, std::memory_order_release);
    }
  }
  Use(const Use &) = delete;

  Session &session() const { return *taken->session; }

  Status status; // why it can't be used

private:
  steelyard_context *taken = nullptr;
  std::optional<Current> current;
};

} // namespace

void *steelyard_context_allocate(steelyard_context *context, size_t bytes,
                                 steelyard_error *error) {
  Use use(context);
  Status status = use.status;
  Address address = 0;
  if (status.ok()) {
    status = use.session().allocate(bytes, "a buffer", address);
  }
  return report(status, error) == STEELYARD_OK ? toPointer(address) : nullptr;
}

int32_t steelyard_context_free(steelyard_context *context, void *device,
                               steelyard_error *error) {
  if (!device) {
    return report(Status(), error);
  }
  Use use(context);
  Status status = use.status;
  if (status.ok()) {
    Session &session = use.session();
    status = session.synchronize();
    Result result = session.driver().memFree(toAddress(device));
    if (status.ok() && result != kSuccess) {
      status = session.driver().failure(
          result, format("%p can't be freed on %s", device,
                         session.device().description().c_str()));
    }
  }
  return report(status, error);
}

int32_t steelyard_context_upload(steelyard_context *context, void *device,
                                 const void *host, size_t bytes,
                                 steelyard_error *error) {
  Use use(context);
  return report(use.status.ok()
                    ? use.session().upload(toAddress(device), host, bytes)
                    : use.status,
                error);
}

int32_t steelyard_context_download(steelyard_context *context, void *host,
                                   const void *device, size_t bytes,
                                   steelyard_error *error) {
  Use use(context);
  return report(use.status.ok()
                    ? use.session().download(host, toAddress(device), bytes)
                    : use.status,
                error);
}

int32_t steelyard_context_copy(steelyard_context *context, void *to,
                               const void *from, size_t bytes,
                               steelyard_error *error) {
  Use use(context);
  Status status = use.status;
  if (status.ok()) {
    Session &session = use.session();
    status = session.copy(toAddress(to), toAddress(from), bytes);
    if (status.ok() && session.ownsStream) {
      status = session.synchronize();
    }
  }
  return report(status, error);
}

int32_t steelyard_context_synchronize(steelyard_context *context,
                                      steelyard_error *error) {
  if (context && !context->session) {
    return report(Status(), error);
  }
  Use use(context);
  return report(use.status.ok() ? use.session().synchronize() : use.status,
                error);
}

int64_t steelyard_context_record(steelyard_context *context,
                                 steelyard_error *error) {
  Use use(context);
  Status status = use.status;
  int64_t point = 0;
  if (status.ok()) {
    status = use.session().record(point);
  }
  return report(status, error) == STEELYARD_OK ? point : 0;
}

/// `act` on the context's points, of which it has `point`.
template <typename Act>
static Status withPoint(steelyard_context *context, int64_t point, Act act) {
  bool hasPoints = !context || context->session;
  std::optional<Use> use;
  if (hasPoints) {
    use.emplace(context);
    if (!use->status.ok()) {
      return use->status;
    }
  }
  if (!hasPoints || !use->session().points.has(point)) {
    return invalidArgument(
        format("the context has no point %lld", static_cast<long long>(point)));
  }
  const Session &session = use->session();
  Result result = act(use->session().points);
  return result == kSuccess
             ? Status()
             : session.driver().failure(
                   result,
                   "work on " + session.device().description() + " failed");
}

int32_t steelyard_context_reached(steelyard_context *context, int64_t point,
                                  steelyard_error *error) {
  bool isReached = false;
  Status status = withPoint(context, point, [&](Points &points) {
    return points.query(point, isReached);
  });
  return report(status, error) != STEELYARD_OK ? -1 : isReached;
}

int32_t steelyard_context_wait(steelyard_context *context, int64_t point,
                               steelyard_error *error) {
  return report(withPoint(context, point,
                          [&](Points &points) { return points.wait(point); }),
                error);
}
