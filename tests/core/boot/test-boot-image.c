/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of what files are taken for. */
#include "core/boot/boot-image.h"

#include <string.h>

#include "core/base/base-error.h"
#include "tests/support/support-files.h"

static DioBootIdentity
identify (const GByteArray *array)
{
  DioBootIdentity identity;
  dio_boot_identify (array->data, MIN (array->len, DIO_BOOT_PROBE_SIZE), array->len, &identity);
  return identity;
}

static void
expect (GByteArray *array, DioBootKind kind, DioArch arch, const char *title)
{
  DioBootIdentity identity = identify (array);
  g_assert_cmpstr (identity.title, ==, title);
  g_assert_cmpint (identity.kind, ==, kind);
  g_assert_cmpint (identity.arch, ==, arch);
  g_assert_cmpint (identity.compression, ==, DIO_COMPRESSION_NONE);

  /* The same in gzip. */
  g_autoptr (GByteArray) packed = support_gzip (array);
  g_autofree char *packed_title = g_strdup_printf ("%s, gzip", title);
  identity = identify (packed);
  g_assert_cmpstr (identity.title, ==, packed_title);
  g_assert_cmpint (identity.kind, ==, kind);
  g_assert_cmpint (identity.arch, ==, arch);
  g_assert_cmpint (identity.compression, ==, DIO_COMPRESSION_GZIP);

  /* Cut anywhere: no crash, and never another architecture. */
  for (guint length = 0; length < array->len; length += MAX (1, length / 16)) {
    g_autofree uint8_t *copy = g_memdup2 (array->data, MAX (length, 1));
    dio_boot_identify (copy, length, length, &identity);
    g_assert_true (identity.arch == arch || identity.arch == DIO_ARCH_NONE);
  }
  for (guint length = 0; length < packed->len; length += MAX (1, length / 16)) {
    g_autofree uint8_t *copy = g_memdup2 (packed->data, MAX (length, 1));
    dio_boot_identify (copy, length, length, &identity);
  }
  g_byte_array_unref (array);
}

static GByteArray *
with_magic (size_t length, size_t offset, const char *magic, size_t magic_length)
{
  GByteArray *array = g_byte_array_new ();
  support_put (array, length - 1, 0, 1);
  support_put_bytes (array, offset, magic, magic_length);
  return array;
}

static void
test_kernels (void)
{
  expect (support_linux_image (DIO_ARCH_RISCV64, 4096, 0x200000, 8192), DIO_BOOT_LINUX_IMAGE,
          DIO_ARCH_RISCV64, "Linux kernel for riscv64");
  expect (support_linux_image (DIO_ARCH_ARM64, 4096, 0, 8192), DIO_BOOT_LINUX_IMAGE, DIO_ARCH_ARM64,
          "Linux kernel for arm64");
  GByteArray *stub = support_linux_image (DIO_ARCH_RISCV64, 4096, 0x200000, 8192);
  support_add_pe (stub, 0x5064, 4096);
  expect (stub, DIO_BOOT_LINUX_IMAGE, DIO_ARCH_RISCV64, "Linux kernel for riscv64");

  GByteArray *zboot = g_byte_array_new ();
  support_put (zboot, 511, 0, 1);
  support_add_pe (zboot, 0xaa64, 1024);
  support_put_bytes (zboot, 0, "MZ\0\0zimg", 8);
  expect (zboot, DIO_BOOT_LINUX_IMAGE, DIO_ARCH_ARM64, "Linux kernel for arm64");

  GByteArray *bzimage = with_magic (4096, 0x202, "HdrS", 4);
  support_put (bzimage, 0x1fe, 0xaa55, 2);
  support_put (bzimage, 0x206, 0x20f, 2);
  support_put (bzimage, 0x236, 1, 2);
  support_put (bzimage, 0x20e, 0x300, 2);
  support_put_bytes (bzimage, 0x500, "6.1.0-18-amd64 (x@y) #1", 24);
  DioBootIdentity identity = identify (bzimage);
  g_assert_cmpstr (identity.version, ==, "6.1.0-18-amd64");
  expect (bzimage, DIO_BOOT_BZIMAGE, DIO_ARCH_X86_64, "Linux kernel for x86_64");
}

