/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs a bare-metal program through snapshots: run-snapshot ARCHITECTURE IMAGE CPUS [ROUNDS [ENGINE
 * [FOLDER [BOARD]]]] (ENGINE as for run-guest; BOARD "virt": not the one of the tests, but the real
 * one). While it runs, live snapshots are taken; the program must
 * pass although they were, and so must each machine that starts from one of them. With ROUNDS
 * "keep" one snapshot is taken and kept in FOLDER, with "kept" the program starts from the one
 * there, which an older version may have taken. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/state/state-file.h"
#include "core/vm/vm-snapshot.h"
#include "hw/hw.h"
#include "tests/guest/guest-board.h"

#define SECONDS 180

typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool stopped, answered;
  DioStopReason reason;
  int exit_code;
  char *error;
} Watch;

/* A snapshot as it is kept. */
typedef struct {
  GBytes *devices;
  DioRamMap *map;
} Kept;

typedef struct {
  const DioBoardType *boards[2]; /* and NULL */
  const char *image;
  const char *engine;
  unsigned cpus;
  DioPool *pool;
  DioStore *store;
  Watch watch;
  DioChar out;
  DioMachine *machine;
} Run;

static size_t
out_write (DioChar *chr, const uint8_t *data, size_t length)
{
  return length;
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
  pthread_cond_broadcast (&watch->changed);
  pthread_mutex_unlock (&watch->lock);
}

static void
on_answer (DioMachine *machine, const GError *error, void *data)
{
  Watch *watch = data;
  pthread_mutex_lock (&watch->lock);
  watch->answered = true;
  g_free (watch->error);
  watch->error = error ? g_strdup (error->message) : NULL;
  pthread_cond_broadcast (&watch->changed);
  pthread_mutex_unlock (&watch->lock);
}

/* True when *@flag comes in time. */
static bool
wait_for (Watch *watch, const bool *flag)
{
  struct timespec until;
  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_sec += SECONDS;
  pthread_mutex_lock (&watch->lock);
  while (!*flag && pthread_cond_timedwait (&watch->changed, &watch->lock, &until) == 0)
    continue;
  bool came = *flag;
  pthread_mutex_unlock (&watch->lock);
  return came;
}

static bool
build (Run *run)
{
  const DioMachineHost host = {
    .boards = run->boards,
    .devices = dio_hw_devices,
    .pool = run->pool,
    .serial = &run->out,
    .event = on_event,
    .data = &run->watch,
  };
  g_autoptr (DioMachineConfig) config = dio_machine_config_new ();
  config->name = g_strdup ("snapshot-test");
  config->arch = run->boards[0]->arch;
  config->board = g_strdup (run->boards[0]->id);
  config->memory = 64 << 20;
  config->cpus = run->cpus;
  bool interpreter = g_str_equal (run->engine, "interpreter");
  config->engine = interpreter ? DIO_ENGINE_INTERPRETER : DIO_ENGINE_COMPILER;
  config->compiler = interpreter ? NULL : g_strdup (run->engine);
  /* Firmware of its own comes from ROM, where the program cannot be. */
  if (run->boards[0]->has_firmware)
    config->kernel = g_strdup (run->image);
  else
    config->firmware = g_strdup (run->image);
  config->headless = true;
  g_autoptr (GError) error = NULL;
  run->watch.stopped = run->watch.answered = false;
  run->machine = dio_machine_new (config, &host, &error);
  if (!run->machine)
    g_printerr ("%s\n", error->message);
  return run->machine != NULL;
}

/* Waits until the program ends, and frees the machine. */
static bool
finish (Run *run, const char *what)
{
  bool ended = wait_for (&run->watch, &run->watch.stopped);
  dio_machine_free (run->machine);
  if (!ended)
    g_printerr ("%s does not end\n", what);
  else if (run->watch.reason != DIO_STOP_GUEST_OFF || run->watch.exit_code != 0)
    g_printerr ("%s: check %d failed\n", what, run->watch.exit_code);
  else
    return true;
  return false;
}

