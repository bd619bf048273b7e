//===- CheckTest.cpp - What compiled tests report ---------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "Test.h"

namespace {

Runner *runner;
steelyard_context *context;

/// The report of `checks`; empty when they all held.
std::string reportOf(const std::function<void(steelyard_context *)> &checks) {
  EXPECT(runner->run(context, [&](steelyard_context *inner, void *) {
    checks(inner);
    return 0;
  }) == 0);
  char message[8192];
  int64_t failed =
      steelyard_context_check_failures(context, message, sizeof message);
  EXPECT((failed == 0) == (message[0] == 0));
  return message;
}

template <typename T>
std::string eq(steelyard_type type, T got, T want) {
  return reportOf([&](steelyard_context *inner) {
    steelyard_check_eq(inner, type, 0, nullptr, &got, &want, nullptr);
  });
}

template <typename T>
bool close(steelyard_type type, T got, T want, int64_t ulp) {
  return reportOf([&](steelyard_context *inner) {
           steelyard_check_close(inner, type, 0, nullptr, &got, &want, ulp,
                                 nullptr);
         })
      .empty();
}

bool almost(double got, double want, double tolerance) {
  return reportOf([&](steelyard_context *inner) {
           steelyard_check_almost_eq(inner, STEELYARD_F64, 0, nullptr, &got,
                                     &want, tolerance, nullptr);
         })
      .empty();
}

const float kInfinity = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

} // namespace

static void testEq() {
  EXPECT(eq(STEELYARD_F32, 1.5f, 1.5f).empty());
  EXPECT(eq(STEELYARD_F32, kNaN, -kNaN).empty());
  EXPECT_CONTAINS(eq(STEELYARD_F32, 0.0f, -0.0f),
                  "got 0 (0x00000000), want -0");
  EXPECT_CONTAINS(eq(STEELYARD_F32, 1.0f, kNaN), "want nan");
  EXPECT_CONTAINS(eq(STEELYARD_F64, 1.0, 1.0 + 0x1p-52),
                  "want 1.0000000000000002");
  EXPECT_CONTAINS(eq<int8_t>(STEELYARD_I8, -3, 4), "got -3, want 4");
  EXPECT_CONTAINS(eq<uint8_t>(STEELYARD_UI8, 200, 4), "got 200, want 4");
  EXPECT_CONTAINS(eq<uint64_t>(STEELYARD_UI64, UINT64_MAX, 4),
                  "got 18446744073709551615");
  EXPECT_CONTAINS(eq<int64_t>(STEELYARD_I64, INT64_MIN, 4),
                  "got -9223372036854775808");
  EXPECT_CONTAINS(eq<uint8_t>(STEELYARD_I1, 1, 0), "got 1, want 0");
  // FP8's NaNs: E4M3FN has two, the FNUZ formats one, E2M1 none.
  EXPECT(eq<uint8_t>(STEELYARD_F8E4M3FN, 0x7f, 0xff).empty());
  EXPECT_CONTAINS(eq<uint8_t>(STEELYARD_F8E4M3FN, 0x7e, 0x7f),
                  "got 448 (0x7e), want nan");
  EXPECT_CONTAINS(eq<uint8_t>(STEELYARD_F8E4M3FNUZ, 0x80, 0x00), "got nan");
  EXPECT_CONTAINS(eq<uint8_t>(STEELYARD_F4E2M1FN, 7, 6), "got 6 (0x07)");
  EXPECT_CONTAINS(eq<uint8_t>(STEELYARD_F8E8M0FNU, 127, 128),
                  "got 1 (0x7f), want 2 (0x80)");
  EXPECT_CONTAINS(eq<uint16_t>(STEELYARD_FORMAT(5, 6, 20, 0), 1, 2), "format");
  float complexGot[2] = {1, 2}, complexWant[2] = {1, 3};
  EXPECT_CONTAINS(reportOf([&](steelyard_context *inner) {
                    steelyard_check_eq(inner, STEELYARD_C64, 0, nullptr,
                                       complexGot, complexWant, nullptr);
                  }),
                  "got (1 (0x3f800000), 2");
}

