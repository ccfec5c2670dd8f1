/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stress by protections: each access to a page that does not allow it must give a signal that tells
 * the address, and find all registers as they were; what a thread has closed, no other may read. */
#ifdef __riscv

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/stress/stress.h"

#define PAGE 4096
#define PAGES 8

enum { REG_T0_ = 5, REG_A0_ = 10, REG_S2_ = 18, N_SAVED = 10 };

/* What a fault has found; of the thread that probes. */
typedef struct {
  volatile uint64_t address, code, count, pc;
  volatile uint64_t saved[N_SAVED], a1;
} Fault;

static _Thread_local Fault fault;

static void
segv_cb (int number, siginfo_t *info, void *data)
{
  ucontext_t *context = data;
  fault.address = (uint64_t) (uintptr_t) info->si_addr;
  fault.code = (uint64_t) info->si_code;
  fault.pc = context->uc_mcontext.__gregs[0];
  for (int i = 0; i < N_SAVED; i++)
    fault.saved[i] = context->uc_mcontext.__gregs[REG_S2_ + i];
  fault.a1 = context->uc_mcontext.__gregs[REG_A0_ + 1];
  fault.count++;
  context->uc_mcontext.__gregs[0] += 4;
  context->uc_mcontext.__gregs[REG_A0_] = UINT64_C (0x5eed5eed5eed5eed);
}

static void
handle_faults (void)
{
  struct sigaction action = { .sa_sigaction = segv_cb, .sa_flags = SA_SIGINFO };
  if (sigaction (SIGSEGV, &action, NULL) != 0)
    stress_fail ("sigaction");
}

/* Sets s2 to s11 to values that count up from @base, loads or stores at @address, and leaves in *pc
 * where that was. The registers change on the way, so that one that is late by an instruction
 * shows. */
#define PROBE(instruction)                                                                         \
  uint64_t where;                                                                                  \
  register uint64_t a0 asm("a0") = base;                                                           \
  register uint64_t a1 asm("a1") = address;                                                        \
  asm volatile("addi s2, a0, 1\n addi s3, s2, 1\n addi s4, s3, 1\n addi s5, s4, 1\n"               \
               "addi s6, s5, 1\n addi s7, s6, 1\n addi s8, s7, 1\n addi s9, s8, 1\n"               \
               "addi s10, s9, 1\n addi s11, s10, 1\n lla t0, 1f\n"                                 \
               ".option push\n.option norvc\n1: " instruction "\n.option pop\n"                    \
               "addi s2, s2, 100\n addi s11, s11, 100\n mv %[where], t0\n"                         \
               : "+r"(a0), "+r"(a1), [where] "=&r"(where)                                          \
               :                                                                                   \
               : "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t0", "memory");    \
  *pc = where;                                                                                     \
  return a0

static __attribute__ ((noinline)) uint64_t
probe_load (uint64_t address, uint64_t base, uint64_t *pc)
{
  PROBE ("ld a0, 8(a1)");
}

static __attribute__ ((noinline)) uint64_t
probe_store (uint64_t address, uint64_t base, uint64_t *pc)
{
  PROBE ("sd a0, 8(a1)");
}

static __attribute__ ((noinline)) uint64_t
probe_add (uint64_t address, uint64_t base, uint64_t *pc)
{
  PROBE ("amoadd.d a0, a0, (a1)");
}

enum { LOAD, STORE, AMO, N_PROBES };

static void
check_fault (int code, uint64_t address, uint64_t base, uint64_t pc, uint64_t a1, uint64_t a0)
{
  if (fault.address != address || fault.code != (uint64_t) code || fault.pc != pc)
    stress_differ ("fault at %#llx, pc %#llx, code %llu, not %#llx, %#llx, %d",
                   (unsigned long long) fault.address, (unsigned long long) fault.pc,
                   (unsigned long long) fault.code, (unsigned long long) address,
                   (unsigned long long) pc, code);
  for (int i = 0; i < N_SAVED; i++)
    if (fault.saved[i] != base + 1 + (uint64_t) i)
      stress_differ ("register s%d was %#llx in a fault, not %#llx", i + 2,
                     (unsigned long long) fault.saved[i],
                     (unsigned long long) (base + 1 + (uint64_t) i));
  if (fault.a1 != a1 || a0 != UINT64_C (0x5eed5eed5eed5eed))
    stress_differ ("register a1 was %#llx in a fault, a0 %#llx after",
                   (unsigned long long) fault.a1, (unsigned long long) a0);
}

