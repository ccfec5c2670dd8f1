/* SPDX-License-Identifier: GPL-3.0-or-later
 * The oracle of the differential tests: a static riscv64 program without a C library, run by
 * qemu-riscv64, that executes batches of cases (diff-case.h) as they stand.
 *
 * Descriptor 3 is the shared file. For each byte read from standard input one batch is run, and a
 * byte is written to standard output. */
#include <stdbool.h>
#include <stddef.h>

#include "tests/diff/diff-case.h"

enum {
  SYS_READ = 63,
  SYS_WRITE = 64,
  SYS_EXIT = 93,
  SYS_SIGALTSTACK = 132,
  SYS_RT_SIGACTION = 134,
  SYS_MMAP = 222,
};

/* From oracle-run.S. */
void oracle_run (const DiffCase *c, DiffResult *result);
void oracle_leave (void) __attribute__ ((noreturn));
extern const char oracle_exits[];
/* For it: where the running case's result goes. */
DiffResult *oracle_result;

void oracle_main (void);

/* Where no sp of a case points: a frame would then go there. */
#define SIGNAL_STACK UINT64_C (0x2d5a96b000)
#define SIGNAL_STACK_SIZE UINT64_C (0x10000)

static long
system_call (long number, long a, long b, long c, long d, long e, long f)
{
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a3 __asm__("a3") = d;
  register long a4 __asm__("a4") = e;
  register long a5 __asm__("a5") = f;
  register long a7 __asm__("a7") = number;

  __asm__ volatile("ecall"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                   : "memory");
  return a0;
}

static void
stop (int status)
{
  system_call (SYS_EXIT, status, 0, 0, 0, 0, 0);
  __builtin_unreachable ();
}

/* A Linux riscv64 signal frame's ucontext. */
typedef struct {
  uint64_t flags, link, stack[3];
  uint64_t mask[16];
  uint64_t align;
  uint64_t registers[32]; /* pc, x1 ... x31 */
  uint64_t f[32];
  uint32_t fcsr;
} Context;

_Static_assert(offsetof (Context, registers) == 176, "struct ucontext of riscv64");

/* The case ended in a signal: its state is in the frame. Does not return: the frame is left behind
 * on the signal stack. */
static void
handle_signal (int number, const uint64_t *info, const Context *context)
{
  DiffResult *result = oracle_result;

  for (unsigned i = 0; i < 32; i++) {
    result->x[i] = context->registers[i];
    result->f[i] = context->f[i];
  }
  result->fcsr = context->fcsr;
  result->signal = (uint64_t) number;
  result->fault = info[2];
  oracle_leave ();
}

static void
catch_signal (int number)
{
  /* sa_handler, sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER, sa_mask */
  uint64_t action[3] = { (uint64_t) handle_signal, 4 | 0x08000000 | 0x40000000, 0 };

  system_call (SYS_RT_SIGACTION, number, (long) action, 0, sizeof (uint64_t), 0, 0);
}

static void
map (uint64_t address, uint64_t size, bool shared)
{
  /* PROT_READ | PROT_WRITE | PROT_EXEC; MAP_SHARED, or MAP_PRIVATE | MAP_ANONYMOUS; and
   * MAP_FIXED_NOREPLACE */
  long result = shared ? system_call (SYS_MMAP, (long) address, (long) size, 3, 0x100001, 3, 0)
                       : system_call (SYS_MMAP, (long) address, (long) size, 7, 0x100022, -1, 0);

  if (result != (long) address)
    stop (2);
}

/* auipc B, hi; jalr x0, lo(B): to the exit that may use B. */
static void
make_stub (unsigned base)
{
  uint64_t stub = DIFF_STUBS + base * 8;
  int32_t distance = (int32_t) ((uint64_t) (oracle_exits + 512 * base) - stub);
  uint32_t high = ((uint32_t) distance + 0x800) & 0xfffff000;
  uint32_t low = (uint32_t) distance - high;

  ((uint32_t *) stub)[0] = high | base << 7 | 0x17;
  ((uint32_t *) stub)[1] = low << 20 | base << 15 | 0x67;
}

static void
copy (uint64_t address, const uint64_t *from, uint64_t size)
{
  for (uint64_t i = 0; i < size / 8; i++)
    ((uint64_t *) address)[i] = from[i];
}

static void
fill (uint64_t address, uint64_t value, uint64_t size)
{
  for (uint64_t i = 0; i < size / 8; i++)
    ((uint64_t *) address)[i] = value;
}

static void
run_batch (DiffShared *shared)
{
  uint64_t *data = (uint64_t *) DIFF_DATA;

  copy (DIFF_SLOTS, shared->slots, shared->slots_end);
  copy (DIFF_JUMPS, shared->jumps, shared->jumps_end);
  __asm__ volatile("fence.i" ::: "memory");
  for (uint64_t i = 0; i < shared->count; i++) {
    const DiffCase *c = &shared->cases[i];
    uint64_t *window = (uint64_t *) c->window;
    unsigned words = c->length / 8;

    for (unsigned k = 0; k < words; k++)
      window[k] = shared->blob[c->blob / 8 + k];
    *(volatile uint64_t *) &shared->running = i;
    oracle_run (c, &shared->results[i]);
    for (unsigned k = 0; k < words; k++) {
      shared->blob_out[c->blob / 8 + k] = window[k];
      window[k] = 0;
    }
  }
  for (uint64_t i = 0; i < DIFF_DATA_SIZE / 8; i++)
    shared->data[i] = data[i];
  fill (DIFF_DATA, 0, DIFF_DATA_SIZE);
  fill (DIFF_SLOTS, DIFF_C_EBREAK, shared->slots_end);
  fill (DIFF_JUMPS, DIFF_C_EBREAK, shared->jumps_end);
}

void
oracle_main (void)
{
  uint64_t stack[3] = { SIGNAL_STACK, 0, SIGNAL_STACK_SIZE };
  static const int signals[] = { 4, 5, 7, 8, 11 }; /* ILL TRAP BUS FPE SEGV */
  char byte;

  map (DIFF_CODE, DIFF_CODE_SIZE, false);
  map (DIFF_DATA, DIFF_DATA_SIZE, false);
  map (SIGNAL_STACK, SIGNAL_STACK_SIZE, false);
  map (DIFF_SHARED, (sizeof (DiffShared) + 4095) & ~UINT64_C (4095), true);
  fill (DIFF_CODE, DIFF_C_EBREAK, DIFF_CODE_SIZE);
  for (unsigned base = 1; base < 32; base++)
    make_stub (base);
  system_call (SYS_SIGALTSTACK, (long) stack, 0, 0, 0, 0, 0);
  for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
    catch_signal (signals[i]);
  while (system_call (SYS_READ, 0, (long) &byte, 1, 0, 0, 0) == 1) {
    run_batch ((DiffShared *) DIFF_SHARED);
    system_call (SYS_WRITE, 1, (long) &byte, 1, 0, 0, 0);
  }
  stop (0);
}
