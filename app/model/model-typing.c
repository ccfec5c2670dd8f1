/* SPDX-License-Identifier: GPL-3.0-or-later
 * Text as key presses. */
#include "app/model/model-typing.h"

#include <linux/input-event-codes.h>
#include <string.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

typedef struct {
  guint16 code;
  guint16 down;
  gboolean move; /* instead: the pointer to @x, @y */
  guint16 x, y;
} Step;

/* Who waits until so many steps were sent. */
typedef struct {
  guint64 at;
  void (*done) (gboolean sent, gpointer data);
  gpointer data;
} Waiter;

struct DioTyper {
  DioInput *input;
  GArray *steps; /* of Step, from @next on */
  guint next;
  guint64 sent;   /* steps, since the beginning */
  GQueue waiters; /* of Waiter*, the first to be told first */
  GSource *timer;
  gboolean held;
};

/* clang-format off */
static const struct {
  char plain, shifted;
  guint16 code;
} keys[] = {
  { '`', '~', KEY_GRAVE },      { '1', '!', KEY_1 },          { '2', '@', KEY_2 },
  { '3', '#', KEY_3 },          { '4', '$', KEY_4 },          { '5', '%', KEY_5 },
  { '6', '^', KEY_6 },          { '7', '&', KEY_7 },          { '8', '*', KEY_8 },
  { '9', '(', KEY_9 },          { '0', ')', KEY_0 },          { '-', '_', KEY_MINUS },
  { '=', '+', KEY_EQUAL },      { '\t', 0, KEY_TAB },         { 'q', 'Q', KEY_Q },
  { 'w', 'W', KEY_W },          { 'e', 'E', KEY_E },          { 'r', 'R', KEY_R },
  { 't', 'T', KEY_T },          { 'y', 'Y', KEY_Y },          { 'u', 'U', KEY_U },
  { 'i', 'I', KEY_I },          { 'o', 'O', KEY_O },          { 'p', 'P', KEY_P },
  { '[', '{', KEY_LEFTBRACE },  { ']', '}', KEY_RIGHTBRACE }, { '\\', '|', KEY_BACKSLASH },
  { 'a', 'A', KEY_A },          { 's', 'S', KEY_S },          { 'd', 'D', KEY_D },
  { 'f', 'F', KEY_F },          { 'g', 'G', KEY_G },          { 'h', 'H', KEY_H },
  { 'j', 'J', KEY_J },          { 'k', 'K', KEY_K },          { 'l', 'L', KEY_L },
  { ';', ':', KEY_SEMICOLON },  { '\'', '"', KEY_APOSTROPHE }, { '\n', 0, KEY_ENTER },
  { 'z', 'Z', KEY_Z },          { 'x', 'X', KEY_X },          { 'c', 'C', KEY_C },
  { 'v', 'V', KEY_V },          { 'b', 'B', KEY_B },          { 'n', 'N', KEY_N },
  { 'm', 'M', KEY_M },          { ',', '<', KEY_COMMA },      { '.', '>', KEY_DOT },
  { '/', '?', KEY_SLASH },      { ' ', 0, KEY_SPACE },        { '\b', 0, KEY_BACKSPACE },
  { 27, 0, KEY_ESC },
};
/* clang-format on */

gboolean
dio_typing_lookup (gunichar c, guint16 *code, gboolean *shift)
{
  if (c == 0 || c > 0x7e)
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (c == (gunichar) keys[i].plain || c == (gunichar) keys[i].shifted) {
      *code = keys[i].code;
      *shift = c != (gunichar) keys[i].plain;
      return TRUE;
    }
  return FALSE;
}

static void
stop_timer (DioTyper *typer)
{
  if (typer->timer)
    g_source_destroy (typer->timer);
  g_clear_pointer (&typer->timer, g_source_unref);
}

/* Tells those who wait for no more than @at steps. */
static void
tell_waiters (DioTyper *typer, guint64 at, gboolean sent)
{
  for (Waiter *waiter; (waiter = g_queue_peek_head (&typer->waiters)) && waiter->at <= at;) {
    g_queue_pop_head (&typer->waiters);
    waiter->done (sent, waiter->data);
    g_free (waiter);
  }
}

