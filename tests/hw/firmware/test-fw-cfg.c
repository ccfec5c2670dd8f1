/* SPDX-License-Identifier: GPL-3.0-or-later
 * The firmware configuration device, read by bytes and by DMA, and misused. */
#include "hw/firmware/fw-cfg.h"

#include <string.h>

#include "tests/support/hw-bench.h"

#define BASE UINT64_C (0x9020000)
#define REQUEST DIO_HW_BENCH_RAM
#define BUFFER (DIO_HW_BENCH_RAM + 0x1000)

enum {
  DMA_ERROR = 1,
  DMA_READ = 2,
  DMA_SKIP = 4,
  DMA_SELECT = 8,
  DMA_WRITE = 16,
};

typedef struct {
  DioHwBench *bench;
  DioDevice *dev;
  unsigned n_written;
  uint8_t written[8];
} Fixture;

static void
written_cb (void *opaque, const uint8_t *data, size_t size)
{
  Fixture *f = opaque;

  g_assert_cmpuint (size, ==, sizeof f->written);
  memcpy (f->written, data, size);
  f->n_written++;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abcdefghij", 10);

  f->bench = dio_hw_bench_new ();
  f->dev = dio_device_new (&dio_fw_cfg_type, "fw-cfg");
  dio_hw_bench_add (f->bench, f->dev, BASE, 0);
  dio_fw_cfg_set_file (f->dev, "etc/letters", bytes);
  dio_fw_cfg_set_writable (f->dev, "etc/slate", sizeof f->written, written_cb, f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_hw_bench_free (f->bench);
}

static void
select_item (Fixture *f, uint16_t key)
{
  dio_hw_bench_write (f->bench, BASE + 8, 2, GUINT16_SWAP_LE_BE (key));
}

static uint64_t
rd (Fixture *f, unsigned size)
{
  return dio_hw_bench_read (f->bench, BASE, size);
}

/* One request; what its control word is afterwards. */
static uint32_t
dma (Fixture *f, uint32_t control, uint32_t length, DioGpa address)
{
  struct {
    uint32_t control, length;
    uint64_t address;
  } request = { GUINT32_TO_BE (control), GUINT32_TO_BE (length), GUINT64_TO_BE (address) };
  uint32_t result;

  g_assert_true (dio_dma_write (f->bench->machine->space, REQUEST, &request, sizeof request));
  dio_hw_bench_write (f->bench, BASE + 16, 8, GUINT64_SWAP_LE_BE (REQUEST));
  g_assert_true (dio_dma_read (f->bench->machine->space, REQUEST, &result, sizeof result));
  return GUINT32_FROM_BE (result);
}

static uint32_t
key_of (Fixture *f, const char *name)
{
  char found[56];

  select_item (f, DIO_FW_CFG_DIRECTORY);
  uint32_t count = __builtin_bswap32 ((uint32_t) rd (f, 4)); /* GLib's macros read twice */
  for (uint32_t i = 0; i < count; i++) {
    rd (f, 4);
    uint16_t key = __builtin_bswap16 ((uint16_t) rd (f, 2));
    rd (f, 2);
    for (unsigned j = 0; j < sizeof found; j++)
      found[j] = (char) rd (f, 1);
    if (strcmp (found, name) == 0)
      return key;
  }
  g_assert_not_reached ();
}

static void
assert_buffer (Fixture *f, const char *expected, size_t length)
{
  char bytes[64];

  g_assert_true (dio_dma_read (f->bench->machine->space, BUFFER, bytes, length));
  g_assert_cmpmem (bytes, length, expected, length);
}

static void
test_bytes (Fixture *f, gconstpointer data)
{
  select_item (f, DIO_FW_CFG_SIGNATURE);
  g_assert_cmphex (rd (f, 1), ==, 'Q');
  g_assert_cmphex (rd (f, 2), ==, 'E' | 'M' << 8);
  g_assert_cmphex (rd (f, 4), ==, 'U'); /* and what is behind the end */
  g_assert_cmphex (rd (f, 8), ==, 0);
  select_item (f, DIO_FW_CFG_FEATURES);
  g_assert_cmphex (rd (f, 4), ==, 3);
  select_item (f, DIO_FW_CFG_CPUS);
  g_assert_cmpuint (rd (f, 2), ==, 1);

  select_item (f, (uint16_t) key_of (f, "etc/letters"));
  g_assert_cmphex (rd (f, 8), ==, UINT64_C (0x6867666564636261));
  g_assert_cmphex (rd (f, 8), ==, 'i' | 'j' << 8);
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + 16, 8), ==,
                   GUINT64_SWAP_LE_BE (UINT64_C (0x51454d5520434647)));
  g_assert_cmphex (dio_hw_bench_read (f->bench, BASE + 20, 4), ==, GUINT32_SWAP_LE_BE (0x20434647));
  dio_hw_bench_write (f->bench, BASE, 4, 0x1234); /* nothing is written by bytes */
  g_assert_cmpuint (f->n_written, ==, 0);
}

