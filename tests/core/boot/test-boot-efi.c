/* SPDX-License-Identifier: GPL-3.0-or-later
 * What is found on EFI disks of all kinds of FAT, with and without partitions. */
#include "core/boot/boot-efi.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "core/boot/boot-image.h"

#define SECTOR 512
#define RESERVED 32
#define ROOT_ENTRIES 16 /* of FAT12 and FAT16: one sector */

typedef struct {
  char *path;
  int fd;
  uint64_t start; /* of the file system */
  unsigned bits;
  uint32_t table; /* sectors */
  unsigned reads;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->fd = g_file_open_tmp ("dio-efi-XXXXXX", &f->path, NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  close (f->fd);
  unlink (f->path);
  g_free (f->path);
}

static void
put (Fixture *f, uint64_t offset, const void *data, size_t length)
{
  g_assert_cmpint (pwrite (f->fd, data, length, (off_t) offset), ==, (ssize_t) length);
}

static void
put_number (Fixture *f, uint64_t offset, uint64_t value, size_t size)
{
  value = GUINT64_TO_LE (value);
  put (f, offset, &value, size);
}

static void
clear (Fixture *f)
{
  g_assert_cmpint (ftruncate (f->fd, 0), ==, 0);
}

static uint64_t
cluster_at (Fixture *f, uint32_t cluster)
{
  uint64_t root = f->bits == 32 ? 0 : 1;
  return f->start + (RESERVED + f->table + root + cluster - 2) * SECTOR;
}

static void
chain (Fixture *f, uint32_t from, uint32_t to)
{
  uint64_t bit = (uint64_t) from * f->bits, at = f->start + RESERVED * SECTOR + bit / 8;
  if (f->bits == 12)
    put_number (f, at, (uint64_t) to << bit % 8, 2); /* neighbours are free */
  else
    put_number (f, at, to, f->bits / 8);
}

static void
put_entry (Fixture *f, uint64_t at, const char *name, uint8_t attributes, uint32_t cluster)
{
  put (f, at, name, 11);
  put_number (f, at + 11, attributes, 1);
  put_number (f, at + 20, cluster >> 16, 2);
  put_number (f, at + 26, cluster & 0xffff, 2);
}

/* A file system whose folder EFI takes the clusters 4 and 9, and EFI/BOOT 7, with @file in it. */
static void
make_fat (Fixture *f, uint64_t start, unsigned bits, const char *file)
{
  uint32_t clusters = bits == 12 ? 100 : bits == 16 ? 5000 : 66000;
  uint64_t root = start;

  f->start = start;
  f->bits = bits;
  f->table = (clusters + 2) * bits / 8 / SECTOR + 1;
  put_number (f, start + 11, SECTOR, 2);
  put_number (f, start + 13, 1, 1);
  put_number (f, start + 14, RESERVED, 2);
  put_number (f, start + 16, 1, 1);
  put_number (f, start + 17, bits == 32 ? 0 : ROOT_ENTRIES, 2);
  put_number (f, start + 22, bits == 32 ? 0 : f->table, 2);
  put_number (f, start + 32, RESERVED + f->table + (bits == 32 ? 0 : 1) + clusters, 4);
  if (bits == 32)
    put_number (f, start + 36, f->table, 4);
  put_number (f, start + 44, bits == 32 ? 3 : 0, 4);
  put_number (f, start + 510, 0xaa55, 2);
  put_number (f, cluster_at (f, clusters + 2) - 1, 0, 1); /* all of it is there */
  root = bits == 32 ? cluster_at (f, 3) : start + (RESERVED + f->table) * SECTOR;
  put_entry (f, root, "EFI        ", 0x08, 2); /* a label */
  put_entry (f, root + 32, "EFI        ", 0x10, 4);
  for (unsigned i = 0; i < SECTOR / 32; i++)
    put_entry (f, cluster_at (f, 4) + 32 * i, i % 2 ? "\xe5OOT       " : "BOOT       ", 0x20, 2);
  chain (f, 4, 9);
  chain (f, 9, 0xfffffff);
  put_entry (f, cluster_at (f, 9), "BOOT       ", 0x10, 7);
  put_entry (f, cluster_at (f, 7), file, 0x20, 0);
}

static void
put_gpt (Fixture *f, unsigned index, uint64_t first)
{
  static const uint8_t type[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                    0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
  put (f, SECTOR, "EFI PART", 8);
  put_number (f, SECTOR + 72, 2, 8);
  put_number (f, SECTOR + 80, 128, 4);
  put_number (f, SECTOR + 84, 128, 4);
  put (f, 2 * SECTOR + 128 * index, type, sizeof type);
  put_number (f, 2 * SECTOR + 128 * index + 32, first, 8);
  put_number (f, 510, 0xaa55, 2);
  put_number (f, 446 + 4, 0xee, 1);
}

static bool
read_file (void *data, uint64_t offset, void *bytes, size_t length)
{
  Fixture *f = data;
  f->reads++;
  return pread (f->fd, bytes, length, (off_t) offset) == (ssize_t) length;
}

static DioArch
find (Fixture *f)
{
  return dio_boot_find_efi (read_file, f);
}

static void
test_kinds (Fixture *f, gconstpointer data)
{
  static const unsigned kinds[] = { 12, 16, 32 };
  static const struct {
    const char *file;
    DioArch arch;
  } files[] = {
    { "BOOTAA64EFI", DIO_ARCH_ARM64 },
    { "BOOTX64 EFI", DIO_ARCH_X86_64 },
    { "BOOTRI~1EFI", DIO_ARCH_RISCV64 },
    { "BOOTARM EFI", DIO_ARCH_NONE },
  };

  for (unsigned kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (unsigned i = 0; i < G_N_ELEMENTS (files); i++) {
      clear (f);
      make_fat (f, 0, kinds[kind], files[i].file);
      g_assert_cmpint (find (f), ==, files[i].arch);
    }
  /* One for several. */
  put_entry (f, cluster_at (f, 7), "BOOTAA64EFI", 0x20, 0);
  g_assert_cmpint (find (f), ==, DIO_ARCH_ARM64);
  put_entry (f, cluster_at (f, 7) + 32, "BOOTX64 EFI", 0x20, 0);
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);
}

static void
test_partitions (Fixture *f, gconstpointer data)
{
  DioBootIdentity identity;

  make_fat (f, 100 * SECTOR, 16, "BOOTAA64EFI");
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);
  put_gpt (f, 127, 100);
  g_assert_cmpint (find (f), ==, DIO_ARCH_ARM64);
  g_assert_true (dio_boot_identify_file (f->path, &identity, NULL));
  g_assert_cmpint (identity.kind, ==, DIO_BOOT_DISK);
  g_assert_cmpint (identity.arch, ==, DIO_ARCH_ARM64);
  g_assert_cmpstr (identity.title, ==, "disk with GPT partitions for arm64");

  clear (f);
  make_fat (f, 9 * SECTOR, 12, "BOOTAA64EFI");
  put_number (f, 446 + 32 + 4, 0xef, 1);
  put_number (f, 446 + 32 + 8, 9, 4);
  put_number (f, 446 + 32 + 12, 200, 4);
  put_number (f, 510, 0xaa55, 2);
  g_assert_true (dio_boot_identify_file (f->path, &identity, NULL));
  g_assert_cmpstr (identity.title, ==, "disk with MBR partitions for arm64");
}

static void
test_disc (Fixture *f, gconstpointer data)
{
  enum { LBA = 2048, CATALOGUE = 40 * LBA, IMAGE = 50 };
  DioBootIdentity identity;

  make_fat (f, IMAGE * LBA, 12, "BOOTAA64EFI");
  put (f, 16 * LBA + 1, "CD001", 5);
  put (f, 17 * LBA + 1, "CD001", 5);
  put (f, 17 * LBA + 7, "EL TORITO SPECIFICATION", 23);
  put_number (f, 17 * LBA + 71, 40, 4);
  put_number (f, CATALOGUE, 0x0001, 2); /* for a PC, and then a section for EFI */
  put_number (f, CATALOGUE + 32, 0x88, 1);
  put_number (f, CATALOGUE + 32 + 8, IMAGE, 4);
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);
  put_number (f, CATALOGUE + 64, 0xef91, 2);
  put_number (f, CATALOGUE + 96, 0x88, 1);
  put_number (f, CATALOGUE + 96 + 8, IMAGE, 4);
  g_assert_cmpint (find (f), ==, DIO_ARCH_ARM64);
  put_number (f, CATALOGUE + 96, 0, 1); /* not to be started */
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);
  put_number (f, CATALOGUE, 0xef01, 2); /* for EFI alone */
  g_assert_true (dio_boot_identify_file (f->path, &identity, NULL));
  g_assert_cmpstr (identity.title, ==, "ISO 9660 image for arm64");
  put_number (f, 17 * LBA + 71, UINT32_MAX, 4);
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);
}