/* @protection: -1 is not mapped. @value: what is in memory. */
static void
probe (int what, uint64_t at, int protection, uint64_t base, uint64_t *value)
{
  uint64_t pc, a0, before = fault.count;
  uint64_t address = what == AMO ? at : at - 8;
  int needed = what == LOAD ? PROT_READ : PROT_WRITE;
  bool allowed = protection >= 0 && (protection & needed);
  a0 = what == LOAD    ? probe_load (address, base, &pc)
       : what == STORE ? probe_store (address, base, &pc)
                       : probe_add (address, base, &pc);
  if (allowed != (fault.count == before)) {
    stress_differ ("access %d to protection %d gave %d faults", what, protection,
                   (int) (fault.count - before));
    return;
  }
  if (!allowed) {
    check_fault (protection < 0 ? SEGV_MAPERR : SEGV_ACCERR, at, base, pc, address, a0);
    return;
  }
  uint64_t want = what == STORE ? base : *value;
  if (a0 != want)
    stress_differ ("access %d gave %#llx, not %#llx", what, (unsigned long long) a0,
                   (unsigned long long) want);
  *value = what == STORE ? base : what == AMO ? *value + base : *value;
}

static uint64_t
probe_pages (uint32_t seed, unsigned count)
{
  static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, -1 };
  uint8_t *pages = stress_map (PAGES * PAGE, PROT_READ | PROT_WRITE, false);
  uint64_t values[PAGES] = { 0 }, sum = 0, faults = fault.count;
  for (unsigned i = 0; i < count; i++) {
    unsigned page = stress_random (&seed) % PAGES;
    int protection = protections[stress_random (&seed) % 4];
    uint8_t *at = pages + page * PAGE;
    if (protection < 0) {
      munmap (at, PAGE);
    } else if (mprotect (at, PAGE, protection) != 0) {
      stress_fail ("mprotect");
    }
    for (unsigned access = 0; access < 6; access++)
      probe ((int) (stress_random (&seed) % N_PROBES), (uint64_t) (uintptr_t) at + 16, protection,
             stress_random (&seed), &values[page]);
    sum = stress_mix (sum, values[page]);
    if (protection < 0) {
      if (mmap (at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
          != at)
        stress_fail ("mmap");
      values[page] = 0;
    } else if (mprotect (at, PAGE, PROT_READ | PROT_WRITE) != 0) {
      stress_fail ("mprotect");
    }
  }
  stress_count (STRESS_FAULTS, fault.count - faults);
  munmap (pages, PAGES * PAGE);
  return sum;
}

/* ---- One thread closes a page, others try it ---- */

#define TRIERS 3

typedef struct {
  uint8_t *page;
  _Atomic uint64_t closed, opening; /* times it was closed; times it was about to be opened */
  _Atomic bool over;
} Door;

static void *
try_door (void *data)
{
  Door *door = data;
  uint64_t pc, faults = 0;
  while (!atomic_load (&door->over)) {
    uint64_t closed = atomic_load (&door->closed);
    uint64_t before = fault.count;
    probe_load ((uint64_t) (uintptr_t) door->page, 1, &pc);
    bool faulted = fault.count != before;
    /* It was shut all the time: closed before, not about to be opened since. */
    if (atomic_load (&door->opening) < closed && !faulted)
      stress_differ ("a page that was closed was read");
    faults += faulted;
    if (faulted)
      sched_yield ();
  }
  stress_count (STRESS_FAULTS, faults);
  return NULL;
}

static void
close_and_open (unsigned count)
{
  pthread_t threads[TRIERS];
  Door door = { .page = stress_map (PAGE, PROT_READ, false) };
  for (unsigned i = 0; i < TRIERS; i++)
    if (pthread_create (&threads[i], NULL, try_door, &door) != 0)
      stress_fail ("pthread_create");
  for (unsigned i = 1; i <= count; i++) {
    if (mprotect (door.page, PAGE, PROT_NONE) != 0)
      stress_fail ("mprotect");
    atomic_store (&door.closed, i);
    if (i % 4 == 0)
      usleep (100);
    atomic_store (&door.opening, i);
    if (mprotect (door.page, PAGE, PROT_READ) != 0)
      stress_fail ("mprotect");
    if (i % 8 == 0)
      usleep (100);
  }
  atomic_store (&door.over, true);
  for (unsigned i = 0; i < TRIERS; i++)
    pthread_join (threads[i], NULL);
  munmap (door.page, PAGE);
}

uint64_t
stress_protect (uint32_t seed)
{
  handle_faults ();
  uint64_t sum = probe_pages (seed, stress_times (3000));
  close_and_open (stress_times (600));
  return sum;
}

#endif
