/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of raw images: data, bounds, host failures, locks, drain. */
#include "core/backend/block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/backend/block/block-create.h"
#include "core/base/base-error.h"
#include "core/file/file-ring.h"
#include "tests/support/files-fail.h"

#define KIB UINT64_C (1024)
#define MIB (KIB * 1024)

typedef struct {
  DioLoop *loop;
  DioPool *pool;
  char *folder;
  char *path;
} Fixture;

static bool
create_raw (const char *path, uint64_t size, GError **error)
{
  const DioBlockCreate create = { .format = "raw", .size = size };
  return dio_block_create (dio_files_host (), path, &create, error);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->loop = dio_loop_new ("test", &error);
  f->pool = dio_pool_new (3);
  f->folder = g_dir_make_tmp ("dio-block-XXXXXX", &error);
  g_assert_no_error (error);
  f->path = g_build_filename (f->folder, "disk.raw", NULL);
  g_assert_true (create_raw (f->path, 4 * MIB, &error));
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_loop_free (f->loop);
  dio_pool_free (f->pool);
  unlink (f->path);
  g_assert_cmpint (rmdir (f->folder), ==, 0);
  g_free (f->folder);
  g_free (f->path);
}

static DioBlock *
open_disk (Fixture *f, bool readonly)
{
  g_autoptr (GError) error = NULL;
  DioBlock *block =
      dio_block_open (dio_files_host (), f->path, "raw", readonly, f->loop, f->pool, &error);
  g_assert_no_error (error);
  return block;
}

/* ---- One request at a time ---- */

typedef struct {
  DioBlockRequest request;
  DioLoop *loop;
  int result;
} Sync;

static void
sync_done (DioBlockRequest *request, int result)
{
  Sync *sync = request->opaque;
  g_assert_true (dio_loop_is_current (sync->loop));
  sync->result = result;
}

static int
run (Fixture *f, DioBlock *block, DioBlockOp op, uint64_t offset, uint64_t length,
     const struct iovec *iov, int n_iov, bool unmap)
{
  Sync sync = { .loop = f->loop, .result = 12345 };
  sync.request =
      (DioBlockRequest){ op, offset, length, iov, n_iov, unmap, false, sync_done, &sync, NULL, 0 };
  dio_block_submit (block, &sync.request);
  dio_block_drain (block);
  g_assert_cmpint (sync.result, !=, 12345);
  return sync.result;
}

static int
run_flat (Fixture *f, DioBlock *block, DioBlockOp op, uint64_t offset, void *data, size_t length)
{
  struct iovec iov = { data, length };
  return run (f, block, op, offset, length, &iov, 1, false);
}

static void
test_data (Fixture *f, gconstpointer data)
{
  DioBlock *block = open_disk (f, false);
  uint8_t out[8192], in[8192];
  g_assert_cmpuint (block->size, ==, 4 * MIB);
  for (size_t i = 0; i < sizeof out; i++)
    out[i] = (uint8_t) (i * 13 + (i >> 8));

  /* Scattered, with empty pieces; many more pieces than one system call takes. */
  struct iovec pieces[200];
  size_t position = 0;
  int count = 0;
  while (position < sizeof out && count < 199) {
    size_t length = MIN ((size_t) (count % 5) * 37, sizeof out - position);
    pieces[count++] = (struct iovec){ out + position, length };
    position += length;
  }
  pieces[count++] = (struct iovec){ out + position, sizeof out - position };
  g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE, 1536, 8192, pieces, count, false), ==, 0);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 1536, in, 8192), ==, 0);
  g_assert_cmpmem (in, 8192, out, 8192);
  for (int i = 0; i < count; i++)
    pieces[i].iov_base = in + ((uint8_t *) pieces[i].iov_base - out);
  memset (in, 0, sizeof in);
  g_assert_cmpint (run (f, block, DIO_BLOCK_READ, 1536, 8192, pieces, count, false), ==, 0);
  g_assert_cmpmem (in, 8192, out, 8192);
  g_assert_cmpint (run (f, block, DIO_BLOCK_FLUSH, 0, 0, NULL, 0, false), ==, 0);
  dio_block_free (block);

  g_autofree char *text = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (f->path, &text, &length, NULL));
  g_assert_cmpuint (length, ==, 4 * MIB);
  g_assert_cmpmem (text + 1536, 8192, out, 8192);
}

