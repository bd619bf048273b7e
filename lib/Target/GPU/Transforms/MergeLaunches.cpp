//===- MergeLaunches.cpp - Small kernels that run as one --------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Target/GPU/Schedules/Writer.h"
#include "steelyard/Target/GPU/Transforms/Kernels.h"
#include "steelyard/Target/GPU/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/MathExtras.h"

#include <optional>

namespace steelyard::cuda {
#define GEN_PASS_DEF_CUDAMERGELAUNCHES
#include "steelyard/Target/GPU/Transforms/Passes.h.inc"
} // namespace steelyard::cuda

using namespace mlir;
using namespace steelyard;
using steelyard::cuda::LaunchOp;

namespace {

int64_t blocksOf(LaunchOp launch) { return launch.getGrid()[0]; }
int64_t threadsOf(LaunchOp launch) { return launch.getBlock()[0]; }

/// Launches of kernels with the same code, on other buffers.
struct Part {
  mlir::gpu::GPUFuncOp kernel;
  SmallVector<LaunchOp> launches;
  int64_t firstBlock; // of all

  int64_t blocksEach() { return blocksOf(launches.front()); }
  int64_t blocks() { return blocksEach() * launches.size(); }
  int64_t threads() { return threadsOf(launches.front()); }
};

/// Writes one kernel of several: whose block it is decides what it does.
class MergedKernel {
public:
  MergedKernel(ModuleOp module, ArrayRef<LaunchOp> launches,
               SymbolTableCollection &symbols)
      : launches(launches) {
    for (LaunchOp launch : launches) {
      addToPart(launch, symbols);
      llvm::append_range(inits, launch.getInits());
      threads = std::max(threads, threadsOf(launch));
    }
    llvm::SetVector<Value> read;
    for (LaunchOp launch : launches) {
      read.insert(launch.getInputs().begin(), launch.getInputs().end());
    }
    inputs = read.takeVector();
    SmallVector<Type> types;
    for (Value buffer : llvm::concat<Value>(inputs, inits)) {
      types.push_back(typeOf(buffer));
    }
    SmallVector<Location> locations;
    for (LaunchOp launch : launches) {
      locations.push_back(launch.getLoc());
    }
    Location loc = FusedLoc::get(module.getContext(), locations);
    made.emplace(module, loc, "merged", types);
    for (auto [index, input] : llvm::enumerate(inputs)) {
      arguments[input] = made->function.getArgument(index);
    }
    unsigned next = inputs.size();
    for (LaunchOp launch : launches) {
      firstInit[launch] = next;
      next += launch.getInits().size();
    }
  }

  LaunchOp write(Operation *before) {
    OpBuilder &b = made->builder;
    Location loc = made->function.getLoc();
    block = mlir::gpu::BlockIdOp::create(b, loc, mlir::gpu::Dimension::x);
    thread = mlir::gpu::ThreadIdOp::create(b, loc, mlir::gpu::Dimension::x);
    int64_t blocks = 0;
    for (Part &part : parts) {
      part.firstBlock = blocks;
      blocks += part.blocks();
    }
    writeParts(parts);
    return made->launch(before, blocks, threads, inputs, inits);
  }

private:
  /// The kernel's type for a buffer, by who uses it.
  Type typeOf(Value buffer) {
    for (Part &part : parts) {
      for (LaunchOp launch : part.launches) {
        for (auto [index, operand] : llvm::enumerate(buffersOf(launch))) {
          if (operand == buffer) {
            return part.kernel.getArgument(index).getType();
          }
        }
      }
    }
    llvm_unreachable("a buffer of no launch");
  }

  static SmallVector<Value> buffersOf(LaunchOp launch) {
    SmallVector<Value> buffers(launch.getInputs());
    llvm::append_range(buffers, launch.getInits());
    return buffers;
  }

  void addToPart(LaunchOp launch, SymbolTableCollection &symbols) {
    auto kernel = symbols.lookupNearestSymbolFrom<mlir::gpu::GPUFuncOp>(
        launch, launch.getKernelAttr());
    for (Part &part : parts) {
      if (part.blocksEach() == blocksOf(launch) &&
          part.threads() == threadsOf(launch) &&
          (part.kernel == kernel ||
           OperationEquivalence::isRegionEquivalentTo(
               &part.kernel.getFunctionBody(), &kernel.getFunctionBody(),
               OperationEquivalence::IgnoreLocations))) {
        part.launches.push_back(launch);
        return;
      }
    }
    parts.push_back({kernel, {launch}, 0});
  }

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(made->builder,
                                          made->function.getLoc(), value);
  }

