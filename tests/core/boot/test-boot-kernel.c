/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tests of the loaders: what goes where, and what is refused in which words. */
#include "core/boot/boot-kernel.h"

#include <string.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/boot/boot-opensbi.h"
#include "core/boot/boot-uefi.h"
#include "tests/support/support-files.h"

#define BASE UINT64_C (0x80000000)
#define MIB (UINT64_C (1) << 20)
#define SIZE (64 * MIB)
#define LIMIT (BASE + SIZE)
#define MINIMUM (BASE + 2 * MIB)

typedef struct {
  DioRam *ram;
  DioSpace *space;
  char *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->ram = dio_ram_new (SIZE, "test", &error);
  g_assert_no_error (error);
  f->space = dio_space_new ();
  dio_space_map_ram (f->space, BASE, f->ram, 0, SIZE, false);
  close (g_file_open_tmp ("dio-boot-XXXXXX", &f->path, &error));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  dio_space_free (f->space);
  dio_ram_free (f->ram);
  unlink (f->path);
  g_free (f->path);
}

static void
put (Fixture *f, GByteArray *array)
{
  g_assert_true (g_file_set_contents (f->path, (const char *) array->data, array->len, NULL));
  g_byte_array_unref (array);
}

static bool
load (Fixture *f, DioBootLoaded *loaded, GError **error)
{
  return dio_boot_load_kernel (f->space, DIO_ARCH_RISCV64, f->path, BASE, MINIMUM, LIMIT, loaded,
                               error);
}

/* Consumes @array. @words: what the message must say, separated by '|'. */
static void
expect_refused (Fixture *f, GByteArray *array, int code, const char *words)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  put (f, array);
  g_assert_false (load (f, &loaded, &error));
  g_assert_error (error, DIO_ERROR, code);
  g_assert_nonnull (strstr (error->message, f->path));
  g_auto (GStrv) list = g_strsplit (words, "|", 0);
  for (char **word = list; *word; word++)
    if (!strstr (error->message, *word))
      g_error ("“%s” does not say “%s”", error->message, *word);
}

static void
expect_pattern (Fixture *f, DioGpa start, size_t from, size_t length)
{
  for (size_t i = from; i < length; i++)
    g_assert_cmpuint (f->ram->host[start - BASE + i], ==, support_pattern (i));
  g_assert_cmpuint (f->ram->host[start - BASE + length], ==, 0);
}

static void
test_image (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  put (f, support_linux_image (DIO_ARCH_RISCV64, 100000, 2 * MIB, 4 * MIB));
  g_assert_true (load (f, &loaded, &error));
  g_assert_no_error (error);
  g_assert_cmphex (loaded.entry, ==, BASE + 2 * MIB);
  g_assert_cmphex (loaded.end, ==, BASE + 6 * MIB);
  expect_pattern (f, loaded.start, 64, 100000);
}

static void
test_image_gzip (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) image = support_linux_image (DIO_ARCH_RISCV64, 100000, 0, 0);
  put (f, support_gzip (image));
  g_assert_true (load (f, &loaded, &error));
  g_assert_no_error (error);
  g_assert_cmphex (loaded.entry, ==, MINIMUM); /* offset 0 would be in the firmware */
  expect_pattern (f, loaded.start, 64, 100000);
}

static void
test_image_zboot (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) image = support_linux_image (DIO_ARCH_RISCV64, 100000, 2 * MIB, 4 * MIB);
  g_autoptr (GByteArray) packed = support_gzip (image);
  GByteArray *zboot = g_byte_array_new ();
  support_put (zboot, 1023, 0, 1);
  support_add_pe (zboot, 0x5064, 1024);
  support_put_bytes (zboot, 0, "MZ\0\0zimg", 8);
  support_put (zboot, 8, 1024, 4);
  support_put (zboot, 12, packed->len, 4);
  support_put_bytes (zboot, 24, "gzip", 5);
  support_put_bytes (zboot, 1024, packed->data, packed->len);
  put (f, zboot);
  g_assert_true (load (f, &loaded, &error));
  g_assert_no_error (error);
  expect_pattern (f, loaded.start, 64, 100000);
}

