//===- Compiler.cpp - From StableHLO text to an executable ------*- C++ -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "steelyard/Compiler/Compiler.h"

#include "steelyard/Dialect/Scaled/Utils/StepState.h"
#include "steelyard/Pipelines/Pipelines.h"
#include "steelyard/Pipelines/Register.h"
#include "steelyard/Pipelines/Text.h"
#include "steelyard/Recipes/Recipe.h"
#include "steelyard/Runtime/steelyard.h"
#include "steelyard/Target/Host/IR/Host.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

#include "Cache.h"
#include "CodeGeneration.h"
#include "CompiledCode.h"
#include "Description.h"
#include "SharedLibrary.h"
#include "Toolkit.h"

using namespace mlir;

namespace steelyard {

struct Executable::Impl {
  CompiledCode code;
  std::unique_ptr<llvm::orc::LLJIT> jit; ///< none: from a shared library
  steelyard_executable *runtime = nullptr;
  std::vector<FunctionSpec> functions;

  ~Impl() { steelyard_executable_destroy(runtime); }
};

Executable::Executable(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Executable::~Executable() = default;

const std::vector<FunctionSpec> &Executable::functions() const {
  return impl->functions;
}
steelyard_executable *Executable::runtime() const { return impl->runtime; }
std::string_view Executable::objectCode() const { return impl->code.object; }

std::optional<size_t> Executable::find(std::string_view name) const {
  for (size_t index = 0; index < functions().size(); ++index) {
    if (functions()[index].name == name) {
      return index;
    }
  }
  return std::nullopt;
}

std::string Executable::run(size_t index, steelyard_context *context,
                            const void *const *arguments,
                            void *const *results) const {
  steelyard_error error;
  if (steelyard_execute(impl->runtime, static_cast<int64_t>(index), context,
                        arguments, results, &error)) {
    return error.message;
  }
  return {};
}

} // namespace steelyard

namespace {

using namespace steelyard;

std::string print(Location location) {
  if (isa<UnknownLoc>(location)) {
    return {};
  }
  std::string text;
  llvm::raw_string_ostream(text) << location;
  return text.substr(text.starts_with("loc(") ? 4 : 0,
                     text.size() - (text.starts_with("loc(") ? 5 : 0));
}

/// MLIR's words for what this compiler does not know, in ours.
std::string inPlainWords(std::string message) {
  StringRef text = message, name;
  auto take = [](StringRef &text, StringRef before, StringRef after) {
    if (!text.consume_front(before)) {
      return StringRef();
    }
    auto [found, rest] = text.split(after);
    text = rest;
    return found;
  };
  if (name = take(text, "custom op '", "' is unknown"); !name.empty()) {
    return ("operation '" + name + "' is not supported yet").str();
  }
  text = message;
  if (name = take(text, "unregistered operation '", "' found"); !name.empty()) {
    return ("operation '" + name + "' is not supported yet").str();
  }
  text = message;
  if (name = take(text, "unknown attribute `", "` in dialect `");
      !name.empty()) {
    return ("attribute '#" + text.split('`').first + "." + name +
            "' is not supported yet")
        .str();
  }
  return message;
}

/// Hands diagnostics on and keeps them, the errors as text.
class Diagnostics {
public:
  Diagnostics(MLIRContext &context, const CompileOptions &options)
      : options(options),
        handler(&context, [this](mlir::Diagnostic &diagnostic) {
          report(diagnostic);
          for (mlir::Diagnostic &note : diagnostic.getNotes()) {
            report(note);
          }
          return success();
        }) {}

  std::string errors;
  std::vector<steelyard::Diagnostic> others;

private:
  void report(mlir::Diagnostic &diagnostic) {
    using Severity = steelyard::Diagnostic::Severity;
    auto severity = [&] {
      switch (diagnostic.getSeverity()) {
      case DiagnosticSeverity::Error:
        return Severity::Error;
      case DiagnosticSeverity::Warning:
        return Severity::Warning;
      case DiagnosticSeverity::Remark:
        return Severity::Remark;
      case DiagnosticSeverity::Note:
        return Severity::Note;
      }
      llvm_unreachable("all severities are handled");
    }();
    steelyard::Diagnostic out{severity, inPlainWords(diagnostic.str()),
                              print(diagnostic.getLocation())};
    if (severity == Severity::Error) {
      errors += (errors.empty() ? "" : "\n") +
                (out.location.empty() ? "" : out.location + ": ") +
                "error: " + out.message;
    } else {
      others.push_back(out);
    }
    if (options.onDiagnostic) {
      options.onDiagnostic(out);
    }
  }

