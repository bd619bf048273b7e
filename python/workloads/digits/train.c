/*===- train.c - Trains a compiled step from plain C --------------------===//
// Part of Steelyard, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// train STEP.so FOLDER BATCHES: runs `main` once a batch and prints its last
// result, the loss, a line each. The state at the end goes to
// FOLDER/<index>.out.
//
// Arguments that come back as state start as FOLDER/<index>.bin, bytes as they
// lie in memory, and recipe state as the executable says; each other argument
// has its BATCHES values there, one after the other. Nothing but
// libsteelyard_rt is needed: no Python, no LLVM.
//===--------------------------------------------------------------------===*/

#include "steelyard/Runtime/steelyard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *why) {
  fprintf(stderr, "train: %s: %s\n", what, why);
  exit(1);
}

static void *allocate(int64_t bytes) {
  size_t size = ((size_t)bytes + 64) / 64 * 64;
  void *memory = aligned_alloc(64, size);
  if (!memory) {
    fail("allocate", "out of memory");
  }
  return memory;
}

/* The file FOLDER/<index>.bin, which holds exactly so many bytes. */
static char *read_file(const char *folder, int64_t index, int64_t bytes) {
  char path[4096];
  FILE *file;
  char *data = (char *)allocate(bytes + 1);
  snprintf(path, sizeof path, "%s/%lld.bin", folder, (long long)index);
  file = fopen(path, "rb");
  if (!file) {
    fail(path, "can't be opened");
  }
  if (fread(data, 1, (size_t)bytes + 1, file) != (size_t)bytes) {
    fail(path, "has another size");
  }
  fclose(file);
  return data;
}

static void write_file(const char *folder, int64_t index, const void *data,
                       int64_t bytes) {
  char path[4096];
  FILE *file;
  snprintf(path, sizeof path, "%s/%lld.out", folder, (long long)index);
  file = fopen(path, "wb");
  if (!file || fwrite(data, 1, (size_t)bytes, file) != (size_t)bytes ||
      fclose(file) != 0) {
    fail(path, "can't be written");
  }
}

int main(int argc, char **argv) {
  steelyard_error error;
  steelyard_executable *executable;
  steelyard_context *context;
  const steelyard_function *function;
  int64_t index, i, batch, batches;
  int64_t *result_of;   /* of an argument: the result that it becomes, or -1 */
  int64_t *batch_bytes; /* of an argument: how far to the next batch's */
  const void **arguments;
  void **results, **spare;

  if (argc != 4) {
    fprintf(stderr, "usage: train STEP.so FOLDER BATCHES\n");
    return 2;
  }
  batches = atoll(argv[3]);
  executable = steelyard_executable_load(argv[1], &error);
  if (!executable) {
    fail("load", error.message);
  }
  index = steelyard_executable_find(executable, "main");
  if (index < 0) {
    fail(argv[1], "has no function main");
  }
  function = steelyard_executable_function(executable, index);
  context = steelyard_context_create(NULL, &error);
  if (!context) {
    fail("context", error.message);
  }

  result_of = (int64_t *)allocate(function->argument_count * 8);
  batch_bytes = (int64_t *)allocate(function->argument_count * 8);
  arguments = (const void **)allocate(function->argument_count * 8);
  spare = (void **)allocate(function->argument_count * 8);
  results = (void **)allocate(function->result_count * 8);
  for (i = 0; i < function->argument_count; ++i) {
    result_of[i] = -1;
  }
  for (i = 0; i < function->result_count; ++i) {
    results[i] = allocate(steelyard_value_bytes(&function->results[i]));
    if (function->results[i].state_of >= 0) {
      result_of[function->results[i].state_of] = i;
    }
  }
  for (i = 0; i < function->argument_count; ++i) {
    const steelyard_value *value = &function->arguments[i];
    int64_t bytes = steelyard_value_bytes(value);
    int is_state = result_of[i] >= 0;
    batch_bytes[i] = is_state ? 0 : bytes;
    spare[i] = is_state ? allocate(bytes) : NULL;
    if (value->role == STEELYARD_VALUE_RECIPE_STATE) {
      memcpy(spare[i], value->initial, (size_t)bytes);
      arguments[i] = spare[i];
      spare[i] = allocate(bytes);
    } else {
      arguments[i] = read_file(argv[2], i, is_state ? bytes : bytes * batches);
    }
  }

  for (batch = 0; batch < batches; ++batch) {
    /* What was an argument is where the next result goes. */
    for (i = 0; i < function->argument_count; ++i) {
      if (result_of[i] >= 0) {
        results[result_of[i]] = spare[i];
      }
    }
    if (steelyard_execute(executable, index, context, arguments, results,
                          &error)) {
      fail("step", error.message);
    }
    for (i = 0; i < function->argument_count; ++i) {
      if (result_of[i] >= 0) {
        spare[i] = (void *)arguments[i];
        arguments[i] = results[result_of[i]];
      } else {
        arguments[i] = (const char *)arguments[i] + batch_bytes[i];
      }
    }
    for (i = function->result_count - 1; i >= 0; --i) {
      if (function->results[i].role == STEELYARD_VALUE_USER) {
        printf("%a\n", (double)*(const float *)results[i]);
        break;
      }
    }
  }
  for (i = 0; i < function->argument_count; ++i) {
    if (result_of[i] >= 0) {
      write_file(argv[2], i, arguments[i],
                 steelyard_value_bytes(&function->arguments[i]));
    }
  }
  steelyard_context_destroy(context);
  steelyard_executable_destroy(executable);
  return 0;
}