  Value lessThan(Value a, int64_t bound) {
    return arith::CmpIOp::create(made->builder, made->function.getLoc(),
                                 arith::CmpIPredicate::ult, a, index(bound));
  }

  /// Halves decide whose block it is.
  void writeParts(MutableArrayRef<Part> some) {
    if (some.size() == 1) {
      writePart(some.front());
      return;
    }
    OpBuilder &b = made->builder;
    size_t half = some.size() / 2;
    auto branch = scf::IfOp::create(b, made->function.getLoc(),
                                    lessThan(block, some[half].firstBlock),
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    writeParts(some.take_front(half));
    b.setInsertionPointToStart(branch.elseBlock());
    writeParts(some.drop_front(half));
  }

  void writePart(Part &part) {
    OpBuilder &b = made->builder;
    Location loc = made->function.getLoc();
    OpBuilder::InsertionGuard guard(b);
    if (part.threads() < threads) {
      auto branch = scf::IfOp::create(b, loc, lessThan(thread, part.threads()),
                                      /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    Value local = block;
    if (part.firstBlock != 0) {
      local = arith::SubIOp::create(b, loc, block, index(part.firstBlock));
    }
    IRMapping mapping;
    size_t count = part.launches.front()->getNumOperands();
    SmallVector<Value> buffers(count);
    for (size_t argument = 0; argument < count; ++argument) {
      buffers[argument] = bufferOf(part.launches.front(), argument);
    }
    int64_t each = part.blocksEach();
    for (auto [number, launch] : llvm::enumerate(part.launches)) {
      if (number == 0) {
        continue;
      }
      Value isBefore = lessThan(local, static_cast<int64_t>(number) * each);
      for (size_t argument = 0; argument < count; ++argument) {
        Value other = bufferOf(launch, argument);
        if (other != buffers[argument]) {
          buffers[argument] = arith::SelectOp::create(b, loc, isBefore,
                                                      buffers[argument], other);
        }
      }
    }
    if (part.launches.size() > 1) {
      local = arith::RemUIOp::create(b, loc, local, index(each));
    }
    for (auto [argument, buffer] : llvm::enumerate(buffers)) {
      mapping.map(part.kernel.getArgument(argument), buffer);
    }
    mapShared(part.kernel, mapping);
    copyBody(part, local, mapping);
  }

  Value bufferOf(LaunchOp launch, size_t argument) {
    size_t read = launch.getInputs().size();
    return argument < read ? arguments.lookup(launch.getInputs()[argument])
                           : made->function.getArgument(
                                 firstInit.lookup(launch) + argument - read);
  }

  /// A block does one part's work: parts have the same shared memory.
  void mapShared(mlir::gpu::GPUFuncOp kernel, IRMapping &mapping) {
    llvm::SmallDenseMap<Type, unsigned> used;
    for (BlockArgument buffer : kernel.getWorkgroupAttributions()) {
      SmallVector<Value> &known = shared[buffer.getType()];
      unsigned number = used[buffer.getType()]++;
      if (number == known.size()) {
        known.push_back(cuda::addShared(made->function,
                                        cast<MemRefType>(buffer.getType()),
                                        buffer.getLoc()));
      }
      mapping.map(buffer, known[number]);
    }
  }

  void copyBody(Part &part, Value local, IRMapping &mapping) {
    OpBuilder &b = made->builder;
    for (Operation &op : part.kernel.getBody().front()) {
      if (isa<mlir::gpu::ReturnOp>(op)) {
        continue;
      }
      Operation *copy = b.clone(op, mapping);
      SmallVector<Operation *> known;
      copy->walk([&](Operation *inner) {
        if (isa<mlir::gpu::BlockIdOp, mlir::gpu::BarrierOp>(inner)) {
          known.push_back(inner);
        }
      });
      for (Operation *inner : known) {
        replace(part, inner, local);
      }
      if (known.size() == 1 && known.front() == copy && op.getNumResults()) {
        mapping.map(op.getResult(0), local);
      }
    }
  }

  /// The part's own block, and waiting for the part's own threads.
  void replace(Part &part, Operation *op, Value local) {
    OpBuilder b(op);
    if (isa<mlir::gpu::BlockIdOp>(op)) {
      op->replaceAllUsesWith(ValueRange(local));
      op->erase();
    } else if (part.threads() < threads) {
      Location loc = op->getLoc();
      auto number = [&](int64_t value) -> Value {
        return arith::ConstantIntOp::create(b, loc, value, 32);
      };
      NVVM::BarrierOp::create(b, loc, TypeRange(), number(0),
                              number(part.threads()), {}, Value());
      op->erase();
    }
  }

  SmallVector<LaunchOp> launches;
  std::vector<Part> parts;
  SmallVector<Value> inputs, inits;
  int64_t threads = 1;
  llvm::DenseMap<Value, Value> arguments; // of inputs
  llvm::DenseMap<Operation *, unsigned> firstInit;
  llvm::DenseMap<Type, SmallVector<Value>> shared;
  std::optional<cuda::KernelBuilder> made;
  Value block, thread;
};

/// Small launches of a block wait until somebody needs what they give; then all
/// that can run do so at once.
class Batches {
public:
  Batches(ModuleOp module, Block &block, int64_t mostBlocks,
          SymbolTableCollection &symbols)
      : module(module), block(block), mostBlocks(mostBlocks), symbols(symbols) {
  }

  void run() {
    SmallVector<Operation *> ops =
        llvm::map_to_vector(block, [](Operation &op) { return &op; });
    for (Operation *op : ops) {
      unsigned needed = levelOf(op);
      if (isSmall(op)) {
        defer(op, needed + 1);
      } else if (needed > 0 && op != ops.back() && isFree(op)) {
        defer(op, needed);
      } else if (needed > 0) {
        flush(needed, op);
      }
    }
    if (!waiting.empty()) { // results that nobody needs
      flush(waiting.size(), ops.back());
    }
  }

private:
  /// How many batches come before an operation.
  unsigned levelOf(Operation *op) {
    unsigned level = 0;
    auto look = [&](Value value) {
      if (Operation *source = value.getDefiningOp()) {
        level = std::max(level, levels.lookup(source));
      }
    };
    llvm::for_each(op->getOperands(), look);
    op->walk(
        [&](Operation *inner) { llvm::for_each(inner->getOperands(), look); });
    return level;
  }

  bool isSmall(Operation *op) {
    auto launch = dyn_cast<LaunchOp>(op);
    return launch && blocksOf(launch) <= mostBlocks &&
           launch.getGrid().drop_front() == ArrayRef<int32_t>{1, 1} &&
           launch.getBlock().drop_front() == ArrayRef<int32_t>{1, 1} &&
           llvm::all_of(launch->getOperandTypes(), [](Type type) {
             // The number of a counter, where the kernel joins parts.
             return isa<RankedTensorType, IndexType>(type);
           });
  }

  /// Views and places of tensors, which take no time.
  static bool isFree(Operation *op) {
    return op->getNumRegions() == 0 && isPure(op) && !isa<LaunchOp>(op);
  }

  void defer(Operation *op, unsigned level) {
    levels[op] = level;
    if (waiting.size() < level) {
      waiting.resize(level);
    }
    waiting[level - 1].push_back(op);
  }

  void flush(unsigned upTo, Operation *before) {
    for (unsigned level = 0; level < upTo; ++level) {
      SmallVector<LaunchOp> batch;
      SmallVector<Operation *> views;
      for (Operation *op : waiting[level]) {
        if (auto launch = dyn_cast<LaunchOp>(op)) {
          batch.push_back(launch);
        } else {
          views.push_back(op);
        }
        levels.erase(op);
      }
      for (LaunchOp launch : batch) {
        launch->moveBefore(before);
      }
      for (Operation *view : views) {
        view->moveBefore(before);
      }
      merge(batch);
    }
    waiting.erase(waiting.begin(), waiting.begin() + upTo);
    for (auto &[op, level] : levels) {
      level -= upTo;
    }
  }

  /// As many at once as fit into a kernel.
  void merge(SmallVector<LaunchOp> batch) {
    llvm::stable_sort(batch, [](LaunchOp a, LaunchOp b) {
      return threadsOf(a) > threadsOf(b);
    });
    SmallVector<Bucket> buckets;
    for (LaunchOp launch : batch) {
      auto kernel = symbols.lookupNearestSymbolFrom<mlir::gpu::GPUFuncOp>(
          launch, launch.getKernelAttr());
      bool isAdded = llvm::any_of(
          buckets, [&](Bucket &bucket) { return bucket.add(launch, kernel); });
      if (!isAdded) {
        buckets.emplace_back().add(launch, kernel);
      }
    }
    for (Bucket &bucket : buckets) {
      if (bucket.launches.size() == 1) {
        continue;
      }
      Operation *before = bucket.launches.front();
      for (LaunchOp launch : bucket.launches) {
        before = launch->isBeforeInBlock(before) ? launch : before;
      }
      LaunchOp merged =
          MergedKernel(module, bucket.launches, symbols).write(before);
      ValueRange results = merged->getResults();
      for (LaunchOp launch : bucket.launches) {
        launch->replaceAllUsesWith(results.take_front(launch->getNumResults()));
        results = results.drop_front(launch->getNumResults());
        launch->erase();
      }
    }
  }

  /// What can be one kernel.
  struct Bucket {
    // CUDA C++ Programming Guide, "Function Parameters": 4 KB of them, of
    // which buffers take 8 bytes each.
    static constexpr size_t kMostBuffers = 480;
    static constexpr int64_t kMostSharedBytes = 48 * 1024;
    // So many may have all registers that a thread can have.
    static constexpr int64_t kFewThreads = 256;
    // Threads that an H100 runs at once.
    static constexpr int64_t kWave = int64_t{132} * 2048;

    bool add(LaunchOp launch, mlir::gpu::GPUFuncOp kernel) {
      // Threads that a part lacks take the place of others, and where there are
      // many, all have fewer registers.
      int64_t most = launches.empty() ? 0 : threadsOf(launches.front());
      if (!launches.empty() && threadsOf(launch) != most &&
          ((blocks + blocksOf(launch)) * most > kWave || most > kFewThreads)) {
        return false;
      }
      if (buffers + launch.getNumOperands() > kMostBuffers) {
        return false;
      }
      llvm::SmallDenseMap<Type, int64_t> here, all = shared;
      int64_t bytes = 0;
      for (BlockArgument buffer : kernel.getWorkgroupAttributions()) {
        int64_t count = ++here[buffer.getType()];
        int64_t &known = all[buffer.getType()];
        known = std::max(known, count);
      }
      for (auto [type, count] : all) {
        auto buffer = cast<MemRefType>(type);
        bytes += count * llvm::divideCeil(buffer.getNumElements() *
                                              buffer.getElementTypeBitWidth(),
                                          8);
      }
      if (bytes > kMostSharedBytes) {
        return launches.empty() && take(launch, shared);
      }
      return take(launch, all);
    }

    bool take(LaunchOp launch, llvm::SmallDenseMap<Type, int64_t> withIt) {
      launches.push_back(launch);
      shared = std::move(withIt);
      blocks += blocksOf(launch);
      buffers += launch.getNumOperands();
      return true;
    }

    SmallVector<LaunchOp> launches;
    llvm::SmallDenseMap<Type, int64_t> shared; // how many of each type
    int64_t blocks = 0;
    size_t buffers = 0;
  };

  ModuleOp module;
  Block &block;
  int64_t mostBlocks;
  SymbolTableCollection &symbols;
  llvm::DenseMap<Operation *, unsigned> levels;  // of what waits, from 1 on
  std::vector<SmallVector<Operation *>> waiting; // by level
};

struct MergeLaunches : cuda::impl::CUDAMergeLaunchesBase<MergeLaunches> {
  using CUDAMergeLaunchesBase::CUDAMergeLaunchesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<Block *> blocks;
    module.walk([&](LaunchOp launch) {
      if (!llvm::is_contained(blocks, launch->getBlock())) {
        blocks.push_back(launch->getBlock());
      }
    });
    for (Block *block : blocks) {
      SymbolTableCollection symbols;
      Batches(module, *block, mostBlocks, symbols).run();
    }
    eraseUnused(module);
  }

  static void eraseUnused(ModuleOp module) {
    llvm::DenseSet<Attribute> used;
    module.walk([&](LaunchOp launch) {
      used.insert(launch.getKernel().getLeafReference());
    });
    for (auto kernels : module.getOps<mlir::gpu::GPUModuleOp>()) {
      for (auto kernel :
           llvm::make_early_inc_range(kernels.getOps<mlir::gpu::GPUFuncOp>())) {
        if (!used.contains(kernel.getNameAttr())) {
          kernel.erase();
        }
      }
    }
  }
};

} // namespace
