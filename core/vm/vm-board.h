/* SPDX-License-Identifier: GPL-3.0-or-later
 * A board: which devices a machine has and where, and what boots on it. */
#pragma once

#include "core/vm/vm-machine.h"

struct DioBoardType {
  const char *id;    /* "virt" */
  const char *title; /* N_() */
  DioArch arch;
  const DioCpuType *cpu;
  uint64_t minimum_memory, maximum_memory; /* bytes */
  unsigned maximum_cpus;
  bool has_firmware; /* which finds a system by itself: neither firmware nor kernel need be given */
  bool has_ramfb;    /* DIO_GRAPHICS_RAMFB is possible */

  /* Creates RAM (machine->ram, which the machine frees), vCPUs and devices of @machine from its
   * configuration, which dio_machine_new() has checked against the fields above. Control thread. */
  bool (*build) (DioMachine *machine, GError **error);
  /* Loads firmware, kernel and device tree into RAM and sets the vCPUs' entry state. Called at
   * power-on and after every reset, all vCPUs stopped, devices reset. */
  bool (*load) (DioMachine *machine, GError **error);
  /* Frees what build() kept in machine's board data, also after a build() that failed. Devices and
   * vCPUs are gone by then. May be NULL. */
  void (*finalize) (DioMachine *machine);
};
