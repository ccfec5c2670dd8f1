/* SPDX-License-Identifier: GPL-3.0-or-later
 * States of single devices that earlier versions saved, in tests/hw/kept: each still loads, and
 * what the device then answers is what it answered then. A device whose state gets another version
 * gets another file: test-state-kept --keep FOLDER writes those that are missing, and what is there
 * is never written again. A file is text: the state as SIZE ZLIB-IN-BASE64, and for each register
 * that was read a line of REGION OFFSET WIDTH VALUE in hexadecimal. */
#include <string.h>
#include <zlib.h>

#include "hw/hw.h"
#include "tests/hw/state-rig.h"

#define SCRAMBLES 3000
#define REGISTERS 256 /* of a device, about */
/* Nanoseconds in two registers: the upper one changes, too. */
#define KEEP_US (5 * G_USEC_PER_SEC)

typedef struct {
  unsigned region;
  uint64_t offset;
  unsigned width;
  uint64_t value;
} Register;

typedef struct {
  const DioDeviceType *type; /* NULL: there is none any more */
  char *path;
} Kept;

static char *
pack (GBytes *state)
{
  uLong size = g_bytes_get_size (state), length = compressBound (size);
  g_autofree Bytef *packed = g_malloc (length);
  g_assert_cmpint (compress2 (packed, &length, g_bytes_get_data (state, NULL), size, 9), ==, Z_OK);
  g_autofree char *base64 = g_base64_encode (packed, length);
  return g_strdup_printf ("%lu %s\n", size, base64);
}

static GBytes *
unpack (const char *text)
{
  char *base64;
  uLong size = g_ascii_strtoull (text, &base64, 10);
  gsize length;
  g_autofree guchar *packed = g_base64_decode (base64, &length);
  guchar *state = g_malloc (size);
  g_assert_cmpint (uncompress (state, &size, packed, length), ==, Z_OK);
  return g_bytes_new_take (state, size);
}

static GBytes *
load_file (const char *path, GArray *registers)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (char **line = lines + 1; *line && **line; line++) {
    g_auto (GStrv) words = g_strsplit (*line, " ", -1);
    g_assert_cmpuint (g_strv_length (words), ==, 4);
    Register reg = {
      .region = (unsigned) g_ascii_strtoull (words[0], NULL, 16),
      .offset = g_ascii_strtoull (words[1], NULL, 16),
      .width = (unsigned) g_ascii_strtoull (words[2], NULL, 16),
      .value = g_ascii_strtoull (words[3], NULL, 16),
    };
    g_array_append_val (registers, reg);
  }
  return unpack (lines[0]);
}

static void
read_region (StateRig *rig, const StateRegion *region, GArray *registers)
{
  for (unsigned i = 0; i < STATE_PAGES; i++) {
    uint64_t page = state_rig_page (i, region->size);
    for (uint64_t offset = page; page != UINT64_MAX && offset < MIN (page + 0x100, region->size);
         offset += region->width) {
      Register reg = { (unsigned) region->which, offset, (unsigned) region->width,
                       dio_hw_bench_read (rig->bench, region->base + offset,
                                          (unsigned) region->width) };
      g_array_append_val (registers, reg);
    }
  }
}

/* Always all: what some answer depends on what was read before. */
static GArray *
read_all (StateRig *rig)
{
  GArray *registers = g_array_new (FALSE, FALSE, sizeof (Register));
  StateRegion regions[STATE_REGIONS];
  unsigned n = state_rig_regions (rig, regions);
  for (unsigned i = 0; i < n; i++)
    read_region (rig, &regions[i], registers);
  return registers;
}

static bool
is_same (const Register *one, const Register *two)
{
  return one->region == two->region && one->offset == two->offset && one->width == two->width;
}

static void
test_kept (gconstpointer data)
{
  const Kept *kept = data;
  g_autoptr (GArray) registers = g_array_new (FALSE, FALSE, sizeof (Register));
  g_autoptr (GBytes) state = load_file (kept->path, registers);
  g_assert_nonnull (kept->type);
  StateRig rig = state_rig_new (kept->type);
  g_assert_true (state_rig_load (&rig, state));
  g_autoptr (GArray) now = read_all (&rig);
  for (guint i = 0, at = 0; i < registers->len; i++, at++) {
    const Register *then = &g_array_index (registers, Register, i);
    while (at < now->len && !is_same (then, &g_array_index (now, Register, at)))
      at++;
    g_assert_cmpuint (at, <, now->len);
    uint64_t value = g_array_index (now, Register, at).value;
    if (value != then->value)
      g_test_message ("region %u, offset 0x%x", then->region, (unsigned) then->offset);
    g_assert_cmphex (value, ==, then->value);
  }
  /* And it goes on from there. */
  g_autoptr (GBytes) again = state_rig_save (&rig);
  g_assert_true (state_rig_load (&rig, again));
  state_rig_free (&rig);
}

