/* SPDX-License-Identifier: GPL-3.0-or-later
 * Virtio keyboard and tablet: what the guest learns about them, and that it ends up with the truth
 * however slowly it reads. */
#include "hw/input/virtio-input.h"

#include <string.h>

#include "hw/virtio/virtio.h"
#include "tests/hw/virtio/driver-pci.h"

typedef struct {
  uint16_t type, code;
  uint32_t value;
} Event;

typedef struct {
  Bench *bench;
  DioInput *input;
  Driver keyboard, tablet;
  DioGpa buffers; /* of the keyboard, then as many of the tablet */
  /* What the guest believes. */
  bool down[KEY_CNT];
  uint32_t x, y;
  int32_t wheel;
  unsigned n_events;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  DioMachineHost host = { .input = f->input = dio_input_new () };
  DioVirtioDevice *keyboard, *tablet;

  f->bench = bench_new (&host, false);
  keyboard = bench_add (f->bench, &dio_virtio_keyboard_type, "keyboard", NULL, NULL, NULL);
  tablet = bench_add (f->bench, &dio_virtio_tablet_type, "tablet", NULL, NULL, NULL);
  bench_run (f->bench, dio_machine_start);
  driver_probe (&f->keyboard, f->bench, keyboard);
  driver_probe (&f->tablet, f->bench, tablet);
  driver_start (&f->keyboard, UINT64_MAX, 64);
  driver_start (&f->tablet, ~DIO_VIRTIO_F_RING_PACKED, 64);
  f->buffers = arena_alloc (&f->bench->arena, 2 * 8 * RING_MAX, 16);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  bench_free (f->bench);
  dio_input_free (f->input);
}

/* Where the event of descriptor @id of @driver arrives. */
static DioGpa
buffer_at (const Fixture *f, const Driver *driver, unsigned id)
{
  return f->buffers + 8 * (id + (driver == &f->tablet ? RING_MAX : 0));
}

/* Gives the device one buffer. */
static bool
give (Fixture *f, Driver *driver)
{
  uint16_t id = driver->rings[0].packed
                    ? driver->rings[0].free_ids[(driver->rings[0].n_free_ids + 63) % 64]
                    : driver->rings[0].free_head;
  const Sg sg = { buffer_at (f, driver, id), 8, true };

  return driver->rings[0].n_free > 0 && driver_add (driver, 0, &sg, 1, false) >= 0;
}

/* Takes what has arrived into the guest's view. */
static void
take (Fixture *f, Driver *driver)
{
  uint32_t length;
  int token;

  while (driver_ring_get (&driver->rings[0], &token, &length)) {
    Event event;

    g_assert_cmpuint (length, ==, 8);
    memcpy (&event, arena_at (&f->bench->arena, buffer_at (f, driver, (unsigned) token)), 8);
    f->n_events++;
    if (event.type == EV_KEY)
      f->down[event.code] = event.value;
    else if (event.type == EV_ABS)
      *(event.code == ABS_X ? &f->x : &f->y) = event.value;
    else if (event.type == EV_REL && event.code == REL_WHEEL)
      f->wheel += (int32_t) event.value;
    else
      g_assert_true (event.type == EV_SYN || event.type == EV_REL);
  }
}

/* Reads until nothing more comes. */
static void
take_all (Fixture *f, Driver *driver)
{
  unsigned before;

  do {
    before = f->n_events;
    while (give (f, driver))
      ;
    bench_settle (f->bench);
    take (f, driver);
  } while (f->n_events != before);
}

static unsigned
select_config (Driver *driver, uint8_t select, uint8_t subselect, uint8_t out[128])
{
  driver_write (driver, driver->config, 1, select);
  driver_write (driver, driver->config + 1, 1, subselect);
  for (unsigned i = 0; i < 128; i += 4) {
    uint32_t word = (uint32_t) driver_read (driver, driver->config + 8 + i, 4);

    memcpy (out + i, &word, 4);
  }
  return (unsigned) driver_read (driver, driver->config + 2, 1);
}

static bool
has (const uint8_t *bits, unsigned code)
{
  return bits[code / 8] >> code % 8 & 1;
}

