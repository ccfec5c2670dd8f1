/* SPDX-License-Identifier: GPL-3.0-or-later
 * The oracle of the differential tests of arm64: a static program without a C library, run by
 * qemu-aarch64, that executes batches of cases (a64-case.h) as they stand.
 *
 * Descriptor 3 is the shared file. For each byte read from standard input one batch is run, and a
 * byte is written to standard output. */
#include <stddef.h>

#include "tests/diff/arm64/a64-case.h"

enum {
  SYS_READ = 63,
  SYS_WRITE = 64,
  SYS_EXIT = 93,
  SYS_SIGALTSTACK = 132,
  SYS_RT_SIGACTION = 134,
  SYS_MMAP = 222,
};

/* Where no address of a case points: a frame would then go there. */
#define SIGNAL_STACK UINT64_C (0x2d5a96b000)
#define SIGNAL_STACK_SIZE UINT64_C (0x10000)

/* The parts of a Linux arm64 signal frame's ucontext. */
typedef struct {
  uint64_t flags, link, stack[3], mask, unused[15];
  uint64_t align;
  uint64_t fault;
  uint64_t x[31];
  uint64_t sp, pc, pstate;
  uint64_t align_records;
  uint32_t records[1024];
} Context;

_Static_assert(offsetof (Context, fault) == 176, "struct ucontext of arm64");
_Static_assert(offsetof (Context, records) == 464, "struct sigcontext of arm64");

#define FPSIMD_MAGIC 0x46508001

typedef struct {
  uint32_t magic, size;
  uint32_t fpsr, fpcr;
  uint64_t v[32][2];
} FpRecord;

void oracle_main (void);

static A64State before; /* of the batch: where the main program stood */
static uint64_t next;   /* the case to begin, or 0 when the batch is to be started */

static long
system_call (long number, long a, long b, long c, long d, long e, long f)
{
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  register long x8 __asm__("x8") = number;

  __asm__ volatile("svc #0"
                   : "+r"(x0)
                   : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8)
                   : "memory");
  return x0;
}

static void
stop (int status)
{
  system_call (SYS_EXIT, status, 0, 0, 0, 0, 0);
  __builtin_unreachable ();
}

/* Without memcpy(). */
static void
copy (volatile uint64_t *to, const volatile uint64_t *from, uint64_t words)
{
  for (uint64_t i = 0; i < words; i++)
    to[i] = from[i];
}

static void
fill (uint64_t address, uint64_t value, uint64_t size)
{
  for (uint64_t i = 0; i < size / 8; i++)
    ((volatile uint64_t *) address)[i] = value;
}

static FpRecord *
find_fp (Context *context)
{
  for (uint32_t at = 0; at < 1024 && context->records[at];
       at += context->records[at + 1] / sizeof (uint32_t)) {
    if (context->records[at] == FPSIMD_MAGIC)
      return (FpRecord *) &context->records[at];
  }
  stop (3);
  return 0;
}

static void
take_state (A64State *state, Context *context)
{
  FpRecord *fp = find_fp (context);
  copy (state->x, context->x, 31);
  state->sp = context->sp;
  state->pc = context->pc;
  state->nzcv = context->pstate & 0xf0000000;
  state->fpcr = fp->fpcr;
  state->fpsr = fp->fpsr;
  copy (state->v[0], fp->v[0], 64);
}

static void
put_state (const A64State *state, Context *context)
{
  FpRecord *fp = find_fp (context);
  copy (context->x, state->x, 31);
  context->sp = state->sp;
  context->pc = state->pc;
  context->pstate = (context->pstate & ~UINT64_C (0xf0000000)) | state->nzcv;
  fp->fpcr = (uint32_t) state->fpcr;
  fp->fpsr = (uint32_t) state->fpsr;
  copy (fp->v[0], state->v[0], 64);
}

