/* SPDX-License-Identifier: GPL-3.0-or-later
 * The worker pool.
 *
 * Each class has its own queue and threads, so that long computations never delay file I/O. Threads
 * are started when work waits and nobody is idle, up to the class's limit, and stay. One lock
 * guards everything: a task takes microseconds at least. */
#include "core/base/base-pool.h"

#include <glib.h>
#include <pthread.h>
#include <unistd.h>

#include "core/base/base-thread.h"

typedef struct Task {
  struct Task *next;
  void (*func) (void *data);
  void *data;
} Task;

typedef struct {
  DioPool *pool;
  DioPoolClass klass;
  pthread_cond_t wake;
  Task *head, **tail;
  GArray *threads; /* of pthread_t */
  unsigned max_threads;
  unsigned idle;
  unsigned queued;
} Queue;

enum { N_CLASSES = DIO_POOL_COMPUTE + 1 };

struct DioPool {
  pthread_mutex_t lock;
  Queue queues[N_CLASSES];
  unsigned unfinished; /* queued or running, of both classes */
  bool closing;
};

static const char *const thread_names[N_CLASSES] = {
  [DIO_POOL_IO] = "dio-io",
  [DIO_POOL_COMPUTE] = "dio-compute",
};

static Task *
pop_locked (Queue *queue)
{
  Task *task = queue->head;
  if (!task)
    return NULL;
  queue->head = task->next;
  if (!queue->head)
    queue->tail = &queue->head;
  queue->queued--;
  return task;
}

static void *
worker (void *data)
{
  Queue *queue = data;
  DioPool *pool = queue->pool;
  if (queue->klass == DIO_POOL_COMPUTE)
    dio_thread_lower_priority ();

  pthread_mutex_lock (&pool->lock);
  /* While closing, a task that still runs may queue more of either class. */
  while (queue->head || !pool->closing || pool->unfinished) {
    Task *task = pop_locked (queue);
    if (!task) {
      queue->idle++;
      pthread_cond_wait (&queue->wake, &pool->lock);
      queue->idle--;
      continue;
    }
    pthread_mutex_unlock (&pool->lock);
    task->func (task->data);
    g_free (task);
    pthread_mutex_lock (&pool->lock);
    if (--pool->unfinished == 0 && pool->closing)
      for (unsigned i = 0; i < N_CLASSES; i++)
        pthread_cond_broadcast (&pool->queues[i].wake);
  }
  pthread_mutex_unlock (&pool->lock);
  return NULL;
}

static void
grow_locked (Queue *queue)
{
  pthread_t thread;
  g_autoptr (GError) error = NULL;
  if (!dio_thread_start (&thread, thread_names[queue->klass], worker, queue, &error)) {
    if (!queue->threads->len)
      g_warning ("%s", error->message);
    return;
  }
  g_array_append_val (queue->threads, thread);
}

DioPool *
dio_pool_new (unsigned threads)
{
  long online = sysconf (_SC_NPROCESSORS_ONLN);
  unsigned cores = (unsigned) CLAMP (online, 1, 256);
  DioPool *pool = g_new0 (DioPool, 1);
  pthread_mutex_init (&pool->lock, NULL);
  for (unsigned i = 0; i < N_CLASSES; i++) {
    Queue *queue = &pool->queues[i];
    queue->pool = pool;
    queue->klass = i;
    queue->tail = &queue->head;
    queue->threads = g_array_new (FALSE, FALSE, sizeof (pthread_t));
    /* I/O threads mostly sleep in the kernel; computing ones leave a core to the guests. */
    if (threads)
      queue->max_threads = threads;
    else if (i == DIO_POOL_IO)
      queue->max_threads = CLAMP (cores * 2, 4, 16);
    else
      queue->max_threads = MAX (cores, 2) - 1;
    pthread_cond_init (&queue->wake, NULL);
  }
  return pool;
}

void
dio_pool_free (DioPool *pool)
{
  if (!pool)
    return;

  pthread_mutex_lock (&pool->lock);
  pool->closing = true;
  for (unsigned i = 0; i < N_CLASSES; i++)
    pthread_cond_broadcast (&pool->queues[i].wake);
  for (unsigned i = 0; i < N_CLASSES;) {
    GArray *threads = pool->queues[i].threads;
    if (!threads->len) {
      i++;
      continue;
    }
    pthread_t thread = g_array_index (threads, pthread_t, threads->len - 1);
    g_array_set_size (threads, threads->len - 1);
    pthread_mutex_unlock (&pool->lock);
    pthread_join (thread, NULL);
    pthread_mutex_lock (&pool->lock);
    i = 0; /* a last task may have started a thread of the other class */
  }
  pthread_mutex_unlock (&pool->lock);

  for (unsigned i = 0; i < N_CLASSES; i++) {
    g_array_unref (pool->queues[i].threads);
    pthread_cond_destroy (&pool->queues[i].wake);
  }
  pthread_mutex_destroy (&pool->lock);
  g_free (pool);
}

void
dio_pool_run (DioPool *pool, DioPoolClass klass, void (*func) (void *data), void *data)
{
  g_return_if_fail ((unsigned) klass < N_CLASSES);

  Queue *queue = &pool->queues[klass];
  Task *task = g_new (Task, 1);
  *task = (Task){ .func = func, .data = data };

  pthread_mutex_lock (&pool->lock);
  *queue->tail = task;
  queue->tail = &task->next;
  queue->queued++;
  pool->unfinished++;
  if (queue->idle < queue->queued && queue->threads->len < queue->max_threads)
    grow_locked (queue);
  if (!queue->threads->len) {
    /* A host without a single thread left: late is worse than blocking here, never is worst. */
    task = pop_locked (queue);
    pthread_mutex_unlock (&pool->lock);
    task->func (task->data);
    g_free (task);
    pthread_mutex_lock (&pool->lock);
    pool->unfinished--;
  } else {
    pthread_cond_signal (&queue->wake);
  }
  pthread_mutex_unlock (&pool->lock);
}
