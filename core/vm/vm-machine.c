/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine's life: the control thread takes commands from a queue, one after the other, and is the
 * only one that changes the state. What other threads want (the guest powers off, a device reports)
 * becomes a command too, so there is nothing to lock against. */
#include "core/vm/vm-machine.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/base/base-thread.h"
#include "core/vm/vm-private.h"

enum { MAX_REPORTS = 16 };

typedef enum {
  COMMAND_BUILD,
  COMMAND_START,
  COMMAND_PAUSE,
  COMMAND_RESUME,
  COMMAND_RESET,
  COMMAND_RELEASE,
  COMMAND_POWER_BUTTON,
  COMMAND_STOP,
  COMMAND_GUEST_OFF,
  COMMAND_GUEST_RESET,
  COMMAND_REPORT,
  COMMAND_SNAPSHOT,
  COMMAND_RESTORE,
  COMMAND_QUIT,
} CommandKind;

struct Command {
  Command *next;
  CommandKind kind;
  DioMachineDone done;
  void *data;
  DioStopReason reason; /* GUEST_OFF */
  int exit_code;
  void *argument; /* SNAPSHOT, RESTORE */
  char *message;  /* REPORT */
  bool fatal;
};

/* ---- Events ---- */

static DioMachineState
state_of (DioMachine *machine)
{
  return (DioMachineState) atomic_load (&machine->priv->state);
}

static void
emit (DioMachine *machine, DioMachineEventKind kind, DioStopReason reason, int exit_code,
      const char *message)
{
  const DioMachineEvent event = {
    .kind = kind,
    .state = state_of (machine),
    .reason = reason,
    .exit_code = exit_code,
    .time_us = g_get_real_time (),
    .held = machine->priv->held,
    .message = message,
  };
  if (machine->host.event)
    machine->host.event (&event, machine->host.data);
}

static void
enter_state (DioMachine *machine, DioMachineState state, DioStopReason reason, int exit_code,
             const char *message)
{
  atomic_store (&machine->priv->state, state);
  emit (machine, DIO_EVENT_STATE, reason, exit_code, message);
}

static bool
fail_state (GError **error, const char *message)
{
  g_set_error_literal (error, DIO_ERROR, DIO_ERROR_BUSY, message);
  return false;
}

/* ---- Standing still and going on ---- */

static void
nothing (void *data)
{
}

void
dio_machine_stand_still (DioMachine *machine)
{
  dio_vcpus_stop (machine);
  dio_clock_stop (machine->clock);
  for (guint i = 0; i < machine->devices->len; i++) {
    DioDevice *dev = g_ptr_array_index (machine->devices, i);
    if (dev->type->drain)
      dev->type->drain (dev);
  }
  dio_loop_call (machine->loop, nothing, NULL);
}

static void
unfreeze_devices (DioMachine *machine)
{
  for (guint i = 0; i < machine->devices->len; i++) {
    DioDevice *dev = g_ptr_array_index (machine->devices, i);
    if (dev->type->resume)
      dev->type->resume (dev);
  }
}

static void
go (DioMachine *machine)
{
  dio_clock_start (machine->clock);
  dio_loop_clock_changed (machine->loop);
  dio_vcpus_go (machine);
}

void
dio_machine_go_on (DioMachine *machine)
{
  unfreeze_devices (machine);
  go (machine);
}

void
dio_machine_enter_state (DioMachine *machine, DioMachineState state)
{
  enter_state (machine, state, DIO_STOP_NONE, 0, NULL);
}

/* The cold state: devices, vCPUs and memory as after power-on, and what the board loads. */
static bool
power_up (DioMachine *machine, bool again, GError **error)
{
  for (guint i = 0; i < machine->devices->len; i++)
    dio_device_reset (g_ptr_array_index (machine->devices, i));
  if (again && machine->ram)
    dio_ram_clear (machine->ram);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    if (machine->cpus[i]->type->reset)
      machine->cpus[i]->type->reset (machine->cpus[i]);
  return !machine->board->load || machine->board->load (machine, error);
}

