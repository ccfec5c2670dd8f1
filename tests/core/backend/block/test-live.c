/* SPDX-License-Identifier: GPL-3.0-or-later
 * Merging within a chain that is in use: requests go on all the time, at random, and what is read
 * is compared with a model in memory; whatever fails, the disk stays what it is. */
#include "core/backend/block/block-live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "tests/core/backend/block/rig.h"
#include "tests/support/files-fail.h"

#define SIZE (3 * MIB)
#define N 5     /* images of the chain */
#define BATCH 6 /* requests at a time, each in its own part of the disk */
#define MOST (96 * KIB)

/* A chain of the kinds: names are those of rig_kinds, or "raw". */
typedef struct {
  const char *name;
  const char *kinds[N];
} Chain;

static const Chain chains[] = {
  { "raw", { "raw", "plain", "plain", "plain", "plain" } },
  { "mixed", { "tiny", "plain", "v2", "large", "plain" } },
  { "packed", { "large", "extended", "lazy", "v2", "tiny" } },
};

typedef struct {
  const Chain *chain;
  char *folder;
  char *paths[N];
  DioFiles *files;
  DioLoop *loop;
  DioPool *pool;
  DioBlock *block;
  RigModel model;
  unsigned requests;
  /* Of the merge. */
  GThread *thread;
  _Atomic bool over;
  unsigned sleep_us, cancel_at, calls;
  bool refuse, removes;
  unsigned upper;
  bool good;
  GError *error;
} Live;

static const RigKind *
kind_of (const char *name)
{
  static const RigKind others[] = {
    { "raw", { .format = "raw" } },
    { "large", { .format = "qcow2", .cluster_size = 262144 } },
  };
  for (const RigKind *kind = rig_kinds; kind->name; kind++)
    if (strcmp (kind->name, name) == 0)
      return kind;
  return &others[strcmp (name, "large") == 0];
}

static const char *
format_of (const Live *live, unsigned i)
{
  return kind_of (live->chain->kinds[i])->create.format;
}

static DioBlockNode *
open_chain (Live *live, DioFiles *files, unsigned skipped)
{
  g_autoptr (GError) error = NULL;
  DioBlockImage images[N];
  unsigned n = 0;
  for (unsigned i = 0; i < N; i++)
    if (i == 0 || i > skipped)
      images[n++] = (DioBlockImage){ live->paths[i], (char *) format_of (live, i) };
  DioBlockNode *node = dio_block_node_open_chain (files, images, n, 0, &error);
  g_assert_no_error (error);
  return node;
}

/* Each image has something of its own. */
static void
make_chain (Live *live)
{
  DioFiles *host = dio_files_host ();
  for (unsigned i = 0; i < N; i++) {
    RigKind kind = *kind_of (live->chain->kinds[i]);
    g_autofree char *below = i ? g_path_get_basename (live->paths[i - 1]) : NULL;
    kind.create.backing = below;
    kind.create.backing_format = i ? format_of (live, i - 1) : NULL;
    rig_create (host, live->paths[i], &kind, SIZE);
    DioBlockNode *node = NULL;
    for (unsigned j = 0; j <= i; j++)
      node = rig_open (host, live->paths[j], format_of (live, j),
                       j < i ? DIO_BLOCK_OPEN_READONLY : 0, node);
    live->model.node = node;
    for (unsigned change = 0; change < 25; change++) {
      uint64_t offset, length;
      g_assert_cmpint (rig_change (&live->model, &offset, &length), ==, 0);
    }
    g_assert_cmpint (dio_block_node_close (node), ==, 0);
  }
}

/* Clusters that are given back when they are written. */
static void
pack_lowest (Live *live)
{
  g_autofree char *packed = g_strconcat (live->paths[0], ".packed", NULL);
  g_assert_cmpint (rig_run (NULL, "qemu-img", "convert", "-c", "-f", "qcow2", "-O", "qcow2", "-o",
                            "cluster_size=256K", live->paths[0], packed, NULL),
                   ==, 0);
  g_assert_cmpint (rename (packed, live->paths[0]), ==, 0);
}

static void
set_up (Live *live, gconstpointer data, DioFiles *files)
{
  g_autoptr (GError) error = NULL;
  *live = (Live){ .chain = data, .files = files, .folder = rig_folder_new (), .removes = true };
  for (unsigned i = 0; i < N; i++) {
    g_autofree char *name = g_strdup_printf ("image%u", i);
    live->paths[i] = g_build_filename (live->folder, name, NULL);
  }
  live->model = (RigModel){ .bytes = g_malloc0 (SIZE), .most = 200 * KIB };
  live->model.random = g_rand_new_with_seed (g_test_rand_int ());
  make_chain (live);
  if (strcmp (live->chain->name, "packed") == 0)
    pack_lowest (live);
  live->loop = dio_loop_new ("test", &error);
  live->pool = dio_pool_new (3);
  live->block = dio_block_new (open_chain (live, files, 0), live->loop, live->pool);
}

static void
close_block (Live *live)
{
  dio_block_free (live->block);
  live->block = NULL;
}

