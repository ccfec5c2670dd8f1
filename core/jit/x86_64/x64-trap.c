/* SPDX-License-Identifier: GPL-3.0-or-later
 * Traps of the host's FPU in compiled code (DioJitGuest.fp_traps): what is invalid, and what is
 * tiny, comes as SIGFPE before anything is written, so that code in line need not look for either.
 *
 * An operation that counts on this has a way on (DioJitTrap): its function, which finds the
 * operands as they were and gives the guest's result and exceptions. All others are done as if
 * nothing trapped: by a single step with MXCSR's masks set. A trap takes microseconds. A guest for
 * which they are many goes without them from then on: new code looks itself, and what there is goes
 * when a vCPU comes to it (dio_jit_drop_trapping()).
 *
 * MXCSR's sticky bit of underflow says nothing here, as the host sets it for every trap: it is
 * taken away, and those that a step or a function finds are the guest's at once. That of invalid
 * operations stays; the guests' rules are the host's there. Functions in C run with everything
 * masked; should one trap all the same it goes on with that. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include "core/fp/fp-types.h"
#include "core/jit/x86_64/x64-gen.h"

/* In a second. From then on checks cost less. */
#define MANY_TRAPS 2000

#define MXCSR_UNDERFLOW 0x10u
#define MXCSR_MASKS 0x1f80u
#define EFLAGS_STEP 0x100

/* Facts of the process, made with the first compiler that wants them: whose traps those of a thread
 * are, and who had the signals before. */
static pthread_key_t vcpu__once;
static struct sigaction before_fpe__once, before_trap__once;

/* None of ours: what would have happened without us. */
static void
pass_on (int number)
{
  sigaction (number, number == SIGFPE ? &before_fpe__once : &before_trap__once, NULL);
  if (number == SIGTRAP)
    raise (number); /* the other comes again by itself */
}

static void
count_trap (DioJitVcpu *vcpu)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  if (vcpu->traps_since != (uint32_t) now.tv_sec)
    vcpu->traps = 0;
  vcpu->traps_since = (uint32_t) now.tv_sec;
  if (++vcpu->traps == MANY_TRAPS)
    dio_jit_forgo_traps (vcpu->runs);
}

static void
fpe_cb (int number, siginfo_t *info, void *data)
{
  mcontext_t *machine = &((ucontext_t *) data)->uc_mcontext;
  DioJitVcpu *vcpu = pthread_getspecific (vcpu__once);
  bool inside;
  if (!vcpu || info->si_code == FPE_INTDIV || info->si_code == FPE_INTOVF) {
    pass_on (number);
    return;
  }
  const uint8_t *at = (const uint8_t *) (uintptr_t) machine->gregs[REG_RIP];
  const uint8_t *target = dio_jit_trap_target (vcpu->runs, at, &inside);
  machine->fpregs->mxcsr &= ~MXCSR_UNDERFLOW;
  count_trap (vcpu);
  if (target) {
    vcpu->runs->stats.traps++;
    machine->gregs[REG_RIP] = (greg_t) (uintptr_t) target;
    return;
  }
  machine->fpregs->mxcsr |= MXCSR_MASKS;
  if (!inside)
    return; /* what called it loads MXCSR afterwards */
  vcpu->runs->stats.steps++;
  vcpu->stepping = true;
  machine->gregs[REG_EFL] |= EFLAGS_STEP;
}

static void
trap_cb (int number, siginfo_t *info, void *data)
{
  mcontext_t *machine = &((ucontext_t *) data)->uc_mcontext;
  DioJitVcpu *vcpu = pthread_getspecific (vcpu__once);
  (void) info;
  if (!vcpu || !vcpu->stepping) {
    pass_on (number);
    return;
  }
  const DioJitGuest *guest = vcpu->runs->guest;
  vcpu->stepping = false;
  machine->gregs[REG_EFL] &= ~EFLAGS_STEP;
  machine->fpregs->mxcsr &= ~DIO_JIT_FP_TRAPS;
  if (machine->fpregs->mxcsr & MXCSR_UNDERFLOW)
    *((uint8_t *) vcpu - guest->jit + guest->fflags) |= DIO_FP_UF;
  machine->fpregs->mxcsr &= ~MXCSR_UNDERFLOW;
}

static bool
take_signals (void)
{
  struct sigaction fpe = { .sa_sigaction = fpe_cb, .sa_flags = SA_SIGINFO };
  struct sigaction trap = { .sa_sigaction = trap_cb, .sa_flags = SA_SIGINFO };
  sigemptyset (&fpe.sa_mask);
  sigemptyset (&trap.sa_mask);
  return pthread_key_create (&vcpu__once, NULL) == 0
         && sigaction (SIGFPE, &fpe, &before_fpe__once) == 0
         && sigaction (SIGTRAP, &trap, &before_trap__once) == 0;
}

bool
dio_jit_host_has_traps (const DioJit *jit)
{
  static gsize taken__once;
  const DioX64Features *features = jit->backend;
  if (!features->avx || !features->traps)
    return false;
  if (g_once_init_enter (&taken__once))
    g_once_init_leave (&taken__once, take_signals () ? 1 : 2);
  return taken__once == 1;
}

void
dio_jit_host_trap_for (DioJitVcpu *vcpu)
{
  pthread_setspecific (vcpu__once, vcpu);
}

void
dio_x64_trap (DioX64Gen *g, const DioX64Range *range, const DioX64Label *target)
{
  DioJitTrap trap = { range->from, range->to, (uint32_t) target->position };
  if (range->to && target->position >= 0)
    g_array_append_val (g->code->traps, trap);
}