/* For good. */
static void
halt (DioMachine *machine, DioStopReason reason, int exit_code, const char *message)
{
  if (state_of (machine) == DIO_MACHINE_RUNNING)
    dio_machine_stand_still (machine);
  enter_state (machine, DIO_MACHINE_STOPPED, reason, exit_code, message);
}

/* ---- Commands, on the control thread ---- */

static bool
is_on (DioMachine *machine)
{
  return state_of (machine) == DIO_MACHINE_RUNNING || state_of (machine) == DIO_MACHINE_PAUSED;
}

static bool
fail_off (DioMachine *machine, GError **error)
{
  return fail_state (error, state_of (machine) == DIO_MACHINE_CREATED
                                ? _ ("The machine has not been started yet")
                                : _ ("The machine is switched off"));
}

static bool
do_build (DioMachine *machine, GError **error)
{
  return !machine->board->build || machine->board->build (machine, error);
}

static bool
do_start (DioMachine *machine, GError **error)
{
  if (is_on (machine))
    return fail_state (error, _ ("The machine is already running"));
  if (state_of (machine) == DIO_MACHINE_STOPPED)
    return fail_off (machine, error);
  if (!power_up (machine, false, error) || !dio_vcpus_start_threads (machine, error))
    return false;
  enter_state (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
  go (machine);
  return true;
}

static bool
do_pause (DioMachine *machine, GError **error)
{
  if (!is_on (machine))
    return fail_off (machine, error);
  machine->priv->pause_wanted = true;
  if (state_of (machine) == DIO_MACHINE_PAUSED)
    return true;
  dio_machine_stand_still (machine);
  if (machine->host.input)
    dio_input_release_all (machine->host.input);
  enter_state (machine, DIO_MACHINE_PAUSED, DIO_STOP_NONE, 0, NULL);
  return true;
}

static bool
do_reset (DioMachine *machine, GError **error)
{
  struct DioMachinePrivate *priv = machine->priv;
  g_autoptr (GError) own_error = NULL;
  if (!is_on (machine))
    return fail_off (machine, error);
  bool running = state_of (machine) == DIO_MACHINE_RUNNING;
  bool released = priv->held && !priv->pause_wanted;
  priv->held = false;
  if (running)
    dio_machine_stand_still (machine);
  if (!power_up (machine, true, &own_error)) {
    enter_state (machine, DIO_MACHINE_STOPPED, DIO_STOP_ERROR, 0, own_error->message);
    g_propagate_error (error, g_steal_pointer (&own_error));
    return false;
  }
  emit (machine, DIO_EVENT_RESET, DIO_STOP_NONE, 0, NULL);
  if (running || released)
    unfreeze_devices (machine);
  if (released)
    enter_state (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
  if (running || released)
    go (machine);
  return true;
}

static bool
do_release (DioMachine *machine, GError **error)
{
  machine->priv->hold = false;
  return !machine->priv->held || do_reset (machine, error);
}

static bool
do_resume (DioMachine *machine, GError **error)
{
  if (!is_on (machine))
    return fail_off (machine, error);
  machine->priv->pause_wanted = false;
  if (state_of (machine) == DIO_MACHINE_RUNNING)
    return true;
  /* What comes after the call for the reset is not for the guest to see. */
  if (machine->priv->held)
    return do_reset (machine, error);
  unfreeze_devices (machine);
  enter_state (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
  go (machine);
  return true;
}

static bool
do_snapshot (DioMachine *machine, DioSnapshot *snapshot, GError **error)
{
  if (!is_on (machine))
    return fail_off (machine, error);
  if (snapshot->before_reset && !machine->priv->held)
    return fail_state (error, _ ("The machine has restarted meanwhile"));
  /* A guest that has called for its reset has nothing to go on with. */
  if (machine->priv->held && !snapshot->before_reset && !do_reset (machine, error))
    return false;
  return dio_machine_do_snapshot (machine, snapshot, error);
}

static bool
do_restore (DioMachine *machine, DioRestore *restore, GError **error)
{
  if (state_of (machine) != DIO_MACHINE_CREATED)
    return fail_state (error, _ ("The machine is already running"));
  if (!dio_machine_do_restore (machine, restore, error) || !dio_vcpus_start_threads (machine, error)
      || (restore->ready && !restore->ready (restore->data, error)))
    return false;
  if (restore->paused) {
    enter_state (machine, DIO_MACHINE_PAUSED, DIO_STOP_NONE, 0, NULL);
    return true;
  }
  /* What the guest had asked of devices that stood still already is done now: nobody asks again. */
  enter_state (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
  dio_machine_go_on (machine);
  return true;
}

static bool
do_power_button (DioMachine *machine, GError **error)
{
  struct DioMachinePrivate *priv = machine->priv;
  if (!is_on (machine))
    return fail_off (machine, error);
  if (state_of (machine) == DIO_MACHINE_PAUSED)
    return fail_state (error, _ ("The machine is paused; resume it first"));
  if (!priv->power_button) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                 _ ("The machine has no power button; shut it down from within, or force it off"));
    return false;
  }
  priv->power_button (priv->power_button_data);
  return true;
}

static bool
do_stop (DioMachine *machine)
{
  if (state_of (machine) != DIO_MACHINE_STOPPED)
    halt (machine, DIO_STOP_FORCED, 0, NULL);
  return true;
}

static void
do_guest_off (DioMachine *machine, const Command *command)
{
  atomic_store (&machine->priv->off_requested, false);
  if (is_on (machine))
    halt (machine, command->reason, command->exit_code, command->message);
}

static void
do_guest_reset (DioMachine *machine)
{
  struct DioMachinePrivate *priv = machine->priv;
  atomic_store (&priv->reset_requested, false);
  if (!is_on (machine) || priv->held)
    return;
  if (!priv->hold) {
    do_reset (machine, NULL); /* a failure is in the event */
    return;
  }
  priv->pause_wanted = state_of (machine) == DIO_MACHINE_PAUSED;
  if (!priv->pause_wanted)
    dio_machine_stand_still (machine);
  priv->held = true;
  enter_state (machine, DIO_MACHINE_PAUSED, DIO_STOP_NONE, 0, NULL);
}

static void
do_report (DioMachine *machine, const Command *command)
{
  atomic_fetch_sub (&machine->priv->reports, 1);
  emit (machine, DIO_EVENT_ERROR, DIO_STOP_NONE, 0, command->message);
  if (command->fatal && state_of (machine) != DIO_MACHINE_STOPPED)
    halt (machine, DIO_STOP_ERROR, 0, command->message);
}

static bool
run_command (DioMachine *machine, const Command *command, GError **error)
{
  switch (command->kind) {
  case COMMAND_BUILD:
    return do_build (machine, error);
  case COMMAND_START:
    return do_start (machine, error);
  case COMMAND_PAUSE:
    return do_pause (machine, error);
  case COMMAND_RESUME:
    return do_resume (machine, error);
  case COMMAND_RESET:
    return do_reset (machine, error);
  case COMMAND_RELEASE:
    return do_release (machine, error);
  case COMMAND_POWER_BUTTON:
    return do_power_button (machine, error);
  case COMMAND_STOP:
    return do_stop (machine);
  case COMMAND_GUEST_OFF:
    do_guest_off (machine, command);
    return true;
  case COMMAND_GUEST_RESET:
    do_guest_reset (machine);
    return true;
  case COMMAND_REPORT:
    do_report (machine, command);
    return true;
  case COMMAND_SNAPSHOT:
    return do_snapshot (machine, command->argument, error);
  case COMMAND_RESTORE:
    return do_restore (machine, command->argument, error);
  case COMMAND_QUIT:
    return !is_on (machine) || do_stop (machine);
  }
  return true;
}

/* ---- The queue ---- */

static void
enqueue (DioMachine *machine, const Command *template)
{
  struct DioMachinePrivate *priv = machine->priv;
  Command *command = g_new (Command, 1);
  *command = *template;
  command->next = NULL;
  pthread_mutex_lock (&priv->lock);
  *priv->last = command;
  priv->last = &command->next;
  pthread_cond_signal (&priv->wake);
  pthread_mutex_unlock (&priv->lock);
}

static Command *
dequeue (DioMachine *machine)
{
  struct DioMachinePrivate *priv = machine->priv;
  pthread_mutex_lock (&priv->lock);
  while (!priv->first)
    pthread_cond_wait (&priv->wake, &priv->lock);
  Command *command = priv->first;
  priv->first = command->next;
  if (!priv->first)
    priv->last = &priv->first;
  pthread_mutex_unlock (&priv->lock);
  return command;
}

static void
command_free (Command *command)
{
  g_free (command->message);
  g_free (command);
}

static void *
control_thread (void *data)
{
  DioMachine *machine = data;
  for (bool quit = false; !quit;) {
    g_autoptr (GError) error = NULL;
    Command *command = dequeue (machine);
    run_command (machine, command, &error);
    if (command->done)
      command->done (machine, error, command->data);
    quit = command->kind == COMMAND_QUIT;
    command_free (command);
  }
  return NULL;
}

static void
enqueue_plain (DioMachine *machine, CommandKind kind, DioMachineDone done, void *data)
{
  const Command command = { .kind = kind, .done = done, .data = data };
  enqueue (machine, &command);
}

void
dio_machine_start (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_START, done, data);
}

void
dio_machine_pause (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_PAUSE, done, data);
}