static void
test_dma (Fixture *f, gconstpointer data)
{
  uint32_t key = key_of (f, "etc/letters") << 16;

  g_assert_cmphex (dma (f, key | DMA_SELECT | DMA_READ, 4, BUFFER), ==, 0);
  assert_buffer (f, "abcd", 4);
  g_assert_cmphex (dma (f, DMA_SKIP, 3, 0), ==, 0);
  g_assert_cmphex (dma (f, DMA_READ, 2, BUFFER), ==, 0);
  assert_buffer (f, "hicd", 4);
  g_assert_cmphex (dma (f, DMA_READ, 4, BUFFER), ==, 0);
  assert_buffer (f, "j\0\0\0", 4);
  g_assert_cmphex (dma (f, DMA_SKIP, UINT32_MAX, 0), ==, 0);
  g_assert_cmphex (dma (f, DMA_READ, 2, BUFFER), ==, 0);
  assert_buffer (f, "\0\0\0\0", 4);

  /* The address in two halves. */
  dma (f, key | DMA_SELECT, 0, 0);
  uint32_t request[4] = { GUINT32_TO_BE (DMA_READ), GUINT32_TO_BE (1), GUINT32_TO_BE (BUFFER >> 32),
                          GUINT32_TO_BE ((uint32_t) BUFFER) };
  g_assert_true (dio_dma_write (f->bench->machine->space, REQUEST, request, sizeof request));
  dio_hw_bench_write (f->bench, BASE + 16, 4, GUINT32_SWAP_LE_BE ((uint32_t) (REQUEST >> 32)));
  dio_hw_bench_write (f->bench, BASE + 20, 4, GUINT32_SWAP_LE_BE ((uint32_t) REQUEST));
  assert_buffer (f, "a", 1);
}

static void
test_write (Fixture *f, gconstpointer data)
{
  uint32_t key = key_of (f, "etc/slate") << 16;

  g_assert_true (dio_dma_write (f->bench->machine->space, BUFFER, "12345678", 8));
  g_assert_cmphex (dma (f, key | DMA_SELECT | DMA_WRITE, 8, BUFFER), ==, 0);
  g_assert_cmpuint (f->n_written, ==, 1);
  g_assert_cmpmem (f->written, 8, "12345678", 8);
  g_assert_cmphex (dma (f, key | DMA_SELECT, 0, 0), ==, 0);
  g_assert_cmphex (dma (f, DMA_SKIP, 6, 0), ==, 0);
  g_assert_cmphex (dma (f, DMA_WRITE, 2, BUFFER), ==, 0);
  g_assert_cmpmem (f->written, 8, "12345612", 8);

  g_autoptr (GBytes) saved = dio_hw_bench_save (f->dev);
  dio_device_reset (f->dev);
  g_assert_cmpmem (f->written, 8, "\0\0\0\0\0\0\0\0", 8);
  dio_hw_bench_load (f->dev, saved, true);
  g_assert_cmpmem (f->written, 8, "12345612", 8);
}

