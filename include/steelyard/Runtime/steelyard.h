//===- steelyard.h - C ABI of the Steelyard runtime ---------------*- C -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// One header for three readers: programs that run an executable, the compiler
// that describes one, and compiled code, which calls only `steelyard_*`.
// It is C11 and C++; it needs nothing of LLVM, MLIR or the C++ library.
//
//   steelyard_executable   code and its description. Immutable once created:
//                          any number of threads may run it at once.
//   steelyard_context      what one call needs: the arena, worker threads, the
//                          error and check messages, the cancellation flag.
//                          One call at a time; any number of contexts.
//
//   steelyard_error error;
//   steelyard_executable *executable =
//       steelyard_executable_load("step.so", &error);
//   steelyard_context *context = steelyard_context_create(NULL, &error);
//   const void *arguments[] = {x, w};
//   void *results[] = {y};
//   if (steelyard_execute(executable, 0, context, arguments, results, &error))
//     fprintf(stderr, "%s\n", error.message);
//   steelyard_context_destroy(context);
//
// Errors. A function that can fail returns a status code (0 = ok) or a null
// pointer and fills the caller's `steelyard_error` where one is given (it may
// be NULL). Nothing is thrown, nothing is freed by the caller, no global state.
//
// Buffers. An argument or result is a dense row-major array of its static
// shape, aligned to its element (64 bytes run fastest). Every element takes
// whole bytes: an 8-, 6- or 4-bit float is one byte with its code in the low
// bits, `i1` one byte that is 0 or 1, a 2- or 4-bit integer one byte, sign- or
// zero-extended. Sizes are in bytes where a name says so, else in elements.
//
// Ownership. The caller owns arguments, results, and every string and array it
// passes in; the runtime copies what it keeps. What an accessor returns lives
// as long as the object it was asked of.
//
// Determinism. Given bit-equal inputs, results depend on the machine's
// instruction set and BLAS library, never on the number of threads.
//
// Floating-point environment. `steelyard_execute` runs, on all threads, with
// round to nearest, no flush to zero and no traps, and restores the caller's.
//
// fork. A child process may go on using executables and contexts that were
// idle when it was forked: workers are started anew. A context that was inside
// `steelyard_execute` must be neither used nor destroyed in the child. CUDA
// does not survive a fork: a child may use it only if its parent had not.
//
// CUDA. An executable for "cuda" is called as one for "cpu" is, but buffers lie
// on the device and addresses are the device's. Nothing of CUDA is linked: its
// driver is opened when first needed, $STEELYARD_CUDA_DRIVER, else
// libcuda.so.1, version 12.0 or later. The first contraction opens cuBLASLt:
// $STEELYARD_CUBLASLT, else libcublasLt.so.12 or .13, rather one that the
// process has loaded. A context works in the device's primary CUDA context,
// which it shares with the CUDA runtime and all that use it, and makes it
// current only for the time of a call. Calls that come again with the same
// addresses are replayed as CUDA graphs, see `steelyard_execute`, unless
// STEELYARD_CUDA_GRAPHS is 0 when the context is first used. Profilers that
// listen to NVTX see calls and, where code runs, its operations as ranges of
// the domain "steelyard".
//===----------------------------------------------------------------------===//

#ifndef STEELYARD_RUNTIME_STEELYARD_H
#define STEELYARD_RUNTIME_STEELYARD_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define STEELYARD_API
#else
#define STEELYARD_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Major << 16 | minor. A larger minor only adds functions; a description made
   for another major is refused. */
#define STEELYARD_ABI_VERSION ((uint32_t)(3u << 16 | 3u))

/* The version of the library that is loaded. */
STEELYARD_API uint32_t steelyard_abi_version(void);

//===- Errors -------------------------------------------------------------===//

enum {
  STEELYARD_OK = 0,
  STEELYARD_CANCELLED = 1,           /* steelyard_context_cancel was called */
  STEELYARD_INVALID_ARGUMENT = 3,    /* the caller's mistake */
  STEELYARD_NOT_FOUND = 5,           /* no such function, file, device */
  STEELYARD_RESOURCE_EXHAUSTED = 8,  /* an allocation failed */
  STEELYARD_FAILED_PRECONDITION = 9, /* context in use, ABI version differs */
  STEELYARD_UNIMPLEMENTED = 12,      /* valid, but not supported here */
  STEELYARD_INTERNAL = 13            /* compiled code reported a failure */
};

#define STEELYARD_MESSAGE_BYTES 1020

/* An error by value; the caller's memory. `message` always ends in a zero byte
   (a longer one is cut) and is empty when `code` is STEELYARD_OK. */
