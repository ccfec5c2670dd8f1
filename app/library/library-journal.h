/* SPDX-License-Identifier: GPL-3.0-or-later
 * The journal of a machine: journal.sqlite in its bundle, with immutable time-stamped events and
 * sampled statistics. Writing happens on one thread of its own, in order, so that no caller waits
 * for a disk; a journal that cannot be written is reported once and never stops a machine. */
#pragma once

#include <gio/gio.h>

#include "core/vm/vm-machine.h"

#define DIO_JOURNAL_FILE "journal.sqlite"

typedef struct DioJournal DioJournal;

typedef struct {
  gint64 time_us; /* real time since 1970 */
  char *kind;     /* "created", "starting", "running", "paused", "reset", "stopped", "error", ... */
  char *reason;   /* of "stopped": "guest-off", "forced", "crashed", "error"; else NULL */
  int exit_code;
  unsigned count; /* how many times in a row */
  char *message;  /* may be NULL */
} DioJournalEvent;

/* The journal of the bundle at @path; opened on its own thread. Any thread. */
DioJournal *dio_journal_open (const char *path);

/* Closes after everything queued is written; does not wait. */
void dio_journal_close (DioJournal *journal);

/* Queue; any thread. Strings are copied. */
void dio_journal_add (DioJournal *journal, const char *kind, const char *reason, int exit_code,
                      unsigned count, const char *message, gint64 time_us);
void dio_journal_add_stats (DioJournal *journal, const DioMachineStats *stats);

/* Waits until everything queued so far (of all journals) is written. */
void dio_journal_flush (void);

/* The newest @limit events, oldest first, of a bundle. Blocks. Free with g_ptr_array_unref(). A
 * bundle without a journal has no events. */
GPtrArray *dio_journal_read (const char *path, unsigned limit, GError **error);

/* The name of a reason in the journal, NULL for DIO_STOP_NONE. */
const char *dio_journal_reason (DioStopReason reason);