static void
handle_signal (int number, const uint64_t *info, Context *context)
{
  A64Shared *shared = (A64Shared *) A64_SHARED;

  if (next == 0) {
    take_state (&before, context);
    before.pc += 4;
  } else {
    const A64Case *c = &shared->cases[next - 1];
    A64Result *result = &shared->results[next - 1];
    take_state (&result->state, context);
    result->signal = (uint64_t) number;
    result->fault = info[2];
    copy (shared->blob_out + c->blob / 8, (const uint64_t *) c->window, c->length / 8);
    fill (c->window, 0, c->length);
  }
  if (next == shared->count) {
    next = 0;
    put_state (&before, context);
    return;
  }
  const A64Case *c = &shared->cases[next];
  /* No case depends on another. */
  __asm__ volatile("msr tpidr_el0, xzr");
  copy ((uint64_t *) c->window, shared->blob + c->blob / 8, c->length / 8);
  *(volatile uint64_t *) &shared->running = next++;
  put_state (&c->state, context);
}

static void
catch_signal (int number)
{
  /* sa_handler, sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER, sa_restorer, sa_mask */
  uint64_t action[4] = { (uint64_t) handle_signal, 4 | 0x08000000 | 0x40000000, 0, 0 };

  system_call (SYS_RT_SIGACTION, number, (long) action, 0, sizeof (uint64_t), 0, 0);
}

static void
map (uint64_t address, uint64_t size, int shared)
{
  /* PROT_READ | PROT_WRITE | PROT_EXEC; MAP_SHARED, or MAP_PRIVATE | MAP_ANONYMOUS; and
   * MAP_FIXED_NOREPLACE */
  long result = shared ? system_call (SYS_MMAP, (long) address, (long) size, 3, 0x100001, 3, 0)
                       : system_call (SYS_MMAP, (long) address, (long) size, 7, 0x100022, -1, 0);

  if (result != (long) address)
    stop (2);
}

static void
run_batch (A64Shared *shared)
{
  const uint64_t brk = A64_BRK | (uint64_t) A64_BRK << 32;

  copy ((uint64_t *) A64_SLOTS, shared->slots, shared->slots_end / 8);
  copy ((uint64_t *) A64_JUMPS, shared->jumps, shared->jumps_end / 8);
  for (uint64_t at = 0; at < shared->slots_end; at += 64)
    __asm__ volatile("ic ivau, %0" ::"r"(A64_SLOTS + at) : "memory");
  for (uint64_t at = 0; at < shared->jumps_end; at += 64)
    __asm__ volatile("ic ivau, %0" ::"r"(A64_JUMPS + at) : "memory");
  __asm__ volatile("dsb ish; isb; brk #0" ::: "memory");
  copy (shared->data, (uint64_t *) A64_DATA, A64_DATA_SIZE / 8);
  fill (A64_DATA, 0, A64_DATA_SIZE);
  fill (A64_SLOTS, brk, shared->slots_end);
  fill (A64_JUMPS, brk, shared->jumps_end);
}

void
oracle_main (void)
{
  uint64_t stack[3] = { SIGNAL_STACK, 0, SIGNAL_STACK_SIZE };
  static const int signals[] = { 4, 5, 7, 8, 11 }; /* ILL TRAP BUS FPE SEGV */
  char byte;

  map (A64_CODE, A64_CODE_SIZE, 0);
  map (A64_DATA, A64_DATA_SIZE, 0);
  map (SIGNAL_STACK, SIGNAL_STACK_SIZE, 0);
  map (A64_SHARED, (sizeof (A64Shared) + 4095) & ~UINT64_C (4095), 1);
  fill (A64_CODE, A64_BRK | (uint64_t) A64_BRK << 32, A64_CODE_SIZE);
  system_call (SYS_SIGALTSTACK, (long) stack, 0, 0, 0, 0, 0);
  for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++)
    catch_signal (signals[i]);
  while (system_call (SYS_READ, 0, (long) &byte, 1, 0, 0, 0) == 1) {
    run_batch ((A64Shared *) A64_SHARED);
    system_call (SYS_WRITE, 1, (long) &byte, 1, 0, 0, 0);
  }
  stop (0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "  b oracle_main\n");
