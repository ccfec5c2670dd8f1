/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory for code, mapped twice: to be written and to be run. */
#pragma once
#include <glib.h>
#include "core/base/base-types.h"
typedef struct DioJitMemory DioJitMemory;
DioJitMemory *dio_jit_memory_new (size_t size, size_t segment_size, GError **error);
void dio_jit_memory_free (DioJitMemory *m);
bool dio_jit_segment_take (DioJitMemory *m, unsigned index);
void dio_jit_segment_release (DioJitMemory *m, unsigned index);
uint8_t *dio_jit_memory_writable (DioJitMemory *m, size_t offset);
uint8_t *dio_jit_memory_executable (DioJitMemory *m, size_t offset);
