/* SPDX-License-Identifier: GPL-3.0-or-later
 * Saving and loading of whole machines, on the control thread. */
#include "core/vm/vm-snapshot.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/vm/vm-private.h"

#define STATE_VERSION 3 /* older: without the devices that are there since then */

/* ---- What is in a state ---- */

static void
expect (DioVisitor *visitor, const char *name, uint64_t value)
{
  uint64_t found = value;
  dio_visit_u64 (visitor, name, &found);
  if (found != value)
    dio_visitor_fail (visitor, "it is of a machine with another “%s”", name);
}

static void
expect_board (DioVisitor *visitor, const DioBoardType *board)
{
  char *id = g_strdup (board->id);
  size_t length = strlen (id);
  dio_visit_buffer (visitor, "board", (uint8_t **) &id, &length, 64);
  if (length != strlen (board->id) || memcmp (id, board->id, length) != 0)
    dio_visitor_fail (visitor, "it is of another kind of machine");
  g_free (id);
}

/* Before anything that looks at the time. */
static void
visit_clock (DioMachine *machine, DioVisitor *visitor)
{
  int64_t now = dio_clock_now (machine->clock);
  dio_visit_i64 (visitor, "clock", &now);
  if (!dio_visitor_is_loading (visitor))
    return;
  if (now < 0 || now > INT64_MAX / 4)
    dio_visitor_fail (visitor, "its clock is wrong");
  else
    dio_clock_set (machine->clock, now);
}

/* How many devices a state of @version has. */
static unsigned
count_devices (const DioMachine *machine, unsigned version)
{
  unsigned count = 0;
  for (guint i = 0; i < machine->devices->len; i++)
    count += ((const DioDevice *) g_ptr_array_index (machine->devices, i))->type->since <= version;
  return count;
}

static void
visit_devices (DioMachine *machine, DioVisitor *visitor, unsigned version)
{
  for (guint i = 0; i < machine->devices->len && !dio_visitor_failed (visitor); i++) {
    DioDevice *dev = g_ptr_array_index (machine->devices, i);
    if (dev->type->since <= version)
      dio_device_visit (dev, visitor);
  }
}

static void
visit_machine (DioMachine *machine, DioVisitor *visitor)
{
  unsigned version = dio_visit_begin (visitor, "machine", STATE_VERSION);
  expect_board (visitor, machine->board);
  expect (visitor, "memory", machine->ram->size);
  expect (visitor, "cpus", machine->n_cpus);
  expect (visitor, "devices", count_devices (machine, version));
  visit_clock (machine, visitor);
  dio_visit_end (visitor);
  for (unsigned i = 0; i < machine->n_cpus && !dio_visitor_failed (visitor); i++) {
    dio_visit_begin (visitor, "cpu", 1);
    machine->cpus[i]->type->state (machine->cpus[i], visitor);
    dio_visit_end (visitor);
  }
  visit_devices (machine, visitor, version);
}

/* ---- Taking ---- */

static bool
freeze_ram (DioMachine *machine, DioSnapshot *snapshot, GError **error)
{
  if (atomic_load (&machine->ram->lost)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FAILED, "%s",
                 _ ("A part of the machine’s memory was lost; turn it off"));
    return false;
  }
  for (unsigned i = 0; i < machine->n_cpus; i++) {
    DioCpu *cpu = machine->cpus[i];
    if (cpu->type->drop_writes)
      cpu->type->drop_writes (cpu);
    else if (cpu->type->flush_write)
      cpu->type->flush_write (cpu, UINT64_MAX);
  }
  snapshot->memory = machine->ram->size;
  snapshot->freeze = dio_ram_freeze (machine->ram, error);
  return snapshot->freeze != NULL;
}

static bool
settle (DioMachine *machine, GError **error)
{
  for (guint i = 0; i < machine->devices->len; i++) {
    DioDevice *dev = g_ptr_array_index (machine->devices, i);
    if (dev->type->settle && !dev->type->settle (dev, error))
      return false;
  }
  return true;
}

/* The new overlays, open and on what the disks are now; or all as before. */
static bool
stack_overlays (DioMachine *machine, const DioSnapshot *snapshot, DioBlockNode **tops,
                GError **error)
{
  for (unsigned i = 0; i < snapshot->n_overlays; i++) {
    DioBlock *block = i < machine->disks->len ? g_ptr_array_index (machine->disks, i) : NULL;
    DioBlockNode *below = block ? dio_block_get_node (block) : NULL;
    if (!snapshot->overlays[i])
      continue;
    if (below)
      tops[i] = dio_block_node_open (below->files, snapshot->overlays[i], "qcow2",
                                     DIO_BLOCK_OPEN_KEEP, below, error);
    else
      g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "%s",
                   _ ("A disk of this machine cannot be part of a snapshot"));
    if (tops[i] && tops[i]->size != below->size)
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("The disk “%s” has another size"),
                   tops[i]->path);
    if (!tops[i] || tops[i]->size != below->size)
      return false;
  }
  return true;
}

