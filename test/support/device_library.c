/*===- device_library.c - A library for "cuda" without a compiler --*- C -*-===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// What test_device.py calls: as compiled code would be, by hand. Its kernels
// are functions of the host for the fake driver (FakeCUDA.h), and with
// -DCHIP="sm_90" PTX for a device.
//===----------------------------------------------------------------------===*/

#include <steelyard/Runtime/steelyard.h>

/*===- Kernels: one block, a thread an element -----------------------------===*/

enum { kAdd, kAddOne, kFault, kKernels };
static const char *const names[] = {"add", "add_one", "fault"};

#ifdef CHIP
static const char ptx[] =
    ".version 7.8\n.target " CHIP "\n.address_size 64\n"
    ".visible .entry add(.param .u64 x, .param .u64 y, .param .u64 z) {\n"
    "  .reg .b32 %r; .reg .b64 %i, %p, %q, %s; .reg .f32 %a, %b;\n"
    "  mov.u32 %r, %tid.x; mul.wide.u32 %i, %r, 4;\n"
    "  ld.param.u64 %p, [x]; add.u64 %p, %p, %i; ld.global.f32 %a, [%p];\n"
    "  ld.param.u64 %q, [y]; add.u64 %q, %q, %i; ld.global.f32 %b, [%q];\n"
    "  add.f32 %a, %a, %b;\n"
    "  ld.param.u64 %s, [z]; add.u64 %s, %s, %i; st.global.f32 [%s], %a;\n"
    "  ret;\n}\n"
    ".visible .entry add_one(.param .u64 x, .param .u64 y, .param .u64 z) {\n"
    "  .reg .b32 %r, %a; .reg .b64 %i, %p, %s;\n"
    "  mov.u32 %r, %tid.x; mul.wide.u32 %i, %r, 4;\n"
    "  ld.param.u64 %p, [x]; add.u64 %p, %p, %i; ld.global.u32 %a, [%p];\n"
    "  add.u32 %a, %a, 1;\n"
    "  ld.param.u64 %s, [z]; add.u64 %s, %s, %i; st.global.u32 [%s], %a;\n"
    "  ret;\n}\n"
    ".visible .entry fault(.param .u64 x, .param .u64 y, .param .u64 z) {\n"
    "  trap;\n}\n";
#define IMAGE CHIP, ptx, sizeof ptx
#else
struct launch {
  unsigned grid[3], block[3], shared_bytes;
};
struct symbol {
  const char *name;
  int (*body)(const struct launch *, void **);
  size_t count, bytes[4];
};
static int add(const struct launch *launch, void **arguments) {
  const float *x = *(float **)arguments[0], *y = *(float **)arguments[1];
  float *z = *(float **)arguments[2];
  for (unsigned i = 0; i < launch->block[0]; ++i) {
    z[i] = x[i] + y[i];
  }
  return 0;
}
static int add_one(const struct launch *launch, void **arguments) {
  const int32_t *x = *(int32_t **)arguments[0];
  int32_t *z = *(int32_t **)arguments[2];
  for (unsigned i = 0; i < launch->block[0]; ++i) {
    z[i] = x[i] + 1;
  }
  return 0;
}
static int fault(const struct launch *launch, void **arguments) {
  (void)launch, (void)arguments;
  return 700;
}
static const struct symbol symbols[] = {{"add", add, 3, {8, 8, 8, 0}},
                                        {"add_one", add_one, 3, {8, 8, 8, 0}},
                                        {"fault", fault, 3, {8, 8, 8, 0}}};
static const struct {
  uint64_t magic;
  size_t count;
  const struct symbol *symbols;
} fake = {0x4547414d49414b45, kKernels, symbols};
#define IMAGE "sm_90a", &fake, sizeof fake
#endif

static int32_t launch(steelyard_context *context, int64_t kernel, const void *x,
                      const void *y, void *z, uint32_t count) {
  const uint32_t grid[3] = {1, 1, 1};
  const uint32_t block[3] = {count, 1, 1};
  void *arguments[] = {&x, &y, &z};
  return steelyard_gpu_launch(context, kernel, grid, block, 0, arguments);
}

/*===- Functions -----------------------------------------------------------===*/

#define ENTRY(name)                                                            \
  static int32_t name(steelyard_context *context, void *arena,                 \
                      const void *const *in, void *const *out)

/* Through the arena. */
ENTRY(identity) {
  int32_t code = steelyard_gpu_copy(context, arena, in[0], 48);
  return code ? code : steelyard_gpu_copy(context, out[0], arena, 48);
}

/* w + x, and x. */
ENTRY(step) {
  (void)arena;
  int32_t code = launch(context, kAdd, in[0], in[1], out[0], 8);
  return code ? code : steelyard_gpu_copy(context, out[1], in[1], 32);
}

/* x, the history and one, a tap that sees 0. */
ENTRY(recipe) {
  (void)arena;
  int32_t code = steelyard_gpu_copy(context, out[0], in[0], 32);
  code = code ? code : launch(context, kAddOne, in[1], in[1], out[1], 8);
  return code ? code : steelyard_gpu_fill(context, out[2], 4);
}

