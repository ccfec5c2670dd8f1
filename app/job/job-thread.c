/* SPDX-License-Identifier: GPL-3.0-or-later
 * Work on a thread of its own, with a GTask for its result. */
#include "app/job/job-thread.h"

typedef struct {
  GTask *task;
  GTaskThreadFunc func;
} Job;

static gpointer
job_thread (gpointer data)
{
  Job *job = data;
  GTask *task = job->task;
  job->func (task, g_task_get_source_object (task), g_task_get_task_data (task),
             g_task_get_cancellable (task));
  g_object_unref (task);
  g_free (job);
  return NULL;
}

void
dio_job_thread_run (GTask *task, GTaskThreadFunc func)
{
  g_return_if_fail (G_IS_TASK (task));
  Job *job = g_new (Job, 1);
  *job = (Job){ g_object_ref (task), func };
  GThread *thread = g_thread_try_new ("dio-job", job_thread, job, NULL);
  if (thread)
    g_thread_unref (thread);
  else
    job_thread (job);
}
