/* SPDX-License-Identifier: GPL-3.0-or-later
 * Text as key presses for a US keyboard layout, keys and clicks, at a pace that slow guests follow.
 */
#pragma once

#include <glib.h>

#include "core/backend/backend-input.h"

#define DIO_TYPING_STEP_MS 12            /* between two events: about 40 characters a second */
#define DIO_TYPING_MAX_BYTES (32u << 10) /* of one text */

typedef struct DioTyper DioTyper;

/* The key that makes @c, and whether with Shift; FALSE when there is none. */
gboolean dio_typing_lookup (gunichar c, guint16 *code, gboolean *shift);

/* Types into @input (borrowed, may be NULL: then presses are dropped) from the thread-default main
 * context. */
DioTyper *dio_typer_new (DioInput *input);

/* Forgets what is not typed yet and releases what is down. */
void dio_typer_free (DioTyper *typer);

/* Queues @text; nothing of it is typed when a character has no key, which @error names. */
gboolean dio_typer_add_text (DioTyper *typer, const char *text, GError **error);

/* Queues keys pressed together: down in order, up in reverse. */
void dio_typer_add_chord (DioTyper *typer, const guint16 *codes, gsize count);

/* Queues a move of the pointer, each axis 0..DIO_INPUT_ABS_MAX, and a press and release there of a
 * button (BTN_LEFT..; 0: none). */
void dio_typer_add_click (DioTyper *typer, guint16 x, guint16 y, guint16 button);

/* Calls @done once: with TRUE when all that is queued now was sent, or waits as the machine is
 * paused; with FALSE when it is forgotten. At once when nothing is queued. */
void dio_typer_notify (DioTyper *typer, void (*done) (gboolean sent, gpointer data), gpointer data);

/* A paused machine takes no keys: the queue waits. */
void dio_typer_set_held (DioTyper *typer, gboolean held);

/* Events not sent yet. */
guint dio_typer_get_pending (DioTyper *typer);
