/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the worker pool. */
#include "core/base/base-pool.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct {
  DioPool *pool;
  _Atomic unsigned ran;
  _Atomic unsigned now, most;
  unsigned order[1000];
  unsigned depth;
} Fixture;

typedef struct {
  Fixture *fixture;
  unsigned number;
} Job;

static void
note_order (void *data)
{
  Job *job = data;
  job->fixture->order[atomic_fetch_add (&job->fixture->ran, 1)] = job->number;
  g_free (job);
}

/* A single thread keeps the order, and freeing finishes what is queued. */
static void
test_fifo (void)
{
  Fixture f = { .pool = dio_pool_new (1) };
  for (unsigned i = 0; i < 1000; i++) {
    Job *job = g_new (Job, 1);
    *job = (Job){ &f, i };
    dio_pool_run (f.pool, DIO_POOL_IO, note_order, job);
  }
  dio_pool_free (f.pool);
  g_assert_cmpuint (f.ran, ==, 1000);
  for (unsigned i = 0; i < 1000; i++)
    g_assert_cmpuint (f.order[i], ==, i);
}

static void
overlap (void *data)
{
  Fixture *f = data;
  unsigned now = atomic_fetch_add (&f->now, 1) + 1;
  unsigned most = atomic_load (&f->most);
  while (now > most && !atomic_compare_exchange_weak (&f->most, &most, now))
    ;
  g_usleep (20000);
  atomic_fetch_sub (&f->now, 1);
  atomic_fetch_add (&f->ran, 1);
}

/* The pool grows to its limit and not beyond. */
static void
test_grows (void)
{
  Fixture f = { .pool = dio_pool_new (4) };
  for (unsigned i = 0; i < 16; i++)
    dio_pool_run (f.pool, DIO_POOL_IO, overlap, &f);
  dio_pool_free (f.pool);
  g_assert_cmpuint (f.ran, ==, 16);
  g_assert_cmpuint (f.most, ==, 4);
}

static void
run_and_post (void *data)
{
  Fixture *f = data;
  if (atomic_fetch_add (&f->ran, 1) + 1 < f->depth)
    dio_pool_run (f->pool, f->ran % 2 ? DIO_POOL_COMPUTE : DIO_POOL_IO, run_and_post, f);
}

/* Tasks that queue tasks of the other class while the pool is being freed are all run. */
static void
test_chain_while_closing (void)
{
  for (unsigned i = 0; i < 50; i++) {
    Fixture f = { .pool = dio_pool_new (2), .depth = 100 };
    dio_pool_run (f.pool, DIO_POOL_IO, run_and_post, &f);
    dio_pool_free (f.pool);
    g_assert_cmpuint (f.ran, ==, 100);
  }
}

static void
count (void *data)
{
  atomic_fetch_add ((_Atomic unsigned *) data, 1);
}

typedef struct {
  DioPool *pool;
  _Atomic unsigned *ran;
} Poster;

static void *
post_many (void *data)
{
  Poster *poster = data;
  for (unsigned i = 0; i < 20000; i++)
    dio_pool_run (poster->pool, i % 3 ? DIO_POOL_IO : DIO_POOL_COMPUTE, count,
                  (void *) poster->ran);
  return NULL;
}

static void
test_stress (void)
{
  _Atomic unsigned ran = 0;
  Poster poster = { dio_pool_new (3), &ran };
  pthread_t threads[4];
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_create (&threads[i], NULL, post_many, &poster);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    pthread_join (threads[i], NULL);
  dio_pool_free (poster.pool);
  g_assert_cmpuint (ran, ==, 4 * 20000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/base/pool/fifo", test_fifo);
  g_test_add_func ("/core/base/pool/grows", test_grows);
  g_test_add_func ("/core/base/pool/chain-while-closing", test_chain_while_closing);
  g_test_add_func ("/core/base/pool/stress", test_stress);
  return g_test_run ();
}
