/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory for compiled code: one memfd mapped twice. */
#include "core/jit/jit-memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

/* Since Linux 6.3; not in the headers of Debian 12. The file itself need not be a program, and
 * hosts with vm.memfd_noexec=2 refuse files that could be one. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

struct DioJitMemory {
  uint8_t *writable, *executable;
  size_t size, segment_size;
  int fd;
  bool *taken; /* by segment */
};

static int
create_file (void)
{
  int fd = memfd_create ("diorama-code", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create ("diorama-code", MFD_CLOEXEC);
  return fd;
}

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

static uint8_t *
map (const DioJitMemory *memory, int protection)
{
  void *at = mmap (NULL, memory->size, protection, MAP_SHARED | MAP_NORESERVE, memory->fd, 0);
  if (at == MAP_FAILED)
    return NULL;
  /* A child process would write into the code of its parent. */
  madvise (at, memory->size, MADV_DONTFORK);
  return at;
}

static bool
map_both (DioJitMemory *memory, GError **error)
{
  memory->fd = create_file ();
  if (memory->fd < 0 || ftruncate (memory->fd, (off_t) memory->size) < 0)
    return fail_memory (memory->size, error);
  memory->executable = map (memory, PROT_READ | PROT_EXEC);
  if (!memory->executable)
    return fail_executable (memory->size, error);
  memory->writable = map (memory, PROT_READ | PROT_WRITE);
  return memory->writable || fail_memory (memory->size, error);
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
  if (memory->fd >= 0)
    close (memory->fd);
  g_free (memory->taken);
  g_free (memory);
}

/* Fills the segment with memory, or with a hole. */
static bool
allocate (DioJitMemory *memory, unsigned index, int mode)
{
  off_t offset = (off_t) (index * memory->segment_size);
  int result;
  do
    result = fallocate (memory->fd, mode, offset, (off_t) memory->segment_size);
  while (result < 0 && errno == EINTR);
  return result == 0;
}

bool
dio_jit_segment_take (DioJitMemory *memory, unsigned index)
{
  g_return_val_if_fail (index < memory->size / memory->segment_size, false);
  g_return_val_if_fail (!memory->taken[index], false);
  memory->taken[index] = allocate (memory, index, 0);
  return memory->taken[index];
}

void
dio_jit_segment_release (DioJitMemory *memory, unsigned index)
{
  g_return_if_fail (index < memory->size / memory->segment_size);
  g_return_if_fail (memory->taken[index]);
  memory->taken[index] = false;
  allocate (memory, index, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
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
  struct stat status;
  return fstat (memory->fd, &status) == 0 ? (size_t) status.st_blocks * 512 : 0;
}