static void
unstack_overlays (const DioSnapshot *snapshot, DioBlockNode **tops)
{
  for (unsigned i = 0; i < snapshot->n_overlays; i++)
    if (tops[i])
      dio_block_node_unstack (tops[i]);
}

/* What cannot be put in order below is lost space at most: what was written is on the disk. */
static void
go_on_in_overlays (DioMachine *machine, const DioSnapshot *snapshot, DioBlockNode **tops)
{
  for (unsigned i = 0; i < snapshot->n_overlays; i++)
    if (tops[i]) {
      dio_block_node_seal (tops[i]->backing);
      dio_block_set_node (g_ptr_array_index (machine->disks, i), tops[i]);
    }
}

static bool
pass_point (DioMachine *machine, DioSnapshot *snapshot, GError **error)
{
  g_autofree DioBlockNode **tops = g_new0 (DioBlockNode *, snapshot->n_overlays + 1);
  if (stack_overlays (machine, snapshot, tops, error)
      && (!snapshot->point || snapshot->point (snapshot->data, error))) {
    go_on_in_overlays (machine, snapshot, tops);
    return true;
  }
  unstack_overlays (snapshot, tops);
  return false;
}

static bool
take (DioMachine *machine, DioSnapshot *snapshot, GError **error)
{
  if (!settle (machine, error))
    return false;
  if (snapshot->before_reset)
    return pass_point (machine, snapshot, error);
  if (!freeze_ram (machine, snapshot, error))
    return false;
  DioVisitor *visitor = dio_visitor_new_save ();
  visit_machine (machine, visitor);
  snapshot->devices = dio_visitor_finish_save (visitor);
  if (!snapshot->devices)
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY, "%s",
                 _ ("There is not enough memory for making the snapshot"));
  /* The disks at last: from there on there is no way back. */
  if (snapshot->devices && pass_point (machine, snapshot, error))
    return true;
  dio_ram_freeze_end (g_steal_pointer (&snapshot->freeze), false);
  g_clear_pointer (&snapshot->devices, g_bytes_unref);
  return false;
}

bool
dio_machine_do_snapshot (DioMachine *machine, DioSnapshot *snapshot, GError **error)
{
  if (!machine->ram) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "%s",
                 _ ("This machine has no state that could be saved"));
    return false;
  }
  bool running = dio_machine_get_state (machine) == DIO_MACHINE_RUNNING;
  int64_t start = dio_host_now ();
  if (running)
    dio_machine_stand_still (machine);
  bool good = take (machine, snapshot, error);
  if (running && good && snapshot->stay)
    dio_machine_enter_state (machine, DIO_MACHINE_PAUSED);
  else if (running)
    dio_machine_go_on (machine);
  snapshot->pause_ns = running ? dio_host_now () - start : 0;
  return good;
}

/* ---- Starting from ---- */

static void
failed_cb (const GError *error, void *data)
{
  dio_machine_report (data, true, "%s", error->message);
}

static void
tell_devices (DioMachine *machine, bool again)
{
  for (guint i = 0; i < machine->devices->len; i++) {
    DioDevice *dev = g_ptr_array_index (machine->devices, i);
    if (!dev->type->restored)
      continue;
    pthread_mutex_lock (&dev->lock);
    dev->type->restored (dev, again);
    pthread_mutex_unlock (&dev->lock);
  }
}

bool
dio_machine_do_restore (DioMachine *machine, DioRestore *restore, GError **error)
{
  for (guint i = 0; i < machine->devices->len; i++)
    dio_device_reset (g_ptr_array_index (machine->devices, i));
  for (unsigned i = 0; i < machine->n_cpus; i++)
    if (machine->cpus[i]->type->reset)
      machine->cpus[i]->type->reset (machine->cpus[i]);
  /* Memory first: what devices keep pointers to has to be there. */
  if (!dio_ram_load (machine->ram, g_steal_pointer (&restore->map), restore->store,
                     machine->host.pool, failed_cb, machine, error))
    return false;
  DioVisitor *visitor = dio_visitor_new_load (restore->devices);
  visit_machine (machine, visitor);
  if (!dio_visitor_finish_load (visitor, error))
    return false;
  tell_devices (machine, restore->again);
  return true;
}