  const CompileOptions &options;
  ScopedDiagnosticHandler handler;
};

std::string print(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

TensorSpec describe(Type type, DictionaryAttr attributes, StringRef fallback) {
  TensorSpec spec;
  auto tensor = cast<RankedTensorType>(type);
  spec.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  spec.elementType = print(tensor.getElementType());
  spec.byteSize =
      tensor.getNumElements() * ((tensor.getElementTypeBitWidth() + 7) / 8);
  spec.name = fallback.str();
  if (!attributes) {
    return spec;
  }
  if (auto name = attributes.getAs<StringAttr>("steelyard.name")) {
    spec.name = name.str();
  } else if (auto info = attributes.getAs<StringAttr>("jax.result_info")) {
    spec.name = info.str();
  }
  if (auto scaleOf = attributes.getAs<IntegerAttr>("steelyard.scale_of")) {
    spec.scaleOf = scaleOf.getInt();
  }
  if (auto form = attributes.getAs<StringAttr>("steelyard.state_form")) {
    spec.stateForm = form.str();
  }
  if (auto userType = attributes.getAs<TypeAttr>("steelyard.user_type")) {
    llvm::raw_string_ostream(spec.userElementType)
        << getElementTypeOrSelf(userType.getValue());
  }
  if (auto state = attributes.getAs<StringAttr>(kStepStateName)) {
    spec.name = state.str();
    spec.isRecipeState = true;
  }
  if (auto tap = attributes.getAs<StringAttr>(kObservedName)) {
    spec.name = tap.str();
    spec.isObserved = true;
  }
  if (auto initial = attributes.getAs<DenseElementsAttr>(kStepStateInitial)) {
    ArrayRef<char> raw = initial.getRawData();
    for (int64_t copies = initial.isSplat() ? tensor.getNumElements() : 1;
         copies > 0; --copies) {
      spec.initial.append(raw.data(), raw.size());
    }
  }
  return spec;
}

FailureOr<FunctionSpec> describe(func::FuncOp function) {
  FunctionSpec spec;
  spec.name = function.getName().str();
  for (Type type : llvm::concat<const Type>(function.getArgumentTypes(),
                                            function.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() ||
        runtimeType(print(tensor.getElementType())) == STEELYARD_INVALID_TYPE) {
      function.emitError() << "@" << function.getName() << " takes or returns "
                           << type
                           << "; arguments and results are dense tensors of "
                              "i1, of integers of 2 "
                              "to 64 bits and of floats of 4 to 64 bits";
      return failure();
    }
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    spec.results.push_back(
        describe(type, function.getResultAttrDict(index), ""));
  }
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    spec.arguments.push_back(describe(type, function.getArgAttrDict(index),
                                      "arg" + std::to_string(index)));
    if (auto alias = function.getArgAttrOfType<IntegerAttr>(
            index, "tf.aliasing_output")) {
      size_t result = static_cast<size_t>(alias.getInt());
      if (result < spec.results.size() &&
          type == function.getResultTypes()[result]) {
        spec.results[result].aliasedArgument = static_cast<int64_t>(index);
      }
    }
  }
  return spec;
}

/// A new folder below `parent` for the IR of one module: numbered in the order
/// of compilation and named after the module or its first public function.
llvm::Expected<std::string> makeDumpFolder(ModuleOp module, StringRef parent) {
  std::error_code code = llvm::sys::fs::create_directories(parent);
  unsigned number = 0;
  for (llvm::sys::fs::directory_iterator entry(parent, code), end;
       !code && entry != end; entry.increment(code)) {
    unsigned taken = 0;
    StringRef name = llvm::sys::path::filename(entry->path());
    if (!name.consumeInteger(10, taken) && name.starts_with("-")) {
      number = std::max(number, taken + 1);
    }
  }
  std::string name = module.getSymName().value_or("").str();
  for (auto function : module.getOps<func::FuncOp>()) {
    if (name.empty() && function.isPublic()) {
      name = function.getName().str();
    }
  }
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !llvm::isAlnum(c); }, '_');
  if (code) {
    return llvm::errorCodeToError(code);
  }
  while (true) {
    SmallString<128> folder(parent);
    llvm::sys::path::append(folder,
                            llvm::formatv("{0:03}-{1}", number++, name).str());
    code = llvm::sys::fs::create_directory(folder, /*IgnoreExisting=*/false);
    if (!code) {
      return folder.str().str();
    }
    if (code != std::errc::file_exists) {
      return llvm::errorCodeToError(code);
    }
  }
}

