//===- TypeInference.h - Result types from operands -------------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The constraints of the StableHLO specification, and the types that follow
// from them. Builders, verifiers and whoever makes an operation from others'
// types call the same functions. On types that break a constraint they fail,
// after an error at `location` if there is one. Shapes are static. The numbers
// (C1), (C2) ... in the implementation are the specification's.
//
//===----------------------------------------------------------------------===//
#ifndef STEELYARD_DIALECT_STABLEHLO_IR_TYPEINFERENCE_H
#define STEELYARD_DIALECT_STABLEHLO_IR_TYPEINFERENCE_H

#include "steelyard/Dialect/StableHLO/IR/StableHLO.h"

namespace mlir::stablehlo {

/// Dimensions are in [0, rank) and named once; `what` names them in the error.
LogicalResult verifyDimensions(std::optional<Location> location,
                               const Twine &what, ArrayRef<int64_t> dimensions,
                               int64_t rank);

FailureOr<RankedTensorType> inferTranspose(std::optional<Location> location,
                                           RankedTensorType operand,
                                           ArrayRef<int64_t> permutation);
FailureOr<RankedTensorType> inferSlice(std::optional<Location> location,
                                       RankedTensorType operand,
                                       ArrayRef<int64_t> start,
                                       ArrayRef<int64_t> limit,
                                       ArrayRef<int64_t> strides);
FailureOr<RankedTensorType> inferConcatenate(std::optional<Location> location,
                                             TypeRange inputs,
                                             int64_t dimension);
FailureOr<RankedTensorType>
inferPad(std::optional<Location> location, RankedTensorType operand,
         RankedTensorType padding, ArrayRef<int64_t> low,
         ArrayRef<int64_t> high, ArrayRef<int64_t> interior);
FailureOr<RankedTensorType> inferGather(std::optional<Location> location,
                                        RankedTensorType operand,
                                        RankedTensorType startIndices,
                                        GatherDimensionNumbersAttr numbers,
                                        ArrayRef<int64_t> sliceSizes);
FailureOr<RankedTensorType> inferDynamicSlice(std::optional<Location> location,
                                              RankedTensorType operand,
                                              TypeRange startIndices,
                                              ArrayRef<int64_t> sliceSizes);
FailureOr<RankedTensorType>
inferDynamicUpdateSlice(std::optional<Location> location,
                        RankedTensorType operand, RankedTensorType update,
                        TypeRange startIndices);
FailureOr<RankedTensorType>
inferGetDimensionSize(std::optional<Location> location,
                      RankedTensorType operand, int64_t dimension);
/// One type for each input, of the element types that the computation returns.
LogicalResult inferScatter(std::optional<Location> location, TypeRange inputs,
                           RankedTensorType scatterIndices, TypeRange updates,
                           ScatterDimensionNumbersAttr numbers,
                           TypeRange elements, SmallVectorImpl<Type> &results);
LogicalResult inferSort(std::optional<Location> location, TypeRange inputs,
                        int64_t dimension, SmallVectorImpl<Type> &results);
FailureOr<RankedTensorType> inferClamp(std::optional<Location> location,
                                       RankedTensorType min,
                                       RankedTensorType operand,
                                       RankedTensorType max);
/// The element type of a contraction's result is the caller's choice.
FailureOr<RankedTensorType> inferDotGeneral(std::optional<Location> location,
                                            RankedTensorType lhs,
                                            RankedTensorType rhs,
                                            DotDimensionNumbersAttr numbers,
                                            Type elementType);
FailureOr<RankedTensorType>
inferConvolution(std::optional<Location> location, RankedTensorType lhs,
                 RankedTensorType rhs, ConvDimensionNumbersAttr numbers,
                 const WindowAttributes &window, int64_t featureGroups,
                 int64_t batchGroups, Type elementType);
/// None, or one for each operand of a contraction.
LogicalResult verifyPrecisions(Operation *op,
                               std::optional<ArrayAttr> precisions);
/// Inputs of one shape, an initial value of rank 0 for each; `op` names the
/// operation in the error.
LogicalResult verifyReduced(std::optional<Location> location, StringRef op,
                            TypeRange inputs, TypeRange initValues);
/// One type for each input: the input's shape without `dimensions`, the initial
/// value's element type.
LogicalResult inferReduce(std::optional<Location> location, TypeRange inputs,
                          TypeRange initValues, ArrayRef<int64_t> dimensions,
                          SmallVectorImpl<Type> &results);
/// One type for each input: the windows' number in each dimension, the initial
/// value's element type.
LogicalResult inferReduceWindow(std::optional<Location> location,
                                TypeRange inputs, TypeRange initValues,
                                ArrayRef<int64_t> windowDimensions,
                                const WindowAttributes &window,
                                SmallVectorImpl<Type> &results);
/// The operand's type, if the source has an element for each window.
FailureOr<RankedTensorType> inferSelectAndScatter(
    std::optional<Location> location, RankedTensorType operand,
    RankedTensorType source, RankedTensorType initValue,
    ArrayRef<int64_t> windowDimensions, const WindowAttributes &window);
/// The region is a computation on elements: arguments and results have rank 0
/// and these element types.
LogicalResult verifyComputation(Operation *op, Region &region,
                                ArrayRef<Type> arguments,
                                ArrayRef<Type> results);
/// The region joins two elements of each of the tensors' types: its arguments
/// are all accumulators, then all elements.
LogicalResult verifyReducer(Operation *op, Region &region, TypeRange tensors);

/// An element of type `from` may be converted to `to` before it is computed
/// with: the same kind, no narrower.
bool isPromotable(Type from, Type to);

} // namespace mlir::stablehlo

#endif // STEELYARD_DIALECT_STABLEHLO_IR_TYPEINFERENCE_H
