/* SPDX-License-Identifier: GPL-3.0-or-later
 * Input from a person to the guest: routes events to the sink that takes them, and remembers what
 * is down. */
#include "core/backend/backend-input.h"

#include <glib.h>
#include <linux/input-event-codes.h>
#include <pthread.h>
#include <stdatomic.h>

/* Releases are sent in groups of this many. */
enum { GROUP = 32 };

typedef struct {
  unsigned id;
  unsigned wants;
  const DioInputSinkOps *ops;
  void *opaque;
} Sink;

struct DioInput {
  pthread_mutex_t lock; /* held while a sink is called */
  GArray *sinks;        /* of Sink, the oldest first */
  unsigned next_id;
  uint64_t down[(KEY_CNT + 63) / 64];
  _Atomic unsigned leds; /* outside of the lock: devices set it with theirs held */
};

DioInput *
dio_input_new (void)
{
  DioInput *input = g_new0 (DioInput, 1);
  pthread_mutex_init (&input->lock, NULL);
  input->sinks = g_array_new (FALSE, FALSE, sizeof (Sink));
  input->next_id = 1;
  return input;
}

void
dio_input_free (DioInput *input)
{
  if (!input)
    return;
  g_array_unref (input->sinks);
  pthread_mutex_destroy (&input->lock);
  g_free (input);
}

unsigned
dio_input_add_sink (DioInput *input, unsigned wants, const DioInputSinkOps *ops, void *opaque)
{
  pthread_mutex_lock (&input->lock);
  Sink sink = { .id = input->next_id++, .wants = wants, .ops = ops, .opaque = opaque };
  g_array_append_val (input->sinks, sink);
  pthread_mutex_unlock (&input->lock);
  return sink.id;
}

void
dio_input_remove_sink (DioInput *input, unsigned id)
{
  pthread_mutex_lock (&input->lock);
  for (guint i = 0; i < input->sinks->len; i++)
    if (g_array_index (input->sinks, Sink, i).id == id) {
      g_array_remove_index (input->sinks, i);
      break;
    }
  pthread_mutex_unlock (&input->lock);
}

void
dio_input_set_leds (DioInput *input, unsigned leds)
{
  atomic_store (&input->leds, leds);
}

unsigned
dio_input_get_leds (DioInput *input)
{
  return atomic_load (&input->leds);
}

/* ---- Routing ---- */

/* The newest sink that wants any of @wants, so that each event arrives once. */
static const Sink *
find_sink_locked (DioInput *input, unsigned wants)
{
  for (guint i = input->sinks->len; i > 0; i--) {
    const Sink *sink = &g_array_index (input->sinks, Sink, i - 1);
    if (sink->wants & wants)
      return sink;
  }
  return NULL;
}

/* Buttons and wheel belong to the pointer that the guest follows. */
static const Sink *
find_pointer_locked (DioInput *input)
{
  const Sink *absolute = find_sink_locked (input, DIO_INPUT_WANTS_ABSOLUTE);
  return absolute ? absolute : find_sink_locked (input, DIO_INPUT_WANTS_RELATIVE);
}

static bool
is_button (uint16_t code)
{
  return code >= BTN_MISC && code < KEY_OK;
}

static void
send (const Sink *sink, const DioInputEvent *events, size_t count)
{
  if (sink)
    sink->ops->events (sink->opaque, events, count);
}

static uint64_t *
down_word (DioInput *input, uint16_t code, uint64_t *bit)
{
  *bit = UINT64_C (1) << (code % 64);
  return &input->down[code / 64];
}

