/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by code that is written while it runs. "jit" is like a compiler of one thread: writes a
 * function, makes it executable, calls it, changes it, calls it again. "patch" changes one
 * instruction through a second mapping while other threads run it. */
#ifdef __riscv

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/stress/stress.h"

#define PAGE 4096
#define OPERATIONS 60

/* ---- A function of random operations on a0, and what it computes ---- */

enum { ADDI, XORI, SLLI, SRLI, ADD, SUB, MUL, N_OPERATIONS };

typedef struct {
  uint8_t what;
  int16_t value;
} Operation;

static uint32_t
encode (Operation operation)
{
  const uint32_t a0 = 10, a1 = 11;
  uint32_t into = a0 << 7 | a0 << 15, immediate = (uint32_t) operation.value << 20;
  switch (operation.what) {
  case ADDI:
    return 0x13 | into | immediate;
  case XORI:
    return 0x4013 | into | immediate;
  case SLLI:
    return 0x1013 | into | immediate;
  case SRLI:
    return 0x5013 | into | immediate;
  case ADD:
    return 0x33 | into | a1 << 20;
  case SUB:
    return 0x40000033 | into | a1 << 20;
  default:
    return 0x02000033 | into | a1 << 20;
  }
}

static uint64_t
compute (Operation operation, uint64_t a0, uint64_t a1)
{
  switch (operation.what) {
  case ADDI:
    return a0 + (uint64_t) (int64_t) operation.value;
  case XORI:
    return a0 ^ (uint64_t) (int64_t) operation.value;
  case SLLI:
    return a0 << operation.value;
  case SRLI:
    return a0 >> operation.value;
  case ADD:
    return a0 + a1;
  case SUB:
    return a0 - a1;
  default:
    return a0 * a1;
  }
}

static Operation
random_operation (uint32_t *seed)
{
  Operation operation = { .what = (uint8_t) (stress_random (seed) % N_OPERATIONS) };
  bool shift = operation.what == SLLI || operation.what == SRLI;
  operation.value = (int16_t) (shift ? (int) (stress_random (seed) % 8) + 1
                                     : (int) (stress_random (seed) % 4096) - 2048);
  return operation;
}

static void
write_function (uint32_t *code, const Operation *operations)
{
  for (unsigned i = 0; i < OPERATIONS; i++)
    code[i] = encode (operations[i]);
  code[OPERATIONS] = 0x8067; /* ret */
}

typedef uint64_t (*Function) (uint64_t a0, uint64_t a1);

static uint64_t
check_function (const uint32_t *code, const Operation *operations, uint32_t *seed)
{
  uint64_t a0 = stress_random (seed), a1 = stress_random (seed) | 1, want = a0;
  for (unsigned i = 0; i < OPERATIONS; i++)
    want = compute (operations[i], want, a1);
  uint64_t got = ((Function) (uintptr_t) code) (a0, a1);
  if (got != want)
    stress_differ ("written code gave %#llx, not %#llx", (unsigned long long) got,
                   (unsigned long long) want);
  return got;
}

static void
protect (void *page, int protection)
{
  if (mprotect (page, PAGE, protection) != 0)
    stress_fail ("mprotect");
}

uint64_t
stress_jit (uint32_t seed)
{
  Operation operations[OPERATIONS];
  uint64_t sum = 0;
  unsigned functions = stress_times (400);
  for (unsigned function = 0; function < functions; function++) {
    bool always = function % 4 == 3; /* writable and executable all the time */
    uint32_t *code = stress_map (PAGE, PROT_READ | PROT_WRITE | (always ? PROT_EXEC : 0), false);
    /* Not always at the same place of the page. */
    uint32_t *at = code + stress_random (&seed) % (PAGE / 4 - OPERATIONS - 1);
    for (unsigned i = 0; i < OPERATIONS; i++)
      operations[i] = random_operation (&seed);
    write_function (at, operations);
    for (unsigned change = 0; change < 8; change++) {
      if (!always)
        protect (code, PROT_READ | PROT_EXEC);
      __builtin___clear_cache ((char *) at, (char *) (at + OPERATIONS + 1));
      for (unsigned call = 0; call < 1u << change; call++)
        sum = stress_mix (sum, check_function (at, operations, &seed));
      if (!always)
        protect (code, PROT_READ | PROT_WRITE);
      unsigned which = stress_random (&seed) % OPERATIONS;
      operations[which] = random_operation (&seed);
      at[which] = encode (operations[which]);
      stress_count (STRESS_PATCHES, 1);
    }
    munmap (code, PAGE);
  }
  return sum;
}

/* ---- One thread patches, others run ---- */

#define RUNNERS 3
#define LUI_A0 0x537
#define VALUE_SHIFT 12

typedef struct {
  const uint32_t *code;
  _Atomic uint64_t begun, done; /* the newest value that is being written; that all must see */
  _Atomic bool over;
} Patched;

/* The function returns the number of the patch: at least that of the last one that was over before
 * the call, at most that of the last one begun after it. */
static void *
run_patched (void *data)
{
  Patched *patched = data;
  while (!atomic_load (&patched->over)) {
    uint64_t least = atomic_load (&patched->done);
    uint64_t got = ((Function) (uintptr_t) patched->code) (0, 0) >> VALUE_SHIFT;
    uint64_t most = atomic_load (&patched->begun);
    if (got < least || got > most)
      stress_differ ("patched code gave %llu, not %llu to %llu", (unsigned long long) got,
                     (unsigned long long) least, (unsigned long long) most);
    /* Else the patching thread waits for its turn for long when there are few processors. */
    if (got % 4 == 0)
      sched_yield ();
  }
  return NULL;
}

static void
patch (Patched *patched, uint32_t *writable, unsigned count)
{
  for (unsigned number = 1; number <= count; number++) {
    atomic_store (&patched->begun, number);
    __atomic_store_n (writable, LUI_A0 | number << VALUE_SHIFT, __ATOMIC_RELAXED);
    if (syscall (SYS_riscv_flush_icache, patched->code, patched->code + 2, 0) != 0)
      stress_fail ("riscv_flush_icache");
    atomic_store (&patched->done, number);
    if (number % 16 == 0)
      usleep (200);
  }
  stress_count (STRESS_PATCHES, count);
}

uint64_t
stress_patch (uint32_t seed)
{
  pthread_t threads[RUNNERS];
  unsigned count = stress_times (1500);
  int file = memfd_create ("code", 0);
  if (file < 0 || ftruncate (file, PAGE) != 0)
    stress_fail ("memfd_create");
  uint32_t *writable = mmap (NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  uint32_t *code = mmap (NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
  if (writable == MAP_FAILED || code == MAP_FAILED)
    stress_fail ("mmap");
  unsigned at = seed * 37 % (PAGE / 4 - 2);
  Patched patched = { .code = code + at };
  writable[at] = LUI_A0;
  writable[at + 1] = 0x8067;
  __builtin___clear_cache ((char *) code, (char *) code + PAGE);
  for (unsigned i = 0; i < RUNNERS; i++)
    if (pthread_create (&threads[i], NULL, run_patched, &patched) != 0)
      stress_fail ("pthread_create");
  patch (&patched, writable + at, count);
  atomic_store (&patched.over, true);
  for (unsigned i = 0; i < RUNNERS; i++)
    pthread_join (threads[i], NULL);
  munmap (writable, PAGE);
  munmap (code, PAGE);
  close (file);
  return count;
}

#endif
