//===- Accuracy.cpp - result_accuracy of elementary functions ---*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace mlir::stablehlo;

/// <(atol = a,)? (rtol = r,)? (ulps = u,)? mode = m>; what is 0 is left out.
Attribute ResultAccuracyAttr::parse(AsmParser &parser, Type) {
  double absolute = 0, relative = 0;
  int64_t ulps = 0;
  ResultAccuracyModeAttr mode;
  auto parseReal = [&](StringRef name, double &value) -> ParseResult {
    if (failed(parser.parseOptionalKeyword(name))) {
      return success();
    }
    return failure(parser.parseEqual() || parser.parseFloat(value) ||
                   parser.parseComma());
  };
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parseReal("atol", absolute) ||
      parseReal("rtol", relative)) {
    return {};
  }
  if (succeeded(parser.parseOptionalKeyword("ulps")) &&
      (parser.parseEqual() || parser.parseInteger(ulps) ||
       parser.parseComma())) {
    return {};
  }
  if (parser.parseKeyword("mode") || parser.parseEqual() ||
      parser.parseAttribute(mode) || parser.parseGreater()) {
    return {};
  }
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), APFloat(absolute), APFloat(relative),
                    ulps, mode);
}

void ResultAccuracyAttr::print(AsmPrinter &printer) const {
  auto printReal = [&](StringRef name, const APFloat &value) {
    if (!value.isZero()) {
      printer << name << " = ";
      printer.printFloat(value);
      printer << ", ";
    }
  };
  printer << '<';
  printReal("atol", getAtol());
  printReal("rtol", getRtol());
  if (getUlps()) {
    printer << "ulps = " << getUlps() << ", ";
  }
  printer << "mode = " << getMode() << '>';
}

LogicalResult
ResultAccuracyAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                           APFloat absolute, APFloat relative, int64_t ulps,
                           ResultAccuracyModeAttr mode) {
  for (const APFloat &tolerance : {absolute, relative}) {
    if (!tolerance.isFinite() ||
        (tolerance.isNegative() && !tolerance.isZero())) {
      return emitError() << "a tolerance is a finite number, not negative";
    }
  }
  if (ulps < 0) {
    return emitError() << "a tolerance is not negative, got ulps = " << ulps;
  }
  bool hasTolerance = !absolute.isZero() || !relative.isZero() || ulps != 0;
  if (hasTolerance && mode.getValue() != ResultAccuracyMode::TOLERANCE) {
    return emitError() << "tolerances are for mode TOLERANCE, not "
                       << stringifyResultAccuracyMode(mode.getValue());
  }
  return success();
}