void
dio_machine_resume (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_RESUME, done, data);
}

void
dio_machine_reset (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_RESET, done, data);
}

void
dio_machine_release (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_RELEASE, done, data);
}

void
dio_machine_power_button (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_POWER_BUTTON, done, data);
}

void
dio_machine_stop (DioMachine *machine, DioMachineDone done, void *data)
{
  enqueue_plain (machine, COMMAND_STOP, done, data);
}

void
dio_machine_snapshot (DioMachine *machine, DioSnapshot *snapshot, DioMachineDone done, void *data)
{
  const Command command = {
    .kind = COMMAND_SNAPSHOT,
    .done = done,
    .data = data,
    .argument = snapshot,
  };
  enqueue (machine, &command);
}

void
dio_machine_restore (DioMachine *machine, DioRestore *restore, DioMachineDone done, void *data)
{
  const Command command = {
    .kind = COMMAND_RESTORE,
    .done = done,
    .data = data,
    .argument = restore,
  };
  enqueue (machine, &command);
}

void
dio_machine_guest_power_off (DioMachine *machine, DioStopReason reason, int exit_code)
{
  if (atomic_exchange (&machine->priv->off_requested, true))
    return;
  dio_vcpus_request_stop (machine);
  const Command command = { .kind = COMMAND_GUEST_OFF, .reason = reason, .exit_code = exit_code };
  enqueue (machine, &command);
}

