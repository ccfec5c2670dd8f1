/* SPDX-License-Identifier: GPL-3.0-or-later
 * Every single call on files fails once, and for ever, in every way, in the middle of work on
 * images. The work says so or does not notice; afterwards the image has no error (lost clusters at
 * most), each sector is what it was before or after, and where the host is well again and no sync
 * has failed, the same work succeeds. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/backend/block/block-job.h"
#include "tests/core/backend/block/rig.h"
#include "tests/support/files-fail.h"

#define SIZE (MIB / 2)
#define PIECE (96 * KIB)

typedef struct {
  const char *name;
  int error;
  FilesFailHow how;
  bool for_ever;
} Fault;

static const Fault faults[] = {
  { "no space, once", ENOSPC, FILES_FAIL, false },
  { "an error, for ever", EIO, FILES_FAIL, true },
  { "a torn write", EIO, FILES_FAIL_TORN, false },
  { "a lost answer", EIO, FILES_FAIL_AFTER, false },
  { "short, for ever", 0, FILES_FAIL_SHORT, true },
  { "interrupted", EINTR, FILES_FAIL, false },
};

typedef struct {
  char *folder, *path, *base, *copy;
  const RigKind *kind;
  FilesFail fail;
  uint8_t *bytes; /* as promised */
  unsigned injections;
} Fixture;

static void
fixture_init (Fixture *f, const RigKind *kind)
{
  *f = (Fixture){ .kind = kind, .folder = rig_folder_new (), .bytes = g_malloc0 (SIZE) };
  f->path = g_build_filename (f->folder, "disk", NULL);
  f->base = g_build_filename (f->folder, "base", NULL);
  f->copy = g_build_filename (f->folder, "copy", NULL);
}

static void
fixture_clear (Fixture *f)
{
  g_test_message ("%u faults", f->injections);
  rig_folder_free (f->folder);
  g_free (f->path);
  g_free (f->base);
  g_free (f->copy);
  g_free (f->bytes);
}

/* A base with data everywhere, an overlay with some. */
static void
make_images (Fixture *f)
{
  RigKind overlay = *f->kind;
  overlay.create.backing = "base";
  overlay.create.backing_format = "qcow2";
  unlink (f->path);
  unlink (f->base);
  unlink (f->copy);
  memset (f->bytes, 0x11, SIZE);
  rig_create (dio_files_host (), f->base, f->kind, SIZE);
  DioBlockNode *node = rig_open (dio_files_host (), f->base, "qcow2", 0, NULL);
  g_assert_cmpint (dio_block_node_write (node, 0, f->bytes, SIZE), ==, 0);
  dio_block_node_close (node);
  rig_create (dio_files_host (), f->path, &overlay, SIZE);
  node = rig_open (dio_files_host (), f->base, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
  node = rig_open (dio_files_host (), f->path, "qcow2", 0, node);
  memset (f->bytes + 100 * KIB, 0x22, 50 * KIB);
  g_assert_cmpint (dio_block_node_write (node, 100 * KIB, f->bytes + 100 * KIB, 50 * KIB), ==, 0);
  dio_block_node_close (node);
}

/* Arms the @nth call. */
static void
arm (Fixture *f, const Fault *fault, unsigned nth)
{
  files_fail_init (&f->fail, dio_files_host ());
  f->fail.nth = nth;
  f->fail.error = fault->error;
  f->fail.how = fault->how;
  f->fail.for_ever = fault->for_ever;
}

static DioBlockNode *
open_chain (DioFiles *files, Fixture *f, DioBlockOpenFlags flags, DioBlockOpenFlags base_flags)
{
  DioBlockNode *base = dio_block_node_open (files, f->base, "qcow2", base_flags, NULL, NULL);
  return base ? dio_block_node_open (files, f->path, "qcow2", flags, base, NULL) : NULL;
}

/* Lazy counts may be wrong where the header says so. */
static void
recover (const char *path)
{
  DioQcow2Check check = { 0 };
  DioQcow2Info info;
  DioBlockNode *node = rig_open (dio_files_host (), path, "qcow2", DIO_BLOCK_OPEN_CHECK, NULL);
  dio_qcow2_get_info (node, &info);
  if (info.dirty)
    g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_ALL, &check, NULL, NULL, NULL));
  dio_block_node_close (node);
}

