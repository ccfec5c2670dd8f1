/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs a bare-metal program: run-guest ARCHITECTURE IMAGE [CPUS [SECONDS [ENGINE]]]. ENGINE is
 * "interpreter" or options of the compiler (core/jit/jit-options.h), maybe none. Prints what the
 * program prints; exit status 0 when it passes, else 1, with the number of the check that failed.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/jit/jit.h"
#include "tests/guest/guest-board.h"

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool stopped;
  DioStopReason reason;
  int exit_code;
} Watch;

static size_t
out_write (DioChar *chr, const uint8_t *data, size_t length)
{
  return write (STDOUT_FILENO, data, length) < 0 ? 0 : length;
}

static void
out_set_handlers (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque)
{
}

static void
out_accept_input (DioChar *chr)
{
}

static const DioCharOps out_ops = {
  .write = out_write,
  .set_handlers = out_set_handlers,
  .accept_input = out_accept_input,
};

static void
on_event (const DioMachineEvent *event, void *data)
{
  Watch *watch = data;
  if (event->message)
    g_printerr ("event: %s\n", event->message);
  if (event->kind != DIO_EVENT_STATE || event->state != DIO_MACHINE_STOPPED)
    return;
  pthread_mutex_lock (&watch->lock);
  watch->stopped = true;
  watch->reason = event->reason;
  watch->exit_code = event->exit_code;
  pthread_cond_signal (&watch->changed);
  pthread_mutex_unlock (&watch->lock);
}

static void
on_started (DioMachine *machine, const GError *error, void *data)
{
  if (error) {
    g_printerr ("%s\n", error->message);
    exit (1);
  }
}

static void
dump (DioMachine *machine)
{
  g_autoptr (GString) text = g_string_new (NULL);
  for (unsigned i = 0; i < machine->n_cpus; i++)
    machine->cpus[i]->type->dump (machine->cpus[i], text);
  g_printerr ("%s", text->str);
}

static void
on_paused (DioMachine *machine, const GError *error, void *data)
{
  Watch *watch = data;
  dump (machine);
  pthread_mutex_lock (&watch->lock);
  watch->stopped = true;
  pthread_cond_signal (&watch->changed);
  pthread_mutex_unlock (&watch->lock);
}

static void
print_compiled (DioMachine *machine)
{
  DioJitStats stats = { 0 };
  if (machine->jit)
    dio_jit_get_stats (machine->jit, &stats);
  g_print ("compiled %" G_GUINT64_FORMAT " units, %" G_GUINT64_FORMAT
           " instructions; %" G_GUINT64_FORMAT " invalidated, %" G_GUINT64_FORMAT
           " segments evicted, %" G_GUINT64_FORMAT " faults, %" G_GUINT64_FORMAT
           " refused; %" G_GUINT64_FORMAT " sweeps\n",
           stats.units, stats.insns, stats.invalidated_units, stats.evicted_segments, stats.faults,
           stats.failed, stats.sweeps);
}

int
main (int argc, char **argv)
{
  const DioBoardType *board = argc > 2 ? guest_board_find (argv[1]) : NULL;
  if (!board) {
    g_printerr ("Usage: run-guest ARCHITECTURE IMAGE [CPUS [SECONDS [ENGINE]]]\n");
    return 2;
  }
  Watch watch = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
  DioChar out = { .ops = &out_ops };
  const DioBoardType *boards[] = { board, NULL };
  DioMachineHost host = {
    .boards = boards,
    .pool = dio_pool_new (1),
    .serial = &out,
    .event = on_event,
    .data = &watch,
  };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  config->name = g_strdup ("guest-test");
  config->arch = board->arch;
  config->board = g_strdup (board->id);
  config->memory = 64 << 20;
  config->cpus = argc > 3 ? atoi (argv[3]) : 1;
  bool interpreter = argc <= 5 || g_str_equal (argv[5], "interpreter");
  config->engine = interpreter ? DIO_ENGINE_INTERPRETER : DIO_ENGINE_COMPILER;
  config->compiler = interpreter ? NULL : g_strdup (argv[5]);
  config->firmware = g_strdup (argv[2]);
  config->headless = true;

  g_autoptr (GError) error = NULL;
  DioMachine *machine = dio_machine_new (config, &host, &error);
  if (!machine) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  struct timespec until;
  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_sec += argc > 4 ? atoi (argv[4]) : 20;
  dio_machine_start (machine, on_started, NULL);
  pthread_mutex_lock (&watch.lock);
  bool late = false;
  while (!watch.stopped) {
    if (pthread_cond_timedwait (&watch.changed, &watch.lock, &until) == 0)
      continue;
    if (late)
      break;
    late = true;
    until.tv_sec += 5;
    g_printerr ("The program does not end:\n");
    dio_machine_pause (machine, on_paused, &watch);
  }
  pthread_mutex_unlock (&watch.lock);
  if (g_getenv ("GUEST_STATS")) {
    DioMachineStats stats;
    dio_machine_get_stats (machine, &stats);
    g_print ("%.3f s, %" G_GUINT64_FORMAT " instructions, %" G_GUINT64_FORMAT
             " TLB misses, %" G_GUINT64_FORMAT " traps\n",
             stats.run_seconds, stats.cpu.instructions, stats.cpu.tlb_misses, stats.cpu.traps);
    print_compiled (machine);
  }
  dio_machine_free (machine);
  dio_pool_free (host.pool);
  if (late)
    return 1;
  if (watch.reason == DIO_STOP_GUEST_OFF && watch.exit_code == 0)
    return 0;
  g_printerr ("check %d failed\n", watch.exit_code);
  return 1;
}