void
dio_machine_guest_reset (DioMachine *machine)
{
  if (atomic_exchange (&machine->priv->reset_requested, true))
    return;
  dio_vcpus_request_stop (machine);
  enqueue_plain (machine, COMMAND_GUEST_RESET, NULL, NULL);
}

void
dio_machine_report (DioMachine *machine, bool fatal, const char *format, ...)
{
  /* A fatal report always gets through; others may come faster than anyone reads them. */
  if (atomic_fetch_add (&machine->priv->reports, 1) >= MAX_REPORTS && !fatal) {
    atomic_fetch_sub (&machine->priv->reports, 1);
    return;
  }
  if (fatal)
    dio_vcpus_request_stop (machine);
  va_list args;
  va_start (args, format);
  const Command command = {
    .kind = COMMAND_REPORT,
    .fatal = fatal,
    .message = g_strdup_vprintf (format, args),
  };
  va_end (args);
  enqueue (machine, &command);
}

DioMachineState
dio_machine_get_state (DioMachine *machine)
{
  return state_of (machine);
}

void
dio_machine_set_power_button (DioMachine *machine, void (*press) (void *data), void *data)
{
  machine->priv->power_button = press;
  machine->priv->power_button_data = data;
}

/* ---- Making and unmaking ---- */

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  bool finished;
  GError *error;
} Wait;

static void
waited_for (DioMachine *machine, const GError *error, void *data)
{
  Wait *wait = data;
  pthread_mutex_lock (&wait->lock);
  wait->finished = true;
  wait->error = error ? g_error_copy (error) : NULL;
  pthread_cond_signal (&wait->wake);
  pthread_mutex_unlock (&wait->lock);
}

