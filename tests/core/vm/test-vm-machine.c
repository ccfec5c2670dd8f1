/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of a machine's life cycle, of its vCPU threads, and of what is refused and how. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/vm/vm-private.h"
#include "tests/support/support-machine.h"

#define MIB (UINT64_C (1) << 20)

typedef struct {
  pthread_mutex_t lock;
  GString *text; /* one word per event */
} Log;

static void
log_event (const DioMachineEvent *event, void *data)
{
  static const char *const states[] = { "created", "running", "paused", "stopped" };
  Log *log = data;
  g_assert_cmpint (event->time_us, >, 0);
  pthread_mutex_lock (&log->lock);
  if (event->kind == DIO_EVENT_STATE)
    g_string_append_printf (log->text, "%s(%d,%d) ", states[event->state], event->reason,
                            event->exit_code);
  else if (event->kind == DIO_EVENT_RESET)
    g_string_append (log->text, "reset ");
  else
    g_string_append_printf (log->text, "error:%s ", event->message);
  pthread_mutex_unlock (&log->lock);
}

static DioExit
count (SupportCpu *cpu)
{
  atomic_fetch_add (&cpu->progress, 1);
  return DIO_EXIT_KICK;
}

static void
wait_progress (DioMachine *machine, unsigned index, uint64_t least)
{
  for (unsigned i = 0; i < 100000; i++) {
    if (atomic_load (&support_machine_cpu (machine, index)->progress) >= least)
      return;
    g_usleep (100);
  }
  g_assert_not_reached ();
}

static void
wait_state (DioMachine *machine, DioMachineState state)
{
  for (unsigned i = 0; i < 100000 && dio_machine_get_state (machine) != state; i++)
    g_usleep (100);
  g_assert_cmpint (dio_machine_get_state (machine), ==, state);
}

static void
expect_ok (DioMachine *machine, SupportCommand command)
{
  g_autoptr (GError) error = NULL;
  support_machine_do (machine, command, &error);
  g_assert_no_error (error);
}

static void
expect_error (DioMachine *machine, SupportCommand command, int code)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (support_machine_do (machine, command, &error));
  g_assert_error (error, DIO_ERROR, code);
}

/* ---- Life ---- */

static void
test_life (void)
{
  Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
  DioMachine *machine = support_machine_new_full (4 * MIB, 2, count, log_event, &log);
  g_assert_cmpint (dio_machine_get_state (machine), ==, DIO_MACHINE_CREATED);
  expect_error (machine, dio_machine_pause, DIO_ERROR_BUSY);
  expect_error (machine, dio_machine_resume, DIO_ERROR_BUSY);
  expect_error (machine, dio_machine_reset, DIO_ERROR_BUSY);
  expect_error (machine, dio_machine_power_button, DIO_ERROR_BUSY);

  expect_ok (machine, dio_machine_start);
  wait_progress (machine, 0, 1000);
  wait_progress (machine, 1, 1000);
  expect_error (machine, dio_machine_start, DIO_ERROR_BUSY);
  expect_ok (machine, dio_machine_resume);
  expect_error (machine, dio_machine_power_button, DIO_ERROR_UNSUPPORTED);

  expect_ok (machine, dio_machine_pause);
  expect_ok (machine, dio_machine_pause);
  uint64_t before = support_machine_cpu (machine, 1)->progress;
  int64_t time = dio_clock_now (machine->clock);
  g_usleep (5000);
  g_assert_cmpuint (support_machine_cpu (machine, 1)->progress, ==, before);
  g_assert_cmpint (dio_clock_now (machine->clock), ==, time);
  expect_ok (machine, dio_machine_reset); /* stays paused */
  g_assert_cmpuint (support_machine_cpu (machine, 0)->resets, ==, 2);

  expect_ok (machine, dio_machine_resume);
  wait_progress (machine, 1, before + 1000);
  expect_ok (machine, dio_machine_reset); /* stays running */
  before = support_machine_cpu (machine, 0)->progress;
  wait_progress (machine, 0, before + 1000);

  DioMachineStats stats;
  dio_machine_get_stats (machine, &stats);
  g_assert_cmpfloat (stats.run_seconds, >, 0.0);
  g_assert_cmpfloat (stats.vcpu_seconds, >, 0.0);
  g_assert_cmpuint (stats.cpu.exits_kick, >, 0);

  expect_ok (machine, dio_machine_stop);
  expect_ok (machine, dio_machine_stop);
  expect_error (machine, dio_machine_start, DIO_ERROR_BUSY);
  expect_error (machine, dio_machine_resume, DIO_ERROR_BUSY);
  support_machine_free (machine);
  g_assert_cmpstr (log.text->str, ==,
                   "running(0,0) paused(0,0) reset running(0,0) reset stopped(2,0) ");
  g_string_free (log.text, TRUE);
}