std::vector<ArenaTensor> describeArena(func::FuncOp function) {
  std::vector<ArenaTensor> tensors;
  auto published =
      function->getAttrOfType<ArrayAttr>("steelyard.arena_tensors");
  if (!published) {
    return tensors;
  }
  for (auto entry : published.getAsRange<DictionaryAttr>()) {
    auto type = cast<MemRefType>(entry.getAs<TypeAttr>("type").getValue());
    ArenaTensor tensor;
    tensor.shape.assign(type.getShape().begin(), type.getShape().end());
    tensor.elementType = print(type.getElementType());
    tensor.offset = entry.getAs<IntegerAttr>("offset").getInt();
    tensor.byteSize =
        type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<Site> describeSites(ArrayAttr marked) {
  std::vector<Site> sites;
  for (auto entry : marked.getAsRange<DictionaryAttr>()) {
    sites.push_back({entry.getAs<StringAttr>("kind").str(),
                     entry.getAs<StringAttr>("buffers").str(),
                     print(Location(entry.getAs<LocationAttr>("location")))});
  }
  return sites;
}

/// Loads the object.
std::string load(Executable::Impl &impl) {
  auto copy =
      llvm::MemoryBuffer::getMemBufferCopy(impl.code.object, "steelyard.o");
  auto jit = loadObject(std::move(copy));
  if (!jit) {
    return "error: " + llvm::toString(jit.takeError());
  }
  impl.jit = std::move(*jit);
  auto description = impl.jit->lookup(STEELYARD_EXECUTABLE_SYMBOL);
  if (!description) {
    return "error: " + llvm::toString(description.takeError());
  }
  steelyard_error error;
  impl.runtime = steelyard_executable_create(
      description->toPtr<const steelyard_executable_desc *>(), &error);
  if (!impl.runtime) {
    return std::string("error: ") + error.message;
  }
  impl.functions = readDescription(*impl.runtime);
  return {};
}

/// What the functions of a stage's module say of themselves.
void describeMemory(ModuleOp module, std::vector<FunctionSpec> &functions) {
  for (FunctionSpec &spec : functions) {
    auto function = module.lookupSymbol<func::FuncOp>(spec.name);
    if (!function) {
      continue;
    }
    if (auto size =
            function->getAttrOfType<IntegerAttr>("steelyard.arena_size")) {
      spec.arenaSize = size.getInt();
      spec.arenaTensors = describeArena(function);
    }
    if (auto sites = function->getAttrOfType<ArrayAttr>("steelyard.sites")) {
      spec.sites = describeSites(sites);
    }
    spec.hasChecks |=
        function.walk([](host::CheckOp) { return WalkResult::interrupt(); })
            .wasInterrupted();
  }
}

/// All public functions, or failure after an error.
FailureOr<std::vector<FunctionSpec>> describeFunctions(ModuleOp module) {
  std::vector<FunctionSpec> functions;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal()) {
      continue;
    }
    FailureOr<FunctionSpec> spec = describe(function);
    if (failed(spec)) {
      return failure();
    }
    functions.push_back(std::move(*spec));
  }
  if (functions.empty()) {
    return module.emitError("the module has no public function to compile");
  }
  return functions;
}

