//===- Npy.cpp - NumPy's file format ----------------------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The format is specified in numpy.lib.format's documentation (NEP 1).
//
//===----------------------------------------------------------------------===//

#include "Npy.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

static std::string descrOf(StringRef element) {
  std::string known = StringSwitch<std::string>(element)
                          .Case("i1", "|b1")
                          .Cases({"i8", "si8"}, "|i1")
                          .Case("i16", "<i2")
                          .Case("i32", "<i4")
                          .Case("i64", "<i8")
                          .Case("ui8", "|u1")
                          .Cases({"ui16", "bf16"}, "<u2")
                          .Case("ui32", "<u4")
                          .Case("ui64", "<u8")
                          .Case("f16", "<f2")
                          .Case("f32", "<f4")
                          .Case("f64", "<f8")
                          .Default("");
  return known.empty() && element.starts_with("f") ? "|u1" : known;
}

static std::string shapeOf(const steelyard::TensorSpec &spec) {
  std::string text = "(";
  for (int64_t size : spec.shape) {
    text += std::to_string(size) + ", ";
  }
  if (spec.shape.size() > 1) {
    text.resize(text.size() - 2);
  } else if (spec.shape.size() == 1) {
    text.pop_back();
  }
  return text + ")";
}

/// The text after 'key': up to `end`, without blanks.
static std::string field(StringRef header, StringRef key, StringRef end) {
  size_t at = header.find(("'" + key + "'").str());
  if (at == StringRef::npos) {
    return {};
  }
  StringRef rest = header.substr(header.find(':', at) + 1);
  std::string text;
  for (char c : rest.take_front(rest.find(end) + (end == ")" ? 1 : 0))) {
    if (c != ' ' && c != '\'') {
      text += c;
    }
  }
  return text;
}

std::string steelyard::readNpy(const std::string &path, const TensorSpec &spec,
                               std::vector<char> &bytes) {
  auto file = MemoryBuffer::getFile(path, /*IsText=*/false,
                                    /*RequiresNullTerminator=*/false);
  if (!file) {
    return path + ": " + file.getError().message();
  }
  StringRef data = (*file)->getBuffer();
  if (data.size() < 12 || !data.starts_with("\x93NUMPY")) {
    return path + ": not a .npy file";
  }
  bool isLong = data[6] >= 2;
  size_t length = static_cast<uint8_t>(data[8]) | static_cast<uint8_t>(data[9])
                                                      << 8;
  if (isLong) {
    length |= static_cast<size_t>(static_cast<uint8_t>(data[10])) << 16 |
              static_cast<size_t>(static_cast<uint8_t>(data[11])) << 24;
  }
  size_t start = (isLong ? 12 : 10) + length;
  if (start > data.size()) {
    return path + ": the header is cut short";
  }
  StringRef header = data.substr(isLong ? 12 : 10, length);
  std::string descr = field(header, "descr", ","),
              shape = field(header, "shape", ")");
  std::string wanted = shapeOf(spec);
  wanted.erase(std::remove(wanted.begin(), wanted.end(), ' '), wanted.end());
  if (descr != descrOf(spec.elementType) || shape != wanted) {
    return path + ": is " + descr + " of shape " + shape + ", the argument '" +
           spec.name + "' takes " + descrOf(spec.elementType) + " (" +
           spec.elementType + ") of shape " + wanted;
  }
  if (field(header, "fortran_order", ",") == "True" && spec.shape.size() > 1) {
    return path + ": is in Fortran order; save a C-ordered array "
                  "(numpy.ascontiguousarray)";
  }
  StringRef payload = data.substr(start);
  if (payload.size() != static_cast<size_t>(spec.byteSize)) {
    return path + ": holds " + std::to_string(payload.size()) + " bytes, not " +
           std::to_string(spec.byteSize);
  }
  bytes.assign(payload.begin(), payload.end());
  return {};
}

std::string steelyard::writeNpy(const std::string &path, const TensorSpec &spec,
                                const char *bytes) {
  std::string header = "{'descr': '" + descrOf(spec.elementType) +
                       "', 'fortran_order': False, 'shape': " + shapeOf(spec) +
                       ", }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::error_code code;
  raw_fd_ostream file(path, code);
  if (!code) {
    file << "\x93NUMPY" << '\x01' << '\0'
         << static_cast<char>(header.size() & 0xff)
         << static_cast<char>(header.size() >> 8) << header;
    file.write(bytes, spec.byteSize);
    file.close();
    code = file.error();
    file.clear_error();
  }
  return code ? path + ": " + code.message() : std::string();
}