void
dio_input_key (DioInput *input, uint16_t code, bool down)
{
  if (code >= KEY_CNT)
    return;

  uint64_t bit;
  pthread_mutex_lock (&input->lock);
  uint64_t *word = down_word (input, code, &bit);
  bool was_down = *word & bit;
  if (down != was_down) { /* guests repeat held keys themselves */
    *word ^= bit;
    const DioInputEvent events[] = {
      { DIO_INPUT_KEY, code, down },
      { DIO_INPUT_SYNC, 0, 0 },
    };
    send (is_button (code) ? find_pointer_locked (input)
                           : find_sink_locked (input, DIO_INPUT_WANTS_KEYBOARD),
          events, G_N_ELEMENTS (events));
  }
  pthread_mutex_unlock (&input->lock);
}

void
dio_input_move_absolute (DioInput *input, uint32_t x, uint32_t y)
{
  const DioInputEvent events[] = {
    { DIO_INPUT_ABS, ABS_X, (int32_t) MIN (x, DIO_INPUT_ABS_MAX) },
    { DIO_INPUT_ABS, ABS_Y, (int32_t) MIN (y, DIO_INPUT_ABS_MAX) },
    { DIO_INPUT_SYNC, 0, 0 },
  };
  pthread_mutex_lock (&input->lock);
  send (find_sink_locked (input, DIO_INPUT_WANTS_ABSOLUTE), events, G_N_ELEMENTS (events));
  pthread_mutex_unlock (&input->lock);
}

/* Sends the two axes that moved, if any. */
static void
send_relative (DioInput *input, bool wheel, uint16_t code_a, int32_t a, uint16_t code_b, int32_t b)
{
  DioInputEvent events[3];
  size_t count = 0;
  if (a)
    events[count++] = (DioInputEvent){ DIO_INPUT_REL, code_a, a };
  if (b)
    events[count++] = (DioInputEvent){ DIO_INPUT_REL, code_b, b };
  if (!count)
    return;
  events[count++] = (DioInputEvent){ DIO_INPUT_SYNC, 0, 0 };
  pthread_mutex_lock (&input->lock);
  send (wheel ? find_pointer_locked (input) : find_sink_locked (input, DIO_INPUT_WANTS_RELATIVE),
        events, count);
  pthread_mutex_unlock (&input->lock);
}

void
dio_input_move_relative (DioInput *input, int32_t dx, int32_t dy)
{
  send_relative (input, false, REL_X, dx, REL_Y, dy);
}

void
dio_input_wheel (DioInput *input, int32_t horizontal, int32_t vertical)
{
  send_relative (input, true, REL_HWHEEL, horizontal, REL_WHEEL, vertical);
}

/* Releases what is down and is (or is not) a button. */
static void
release_locked (DioInput *input, bool buttons, const Sink *sink)
{
  DioInputEvent events[GROUP + 1];
  size_t count = 0;
  for (unsigned code = 0; code < KEY_CNT; code++) {
    uint64_t bit;
    uint64_t *word = down_word (input, (uint16_t) code, &bit);
    if (!(*word & bit) || is_button ((uint16_t) code) != buttons)
      continue;
    *word &= ~bit;
    events[count++] = (DioInputEvent){ DIO_INPUT_KEY, (uint16_t) code, 0 };
    if (count == GROUP) {
      events[count++] = (DioInputEvent){ DIO_INPUT_SYNC, 0, 0 };
      send (sink, events, count);
      count = 0;
    }
  }
  if (count) {
    events[count++] = (DioInputEvent){ DIO_INPUT_SYNC, 0, 0 };
    send (sink, events, count);
  }
}

void
dio_input_release_all (DioInput *input)
{
  pthread_mutex_lock (&input->lock);
  release_locked (input, false, find_sink_locked (input, DIO_INPUT_WANTS_KEYBOARD));
  release_locked (input, true, find_pointer_locked (input));
  pthread_mutex_unlock (&input->lock);
}

bool
dio_input_has_absolute (DioInput *input)
{
  pthread_mutex_lock (&input->lock);
  bool has = find_sink_locked (input, DIO_INPUT_WANTS_ABSOLUTE) != NULL;
  pthread_mutex_unlock (&input->lock);
  return has;
}