static void testReports() {
  int64_t shape[2] = {2, 3};
  int32_t got[6] = {0, 1, 2, 3, 4, 5}, want[6] = {0, 1, 2, 3, 9, 9};
  std::string report = reportOf([&](steelyard_context *inner) {
    steelyard_check_eq(inner, STEELYARD_I32, 2, shape, got, want, "a.mlir:3:5");
    steelyard_check_eq(inner, STEELYARD_I32, 2, shape, got, got, "a.mlir:4:5");
  });
  EXPECT(report == "a.mlir:3:5: check.expect_eq failed: at [1, 1] got 4, want "
                   "9; 2 of 6 elements of i32 differ\n");
  EXPECT(steelyard_context_check_count(context) == 2);
  EXPECT(steelyard_context_check_failures(context, nullptr, 0) == 1);
  char little[8];
  steelyard_context_check_failures(context, little, sizeof little);
  EXPECT(std::strcmp(little, "a.mlir:") == 0);
  // A hundred failures, sixteen lines.
  report = reportOf([&](steelyard_context *inner) {
    for (int i = 0; i < 100; ++i) {
      steelyard_check_eq(inner, STEELYARD_I32, 2, shape, got, want, "");
    }
  });
  EXPECT(steelyard_context_check_failures(context, nullptr, 0) == 100);
  EXPECT(std::count(report.begin(), report.end(), '\n') == 16);
  // No elements, nothing to differ.
  shape[0] = 0;
  EXPECT(reportOf([&](steelyard_context *inner) {
           steelyard_check_eq(inner, STEELYARD_I32, 2, shape, nullptr, nullptr,
                              nullptr);
         }).empty());
  EXPECT_CONTAINS(reportOf([&](steelyard_context *inner) {
                    steelyard_check_eq(inner, 0, 0, nullptr, got, want,
                                       nullptr);
                  }),
                  "the type is invalid");
  // The next call starts anew.
  EXPECT(reportOf([](steelyard_context *) {}).empty());
  EXPECT(steelyard_context_check_count(context) == 0);
}

static void testClose() {
  float one = 1;
  EXPECT(close(STEELYARD_F32, one, one, 0));
  EXPECT(close(STEELYARD_F32, one, std::nextafter(one, 2.0f), 1));
  EXPECT(!close(STEELYARD_F32, one, std::nextafter(one, 2.0f), 0));
  EXPECT(!close(STEELYARD_F32, one, 1 + 4 * 0x1p-23f, 3));
  EXPECT(close(STEELYARD_F32, 0.0f, -0.0f, 0));
  float least = std::numeric_limits<float>::denorm_min();
  EXPECT(close(STEELYARD_F32, least, -least, 2));
  EXPECT(!close(STEELYARD_F32, least, -least, 1));
  EXPECT(close(STEELYARD_F32, kNaN, -kNaN, 0));
  EXPECT(!close(STEELYARD_F32, kNaN, one, INT64_MAX));
  EXPECT(close(STEELYARD_F32, kInfinity, kInfinity, 0));
  EXPECT(!close(STEELYARD_F32, kInfinity, std::numeric_limits<float>::max(),
                1000));
  EXPECT(!close(STEELYARD_F32, kInfinity, -kInfinity, INT64_MAX));
  EXPECT(close(STEELYARD_F64, 1.0, 1.0 + 3 * 0x1p-52, 3));
  EXPECT(!close(STEELYARD_F64, 1.0, 1.0 + 4 * 0x1p-52, 3));
  EXPECT(!close(STEELYARD_F64, -1e308, 1e308, INT64_MAX));
  EXPECT(close<uint16_t>(STEELYARD_F16, 0x3c00, 0x3c03, 3));
  EXPECT(!close<uint16_t>(STEELYARD_BF16, 0x3f80, 0x3f84, 3));
  EXPECT(close<uint8_t>(STEELYARD_F8E4M3FN, 0x38, 0x39, 1));
  EXPECT(close<uint8_t>(STEELYARD_F8E8M0FNU, 100, 101, 1));
  EXPECT(!close<int32_t>(STEELYARD_I32, 3, 4, 1)); // integers are exact
}

static void testAlmost() {
  EXPECT(almost(1.0, 1.00005, 1e-4));
  EXPECT(!almost(1.0, 1.0002, 1e-4));
  EXPECT(almost(std::nan(""), std::nan(""), 0));
  EXPECT(!almost(std::nan(""), 1, 1e300));
  double infinity = std::numeric_limits<double>::infinity();
  EXPECT(almost(infinity, infinity, 0));
  EXPECT(!almost(infinity, -infinity, infinity));
  EXPECT(!almost(infinity, 1, infinity));
  EXPECT(almost(0.0, -0.0, 0));
}

int main() {
  Runner theRunner;
  runner = &theRunner;
  context = makeContext(1);
  testEq();
  testReports();
  testClose();
  testAlmost();
  steelyard_context_destroy(context);
  return failures != 0;
}