static void
test_zeroes (Fixture *f, gconstpointer data)
{
  struct stat before, after;
  DioBlock *block = open_disk (f, false);
  g_autofree uint8_t *bytes = g_malloc (MIB);
  for (unsigned unmap = 0; unmap < 2; unmap++) {
    memset (bytes, 0xff, MIB);
    g_assert_cmpint (run_flat (f, block, DIO_BLOCK_WRITE, 0, bytes, MIB), ==, 0);
    g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE_ZEROES, 512, MIB - 1024, NULL, 0, unmap), ==,
                     0);
    g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 0, bytes, MIB), ==, 0);
    for (size_t i = 0; i < MIB; i++)
      g_assert_cmpuint (bytes[i], ==, i < 512 || i >= MIB - 512 ? 0xff : 0);
  }
  memset (bytes, 0xff, MIB);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_WRITE, 0, bytes, MIB), ==, 0);
  g_assert_cmpint (run (f, block, DIO_BLOCK_FLUSH, 0, 0, NULL, 0, false), ==, 0);
  g_assert_cmpint (stat (f->path, &before), ==, 0);
  g_assert_cmpint (run (f, block, DIO_BLOCK_DISCARD, 0, MIB, NULL, 0, false), ==, 0);
  g_assert_cmpint (run (f, block, DIO_BLOCK_DISCARD, 0, 0, NULL, 0, false), ==, 0);
  g_assert_cmpint (stat (f->path, &after), ==, 0);
  g_assert_cmpint (after.st_size, ==, before.st_size);
  g_assert_cmpint (after.st_blocks, <, before.st_blocks);
  dio_block_free (block);
}

static void
test_bounds (Fixture *f, gconstpointer data)
{
  static const struct {
    uint64_t offset, length;
  } outside[] = {
    { 4 * MIB, 512 },     { 4 * MIB - 512, 1024 }, { UINT64_MAX, 1 },  { UINT64_MAX - 511, 512 },
    { 0, 4 * MIB + 512 }, { 0, UINT64_MAX },       { INT64_MAX, 512 },
  };
  static const DioBlockOp ops[] = { DIO_BLOCK_READ, DIO_BLOCK_WRITE, DIO_BLOCK_DISCARD,
                                    DIO_BLOCK_WRITE_ZEROES };
  uint8_t bytes[2048] = { 0 };
  struct iovec iov = { bytes, 1024 };
  DioBlock *block = open_disk (f, false);
  for (size_t i = 0; i < G_N_ELEMENTS (outside); i++)
    for (size_t j = 0; j < G_N_ELEMENTS (ops); j++)
      g_assert_cmpint (run (f, block, ops[j], outside[i].offset, outside[i].length, &iov, 1, true),
                       ==, -EINVAL);
  /* A length that is not that of the memory. */
  g_assert_cmpint (run (f, block, DIO_BLOCK_READ, 0, 512, &iov, 1, false), ==, -EINVAL);
  g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE, 0, 2048, &iov, 1, false), ==, -EINVAL);
  g_assert_cmpint (run (f, block, (DioBlockOp) 77, 0, 512, &iov, 1, false), ==, -EINVAL);
  dio_block_free (block);

  block = open_disk (f, true);
  g_assert_true (block->readonly);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 0, bytes, 512), ==, 0);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_WRITE, 0, bytes, 512), ==, -EROFS);
  g_assert_cmpint (run (f, block, DIO_BLOCK_DISCARD, 0, 512, NULL, 0, false), ==, -EROFS);
  g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE_ZEROES, 0, 512, NULL, 0, true), ==, -EROFS);
  dio_block_free (block);
}

/* An image that ends within a sector reads zeros there; one that was cut is an error. */
static void
test_odd_sizes (Fixture *f, gconstpointer data)
{
  uint8_t bytes[1024];
  g_assert_cmpint (truncate (f->path, 1000), ==, 0);
  DioBlock *block = open_disk (f, true);
  g_assert_cmpuint (block->size, ==, 1024);
  memset (bytes, 0xff, sizeof bytes);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 0, bytes, 1024), ==, 0);
  g_assert_cmpuint (bytes[1023], ==, 0);
  g_assert_cmpint (truncate (f->path, 600), ==, 0);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 0, bytes, 1024), ==, -EIO);
  dio_block_free (block);
}

/* ---- Failures of the host ---- */