static void
judge_structure (const char *path, const char *what)
{
  DioQcow2Check check = { .text = g_string_new (NULL) };
  recover (path);
  DioBlockNode *node = rig_open (dio_files_host (), path, "qcow2",
                                 DIO_BLOCK_OPEN_READONLY | DIO_BLOCK_OPEN_CHECK, NULL);
  g_assert_true (dio_qcow2_check (node, DIO_QCOW2_REPAIR_NOTHING, &check, NULL, NULL, NULL));
  if (check.corruptions || check.errors)
    g_error ("%s: %s", what, check.text->str);
  g_string_free (check.text, TRUE);
  dio_block_node_close (node);
}

/* Each sector is old or new. */
static void
judge_bytes (Fixture *f, const uint8_t *new_bytes, const char *what)
{
  g_autofree uint8_t *got = g_malloc (SIZE);
  DioBlockNode *node =
      open_chain (dio_files_host (), f, DIO_BLOCK_OPEN_READONLY, DIO_BLOCK_OPEN_READONLY);
  g_assert_nonnull (node);
  g_assert_cmpint (dio_block_node_read (node, 0, got, SIZE), ==, 0);
  dio_block_node_close (node);
  for (uint64_t at = 0; at < SIZE; at += 512)
    if (memcmp (got + at, f->bytes + at, 512) != 0 && memcmp (got + at, new_bytes + at, 512) != 0)
      g_error ("%s: the sector at %" G_GUINT64_FORMAT " is neither old nor new", what, at);
}

static char *
describe (Fixture *f, const Fault *fault, unsigned nth)
{
  return g_strdup_printf ("%s, call %u: %s", f->kind->name, nth, fault->name);
}

/* ---- Writes ---- */

static int
change (DioBlockNode *node, const uint8_t *bytes)
{
  int result = dio_block_node_write (node, 80 * KIB, bytes + 80 * KIB, PIECE);
  if (result == 0)
    result = dio_block_node_write_zeroes (node, 300 * KIB, PIECE, true);
  if (result == 0)
    result = dio_block_node_flush (node);
  if (result == 0)
    result = dio_block_node_write (node, 450 * KIB + 512, bytes + 450 * KIB + 512, 3 * 512);
  if (result == 0)
    result = dio_block_node_flush (node);
  return result;
}

/* True when the fault was met. */
static bool
inject_write (Fixture *f, const Fault *fault, unsigned nth)
{
  g_autofree char *what = describe (f, fault, nth);
  g_autofree uint8_t *new_bytes = NULL;
  make_images (f);
  new_bytes = g_memdup2 (f->bytes, SIZE);
  memset (new_bytes + 80 * KIB, 0x33, PIECE);
  memset (new_bytes + 300 * KIB, 0, PIECE);
  memset (new_bytes + 450 * KIB + 512, 0x44, 3 * 512);
  arm (f, fault, nth);
  DioBlockNode *node = open_chain (&f->fail.files, f, 0, DIO_BLOCK_OPEN_READONLY);
  int result = node ? change (node, new_bytes) : -EIO;
  bool met = f->fail.failed > 0;
  f->fail.nth = 0;
  if (met && node && result < 0 && fault->error == ENOSPC && result == -ENOSPC)
    /* Space was made. Only a sync that has failed may not be forgotten. */
    result = change (node, new_bytes);
  if (fault->how == FILES_FAIL_SHORT || fault->error == EINTR)
    g_assert_cmpint (result, ==, 0);
  int closed = node ? dio_block_node_close (node) : 0;
  judge_structure (f->path, what);
  judge_structure (f->base, what);
  judge_bytes (f, new_bytes, what);
  if (node && result == 0 && closed == 0) {
    memcpy (f->bytes, new_bytes, SIZE); /* then it is all there */
    judge_bytes (f, new_bytes, what);
  }
  return met;
}

/* ---- Jobs ---- */

static bool
inject_merge (Fixture *f, const Fault *fault, unsigned nth)
{
  g_autofree char *what = describe (f, fault, nth);
  g_autoptr (GError) error = NULL;
  make_images (f);
  arm (f, fault, nth);
  DioBlockNode *node = open_chain (&f->fail.files, f, 0, 0);
  bool done = node && dio_block_merge (node, NULL, &error);
  bool met = f->fail.failed > 0;
  f->fail.nth = 0;
  if (node)
    dio_block_node_close (node);
  judge_structure (f->path, what);
  judge_structure (f->base, what);
  judge_bytes (f, f->bytes, what);
  if (done) {
    node = rig_open (dio_files_host (), f->base, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL);
    rig_compare (node, f->bytes);
    dio_block_node_close (node);
  }
  return met;
}

