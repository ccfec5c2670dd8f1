/* SPDX-License-Identifier: GPL-3.0-or-later
 * What UEFI firmware would start from a disk image. */
#include "core/boot/boot-efi.h"

#include <glib.h>
#include <string.h>

#include "core/boot/boot-private.h"

enum {
  SECTOR = 512,
  GPT_ENTRIES = 128,
  GPT_ENTRY = 128,
  MBR_EFI = 0xef,

  DISC_SECTOR = 2048,
  BOOT_RECORD = 17 * DISC_SECTOR,
  CATALOGUE_ENTRY = 32,
  CATALOGUE_FIRST = 1, /* says that it is one */
  CATALOGUE_BOOTABLE = 0x88,
  CATALOGUE_SECTION = 0x90, /* its header, or with bit 0 the last one */
  CATALOGUE_EFI = 0xef,     /* platform */

  FAT_ENTRY = 32,
  FAT_DIRECTORY = 0x10, /* attributes */
  FAT_VOLUME = 0x08,
  TRIES = 8,
  CLUSTERS = 64,              /* of a directory that are looked at, */
  DIRECTORY_MOST = 256 << 10, /* and bytes */
  CLUSTER_MOST = 65536,
};

typedef struct {
  DioBootRead *read;
  void *data;
  unsigned tries; /* file systems that were looked into */
} Disk;

typedef struct {
  Disk *disk;
  uint64_t start; /* of the file system */
  uint64_t fat;   /* the first table */
  uint64_t data;  /* cluster 2 */
  uint64_t root;  /* of FAT12 and FAT16 */
  uint32_t root_size, root_cluster;
  uint32_t cluster_size, n_clusters;
  unsigned bits;
} Fat;

static bool
read_at (Disk *disk, uint64_t offset, void *data, size_t length)
{
  return offset <= INT64_MAX - length && disk->read (disk->data, offset, data, length);
}

/* ---- FAT ---- */

static bool
open_fat (Fat *fat, Disk *disk, uint64_t start)
{
  uint8_t bytes[SECTOR];
  DioBootView view = { bytes, sizeof bytes };

  if (!read_at (disk, start, bytes, sizeof bytes) || !dio_boot_has (view, 510, "\x55\xaa", 2))
    return false;
  uint64_t sector = dio_boot_get (view, 11, 2), per_cluster = dio_boot_get (view, 13, 1);
  uint64_t reserved = dio_boot_get (view, 14, 2), tables = dio_boot_get (view, 16, 1);
  uint64_t root_entries = dio_boot_get (view, 17, 2);
  uint64_t total = dio_boot_get (view, 19, 2) ?: dio_boot_get (view, 32, 4);
  uint64_t table_size = dio_boot_get (view, 22, 2) ?: dio_boot_get (view, 36, 4);
  if (sector < SECTOR || sector > 4096 || sector & (sector - 1) || !per_cluster
      || per_cluster * sector > CLUSTER_MOST || !reserved || !tables)
    return false;
  uint64_t root = reserved + tables * table_size;
  uint64_t data = root + (root_entries * FAT_ENTRY + sector - 1) / sector;
  if (total <= data)
    return false;
  *fat = (Fat){
    .disk = disk,
    .start = start,
    .fat = start + reserved * sector,
    .data = start + data * sector,
    .root = start + root * sector,
    .root_size = (uint32_t) (root_entries * FAT_ENTRY),
    .root_cluster = (uint32_t) dio_boot_get (view, 44, 4),
    .cluster_size = (uint32_t) (per_cluster * sector),
    .n_clusters = (uint32_t) ((total - data) / per_cluster),
  };
  fat->bits = fat->n_clusters < 4085 ? 12 : fat->n_clusters < 65525 ? 16 : 32;
  return true;
}

/* What follows @cluster; what is no cluster ends the chain. */
static uint32_t
next_cluster (const Fat *fat, uint32_t cluster)
{
  uint8_t bytes[4] = { 0 };
  uint64_t bit = (uint64_t) cluster * fat->bits;

  if (!read_at (fat->disk, fat->fat + bit / 8, bytes, fat->bits == 32 ? 4 : 2))
    return 0;
  uint32_t value = (uint32_t) dio_boot_get ((DioBootView){ bytes, sizeof bytes }, 0, 4);
  return fat->bits == 12 ? value >> bit % 8 & 0xfff : fat->bits == 16 ? value : value & 0xfffffff;
}

