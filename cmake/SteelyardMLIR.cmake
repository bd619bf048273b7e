# Finds MLIR 22 and takes what AddMLIR offers. Nothing clever: one release, Debian's packages.
find_package(MLIR 22.1 REQUIRED CONFIG)
message(STATUS "MLIR ${MLIR_DIR} (LLVM ${LLVM_PACKAGE_VERSION})")
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
# Not add_definitions(LLVM_DEFINITIONS): it would bring Debian's NDEBUG into our own code.
add_compile_definitions(__STDC_CONSTANT_MACROS __STDC_FORMAT_MACROS __STDC_LIMIT_MACROS)