OwningOpRef<ModuleOp> parse(StringRef text, MLIRContext &context,
                            const std::string &name) {
  llvm::MemoryBufferRef buffer(text, name);
  if (failed(verifyText(buffer, context))) {
    return {};
  }
  if (!isBytecode(buffer)) {
    return parseSourceString<ModuleOp>(text, &context, name);
  }
  // Magic, a byte of version, who wrote it, 0.
  StringRef producer = text.substr(5).take_until([](char c) { return !c; });
  if (producer.starts_with("StableHLO_v")) {
    emitError(FileLineColLoc::get(&context, name, 0, 0))
        << "this is a portable artifact of StableHLO (" << producer
        << "), which steelyard.compile in Python reads; elsewhere it has to be "
           "text, as jaxlib.mlir.dialects.stablehlo."
           "deserialize_portable_artifact_str makes of it";
    return {};
  }
  // Data inside is read where it lies, aligned to at most a cache line.
  auto aligned = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
      text.size(), name, llvm::Align(64));
  llvm::copy(text, aligned->getBufferStart());
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(aligned), llvm::SMLoc());
  auto module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module) {
    emitError(FileLineColLoc::get(&context, name, 0, 0))
        << "this bytecode, written by '" << producer
        << "', can't be read: it is damaged, or not from 'steelyard-opt "
           "--emit-bytecode' of this version; text and, in Python, portable "
           "artifacts of StableHLO are read from everywhere";
  }
  return module;
}

/// From the module's text to machine code. Errors in MLIR's diagnostics, others
/// in `error`.
class Lowering {
public:
  Lowering(MLIRContext &context, const CompileOptions &options,
           std::string &error)
      : context(context), options(options), error(error) {}

  LogicalResult run(std::string_view text, CompiledCode &code) {
    module = parse(StringRef(text.data(), text.size()), context, options.name);
    if (!module) {
      error = "the module could not be parsed";
      return failure();
    }
    if (failed(dump("input")) || failed(stage("import", buildImportPipeline)) ||
        failed(scheme())) {
      return failure();
    }
    TargetOptions target;
    if (failed(findTarget(target))) {
      return failure();
    }
    for (const Stage &next : stagesFor(options.target)) {
      auto build = [&](OpPassManager &manager) { next.build(manager, target); };
      if (failed(stage(next.name, build))) {
        return failure();
      }
      if (next.name == StringRef("pairs")) {
        // From here on arguments and results are what lies in memory.
        FailureOr<std::vector<FunctionSpec>> functions =
            describeFunctions(*module);
        if (failed(functions)) {
          return failure();
        }
        described = std::move(*functions);
      }
      if (options.profile && next.name == StringRef("loops") &&
          failed(stage("profile", [&](OpPassManager &manager) {
            buildProfilePipeline(manager, options.target);
          }))) {
        return failure();
      }
      describeMemory(*module, described);
    }
    auto object = emitObject(*module, described, options);
    if (!object) {
      error = llvm::toString(object.takeError());
      return failure();
    }
    code.object = (*object)->getBuffer().str();
    return success();
  }

private:
  LogicalResult findTarget(TargetOptions &target) {
    if (stagesFor(options.target).empty()) {
      error = "there is no target '" + options.target + "'; targets are " +
              llvm::join(targetNames(), ", ");
      return failure();
    }
    if (options.target == "cuda") {
      llvm::Expected<std::string> toolkit = findToolkit(options.toolkit);
      if (!toolkit) {
        error = llvm::toString(toolkit.takeError());
        return failure();
      }
      target = {options.chip, *toolkit};
    }
    return success();
  }

  LogicalResult scheme() {
    if (options.scheme.empty()) {
      return success();
    }
    PassManager manager(&context);
    llvm::raw_string_ostream stream(error);
    if (failed(parsePassPipeline(options.scheme, manager, stream))) {
      return failure();
    }
    return run("scheme", manager);
  }

  LogicalResult stage(StringRef name,
                      llvm::function_ref<void(OpPassManager &)> build) {
    PassManager manager(&context);
    build(manager);
    return run(name, manager);
  }

  LogicalResult run(StringRef name, PassManager &manager) {
    if (failed(manager.run(*module))) {
      error = llvm::formatv("the module could not be compiled: stage '{0}' "
                            "failed",
                            name);
      return failure();
    }
    return dump(name);
  }