/* Freeing a machine that runs, one that never started, and one with commands in the queue. */
static void
test_free_anytime (void)
{
  support_machine_free (support_machine_new (4 * MIB));
  for (unsigned i = 0; i < 30; i++) {
    Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
    DioMachine *machine = support_machine_new_full (4 * MIB, 2, count, log_event, &log);
    dio_machine_start (machine, NULL, NULL);
    if (i % 3 == 1)
      dio_machine_pause (machine, NULL, NULL);
    if (i % 3 == 2)
      g_usleep (i * 20);
    support_machine_free (machine);
    g_assert_true (g_str_has_suffix (log.text->str, "stopped(2,0) "));
    g_string_free (log.text, TRUE);
  }
}

/* A guest that switches itself off executes nothing after that. */
static DioExit
switch_off (SupportCpu *cpu)
{
  if (atomic_fetch_add (&cpu->progress, 1) == 1000)
    dio_machine_guest_power_off (cpu->cpu.machine, DIO_STOP_CRASHED, 7);
  return DIO_EXIT_KICK;
}

static void
test_guest_off (void)
{
  Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
  DioMachine *machine = support_machine_new_full (4 * MIB, 1, switch_off, log_event, &log);
  expect_ok (machine, dio_machine_start);
  wait_state (machine, DIO_MACHINE_STOPPED);
  g_assert_cmpuint (support_machine_cpu (machine, 0)->progress, ==, 1001);
  support_machine_free (machine);
  g_assert_cmpstr (log.text->str, ==, "running(0,0) stopped(3,7) ");
  g_string_free (log.text, TRUE);
}

static DioExit
reset_often (SupportCpu *cpu)
{
  if (atomic_load (&cpu->resets) > 20)
    dio_machine_guest_power_off (cpu->cpu.machine, DIO_STOP_GUEST_OFF, 0);
  else
    dio_machine_guest_reset (cpu->cpu.machine);
  return DIO_EXIT_KICK;
}

static void
test_guest_reset (void)
{
  Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
  DioMachine *machine = support_machine_new_full (4 * MIB, 2, reset_often, log_event, &log);
  memset (machine->ram->host, 0xaa, machine->ram->size);
  expect_ok (machine, dio_machine_start);
  g_assert_cmpuint (machine->ram->host[0], ==, machine->ram->host[machine->ram->size - 1]);
  wait_state (machine, DIO_MACHINE_STOPPED);
  g_assert_cmpuint (support_machine_cpu (machine, 1)->resets, ==, 21);
  /* A reset clears the memory. */
  g_assert_cmpuint (machine->ram->host[12345], ==, 0);
  support_machine_free (machine);
  g_assert_true (g_str_has_suffix (log.text->str, "reset stopped(1,0) "));
  g_string_free (log.text, TRUE);
}

static _Atomic bool reset_wanted;

static DioExit
reset_if_wanted (SupportCpu *cpu)
{
  atomic_fetch_add (&cpu->progress, 1);
  if (atomic_exchange (&reset_wanted, false))
    dio_machine_guest_reset (cpu->cpu.machine);
  return DIO_EXIT_KICK;
}

/* After @resets of the CPU. */
static void
call_for_reset (DioMachine *machine, unsigned resets)
{
  atomic_store (&reset_wanted, true);
  wait_state (machine, DIO_MACHINE_PAUSED);
  g_assert_true (machine->priv->held);
  g_assert_cmpuint (support_machine_cpu (machine, 0)->resets, ==, resets);
}

static bool
pass_cb (void *data, GError **error)
{
  ++*(unsigned *) data;
  return true;
}

static DioSnapshot *asked;

static void
ask_snapshot (DioMachine *machine, DioMachineDone done, void *data)
{
  dio_machine_snapshot (machine, asked, done, data);
}