static void
test_config (Fixture *f, gconstpointer data)
{
  uint8_t bytes[128];
  uint32_t max;
  unsigned size;

  size = select_config (&f->keyboard, 1, 0, bytes);
  g_assert_cmpmem (bytes, size, "Diorama keyboard", 16);
  size = select_config (&f->keyboard, 0x11, EV_KEY, bytes);
  for (unsigned code = KEY_ESC; code <= KEY_MICMUTE; code++)
    g_assert_true (has (bytes, code));
  g_assert_true (has (bytes, KEY_POWER));
  g_assert_false (has (bytes, KEY_RESERVED));
  g_assert_false (has (bytes, BTN_LEFT));
  g_assert_cmpuint (size, ==, KEY_MICMUTE / 8 + 1);
  g_assert_cmpuint (select_config (&f->keyboard, 0x11, EV_REP, bytes), >, 0);
  g_assert_cmpuint (select_config (&f->keyboard, 0x11, EV_LED, bytes), ==, 1);
  g_assert_cmphex (bytes[0], ==, 7);
  g_assert_cmpuint (select_config (&f->keyboard, 0x11, EV_ABS, bytes), ==, 0);
  g_assert_cmpuint (select_config (&f->keyboard, 0x12, ABS_X, bytes), ==, 0);
  g_assert_cmpuint (select_config (&f->keyboard, 0x33, 0x44, bytes), ==, 0);
  g_assert_cmpuint (select_config (&f->keyboard, 3, 0, bytes), ==, 8);

  select_config (&f->tablet, 0x11, EV_KEY, bytes);
  g_assert_true (has (bytes, BTN_LEFT) && has (bytes, BTN_EXTRA) && !has (bytes, KEY_A));
  select_config (&f->tablet, 0x11, EV_REL, bytes);
  g_assert_true (has (bytes, REL_WHEEL) && has (bytes, REL_HWHEEL) && !has (bytes, REL_X));
  g_assert_cmpuint (select_config (&f->tablet, 0x12, ABS_Y, bytes), ==, 20);
  memcpy (&max, bytes + 4, 4);
  g_assert_cmpuint (max, ==, DIO_INPUT_ABS_MAX);
  g_assert_cmpuint (select_config (&f->tablet, 0x12, 2, bytes), ==, 0);
}

static void
test_keys (Fixture *f, gconstpointer data)
{
  dio_input_key (f->input, KEY_LEFTSHIFT, true);
  dio_input_key (f->input, KEY_A, true);
  take_all (f, &f->keyboard);
  g_assert_true (f->down[KEY_LEFTSHIFT] && f->down[KEY_A]);
  dio_input_key (f->input, KEY_A, false);
  take_all (f, &f->keyboard);
  g_assert_true (f->down[KEY_LEFTSHIFT] && !f->down[KEY_A]);
  dio_input_release_all (f->input);
  take_all (f, &f->keyboard);
  g_assert_false (f->down[KEY_LEFTSHIFT]);
}

static void
test_pointer (Fixture *f, gconstpointer data)
{
  g_assert_true (dio_input_has_absolute (f->input));
  dio_input_move_absolute (f->input, 100, 32767);
  dio_input_key (f->input, BTN_LEFT, true);
  dio_input_wheel (f->input, 0, -2);
  take_all (f, &f->tablet);
  g_assert_cmpuint (f->x, ==, 100);
  g_assert_cmpuint (f->y, ==, 32767);
  g_assert_true (f->down[BTN_LEFT]);
  g_assert_cmpint (f->wheel, ==, -2);
  /* A thousand moves that nobody reads are one. */
  f->n_events = 0;
  while (f->tablet.rings[0].n_free < 64) {
    dio_input_move_absolute (f->input, 1, 1);
    bench_settle (f->bench);
    take (f, &f->tablet);
  }
  f->n_events = 0;
  for (uint32_t i = 0; i < 1000; i++)
    dio_input_move_absolute (f->input, i, 2 * i);
  take_all (f, &f->tablet);
  g_assert_cmpuint (f->x, ==, 999);
  g_assert_cmpuint (f->y, ==, 1998);
  g_assert_cmpuint (f->n_events, <=, 9);
}

/* A person who types much faster than the guest reads: when all fingers are up and the guest has
 * read what there was, no key is down for it and the pointer is where it is. */
