# steelyard_tablegen(<dir target> <Dialect|Ops|...>), steelyard_add_library, steelyard_add_mlir_library,
# steelyard_add_tool: the only ways in which the folders of this project declare what they build.

set(STEELYARD_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers
    -Wno-deprecated-declarations) # libstdc++ 12 deprecates what its own stable_sort calls
set(STEELYARD_CXX_FLAGS -fno-exceptions -fno-rtti)
if(STEELYARD_ASSERTIONS)
  list(APPEND STEELYARD_WARNINGS -UNDEBUG)
endif()

# All generated headers; every MLIR library waits for them, so that one folder's include/ never races another's.
add_custom_target(steelyard-headers)

# One precompiled header of the common MLIR headers, shared by every MLIR library.
function(steelyard_use_mlir_pch target)
  target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
  if(NOT TARGET SteelyardPCH)
    file(WRITE ${PROJECT_BINARY_DIR}/SteelyardPCH.cpp "")
    add_library(SteelyardPCH OBJECT ${PROJECT_BINARY_DIR}/SteelyardPCH.cpp)
    target_compile_options(SteelyardPCH PRIVATE ${STEELYARD_WARNINGS} -fno-rtti -Xclang -fno-pch-timestamp)
    target_precompile_headers(SteelyardPCH PRIVATE ${PROJECT_SOURCE_DIR}/cmake/SteelyardPCH.h)
  endif()
  target_precompile_headers(${target} REUSE_FROM SteelyardPCH)
endfunction()

# A library without MLIR or LLVM (numerics, runtime).
function(steelyard_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE ${STEELYARD_WARNINGS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# A library of the compiler: linked with the shared MLIR, built without RTTI as LLVM's users must be with own vtables.
function(steelyard_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE ${STEELYARD_WARNINGS} -fno-rtti)
  steelyard_use_mlir_pch(${name})
  add_dependencies(${name} steelyard-headers)
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
endfunction()

function(steelyard_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  # -fPIC, not -fPIE: as the precompiled header was made.
  target_compile_options(${name} PRIVATE ${STEELYARD_WARNINGS} -fno-rtti -fPIC)
  steelyard_use_mlir_pch(${name})
  add_dependencies(${name} steelyard-headers)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()

# steelyard_tablegen(File.td  -gen-op-decls Ops.h.inc  -gen-op-defs Ops.cpp.inc ...) in the folder of the .td
function(steelyard_tablegen td)
  get_filename_component(stem ${td} NAME_WE)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(args ${ARGN})
  while(args)
    list(POP_FRONT args generator output)
    string(REPLACE "," ";" generator "${generator}")
    mlir_tablegen(${output} ${generator})
  endwhile()
  file(RELATIVE_PATH rel ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "-" rel ${rel})
  add_public_tablegen_target(${rel}-${stem}-inc)
  add_dependencies(steelyard-headers ${rel}-${stem}-inc)
endfunction()