/* A machine whose guest is held before its reset: whatever comes next, the reset does, too. */
static void
test_held_reset (void)
{
  Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
  DioMachine *machine = support_machine_new_full (4 * MIB, 1, reset_if_wanted, log_event, &log);
  unsigned passed = 0;
  DioSnapshot disks = { .before_reset = true, .point = pass_cb, .data = &passed };
  machine->priv->hold = true;
  expect_ok (machine, dio_machine_start);
  call_for_reset (machine, 1);
  asked = &disks;
  expect_ok (machine, ask_snapshot);
  g_assert_cmpuint (passed, ==, 1);
  g_assert_true (!disks.devices && !disks.freeze);
  /* It stays paused if that was asked for. */
  expect_ok (machine, dio_machine_pause);
  expect_ok (machine, dio_machine_reset);
  g_assert_cmpuint (support_machine_cpu (machine, 0)->resets, ==, 2);
  g_assert_cmpint (dio_machine_get_state (machine), ==, DIO_MACHINE_PAUSED);
  expect_error (machine, ask_snapshot, DIO_ERROR_BUSY);
  expect_ok (machine, dio_machine_resume);
  call_for_reset (machine, 2);
  expect_ok (machine, dio_machine_resume);
  call_for_reset (machine, 3);
  /* What is saved can go on. */
  DioSnapshot all = { .stay = true };
  asked = &all;
  expect_ok (machine, ask_snapshot);
  g_assert_true (!machine->priv->held && all.devices && all.freeze);
  g_assert_cmpuint (support_machine_cpu (machine, 0)->resets, ==, 4);
  dio_ram_freeze_end (all.freeze, false);
  g_bytes_unref (all.devices);
  expect_ok (machine, dio_machine_resume);
  call_for_reset (machine, 4);
  g_string_truncate (log.text, 0);
  expect_ok (machine, dio_machine_release);
  atomic_store (&reset_wanted, true);
  for (unsigned i = 0; i < 100000 && support_machine_cpu (machine, 0)->resets < 6; i++)
    g_usleep (100);
  expect_ok (machine, dio_machine_release);
  g_assert_cmpint (dio_machine_get_state (machine), ==, DIO_MACHINE_RUNNING);
  support_machine_free (machine);
  g_assert_cmpstr (log.text->str, ==, "reset running(0,0) reset stopped(2,0) ");
  g_string_free (log.text, TRUE);
}

static void
test_report (void)
{
  Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
  DioMachine *machine = support_machine_new_full (4 * MIB, 1, count, log_event, &log);
  expect_ok (machine, dio_machine_start);
  dio_machine_report (machine, false, "disk %d", 1);
  dio_machine_report (machine, true, "gone");
  wait_state (machine, DIO_MACHINE_STOPPED);
  support_machine_free (machine);
  g_assert_cmpstr (log.text->str, ==, "running(0,0) error:disk 1 error:gone stopped(4,0) ");
  g_string_free (log.text, TRUE);
}

/* ---- Halt and kick ---- */

/* The guest halts whenever it has no interrupt; each interrupt is counted. */
static DioExit
halting (SupportCpu *cpu)
{
  uint32_t taken = atomic_exchange (&cpu->pending, 0);
  if (!taken)
    return DIO_EXIT_HALT;
  atomic_fetch_add (&cpu->progress, 1);
  return DIO_EXIT_KICK;
}

static void *
ping_pong (void *data)
{
  SupportCpu *cpu = data;
  /* Each interrupt is raised only after the one before was taken: a lost wake-up hangs the test. */
  for (uint64_t i = 0; i < 20000; i++) {
    atomic_store (&cpu->pending, 1);
    dio_cpu_kick (&cpu->cpu);
    int64_t deadline = dio_host_now () + INT64_C (10000000000);
    while (atomic_load (&cpu->progress) != i + 1) {
      if (i % 8 == 0)
        g_usleep (1);
      g_assert_cmpint (dio_host_now (), <, deadline);
    }
  }
  return NULL;
}

static void
test_no_lost_wakeup (void)
{
  DioMachine *machine = support_machine_new_full (4 * MIB, 2, halting, NULL, NULL);
  expect_ok (machine, dio_machine_start);
  pthread_t threads[2];
  for (unsigned i = 0; i < 2; i++)
    pthread_create (&threads[i], NULL, ping_pong, support_machine_cpu (machine, i));
  for (unsigned i = 0; i < 2; i++)
    pthread_join (threads[i], NULL);
  DioMachineStats stats;
  dio_machine_get_stats (machine, &stats);
  g_assert_cmpuint (stats.cpu.exits_halt, >, 0);
  support_machine_free (machine);
}

/* An idle machine takes no processor time. */
static void
test_idle (void)
{
  DioMachine *machine = support_machine_new_full (4 * MIB, 2, halting, NULL, NULL);
  DioMachineStats before, after;
  expect_ok (machine, dio_machine_start);
  g_usleep (20000);
  dio_machine_get_stats (machine, &before);
  g_usleep (100000);
  dio_machine_get_stats (machine, &after);
  g_assert_cmpfloat (after.vcpu_seconds - before.vcpu_seconds, <, 0.001);
  support_machine_free (machine);
}

