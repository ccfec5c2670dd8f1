/* SPDX-License-Identifier: GPL-3.0-or-later
 * The journal: SQLite on one thread for the whole process. The file may come from anywhere, so it
 * is opened defensively; one that is broken is moved aside. */
#include "app/library/library-journal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

#define BUSY_MS 2000
#define MAX_MESSAGE 4096

/* "DIOJ": PRAGMA application_id. */
#define FLUSH_POLL_US (G_USEC_PER_SEC / 5)

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS event ("
    "  id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT,"
    "  exit_code INTEGER NOT NULL, count INTEGER NOT NULL, message TEXT);"
    "CREATE TABLE IF NOT EXISTS statistics ("
    "  id INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, run_seconds REAL NOT NULL,"
    "  vcpu_seconds REAL NOT NULL, instructions INTEGER NOT NULL, traps INTEGER NOT NULL,"
    "  interrupts INTEGER NOT NULL, tlb_misses INTEGER NOT NULL, mmio_reads INTEGER NOT NULL,"
    "  mmio_writes INTEGER NOT NULL, ram_resident INTEGER NOT NULL);"
    "CREATE TRIGGER IF NOT EXISTS event_no_update BEFORE UPDATE ON event"
    "  BEGIN SELECT RAISE (ABORT, 'events are immutable'); END;"
    "CREATE TRIGGER IF NOT EXISTS event_no_delete BEFORE DELETE ON event"
    "  BEGIN SELECT RAISE (ABORT, 'events are immutable'); END;"
    "PRAGMA application_id = 1145655114;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static const char insert_event[] =
    "INSERT INTO event (time_us, kind, reason, exit_code, count, message)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

static const char insert_stats[] =
    "INSERT INTO statistics (time_us, run_seconds, vcpu_seconds, instructions, traps, interrupts,"
    " tlb_misses, mmio_reads, mmio_writes, ram_resident)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

struct DioJournal {
  char *path; /* of the database */
  /* Journal thread only. */
  sqlite3 *db;
  gboolean failed; /* said so once; the rest is dropped */
};

typedef enum {
  WORK_EVENT,
  WORK_STATS,
  WORK_CLOSE,
  WORK_FLUSH,
} WorkKind;

typedef struct {
  WorkKind kind;
  DioJournal *journal;
  gint64 time_us;
  char *event_kind;
  const char *reason;
  int exit_code;
  unsigned count;
  char *message;
  DioMachineStats stats;
  GAsyncQueue *flushed;
} Work;

static void
work_free (Work *work)
{
  g_free (work->event_kind);
  g_free (work->message);
  g_free (work);
}

static int
open_database (const char *path, int flags, sqlite3 **db)
{
  int result = sqlite3_open_v2 (path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (result != SQLITE_OK)
    return result;
  sqlite3_busy_timeout (*db, BUSY_MS);
  sqlite3_db_config (*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config (*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_limit (*db, SQLITE_LIMIT_LENGTH, 1 << 20);
  return sqlite3_exec (*db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;", NULL, NULL, NULL);
}

static int
open_for_writing (DioJournal *journal)
{
  /* SQLite follows the umask; the bundle is private. Empty files are new databases. */
  int fd = open (journal->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0)
    return SQLITE_CANTOPEN;
  close (fd);
  int result = open_database (journal->path, SQLITE_OPEN_READWRITE, &journal->db);
  if (result == SQLITE_OK)
    result = sqlite3_exec (journal->db, schema, NULL, NULL, NULL);
  return result;
}

static void
fail (DioJournal *journal, const char *reason)
{
  if (!journal->failed)
    g_warning ("%s cannot be written, so what happens to this machine is not recorded: %s",
               journal->path, reason);
  journal->failed = TRUE;
}

static gboolean
ensure_open (DioJournal *journal)
{
  if (journal->failed)
    return FALSE;
  if (journal->db)
    return TRUE;
  int result = open_for_writing (journal);
  if (result == SQLITE_NOTADB || result == SQLITE_CORRUPT || result == SQLITE_ERROR) {
    g_clear_pointer (&journal->db, sqlite3_close);
    g_autofree char *aside = g_strdup_printf ("%s.broken-%" G_GINT64_FORMAT, journal->path,
                                              g_get_real_time () / G_USEC_PER_SEC);
    g_warning ("%s is damaged; it is kept as %s", journal->path, aside);
    if (rename (journal->path, aside) == 0)
      result = open_for_writing (journal);
  }
  if (result == SQLITE_OK)
    return TRUE;
  fail (journal, journal->db ? sqlite3_errmsg (journal->db) : sqlite3_errstr (result));
  g_clear_pointer (&journal->db, sqlite3_close);
  return FALSE;
}

static void
bind_text (sqlite3_stmt *statement, int index, const char *text)
{
  if (text)
    sqlite3_bind_text (statement, index, text, -1, SQLITE_TRANSIENT);
}

static void
write_row (DioJournal *journal, const Work *work)
{
  sqlite3_stmt *statement = NULL;
  const char *sql = work->kind == WORK_EVENT ? insert_event : insert_stats;
  int result = sqlite3_prepare_v2 (journal->db, sql, -1, &statement, NULL);
  if (result == SQLITE_OK) {
    sqlite3_bind_int64 (statement, 1, work->time_us);
    if (work->kind == WORK_EVENT) {
      bind_text (statement, 2, work->event_kind);
      bind_text (statement, 3, work->reason);
      sqlite3_bind_int (statement, 4, work->exit_code);
      sqlite3_bind_int64 (statement, 5, work->count);
      bind_text (statement, 6, work->message);
    } else {
      const DioMachineStats *stats = &work->stats;
      sqlite3_bind_double (statement, 2, stats->run_seconds);
      sqlite3_bind_double (statement, 3, stats->vcpu_seconds);
      sqlite3_bind_int64 (statement, 4, stats->cpu.instructions);
      sqlite3_bind_int64 (statement, 5, stats->cpu.traps);
      sqlite3_bind_int64 (statement, 6, stats->cpu.interrupts);
      sqlite3_bind_int64 (statement, 7, stats->cpu.tlb_misses);
      sqlite3_bind_int64 (statement, 8, stats->cpu.mmio_reads);
      sqlite3_bind_int64 (statement, 9, stats->cpu.mmio_writes);
      sqlite3_bind_int64 (statement, 10, stats->ram_resident);
    }
    result = sqlite3_step (statement);
  }
  if (result != SQLITE_DONE)
    fail (journal, sqlite3_errmsg (journal->db));
  sqlite3_finalize (statement);
}

/* The journal thread. */
static void
work_cb (gpointer data, gpointer user_data)
{
  Work *work = data;
  switch (work->kind) {
  case WORK_EVENT:
  case WORK_STATS:
    if (ensure_open (work->journal))
      write_row (work->journal, work);
    break;
  case WORK_CLOSE:
    g_clear_pointer (&work->journal->db, sqlite3_close);
    g_free (work->journal->path);
    g_free (work->journal);
    break;
  case WORK_FLUSH:
    g_async_queue_push (work->flushed, GINT_TO_POINTER (1));
    g_async_queue_unref (work->flushed);
    break;
  }
  work_free (work);
}

static GThreadPool *
push (Work *work)
{
  static gsize pool;
  if (g_once_init_enter (&pool))
    /* One thread: first in, first out. */
    g_once_init_leave (&pool, (gsize) g_thread_pool_new (work_cb, NULL, 1, FALSE, NULL));
  g_thread_pool_push ((GThreadPool *) pool, work, NULL);
  return (GThreadPool *) pool;
}

DioJournal *
dio_journal_open (const char *path)
{
  DioJournal *journal = g_new0 (DioJournal, 1);
  journal->path = g_build_filename (path, DIO_JOURNAL_FILE, NULL);
  return journal;
}

void
dio_journal_close (DioJournal *journal)
{
  if (!journal)
    return;
  Work *work = g_new0 (Work, 1);
  work->kind = WORK_CLOSE;
  work->journal = journal;
  push (work);
}

void
dio_journal_add (DioJournal *journal, const char *kind, const char *reason, int exit_code,
                 unsigned count, const char *message, gint64 time_us)
{
  Work *work = g_new0 (Work, 1);
  work->kind = WORK_EVENT;
  work->journal = journal;
  work->time_us = time_us;
  work->event_kind = g_strdup (kind);
  work->reason = g_intern_string (reason);
  work->exit_code = exit_code;
  work->count = count;
  work->message = message ? g_utf8_make_valid (message, strnlen (message, MAX_MESSAGE)) : NULL;
  push (work);
}

void
dio_journal_add_stats (DioJournal *journal, const DioMachineStats *stats)
{
  Work *work = g_new0 (Work, 1);
  work->kind = WORK_STATS;
  work->journal = journal;
  work->time_us = g_get_real_time ();
  work->stats = *stats;
  push (work);
}

void
dio_journal_flush (void)
{
  g_autoptr (GAsyncQueue) flushed = g_async_queue_new ();
  Work *work = g_new0 (Work, 1);
  work->kind = WORK_FLUSH;
  work->flushed = g_async_queue_ref (flushed);
  GThreadPool *pool = push (work);
  /* Without a thread (a host that has none left) nobody will ever answer. */
  while (!g_async_queue_timeout_pop (flushed, FLUSH_POLL_US))
    if (g_thread_pool_get_num_threads (pool) == 0)
      return;
}

static void
event_free (gpointer data)
{
  DioJournalEvent *event = data;
  g_free (event->kind);
  g_free (event->reason);
  g_free (event->message);
  g_free (event);
}

static char *
column_text (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);
  return text ? g_utf8_make_valid (text, strnlen (text, MAX_MESSAGE)) : NULL;
}

GPtrArray *
dio_journal_read (const char *path, unsigned limit, GError **error)
{
  g_autofree char *file = g_build_filename (path, DIO_JOURNAL_FILE, NULL);
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func (event_free);
  struct stat st;
  if (lstat (file, &st) != 0 || !S_ISREG (st.st_mode))
    return g_steal_pointer (&events);
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  int result = open_database (file, SQLITE_OPEN_READONLY, &db);
  if (result == SQLITE_OK)
    result = sqlite3_prepare_v2 (db,
                                 "SELECT time_us, kind, reason, exit_code, count, message FROM"
                                 " (SELECT * FROM event ORDER BY id DESC LIMIT ?1) ORDER BY id",
                                 -1, &statement, NULL);
  if (result == SQLITE_OK) {
    sqlite3_bind_int64 (statement, 1, limit);
    while ((result = sqlite3_step (statement)) == SQLITE_ROW) {
      DioJournalEvent *event = g_new0 (DioJournalEvent, 1);
      event->time_us = sqlite3_column_int64 (statement, 0);
      event->kind = column_text (statement, 1);
      event->reason = column_text (statement, 2);
      event->exit_code = sqlite3_column_int (statement, 3);
      event->count = sqlite3_column_int64 (statement, 4);
      event->message = column_text (statement, 5);
      if (!event->kind)
        event->kind = g_strdup ("?");
      g_ptr_array_add (events, event);
    }
  }
  if (result != SQLITE_DONE)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s cannot be read: %s"), file,
                 db ? sqlite3_errmsg (db) : sqlite3_errstr (result));
  sqlite3_finalize (statement);
  sqlite3_close (db);
  return result == SQLITE_DONE ? g_steal_pointer (&events) : NULL;
}

const char *
dio_journal_reason (DioStopReason reason)
{
  switch (reason) {
  case DIO_STOP_NONE:
    return NULL;
  case DIO_STOP_GUEST_OFF:
    return "guest-off";
  case DIO_STOP_FORCED:
    return "forced";
  case DIO_STOP_CRASHED:
    return "crashed";
  case DIO_STOP_ERROR:
    return "error";
  }
  return NULL;
}
