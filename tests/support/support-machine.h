/* SPDX-License-Identifier: GPL-3.0-or-later
 * Machines for tests of devices and of the machine itself: memory at 0x80000000, a board of
 * nothing else, and CPUs whose guest is a C function of the test. */
#pragma once

#include "core/vm/vm-board.h"

#define SUPPORT_RAM_BASE UINT64_C (0x80000000)

typedef struct SupportCpu SupportCpu;

/* One call of run(): what the "guest" does between two polls. */
typedef DioExit (*SupportGuest) (SupportCpu *cpu);

struct SupportCpu {
  DioCpu cpu;
  SupportGuest guest;        /* NULL: halts for ever */
  _Atomic uint32_t pending;  /* interrupts: has_work() when any */
  _Atomic uint64_t progress; /* for guests that count */
  _Atomic unsigned resets;
};

/* A machine of @memory bytes and one CPU that halts; aborts on failure. Devices can be attached
 * until it is started. Free with support_machine_free(). */
DioMachine *support_machine_new (uint64_t memory);

/* The same with @cpus CPUs that all run @guest, and events to @event(@data). */
DioMachine *support_machine_new_full (uint64_t memory, unsigned cpus, SupportGuest guest,
                                      void (*event) (const DioMachineEvent *event, void *data),
                                      void *data);
void support_machine_free (DioMachine *machine);

/* Runs a command and waits; *@error as the command gave it. */
typedef void (*SupportCommand) (DioMachine *machine, DioMachineDone done, void *data);
bool support_machine_do (DioMachine *machine, SupportCommand command, GError **error);

SupportCpu *support_machine_cpu (DioMachine *machine, unsigned index);

/* The board, for tests that make their machine themselves. Its maximum is 4 CPUs and 1 GiB. */
extern const DioBoardType support_board;
