/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory for compiled code: one shared anonymous mapping, and a second view of it. It is no memfd,
 * although that would read better in a list of mappings: perf(1) takes names from its map for
 * anonymous memory only, and knows that by the "/dev/zero" which the kernel calls this. */
#include "core/jit/jit-memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#ifndef MADV_POPULATE_WRITE /* since Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

struct DioJitMemory {
  uint8_t *writable, *executable;
  size_t size, segment_size;
  bool *taken; /* by segment */
  atomic_size_t resident;
};

static bool
fail_memory (size_t size, GError **error)
{
  g_set_error (
      error, DIO_ERROR, DIO_ERROR_MEMORY,
      _ ("There is no room for %zu MiB of compiled code (%s): stop other machines, or choose "
         "the engine “interpreter”"),
      size >> 20, g_strerror (errno));
  return false;
}

static bool
fail_executable (size_t size, GError **error)
{
  if (errno != EACCES && errno != EPERM)
    return fail_memory (size, error);
  g_set_error (
      error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "%s",
      _ ("This host forbids memory that is run as code (“execmem” in SELinux), so programs "
         "of a machine cannot be compiled: allow it for Diorama, or choose the engine "
         "“interpreter”"));
  return false;
}

/* A child process would write into the code of its parent. */
static uint8_t *
keep_from_children (void *at, size_t size)
{
  if (at == MAP_FAILED)
    return NULL;
  madvise (at, size, MADV_DONTFORK);
  return at;
}

/* Of a shared mapping, mremap() with an old size of 0 makes another one (mremap(2)). */
static bool
map_both (DioJitMemory *memory, GError **error)
{
  size_t size = memory->size;
  const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
  memory->writable =
      keep_from_children (mmap (NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0), size);
  if (!memory->writable)
    return fail_memory (size, error);
  memory->executable =
      keep_from_children (mremap (memory->writable, 0, size, MREMAP_MAYMOVE), size);
  if (!memory->executable)
    return fail_memory (size, error);
  return mprotect (memory->executable, size, PROT_READ | PROT_EXEC) == 0
         || fail_executable (size, error);
}

DioJitMemory *
dio_jit_memory_new (size_t size, size_t segment_size, GError **error)
{
  size = size ? size : DIO_JIT_MEMORY_SIZE;
  segment_size = segment_size ? segment_size : DIO_JIT_SEGMENT_SIZE;
  g_return_val_if_fail (segment_size % (size_t) sysconf (_SC_PAGESIZE) == 0, NULL);
  g_return_val_if_fail (size % segment_size == 0, NULL);

  DioJitMemory *memory = g_new0 (DioJitMemory, 1);
  memory->size = size;
  memory->segment_size = segment_size;
  memory->taken = g_new0 (bool, size / segment_size);
  if (!map_both (memory, error)) {
    dio_jit_memory_free (memory);
    return NULL;
  }
  return memory;
}

void
dio_jit_memory_free (DioJitMemory *memory)
{
  if (!memory)
    return;
  if (memory->writable)
    munmap (memory->writable, memory->size);
  if (memory->executable)
    munmap (memory->executable, memory->size);
  g_free (memory->taken);
  g_free (memory);
}

/* Gives the segment memory now, so that a host without any says so here; an older kernel gives it
 * when it is written to. */
static bool
populate (DioJitMemory *memory, unsigned index)
{
  uint8_t *start = memory->writable + index * memory->segment_size;
  int result;
  do
    result = madvise (start, memory->segment_size, MADV_POPULATE_WRITE);
  while (result < 0 && errno == EINTR);
  return result == 0 || errno == EINVAL;
}

bool
dio_jit_segment_take (DioJitMemory *memory, unsigned index)
{
  g_return_val_if_fail (index < memory->size / memory->segment_size, false);
  g_return_val_if_fail (!memory->taken[index], false);
  memory->taken[index] = populate (memory, index);
  if (memory->taken[index])
    atomic_fetch_add (&memory->resident, memory->segment_size);
  return memory->taken[index];
}

void
dio_jit_segment_release (DioJitMemory *memory, unsigned index)
{
  g_return_if_fail (index < memory->size / memory->segment_size);
  g_return_if_fail (memory->taken[index]);
  memory->taken[index] = false;
  madvise (memory->writable + index * memory->segment_size, memory->segment_size, MADV_REMOVE);
  atomic_fetch_sub (&memory->resident, memory->segment_size);
}

uint8_t *
dio_jit_memory_writable (DioJitMemory *memory, size_t offset)
{
  return memory->writable + offset;
}

uint8_t *
dio_jit_memory_executable (DioJitMemory *memory, size_t offset)
{
  return memory->executable + offset;
}

ptrdiff_t
dio_jit_memory_exec_delta (const DioJitMemory *memory)
{
  return (ptrdiff_t) ((uintptr_t) memory->executable - (uintptr_t) memory->writable);
}

void
dio_jit_memory_flush (DioJitMemory *memory, size_t offset, size_t size)
{
  char *start = (char *) memory->executable + offset;
  __builtin___clear_cache (start, start + size);
}

size_t
dio_jit_memory_resident (const DioJitMemory *memory)
{
  return atomic_load (&memory->resident);
}