typedef bool (*Visit) (const uint8_t *entry, void *data); /* true ends it */

static bool
visit_entries (const uint8_t *entries, size_t length, Visit visit, void *data)
{
  for (size_t i = 0; i + FAT_ENTRY <= length && entries[i]; i += FAT_ENTRY)
    if (entries[i] != 0xe5 && !(entries[i + 11] & FAT_VOLUME) && visit (entries + i, data))
      return true;
  return false;
}

/* The entries of the directory at @cluster; 0: the root. */
static bool
visit_directory (const Fat *fat, uint32_t cluster, Visit visit, void *data)
{
  g_autofree uint8_t *bytes =
      g_malloc (MAX (fat->cluster_size, MIN (fat->root_size, CLUSTER_MOST)));

  if (!cluster && fat->bits != 32) {
    size_t length = MIN (fat->root_size, CLUSTER_MOST);
    return read_at (fat->disk, fat->root, bytes, length)
           && visit_entries (bytes, length, visit, data);
  }
  cluster = cluster ? cluster : fat->root_cluster;
  unsigned most = MIN (CLUSTERS, DIRECTORY_MOST / fat->cluster_size);
  for (unsigned i = 0; i < most && cluster >= 2 && cluster - 2 < fat->n_clusters; i++) {
    uint64_t at = fat->data + (uint64_t) (cluster - 2) * fat->cluster_size;
    if (!read_at (fat->disk, at, bytes, fat->cluster_size))
      return false;
    if (visit_entries (bytes, fat->cluster_size, visit, data))
      return true;
    cluster = next_cluster (fat, cluster);
  }
  return false;
}

typedef struct {
  const char *name; /* eleven characters */
  uint32_t cluster;
} Search;

static bool
is_searched (const uint8_t *entry, void *data)
{
  Search *search = data;
  DioBootView view = { entry, FAT_ENTRY };

  if (!(entry[11] & FAT_DIRECTORY) || memcmp (entry, search->name, 11) != 0)
    return false;
  search->cluster =
      (uint32_t) (dio_boot_get (view, 20, 2) << 16 | dio_boot_get (view, 26, 2)) & 0xfffffff;
  return true;
}

static bool
find_folder (const Fat *fat, const char *name, uint32_t *cluster)
{
  Search search = { .name = name };

  if (!visit_directory (fat, *cluster, is_searched, &search) || !search.cluster)
    return false;
  *cluster = search.cluster;
  return true;
}

/* Adds a bit for the architecture that a boot file is for; BOOTRISCV64.EFI has a short name that
 * was made up. */
static bool
note_boot_file (const uint8_t *entry, void *data)
{
  static const struct {
    const char *name;
    DioArch arch;
  } names[] = {
    { "BOOTAA64EFI", DIO_ARCH_ARM64 },
    { "BOOTX64 EFI", DIO_ARCH_X86_64 },
    { "BOOTRI~1EFI", DIO_ARCH_RISCV64 },
  };
  unsigned *found = data;

  for (size_t i = 0; i < G_N_ELEMENTS (names); i++)
    if (memcmp (entry, names[i].name, 11) == 0)
      *found |= 1u << names[i].arch;
  return false;
}

/* A bit for each architecture. */
static unsigned
boot_files (Disk *disk, uint64_t start)
{
  Fat fat;
  uint32_t cluster = 0;
  unsigned found = 0;

  if (disk->tries++ < TRIES && open_fat (&fat, disk, start)
      && find_folder (&fat, "EFI        ", &cluster) && find_folder (&fat, "BOOT       ", &cluster))
    visit_directory (&fat, cluster, note_boot_file, &found);
  return found;
}

/* ---- Partitions ---- */