static void
test_slow_guest (Fixture *f, gconstpointer data)
{
  for (unsigned round = 0; round < 40; round++) {
    uint32_t x = 0, y = 0;

    for (unsigned i = 0; i < 3000; i++) {
      unsigned code = g_test_rand_int_range (KEY_ESC, KEY_MICMUTE + 1);

      switch (g_test_rand_int_range (0, 6)) {
      case 0:
      case 1:
        dio_input_key (f->input, (uint16_t) code, true);
        break;
      case 2:
        dio_input_key (f->input, (uint16_t) code, false);
        break;
      case 3:
        dio_input_key (f->input, BTN_LEFT + code % 5, code & 8);
        break;
      case 4:
        dio_input_wheel (f->input, 1, 1);
        break;
      default:
        x = code * 10;
        y = code * 20;
        dio_input_move_absolute (f->input, x, y);
        break;
      }
      if (i % 16 == 0) {
        give (f, &f->keyboard);
        take (f, &f->keyboard);
      }
    }
    dio_input_release_all (f->input);
    f->x = f->y = 0;
    take_all (f, &f->keyboard);
    take_all (f, &f->tablet);
    for (unsigned code = 0; code < KEY_CNT; code++)
      g_assert_false (f->down[code]);
    g_assert_cmpuint (f->x, ==, x);
    g_assert_cmpuint (f->y, ==, y);
  }
}

static void
test_lights (Fixture *f, gconstpointer data)
{
  const Event caps = { EV_LED, LED_CAPSL, 1 }, num = { EV_LED, LED_NUML, 1 };
  const Event off = { EV_LED, LED_CAPSL, 0 }, odd = { EV_LED, 77, 1 };

  driver_call (&f->keyboard, 1, &caps, 8, NULL, 0);
  g_assert_cmphex (dio_input_get_leds (f->input), ==, 2);
  driver_call (&f->keyboard, 1, &num, 8, NULL, 0);
  driver_call (&f->keyboard, 1, &odd, 8, NULL, 0);
  driver_call (&f->keyboard, 1, &odd, 3, NULL, 0);
  g_assert_cmphex (dio_input_get_leds (f->input), ==, 3);
  driver_call (&f->keyboard, 1, &off, 8, NULL, 0);
  g_assert_cmphex (dio_input_get_leds (f->input), ==, 1);
  bench_run (f->bench, dio_machine_reset);
  g_assert_cmphex (dio_input_get_leds (f->input), ==, 0);
}

static void
test_power_button (Fixture *f, gconstpointer data)
{
  bench_run (f->bench, dio_machine_power_button);
  take_all (f, &f->keyboard);
  g_assert_cmpuint (f->n_events, ==, 4);
  g_assert_false (f->down[KEY_POWER]);
}

/* What was typed at the firmware is not typed into the system that comes after it. */
static void
test_nobody_listens (Fixture *f, gconstpointer data)
{
  driver_reset (&f->keyboard);
  dio_input_key (f->input, KEY_ENTER, true);
  dio_input_key (f->input, KEY_ENTER, false);
  driver_start (&f->keyboard, UINT64_MAX, 64);
  take_all (f, &f->keyboard);
  g_assert_cmpuint (f->n_events, ==, 0);
}

/* Keys that were down when the state was saved are released after it is loaded. */
static void
test_state (Fixture *f, gconstpointer data)
{
  DioDevice *dev = &f->keyboard.vdev->pci.dev;

  dio_input_key (f->input, KEY_LEFTCTRL, true);
  take_all (f, &f->keyboard);
  g_assert_true (f->down[KEY_LEFTCTRL]);
  bench_run (f->bench, dio_machine_pause);
  bench_round_trip (dev);
  bench_round_trip (&f->tablet.vdev->pci.dev);
  bench_run (f->bench, dio_machine_resume);
  take_all (f, &f->keyboard);
  g_assert_false (f->down[KEY_LEFTCTRL]);
  dio_input_key (f->input, KEY_B, true);
  take_all (f, &f->keyboard);
  g_assert_true (f->down[KEY_B]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/hw/input/" name, Fixture, NULL, set_up, func, tear_down)
  ADD ("config", test_config);
  ADD ("keys", test_keys);
  ADD ("pointer", test_pointer);
  ADD ("slow-guest", test_slow_guest);
  ADD ("lights", test_lights);
  ADD ("power-button", test_power_button);
  ADD ("nobody-listens", test_nobody_listens);
  ADD ("state", test_state);
  return g_test_run ();
}
