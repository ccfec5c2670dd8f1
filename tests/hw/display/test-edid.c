/* SPDX-License-Identifier: GPL-3.0-or-later
 * EDIDs: checksums, the preferred mode and the size that a reader finds, and edid-decode's opinion
 * where it is installed. */
#include "hw/display/edid.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint32_t sizes[][2] = {
  { 320, 200 },   { 640, 480 },   { 1280, 800 },  { 1366, 768 },  { 1920, 1080 },
  { 2560, 1440 }, { 3840, 2160 }, { 4095, 4095 }, { 4096, 2160 }, { 5120, 2880 },
  { 8192, 400 },  { 8192, 8192 }, { 1001, 999 },
};

static void
check_sum (const uint8_t *block)
{
  uint8_t sum = 0;

  for (unsigned i = 0; i < 128; i++)
    sum += block[i];
  g_assert_cmpint (sum, ==, 0);
}

/* What Linux does with a type I timing of a DisplayID section. */
static void
check_displayid (const uint8_t *ext, uint32_t width, uint32_t height)
{
  const uint8_t *block = ext + 5;
  bool found = false;
  uint8_t sum = 0;

  g_assert_cmphex (ext[0], ==, 0x70);
  for (unsigned i = 1; i < 1 + 5u + ext[2]; i++)
    sum += ext[i];
  g_assert_cmpint (sum, ==, 0);
  while (block + 3 <= ext + 5 + ext[2] && block + 3 + block[2] <= ext + 5 + ext[2]
         && (block[0] || block[2])) {
    if (block[0] == 0x03) {
      const uint8_t *t = block + 3;

      found = true;
      g_assert_true (t[3] & 0x80); /* preferred */
      g_assert_cmpuint ((t[4] | t[5] << 8) + 1, ==, width);
      g_assert_cmpuint ((t[12] | t[13] << 8) + 1, ==, height);
    }
    block += 3 + block[2];
  }
  g_assert_true (found);
}

static void
test_modes (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    DioEdidInfo info = { .width = sizes[i][0], .height = sizes[i][1], .serial = 1 };
    uint8_t edid[DIO_EDID_MAX_SIZE];
    const uint8_t *t = edid + 54;
    size_t length = dio_edid_build (&info, edid);
    bool large = info.width > 4095 || info.height > 4095;
    uint32_t width, height;

    g_assert_cmpuint (length, ==, large ? 256 : 128);
    check_sum (edid);
    g_assert_cmpint (edid[126], ==, large);
    width = t[2] | (uint32_t) (t[4] >> 4) << 8;
    height = t[5] | (uint32_t) (t[7] >> 4) << 8;
    g_assert_cmpuint (width, ==, MIN (info.width, 4095));
    g_assert_cmpuint (height, ==, MIN (info.height, 4095));
    g_assert_cmpuint (t[0] | t[1] << 8, >=, 1000); /* 10 MHz */
    if (large) {
      check_sum (edid + 128);
      check_displayid (edid + 128, info.width, info.height);
    }
  }
}

/* The size in millimetres gives the guest the right density. */
static void
test_density (void)
{
  DioEdidInfo info = { .width = 1920, .height = 1080 };
  uint8_t edid[DIO_EDID_MAX_SIZE];

  dio_edid_build (&info, edid);
  g_assert_cmpint (edid[21], ==, 51); /* 96 pixels an inch: 508 mm */
  g_assert_cmpint (edid[22], ==, 29);
  g_assert_cmpint (edid[54 + 12] | (edid[54 + 14] >> 4) << 8, ==, 508);
  info.width_mm = 254;
  info.height_mm = 143;
  dio_edid_build (&info, edid);
  g_assert_cmpint (edid[21], ==, 25);
  g_assert_cmpint (edid[54 + 12] | (edid[54 + 14] >> 4) << 8, ==, 254);
  g_assert_cmpint (edid[54 + 13] | (edid[54 + 14] & 15) << 8, ==, 143);
  info.width_mm = info.height_mm = UINT32_MAX; /* nonsense is bounded */
  dio_edid_build (&info, edid);
  check_sum (edid);
}

static void
test_extremes (void)
{
  static const uint32_t odd[] = { 0, 1, 2, 7, 159, 4094, 16384, 65536, UINT32_MAX };

  for (unsigned w = 0; w < G_N_ELEMENTS (odd); w++)
    for (unsigned h = 0; h < G_N_ELEMENTS (odd); h++) {
      DioEdidInfo info = { .width = odd[w], .height = odd[h], .width_mm = odd[h] };
      uint8_t edid[DIO_EDID_MAX_SIZE];

      if (dio_edid_build (&info, edid) == 256)
        check_sum (edid + 128);
      check_sum (edid);
    }
}

static void
test_edid_decode (void)
{
  g_autofree char *tool = g_find_program_in_path ("edid-decode");

  if (!tool) {
    g_test_skip ("edid-decode is not installed");
    return;
  }
  for (unsigned i = 1; i < G_N_ELEMENTS (sizes); i++) { /* not the one it finds dubiously small */
    DioEdidInfo info = { .width = sizes[i][0], .height = sizes[i][1], .serial = 1 };
    uint8_t edid[DIO_EDID_MAX_SIZE];
    size_t length = dio_edid_build (&info, edid);
    g_autofree char *path = NULL, *out = NULL;
    g_autoptr (GError) error = NULL;
    int fd = g_file_open_tmp ("edid-XXXXXX", &path, &error);
    const char *argv[] = { tool, "--check", path, NULL };

    g_assert_no_error (error);
    g_assert_cmpint (write (fd, edid, length), ==, length);
    close (fd);
    g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL,
                  NULL, &error);
    g_assert_no_error (error);
    remove (path);
    if (!strstr (out, "EDID conformity: PASS"))
      g_error ("%ux%u: %s", info.width, info.height, out);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hw/display/edid/modes", test_modes);
  g_test_add_func ("/hw/display/edid/density", test_density);
  g_test_add_func ("/hw/display/edid/extremes", test_extremes);
  g_test_add_func ("/hw/display/edid/edid-decode", test_edid_decode);
  return g_test_run ();
}