typedef struct steelyard_error {
  int32_t code;
  char message[STEELYARD_MESSAGE_BYTES];
} steelyard_error;

//===- Element types ------------------------------------------------------===//

/* What an element is: one 64-bit number, so that metadata, descriptors and
   compiled code hold it by value. Names and formats are MLIR's. */
typedef uint64_t steelyard_type;

enum {
  STEELYARD_INVALID_TYPE = 0,
  STEELYARD_I1 = 1,
  /* signed (and MLIR's signless) integers */
  STEELYARD_I2 = 2,
  STEELYARD_I4 = 3,
  STEELYARD_I8 = 4,
  STEELYARD_I16 = 5,
  STEELYARD_I32 = 6,
  STEELYARD_I64 = 7,
  /* unsigned integers */
  STEELYARD_UI2 = 10,
  STEELYARD_UI4 = 11,
  STEELYARD_UI8 = 12,
  STEELYARD_UI16 = 13,
  STEELYARD_UI32 = 14,
  STEELYARD_UI64 = 15,
  /* IEEE and bfloat */
  STEELYARD_F64 = 20,
  STEELYARD_F32 = 21,
  STEELYARD_F16 = 22,
  STEELYARD_BF16 = 23,
  STEELYARD_TF32 = 24, /* stored as f32 */
  /* 8 bits */
  STEELYARD_F8E5M2 = 30,
  STEELYARD_F8E4M3 = 31,
  STEELYARD_F8E4M3FN = 32,
  STEELYARD_F8E5M2FNUZ = 33,
  STEELYARD_F8E4M3FNUZ = 34,
  STEELYARD_F8E4M3B11FNUZ = 35,
  STEELYARD_F8E3M4 = 36,
  STEELYARD_F8E8M0FNU = 37,
  /* 6 and 4 bits, one code a byte */
  STEELYARD_F6E2M3FN = 40,
  STEELYARD_F6E3M2FN = 41,
  STEELYARD_F4E2M1FN = 42,
  /* complex: real part first */
  STEELYARD_C64 = 50,
  STEELYARD_C128 = 51,
  /* a format by its parameters: STEELYARD_FORMAT below */
  STEELYARD_FORMAT_KIND = 63
};

/* Which codes of a format are not finite numbers; #scaled.format's non_finite.
 */
enum {
  STEELYARD_NON_FINITE_IEEE = 0,             /* largest exponent: inf, NaN */
  STEELYARD_NON_FINITE_NAN_ONLY = 1,         /* all ones is NaN ("FN") */
  STEELYARD_NON_FINITE_NONE = 2,             /* every code is a number */
  STEELYARD_NON_FINITE_NEGATIVE_ZERO_NAN = 3 /* -0's code is NaN ("FNUZ") */
};

/* The type of a signed format with `exponent_bits`, `significand_bits` trailing
   significand bits (1 + both <= 16) and exponent bias `bias`; one byte an
   element up to 8 bits, two above, the code in the low bits. */
#define STEELYARD_FORMAT(exponent_bits, significand_bits, bias, non_finite)    \
  ((steelyard_type)STEELYARD_FORMAT_KIND |                                     \
   (steelyard_type)((exponent_bits) & 0xff) << 8 |                             \
   (steelyard_type)((significand_bits) & 0xff) << 16 |                         \
   (steelyard_type)((non_finite) & 0xff) << 24 |                               \
   (steelyard_type)(uint32_t)(int32_t)(bias) << 32)

/* Bytes an element takes; 0 for what is not a type. */
STEELYARD_API size_t steelyard_type_bytes(steelyard_type type);

/* MLIR's name ("f8E4M3FN", "ui8", "i1"), "format" for a format by its
   parameters, "invalid" for what is not a type. Static. */
STEELYARD_API const char *steelyard_type_name(steelyard_type type);

//===- Context ------------------------------------------------------------===//

typedef struct steelyard_context steelyard_context;

/* The caller's allocator. Both functions may be called from any thread that
   runs or destroys the context, one at a time. `allocate` returns null when it
   fails; `deallocate` gets the size and alignment of the allocation. */
typedef struct steelyard_allocator {
  void *(*allocate)(void *user, size_t bytes, size_t alignment);
  void (*deallocate)(void *user, void *memory, size_t bytes, size_t alignment);
  void *user;
} steelyard_allocator;