static void
test_programs (void)
{
  expect (support_elf (243, 0x80000000, 0x80000000, 100, 100), DIO_BOOT_ELF, DIO_ARCH_RISCV64,
          "ELF program for riscv64");
  expect (support_elf (183, 0x80000000, 0x80000000, 100, 100), DIO_BOOT_ELF, DIO_ARCH_ARM64,
          "ELF program for arm64");
  expect (support_elf (62, 0x80000000, 0x80000000, 100, 100), DIO_BOOT_ELF, DIO_ARCH_X86_64,
          "ELF program for x86_64");
  expect (support_elf (2, 0x80000000, 0x80000000, 100, 100), DIO_BOOT_ELF, DIO_ARCH_NONE,
          "ELF program");
  GByteArray *big = support_elf (0x1500, 0, 0, 100, 100);
  big->data[5] = 2;
  expect (big, DIO_BOOT_ELF, DIO_ARCH_PPC64, "ELF program for ppc64");
  GByteArray *efi = g_byte_array_new ();
  support_put (efi, 511, 0, 1);
  support_add_pe (efi, 0x5064, 1024);
  expect (efi, DIO_BOOT_EFI, DIO_ARCH_RISCV64, "EFI program for riscv64");
  expect (with_magic (512, 0, "\xd0\x0d\xfe\xed", 4), DIO_BOOT_DEVICE_TREE, DIO_ARCH_NONE,
          "device tree");
  expect (with_magic (512, 0, "070701", 6), DIO_BOOT_INITRD, DIO_ARCH_NONE, "initial RAM disk");
}

/* A volume of UEFI firmware of 64 KiB behind @start bytes, with the first word @word. */
static GByteArray *
make_volume (size_t start, uint32_t word, const char *kind)
{
  GByteArray *array = with_magic (start + 65536, start + 40, "_FVH", 4);
  support_put (array, 0, word, 4);
  support_put_bytes (array, start + 16, kind, 16);
  support_put (array, start + 32, 65536, 8);
  return array;
}

static void
test_firmware (void)
{
  static const char code[] = "\x78\xe5\x8c\x8c\x3d\x8a\x1c\x4f\x99\x35\x89\x61\x85\xc3\x2d\xd3";
  static const char variables[] =
      "\x8d\x2b\xf1\xff\x96\x76\x8b\x4c\xa9\x85\x27\x47\x07\x5b\x4f\x50";

  expect (make_volume (4096, 0x14000400, code), DIO_BOOT_UEFI, DIO_ARCH_ARM64,
          "UEFI firmware for arm64");
  expect (make_volume (0, 0x14000400, code), DIO_BOOT_UEFI, DIO_ARCH_ARM64,
          "UEFI firmware for arm64");
  expect (make_volume (0, 0x0010006f, code), DIO_BOOT_UEFI, DIO_ARCH_RISCV64,
          "UEFI firmware for riscv64");
  expect (make_volume (0, 0, code), DIO_BOOT_UEFI, DIO_ARCH_X86_64, "UEFI firmware for x86_64");
  expect (make_volume (0, 0, variables), DIO_BOOT_UEFI, DIO_ARCH_NONE, "UEFI firmware");
}

static void
test_disks (void)
{
  GByteArray *iso = with_magic (40000, 32769, "CD001", 5);
  support_put_bytes (iso, 32768 + 40, "Debian 13.1.0 riscv64 1         ", 32);
  support_put (iso, 510, 0xaa55, 2); /* bootable as a disk too */
  DioBootIdentity identity = identify (iso);
  g_assert_cmpstr (identity.version, ==, "Debian 13.1.0 riscv64 1");
  expect (iso, DIO_BOOT_ISO, DIO_ARCH_RISCV64, "ISO 9660 image for riscv64");

  GByteArray *mbr = with_magic (1024, 510, "\x55\xaa", 2);
  support_put (mbr, 446, 0x80, 1);
  support_put (mbr, 446 + 4, 0x83, 1);
  support_put (mbr, 446 + 12, 2048, 4);
  expect (mbr, DIO_BOOT_DISK, DIO_ARCH_NONE, "disk with MBR partitions");
  expect (with_magic (1024, 512, "EFI PART", 8), DIO_BOOT_DISK, DIO_ARCH_NONE,
          "disk with GPT partitions");
  expect (with_magic (2048, 1024 + 56, "\x53\xef", 2), DIO_BOOT_DISK, DIO_ARCH_NONE,
          "ext file system");
  expect (with_magic (512, 0, "QFI\xfb", 4), DIO_BOOT_QCOW2, DIO_ARCH_NONE, "qcow2 disk image");
  /* The signature alone is not a partition table. */
  expect (with_magic (1024, 510, "\x55\xaa", 2), DIO_BOOT_UNKNOWN, DIO_ARCH_NONE, "unknown data");
}

