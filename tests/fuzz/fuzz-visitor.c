/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the loading of saved state: the first byte chooses a program of visits, the rest is the
 * data. What loads must save again to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/state/state-visitor.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
  bool flag;
  uint8_t u8;
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  int64_t i64;
  uint8_t fixed[16];
  uint8_t *buffer;
  size_t length;
} State;

static void
visit (DioVisitor *visitor, State *state, unsigned program)
{
  unsigned version = dio_visit_begin (visitor, "device", program & 3);
  if (program & 4)
    dio_visit_bool (visitor, "flag", &state->flag);
  if (program & 8)
    dio_visit_u8 (visitor, "u8", &state->u8);
  if (program & 16)
    dio_visit_begin (visitor, "inner", 1);
  if (version > 1)
    dio_visit_u16 (visitor, "u16", &state->u16);
  dio_visit_u32 (visitor, "u32", &state->u32);
  dio_visit_u64 (visitor, "u64", &state->u64);
  dio_visit_i64 (visitor, "i64", &state->i64);
  if (program & 16)
    dio_visit_end (visitor);
  if (program & 32)
    dio_visit_bytes (visitor, "fixed", state->fixed, sizeof state->fixed);
  dio_visit_buffer (visitor, "buffer", &state->buffer, &state->length, 64);
  dio_visit_end (visitor);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (!size)
    return 0;
  State state = { 0 };
  g_autoptr (GBytes) bytes = g_bytes_new (data + 1, size - 1);
  DioVisitor *load = dio_visitor_new_load (bytes);
  visit (load, &state, data[0]);
  if (state.length > 64)
    abort ();
  if (dio_visitor_finish_load (load, NULL)) {
    DioVisitor *save = dio_visitor_new_save ();
    visit (save, &state, data[0]);
    g_autoptr (GBytes) again = dio_visitor_finish_save (save);
    /* The version is the only thing that may differ: it is saved as the newest. */
    if (g_bytes_get_size (again) < g_bytes_get_size (bytes))
      abort ();
  }
  g_free (state.buffer);
  return 0;
}
