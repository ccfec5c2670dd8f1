/* SPDX-License-Identifier: GPL-3.0-or-later
 * Saved state of every registered device: what was saved loads into a fresh device, which then
 * saves to the same bytes and answers every read as the first one does (so nothing was left out);
 * what was damaged on the way never crashes and leaves a device that saves and loads.
 *
 * The table of devices is read, nothing here names one: a new device is tested by being listed. */
#include <string.h>

#include "hw/hw.h"
#include "tests/hw/state-rig.h"

#define SCRAMBLES 3000
#define MUTATIONS 60

/* Reads the first 256 bytes of such pages from both; a value that is not the same
 * twice in a row is time itself and is left out. Returns how many differ. */
static unsigned
compare_region (StateRig *one, StateRig *two, const StateRegion *region)
{
  unsigned differences = 0, width = region->width;

  for (unsigned i = 0; i < STATE_PAGES; i++) {
    uint64_t page = state_rig_page (i, region->size);
    for (uint64_t offset = page; page != UINT64_MAX && offset < MIN (page + 0x100, region->size);
         offset += width) {
      uint64_t a1 = dio_hw_bench_read (one->bench, region->base + offset, width);
      uint64_t a2 = dio_hw_bench_read (one->bench, region->base + offset, width);
      uint64_t b1 = dio_hw_bench_read (two->bench, region->base + offset, width);
      uint64_t b2 = dio_hw_bench_read (two->bench, region->base + offset, width);
      bool volatile_value = a1 != a2 && b1 != b2;
      if (!volatile_value && (a1 != b1 || a2 != b2)) {
        g_test_message ("%s differs at 0x%x: 0x%x, 0x%x", one->dev->type->id, (unsigned) offset,
                        (unsigned) a1, (unsigned) b1);
        differences++;
      }
    }
  }
  return differences;
}

static unsigned
compare (StateRig *one, StateRig *two)
{
  StateRegion ours[STATE_REGIONS], theirs[STATE_REGIONS];
  unsigned differences = 0, n = state_rig_regions (one, ours);

  g_assert_cmpuint (n, ==, state_rig_regions (two, theirs));
  g_assert_cmpmem (ours, n * sizeof *ours, theirs, n * sizeof *theirs);
  for (unsigned i = 0; i < n; i++)
    differences += compare_region (one, two, &ours[i]);
  return differences;
}

static void
assert_round_trip (const DioDeviceType *type, GBytes *saved)
{
  StateRig fresh = state_rig_new (type);
  g_assert_true (state_rig_load (&fresh, saved));
  g_autoptr (GBytes) again = dio_hw_bench_save (fresh.dev);
  g_assert_cmpmem (g_bytes_get_data (saved, NULL), g_bytes_get_size (saved),
                   g_bytes_get_data (again, NULL), g_bytes_get_size (again));
  state_rig_free (&fresh);
}

static void
test_round_trip (gconstpointer data)
{
  const DioDeviceType *type = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());

  for (unsigned round = 0; round < 4; round++) {
    StateRig rig = state_rig_new (type), twin = state_rig_new (type);
    state_rig_scramble (&rig, rand, round ? SCRAMBLES : 0); /* the cold state as well */
    g_autoptr (GBytes) saved = state_rig_save (&rig);
    assert_round_trip (type, saved);
    g_assert_true (state_rig_load (&twin, saved));
    g_assert_cmpuint (compare (&rig, &twin), ==, 0);
    state_rig_free (&rig);
    state_rig_free (&twin);
  }
}

static void
test_truncated (gconstpointer data)
{
  const DioDeviceType *type = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());
  StateRig rig = state_rig_new (type);

  state_rig_scramble (&rig, rand, SCRAMBLES);
  g_autoptr (GBytes) saved = state_rig_save (&rig);
  gsize size = g_bytes_get_size (saved);
  gsize step = MAX (1, size / 200);
  for (gsize length = 0; length < size; length += step) {
    g_autoptr (GBytes) part = g_bytes_new_from_bytes (saved, 0, length);
    g_assert_false (state_rig_load (&rig, part));
    state_rig_wake (&rig);
  }
  g_assert_true (state_rig_load (&rig, saved));
  state_rig_free (&rig);
}

static void
test_mutated (gconstpointer data)
{
  const DioDeviceType *type = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());
  StateRig rig = state_rig_new (type);

  state_rig_scramble (&rig, rand, SCRAMBLES);
  g_autoptr (GBytes) saved = state_rig_save (&rig);
  gsize size = g_bytes_get_size (saved);
  for (unsigned i = 0; i < MUTATIONS; i++) {
    g_autofree uint8_t *bytes = g_memdup2 (g_bytes_get_data (saved, NULL), size);
    for (int n = g_rand_int_range (rand, 1, 9); n > 0; n--)
      bytes[g_rand_int_range (rand, 0, size)] = g_rand_int (rand);
    g_autoptr (GBytes) mutated = g_bytes_new (bytes, size);
    state_rig_load (&rig, mutated);
    state_rig_wake (&rig);
    state_rig_scramble (&rig, rand, 50);
    g_autoptr (GBytes) after = state_rig_save (&rig);
    assert_round_trip (type, after);
    state_rig_wake (&rig);
  }
  state_rig_free (&rig);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const DioDeviceType *const *type = dio_hw_devices; *type; type++) {
    g_autofree char *trip = g_strdup_printf ("/hw/state/%s/round-trip", (*type)->id);
    g_autofree char *truncated = g_strdup_printf ("/hw/state/%s/truncated", (*type)->id);
    g_autofree char *mutated = g_strdup_printf ("/hw/state/%s/mutated", (*type)->id);
    g_test_add_data_func (trip, *type, test_round_trip);
    g_test_add_data_func (truncated, *type, test_truncated);
    g_test_add_data_func (mutated, *type, test_mutated);
  }
  return g_test_run ();
}