static unsigned
count_files (Fixture *f)
{
  unsigned count = 0;
  GDir *dir = g_dir_open (f->folder, 0, NULL);
  while (g_dir_read_name (dir))
    count++;
  g_dir_close (dir);
  return count;
}

static bool
inject_compact (Fixture *f, const Fault *fault, unsigned nth)
{
  g_autofree char *what = describe (f, fault, nth);
  g_autoptr (GError) error = NULL;
  make_images (f);
  arm (f, fault, nth);
  DioBlockNode *base =
      dio_block_node_open (&f->fail.files, f->base, "qcow2", DIO_BLOCK_OPEN_READONLY, NULL, NULL);
  if (base)
    dio_block_compact (&f->fail.files, f->path, "qcow2", base, NULL, &error);
  bool met = f->fail.failed > 0;
  judge_structure (f->path, what);
  judge_bytes (f, f->bytes, what);
  /* Where even the removal fails, the copy is left. */
  if (!fault->for_ever)
    g_assert_cmpuint (count_files (f), <=, 3);
  if (fault->how == FILES_FAIL_SHORT || fault->error == EINTR)
    g_assert_no_error (error);
  rig_folder_free (g_strdup (f->folder));
  g_assert_cmpint (g_mkdir (f->folder, 0700), ==, 0);
  return met;
}

static bool
inject_convert (Fixture *f, const Fault *fault, unsigned nth)
{
  const DioBlockCreate create = { .format = nth % 2 ? "raw" : "qcow2" };
  g_autofree char *what = describe (f, fault, nth);
  g_autoptr (GError) error = NULL;
  make_images (f);
  arm (f, fault, nth);
  DioBlockNode *node =
      open_chain (&f->fail.files, f, DIO_BLOCK_OPEN_READONLY, DIO_BLOCK_OPEN_READONLY);
  bool done = node && dio_block_convert (node, f->copy, &create, NULL, &error);
  bool met = f->fail.failed > 0;
  if (node)
    dio_block_node_close (node);
  judge_bytes (f, f->bytes, what);
  if (done) {
    node = rig_open (dio_files_host (), f->copy, create.format, DIO_BLOCK_OPEN_READONLY, NULL);
    rig_compare (node, f->bytes);
    dio_block_node_close (node);
  } else if (node) {
    g_assert_nonnull (error);
  }
  rig_folder_free (g_strdup (f->folder));
  g_assert_cmpint (g_mkdir (f->folder, 0700), ==, 0);
  return met;
}

/* ---- All of it ---- */

typedef bool (*Inject) (Fixture *f, const Fault *fault, unsigned nth);

typedef struct {
  Inject inject;
  const RigKind *kind;
} Case;

static void
test_faults (gconstpointer data)
{
  const Case *test = data;
  Fixture f;
  fixture_init (&f, test->kind);
  for (size_t i = 0; i < G_N_ELEMENTS (faults); i++)
    for (unsigned nth = 1; test->inject (&f, &faults[i], nth); nth++)
      f.injections++;
  g_assert_cmpuint (f.injections, >, 100);
  fixture_clear (&f);
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    Inject inject;
  } works[] = {
    { "write", inject_write },
    { "merge", inject_merge },
    { "compact", inject_compact },
    { "convert", inject_convert },
  };
  if (g_access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", FALSE);
  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (works); i++)
    for (const RigKind *kind = rig_kinds; kind->name; kind++) {
      /* The smallest clusters make the most calls of the same; one kind of these is enough. */
      if (kind->create.cluster_size == 512 && works[i].inject != inject_write)
        continue;
      Case *test = g_new (Case, 1);
      *test = (Case){ works[i].inject, kind };
      g_autofree char *name =
          g_strdup_printf ("/core/backend/block/fault/%s/%s", works[i].name, kind->name);
      g_test_add_data_func_full (name, test, test_faults, g_free);
    }
  return g_test_run ();
}