typedef struct {
  DioMachine *machine;
  _Atomic bool stop;
} Storm;

static void *
interrupt_storm (void *data)
{
  Storm *storm = data;
  while (!atomic_load (&storm->stop))
    for (unsigned i = 0; i < 2; i++) {
      atomic_store (&support_machine_cpu (storm->machine, i)->pending, 1);
      dio_cpu_kick (storm->machine->cpus[i]);
    }
  return NULL;
}

/* Pause, resume, reset in every order, with interrupts coming in all the time. */
static void
test_pause_storm (void)
{
  static const SupportCommand commands[] = { dio_machine_pause, dio_machine_resume,
                                             dio_machine_reset };
  Log log = { PTHREAD_MUTEX_INITIALIZER, g_string_new (NULL) };
  Storm storm = { .machine = support_machine_new_full (4 * MIB, 2, halting, log_event, &log) };
  pthread_t thread;
  expect_ok (storm.machine, dio_machine_start);
  pthread_create (&thread, NULL, interrupt_storm, &storm);
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  for (unsigned i = 0; i < 1500; i++) {
    SupportCommand command = commands[g_rand_int_range (random, 0, 3)];
    if (i % 10)
      command (storm.machine, NULL, NULL);
    else
      expect_ok (storm.machine, command);
    if (dio_machine_get_state (storm.machine) == DIO_MACHINE_PAUSED && i % 10 == 0
        && command == dio_machine_pause) {
      uint64_t progress = support_machine_cpu (storm.machine, 0)->progress;
      g_usleep (200);
      g_assert_cmpuint (support_machine_cpu (storm.machine, 0)->progress, ==, progress);
    }
  }
  expect_ok (storm.machine, dio_machine_resume);
  uint64_t progress = support_machine_cpu (storm.machine, 1)->progress;
  wait_progress (storm.machine, 1, progress + 10);
  atomic_store (&storm.stop, true);
  pthread_join (thread, NULL);
  support_machine_free (storm.machine);
  g_string_free (log.text, TRUE);
}

static void
test_several_machines (void)
{
  DioMachine *machines[4];
  for (unsigned i = 0; i < 4; i++) {
    machines[i] = support_machine_new_full (4 * MIB, 2, count, NULL, NULL);
    dio_machine_start (machines[i], NULL, NULL);
  }
  for (unsigned i = 0; i < 4; i++)
    wait_progress (machines[i], 1, 100);
  expect_ok (machines[2], dio_machine_stop);
  for (unsigned i = 0; i < 4; i++)
    support_machine_free (machines[(i + 1) % 4]);
}

static void
press (void *data)
{
  atomic_fetch_add ((_Atomic unsigned *) data, 1);
}

static void
test_power_button (void)
{
  _Atomic unsigned presses = 0;
  DioMachine *machine = support_machine_new (4 * MIB);
  dio_machine_set_power_button (machine, press, (void *) &presses);
  expect_ok (machine, dio_machine_start);
  expect_ok (machine, dio_machine_power_button);
  g_assert_cmpuint (presses, ==, 1);
  expect_ok (machine, dio_machine_pause);
  expect_error (machine, dio_machine_power_button, DIO_ERROR_BUSY);
  support_machine_free (machine);
}

/* ---- Refusals ---- */

static void
expect_refusal (const DioMachineConfig *config, int code, const char *words)
{
  static const DioBoardType *const boards[] = { &support_board, NULL };
  g_autoptr (GError) error = NULL;
  const DioMachineHost host = { .boards = boards };
  g_assert_null (dio_machine_new (config, &host, &error));
  g_assert_error (error, DIO_ERROR, code);
  g_auto (GStrv) list = g_strsplit (words, "|", 0);
  for (char **word = list; *word; word++)
    if (!strstr (error->message, *word))
      g_error ("“%s” does not say “%s”", error->message, *word);
}