/* A live snapshot, with @parent as what it builds on. */
static bool
take (Run *run, const DioRamMap *parent, Kept *kept)
{
  DioSnapshot snapshot = { 0 };
  g_autoptr (GError) error = NULL;
  run->watch.answered = false;
  dio_machine_snapshot (run->machine, &snapshot, on_answer, &run->watch);
  if (!wait_for (&run->watch, &run->watch.answered) || run->watch.error) {
    g_printerr ("snapshot: %s\n", run->watch.error ? run->watch.error : "no answer");
    return false;
  }
  g_autoptr (DioStoreWriter) writer = dio_store_begin (run->store);
  DioRamSaveStats stats;
  kept->devices = snapshot.devices;
  kept->map = dio_ram_save (snapshot.freeze, snapshot.memory, parent, writer, run->pool, NULL, NULL,
                            &stats, &error);
  dio_ram_freeze_end (snapshot.freeze, true);
  if (!kept->map || !dio_store_commit (writer, &error)) {
    g_printerr ("snapshot: %s\n", error->message);
    return false;
  }
  g_print ("pause %.2f ms, %" G_GUINT64_FORMAT " KiB changed\n", snapshot.pause_ns / 1e6,
           stats.changed_bytes >> 10);
  return true;
}

static bool
start_from (Run *run, Kept *kept)
{
  DioRamMap *map = dio_ram_map_new (kept->map->size);
  memcpy (map->ids, kept->map->ids, map->n * sizeof *map->ids);
  DioRestore restore = { .devices = kept->devices, .map = map, .store = run->store, .again = true };
  if (!build (run))
    return false;
  dio_machine_restore (run->machine, &restore, on_answer, &run->watch);
  if (wait_for (&run->watch, &run->watch.answered) && !run->watch.error)
    return true;
  g_printerr ("restore: %s\n", run->watch.error ? run->watch.error : "no answer");
  return false;
}

static bool
run_rounds (Run *run, unsigned rounds)
{
  g_autofree Kept *kept = g_new0 (Kept, rounds);
  g_autoptr (GRand) random = g_rand_new_with_seed (run->cpus);
  if (!build (run))
    return false;
  dio_machine_start (run->machine, on_answer, &run->watch);
  wait_for (&run->watch, &run->watch.answered);
  bool good = true;
  for (unsigned i = 0; i < rounds && good; i++) {
    g_usleep ((gulong) g_rand_int_range (random, 2000, 40000));
    good = take (run, i ? kept[i - 1].map : NULL, &kept[i]);
    /* Compiled it may end early. */
    if (!good && i >= 2 && wait_for (&run->watch, &run->watch.stopped)) {
      good = true;
      rounds = i;
      break;
    }
    /* Every other one goes on in a machine that started from it. */
    if (good && i % 2 == 1) {
      dio_machine_free (run->machine);
      good = start_from (run, &kept[i]);
    }
  }
  good = good && finish (run, "the program");
  for (unsigned i = 0; i < rounds && good; i++)
    good = start_from (run, &kept[i]) && finish (run, "a machine from a snapshot");
  for (unsigned i = 0; i < rounds; i++) {
    g_bytes_unref (kept[i].devices);
    dio_ram_map_free (kept[i].map);
  }
  return good;
}

/* ---- Snapshots that are kept ---- */

#define KEPT_FILE "kept.state"