static void
test_elf (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  put (f, support_elf (243, MINIMUM + 4096, MINIMUM + 4100, 5000, 8000));
  g_assert_true (load (f, &loaded, &error));
  g_assert_no_error (error);
  g_assert_cmphex (loaded.entry, ==, MINIMUM + 4100);
  g_assert_cmphex (loaded.start, ==, MINIMUM + 4096);
  g_assert_cmphex (loaded.end, ==, MINIMUM + 4096 + 8000);
  for (size_t i = 0; i < 5000; i++)
    g_assert_cmpuint (f->ram->host[MINIMUM + 4096 - BASE + i], ==, support_pattern (4096 + i));

  /* A virtual entry address, as kernels have. */
  GByteArray *virtual = support_elf (243, MINIMUM, 0, 100, 100);
  support_put (virtual, 64 + 16, UINT64_C (0xffffffff80000000), 8);
  support_put (virtual, 24, UINT64_C (0xffffffff80000010), 8);
  put (f, virtual);
  g_assert_true (load (f, &loaded, &error));
  g_assert_cmphex (loaded.entry, ==, MINIMUM + 0x10);
}

static void
test_refusals (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  g_assert_false (dio_boot_load_kernel (f->space, DIO_ARCH_RISCV64, "/nowhere", BASE, MINIMUM,
                                        LIMIT, &loaded, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);

  expect_refused (f, g_byte_array_new (), DIO_ERROR_FORMAT, "empty");
  expect_refused (f, support_linux_image (DIO_ARCH_ARM64, 4096, 0, 0), DIO_ERROR_WRONG_ARCH,
                  "Linux kernel for arm64|riscv64");
  expect_refused (f, support_elf (62, MINIMUM, MINIMUM, 100, 100), DIO_ERROR_WRONG_ARCH,
                  "x86_64|riscv64");
  expect_refused (f, support_linux_image (DIO_ARCH_RISCV64, 4096, 2 * MIB, 128 * MIB),
                  DIO_ERROR_CONFIG, "128.0|more memory");
  expect_refused (f, support_linux_image (DIO_ARCH_RISCV64, 4096, 2 * MIB, UINT64_MAX),
                  DIO_ERROR_CONFIG, "more memory");
  expect_refused (f, support_linux_image (DIO_ARCH_RISCV64, 4096, UINT64_MAX - 4096, 4096),
                  DIO_ERROR_FORMAT, "damaged");
  GByteArray *cut = support_linux_image (DIO_ARCH_RISCV64, 4096, 2 * MIB, 128 * 1024);
  support_add_pe (cut, 0x5064, 100000);
  expect_refused (f, cut, DIO_ERROR_FORMAT, "incomplete");

  g_autoptr (GByteArray) image = support_linux_image (DIO_ARCH_RISCV64, 400000, 2 * MIB, 0);
  GByteArray *packed = support_gzip (image);
  g_byte_array_set_size (packed, packed->len - 10);
  expect_refused (f, packed, DIO_ERROR_FORMAT, "incomplete");
  packed = support_gzip (image);
  memset (packed->data + packed->len - 8, 0xff, 4); /* its checksum */
  expect_refused (f, packed, DIO_ERROR_FORMAT, "damaged");

  /* A small file that unpacks to more than the memory. */
  GByteArray *bomb = support_linux_image (DIO_ARCH_RISCV64, 64, 2 * MIB, 0);
  support_put (bomb, 100 * MIB, 0, 1);
  packed = support_gzip (bomb);
  g_byte_array_unref (bomb);
  expect_refused (f, packed, DIO_ERROR_CONFIG, "more memory");

  GByteArray *initrd = g_byte_array_new ();
  support_put_bytes (initrd, 0, "070701 and so on", 16);
  expect_refused (f, initrd, DIO_ERROR_FORMAT, "initial RAM disk|Linux Image");
  GByteArray *zstd = g_byte_array_new ();
  support_put_bytes (zstd, 0, "\x28\xb5\x2f\xfd............", 16);
  expect_refused (f, zstd, DIO_ERROR_FORMAT, "zstd|unpack");
}

static void
test_bad_elf (Fixture *f, gconstpointer data)
{
  static const struct {
    size_t offset;
    uint64_t value;
    unsigned size;
    int code;
    const char *words;
  } changes[] = {
    { 4, 1, 1, DIO_ERROR_FORMAT, "" },                         /* 32 bits */
    { 5, 2, 1, DIO_ERROR_FORMAT, "" },                         /* big-endian */
    { 32, UINT64_MAX - 4, 8, DIO_ERROR_FORMAT, "incomplete" }, /* table */
    { 54, 8, 2, DIO_ERROR_FORMAT, "incomplete" },              /* entry size */
    { 54, 0xffff, 2, DIO_ERROR_FORMAT, "incomplete" },         /* entry size */
    { 56, 0, 2, DIO_ERROR_FORMAT, "incomplete" },              /* entries */
    { 56, 0xffff, 2, DIO_ERROR_FORMAT, "incomplete" },         /* entries */
    { 24, 0x1234, 8, DIO_ERROR_FORMAT, "entry" },              /* entry point */
    { 64, 2, 4, DIO_ERROR_FORMAT, "nothing" },                 /* no PT_LOAD */
    { 72, UINT64_MAX, 8, DIO_ERROR_FORMAT, "incomplete" },     /* offset */
    { 96, UINT64_MAX, 8, DIO_ERROR_FORMAT, "incomplete" },     /* file size */
    { 104, 50, 8, DIO_ERROR_FORMAT, "damaged" },               /* smaller in memory */
    { 104, UINT64_MAX, 8, DIO_ERROR_FORMAT, "address" },       /* huge in memory */
    { 104, SIZE, 8, DIO_ERROR_FORMAT, "address" },             /* beyond the end */
    { 88, BASE, 8, DIO_ERROR_FORMAT, "0x80000000" },           /* over the firmware */
    { 88, 0, 8, DIO_ERROR_FORMAT, "0x0" },                     /* no memory there */
    { 88, UINT64_MAX - 10, 8, DIO_ERROR_FORMAT, "address" },   /* wraps */
    { 88, LIMIT - 50, 8, DIO_ERROR_FORMAT, "address" },        /* half outside */
  };
  for (size_t i = 0; i < G_N_ELEMENTS (changes); i++) {
    GByteArray *elf = support_elf (243, MINIMUM, MINIMUM, 100, 100);
    support_put (elf, changes[i].offset, changes[i].value, changes[i].size);
    expect_refused (f, elf, changes[i].code, changes[i].words);
  }
  /* None of them wrote anything. */
  for (size_t i = 0; i < SIZE; i += 50)
    g_assert_cmpuint (f->ram->host[i], ==, 0);
}

static void
test_initrd (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  GByteArray *initrd = g_byte_array_new ();
  for (size_t i = 0; i < 3 * MIB / 2 + 123; i++) {
    uint8_t byte = support_pattern (i);
    g_byte_array_append (initrd, &byte, 1);
  }
  put (f, initrd);
  g_assert_true (dio_boot_load_initrd (f->space, f->path, MINIMUM, LIMIT - MIB, &loaded, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (loaded.start % DIO_PAGE_SIZE, ==, 0);
  g_assert_cmphex (loaded.end, <=, LIMIT - MIB);
  g_assert_cmphex (loaded.end, >, LIMIT - MIB - DIO_PAGE_SIZE);
  g_assert_cmpuint (loaded.end - loaded.start, ==, 3 * MIB / 2 + 123);
  expect_pattern (f, loaded.start, 0, 3 * MIB / 2 + 123);

  g_assert_false (dio_boot_load_initrd (f->space, f->path, LIMIT - MIB, LIMIT, &loaded, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_CONFIG);
  g_clear_error (&error);
  put (f, g_byte_array_new ());
  g_assert_false (dio_boot_load_initrd (f->space, f->path, MINIMUM, LIMIT, &loaded, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

static void
test_firmware (Fixture *f, gconstpointer data)
{
  DioBootLoaded loaded;
  g_autoptr (GError) error = NULL;
  GByteArray *flat = g_byte_array_new ();
  for (size_t i = 0; i < 3000; i++) {
    uint8_t byte = support_pattern (i);
    g_byte_array_append (flat, &byte, 1);
  }
  put (f, flat);
  g_assert_true (
      dio_boot_load_firmware (f->space, DIO_ARCH_RISCV64, f->path, BASE, LIMIT, &loaded, &error));
  g_assert_cmphex (loaded.entry, ==, BASE);
  g_assert_cmphex (loaded.end, ==, BASE + 3000);
  expect_pattern (f, BASE, 0, 3000);

  put (f, support_elf (243, BASE, BASE + 8, 100, 100));
  g_assert_true (
      dio_boot_load_firmware (f->space, DIO_ARCH_RISCV64, f->path, BASE, LIMIT, &loaded, &error));
  g_assert_cmphex (loaded.entry, ==, BASE + 8);

  /* Position-independent. */
  GByteArray *pie = support_elf (243, 0, 8, 100, 100);
  support_put (pie, 16, 3, 2);
  put (f, pie);
  g_assert_true (
      dio_boot_load_firmware (f->space, DIO_ARCH_RISCV64, f->path, BASE, LIMIT, &loaded, &error));
  g_assert_cmphex (loaded.entry, ==, BASE + 8);

  put (f, support_elf (183, BASE, BASE, 100, 100));
  g_assert_false (
      dio_boot_load_firmware (f->space, DIO_ARCH_RISCV64, f->path, BASE, LIMIT, &loaded, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_WRONG_ARCH);
  g_clear_error (&error);
  put (f, support_linux_image (DIO_ARCH_RISCV64, 4096, 0, 0));
  g_assert_false (
      dio_boot_load_firmware (f->space, DIO_ARCH_RISCV64, f->path, BASE, LIMIT, &loaded, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

/* Consumes @array. The message names the file and says @words. */
static void
expect_no_rom (Fixture *f, GByteArray *array, int code, const char *words)
{
  g_autoptr (GError) error = NULL;
  put (f, array);
  g_assert_false (dio_boot_load_rom (f->ram, 4 * MIB, MIB, DIO_ARCH_ARM64, f->path, &error));
  g_assert_error (error, DIO_ERROR, code);
  g_assert_nonnull (strstr (error->message, f->path));
  if (!strstr (error->message, words))
    g_error ("“%s” does not say “%s”", error->message, words);
  for (size_t i = 4 * MIB; i < 5 * MIB; i++)
    g_assert_cmpuint (f->ram->host[i], ==, 0);
}

static GByteArray *
make_volume (uint32_t word, uint64_t length)
{
  GByteArray *array = g_byte_array_new ();
  support_put (array, 65535, 0x5a, 1);
  support_put (array, 0, word, 4);
  support_put (array, 4096 + 32, length, 8);
  support_put_bytes (array, 4096 + 40, "_FVH", 4);
  return array;
}

static void
test_rom (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GByteArray *bytes = make_volume (0x14000400, 61440);
  g_assert_true (g_file_set_contents (f->path, (const char *) bytes->data, bytes->len, NULL));
  g_assert_true (dio_boot_load_rom (NULL, 0, MIB, DIO_ARCH_ARM64, f->path, &error));
  g_assert_true (dio_boot_load_rom (f->ram, 4 * MIB, MIB, DIO_ARCH_ARM64, f->path, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (f->ram->host + 4 * MIB, bytes->len, bytes->data, bytes->len);
  memset (f->ram->host + 4 * MIB, 0, MIB);
  g_byte_array_unref (bytes);

  expect_no_rom (f, make_volume (0x14000400, 61441), DIO_ERROR_FORMAT, "incomplete");
  expect_no_rom (f, make_volume (0x14000400, UINT64_MAX), DIO_ERROR_FORMAT, "incomplete");
  expect_no_rom (f, make_volume (0x0010006f, 61440), DIO_ERROR_WRONG_ARCH, "riscv64");
  expect_no_rom (f, make_volume (0, 61440), DIO_ERROR_FORMAT, "no program");
  expect_no_rom (f, support_elf (183, BASE, BASE, 100, 100), DIO_ERROR_FORMAT, "ELF");
  bytes = g_byte_array_new ();
  support_put (bytes, MIB, 0, 1);
  expect_no_rom (f, bytes, DIO_ERROR_FORMAT, "larger than");
  bytes = g_byte_array_new ();
  support_put (bytes, 65535, 0, 1);
  expect_no_rom (f, bytes, DIO_ERROR_FORMAT, "no program");
}

static void
test_read (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  put (f, support_linux_image (DIO_ARCH_ARM64, 5000, 0, 0));
  g_autoptr (GBytes) kernel = dio_boot_read_kernel (DIO_ARCH_ARM64, f->path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (kernel), ==, 5000);
  g_assert_null (dio_boot_read_kernel (DIO_ARCH_RISCV64, f->path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_WRONG_ARCH);
  g_clear_error (&error);
  g_autoptr (GBytes) initrd = dio_boot_read_initrd (f->path, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (kernel, initrd));
  put (f, g_byte_array_new ());
  g_assert_null (dio_boot_read_initrd (f->path, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_FORMAT);
}

static void
test_uefi (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("DIORAMA_UEFI", "/nowhere/uefi.fd", TRUE);
  g_assert_null (dio_uefi_find (DIO_ARCH_ARM64, &error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/nowhere/uefi.fd"));
  g_assert_nonnull (strstr (error->message, "DIORAMA_UEFI"));
  g_setenv ("DIORAMA_UEFI", "/proc/self/exe", TRUE);
  g_autofree char *path = dio_uefi_find (DIO_ARCH_ARM64, NULL);
  g_assert_cmpstr (path, ==, "/proc/self/exe");
  g_unsetenv ("DIORAMA_UEFI");
  g_clear_error (&error);
  g_assert_null (dio_uefi_find (DIO_ARCH_PPC64, &error));
  g_assert_nonnull (strstr (error->message, "qemu-efi"));
}

static void
test_opensbi (void)
{
  uint8_t info[DIO_OPENSBI_INFO_SIZE];
  g_autoptr (GError) error = NULL;
  dio_opensbi_info (info, 0x80200000, 1);
  static const uint8_t expected[DIO_OPENSBI_INFO_SIZE] = {
    0x4f, 0x53, 0x42, 0x49, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x80, 0, 0, 0, 0,
    1,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,    0,    0, 0, 0, 0,
  };
  g_assert_cmpmem (info, sizeof info, expected, sizeof expected);

  g_setenv ("DIORAMA_OPENSBI", "/nowhere/fw.bin", TRUE);
  g_assert_null (dio_opensbi_find (&error));
  g_assert_error (error, DIO_ERROR, DIO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "/nowhere/fw.bin"));
  g_setenv ("DIORAMA_OPENSBI", "/proc/self/exe", TRUE);
  g_autofree char *path = dio_opensbi_find (NULL);
  g_assert_cmpstr (path, ==, "/proc/self/exe");
  g_unsetenv ("DIORAMA_OPENSBI");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add (name, Fixture, NULL, set_up, func, tear_down)
  ADD ("/core/boot/kernel/image", test_image);
  ADD ("/core/boot/kernel/image-gzip", test_image_gzip);
  ADD ("/core/boot/kernel/image-zboot", test_image_zboot);
  ADD ("/core/boot/kernel/elf", test_elf);
  ADD ("/core/boot/kernel/refusals", test_refusals);
  ADD ("/core/boot/kernel/bad-elf", test_bad_elf);
  ADD ("/core/boot/kernel/initrd", test_initrd);
  ADD ("/core/boot/kernel/firmware", test_firmware);
  ADD ("/core/boot/kernel/rom", test_rom);
  ADD ("/core/boot/kernel/read", test_read);
#undef ADD
  g_test_add_func ("/core/boot/kernel/opensbi", test_opensbi);
  g_test_add_func ("/core/boot/kernel/uefi", test_uefi);
  return g_test_run ();
}