/* Makes the calls of @op fail from now on; @error of 0 ends that. */
static void
make_fail (FilesFail *fail, DioFileOp op, FilesFailHow how, int error)
{
  fail->ops = FILES_OP (op);
  fail->how = how;
  fail->error = error;
  fail->nth = error ? 1 : 0;
  fail->for_ever = true;
  fail->count = 0;
}

static void
test_faults (Fixture *f, gconstpointer data)
{
  FilesFail fail;
  g_autoptr (GError) error = NULL;
  uint8_t out[4096], in[4096];
  memset (out, 0x77, sizeof out);
  files_fail_init (&fail, dio_files_host ());
  DioBlock *block = dio_block_open (&fail.files, f->path, "raw", false, f->loop, f->pool, &error);
  g_assert_no_error (error);

  make_fail (&fail, DIO_FILE_OP_READ, FILES_FAIL, EIO);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 0, in, 4096), ==, -EIO);
  make_fail (&fail, DIO_FILE_OP_WRITE, FILES_FAIL, ENOSPC);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_WRITE, 0, out, 4096), ==, -ENOSPC);

  /* Short calls are none of the guest's business. */
  make_fail (&fail, DIO_FILE_OP_WRITE, FILES_FAIL_SHORT, EIO);
  struct iovec pieces[] = { { out, 1 }, { out + 1, 4000 }, { out + 4001, 95 } };
  g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE, 8192, 4096, pieces, 3, false), ==, 0);
  g_assert_cmpuint (fail.failed, >, 3);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 8192, in, 4096), ==, 0);
  g_assert_cmpmem (in, 4096, out, 4096);

  /* A file system that cannot make zeros gets them written. */
  make_fail (&fail, DIO_FILE_OP_ALLOCATE, FILES_FAIL, EOPNOTSUPP);
  g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE_ZEROES, 8192, MIB, NULL, 0, true), ==, 0);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 8192, in, 4096), ==, 0);
  for (unsigned i = 0; i < 4096; i++)
    g_assert_cmpuint (in[i], ==, 0);
  g_assert_cmpint (run (f, block, DIO_BLOCK_DISCARD, 0, 4096, NULL, 0, false), ==, 0);
  make_fail (&fail, DIO_FILE_OP_ALLOCATE, FILES_FAIL, EIO);
  g_assert_cmpint (run (f, block, DIO_BLOCK_DISCARD, 0, 4096, NULL, 0, false), ==, -EIO);
  g_assert_cmpint (run (f, block, DIO_BLOCK_WRITE_ZEROES, 0, 4096, NULL, 0, true), ==, -EIO);

  /* A failed flush is never followed by one that claims that all is well. */
  g_assert_cmpint (run (f, block, DIO_BLOCK_FLUSH, 0, 0, NULL, 0, false), ==, 0);
  make_fail (&fail, DIO_FILE_OP_DATASYNC, FILES_FAIL, ENOSPC);
  g_assert_cmpint (run (f, block, DIO_BLOCK_FLUSH, 0, 0, NULL, 0, false), ==, -ENOSPC);
  make_fail (&fail, DIO_FILE_OP_DATASYNC, FILES_FAIL, 0);
  g_assert_cmpint (run (f, block, DIO_BLOCK_FLUSH, 0, 0, NULL, 0, false), ==, -EIO);
  g_assert_cmpuint (fail.count, ==, 0);
  dio_block_free (block);
}

/* ---- Many requests ---- */

typedef struct {
  DioBlockRequest request;
  struct iovec iov;
  uint8_t bytes[512];
  _Atomic unsigned *done;
} Small;

static void
small_done (DioBlockRequest *request, int result)
{
  Small *small = request->opaque;
  g_assert_cmpint (result, ==, 0);
  atomic_fetch_add (small->done, 1);
}

