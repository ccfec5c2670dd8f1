/* SPDX-License-Identifier: GPL-3.0-or-later
 * Starts the engine's threads, all in the same way. */
#include "core/base/base-thread.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"

bool
dio_thread_start (pthread_t *thread, const char *name, void *(*func) (void *data), void *data,
                  GError **error)
{
  /* Signals that report a fault of the thread itself, and a profiler's, stay deliverable. */
  static const int wanted[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGPROF };
  sigset_t blocked, before;
  sigfillset (&blocked);
  for (size_t i = 0; i < G_N_ELEMENTS (wanted); i++)
    sigdelset (&blocked, wanted[i]);

  pthread_sigmask (SIG_SETMASK, &blocked, &before);
  int result = pthread_create (thread, NULL, func, data);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (result) {
    dio_set_error_errno (error, result, _ ("The thread “%s” could not be started"), name);
    return false;
  }

  char shortened[16];
  g_strlcpy (shortened, name, sizeof shortened);
  pthread_setname_np (*thread, shortened);
  return true;
}

/* Waits until the others are there as well. */
static void *
wait_for_gate (void *gate)
{
  pthread_mutex_lock (gate);
  pthread_mutex_unlock (gate);
  return NULL;
}

bool
dio_thread_check_room (unsigned count, GError **error)
{
  pthread_t threads[8];
  pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
  unsigned started = 0;
  count = MIN (count, G_N_ELEMENTS (threads));
  pthread_mutex_lock (&gate);
  while (started < count
         && dio_thread_start (&threads[started], "dio-check", wait_for_gate, &gate, error))
    started++;
  pthread_mutex_unlock (&gate);
  for (unsigned i = 0; i < started; i++)
    pthread_join (threads[i], NULL);
  return started == count;
}

void
dio_thread_lower_priority (void)
{
  struct sched_param none = { 0 };
  pthread_setschedparam (pthread_self (), SCHED_BATCH, &none);
  /* On Linux the nice value belongs to the thread. */
  setpriority (PRIO_PROCESS, (id_t) gettid (), 10);
}