typedef struct steelyard_context_options {
  uint32_t abi_version; /* STEELYARD_ABI_VERSION */
  /* Threads a call may use, the calling one included. 0: the environment's
     STEELYARD_THREADS, else the processors this thread may run on. */
  int32_t thread_count;
  /* For the arena and scratch memory of the host; NULL: the C library's.
     Copied. */
  const steelyard_allocator *allocator;
  /* For executables of target "cuda": the ordinal of the device that they run
     on, in the order of `steelyard_device_name`. Looked at by the first of
     them. */
  int32_t device;
  int32_t reserved; /* 0 */
  /* The CUstream on which they run, of the device's primary CUDA context: a
     call puts its work there and returns, and the caller keeps buffers, context
     and executable until that is done. CU_STREAM_LEGACY ((void *)1) is CUDA's
     default stream. NULL: a stream of the context's own, and a call waits for
     its work. That one waits for what was put on CUDA's default stream before,
     as the default stream does for it. */
  void *stream;
} steelyard_context_options;

/* `options` NULL: all defaults. Null on failure. Workers start with the first
   parallel loop, the arena with the first call that needs one; both are kept
   until the context is destroyed. */
STEELYARD_API steelyard_context *
steelyard_context_create(const steelyard_context_options *options,
                         steelyard_error *error);

/* NULL is allowed. The context must be idle. */
STEELYARD_API void steelyard_context_destroy(steelyard_context *context);

STEELYARD_API int32_t
steelyard_context_thread_count(const steelyard_context *context);

/* Asks the running call to stop: compiled code looks between kernels, the call
   returns STEELYARD_CANCELLED, its results are unspecified. With no call
   running, the next one stops at once. One request stops one call at most: one
   that comes too late for the running call is dropped at its end. May be called
   from any thread and from a signal handler. */
STEELYARD_API void steelyard_context_cancel(steelyard_context *context);

/* The arena as the last call left it (functions give their tensors' offsets in
   it, see `steelyard_arena_tensor`), its size in `*bytes` (may be NULL). Null
   and 0 before a call needed one. Valid until the next call or destruction.
   After a call of a "cuda" executable it is an address of the device. */
STEELYARD_API const void *
steelyard_context_arena(const steelyard_context *context, size_t *bytes);

/* How many checks (`steelyard_check_*`) failed in the last call. Where
   `message` is not null the failures' reports, one a line, at most the first
   16, are written there: up to `message_bytes` with the closing zero. */
STEELYARD_API int64_t steelyard_context_check_failures(
    const steelyard_context *context, char *message, size_t message_bytes);

/* How many checks ran in the last call. */
STEELYARD_API int64_t
steelyard_context_check_count(const steelyard_context *context);

/* Nanoseconds that calls in this context have spent at each site that code
   compiled for profiling marks: the first `count`, those never reached 0. */
STEELYARD_API void
steelyard_context_site_times(const steelyard_context *context, int64_t count,
                             int64_t *nanoseconds);

//===- Executable ---------------------------------------------------------===//

typedef struct steelyard_executable steelyard_executable;

/* What a caller does with a value. */
enum {
  STEELYARD_VALUE_USER = 0, /* the user's argument or result */
  STEELYARD_VALUE_STATE =
      1, /* the user's donated state (parameters, moments) */
  STEELYARD_VALUE_RECIPE_STATE =
      2, /* added by the compiler for a recipe (an amax history) or a rounding
            (a random key): starts at `initial`, then is the result of its name
          */
  STEELYARD_VALUE_OBSERVED = 3 /* a result: what the tap of its name saw */
};

/* One argument or result. */
typedef struct steelyard_value {
  const char *name; /* never null once in an executable; may be "" */
  steelyard_type type;
  int64_t rank;
  const int64_t *shape; /* `rank` extents >= 0; may be null for rank 0 */
  /* Result: the argument donated to it, or -1. Its buffer is then either that
     argument's very buffer or disjoint from all; compiled code is right both
     ways. A state's result is what its argument is in the next call.
     Argument: set by the runtime to the result it is donated to, or -1. */
  int64_t alias;
  /* A scale: the index, in the same list, of the data it belongs to, or -1.
     The value is data x 2^scale for an i32 scale. */
  int64_t scale_of;
  int32_t role;     /* STEELYARD_VALUE_* */
  int32_t reserved; /* 0 */
  /* Argument: what it is before the first call, in the layout of a buffer; or
     null. Always given for recipe state. */
  const void *initial;
  /* Result: the argument that it is in the next call (donated state, whether or
     not `alias` lets it use its buffer), or -1. */
  int64_t state_of;
  /* Where the user's type differs from what lies in memory (state that is kept
     scaled): the user's; else STEELYARD_INVALID_TYPE. */
  steelyard_type user_type;
  /* How state relates to the user's value: "" is it, "root" is its square root.
     Never null once in an executable. */
  const char *form;
} steelyard_value;