static DioBootCondition
condition (Fixture *f)
{
  DioBootIdentity identity;
  g_assert_true (dio_boot_identify_file (f->path, &identity, NULL));
  return identity.condition;
}

/* A catalogue begins with an entry that says what it is, and whose words add up to 0. */
static void
test_damaged (Fixture *f, gconstpointer data)
{
  enum { LBA = 2048, CATALOGUE = 40 };
  static const uint8_t good[32] = {
    [0] = 1, [1] = 0xef, [28] = 0xaa, [29] = 0x66, [30] = 0x55, [31] = 0xaa
  };
  static const uint8_t without_key[32] = { [0] = 1, [1] = 0xef, [28] = 0xff, [29] = 0x10 };

  put (f, 16 * LBA + 1, "CD001", 5);
  put_number (f, CATALOGUE * LBA, 0, 4);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_WHOLE); /* nothing is to start from it */
  put (f, 17 * LBA + 1, "CD001", 5);
  put (f, 17 * LBA + 7, "EL TORITO SPECIFICATION", 23);
  put_number (f, 17 * LBA + 71, CATALOGUE, 4);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_DAMAGED);
  for (unsigned at = 0; at < sizeof good; at++) {
    uint8_t bad[sizeof good];
    memcpy (bad, good, sizeof bad);
    bad[at] ^= 0x10;
    put (f, CATALOGUE * LBA, bad, sizeof bad);
    g_assert_cmpint (condition (f), ==, DIO_BOOT_DAMAGED);
  }
  put (f, CATALOGUE * LBA, without_key, sizeof without_key);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_DAMAGED);
  put (f, CATALOGUE * LBA, good, sizeof good);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_WHOLE);
  put_number (f, 17 * LBA + 71, UINT32_MAX, 4);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_DAMAGED);
  /* That it is not all there is said first; and what is no disc has no catalogue. */
  put_number (f, 16 * LBA + 80, 1 << 20, 4);
  put_number (f, 16 * LBA + 128, LBA, 2);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_INCOMPLETE);
  put_number (f, 16 * LBA + 1, 0, 4);
  g_assert_cmpint (condition (f), ==, DIO_BOOT_WHOLE);
}

