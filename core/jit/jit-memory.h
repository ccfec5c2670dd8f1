/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory for compiled code: one piece mapped twice, once to be written and once to be run, so that
 * no page is ever writable and executable at once. The whole size is address space only; segments
 * take memory from the host when they are taken and give it back when they are released.
 *
 * The owner has a lock around take and release; everything else is for any thread. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

#define DIO_JIT_MEMORY_SIZE ((size_t) 128 << 20)
#define DIO_JIT_SEGMENT_SIZE ((size_t) 2 << 20)

typedef struct DioJitMemory DioJitMemory;

/* Both sizes are multiples of the page size, @size one of @segment_size, or 0: the constants above.
 * DIO_ERROR_UNSUPPORTED when the host forbids memory that is run, DIO_ERROR_MEMORY when it has not
 * enough address space. */
DioJitMemory *dio_jit_memory_new (size_t size, size_t segment_size, GError **error);

/* Nobody may be in the code. */
void dio_jit_memory_free (DioJitMemory *memory);

/* Segment @index of size / segment_size is to be used: zero-filled. False: the host has no memory
 * for it, and writing there could end the process. */
bool dio_jit_segment_take (DioJitMemory *memory, unsigned index);

/* Its memory goes back to the host, what was in it is lost. Nobody may be in its code. */
void dio_jit_segment_release (DioJitMemory *memory, unsigned index);

/* The two addresses of the byte at @offset; the second minus the first is exec_delta everywhere. */
uint8_t *dio_jit_memory_writable (DioJitMemory *memory, size_t offset);
uint8_t *dio_jit_memory_executable (DioJitMemory *memory, size_t offset);
ptrdiff_t dio_jit_memory_exec_delta (const DioJitMemory *memory);

/* Makes sure that code which was written to [@offset, @offset + @size) is what the calling thread
 * runs; nothing on hosts whose instruction caches see writes. */
void dio_jit_memory_flush (DioJitMemory *memory, size_t offset, size_t size);

/* Bytes of host memory that the segments take now. */
size_t dio_jit_memory_resident (const DioJitMemory *memory);