static void
test_many (Fixture *f, gconstpointer data)
{
  enum { COUNT = 2000 };
  DioBlock *block = open_disk (f, false);
  g_autofree Small *smalls = g_new0 (Small, COUNT);
  _Atomic unsigned done = 0;
  for (unsigned pass = 0; pass < 2; pass++) {
    for (unsigned i = 0; i < COUNT; i++) {
      Small *small = &smalls[i];
      memset (small->bytes, pass ? 0 : (int) (i % 251), sizeof small->bytes);
      small->iov = (struct iovec){ small->bytes, sizeof small->bytes };
      small->done = &done;
      small->request = (DioBlockRequest){ .op = pass ? DIO_BLOCK_READ : DIO_BLOCK_WRITE,
                                          .offset = i * 512,
                                          .length = 512,
                                          .iov = &small->iov,
                                          .n_iov = 1,
                                          .done = small_done,
                                          .opaque = small };
      dio_block_submit (block, &small->request);
    }
    dio_block_drain (block);
    g_assert_cmpuint (done, ==, COUNT * (pass + 1));
  }
  for (unsigned i = 0; i < COUNT; i++)
    g_assert_cmpuint (smalls[i].bytes[i % 512], ==, i % 251);

  /* Freeing waits for what is in flight. */
  for (unsigned i = 0; i < COUNT; i++)
    dio_block_submit (block, &smalls[i].request);
  dio_block_free (block);
  g_assert_cmpuint (done, ==, COUNT * 3);
}

/* ---- Limits and trouble ---- */

/* Requests beyond the limit wait, in order, and come all the same. */
static void
test_limits (Fixture *f, gconstpointer data)
{
  enum { COUNT = 40 };
  static const DioBlockLimits none = { 0 }, few = { .operations = 200 }, bytes = { .bytes = 1 };
  DioBlock *block = open_disk (f, false);
  g_autofree Small *smalls = g_new0 (Small, COUNT);
  _Atomic unsigned done = 0;
  dio_block_set_limits (block, &few);
  gint64 start = g_get_monotonic_time ();
  for (unsigned i = 0; i < COUNT; i++) {
    Small *small = &smalls[i];
    small->iov = (struct iovec){ small->bytes, sizeof small->bytes };
    small->done = &done;
    small->request = (DioBlockRequest){ .op = DIO_BLOCK_WRITE,
                                        .offset = i * 512,
                                        .length = 512,
                                        .iov = &small->iov,
                                        .n_iov = 1,
                                        .fua = i % 2,
                                        .done = small_done,
                                        .opaque = small };
    dio_block_submit (block, &small->request);
  }
  dio_block_drain (block);
  g_assert_cmpuint (done, ==, COUNT);
  /* Twenty at once, twenty more at 200 per second. */
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 80000);

  /* A new limit counts at once for what waits. */
  dio_block_set_limits (block, &bytes);
  for (unsigned i = 0; i < COUNT; i++)
    dio_block_submit (block, &smalls[i].request);
  g_usleep (20000);
  g_assert_cmpuint (done, <, COUNT + 5);
  dio_block_set_limits (block, &none);
  dio_block_drain (block);
  g_assert_cmpuint (done, ==, COUNT * 2);

  /* Nor does what waits keep anybody who is in a hurry; and that is not made up for later. */
  dio_block_set_limits (block, &bytes);
  for (unsigned i = 0; i < COUNT; i++)
    dio_block_submit (block, &smalls[i].request);
  dio_block_set_urgent (block, true);
  dio_block_drain (block);
  g_assert_cmpuint (done, ==, COUNT * 3);
  dio_block_set_urgent (block, false);
  dio_block_set_limits (block, &few);
  dio_block_submit (block, &smalls[0].request);
  dio_block_drain (block);
  dio_block_set_limits (block, &bytes);
  for (unsigned i = 0; i < COUNT; i++)
    dio_block_submit (block, &smalls[i].request);
  dio_block_free (block);
  g_assert_cmpuint (done, ==, COUNT * 4 + 1);
}

typedef struct {
  _Atomic unsigned troubles;
  int result;
  DioBlockOp op;
} Trouble;

static void
trouble_cb (DioBlock *block, DioBlockOp op, int result, void *data)
{
  Trouble *trouble = data;
  trouble->op = op;
  trouble->result = result;
  trouble->troubles++;
}

static void
count_done (DioBlockRequest *request, int result)
{
  if (result < 0)
    *(int *) request->opaque = result;
  else
    ++*(int *) request->opaque;
}