static void
test_misuse (Fixture *f, gconstpointer data)
{
  uint32_t letters = key_of (f, "etc/letters") << 16, slate = key_of (f, "etc/slate") << 16;

  /* Not writable, longer than the file, behind its end, not there. */
  g_assert_cmphex (dma (f, letters | DMA_SELECT | DMA_WRITE, 4, BUFFER), ==, DMA_ERROR);
  g_assert_cmphex (dma (f, slate | DMA_SELECT | DMA_WRITE, 9, BUFFER), ==, DMA_ERROR);
  g_assert_cmphex (dma (f, slate | DMA_SELECT | DMA_WRITE, UINT32_MAX, BUFFER), ==, DMA_ERROR);
  g_assert_cmphex (dma (f, slate | DMA_SELECT | DMA_SKIP, 8, 0), ==, 0);
  g_assert_cmphex (dma (f, DMA_WRITE, 1, BUFFER), ==, DMA_ERROR);
  g_assert_cmphex (dma (f, UINT32_C (0xffff0000) | DMA_SELECT | DMA_WRITE, 1, BUFFER), ==,
                   DMA_ERROR);
  g_assert_cmphex (dma (f, UINT32_C (0x3fff0000) | DMA_SELECT | DMA_READ, 4, BUFFER), ==, 0);
  assert_buffer (f, "\0\0\0\0", 4);
  g_assert_cmpuint (f->n_written, ==, 0);

  /* Not to memory, and not for ever. */
  g_assert_cmphex (dma (f, letters | DMA_SELECT | DMA_READ, 4, BASE), ==, DMA_ERROR);
  g_assert_cmphex (dma (f, slate | DMA_SELECT | DMA_WRITE, 4, BASE), ==, DMA_ERROR);
  g_assert_cmphex (dma (f, letters | DMA_SELECT | DMA_READ, UINT32_MAX, BUFFER), ==, DMA_ERROR);
  g_assert_cmphex (
      dma (f, letters | DMA_SELECT | DMA_READ, 8, DIO_HW_BENCH_RAM + DIO_HW_BENCH_RAM_SIZE - 4), ==,
      DMA_ERROR);
  dio_hw_bench_write (f->bench, BASE + 16, 8, UINT64_MAX);
  dio_hw_bench_write (f->bench, BASE + 16, 8, GUINT64_SWAP_LE_BE (BASE));

  /* Odd places and sizes. */
  for (unsigned offset = 0; offset < DIO_FW_CFG_SIZE; offset++)
    for (unsigned size = 1; size <= 8 && offset + size <= DIO_FW_CFG_SIZE; size *= 2) {
      dio_hw_bench_read (f->bench, BASE + offset, size);
      dio_hw_bench_write (f->bench, BASE + offset, size, UINT64_MAX);
    }
}

static void
test_many_files (Fixture *f, gconstpointer data)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("replaced", 8);

  for (unsigned i = 0; i < 62; i++) {
    g_autofree char *name = g_strdup_printf ("opt/%u", i);
    dio_fw_cfg_set_file (f->dev, name, bytes);
  }
  dio_fw_cfg_set_file (f->dev, "etc/letters", bytes);
  select_item (f, (uint16_t) key_of (f, "etc/letters"));
  g_assert_cmphex (rd (f, 1), ==, 'r');
  select_item (f, (uint16_t) key_of (f, "opt/61"));
  g_assert_cmphex (rd (f, 1), ==, 'r');
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, function)                                                                        \
  g_test_add ("/hw/firmware/fw-cfg/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("bytes", test_bytes);
  ADD ("dma", test_dma);
  ADD ("write", test_write);
  ADD ("misuse", test_misuse);
  ADD ("many-files", test_many_files);
#undef ADD
  return g_test_run ();
}