/* A kernel, contraction or copy of code compiled for profiling: what
   `steelyard_mark` names by its index. */
typedef struct steelyard_site {
  const char *kind;     /* "gemm", "elementwise", "reduce addf", "copy", ... */
  const char *buffers;  /* what it reads and writes: "8x16xf32, 16xf16" */
  const char *location; /* "file:line:column", JAX's name stack included */
} steelyard_site;

/* A tensor in the arena, for tests and debuggers. */
typedef struct steelyard_arena_tensor {
  const char *name;
  steelyard_type type;
  int64_t rank;
  const int64_t *shape;
  int64_t offset; /* bytes from the arena's start */
} steelyard_arena_tensor;

/* Compiled code: 0, or nonzero after `steelyard_context_set_error`, or what
   `steelyard_poll` returned. `arena` is aligned to 64 bytes, its contents are
   unspecified, and no result lives in it. For "cuda" the code is the host's
   all the same; `arena`, which is aligned to 256 bytes, and what `arguments`
   and `results` hold are addresses of the device. What it does there depends on
   them alone, or on what it looks at with `steelyard_gpu_read`: where it does
   not, it need not be entered for each call. */
typedef int32_t (*steelyard_entry)(steelyard_context *context, void *arena,
                                   const void *const *arguments,
                                   void *const *results);

typedef struct steelyard_function {
  const char *name;
  steelyard_entry entry;
  int64_t arena_bytes;
  int64_t argument_count;
  const steelyard_value *arguments;
  int64_t result_count;
  const steelyard_value *results;
  int64_t arena_tensor_count; /* may be 0 where there are tensors */
  const steelyard_arena_tensor *arena_tensors;
  int64_t site_count; /* 0 unless compiled for profiling */
  const steelyard_site *sites;
  int32_t has_checks; /* 1: a function of tests, whose checks decide */
  int32_t reserved;   /* 0 */
} steelyard_function;

/* Machine code of a GPU. */
typedef struct steelyard_gpu_image {
  /* The chip that it is for, in the names of NVIDIA's compilers. "sm_80" runs
     on chips of compute capability 8.0 or 8.x, "sm_90a" on 9.0 alone, "sm_100f"
     on the family of 10.0. */
  const char *chip;
  /* What cuModuleLoadDataEx takes: a cubin, a fat binary, or PTX, which ends in
     a zero byte that is counted. */
  const void *data;
  int64_t bytes;
  /* What `steelyard_gpu_launch` names by its index: each image has one for
     each, under any name. */
  int64_t kernel_count;
  const char *const *kernels;
} steelyard_gpu_image;

/* What `steelyard_gpu_constant` names by its index. */
typedef struct steelyard_constant {
  const void *data;
  int64_t bytes;
} steelyard_constant;

enum {
  /* Kernels wait themselves, before anything else, for what comes before them
     in their stream (PTX ISA, "griddepcontrol.wait"): they may be launched
     ahead of its end. Since 3.3. */
  STEELYARD_EXECUTABLE_KERNELS_WAIT = 1
};

typedef struct steelyard_executable_desc {
  uint32_t abi_version; /* STEELYARD_ABI_VERSION */
  uint32_t flags;       /* STEELYARD_EXECUTABLE_*; 0 before 3.3 */
  int64_t function_count;
  const steelyard_function *functions;
  /* What the code runs on: "cpu" or "cuda". Null is "cpu". */
  const char *target;
  /* The processor (of the host) it was compiled for, in LLVM's names:
     "x86-64-v3". Null or "": not said. */
  const char *processor;
  /* What the processor must have, in the names of
     `steelyard_processor_supports`, separated by commas; null or "": nothing.
     Creation fails with STEELYARD_FAILED_PRECONDITION where it lacks one. */
  const char *features;
  /* For "cuda", else none: its kernels, for one chip or several, of which the
     one closest to the device is taken; none where no kernel is launched. Their
     data is not copied: it stays where it is until `release`. */
  int64_t image_count;
  const steelyard_gpu_image *images;
  /* Likewise: what is put on a device when it is first needed there. */
  int64_t constant_count;
  const steelyard_constant *constants;
  /* Called once, with `owner`, when the executable is destroyed: lets go of
     the code. May be null. Not called when creation fails. */
  void (*release)(void *owner);
  void *owner;
} steelyard_executable_desc;

/* Copies the description (names, shapes and initial values included, but not
   the data of images and constants), refuses one that contradicts itself:
   STEELYARD_INVALID_ARGUMENT names what. No device is needed. */
STEELYARD_API steelyard_executable *
steelyard_executable_create(const steelyard_executable_desc *desc,
                            steelyard_error *error);

