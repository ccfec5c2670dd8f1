/* SPDX-License-Identifier: GPL-3.0-or-later
 * A virtual CPU as boards and machines see it, whatever the guest architecture or engine. */
#pragma once

#include "core/mem/mem-space.h"
#include "core/state/state-visitor.h"
#include "core/vm/vm-irq.h"

typedef struct DioCpu DioCpu;
typedef struct DioCpuType DioCpuType;
typedef struct DioMachine DioMachine;

/* Why run() returned to the vCPU loop. */
typedef enum {
  DIO_EXIT_KICK, /* somebody asked: pause, stop, reset; look at the machine's state */
  DIO_EXIT_HALT, /* nothing to do until an interrupt (WFI): the loop sleeps */
} DioExit;

/* Counters a vCPU keeps without atomics for its own thread; readers tolerate tearing. */
typedef struct {
  uint64_t instructions;
  uint64_t exits_halt;
  uint64_t exits_kick;
  uint64_t mmio_reads;
  uint64_t mmio_writes;
  uint64_t traps;
  uint64_t interrupts;
  uint64_t tlb_misses;
  uint64_t decoded_pages;
} DioCpuStats;

/* Adds to a counter of the calling vCPU thread: a plain addition that other threads may watch. */
static inline void
dio_stat_add (uint64_t *counter, uint64_t amount)
{
  __atomic_store_n (counter, *counter + amount, __ATOMIC_RELAXED);
}

/* One guest architecture run by our own engines (or, later, an accelerator). Static const. */
struct DioCpuType {
  const char *id; /* "riscv64" */
  DioArch arch;
  DioCpu *(*create) (DioMachine *machine, unsigned index, GError **error);
  void (*free) (DioCpu *cpu);
  void (*reset) (DioCpu *cpu);
  /* Runs guest code on the calling thread until kicked or halted. */
  DioExit (*run) (DioCpu *cpu);
  /* True when a halted CPU has a reason to run again. Any thread. */
  bool (*has_work) (DioCpu *cpu);
  void (*state) (DioCpu *cpu, DioVisitor *visitor);
  /* Drops write permission of all cached translations to the physical page at @ram_offset, or of
   * all pages with UINT64_MAX; takes effect before the CPU's next store or, for a running CPU, at
   * its next poll. Any thread. */
  void (*flush_write) (DioCpu *cpu, uint64_t ram_offset);
  /* The same for all pages and at once, without noting them as written. CPU stopped. May be NULL:
   * flush_write is used then, and pages count as written that were not. */
  void (*drop_writes) (DioCpu *cpu);
  /* Prints registers for people (debugging, crash reports). CPU stopped. */
  void (*dump) (DioCpu *cpu, GString *out);
};

/* Values of DioCpu.kicked. */
enum {
  DIO_KICK_NONE = 0,
  DIO_KICK_PENDING = 1,
  DIO_KICK_SLEEPING = 2, /* the vCPU thread waits for a kick; never seen inside run() */
};

/* The common head of every CPU instance.
 *
 * Kick and halt. Who wants something of a running CPU first makes it known (an interrupt line, a
 * request flag), then calls dio_cpu_kick(). The vCPU loop sets `kicked` to DIO_KICK_NONE before
 * each run(), never run() itself; run() looks for requests and interrupts when it is entered, polls
 * `kicked` after that, and returns DIO_EXIT_KICK when it is not DIO_KICK_NONE. So nothing that was
 * made known before a kick is overlooked. When run() returns DIO_EXIT_HALT the loop announces in
 * `kicked` that it will sleep, asks has_work() once more, and sleeps until the next kick. */
struct DioCpu {
  const DioCpuType *type;
  DioMachine *machine;
  DioSpace *space;
  unsigned index;
  /* Set by dio_cpu_kick(); polled by the engine on back-edges and at instruction-count bounds
   * (latency under 100 us). */
  _Atomic uint32_t kicked;
  DioCpuStats stats;
};

/* Makes @cpu leave run() or wake from halt. Any thread, any lock held. A few ns when the CPU runs
 * or is kicked already, one system call when it sleeps. */
void dio_cpu_kick (DioCpu *cpu);

/* What the vCPU thread does after DIO_EXIT_HALT: sleeps until has_work() or a kick. */
void dio_cpu_sleep (DioCpu *cpu);
