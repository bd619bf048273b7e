//===- Annotations.h - Namespaces of frontends' attributes ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef STEELYARD_LIB_PIPELINES_ANNOTATIONS_H
#define STEELYARD_LIB_PIPELINES_ANNOTATIONS_H

#include "mlir/IR/Dialect.h"

namespace steelyard {

/// A dialect of discardable attributes only: it lets `mhlo.num_partitions` and
/// the like parse in a context that refuses what it does not know.
#define STEELYARD_ANNOTATIONS(Name, space)                                     \
  class Name : public mlir::Dialect {                                          \
  public:                                                                      \
    explicit Name(mlir::MLIRContext *context)                                  \
        : Dialect(space, context, mlir::TypeID::get<Name>()) {}                \
    static constexpr llvm::StringLiteral getDialectNamespace() {               \
      return space;                                                            \
    }                                                                          \
  };

STEELYARD_ANNOTATIONS(MhloAnnotations, "mhlo")
STEELYARD_ANNOTATIONS(JaxAnnotations, "jax")
STEELYARD_ANNOTATIONS(TfAnnotations, "tf")
STEELYARD_ANNOTATIONS(SteelyardAnnotations, "steelyard")

#undef STEELYARD_ANNOTATIONS

/// Shardy's attributes, meshes and constraints, which say on which devices
/// arrays lie. Read as they are printed, kept as opaque text, written in the
/// generic form; -normalise drops them.
class SdyAnnotations : public mlir::Dialect {
public:
  explicit SdyAnnotations(mlir::MLIRContext *context)
      : Dialect(getDialectNamespace(), context,
                mlir::TypeID::get<SdyAnnotations>()) {
    allowUnknownOperations();
  }
  static constexpr llvm::StringLiteral getDialectNamespace() { return "sdy"; }

  mlir::Attribute parseAttribute(mlir::DialectAsmParser &parser,
                                 mlir::Type type) const override;
  std::optional<ParseOpHook>
  getParseOperationHook(llvm::StringRef name) const override;
};

} // namespace steelyard

#endif // STEELYARD_LIB_PIPELINES_ANNOTATIONS_H
