/* SPDX-License-Identifier: GPL-3.0-or-later
 * The state of a whole machine: taken while it runs, and started from. */
#pragma once

#include "core/state/state-ram.h"
#include "core/vm/vm-machine.h"

/* What is asked for, and what comes of it. The caller's until @done. */
typedef struct {
  /* For each disk of the configuration the new, empty overlay that it goes on in, or NULL; may be
   * NULL as a whole. What the disks are now is only read from then on. */
  char *const *overlays;
  unsigned n_overlays;
  /* Called while everything stands still and what was written to disks is on them; from its success
   * on the overlays are in use. May be NULL. Control thread; the guest waits for it. */
  bool (*point) (void *data, GError **error);
  void *data;
  bool stay; /* paused, for a machine that is about to be closed */
  /* Disks alone, as of a machine that is off: of one that is held before a reset, and only while it
   * is. Others are reset before they are saved. */
  bool before_reset;

  GBytes *devices;      /* of vCPUs, devices and the clock */
  DioRamFreeze *freeze; /* of the RAM: to be ended before the machine is freed */
  uint64_t memory;      /* bytes */
  int64_t pause_ns;     /* how long the guest stood still */
} DioSnapshot;

/* Takes the state of a machine that runs or is paused; it goes on before @done is called. */
void dio_machine_snapshot (DioMachine *machine, DioSnapshot *snapshot, DioMachineDone done,
                           void *data);

/* A state to start from. The caller's until @done, but for the store. */
typedef struct {
  GBytes *devices;
  DioRamMap *map;  /* taken by the machine */
  DioStore *store; /* outlives the machine */
  bool paused;     /* start PAUSED */
  bool again;      /* others may start from it, too: a snapshot, not a suspended machine */
  /* Called when everything is loaded, before the guest runs; may be NULL. Control thread. */
  bool (*ready) (void *data, GError **error);
  void *data;
} DioRestore;

/* Starts a machine that was built and never started from a state instead of from its boot medium.
 * Memory comes as it is needed; what cannot be had stops the machine with an error. */
void dio_machine_restore (DioMachine *machine, DioRestore *restore, DioMachineDone done,
                          void *data);