static bool
keep (Run *run, int dir)
{
  Kept kept;
  g_autoptr (GError) error = NULL;
  if (!build (run))
    return false;
  dio_machine_start (run->machine, on_answer, &run->watch);
  wait_for (&run->watch, &run->watch.answered);
  g_usleep (100000);
  if (!take (run, NULL, &kept) || !finish (run, "the program"))
    return false;
  g_autoptr (DioStoreWriter) writer = dio_store_begin (run->store);
  g_autoptr (DioStateFile) state = dio_state_file_new ();
  DioVisitor *visitor = dio_visitor_new_save ();
  bool good = dio_ram_map_save (kept.map, writer, visitor, &error);
  g_autoptr (GBytes) ram = dio_visitor_finish_save (visitor);
  dio_state_file_add (state, DIO_STATE_DEVICES, kept.devices);
  dio_state_file_add (state, DIO_STATE_RAM, ram);
  good = good && dio_store_commit (writer, &error)
         && dio_state_file_write (state, dio_files_host (), dir, KEPT_FILE, NULL, &error);
  if (error)
    g_printerr ("%s\n", error->message);
  g_bytes_unref (kept.devices);
  dio_ram_map_free (kept.map);
  return good;
}

static bool
run_kept (Run *run, int dir)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DioStateFile) state =
      dio_state_file_read (dio_files_host (), dir, KEPT_FILE, NULL, &error);
  if (!state) {
    g_printerr ("%s\n", error->message);
    return false;
  }
  DioVisitor *visitor = dio_visitor_new_load (dio_state_file_get (state, DIO_STATE_RAM));
  Kept kept = {
    .devices = dio_state_file_get (state, DIO_STATE_DEVICES),
    .map = dio_ram_map_load (visitor, run->store, NULL, &error),
  };
  bool good = dio_visitor_finish_load (visitor, error ? NULL : &error) && kept.map;
  if (!good)
    g_printerr ("%s\n", error->message);
  good = good && start_from (run, &kept) && finish (run, "a machine from a kept snapshot");
  dio_ram_map_free (kept.map);
  return good;
}

/* NULL when there is none. */
static const DioBoardType *
find_real (DioArch arch, const char *id)
{
  for (const DioBoardType *const *board = dio_hw_boards; *board; board++)
    if ((*board)->arch == arch && g_str_equal ((*board)->id, id))
      return *board;
  return NULL;
}

int
main (int argc, char **argv)
{
  const DioBoardType *board = argc > 3 ? guest_board_find (argv[1]) : NULL;
  if (board && argc > 7)
    board = find_real (board->arch, argv[7]);
  if (!board) {
    g_printerr ("Usage: run-snapshot ARCHITECTURE IMAGE CPUS [ROUNDS [ENGINE [FOLDER [BOARD]]]]\n");
    return 2;
  }
  Run run = {
    .boards = { board },
    .image = argv[2],
    .engine = argc > 5 ? argv[5] : "interpreter",
    .cpus = (unsigned) atoi (argv[3]),
    .pool = dio_pool_new (2),
    .watch = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER },
    .out = { .ops = &out_ops },
  };
  DioFiles *files = dio_files_host ();
  bool kept = argc > 6;
  g_autofree char *folder =
      kept ? g_strdup (argv[6]) : g_dir_make_tmp ("dio-snapshot-XXXXXX", NULL);
  int dir = dio_file_open (files, AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0);
  bool keeps = kept && g_str_equal (argv[4], "keep");
  g_autoptr (GError) error = NULL;
  if (dir < 0)
    g_printerr ("The folder %s cannot be opened: %s\n", folder, g_strerror (-dir));
  else
    run.store = dio_store_open (files, dir, keeps || !kept, &error);
  if (error)
    g_printerr ("%s\n", error->message);
  bool good = !run.store ? false
              : keeps    ? keep (&run, dir)
              : kept     ? run_kept (&run, dir)
                         : run_rounds (&run, argc > 4 ? (unsigned) atoi (argv[4]) : 4);
  dio_pool_free (run.pool);
  dio_store_free (run.store);
  if (dir >= 0)
    dio_file_close (files, dir);
  if (!kept)
    dio_file_remove_tree (files, AT_FDCWD, folder, NULL);
  return good ? 0 : 1;
}
