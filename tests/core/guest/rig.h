/* SPDX-License-Identifier: GPL-3.0-or-later
 * A rig for the instruction engine: one or more harts with RAM at 0x80000000 and three devices of
 * the `virt` board that bare-metal programs need (UART output, finisher, mtime), and no threads but
 * the caller's. */
#pragma once

#include <glib.h>

#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/vm/vm-machine.h"

#define RIG_RAM UINT64_C (0x80000000)
#define RIG_FINISHER UINT64_C (0x100000)

typedef struct {
  DioMachine machine;
  DioRiscv64 *hart; /* the first */
  GString *output;
  bool finished;
  uint32_t finish_value; /* 0x5555: success */
  DioRegion regions[3];
} Rig;

Rig *rig_new (uint64_t memory, unsigned harts);
/* With the engine that @config says; it must stay. NULL: the interpreter. */
Rig *rig_new_configured (uint64_t memory, unsigned harts, DioMachineConfig *config);
void rig_free (Rig *rig);

/* Copies code or data into RAM as a loader would (noted as written). */
void rig_load (Rig *rig, DioGpa gpa, const void *data, size_t length);

/* Runs the first hart until the finisher was written or @timeout_us has passed. */
bool rig_run (Rig *rig, int64_t timeout_us);