/* Runs a command and waits for it. */
static bool
run_and_wait (DioMachine *machine, CommandKind kind, GError **error)
{
  Wait wait = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, NULL };
  enqueue_plain (machine, kind, waited_for, &wait);
  pthread_mutex_lock (&wait.lock);
  while (!wait.finished)
    pthread_cond_wait (&wait.wake, &wait.lock);
  pthread_mutex_unlock (&wait.lock);
  if (!wait.error)
    return true;
  g_propagate_error (error, wait.error);
  return false;
}

static struct DioMachinePrivate *
private_new (void)
{
  struct DioMachinePrivate *priv = g_new0 (struct DioMachinePrivate, 1);
  pthread_condattr_t monotonic;
  pthread_condattr_init (&monotonic);
  pthread_condattr_setclock (&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init (&priv->lock, NULL);
  pthread_cond_init (&priv->wake, NULL);
  pthread_mutex_init (&priv->vcpu_lock, NULL);
  pthread_cond_init (&priv->vcpu_wake, NULL);
  pthread_cond_init (&priv->vcpu_parked, &monotonic);
  pthread_condattr_destroy (&monotonic);
  priv->last = &priv->first;
  return priv;
}

static void
private_free (struct DioMachinePrivate *priv)
{
  pthread_mutex_destroy (&priv->lock);
  pthread_cond_destroy (&priv->wake);
  pthread_mutex_destroy (&priv->vcpu_lock);
  pthread_cond_destroy (&priv->vcpu_wake);
  pthread_cond_destroy (&priv->vcpu_parked);
  g_free (priv);
}

DioMachine *
dio_machine_new (const DioMachineConfig *config, const DioMachineHost *host, GError **error)
{
  const DioBoardType *board = dio_machine_check_config (config, host->boards, error);
  if (!board)
    return NULL;

  DioMachine *machine = g_new0 (DioMachine, 1);
  machine->priv = private_new ();
  machine->config = dio_machine_config_copy (config);
  if (!machine->config->name)
    machine->config->name = g_strdup ("machine");
  machine->host = *host;
  machine->priv->hold = config->installing;
  machine->board = board;
  machine->space = dio_space_new ();
  machine->clock = dio_clock_new ();
  machine->devices = g_ptr_array_new ();
  machine->disks = g_ptr_array_new ();
  machine->loop = dio_loop_new ("dio-loop", error);
  if (machine->loop)
    machine->priv->control_started =
        dio_thread_start (&machine->priv->control, "dio-control", control_thread, machine, error);
  if (!machine->priv->control_started || !run_and_wait (machine, COMMAND_BUILD, error)) {
    dio_machine_free (machine);
    return NULL;
  }
  return machine;
}

void
dio_machine_free (DioMachine *machine)
{
  if (!machine)
    return;

  struct DioMachinePrivate *priv = machine->priv;
  if (priv->control_started) {
    g_return_if_fail (!pthread_equal (priv->control, pthread_self ()));
    enqueue_plain (machine, COMMAND_QUIT, NULL, NULL);
    pthread_join (priv->control, NULL);
  }
  while (priv->first) /* what devices wanted in the last moment */
    command_free (dequeue (machine));
  dio_vcpus_join (machine);

  /* The last attached first: it may use those before it. */
  for (guint i = machine->devices->len; i > 0; i--)
    dio_device_free (g_ptr_array_index (machine->devices, i - 1));
  for (unsigned i = 0; i < machine->n_cpus; i++)
    machine->cpus[i]->type->free (machine->cpus[i]);
  if (machine->board->finalize)
    machine->board->finalize (machine);
  dio_loop_free (machine->loop);
  dio_clock_free (machine->clock);
  dio_space_free (machine->space);
  if (machine->jit)
    machine->compiler->free (machine->jit);
  dio_ram_free_later (machine->ram, machine->host.pool);
  g_ptr_array_unref (machine->devices);
  g_ptr_array_unref (machine->disks);
  g_free (machine->cpus);
  dio_machine_config_free (machine->config);
  private_free (priv);
  g_free (machine);
}
