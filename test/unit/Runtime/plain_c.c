/*===- plain_c.c - The C ABI from a plain C program
------------------------===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Describes a hand-written entry, runs it, reads its metadata and its arena.
//===----------------------------------------------------------------------===*/

#include "steelyard/Runtime/steelyard.h"

#include <stdio.h>
#include <string.h>

static int failures = 0;

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);  \
      ++failures;                                                              \
    }                                                                          \
  } while (0)

enum { N = 1000 };

struct scale_closure {
  const float *x;
  float *y;
};

static void scale_body(int64_t begin, int64_t end, void *closure) {
  struct scale_closure *c = (struct scale_closure *)closure;
  for (int64_t i = begin; i < end; ++i) {
    c->y[i] = 2 * c->x[i];
  }
}

/* y = 2x; state' = state + 1; leaves two FP8 codes in the arena. */
static int32_t step(steelyard_context *context, void *arena,
                    const void *const *arguments, void *const *results) {
  const unsigned char codes[2] = {0x38, 0xb8};
  struct scale_closure closure;
  int32_t status = steelyard_poll(context);
  if (status) {
    return status;
  }
  closure.x = (const float *)arguments[0];
  closure.y = (float *)results[0];
  steelyard_parallel_for(context, 0, N, 64, scale_body, &closure);
  *(int32_t *)results[1] = *(const int32_t *)arguments[1] + 1;
  memcpy((char *)arena + 64, codes, sizeof codes);
  return 0;
}

static int32_t failing(steelyard_context *context, void *arena,
                       const void *const *arguments, void *const *results) {
  (void)arena;
  (void)arguments;
  (void)results;
  steelyard_context_set_error(context, "the matrix is singular");
  return 1;
}

static void count_release(void *owner) { ++*(int *)owner; }

int main(void) {
  int64_t shape[1] = {N};
  int64_t two[1] = {2};
  const int32_t zero = 0;
  steelyard_value arguments[2], results[2];
  steelyard_arena_tensor tensor;
  steelyard_function functions[2];
  steelyard_executable_desc desc;
  steelyard_executable *executable;
  steelyard_context *context;
  steelyard_error error;
  const steelyard_function *function;
  int released = 0;
  static float x[N], y[N];
  int32_t state;
  const void *in[2];
  void *out[2];
  size_t arena_bytes = 0;
  const unsigned char *arena;

  EXPECT(steelyard_abi_version() == STEELYARD_ABI_VERSION);

  memset(arguments, 0, sizeof arguments);
  memset(results, 0, sizeof results);
  memset(functions, 0, sizeof functions);
  memset(&desc, 0, sizeof desc);
  arguments[0].name = "x";
  arguments[0].type = STEELYARD_F32;
  arguments[0].rank = 1;
  arguments[0].shape = shape;
  arguments[0].scale_of = -1;
  arguments[0].state_of = -1;
  arguments[1].name = "count";
  arguments[1].type = STEELYARD_I32;
  arguments[1].scale_of = 0; /* the exponent of x, say */
  arguments[1].role = STEELYARD_VALUE_RECIPE_STATE;
  arguments[1].initial = &zero;
  results[0] = arguments[0];
  results[0].name = "y";
  results[0].alias = -1;
  results[1] = arguments[1];
  results[1].alias = 1;
  results[1].state_of = 1;
  tensor.name = "codes";
  tensor.type = STEELYARD_F8E4M3FN;
  tensor.rank = 1;
  tensor.shape = two;
  tensor.offset = 64;
  functions[0].name = "step";
  functions[0].entry = step;
  functions[0].arena_bytes = 128;
  functions[0].argument_count = 2;
  functions[0].arguments = arguments;
  functions[0].result_count = 2;
  functions[0].results = results;
  functions[0].arena_tensor_count = 1;
  functions[0].arena_tensors = &tensor;
  functions[1].name = "failing";
  functions[1].entry = failing;
  desc.abi_version = STEELYARD_ABI_VERSION;
  desc.function_count = 2;
  desc.functions = functions;
  desc.release = count_release;
  desc.owner = &released;

  executable = steelyard_executable_create(&desc, &error);
  EXPECT(executable != NULL);
  EXPECT(error.code == STEELYARD_OK);
  if (!executable) {
    fprintf(stderr, "%s\n", error.message);
    return 1;
  }
  /* The description is copied. */
  shape[0] = 7;
  arguments[0].name = "gone";
  EXPECT(steelyard_executable_function_count(executable) == 2);
  EXPECT(steelyard_executable_find(executable, "failing") == 1);
  EXPECT(steelyard_executable_find(executable, "none") == -1);
  EXPECT(steelyard_executable_function(executable, 2) == NULL);
  function = steelyard_executable_function(executable, 0);
  EXPECT(strcmp(function->arguments[0].name, "x") == 0);
  EXPECT(function->arguments[0].shape[0] == N);
  EXPECT(function->arguments[0].alias == -1);
  EXPECT(function->arguments[1].alias == 1);
  EXPECT(function->arguments[1].scale_of == 0);
  EXPECT(function->results[0].state_of == -1);
  EXPECT(function->results[1].state_of == 1);
  EXPECT(strcmp(function->arguments[0].form, "") == 0);
  EXPECT(*(const int32_t *)function->arguments[1].initial == 0);
  EXPECT(steelyard_value_bytes(&function->arguments[0]) == 4 * N);

  context = steelyard_context_create(NULL, &error);
  EXPECT(context != NULL);
  EXPECT(steelyard_context_thread_count(context) >= 1);
  EXPECT(steelyard_context_arena(context, NULL) == NULL);
  for (int i = 0; i < N; ++i) {
    x[i] = (float)i;
  }
  state = *(const int32_t *)function->arguments[1].initial;
  in[0] = x;
  in[1] = &state;
  out[0] = y;
  out[1] = &state; /* donated */
  for (int i = 0; i < 3; ++i) {
    EXPECT(steelyard_execute(executable, 0, context, in, out, &error) == 0);
  }
  EXPECT(state == 3);
  for (int i = 0; i < N; ++i) {
    EXPECT(y[i] == 2 * x[i]);
  }
  arena = (const unsigned char *)steelyard_context_arena(context, &arena_bytes);
  EXPECT(arena_bytes >= 128);
  EXPECT((uintptr_t)arena % 64 == 0);
  EXPECT(arena[function->arena_tensors[0].offset] == 0x38);
  EXPECT(arena[function->arena_tensors[0].offset + 1] == 0xb8);

  EXPECT(steelyard_execute(executable, 1, context, NULL, NULL, &error) ==
         STEELYARD_INTERNAL);
  EXPECT(strcmp(error.message, "the matrix is singular") == 0);
  EXPECT(steelyard_execute(executable, 2, context, NULL, NULL, &error) ==
         STEELYARD_NOT_FOUND);
  EXPECT(steelyard_execute(executable, 0, context, NULL, NULL, &error) ==
         STEELYARD_INVALID_ARGUMENT);
  /* An error is not kept for the next call, and NULL asks for none. */
  EXPECT(steelyard_execute(executable, 0, context, in, out, NULL) == 0);

  steelyard_context_destroy(context);
  steelyard_executable_destroy(executable);
  steelyard_executable_destroy(NULL);
  steelyard_context_destroy(NULL);
  EXPECT(released == 1);
  return failures != 0;
}