  /// Writes the IR after a stage, if asked to.
  LogicalResult dump(StringRef stage) {
    if (options.dumpDirectory.empty()) {
      return success();
    }
    if (dumpFolder.empty()) {
      llvm::Expected<std::string> made =
          makeDumpFolder(*module, options.dumpDirectory);
      if (!made) {
        return module->emitError()
               << "cannot write the dump " << options.dumpDirectory << ": "
               << llvm::toString(made.takeError());
      }
      dumpFolder = std::move(*made);
    }
    SmallString<128> path(dumpFolder);
    llvm::sys::path::append(
        path, llvm::formatv("{0:02}-{1}.mlir", number++, stage).str());
    std::error_code code;
    llvm::raw_fd_ostream file(path, code);
    if (!code) {
      module->print(file, OpPrintingFlags().enableDebugInfo(false));
      file.close();
      code = file.error();
      file.clear_error();
    }
    if (code) {
      return module->emitError()
             << "cannot write the dump " << path << ": " << code.message();
    }
    return success();
  }

  MLIRContext &context;
  const CompileOptions &options;
  std::string &error;
  OwningOpRef<ModuleOp> module;
  std::vector<FunctionSpec> described;
  std::string dumpFolder;
  unsigned number = 0;
};

/// Compiles; what went wrong in `errors`, one a line with its location.
std::optional<CompiledCode> lower(std::string_view text,
                                  const CompileOptions &options,
                                  std::string &errors) {
  static const bool registered = (registerAllPasses(), true);
  (void)registered;
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllRules(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  // Printing the operation with each remark would number the whole function
  // again.
  context.printOpOnDiagnostic(false);
  Diagnostics diagnostics(context, options);
  CompiledCode code;
  std::string error;
  if (failed(Lowering(context, options, error).run(text, code))) {
    errors =
        diagnostics.errors.empty() ? "error: " + error : diagnostics.errors;
    return std::nullopt;
  }
  code.diagnostics = std::move(diagnostics.others);
  return code;
}

/// An executable of the code, or why there is none.
CompileResult makeExecutable(CompiledCode code) {
  auto impl = std::make_unique<Executable::Impl>();
  impl->code = std::move(code);
  if (std::string error = load(*impl); !error.empty()) {
    return {nullptr, error};
  }
  return {std::make_shared<Executable>(std::move(impl)), {}};
}

} // namespace

std::vector<RecipeSpec> steelyard::recipes() {
  std::vector<RecipeSpec> all;
  for (const std::unique_ptr<Recipe> &recipe : allRecipes()) {
    RecipeSpec &spec = all.emplace_back();
    spec.name = recipe->name().str();
    spec.description = recipe->description().str();
    for (const RecipeOption &option : recipe->options()) {
      spec.options.push_back({option.name, option.description, option.value,
                              option.least, option.greatest});
    }
  }
  return all;
}

CompileResult steelyard::compile(std::string_view text,
                                 const CompileOptions &options) {
  Cache cache(text, options);
  if (std::optional<CompiledCode> kept = cache.find()) {
    if (options.onDiagnostic) {
      llvm::for_each(kept->diagnostics, options.onDiagnostic);
    }
    CompileResult result = makeExecutable(std::move(*kept));
    if (result.executable) {
      return result;
    }
    cache.warnOfDamage();
  }
  std::string errors;
  std::optional<CompiledCode> code = lower(text, options, errors);
  if (!code) {
    return {nullptr, errors};
  }
  CompileResult result = makeExecutable(*code);
  if (result.executable) {
    cache.store(*code);
  }
  return result;
}

std::string steelyard::compileLibrary(std::string_view text,
                                      const CompileOptions &options,
                                      const std::string &path) {
  std::string errors;
  std::optional<CompiledCode> code = lower(text, options, errors);
  return code ? linkLibrary(code->object, path) : errors;
}

std::string Executable::save(const std::string &path) const {
  return impl->code.object.empty()
             ? "it was loaded from a shared library: copy that"
             : linkLibrary(impl->code.object, path);
}

CompileResult steelyard::loadLibrary(const std::string &path) {
  auto impl = std::make_unique<Executable::Impl>();
  steelyard_error error;
  impl->runtime = steelyard_executable_load(path.c_str(), &error);
  if (!impl->runtime) {
    return {nullptr, error.message};
  }
  impl->functions = readDescription(*impl->runtime);
  return {std::make_shared<Executable>(std::move(impl)), {}};
}
