/* SPDX-License-Identifier: GPL-3.0-or-later
 * Input from a person to the guest: evdev codes, absolute pointer in 0..32767, relative motion.
 * Devices attach as sinks; a front end injects. */
#pragma once

#include "core/base/base-types.h"

typedef struct DioInput DioInput;

#define DIO_INPUT_ABS_MAX 32767

typedef enum {
  DIO_INPUT_KEY,  /* code: evdev KEY_* or BTN_*; value 1 down, 0 up */
  DIO_INPUT_ABS,  /* code: 0 x, 1 y; value 0..DIO_INPUT_ABS_MAX */
  DIO_INPUT_REL,  /* code: evdev REL_*, wheel in REL_WHEEL / REL_HWHEEL detents */
  DIO_INPUT_SYNC, /* end of a group */
} DioInputKind;

typedef struct {
  DioInputKind kind;
  uint16_t code;
  int32_t value;
} DioInputEvent;

/* What a sink wants. */
enum {
  DIO_INPUT_WANTS_KEYBOARD = 1 << 0,
  DIO_INPUT_WANTS_ABSOLUTE = 1 << 1, /* pointer with BTN_LEFT.. and wheel */
  DIO_INPUT_WANTS_RELATIVE = 1 << 2,
};

typedef struct {
  /* Any thread; never blocks; @events ends with SYNC. A sink drops what its queue cannot take, but
   * never a key release. */
  void (*events) (void *opaque, const DioInputEvent *events, size_t count);
  /* Lights: bit 0 num, 1 caps, 2 scroll lock are reported by the device through
   * dio_input_set_leds(). */
} DioInputSinkOps;

DioInput *dio_input_new (void);
void dio_input_free (DioInput *input);

/* Sinks. Each event goes to one: the newest that wants its kind; buttons and wheel to an absolute
 * pointer before a relative one. A sink may call dio_input_set_leds() from events(), nothing else
 * here, and must not add or remove itself with a lock held that events() takes. Returns an id for
 * removal; after removal returns no call is in progress. Any thread. */
unsigned dio_input_add_sink (DioInput *input, unsigned wants, const DioInputSinkOps *ops,
                             void *opaque);
void dio_input_remove_sink (DioInput *input, unsigned id);
void dio_input_set_leds (DioInput *input, unsigned leds);
unsigned dio_input_get_leds (DioInput *input);

/* Injection; any thread. The input object remembers what is down. */
void dio_input_key (DioInput *input, uint16_t code, bool down);
void dio_input_move_absolute (DioInput *input, uint32_t x, uint32_t y);
void dio_input_move_relative (DioInput *input, int32_t dx, int32_t dy);
void dio_input_wheel (DioInput *input, int32_t horizontal, int32_t vertical);

/* Releases every key and button that is down (focus lost, machine paused). */
void dio_input_release_all (DioInput *input);

/* True when a sink takes absolute positions. */
bool dio_input_has_absolute (DioInput *input);