/* The executable in the shared library at `path`, as steelyard-compile writes
   it: opened with local symbols, closed when the executable is destroyed. It
   may be loaded any number of times. STEELYARD_NOT_FOUND when there is no
   such file, STEELYARD_INVALID_ARGUMENT when it is not a whole shared library
   or holds no executable. */
STEELYARD_API steelyard_executable *
steelyard_executable_load(const char *path, steelyard_error *error);

/* The name under which such a library exports its
   `const steelyard_executable_desc`. */
#define STEELYARD_EXECUTABLE_SYMBOL "steelyard_executable_description"

/* 1: this processor has the feature, 0: it does not, -1: no such feature is
   known. Names are LLVM's: "avx2", "fma", "avx512vl". */
STEELYARD_API int32_t steelyard_processor_supports(const char *feature);

/* What the description said, never null: its target, processor, features. */
STEELYARD_API const char *
steelyard_executable_target(const steelyard_executable *executable);
STEELYARD_API const char *
steelyard_executable_processor(const steelyard_executable *executable);
STEELYARD_API const char *
steelyard_executable_features(const steelyard_executable *executable);

/* NULL is allowed. No call may be running. What calls have left on streams of
   their callers is waited for. */
STEELYARD_API void
steelyard_executable_destroy(steelyard_executable *executable);

STEELYARD_API int64_t
steelyard_executable_function_count(const steelyard_executable *executable);

/* Null when there is no such function. */
STEELYARD_API const steelyard_function *
steelyard_executable_function(const steelyard_executable *executable,
                              int64_t index);

/* The index of the function called `name`, or -1. */
STEELYARD_API int64_t steelyard_executable_find(
    const steelyard_executable *executable, const char *name);

/* Bytes of a dense buffer of `value`; -1 on overflow. */
STEELYARD_API int64_t steelyard_value_bytes(const steelyard_value *value);

/* Runs function `function`: reads the buffers at `arguments`, writes those at
   `results`, in the order of its description. A buffer of no elements may be
   null, any other null is STEELYARD_INVALID_ARGUMENT; so is a buffer that is
   not aligned to its element, and a result that overlaps another result, or an
   argument otherwise than as `alias` allows. A second call on a running context
   fails with STEELYARD_FAILED_PRECONDITION. A failed check
   (`steelyard_check_*`) is not an error of the call. After any error results
   are unspecified.

   For "cuda" buffers are memory of the context's device, whoever allocated it
   (or managed memory); memory of the host or of another device is
   STEELYARD_INVALID_ARGUMENT. The first call on a device loads the code there
   (STEELYARD_FAILED_PRECONDITION: compiled for another chip), the first in a
   context makes its arena. Later calls of a function allocate nothing and wait
   only where code reads a condition, so that a stream may capture them. What
   kernels do wrong is found where something waits: at the end of the call, or
   where there is a stream of the caller's, in `steelyard_context_synchronize`
   or a later call; the process can't use the device any more then.

   The second call of a function with the same addresses captures what its code
   does, and later ones launch that as a CUDA graph, with the same results; of
   each function a context keeps the last eight sets of addresses. Code that
   waits or checks runs each time, and so does what takes fewer than
   three launches, and what a caller is capturing itself. A capture is on a
   stream of its own, in thread-local mode; only a thread that waits for all of
   the device (cuCtxSynchronize, cudaDeviceSynchronize) while one lasts is
   refused by CUDA. */
STEELYARD_API int32_t steelyard_execute(const steelyard_executable *executable,
                                        int64_t function,
                                        steelyard_context *context,
                                        const void *const *arguments,
                                        void *const *results,
                                        steelyard_error *error);

//===- BLAS ---------------------------------------------------------------===//

/* Contractions in f32 and f64 are done by a library with the CBLAS interface,
   opened at the first one (never with global symbols): $STEELYARD_BLAS, else
   the path given here, else libopenblas.so.0, else the runtime's own, slower
   code. STEELYARD_BLAS=builtin asks for the latter. The library is set to one
   thread: the runtime's workers share the output among them. Call it before the
   first contraction; afterwards it is STEELYARD_FAILED_PRECONDITION unless the
   path is the one in use. The file is opened here: STEELYARD_NOT_FOUND when it
   can't be or lacks the symbols. Thread-safe. */
STEELYARD_API int32_t steelyard_set_blas_path(const char *path,
                                              steelyard_error *error);

/* Opens the library if need be and names it, its kernels and its version, e.g.
   "OpenBLAS 0.3.29 ... SkylakeX, /path"; "builtin (avx2)" for the runtime's
   own. Static. */