/* Twice the value: one more in the exponent. */
ENTRY(scaled) {
  (void)arena;
  int32_t code = steelyard_gpu_copy(context, out[0], in[0], 16);
  return code ? code : launch(context, kAddOne, in[1], in[1], out[1], 1);
}

ENTRY(kinds) {
  static const size_t bytes[] = {6, 3, 2, 8, 0};
  (void)arena;
  for (int i = 0; i < 5; ++i) {
    int32_t code = steelyard_gpu_copy(context, out[i], in[i], bytes[i]);
    if (code) {
      return code;
    }
  }
  return 0;
}

ENTRY(large) {
  (void)arena;
  return steelyard_gpu_copy(context, out[0], in[0], 4 << 20);
}

ENTRY(wrong) {
  (void)arena;
  return launch(context, kFault, in[0], in[0], out[0], 8);
}

static const int64_t matrix[] = {4, 3}, eight[] = {8}, three[] = {3},
                     two[] = {2}, none[] = {0, 3}, million[] = {1 << 20};
static const int32_t zeros[8] = {0};

#define VALUE(name, type, rank, shape, scale_of, role, initial, state_of,      \
              user_type)                                                       \
  {name, type, rank,    shape,    -1,        scale_of,                         \
   role, 0,    initial, state_of, user_type, ""}
#define PLAIN(name, type, rank, shape)                                         \
  VALUE(name, type, rank, shape, -1, STEELYARD_VALUE_USER, 0, -1, 0)

static const steelyard_value
    identity_in[] = {PLAIN("x", STEELYARD_F32, 2, matrix)},
    identity_out[] = {PLAIN("y", STEELYARD_F32, 2, matrix)},
    step_in[] = {VALUE("w", STEELYARD_F32, 1, eight, -1, STEELYARD_VALUE_STATE,
                       0, -1, 0),
                 PLAIN("x", STEELYARD_F32, 1, eight)},
    step_out[] = {VALUE("w", STEELYARD_F32, 1, eight, -1, STEELYARD_VALUE_STATE,
                        0, 0, 0),
                  PLAIN("loss", STEELYARD_F32, 1, eight)},
    recipe_in[] = {PLAIN("x", STEELYARD_I32, 1, eight),
                   VALUE("history", STEELYARD_I32, 1, eight, -1,
                         STEELYARD_VALUE_RECIPE_STATE, zeros, -1, 0)},
    recipe_out[] = {PLAIN("y", STEELYARD_I32, 1, eight),
                    VALUE("history", STEELYARD_I32, 1, eight, -1,
                          STEELYARD_VALUE_RECIPE_STATE, 0, 1, 0),
                    VALUE("tap", STEELYARD_I32, 0, 0, -1,
                          STEELYARD_VALUE_OBSERVED, 0, -1, 0)},
    scaled_in[] = {VALUE("w", STEELYARD_F16, 1, eight, -1,
                         STEELYARD_VALUE_STATE, 0, -1, STEELYARD_F32),
                   VALUE("w.exponent", STEELYARD_I32, 0, 0, 0,
                         STEELYARD_VALUE_STATE, 0, -1, 0)},
    scaled_out[] = {VALUE("w", STEELYARD_F16, 1, eight, -1,
                          STEELYARD_VALUE_STATE, 0, 0, STEELYARD_F32),
                    VALUE("w.exponent", STEELYARD_I32, 0, 0, 0,
                          STEELYARD_VALUE_STATE, 0, 1, 0)},
    kinds_in[] = {PLAIN("a", STEELYARD_BF16, 1, three),
                  PLAIN("b", STEELYARD_F8E4M3FN, 1, three),
                  PLAIN("c", STEELYARD_I1, 1, two),
                  PLAIN("d", STEELYARD_F64, 0, 0),
                  PLAIN("e", STEELYARD_F32, 2, none)},
    large_in[] = {PLAIN("x", STEELYARD_F32, 1, million)},
    wrong_in[] = {PLAIN("x", STEELYARD_F32, 1, eight)};

#define COUNT(array) (int64_t)(sizeof(array) / sizeof(*(array)))
#define FUNCTION(name, arena, in, out)                                         \
  {#name, name, arena, COUNT(in), in, COUNT(out), out, 0, 0, 0, 0, 0, 0}

static const steelyard_function functions[] = {
    FUNCTION(identity, 48, identity_in, identity_out),
    FUNCTION(step, 0, step_in, step_out),
    FUNCTION(recipe, 0, recipe_in, recipe_out),
    FUNCTION(scaled, 0, scaled_in, scaled_out),
    FUNCTION(kinds, 0, kinds_in, kinds_in),
    FUNCTION(large, 4 << 20, large_in, large_in),
    FUNCTION(wrong, 0, wrong_in, wrong_in),
};
static const steelyard_gpu_image images[] = {{IMAGE, kKernels, names}};

STEELYARD_API const steelyard_executable_desc
    steelyard_executable_description = {.abi_version = STEELYARD_ABI_VERSION,
                                        .function_count = COUNT(functions),
                                        .functions = functions,
                                        .target = "cuda",
                                        .image_count = 1,
                                        .images = images};