static unsigned
search_gpt (Disk *disk)
{
  static const uint8_t system_partition[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                                0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
  uint8_t header[SECTOR], entry[GPT_ENTRY];
  DioBootView view = { header, sizeof header }, one = { entry, sizeof entry };
  unsigned found = 0;

  if (!read_at (disk, SECTOR, header, sizeof header) || !dio_boot_has (view, 0, "EFI PART", 8))
    return 0;
  uint64_t table = dio_boot_get (view, 72, 8), size = dio_boot_get (view, 84, 4);
  uint64_t count = MIN (dio_boot_get (view, 80, 4), GPT_ENTRIES);
  if (table > INT64_MAX / SECTOR / 2 || size < GPT_ENTRY || size > 4096)
    return 0;
  for (uint64_t i = 0; i < count && !found; i++) {
    if (!read_at (disk, table * SECTOR + i * size, entry, sizeof entry))
      return 0;
    uint64_t first = dio_boot_get (one, 32, 8);
    if (memcmp (entry, system_partition, 16) == 0 && first <= INT64_MAX / SECTOR / 2)
      found = boot_files (disk, first * SECTOR);
  }
  return found;
}

static unsigned
search_mbr (Disk *disk)
{
  uint8_t bytes[SECTOR];
  DioBootView view = { bytes, sizeof bytes };
  unsigned found = 0;

  if (!read_at (disk, 0, bytes, sizeof bytes) || !dio_boot_has (view, 510, "\x55\xaa", 2))
    return 0;
  for (unsigned i = 0; i < 4 && !found; i++)
    if (bytes[446 + 16 * i + 4] == MBR_EFI)
      found = boot_files (disk, dio_boot_get (view, 446 + 16 * i + 8, 4) * SECTOR);
  return found;
}

/* Where the boot record of a disc says that its catalogue is; false: it has none. */
static bool
find_catalogue (Disk *disk, uint64_t *catalogue)
{
  uint8_t bytes[SECTOR];
  DioBootView view = { bytes, sizeof bytes };

  if (!read_at (disk, BOOT_RECORD, bytes, sizeof bytes) || !dio_boot_has (view, 1, "CD001", 5)
      || !dio_boot_has (view, 7, "EL TORITO SPECIFICATION", 23))
    return false;
  *catalogue = dio_boot_get (view, 71, 4) * DISC_SECTOR;
  return true;
}

/* The boot images for EFI in the first sector of the catalogue of a disc. */
static unsigned
search_disc (Disk *disk)
{
  uint8_t bytes[DISC_SECTOR];
  DioBootView view = { bytes, sizeof bytes };
  uint64_t catalogue;
  unsigned found = 0;

  if (!find_catalogue (disk, &catalogue) || !read_at (disk, catalogue, bytes, sizeof bytes))
    return 0;
  uint8_t platform = bytes[1];
  for (unsigned at = CATALOGUE_ENTRY; at < sizeof bytes && !found; at += CATALOGUE_ENTRY) {
    if ((bytes[at] & 0xfe) == CATALOGUE_SECTION)
      platform = bytes[at + 1];
    else if (bytes[at] == CATALOGUE_BOOTABLE && platform == CATALOGUE_EFI)
      found = boot_files (disk, dio_boot_get (view, at + 8, 4) * DISC_SECTOR);
  }
  return found;
}

DioArch
dio_boot_find_efi (DioBootRead *read, void *data)
{
  Disk disk = { read, data, 0 };
  unsigned found = boot_files (&disk, 0);

  if (!found)
    found = search_gpt (&disk);
  if (!found)
    found = search_mbr (&disk);
  if (!found)
    found = search_disc (&disk);
  return found && !(found & (found - 1)) ? (DioArch) g_bit_nth_lsf (found, -1) : DIO_ARCH_NONE;
}

bool
dio_boot_is_catalogue_damaged (DioBootRead *read, void *data)
{
  Disk disk = { read, data, 0 };
  uint8_t entry[CATALOGUE_ENTRY];
  DioBootView view = { entry, sizeof entry };
  uint64_t catalogue;
  uint16_t sum = 0;

  if (!find_catalogue (&disk, &catalogue))
    return false;
  if (!read_at (&disk, catalogue, entry, sizeof entry))
    return true;
  for (unsigned at = 0; at < sizeof entry; at += 2)
    sum = (uint16_t) (sum + dio_boot_get (view, at, 2));
  return entry[0] != CATALOGUE_FIRST || !dio_boot_has (view, 30, "\x55\xaa", 2) || sum != 0;
}