STEELYARD_API const char *steelyard_blas_description(void);

//===- Devices ------------------------------------------------------------===//

/* How many devices the CUDA driver has; 0 with why in `error` where there is no
   driver, an old one, or no device: STEELYARD_NOT_FOUND or
   STEELYARD_FAILED_PRECONDITION. */
STEELYARD_API int32_t steelyard_device_count(steelyard_error *error);

/* The device's name in the driver's words ("NVIDIA H100 80GB HBM3") and its
   chip ("sm_90"). Static; null when there is no such device. */
STEELYARD_API const char *steelyard_device_name(int32_t device,
                                                steelyard_error *error);
STEELYARD_API const char *steelyard_device_chip(int32_t device,
                                                steelyard_error *error);

/* Memory of the context's device for buffers, aligned to 256 bytes; any other
   that CUDA's allocators give is as good. Each of these may be called from any
   thread, and fails with STEELYARD_FAILED_PRECONDITION while a call, or another
   of them, runs in the context. */

/* `bytes` of the device's memory, never null but on failure:
   STEELYARD_RESOURCE_EXHAUSTED says how much there is. */
STEELYARD_API void *steelyard_context_allocate(steelyard_context *context,
                                               size_t bytes,
                                               steelyard_error *error);

/* Waits for the work on the context's stream, then frees what
   `steelyard_context_allocate` gave, in any context of the device. NULL is
   allowed. The caller frees all of it while the context lives: it may go with
   the device's primary CUDA context, which lives until nobody uses it. */
STEELYARD_API int32_t steelyard_context_free(steelyard_context *context,
                                             void *device,
                                             steelyard_error *error);

/* Copy `bytes` between the host and the device, after the work on the context's
   stream, and wait for it. */
STEELYARD_API int32_t steelyard_context_upload(steelyard_context *context,
                                               void *device, const void *host,
                                               size_t bytes,
                                               steelyard_error *error);
STEELYARD_API int32_t steelyard_context_download(steelyard_context *context,
                                                 void *host, const void *device,
                                                 size_t bytes,
                                                 steelyard_error *error);

/* Copies `bytes` within the device, after the work on the context's stream; the
   two don't overlap. On a stream of the caller's it returns when the copy is
   there, which a caller may be capturing; on the context's own it waits.
   STEELYARD_INVALID_ARGUMENT where one is not memory of the device. Since 3.2.
 */
STEELYARD_API int32_t steelyard_context_copy(steelyard_context *context,
                                             void *to, const void *from,
                                             size_t bytes,
                                             steelyard_error *error);

/* Waits for the work on the context's stream; STEELYARD_INTERNAL when a kernel
   failed. Nothing to do, and no driver needed, in a context that has not used
   its device. */
STEELYARD_API int32_t steelyard_context_synchronize(steelyard_context *context,
                                                    steelyard_error *error);

/* How far the device is, without waiting for it: so that what a call on a
   caller's stream was given can be kept until the device is done with it. Since
   3.2. */

/* Marks a point in the order of the context's stream, behind all that was put
   there: a number, from 1 on in each context and one more each time, or 0 on
   failure. A context that has not used its device opens it: others may have
   put work on its stream. STEELYARD_FAILED_PRECONDITION while the stream is
   captured, whose work is done some other time or never; the capture goes on.
   STEELYARD_INTERNAL after a kernel has failed. */
STEELYARD_API int64_t steelyard_context_record(steelyard_context *context,
                                               steelyard_error *error);

/* Whether the device has passed `point` of this context, and with it all points
   before: 1, or 0 where it has not, or -1 on failure. Never waits, and may be
   asked while any stream is captured. STEELYARD_INVALID_ARGUMENT where the
   context has no such point, so of all numbers, and without a driver, in one
   that has not used its device. STEELYARD_INTERNAL after a kernel has failed,
   when the point is not passed, and never will be; those once found passed
   stay so. */
STEELYARD_API int32_t steelyard_context_reached(steelyard_context *context,
                                                int64_t point,
                                                steelyard_error *error);

/* Waits until the device has passed `point`, and for nothing behind it; fails
   as `steelyard_context_reached` does. */
STEELYARD_API int32_t steelyard_context_wait(steelyard_context *context,
                                             int64_t point,
                                             steelyard_error *error);

//===- For compiled code --------------------------------------------------===//

/* Only inside `steelyard_execute`, with its context; from the calling thread
   unless it says otherwise. */

/* Records why the call failed: the first message is kept. From any thread. */
STEELYARD_API void steelyard_context_set_error(steelyard_context *context,
                                               const char *message);