/* Less than the volume is, but for padding; or more; or of a size that is not known. */
static void
test_cut_disc (void)
{
  g_autoptr (GByteArray) iso = with_magic (40000, 32769, "CD001", 5);
  DioBootIdentity identity;
  support_put_bytes (iso, 32768 + 40, "Debian 13.1.0 riscv64 1         ", 32);
  support_put (iso, 32768 + 80, 300000, 4);
  support_put (iso, 32768 + 128, 2048, 2);
  const struct {
    uint64_t size;
    DioBootCondition condition;
  } sizes[] = {
    { 300000u * 2048, DIO_BOOT_WHOLE },
    { 300000u * 2048 + 4096, DIO_BOOT_WHOLE },
    { (300000u - 150) * 2048, DIO_BOOT_WHOLE },
    { (300000u - 151) * 2048, DIO_BOOT_INCOMPLETE },
    { 40000, DIO_BOOT_INCOMPLETE },
    { 0, DIO_BOOT_WHOLE },
  };
  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++) {
    dio_boot_identify (iso->data, iso->len, sizes[i].size, &identity);
    g_assert_cmpint (identity.kind, ==, DIO_BOOT_ISO);
    g_assert_cmpint (identity.condition, ==, sizes[i].condition);
  }
  support_put (iso, 32768 + 80, UINT32_MAX, 4);
  support_put (iso, 32768 + 128, UINT16_MAX, 2);
  dio_boot_identify (iso->data, iso->len, UINT32_MAX, &identity);
  g_assert_cmpint (identity.condition, ==, DIO_BOOT_INCOMPLETE);
}

static void
test_compressions (void)
{
  DioBootIdentity identity;
  dio_boot_identify ("\x28\xb5\x2f\xfd rest", 9, 9, &identity);
  g_assert_cmpint (identity.compression, ==, DIO_COMPRESSION_ZSTD);
  g_assert_cmpstr (identity.title, ==, "unknown data, zstd");
  dio_boot_identify ("\xfd\x37\x7a\x58\x5a\0 rest", 11, 11, &identity);
  g_assert_cmpint (identity.compression, ==, DIO_COMPRESSION_XZ);
}

static void
test_files (void)
{
  DioBootIdentity identity;
  g_autoptr (GError) error = NULL;
  g_assert_true (dio_boot_identify_file ("/proc/self/exe", &identity, &error));
  g_assert_cmpint (identity.kind, ==, DIO_BOOT_ELF);
  g_assert_false (dio_boot_identify_file ("/nowhere", &identity, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (dio_boot_identify_file ("/dev/null", &identity, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
  g_clear_error (&error);
  g_assert_false (dio_boot_identify_file ("/", &identity, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

/* Random bytes behind every magic: the sanitizers look on. */
static void
test_noise (void)
{
  static const char *const magics[] = { "MZ", "\177ELF\2\1", "\x1f\x8b\x08", "070701", "" };
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  for (unsigned i = 0; i < 5000; i++) {
    uint8_t bytes[300];
    DioBootIdentity identity;
    const char *magic = magics[i % G_N_ELEMENTS (magics)];
    for (size_t j = 0; j < sizeof bytes; j++)
      bytes[j] = (uint8_t) g_rand_int (random);
    memcpy (bytes, magic, strlen (magic));
    dio_boot_identify (bytes, (size_t) g_rand_int_range (random, 0, sizeof bytes), 300, &identity);
    g_assert_nonnull (memchr (identity.title, 0, sizeof identity.title));
    g_assert_nonnull (memchr (identity.version, 0, sizeof identity.version));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/boot/image/kernels", test_kernels);
  g_test_add_func ("/core/boot/image/programs", test_programs);
  g_test_add_func ("/core/boot/image/disks", test_disks);
  g_test_add_func ("/core/boot/image/cut-disc", test_cut_disc);
  g_test_add_func ("/core/boot/image/firmware", test_firmware);
  g_test_add_func ("/core/boot/image/compressions", test_compressions);
  g_test_add_func ("/core/boot/image/files", test_files);
  g_test_add_func ("/core/boot/image/noise", test_noise);
  return g_test_run ();
}
