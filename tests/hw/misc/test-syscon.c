/* SPDX-License-Identifier: GPL-3.0-or-later
 * The system controller: what ends the machine and what does not. */
#include "hw/misc/syscon.h"

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x100000)

typedef struct {
  _Atomic unsigned resets;
  _Atomic int reason; /* DioStopReason */
  _Atomic int exit_code;
} Seen;

static void
event_cb (const DioMachineEvent *event, void *data)
{
  Seen *seen = data;

  if (event->kind == DIO_EVENT_RESET)
    seen->resets++;
  if (event->kind == DIO_EVENT_STATE && event->state == DIO_MACHINE_STOPPED) {
    seen->exit_code = event->exit_code;
    seen->reason = event->reason;
  }
}

typedef struct {
  Seen seen;
  DioMachine *machine;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  DioDevice *dev = dio_device_new (&dio_syscon_type, "syscon");
  g_autoptr (GError) error = NULL;

  f->machine = support_machine_new_full (1 << 21, 1, NULL, event_cb, &f->seen);
  dio_device_attach (dev, f->machine, &error);
  g_assert_no_error (error);
  g_assert_true (dio_system_device_map ((DioSystemDevice *) dev, 0, BASE, &error));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  support_machine_free (f->machine);
}

static void
wr (Fixture *f, uint64_t offset, unsigned size, uint64_t value)
{
  g_assert_cmpint (dio_space_write (f->machine->space, BASE + offset, size, value), ==,
                   DIO_ACCESS_OK);
}

/* Lets the control thread do what was asked before. */
static void
settle (Fixture *f)
{
  support_machine_do (f->machine, dio_machine_resume, NULL);
}

static void
start (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  support_machine_do (f->machine, dio_machine_start, &error);
  g_assert_no_error (error);
}

static void
test_ignored (Fixture *f, gconstpointer data)
{
  uint64_t value = 1;

  start (f);
  wr (f, 0, 4, 0);
  wr (f, 0, 4, 0x5554);
  wr (f, 0, 4, 0xffffffff);
  wr (f, 0, 1, 0x55);
  wr (f, 1, 1, 0x55);
  wr (f, 4, 4, DIO_SYSCON_POWER_OFF);
  wr (f, 0xffc, 4, DIO_SYSCON_RESET);
  settle (f);
  g_assert_cmpint (dio_machine_get_state (f->machine), ==, DIO_MACHINE_RUNNING);
  g_assert_cmpuint (f->seen.resets, ==, 0);
  g_assert_cmpint (dio_space_read (f->machine->space, BASE, 4, &value), ==, DIO_ACCESS_OK);
  g_assert_cmpuint (value, ==, 0);
}

static void
test_commands (Fixture *f, gconstpointer data)
{
  start (f);
  wr (f, 0, 4, DIO_SYSCON_RESET);
  settle (f);
  g_assert_cmpuint (f->seen.resets, ==, 1);
  g_assert_cmpint (dio_machine_get_state (f->machine), ==, DIO_MACHINE_RUNNING);
  wr (f, 0, 2, DIO_SYSCON_POWER_OFF);
  settle (f);
  g_assert_cmpint (f->seen.reason, ==, DIO_STOP_GUEST_OFF);
  g_assert_cmpint (f->seen.exit_code, ==, 0);
}

static void
test_failure (Fixture *f, gconstpointer data)
{
  start (f);
  wr (f, 0, 4, 0xabcd0000 | DIO_SYSCON_FAIL);
  settle (f);
  g_assert_cmpint (f->seen.reason, ==, DIO_STOP_CRASHED);
  g_assert_cmphex (f->seen.exit_code, ==, 0xabcd);
}

static void
test_not_started (Fixture *f, gconstpointer data)
{
  /* A debugger's write, say. */
  wr (f, 0, 4, DIO_SYSCON_RESET);
  wr (f, 0, 4, DIO_SYSCON_POWER_OFF);
  wr (f, 0, 4, DIO_SYSCON_FAIL);
  settle (f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/misc/syscon/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("ignored", test_ignored);
  ADD ("commands", test_commands);
  ADD ("failure", test_failure);
  ADD ("not-started", test_not_started);
#undef ADD
  return g_test_run ();
}
