/* SPDX-License-Identifier: GPL-3.0-or-later
 * A disk as devices see it: asynchronous requests, limits, and what happens when the host cannot.
 *
 * A request that fails for want of space or because of the host's storage is not lost: where
 * somebody looks after that (dio_block_set_trouble()), it is held until dio_block_retry(), so that
 * a machine can be paused, space be made, and the machine go on as if nothing had been. */
#pragma once

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "core/backend/block/block-node.h"
#include "core/base/base-loop.h"
#include "core/base/base-pool.h"

typedef struct DioBlock DioBlock;

typedef enum {
  DIO_BLOCK_READ,
  DIO_BLOCK_WRITE,
  DIO_BLOCK_FLUSH,
  DIO_BLOCK_DISCARD,      /* contents become undefined */
  DIO_BLOCK_WRITE_ZEROES, /* read back as zero */
} DioBlockOp;

/* A request. The caller keeps it and the memory of @iov alive until @done; @done runs on the
 * block's loop, with @result 0 or -errno. Offsets and lengths are bytes within the image; the
 * back-end checks them again. */
typedef struct DioBlockRequest {
  DioBlockOp op;
  uint64_t offset;
  uint64_t length;
  const struct iovec *iov; /* READ, WRITE */
  int n_iov;
  bool unmap; /* WRITE_ZEROES may deallocate */
  bool fua;   /* WRITE, WRITE_ZEROES: on the disk when done */
  void (*done) (struct DioBlockRequest *request, int result);
  void *opaque;
  /* The block's own while the request is under way. */
  struct DioBlockRequest *next;
  int result;
} DioBlockRequest;

typedef struct {
  void (*submit) (DioBlock *block, DioBlockRequest *request);
  void (*drain) (DioBlock *block); /* may be NULL when nothing is ever in flight at the end */
  void (*free) (DioBlock *block);
} DioBlockOps;

/* @op failed with @result (-errno) and is held. Loop thread, no locks held. */
typedef void (*DioBlockTrouble) (DioBlock *block, DioBlockOp op, int result, void *data);

struct DioBlock {
  const DioBlockOps *ops;
  uint64_t size; /* bytes, multiple of 512 */
  bool readonly;
  char *path; /* for messages; may be NULL */
  DioBlockTrouble trouble;
  void *trouble_data;
  pthread_mutex_t held_lock;
  DioBlockRequest *held, **held_tail;
  unsigned n_held;
  pthread_cond_t returned; /* a loan; with held_lock */
  unsigned n_lent;
  _Atomic bool ending;
};

/* A block on @node (consumed). Requests run on @pool, complete on @loop. */
DioBlock *dio_block_new (DioBlockNode *node, DioLoop *loop, DioPool *pool);

/* Opens an image without a chain through @files, which outlives the block. */
DioBlock *dio_block_open (DioFiles *files, const char *path, const char *format, bool readonly,
                          DioLoop *loop, DioPool *pool, GError **error);

/* The node of a block from the two above; requests may be in flight on it. */
DioBlockNode *dio_block_get_node (DioBlock *block);

/* The block goes on with @node, of the same size, in the place of the old one, which the caller
 * has then: it may be below @node. Nothing may be in flight but what is held. */
void dio_block_set_node (DioBlock *block, DioBlockNode *node);

/* Between these two no request is executed: the chain of the node may be changed. Requests wait
 * meanwhile, so this should be short. Begins when what is executed now has ended; one caller at a
 * time. Any thread but the loop and the pool's. */
void dio_block_begin_change (DioBlock *block);
void dio_block_end_change (DioBlock *block);

/* Any thread; never blocks. Requests may complete in any order: a FLUSH covers what was done before
 * it was submitted. After a FLUSH has failed, all later ones fail: the kernel may have dropped the
 * data. */
void dio_block_submit (DioBlock *block, DioBlockRequest *request);

/* Waits until nothing is in flight but what is held (completions delivered). Not from the loop. */
void dio_block_drain (DioBlock *block);

/* Drains; what is held fails. Waits until the block is lent to nobody. Not from the loop. */
void dio_block_free (DioBlock *block);

/* For long work on a block that belongs to a machine which may end at any time: it is not freed
 * before it was given back, which has to be soon once dio_block_is_ending(). Any thread. */
DioBlock *dio_block_lend (DioBlock *block);
void dio_block_give_back (DioBlock *block);
bool dio_block_is_ending (DioBlock *block);

/* What requests may use up per second; 0: no limit. Any thread. */
typedef struct {
  uint64_t bytes, operations;
} DioBlockLimits;
void dio_block_set_limits (DioBlock *block, const DioBlockLimits *limits);

/* While @urgent, nothing waits for the limits, or counts: who has to have a disk idle would wait
 * for what the guest asked of it in advance. Any thread. */
void dio_block_set_urgent (DioBlock *block, bool urgent);

/* Before the first request. */
void dio_block_set_trouble (DioBlock *block, DioBlockTrouble trouble, void *data);

/* Submits again what is held. Any thread. */
void dio_block_retry (DioBlock *block);

/* Lets what is held fail: done() is called from here. Any thread. */
void dio_block_give_up (DioBlock *block);

unsigned dio_block_count_held (DioBlock *block);

/* ---- For implementations ---- */

void dio_block_init (DioBlock *block, const DioBlockOps *ops, uint64_t size, bool readonly);
void dio_block_clear (DioBlock *block);

/* Ends or holds a request. True when it ended. Loop thread. */
bool dio_block_complete (DioBlock *block, DioBlockRequest *request, int result);
