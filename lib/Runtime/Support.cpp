//===- Support.cpp - Errors and sizes inside the runtime --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Support.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

using namespace steelyard::runtime;

int32_t steelyard::runtime::report(const Status &status,
                                   steelyard_error *error) {
  if (error) {
    error->code = status.code();
    const std::string &message = status.message();
    size_t length =
        std::min<size_t>(message.size(), STEELYARD_MESSAGE_BYTES - 1);
    if (length) {
      std::memcpy(error->message, message.data(), length);
    }
    error->message[length] = 0;
  }
  return status.code();
}

std::string steelyard::runtime::format(const char *pattern, ...) {
  va_list arguments, again;
  va_start(arguments, pattern);
  va_copy(again, arguments);
  int length = std::vsnprintf(nullptr, 0, pattern, arguments);
  va_end(arguments);
  std::string text(static_cast<size_t>(std::max(length, 0)), '\0');
  // data()[size()] is the string's own closing zero.
  std::vsnprintf(text.data(), text.size() + 1, pattern, again);
  va_end(again);
  return text;
}

std::vector<std::string> steelyard::runtime::split(const std::string &text,
                                                   char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) {
      parts.push_back(text.substr(begin, end - begin));
    }
    begin = end + 1;
  }
  return parts;
}

uint32_t steelyard_abi_version(void) { return STEELYARD_ABI_VERSION; }