static void
tear_down (Live *live)
{
  if (live->block)
    close_block (live);
  dio_loop_free (live->loop);
  dio_pool_free (live->pool);
  for (unsigned i = 0; i < N; i++)
    g_free (live->paths[i]);
  g_rand_free (live->model.random);
  g_free (live->model.bytes);
  rig_folder_free (live->folder);
}

/* ---- What the guest does ---- */

typedef struct {
  DioBlockRequest request;
  struct iovec iov;
  uint8_t *data;
  int result;
} Sent;

static void
done_cb (DioBlockRequest *request, int result)
{
  ((Sent *) request->opaque)->result = result;
}

static void
send_one (Live *live, Sent *sent, unsigned part)
{
  GRand *random = live->model.random;
  uint64_t room = SIZE / BATCH;
  uint64_t length = (1 + (uint64_t) g_rand_int_range (random, 0, MOST / 512)) * 512;
  uint64_t start = (uint64_t) g_rand_int_range (random, 0, (int) ((room - length) / 512 + 1)) * 512;
  static const DioBlockOp ops[] = { DIO_BLOCK_READ,  DIO_BLOCK_READ,  DIO_BLOCK_READ,
                                    DIO_BLOCK_WRITE, DIO_BLOCK_WRITE, DIO_BLOCK_WRITE_ZEROES,
                                    DIO_BLOCK_FLUSH };
  *sent = (Sent){ .data = g_malloc (length), .result = 1 };
  sent->iov = (struct iovec){ sent->data, length };
  memset (sent->data, g_rand_int_range (random, 0, 256), length);
  sent->request = (DioBlockRequest){
    .op = ops[g_rand_int_range (random, 0, G_N_ELEMENTS (ops))],
    .offset = part * room + start,
    .length = length,
    .iov = &sent->iov,
    .n_iov = 1,
    .unmap = g_rand_boolean (random),
    .done = done_cb,
    .opaque = sent,
  };
  if (sent->request.op == DIO_BLOCK_FLUSH)
    sent->request.length = 0;
  dio_block_submit (live->block, &sent->request);
}

static void
judge_one (Live *live, Sent *sent)
{
  uint8_t *bytes = live->model.bytes + sent->request.offset;
  size_t length = sent->iov.iov_len;
  g_assert_cmpint (sent->result, ==, 0);
  if (sent->request.op == DIO_BLOCK_READ)
    g_assert_true (memcmp (bytes, sent->data, length) == 0);
  else if (sent->request.op == DIO_BLOCK_WRITE)
    memcpy (bytes, sent->data, length);
  else if (sent->request.op == DIO_BLOCK_WRITE_ZEROES)
    memset (bytes, 0, length);
  g_free (sent->data);
}

static void
use (Live *live)
{
  Sent sent[BATCH];
  for (unsigned i = 0; i < BATCH; i++)
    send_one (live, &sent[i], i);
  dio_block_drain (live->block);
  for (unsigned i = 0; i < BATCH; i++)
    judge_one (live, &sent[i]);
  live->requests += BATCH;
}

/* ---- The merge, in a thread of its own ---- */

static bool
progress_cb (uint64_t done, uint64_t total, void *data)
{
  Live *live = data;
  g_usleep (live->sleep_us);
  return ++live->calls != live->cancel_at;
}

static bool
merged_cb (void *data, GError **error)
{
  Live *live = data;
  if (live->refuse) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_IO, "no");
    return false;
  }
  if (live->removes)
    g_assert_cmpint (unlink (live->paths[live->upper]), ==, 0);
  return true;
}

static gpointer
merge_thread (gpointer data)
{
  Live *live = data;
  const DioBlockJob job = { progress_cb, live };
  live->calls = 0;
  live->good = dio_block_merge_live (live->block, live->paths[live->upper], &job, merged_cb, live,
                                     &live->error);
  dio_block_give_back (live->block);
  live->over = true;
  return NULL;
}

static void
start_merge (Live *live, unsigned upper)
{
  live->upper = upper;
  live->over = false;
  g_clear_error (&live->error);
  dio_block_lend (live->block);
  live->thread = g_thread_new ("merge", merge_thread, live);
}

static unsigned
count_chain (Live *live)
{
  unsigned n = 0;
  for (DioBlockNode *node = dio_block_get_node (live->block); node; node = node->backing)
    n++;
  return n;
}

/* ---- Tests ---- */

static void
test_random (gconstpointer data)
{
  Live live;
  set_up (&live, data, dio_files_host ());
  live.sleep_us = 300;
  unsigned during = 0;
  for (unsigned upper = 1; upper < N - 1; upper++) {
    start_merge (&live, upper);
    for (unsigned before = live.requests; !live.over;
         during += live.requests - before, before = live.requests)
      use (&live);
    g_thread_join (live.thread);
    g_assert_no_error (live.error);
    g_assert_true (live.good);
    g_assert_cmpuint (count_chain (&live), ==, N - upper);
    g_assert_true (dio_block_get_node (live.block)->backing->readonly);
    rig_compare (dio_block_get_node (live.block), live.model.bytes);
  }
  g_test_message ("%u requests during merges", during);
  g_assert_cmpuint (during, >, 20);
  /* The one that is written is not merged. */
  g_assert_false (dio_block_can_merge_live (live.block, live.paths[N - 1]));
  g_assert_false (dio_block_can_merge_live (live.block, live.paths[0]));
  for (unsigned i = 0; i < 20; i++)
    use (&live);
  close_block (&live);
  DioBlockNode *node = open_chain (&live, dio_files_host (), N - 2);
  rig_compare (node, live.model.bytes);
  g_assert_cmpint (dio_block_node_close (node), ==, 0);
  if (strcmp (format_of (&live, 0), "qcow2") == 0)
    rig_check_clean (live.paths[0]);
  tear_down (&live);
}