/* Nonzero when the call is to stop; an entry returns it at once. From any
 * thread. */
STEELYARD_API int32_t steelyard_poll(steelyard_context *context);

/* The time since the last mark in this call was spent at `site`; a negative one
   starts the clock. For "cuda" it is the device's, between CUDA events on the
   stream, and the call waits for them at its end. */
STEELYARD_API void steelyard_mark(steelyard_context *context, int64_t site);

/* body(b, e, closure) once for each chunk [b, e) = [begin + i*grain,
   min(begin + (i+1)*grain, end)), in any order, on any of the context's
   threads, the calling one among them; returns when all are done. The chunks
   do not depend on the number of threads, so neither do results where chunks
   write apart. `grain` below 1 counts as 1. A loop inside a body is
   allowed; it may run on the body's thread alone. Memory written before the
   call is seen by every chunk, and what chunks wrote by what follows. */
STEELYARD_API void steelyard_parallel_for(
    steelyard_context *context, int64_t begin, int64_t end, int64_t grain,
    void (*body)(int64_t begin, int64_t end, void *closure), void *closure);

/* C[b,m,n] = (accumulate ? C[b,m,n] : 0) + sum over k of A[b,m,k] * B[b,k,n].
   Strides are in elements, of any value (0 broadcasts an operand; C's elements
   must be distinct). C may not overlap A or B.
   A, B: f32 or any format of at most 16 bits, each its own, and C f32; or all
   three f64. What is not f32 or f64 is decoded panel by panel. Products and
   sums are rounded in C's type, in an order that is fixed by the sizes, the
   strides and the machine. k = 0 gives zeros (or leaves C). */
typedef struct steelyard_gemm_desc {
  int64_t batch, m, n, k; /* >= 0 */
  const void *a;
  steelyard_type a_type;
  int64_t a_batch_stride, a_m_stride, a_k_stride;
  const void *b;
  steelyard_type b_type;
  int64_t b_batch_stride, b_k_stride, b_n_stride;
  void *c;
  steelyard_type c_type;
  int64_t c_batch_stride, c_m_stride, c_n_stride;
  int64_t accumulate; /* 0 or 1 */
} steelyard_gemm_desc;

/* 0, or nonzero with the context's error set (types, sizes, memory) or when
   the call was cancelled; an entry returns it at once. */
STEELYARD_API int32_t steelyard_gemm(steelyard_context *context,
                                     const steelyard_gemm_desc *desc);

/* What code of "cuda" executables calls, on the host. Addresses are the
   device's, work goes on the context's stream in the order of the calls, and
   nothing waits unless it says so. Each returns 0, or nonzero with the
   context's error set (the kernel, the driver's own words) or when the call was
   cancelled; an entry returns it at once. */

/* What profilers are to call the next of these on the context's stream: the
   operation that it comes from. Only its address is kept, until then. Returns
   nothing, and can't fail. Since 3.3. */
STEELYARD_API void steelyard_gpu_operation(steelyard_context *context,
                                           const char *name);

/* Launches kernel `kernel` of the image. `arguments` holds the address of each
   parameter's value, which is read before it returns. A grid of no blocks is
   no work. `shared_bytes` of dynamic shared memory may be all that the device
   gives a block. */
STEELYARD_API int32_t steelyard_gpu_launch(
    steelyard_context *context, int64_t kernel, const uint32_t grid[3],
    const uint32_t block[3], uint32_t shared_bytes, void **arguments);

/* Copies `bytes` within the device; the two don't overlap. */
STEELYARD_API int32_t steelyard_gpu_copy(steelyard_context *context, void *to,
                                         const void *from, size_t bytes);

/* Zeroes `bytes`. */
STEELYARD_API int32_t steelyard_gpu_fill(steelyard_context *context, void *to,
                                         size_t bytes);

/* Copies `bytes` to the host and waits for them: a loop's condition. */
STEELYARD_API int32_t steelyard_gpu_read(steelyard_context *context, void *host,
                                         const void *device, size_t bytes);

/* What `steelyard_gpu_gemm` does last. */
enum {
  STEELYARD_EPILOGUE_NONE = 0,
  STEELYARD_EPILOGUE_RELU = 1, /* max(x, 0), which may be 0 for NaN */
  /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
  STEELYARD_EPILOGUE_GELU = 2
};

/* What it may do to be faster: flags, which types that they do not name
   ignore. */
enum {
  STEELYARD_COMPUTE_ACCURATE = 0,
  STEELYARD_COMPUTE_TF32 = 1,           /* f32 operands are rounded to tf32 */
  STEELYARD_COMPUTE_FAST_ACCUMULATE = 2 /* FP8: sums of about 14 bits */
};