static void
test_refusals (void)
{
  g_autoptr (DioMachineConfig) good = dio_machine_config_new ();
  g_autofree char *folder = g_dir_make_tmp ("dio-machine-XXXXXX", NULL);
  g_autofree char *empty = g_build_filename (folder, "empty", NULL);
  g_autofree char *fifo = g_build_filename (folder, "fifo", NULL);
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  good->arch = DIO_ARCH_RISCV64;
  good->memory = 16 * MIB;

#define REFUSED(change, code, words)                                                               \
  do {                                                                                             \
    g_autoptr (DioMachineConfig) config = dio_machine_config_copy (good);                          \
    change;                                                                                        \
    expect_refusal (config, code, words);                                                          \
  } while (0)

  REFUSED (config->arch = DIO_ARCH_NONE, DIO_ERROR_CONFIG, "architecture|riscv64");
  REFUSED (config->arch = DIO_ARCH_PPC64, DIO_ERROR_UNSUPPORTED, "ppc64|riscv64");
  REFUSED (config->board = g_strdup ("q35"), DIO_ERROR_CONFIG, "q35|test");
  REFUSED (config->memory = 1, DIO_ERROR_CONFIG, "1 byte|4.0|1.0|test");
  REFUSED (config->memory = UINT64_MAX, DIO_ERROR_CONFIG, "memory");
  REFUSED (config->cpus = 0, DIO_ERROR_CONFIG, "0 CPUs|1 to 4");
  REFUSED (config->cpus = 5, DIO_ERROR_CONFIG, "5 CPUs|1 to 4");
  if (!dio_engine_has_compiler ())
    REFUSED (config->engine = DIO_ENGINE_COMPILER, DIO_ERROR_UNSUPPORTED, "interpreter|auto");
  REFUSED (config->width = 100000, DIO_ERROR_CONFIG, "100000");
  REFUSED (config->kernel = g_strdup ("/nowhere/linux"), DIO_ERROR_NOT_FOUND, "/nowhere/linux");
  REFUSED (config->kernel = g_strdup (folder), DIO_ERROR_FORMAT, "folder");
  REFUSED (config->kernel = g_strdup (empty), DIO_ERROR_FORMAT, "kernel|empty");
  REFUSED (config->kernel = g_strdup (fifo), DIO_ERROR_FORMAT, "regular file");
  REFUSED (config->firmware = g_strdup ("/nowhere/fw"), DIO_ERROR_NOT_FOUND,
           "firmware|/nowhere/fw");
  REFUSED (config->initrd = g_strdup ("/dev/null"), DIO_ERROR_FORMAT, "/dev/null");
  REFUSED (config->initrd = g_strdup ("/proc/self/exe"), DIO_ERROR_CONFIG, "needs a kernel");
  REFUSED (dio_machine_config_add_disk (config, "/nowhere/disk", "raw", false), DIO_ERROR_NOT_FOUND,
           "disk|/nowhere/disk");
  REFUSED (dio_machine_config_add_disk (config, empty, "qed", false), DIO_ERROR_UNSUPPORTED,
           "qed|qcow2|raw");
  REFUSED (dio_machine_config_add_disk (config, folder, "raw", true), DIO_ERROR_FORMAT, "folder");
#undef REFUSED

  unlink (empty);
  unlink (fifo);
  rmdir (folder);
}

static bool
failing_build (DioMachine *machine, GError **error)
{
  machine->ram = dio_ram_new (4 * MIB, "test", NULL);
  g_set_error_literal (error, DIO_ERROR, DIO_ERROR_NOT_FOUND, "no firmware");
  return false;
}

/* A build that fails midway leaves nothing behind (LeakSanitizer looks). */
static void
test_failing_build (void)
{
  DioBoardType board = support_board;
  board.build = failing_build;
  const DioBoardType *const boards[] = { &board, NULL };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  g_autoptr (GError) error = NULL;
  config->arch = DIO_ARCH_RISCV64;
  config->memory = 4 * MIB;
  const DioMachineHost host = { .boards = boards };
  g_assert_null (dio_machine_new (config, &host, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
}

static void
test_no_memory (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (dio_ram_new (UINT64_C (1) << 45, "test", &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "32.0"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/vm/machine/life", test_life);
  g_test_add_func ("/core/vm/machine/free-anytime", test_free_anytime);
  g_test_add_func ("/core/vm/machine/guest-off", test_guest_off);
  g_test_add_func ("/core/vm/machine/guest-reset", test_guest_reset);
  g_test_add_func ("/core/vm/machine/held-reset", test_held_reset);
  g_test_add_func ("/core/vm/machine/report", test_report);
  g_test_add_func ("/core/vm/machine/no-lost-wakeup", test_no_lost_wakeup);
  g_test_add_func ("/core/vm/machine/idle", test_idle);
  g_test_add_func ("/core/vm/machine/pause-storm", test_pause_storm);
  g_test_add_func ("/core/vm/machine/several", test_several_machines);
  g_test_add_func ("/core/vm/machine/power-button", test_power_button);
  g_test_add_func ("/core/vm/machine/refusals", test_refusals);
  g_test_add_func ("/core/vm/machine/failing-build", test_failing_build);
  g_test_add_func ("/core/vm/machine/no-memory", test_no_memory);
  return g_test_run ();
}