/* ---- Keeping ---- */

/* What both say of a state, seconds apart, that is not nothing: what differs is time. */
static void
keep (const DioDeviceType *type, const char *path)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());
  StateRig rigs[3];
  for (unsigned i = 0; i < G_N_ELEMENTS (rigs); i++)
    rigs[i] = state_rig_new (type);
  state_rig_scramble (&rigs[0], rand, SCRAMBLES);
  g_autoptr (GBytes) state = state_rig_save (&rigs[0]);
  g_assert_true (state_rig_load (&rigs[1], state));
  g_assert_true (state_rig_load (&rigs[2], state));
  g_autoptr (GArray) first = read_all (&rigs[1]);
  g_usleep (KEEP_US);
  g_autoptr (GArray) second = read_all (&rigs[2]);
  g_assert_cmpuint (first->len, ==, second->len);
  g_autofree char *packed = pack (state);
  g_autoptr (GString) text = g_string_new (packed);
  unsigned telling = 0;
  for (guint pass = 0, step = 1, seen = 0; pass < 2; pass++, step = telling / REGISTERS + 1)
    for (guint i = 0; i < first->len; i++) {
      const Register *one = &g_array_index (first, Register, i);
      const Register *two = &g_array_index (second, Register, i);
      if (one->value != two->value || !one->value)
        continue;
      if (pass == 0)
        telling++;
      else if (seen++ % step == 0)
        g_string_append_printf (text, "%x %" G_GINT64_MODIFIER "x %x %" G_GINT64_MODIFIER "x\n",
                                one->region, one->offset, one->width, one->value);
    }
  g_autoptr (GError) error = NULL;
  g_file_set_contents (path, text->str, -1, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < G_N_ELEMENTS (rigs); i++)
    state_rig_free (&rigs[i]);
}

static char *
path_of (const char *folder, const DioDeviceType *type)
{
  return g_strdup_printf ("%s/%s-%u.kept", folder, type->id, type->state_version);
}

static void
keep_missing (const char *folder)
{
  for (const DioDeviceType *const *type = dio_hw_devices; *type; type++) {
    g_autofree char *path = path_of (folder, *type);
    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      keep (*type, path);
  }
}

/* Each device has one of its version of today. */
static void
test_complete (gconstpointer folder)
{
  for (const DioDeviceType *const *type = dio_hw_devices; *type; type++) {
    g_autofree char *path = path_of (folder, *type);
    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      g_test_fail_printf ("%s is missing: test-state-kept --keep", path);
  }
}

static const DioDeviceType *
find_type (const char *name)
{
  const char *dash = strrchr (name, '-');
  for (const DioDeviceType *const *type = dio_hw_devices; dash && *type; type++)
    if (strlen ((*type)->id) == (size_t) (dash - name) && g_str_has_prefix (name, (*type)->id))
      return *type;
  return NULL;
}

static void
kept_free (gpointer data)
{
  Kept *kept = data;
  g_free (kept->path);
  g_free (kept);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc == 3 && g_str_equal (argv[1], "--keep")) {
    keep_missing (argv[2]);
    return 0;
  }
  if (argc != 2) {
    g_printerr ("Usage: test-state-kept [--keep] FOLDER\n");
    return 2;
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (argv[1], 0, &error);
  g_assert_no_error (error);
  g_test_add_data_func ("/hw/state-kept/complete", argv[1], test_complete);
  for (const char *name; (name = g_dir_read_name (dir));) {
    Kept *kept = g_new0 (Kept, 1);
    g_autofree char *title = g_strdup_printf ("/hw/state-kept/%s", name);
    kept->type = find_type (name);
    kept->path = g_build_filename (argv[1], name, NULL);
    g_test_add_data_func_full (title, kept, test_kept, kept_free);
  }
  return g_test_run ();
}
