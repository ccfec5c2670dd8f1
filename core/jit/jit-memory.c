/* SPDX-License-Identifier: GPL-3.0-or-later
 * Memory for code, mapped twice: to be written and to be run. */
#include "core/jit/jit-memory.h"
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>
struct DioJitMemory {
  uint8_t *rw, *rx;
  size_t size, segment;
  int fd;
};
DioJitMemory *
dio_jit_memory_new (size_t size, size_t segment_size, GError **error)
{
  (void) error;
  DioJitMemory *m = g_new0 (DioJitMemory, 1);
  m->size = size;
  m->segment = segment_size;
  m->fd = memfd_create ("diorama-jit", MFD_CLOEXEC);
  if (ftruncate (m->fd, (off_t) size))
    return NULL;
  m->rw = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
  m->rx = mmap (NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, m->fd, 0);
  return m;
}
void
dio_jit_memory_free (DioJitMemory *m)
{
  if (!m)
    return;
  munmap (m->rw, m->size);
  munmap (m->rx, m->size);
  close (m->fd);
  g_free (m);
}
bool
dio_jit_segment_take (DioJitMemory *m, unsigned index)
{
  (void) m;
  (void) index;
  return true;
}
void
dio_jit_segment_release (DioJitMemory *m, unsigned index)
{
  fallocate (m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) (index * m->segment),
             (off_t) m->segment);
}
uint8_t *
dio_jit_memory_writable (DioJitMemory *m, size_t offset)
{
  return m->rw + offset;
}
uint8_t *
dio_jit_memory_executable (DioJitMemory *m, size_t offset)
{
  return m->rx + offset;
}