/* C[b,m,n] = epilogue((accumulate ? C[b,m,n] : 0) + bias[n] +
                       a_scale b_scale (sum over k of A[b,m,k] B[b,k,n]))
   with sums in f32, or f64, rounded to C's type at the end. It is done by
   cuBLASLt, whose rules (cublasLtMatmul in NVIDIA's cuBLAS documentation) hold:

     A, B                   C                bias
     f32, f32               f32              f32
     f16, f16               f16, f32         C's type
     bf16, bf16             bf16, f32        C's type
     f64, f64               f64              none, no epilogue
     f8E4M3FN, f8E4M3FN     f32, bf16, f16   bf16 (f32, bf16), f16 (f16)
     f8E4M3FN, f8E5M2       as before
     f8E5M2, f8E4M3FN       as before

   Strides are in elements. In each of A, B and C one of the two inner strides
   is 1 and the other at least the extent that it strides over; those of an
   extent of 1 do not matter. Batch strides are any (0 broadcasts an operand;
   C's elements must be distinct). A bias needs C's n stride to be 1. C may not
   overlap A or B.
   FP8 needs a GPU of compute capability 8.9 or later; A and B with a k stride
   of 1 (but on 10.x); k, the extent along C's stride of 1, and the strides of
   A, B and C other than 1 that take multiples of 16 bytes; addresses, those of
   scales and bias too, that are multiples of 16. Only FP8 operands have scales.
   k = 0 gives zeros (or leaves C); then a bias, or an epilogue of what is
   accumulated, is STEELYARD_UNIMPLEMENTED, as is what the library refuses.

   The algorithm is chosen by the library when a process first meets the types,
   sizes, strides and alignments (of at most 16 bytes) on a device, and is the
   same from then on, for all contexts. A context's first contraction allocates
   32 MiB of the device's memory. */
typedef struct steelyard_gpu_gemm_desc {
  int64_t batch, m, n, k; /* >= 0 */
  const void *a;
  steelyard_type a_type;
  int64_t a_batch_stride, a_m_stride, a_k_stride;
  const void *b;
  steelyard_type b_type;
  int64_t b_batch_stride, b_k_stride, b_n_stride;
  void *c;
  steelyard_type c_type;
  int64_t c_batch_stride, c_m_stride, c_n_stride;
  const float *a_scale, *b_scale; /* of the device, one each; null: 1 */
  const void *bias;               /* of the device, n elements; or null */
  steelyard_type bias_type;
  int32_t accumulate; /* 0 or 1 */
  int32_t epilogue;   /* STEELYARD_EPILOGUE_* */
  int32_t compute;    /* STEELYARD_COMPUTE_*, any of the flags */
  int32_t reserved;   /* 0 */
} steelyard_gpu_gemm_desc;

/* STEELYARD_NOT_FOUND says which libraries were tried, and how to get one. */
STEELYARD_API int32_t steelyard_gpu_gemm(steelyard_context *context,
                                         const steelyard_gpu_gemm_desc *desc);

/* The address of constant `index`, aligned to 256 bytes; null with the
   context's error set. Waits where it puts it there: once for each device. */
STEELYARD_API const void *steelyard_gpu_constant(steelyard_context *context,
                                                 int64_t index);

/* Checks compare two dense row-major buffers of one shape; a failure is
   recorded with `location` (may be null), the first differing index, what was
   got and wanted, and how many elements differ. A NaN equals any NaN. A
   complex number is compared part by part. For "cuda" both are the device's,
   and are waited for. */

/* Bytes are equal: +0 is not -0. */
STEELYARD_API void steelyard_check_eq(steelyard_context *context,
                                      steelyard_type type, int64_t rank,
                                      const int64_t *shape, const void *got,
                                      const void *want, const char *location);

/* At most `max_ulp` representable values apart, zeros being one, infinities
   equal only to themselves. Integers must be equal. */
STEELYARD_API void steelyard_check_close(steelyard_context *context,
                                         steelyard_type type, int64_t rank,
                                         const int64_t *shape, const void *got,
                                         const void *want, int64_t max_ulp,
                                         const char *location);

/* |got - want| <= tolerance in f64, infinities equal only to themselves.
   Integers must be equal. */
STEELYARD_API void steelyard_check_almost_eq(steelyard_context *context,
                                             steelyard_type type, int64_t rank,
                                             const int64_t *shape,
                                             const void *got, const void *want,
                                             double tolerance,
                                             const char *location);

#ifdef __cplusplus
}
#endif

#endif /* STEELYARD_RUNTIME_STEELYARD_H */