/* Cut off by the caller, or by who keeps the tree: all is as before, and it can be done again. */
static void
test_cut_off (gconstpointer data)
{
  Live live;
  set_up (&live, data, dio_files_host ());
  for (unsigned i = 0; i < 6; i++) {
    live.cancel_at = i < 5 ? 1 + i * 3 : 0;
    live.refuse = i == 5;
    start_merge (&live, 2);
    while (!live.over)
      use (&live);
    g_thread_join (live.thread);
    g_assert_error (live.error, DIO_ERROR, (i < 5 ? DIO_ERROR_CANCELLED : DIO_ERROR_IO));
    g_assert_cmpuint (count_chain (&live), ==, N);
    rig_compare (dio_block_get_node (live.block), live.model.bytes);
    for (DioBlockNode *node = dio_block_get_node (live.block)->backing; node; node = node->backing)
      g_assert_true (node->readonly);
  }
  live.refuse = false;
  start_merge (&live, 2);
  g_thread_join (live.thread);
  g_assert_no_error (live.error);
  g_assert_cmpuint (count_chain (&live), ==, N - 1);
  rig_compare (dio_block_get_node (live.block), live.model.bytes);
  tear_down (&live);
}

/* The machine is turned off in the middle of it. */
static void
test_end (gconstpointer data)
{
  Live live;
  set_up (&live, data, dio_files_host ());
  live.sleep_us = 50000;
  start_merge (&live, 1);
  g_usleep (20000);
  close_block (&live);
  g_thread_join (live.thread);
  g_assert_error (live.error, DIO_ERROR, DIO_ERROR_CANCELLED);
  g_clear_error (&live.error);
  DioBlockNode *node = open_chain (&live, dio_files_host (), 0);
  rig_compare (node, live.model.bytes);
  dio_block_node_close (node);
  tear_down (&live);
}

/* Each call of it fails once. */
static void
test_failing_calls (gconstpointer data)
{
  FilesFail fail;
  Live live;
  unsigned failures = 0;
  /* A close or an unlock that does nothing is none that there is. */
  const uint64_t ops = ~(FILES_OP (DIO_FILE_OP_CLOSE) | FILES_OP (DIO_FILE_OP_LOCK));
  files_fail_init (&fail, dio_files_host ());
  set_up (&live, data, &fail.files);
  live.refuse = true; /* so that the chain stays long */
  for (unsigned nth = 1;; nth += 1 + nth / 16) {
    fail = (FilesFail){ fail.files, .ops = ops, .nth = nth, .error = nth % 2 ? EIO : ENOSPC };
    start_merge (&live, 2);
    g_thread_join (live.thread);
    fail.nth = 0;
    g_assert_false (live.good);
    failures += fail.failed;
    g_assert_cmpuint (count_chain (&live), ==, N);
    rig_compare (dio_block_get_node (live.block), live.model.bytes);
    use (&live);
    if (!fail.failed)
      break;
  }
  g_test_message ("%u failures", failures);
  g_assert_cmpuint (failures, >, 20);
  live.refuse = false;
  start_merge (&live, 2);
  g_thread_join (live.thread);
  g_assert_no_error (live.error);
  rig_compare (dio_block_get_node (live.block), live.model.bytes);
  tear_down (&live);
}

/* Somebody else uses the lower image. */
static void
test_busy (gconstpointer data)
{
  Live live;
  set_up (&live, data, dio_files_host ());
  DioBlockNode *other = rig_open (dio_files_host (), live.paths[0], format_of (&live, 0),
                                  DIO_BLOCK_OPEN_READONLY, NULL);
  start_merge (&live, 1);
  g_thread_join (live.thread);
  g_assert_error (live.error, DIO_ERROR, DIO_ERROR_BUSY);
  dio_block_node_close (other);
  use (&live);
  start_merge (&live, 1);
  g_thread_join (live.thread);
  g_assert_no_error (live.error);
  tear_down (&live);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    GTestDataFunc func;
  } tests[] = {
    { "random", test_random }, { "cut-off", test_cut_off },
    { "end", test_end },       { "failing-calls", test_failing_calls },
    { "busy", test_busy },
  };
  if (access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (chains); i++)
    for (size_t j = 0; j < G_N_ELEMENTS (tests); j++) {
      g_autofree char *name =
          g_strdup_printf ("/core/backend/block/live/%s/%s", tests[j].name, chains[i].name);
      g_test_add_data_func (name, &chains[i], tests[j].func);
    }
  return g_test_run ();
}
