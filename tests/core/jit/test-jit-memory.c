/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the memory for compiled code: what is mapped how, segments, refusals of the host. */
#include "core/jit/jit-memory.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/base-error.h"

#define SEGMENT ((size_t) 64 << 10)
#define N_SEGMENTS 16u

static DioJitMemory *
make (void)
{
  g_autoptr (GError) error = NULL;
  DioJitMemory *memory = dio_jit_memory_new (N_SEGMENTS * SEGMENT, SEGMENT, &error);
  g_assert_no_error (error);
  return memory;
}

/* How the mapping with @address in it is listed; NULL: there is none. */
static char *
find_mapping (const char *maps, const void *address)
{
  g_auto (GStrv) lines = g_strsplit (maps, "\n", -1);
  for (unsigned i = 0; lines[i]; i++) {
    char *end;
    uintptr_t first = g_ascii_strtoull (lines[i], &end, 16);
    if (*end == '-' && first <= (uintptr_t) address
        && (uintptr_t) address < g_ascii_strtoull (end + 1, NULL, 16))
      return g_strdup (lines[i]);
  }
  return NULL;
}

/* One mapping to write, one to run, and none in the whole process that is both. perf(1) takes them
 * for anonymous memory by their name. */
static void
test_maps (void)
{
  DioJitMemory *memory = make ();
  g_assert_true (dio_jit_segment_take (memory, 0));
  uint8_t *writable = dio_jit_memory_writable (memory, 0);
  uint8_t *executable = dio_jit_memory_executable (memory, 0);
  memset (writable, 0x5a, SEGMENT);
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents ("/proc/self/maps", &text, NULL, NULL));
  g_assert_null (strstr (text, " rwx"));
  g_autofree char *to_write = find_mapping (text, writable);
  g_autofree char *to_run = find_mapping (text, executable);
  g_assert_nonnull (strstr (to_write, " rw-s "));
  g_assert_nonnull (strstr (to_run, " r-xs "));
  g_assert_nonnull (strstr (to_run, " /dev/zero"));
  dio_jit_memory_free (memory);
  g_autofree char *after = NULL;
  g_assert_true (g_file_get_contents ("/proc/self/maps", &after, NULL, NULL));
  g_assert_null (strstr (after, "/dev/zero"));
}

static sigjmp_buf on_fault;

static void
fault (int number)
{
  siglongjmp (on_fault, 1);
}

static bool
is_writable (volatile uint8_t *byte)
{
  struct sigaction action = { .sa_handler = fault }, before;
  sigaction (SIGSEGV, &action, &before);
  volatile bool writable = false;
  if (sigsetjmp (on_fault, 1) == 0) {
    *byte = *byte;
    writable = true;
  }
  sigaction (SIGSEGV, &before, NULL);
  return writable;
}

/* Writes a function that returns @value. */
static void
write_function (DioJitMemory *memory, size_t offset, uint16_t value)
{
#ifdef __x86_64__
  const uint8_t code[] = { 0xb8, (uint8_t) value, (uint8_t) (value >> 8), 0, 0, 0xc3 };
#elif defined __aarch64__
  const uint32_t code[] = { 0x52800000 | (uint32_t) value << 5, 0xd65f03c0 };
#else
#error "how does this host return a number?"
#endif
  memcpy (dio_jit_memory_writable (memory, offset), code, sizeof code);
  dio_jit_memory_flush (memory, offset, sizeof code);
}

static int
run (DioJitMemory *memory, size_t offset)
{
  void *code = dio_jit_memory_executable (memory, offset);
  int (*function) (void) = (int (*) (void)) code;
  return function ();
}

static void
test_write_and_run (void)
{
  DioJitMemory *memory = make ();
  g_assert_true (dio_jit_segment_take (memory, 3));
  size_t offset = 3 * SEGMENT + 256; /* not at the start of a page: sanitizers look before it */
  for (uint16_t value = 1; value < 1000; value++) {
    write_function (memory, offset, value);
    g_assert_cmpint (run (memory, offset), ==, value);
  }
  uint8_t *executable = dio_jit_memory_executable (memory, offset);
  g_assert_false (is_writable (executable));
  g_assert_true (is_writable (dio_jit_memory_writable (memory, offset)));
  g_assert_true (dio_jit_memory_writable (memory, offset) + dio_jit_memory_exec_delta (memory)
                 == executable);
  dio_jit_memory_free (memory);
}