static gboolean
step_cb (gpointer data)
{
  DioTyper *typer = data;
  const Step *step = &g_array_index (typer->steps, Step, typer->next++);
  if (typer->input && step->move)
    dio_input_move_absolute (typer->input, step->x, step->y);
  else if (typer->input)
    dio_input_key (typer->input, step->code, step->down);
  typer->sent++;
  gboolean more = typer->next < typer->steps->len;
  if (!more) {
    g_array_set_size (typer->steps, 0);
    typer->next = 0;
    stop_timer (typer);
  }
  tell_waiters (typer, typer->sent, TRUE);
  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
update_timer (DioTyper *typer)
{
  gboolean wanted = !typer->held && typer->next < typer->steps->len;
  if (wanted && !typer->timer) {
    typer->timer = g_timeout_source_new (DIO_TYPING_STEP_MS);
    g_source_set_callback (typer->timer, step_cb, typer, NULL);
    g_source_attach (typer->timer, g_main_context_get_thread_default ());
  } else if (!wanted)
    stop_timer (typer);
}

DioTyper *
dio_typer_new (DioInput *input)
{
  DioTyper *typer = g_new0 (DioTyper, 1);
  typer->input = input;
  typer->steps = g_array_new (FALSE, FALSE, sizeof (Step));
  return typer;
}

void
dio_typer_free (DioTyper *typer)
{
  if (!typer)
    return;
  stop_timer (typer);
  if (typer->input && typer->next)
    dio_input_release_all (typer->input);
  tell_waiters (typer, G_MAXUINT64, FALSE);
  g_array_unref (typer->steps);
  g_free (typer);
}

static void
add_step (DioTyper *typer, guint16 code, gboolean down)
{
  Step step = { .code = code, .down = down };
  g_array_append_val (typer->steps, step);
}

gboolean
dio_typer_add_text (DioTyper *typer, const char *text, GError **error)
{
  guint16 code;
  gboolean shift;
  if (!g_utf8_validate (text, -1, NULL)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, "%s", _ ("The text is not valid UTF-8"));
    return FALSE;
  }
  if (strlen (text) > DIO_TYPING_MAX_BYTES) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_CONFIG, _ ("The text is longer than %u KiB"),
                 DIO_TYPING_MAX_BYTES / 1024);
    return FALSE;
  }
  for (const char *p = text; *p; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);
    if (c == '\r' || dio_typing_lookup (c, &code, &shift))
      continue;
    char character[8] = { 0 };
    g_unichar_to_utf8 (c, character);
    if (g_unichar_isgraph (c))
      g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                   _ ("No key of a US keyboard makes “%s” (U+%04X)"), character, c);
    else
      g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED,
                   _ ("No key of a US keyboard makes the character U+%04X"), c);
    return FALSE;
  }
  for (const char *p = text; *p; p++) {
    /* A line end of other systems is one Enter. */
    if (*p == '\r' && p[1] == '\n')
      continue;
    dio_typing_lookup (*p == '\r' ? '\n' : *p, &code, &shift);
    if (shift)
      add_step (typer, KEY_LEFTSHIFT, TRUE);
    add_step (typer, code, TRUE);
    add_step (typer, code, FALSE);
    if (shift)
      add_step (typer, KEY_LEFTSHIFT, FALSE);
  }
  update_timer (typer);
  return TRUE;
}

void
dio_typer_add_chord (DioTyper *typer, const guint16 *codes, gsize count)
{
  for (gsize i = 0; i < count; i++)
    add_step (typer, codes[i], TRUE);
  for (gsize i = count; i-- > 0;)
    add_step (typer, codes[i], FALSE);
  update_timer (typer);
}

void
dio_typer_add_click (DioTyper *typer, guint16 x, guint16 y, guint16 button)
{
  Step step = { .move = TRUE, .x = x, .y = y };

  g_array_append_val (typer->steps, step);
  if (button)
    dio_typer_add_chord (typer, &button, 1);
  update_timer (typer);
}

void
dio_typer_set_held (DioTyper *typer, gboolean held)
{
  typer->held = held;
  update_timer (typer);
  if (held)
    tell_waiters (typer, G_MAXUINT64, TRUE);
}

void
dio_typer_notify (DioTyper *typer, void (*done) (gboolean sent, gpointer data), gpointer data)
{
  guint pending = dio_typer_get_pending (typer);
  if (pending == 0 || typer->held) {
    done (TRUE, data);
    return;
  }
  Waiter *waiter = g_new (Waiter, 1);
  *waiter = (Waiter){ .at = typer->sent + pending, .done = done, .data = data };
  g_queue_push_tail (&typer->waiters, waiter);
}

guint
dio_typer_get_pending (DioTyper *typer)
{
  return typer->steps->len - typer->next;
}
