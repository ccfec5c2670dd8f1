/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of core/vm share about a machine. */
#pragma once

#include <pthread.h>

#include "core/vm/vm-board.h"
#include "core/vm/vm-snapshot.h"

typedef struct Command Command;

struct DioMachinePrivate {
  /* The control thread and its queue. */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  Command *first, **last;
  pthread_t control;
  bool control_started;
  _Atomic int state; /* DioMachineState; written by the control thread */

  /* Requests of the guest that wait in the queue already: more of them change nothing. */
  _Atomic bool off_requested, reset_requested;
  _Atomic uint32_t reports; /* waiting in the queue */

  /* Resets of the guest are held; one is, and a pause was asked for meanwhile. Control thread. */
  bool hold, held, pause_wanted;

  void (*power_button) (void *data);
  void *power_button_data;

  /* The vCPU threads. */
  pthread_mutex_t vcpu_lock;
  pthread_cond_t vcpu_wake;   /* `go` or `vcpu_quit` were set */
  pthread_cond_t vcpu_parked; /* `vcpus_active` became 0 */
  pthread_t *vcpu_threads;
  unsigned n_vcpu_threads;
  unsigned vcpus_active; /* threads that may be inside run() */
  bool vcpu_quit;
  _Atomic bool go;

  /* Wall time in RUNNING; under vcpu_lock. */
  int64_t run_since; /* host ns, 0 when not running */
  int64_t run_total;
};

/* vm-config.c: checks all that can be checked before anything is built; picks the board. */
const DioBoardType *dio_machine_check_config (const DioMachineConfig *config,
                                              const DioBoardType *const *boards, GError **error);

/* vm-vcpu.c. All but request_stop: control thread. */
bool dio_vcpus_start_threads (DioMachine *machine, GError **error);
void dio_vcpus_go (DioMachine *machine);
/* Returns when no vCPU is inside run(). */
void dio_vcpus_stop (DioMachine *machine);
/* Makes the vCPUs stop at their next poll. Any thread; does not wait. */
void dio_vcpus_request_stop (DioMachine *machine);
/* Ends and joins the threads. */
void dio_vcpus_join (DioMachine *machine);

/* vm-machine.c: vCPUs outside of run(), time stopped, no host work in flight, no callback of the
 * loop running; and on from there. Control thread. */
void dio_machine_stand_still (DioMachine *machine);
void dio_machine_go_on (DioMachine *machine);
void dio_machine_enter_state (DioMachine *machine, DioMachineState state);

/* vm-snapshot.c. Control thread; the machine is RUNNING or PAUSED, or CREATED and stays so. */
bool dio_machine_do_snapshot (DioMachine *machine, DioSnapshot *snapshot, GError **error);
bool dio_machine_do_restore (DioMachine *machine, DioRestore *restore, GError **error);