/* What the host cannot do is held, done later or given up. */
static void
test_trouble (Fixture *f, gconstpointer data)
{
  FilesFail fail;
  Trouble trouble = { 0 };
  uint8_t bytes[512] = { 1 };
  struct iovec iov = { bytes, 512 };
  int done = 0;
  files_fail_init (&fail, dio_files_host ());
  DioBlock *block = dio_block_open (&fail.files, f->path, "raw", false, f->loop, f->pool, NULL);
  dio_block_set_trouble (block, trouble_cb, &trouble);
  DioBlockRequest request = { .op = DIO_BLOCK_WRITE,
                              .length = 512,
                              .iov = &iov,
                              .n_iov = 1,
                              .done = count_done,
                              .opaque = &done };
  make_fail (&fail, DIO_FILE_OP_WRITE, FILES_FAIL, ENOSPC);
  dio_block_submit (block, &request);
  dio_block_drain (block);
  g_assert_cmpint (done, ==, 0);
  g_assert_cmpuint (trouble.troubles, ==, 1);
  g_assert_cmpint (trouble.result, ==, -ENOSPC);
  g_assert_cmpuint (dio_block_count_held (block), ==, 1);
  dio_block_retry (block);
  dio_block_drain (block);
  g_assert_cmpuint (trouble.troubles, ==, 2);
  make_fail (&fail, DIO_FILE_OP_WRITE, FILES_FAIL, 0);
  dio_block_retry (block);
  dio_block_drain (block);
  g_assert_cmpint (done, ==, 1);
  g_assert_cmpuint (dio_block_count_held (block), ==, 0);

  /* The guest's own mistakes are told to the guest. */
  request.offset = 5 * MIB;
  dio_block_submit (block, &request);
  dio_block_drain (block);
  g_assert_cmpint (done, ==, -EINVAL);
  g_assert_cmpuint (trouble.troubles, ==, 2);

  request.offset = 0;
  make_fail (&fail, DIO_FILE_OP_WRITE, FILES_FAIL, EIO);
  dio_block_submit (block, &request);
  dio_block_drain (block);
  dio_block_free (block);
  g_assert_cmpint (done, ==, -EIO);
  g_assert_cmpuint (trouble.troubles, ==, 3);
}

/* ---- Opening ---- */

static void
expect_refused (Fixture *f, const char *path, const char *format, bool readonly, int code,
                const char *words)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (
      dio_block_open (dio_files_host (), path, format, readonly, f->loop, f->pool, &error));
  g_assert_error (error, DIO_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
  if (!strstr (error->message, words))
    g_error ("“%s” does not say “%s”", error->message, words);
}

