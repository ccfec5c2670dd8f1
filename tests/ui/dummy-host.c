/* SPDX-License-Identifier: GPL-3.0-or-later
 * The host as a test wants it: a clock that the test puts on, and a disk that is slow while it
 * wants that. Both are files in the folder $DIORAMA_DUMMY_HOST: "clock" has the seconds that have
 * gone by at once, and "slow" is there or is not.
 *
 * The linker hands the calls of the application to these functions (--wrap), so that what is tested
 * is the application as it is, with the times that people get. */
#include <glib.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file/file.h"

#define TICK_MS 50
#define LARGE 32768
#define SLOW_US 150000 /* for each large write */

gint64 __real_g_get_real_time (void);
guint __real_g_timeout_add_seconds (guint seconds, GSourceFunc func, gpointer data);
DioFiles *__real_dio_files_host (void);

gint64 __wrap_g_get_real_time (void);
guint __wrap_g_timeout_add_seconds (guint seconds, GSourceFunc func, gpointer data);
DioFiles *__wrap_dio_files_host (void);

static const char *
folder (void)
{
  return g_getenv ("DIORAMA_DUMMY_HOST");
}

/* ---- The clock ---- */

static gint64
seconds_ahead (void)
{
  g_autofree char *path = g_build_filename (folder (), "clock", NULL);
  g_autofree char *text = NULL;
  return g_file_get_contents (path, &text, NULL, NULL) ? g_ascii_strtoll (text, NULL, 10) : 0;
}

gint64
__wrap_g_get_real_time (void)
{
  return __real_g_get_real_time () + (folder () ? seconds_ahead () * G_USEC_PER_SEC : 0);
}

typedef struct {
  GSourceFunc func;
  gpointer data;
  gint64 interval_us, due_us;
} Timer;

static gboolean
tick_cb (gpointer data)
{
  Timer *timer = data;
  gint64 now = __wrap_g_get_real_time ();
  if (now < timer->due_us)
    return G_SOURCE_CONTINUE;
  timer->due_us = now + timer->interval_us;
  return timer->func (timer->data);
}

guint
__wrap_g_timeout_add_seconds (guint seconds, GSourceFunc func, gpointer data)
{
  if (!folder ())
    return __real_g_timeout_add_seconds (seconds, func, data);
  Timer *timer = g_new0 (Timer, 1);
  timer->func = func;
  timer->data = data;
  timer->interval_us = (gint64) seconds * G_USEC_PER_SEC;
  timer->due_us = __wrap_g_get_real_time () + timer->interval_us;
  return g_timeout_add_full (G_PRIORITY_DEFAULT, TICK_MS, tick_cb, timer, g_free);
}

/* ---- The disk ---- */

static gboolean
is_large (const DioFileCall *call)
{
  size_t length = call->op == DIO_FILE_OP_COPY || call->op == DIO_FILE_OP_CLONE ? LARGE : 0;
  for (int i = 0; call->op == DIO_FILE_OP_WRITE && i < call->n_iov; i++)
    length += call->iov[i].iov_len;
  return length >= LARGE;
}

static int64_t
slow_call (DioFiles *self, const DioFileCall *call)
{
  if (is_large (call)) {
    g_autofree char *path = g_build_filename (folder (), "slow", NULL);
    if (access (path, F_OK) == 0)
      g_usleep (SLOW_US);
  }
  return self->below->call (self->below, call);
}

DioFiles *
__wrap_dio_files_host (void)
{
  static DioFiles slow;
  static gsize made;
  if (!folder ())
    return __real_dio_files_host ();
  if (g_once_init_enter (&made)) {
    slow = (DioFiles){ slow_call, __real_dio_files_host () };
    g_once_init_leave (&made, 1);
  }
  return &slow;
}
