/* SPDX-License-Identifier: GPL-3.0-or-later
 * A virtual CPU as boards and machines see it, whatever the guest architecture or engine. */
#pragma once

#include "core/mem/mem-space.h"
#include "core/state/state-visitor.h"
#include "core/vm/vm-irq.h"

typedef struct DioCpu DioCpu;
typedef struct DioCpuType DioCpuType;
typedef struct DioMachine DioMachine;

/* Why dio_cpu run returned to the vCPU loop. */
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
  /* Prints registers for people (debugging, crash reports). CPU stopped. */
  void (*dump) (DioCpu *cpu, GString *out);
};

/* The common head of every CPU instance. */
struct DioCpu {
  const DioCpuType *type;
  DioMachine *machine;
  DioSpace *space;
  unsigned index;
  /* Set by anybody to make run() return or look at its requests soon; polled by the engine on
   * back-edges and at instruction-count bounds (latency under 100 us). */
  _Atomic uint32_t kicked;
  DioCpuStats stats;
};

/* Makes @cpu leave run() or wake from halt. Any thread, any lock held except the vCPU's own. */
void dio_cpu_kick (DioCpu *cpu);