static void
test_open (Fixture *f, gconstpointer data)
{
  g_autofree char *empty = g_build_filename (f->folder, "empty", NULL);
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  expect_refused (f, "/nowhere/disk", "raw", false, DIO_ERROR_NOT_FOUND, "could not be opened");
  expect_refused (f, f->path, "qcow2", false, DIO_ERROR_FORMAT, "not a qcow2");
  expect_refused (f, f->path, "qed", false, DIO_ERROR_UNSUPPORTED, "qcow2");
  expect_refused (f, f->path, NULL, false, DIO_ERROR_UNSUPPORTED, "raw");
  expect_refused (f, f->folder, "raw", true, DIO_ERROR_FORMAT, "not a disk image");
  expect_refused (f, "/dev/null", "raw", false, DIO_ERROR_FORMAT, "not a disk image");
  expect_refused (f, empty, "raw", true, DIO_ERROR_FORMAT, "empty");
  unlink (empty);

  g_autoptr (GError) error = NULL;
  g_assert_false (create_raw (f->path, MIB, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (create_raw ("/nowhere/disk", MIB, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (create_raw (empty, 1000, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  /* More than the file system takes, which for tmpfs would be any size: nothing is left behind. */
  struct rlimit before, limit;
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  limit = (struct rlimit){ 16 * MIB, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_false (create_raw (empty, 32 * MIB, &error));
  signal (SIGXFSZ, SIG_DFL);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NO_SPACE);
  g_assert_false (g_file_test (empty, G_FILE_TEST_EXISTS));

  struct stat status;
  g_assert_cmpint (stat (f->path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 0777, ==, 0600);
  g_assert_cmpint (status.st_blocks, <, 100);
}

/* Whether QEMU's tools agree to open the image. */
static bool
qemu_opens (Fixture *f, bool for_writing)
{
  g_autofree char *copy = g_build_filename (f->folder, "copy", NULL);
  const char *read_argv[] = { "qemu-img", "convert", "-f", "raw", f->path, copy, NULL };
  const char *write_argv[] = { "qemu-io", "-f", "raw", "-c", "write 0 512", f->path, NULL };
  int status = 0;
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;
  g_spawn_sync (NULL, (char **) (for_writing ? write_argv : read_argv), NULL, G_SPAWN_SEARCH_PATH,
                NULL, NULL, &output, &errors, &status, &error);
  g_assert_no_error (error);
  g_assert_true (status == 0 || strstr (errors, "lock"));
  unlink (copy);
  return status == 0;
}

static void
test_locks (Fixture *f, gconstpointer data)
{
  g_autofree char *qemu_io = g_find_program_in_path ("qemu-io");
  if (!qemu_io)
    g_test_message ("qemu-utils is not installed: only our own locks are tested");
  DioBlock *writer = open_disk (f, false);
  expect_refused (f, f->path, "raw", false, DIO_ERROR_BUSY, "in use");
  expect_refused (f, f->path, "raw", true, DIO_ERROR_BUSY, "in use");
  if (qemu_io) {
    g_assert_false (qemu_opens (f, true));
    g_assert_false (qemu_opens (f, false));
  }
  dio_block_free (writer);

  /* Readers share. */
  DioBlock *reader = open_disk (f, true);
  DioBlock *second = open_disk (f, true);
  expect_refused (f, f->path, "raw", false, DIO_ERROR_BUSY, "in use");
  if (qemu_io) {
    g_assert_false (qemu_opens (f, true));
    g_assert_true (qemu_opens (f, false));
  }
  dio_block_free (reader);
  dio_block_free (second);
  writer = open_disk (f, false);
  dio_block_free (writer);
  if (qemu_io)
    g_assert_true (qemu_opens (f, true));
}

/* ---- The ring ---- */

/* A layer that counts what comes each way. */
typedef struct {
  DioFiles files;
  _Atomic unsigned on_ring, on_pool;
} Ways;

static bool
is_transfer (const DioFileCall *call)
{
  return call->op == DIO_FILE_OP_READ || call->op == DIO_FILE_OP_WRITE;
}

static int64_t
ways_call (DioFiles *files, const DioFileCall *call)
{
  Ways *ways = (Ways *) files;
  atomic_fetch_add (&ways->on_pool, is_transfer (call));
  return files->below->call (files->below, call);
}

static bool
ways_intercept (DioFiles *files, const DioFileCall *call, int64_t *result)
{
  Ways *ways = (Ways *) files;
  atomic_fetch_add (&ways->on_ring, is_transfer (call));
  return false;
}

/* Where there is a ring, a small request alone goes there, and a long one to a worker, unless a
 * person chose the one or the other for all. */
static void
test_ways (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree uint8_t *bytes = g_malloc0 (MIB);
  Ways ways = { .files = { ways_call, dio_files_host (), ways_intercept } };
  DioFileRing *ring = dio_file_ring_new (&ways.files, 1);
  const char *wish = g_getenv ("DIORAMA_DISKS");
  bool always = g_strcmp0 (wish, "ring") == 0 && ring;
  bool never = g_strcmp0 (wish, "threads") == 0 || !ring;
  dio_file_ring_free (ring);

  DioBlock *block = dio_block_open (&ways.files, f->path, "raw", false, f->loop, f->pool, &error);
  g_assert_no_error (error);
  ways.on_ring = ways.on_pool = 0;
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_WRITE, 0, bytes, 4096), ==, 0);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_READ, 0, bytes, 65536), ==, 0);
  g_assert_cmpuint (ways.on_ring, ==, never ? 0 : 2);
  g_assert_cmpuint (ways.on_pool, ==, never ? 2 : 0);
  g_assert_cmpint (run_flat (f, block, DIO_BLOCK_WRITE, 0, bytes, MIB), ==, 0);
  g_assert_cmpuint (ways.on_ring, ==, never ? 0 : always ? 3 : 2);
  g_assert_cmpuint (ways.on_pool, ==, never ? 3 : always ? 0 : 1);
  dio_block_free (block);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add (name, Fixture, NULL, set_up, func, tear_down)
  ADD ("/core/backend/block/data", test_data);
  ADD ("/core/backend/block/zeroes", test_zeroes);
  ADD ("/core/backend/block/bounds", test_bounds);
  ADD ("/core/backend/block/odd-sizes", test_odd_sizes);
  ADD ("/core/backend/block/faults", test_faults);
  ADD ("/core/backend/block/many", test_many);
  ADD ("/core/backend/block/limits", test_limits);
  ADD ("/core/backend/block/trouble", test_trouble);
  ADD ("/core/backend/block/open", test_open);
  ADD ("/core/backend/block/locks", test_locks);
  ADD ("/core/backend/block/ways", test_ways);
#undef ADD
  return g_test_run ();
}