static void
test_segments (void)
{
  DioJitMemory *memory = make ();
  g_assert_cmpuint (dio_jit_memory_resident (memory), ==, 0);
  for (unsigned i = 0; i < N_SEGMENTS; i++) {
    g_assert_true (dio_jit_segment_take (memory, i));
    /* The host has given the memory before anybody wrote to it. */
    g_assert_cmpuint (dio_jit_memory_resident (memory), ==, (i + 1) * SEGMENT);
    write_function (memory, i * SEGMENT + 256, (uint16_t) (i + 1));
  }
  for (unsigned round = 0; round < 3; round++) {
    for (unsigned i = 0; i < N_SEGMENTS; i += 2)
      dio_jit_segment_release (memory, i);
    g_assert_cmpuint (dio_jit_memory_resident (memory), ==, N_SEGMENTS / 2 * SEGMENT);
    for (unsigned i = 0; i < N_SEGMENTS; i += 2) {
      g_assert_true (dio_jit_segment_take (memory, i));
      for (size_t at = 0; at < SEGMENT; at++)
        g_assert_cmphex (*dio_jit_memory_executable (memory, i * SEGMENT + at), ==, 0);
      write_function (memory, i * SEGMENT + 256, (uint16_t) (100 * round + i + 1));
    }
    for (unsigned i = 0; i < N_SEGMENTS; i++)
      g_assert_cmpint (run (memory, i * SEGMENT + 256), ==, i % 2 ? i + 1 : 100 * round + i + 1);
  }
  dio_jit_memory_free (memory);
}

static void
test_defaults (void)
{
  DioJitMemory *memory = dio_jit_memory_new (0, 0, NULL);
  g_assert_nonnull (memory);
  g_assert_cmpuint (dio_jit_memory_resident (memory), ==, 0);
  unsigned last = DIO_JIT_MEMORY_SIZE / DIO_JIT_SEGMENT_SIZE - 1;
  g_assert_true (dio_jit_segment_take (memory, last));
  g_assert_cmpuint (dio_jit_memory_resident (memory), ==, DIO_JIT_SEGMENT_SIZE);
  write_function (memory, DIO_JIT_MEMORY_SIZE - 64, 77);
  g_assert_cmpint (run (memory, DIO_JIT_MEMORY_SIZE - 64), ==, 77);
  dio_jit_memory_free (memory);
}

static void
test_too_large (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (dio_jit_memory_new ((size_t) 1 << 48, 0, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "interpreter"));
}

/* Makes the host refuse @call with @error whenever its third argument has one of @bits. */
static void
refuse (unsigned call, uint32_t bits, unsigned error)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, args[2])),
    BPF_JUMP (BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (code), code };
  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), ==, 0);
}

static void
test_forbidden (void)
{
  if (g_test_subprocess ()) {
    g_autoptr (GError) error = NULL;
    refuse (__NR_mprotect, PROT_EXEC, EACCES);
    g_assert_null (dio_jit_memory_new (0, 0, &error));
    g_assert_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED);
    g_assert_nonnull (strstr (error->message, "SELinux"));
    g_assert_nonnull (strstr (error->message, "interpreter"));
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

/* Memory that is asked for is refused. */
static void
test_host_full (void)
{
  if (g_test_subprocess ()) {
    DioJitMemory *memory = make ();
    g_assert_true (dio_jit_segment_take (memory, 0));
    refuse (__NR_madvise, MADV_POPULATE_WRITE & ~MADV_REMOVE, ENOMEM);
    g_assert_false (dio_jit_segment_take (memory, 1));
    g_assert_false (dio_jit_segment_take (memory, 1)); /* still not taken */
    dio_jit_segment_release (memory, 0);
    g_assert_cmpuint (dio_jit_memory_resident (memory), ==, 0);
    dio_jit_memory_free (memory);
    return;
  }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/jit/memory/maps", test_maps);
  g_test_add_func ("/core/jit/memory/write-and-run", test_write_and_run);
  g_test_add_func ("/core/jit/memory/segments", test_segments);
  g_test_add_func ("/core/jit/memory/defaults", test_defaults);
  g_test_add_func ("/core/jit/memory/too-large", test_too_large);
  g_test_add_func ("/core/jit/memory/forbidden", test_forbidden);
  g_test_add_func ("/core/jit/memory/host-full", test_host_full);
  return g_test_run ();
}