/* Chains that never end, places outside of the file, and bytes that anything may be in. */
static void
test_hostile (Fixture *f, gconstpointer data)
{
  make_fat (f, 0, 12, "BOOTAA64EFI");
  put_entry (f, cluster_at (f, 9), "NOTHING    ", 0x10, 7);
  chain (f, 9, 4);
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);

  /* Partitions without end: most are not looked into. */
  clear (f);
  make_fat (f, 100 * SECTOR, 12, "NOTHING EFI");
  for (unsigned i = 0; i < 128; i++)
    put_gpt (f, i, 100);
  f->reads = 0;
  g_assert_cmpint (find (f), ==, DIO_ARCH_NONE);
  g_assert_cmpuint (f->reads, <, 250);
  for (unsigned round = 0; round < 20000; round++) {
    unsigned bits = round % 3 == 0 ? 12 : 16;
    if (round % 100 == 0) {
      clear (f);
      make_fat (f, round % 200 ? 0 : 100 * SECTOR, bits, "BOOTAA64EFI");
      put_gpt (f, round % 4, 100);
    }
    uint64_t at = (uint64_t) g_test_rand_int_range (0, 2048);
    uint8_t byte = (uint8_t) g_test_rand_int_range (0, 256);
    if (at >= 1024)
      at = f->start + (at & 1 ? at & 63 : (RESERVED + f->table) * SECTOR + (at & 511));
    put (f, at, &byte, 1);
    find (f);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/core/boot/efi/kinds", Fixture, NULL, set_up, test_kinds, tear_down);
  g_test_add ("/core/boot/efi/partitions", Fixture, NULL, set_up, test_partitions, tear_down);
  g_test_add ("/core/boot/efi/disc", Fixture, NULL, set_up, test_disc, tear_down);
  g_test_add ("/core/boot/efi/damaged", Fixture, NULL, set_up, test_damaged, tear_down);
  g_test_add ("/core/boot/efi/hostile", Fixture, NULL, set_up, test_hostile, tear_down);
  return g_test_run ();
}
