/* SPDX-License-Identifier: GPL-3.0-or-later
 * Tells from its first bytes what a file is that a machine could start from. */
#include "core/boot/boot-image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/boot/boot-efi.h"
#include "core/boot/boot-private.h"

enum {
  EM_386_ = 3,
  EM_PPC64_ = 21,
  EM_X86_64_ = 62,
  EM_AARCH64_ = 183,
  EM_RISCV_ = 243,
  PE_AMD64 = 0x8664,
  PE_ARM64 = 0xaa64,
  PE_RISCV64 = 0x5064,
};

/* ---- gzip ---- */

DioInflateResult
dio_boot_inflate (DioBootView in, size_t limit, uint8_t **out, size_t *length)
{
  z_stream stream = {
    .next_in = (Bytef *) in.data,
    .avail_in = (uInt) MIN (in.length, G_MAXUINT32),
  };
  size_t capacity = 0;
  *out = NULL;
  *length = 0;
  if (inflateInit2 (&stream, 16 + MAX_WBITS) != Z_OK)
    return DIO_INFLATE_NO_MEMORY;

  DioInflateResult result = DIO_INFLATE_FULL;
  while (*length < limit) {
    if (*length == capacity) {
      capacity = MIN (limit, MAX (capacity * 2, 64 * 1024));
      uint8_t *larger = g_try_realloc (*out, capacity);
      if (!larger) {
        result = DIO_INFLATE_NO_MEMORY;
        break;
      }
      *out = larger;
    }
    size_t room = MIN (capacity - *length, G_MAXINT32);
    stream.next_out = *out + *length;
    stream.avail_out = (uInt) room;
    int status = inflate (&stream, Z_NO_FLUSH);
    *length += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      result = DIO_INFLATE_DONE;
      break;
    }
    if (status == Z_BUF_ERROR || (status == Z_OK && !stream.avail_in && stream.avail_out)) {
      result = DIO_INFLATE_TRUNCATED;
      break;
    }
    if (status != Z_OK) {
      result = DIO_INFLATE_BROKEN;
      break;
    }
  }
  inflateEnd (&stream);
  return result;
}

/* ---- What is it ---- */

static DioArch
arch_of_elf (DioBootView view)
{
  bool wide = dio_boot_get (view, 4, 1) == 2;
  switch (dio_boot_get (view, 18, 2)) {
  case EM_RISCV_:
    return wide ? DIO_ARCH_RISCV64 : DIO_ARCH_NONE;
  case EM_AARCH64_:
    return DIO_ARCH_ARM64;
  case EM_X86_64_:
    return wide ? DIO_ARCH_X86_64 : DIO_ARCH_NONE;
  case EM_PPC64_:
    return DIO_ARCH_PPC64;
  default:
    return DIO_ARCH_NONE;
  }
}

static DioArch
arch_of_pe (uint64_t machine)
{
  switch (machine) {
  case PE_RISCV64:
    return DIO_ARCH_RISCV64;
  case PE_ARM64:
    return DIO_ARCH_ARM64;
  case PE_AMD64:
    return DIO_ARCH_X86_64;
  default:
    return DIO_ARCH_NONE;
  }
}

/* Copies text up to a NUL, printable ASCII only, without spaces at the end. */
static void
copy_text (char *to, size_t size, DioBootView view, uint64_t offset, size_t most)
{
  size_t count = 0;
  for (; count < MIN (most, size - 1); count++) {
    uint64_t byte = dio_boot_get (view, offset + count, 1);
    if (!byte)
      break;
    to[count] = byte >= ' ' && byte <= '~' ? (char) byte : '?';
  }
  to[count] = 0;
  g_strchomp (to);
}

/* Takes half a character off the end of text that was cut. */
static void
end_at_character (char *text)
{
  const char *end;
  if (!g_utf8_validate (text, -1, &end))
    text[end - text] = 0;
}

static void
set_title (DioBootIdentity *identity, const char *what)
{
  const char *arch = dio_arch_to_string (identity->arch);
  if (arch)
    /* Translators: a kind of file and an architecture, as in “Linux kernel for riscv64”. */
    g_snprintf (identity->title, sizeof identity->title, _ ("%s for %s"), _ (what), arch);
  else
    g_strlcpy (identity->title, _ (what), sizeof identity->title);
  end_at_character (identity->title);
}

/* Linux' own images; true if it is one. */
static bool
identify_linux (DioBootView view, DioBootIdentity *identity)
{
  if (dio_boot_has (view, 56, "RSC\x05", 4) || dio_boot_has (view, 48, "RISCV\0\0\0", 8)) {
    identity->kind = DIO_BOOT_LINUX_IMAGE;
    identity->arch = DIO_ARCH_RISCV64;
  } else if (dio_boot_has (view, 56, "ARM\x64", 4)) {
    identity->kind = DIO_BOOT_LINUX_IMAGE;
    identity->arch = DIO_ARCH_ARM64;
  } else if (dio_boot_has (view, 0x202, "HdrS", 4) && dio_boot_has (view, 0x1fe, "\x55\xaa", 2)) {
    bool wide = dio_boot_get (view, 0x206, 2) >= 0x20c && (dio_boot_get (view, 0x236, 2) & 1);
    uint64_t version = dio_boot_get (view, 0x20e, 2);
    identity->kind = DIO_BOOT_BZIMAGE;
    identity->arch = wide ? DIO_ARCH_X86_64 : DIO_ARCH_NONE;
    if (version)
      copy_text (identity->version, sizeof identity->version, view, version + 0x200, 63);
    /* "6.1.0-18-amd64 (builder@host) #1 ...": the first word is the version. */
    identity->version[strcspn (identity->version, " ")] = 0;
  } else if (dio_boot_has (view, 0, "MZ\0\0zimg", 8)) {
    uint64_t pe = dio_boot_get (view, 0x3c, 4);
    identity->kind = DIO_BOOT_LINUX_IMAGE;
    identity->arch = arch_of_pe (dio_boot_get (view, pe + 4, 2));
  } else {
    return false;
  }
  set_title (identity, N_ ("Linux kernel"));
  return true;
}

static bool
identify_program (DioBootView view, DioBootIdentity *identity)
{
  if (dio_boot_has (view, 0, "\177ELF", 4)) {
    identity->kind = DIO_BOOT_ELF;
    /* Byte 5 says the order of bytes. */
    identity->machine = (uint16_t) dio_boot_get (view, 18, 2);
    if (dio_boot_get (view, 5, 1) == 2)
      identity->machine = GUINT16_SWAP_LE_BE (identity->machine);
    identity->arch = identity->machine == EM_PPC64_ ? DIO_ARCH_PPC64 : arch_of_elf (view);
    set_title (identity, N_ ("ELF program"));
    return true;
  }
  uint64_t pe = dio_boot_get (view, 0x3c, 4);
  if (dio_boot_has (view, 0, "MZ", 2) && dio_boot_has (view, pe, "PE\0\0", 4)) {
    identity->kind = DIO_BOOT_EFI;
    identity->machine = (uint16_t) dio_boot_get (view, pe + 4, 2);
    identity->arch = arch_of_pe (identity->machine);
    set_title (identity, N_ ("EFI program"));
    return true;
  }
  if (dio_boot_has (view, 0, "\xd0\x0d\xfe\xed", 4)) {
    identity->kind = DIO_BOOT_DEVICE_TREE;
    set_title (identity, N_ ("device tree"));
    return true;
  }
  if (dio_boot_has (view, 0, "070701", 6) || dio_boot_has (view, 0, "070702", 6)
      || dio_boot_has (view, 0, "070707", 6)) {
    identity->kind = DIO_BOOT_INITRD;
    set_title (identity, N_ ("initial RAM disk"));
    return true;
  }
  return false;
}

/* What runs at the start of flash is the first word of the volume, or of the page before it: where
 * it is a jump it tells for whom. Firmware for x86 has none, as that starts at the end. */
static bool
identify_uefi (DioBootView view, DioBootIdentity *identity)
{
  static const uint8_t code_volume[16] = { 0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f,
                                           0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3 };
  uint64_t volume = dio_boot_has (view, DIO_PAGE_SIZE + 40, "_FVH", 4) ? DIO_PAGE_SIZE : 0;
  uint64_t word = dio_boot_get (view, 0, 4);

  if (!dio_boot_has (view, volume + 40, "_FVH", 4))
    return false;
  identity->kind = DIO_BOOT_UEFI;
  if (word >> 26 == 0x05) /* B */
    identity->arch = DIO_ARCH_ARM64;
  else if ((word & 0x7f) == 0x6f) /* JAL */
    identity->arch = DIO_ARCH_RISCV64;
  else if (word == 0 && dio_boot_has (view, volume + 16, code_volume, sizeof code_volume))
    identity->arch = DIO_ARCH_X86_64;
  set_title (identity, N_ ("UEFI firmware"));
  return true;
}

static bool
has_partition_table (DioBootView view)
{
  bool any = false;
  if (!dio_boot_has (view, 510, "\x55\xaa", 2))
    return false;
  for (unsigned i = 0; i < 4; i++) {
    uint64_t entry = 446 + 16 * i;
    uint64_t active = dio_boot_get (view, entry, 1);
    if (active != 0 && active != 0x80)
      return false;
    any |= dio_boot_get (view, entry + 4, 1) != 0 && dio_boot_get (view, entry + 12, 4) != 0;
  }
  return any;
}

/* The architecture that installation media name in their volume's name. */
static DioArch
arch_of_volume (const char *name)
{
  static const struct {
    const char *word;
    DioArch arch;
  } words[] = {
    { "riscv64", DIO_ARCH_RISCV64 }, { "arm64", DIO_ARCH_ARM64 },   { "aarch64", DIO_ARCH_ARM64 },
    { "amd64", DIO_ARCH_X86_64 },    { "x86_64", DIO_ARCH_X86_64 }, { "ppc64", DIO_ARCH_PPC64 },
  };
  g_autofree char *lower = g_ascii_strdown (name, -1);
  for (size_t i = 0; i < G_N_ELEMENTS (words); i++)
    if (strstr (lower, words[i].word))
      return words[i].arch;
  return DIO_ARCH_NONE;
}

static bool
identify_disk (DioBootView view, DioBootIdentity *identity)
{
  static const struct {
    uint64_t offset;
    const char *magic;
    size_t length;
    DioBootKind kind;
    const char *title;
  } known[] = {
    { 0, "QFI\xfb", 4, DIO_BOOT_QCOW2, N_ ("qcow2 disk image") },
    { 0, "KDMV", 4, DIO_BOOT_FOREIGN_DISK, N_ ("VMDK disk image") },
    { 0, "vhdxfile", 8, DIO_BOOT_FOREIGN_DISK, N_ ("VHDX disk image") },
    { 64, "\x7f\x10\xda\xbe", 4, DIO_BOOT_FOREIGN_DISK, N_ ("VDI disk image") },
    { 512, "EFI PART", 8, DIO_BOOT_DISK, N_ ("disk with GPT partitions") },
    { 4096, "EFI PART", 8, DIO_BOOT_DISK, N_ ("disk with GPT partitions") },
    { 1024 + 56, "\x53\xef", 2, DIO_BOOT_DISK, N_ ("ext file system") },
    { 0, "XFSB", 4, DIO_BOOT_DISK, N_ ("XFS file system") },
    { 65536 + 64, "_BHRfS_M", 8, DIO_BOOT_DISK, N_ ("btrfs file system") },
    { 0, "hsqs", 4, DIO_BOOT_DISK, N_ ("SquashFS file system") },
    { 54, "FAT", 3, DIO_BOOT_DISK, N_ ("FAT file system") },
    { 82, "FAT32", 5, DIO_BOOT_DISK, N_ ("FAT file system") },
  };
  if (dio_boot_has (view, 32769, "CD001", 5)) {
    identity->kind = DIO_BOOT_ISO;
    copy_text (identity->version, sizeof identity->version, view, 32768 + 40, 32);
    identity->arch = arch_of_volume (identity->version);
    set_title (identity, N_ ("ISO 9660 image"));
    return true;
  }
  for (size_t i = 0; i < G_N_ELEMENTS (known); i++)
    if (dio_boot_has (view, known[i].offset, known[i].magic, known[i].length)) {
      identity->kind = known[i].kind;
      set_title (identity, known[i].title);
      return true;
    }
  if (has_partition_table (view)) {
    identity->kind = DIO_BOOT_DISK;
    set_title (identity, N_ ("disk with MBR partitions"));
    return true;
  }
  return false;
}

static void
identify_plain (DioBootView view, DioBootIdentity *identity)
{
  if (!identify_linux (view, identity) && !identify_program (view, identity)
      && !identify_uefi (view, identity) && !identify_disk (view, identity))
    set_title (identity, N_ ("unknown data"));
}

/* What the first volume descriptor says (ECMA-119 8.4.8, 8.4.12) that the file does not have, but
 * for the padding that some leave off. A device has no size. */
static void
check_iso_size (DioBootView view, uint64_t file_size, DioBootIdentity *identity)
{
  enum { DESCRIPTOR = 32768, PADDING = 150 * 2048 };
  uint64_t blocks = dio_boot_get (view, DESCRIPTOR + 80, 4);
  uint64_t size = blocks * dio_boot_get (view, DESCRIPTOR + 128, 2);
  if (identity->kind == DIO_BOOT_ISO && file_size && size > file_size + PADDING)
    identity->condition = DIO_BOOT_INCOMPLETE;
}

static DioCompression
compression_of (DioBootView view, const char **name)
{
  static const struct {
    const char *magic;
    size_t length;
    DioCompression compression;
    const char *name;
  } known[] = {
    { "\x1f\x8b\x08", 3, DIO_COMPRESSION_GZIP, "gzip" },
    { "\x28\xb5\x2f\xfd", 4, DIO_COMPRESSION_ZSTD, "zstd" },
    { "\xfd\x37\x7a\x58\x5a\x00", 6, DIO_COMPRESSION_XZ, "xz" },
    { "\x02\x21\x4c\x18", 4, DIO_COMPRESSION_LZ4, "lz4" },
    { "\x04\x22\x4d\x18", 4, DIO_COMPRESSION_LZ4, "lz4" },
    { "BZh", 3, DIO_COMPRESSION_BZIP2, "bzip2" },
  };
  for (size_t i = 0; i < G_N_ELEMENTS (known); i++)
    if (dio_boot_has (view, 0, known[i].magic, known[i].length)) {
      *name = known[i].name;
      return known[i].compression;
    }
  return DIO_COMPRESSION_NONE;
}

void
dio_boot_identify (const void *data, size_t length, uint64_t file_size, DioBootIdentity *identity)
{
  const char *compression_name = NULL;
  DioBootView view = { data, length };
  *identity = (DioBootIdentity){ .compression = compression_of (view, &compression_name) };
  if (!compression_name) {
    identify_plain (view, identity);
    check_iso_size (view, file_size, identity);
    return;
  }

  if (identity->compression == DIO_COMPRESSION_GZIP) {
    g_autofree uint8_t *inside = NULL;
    DioBootView inner = { 0 };
    dio_boot_inflate (view, DIO_BOOT_PROBE_SIZE, &inside, &inner.length);
    inner.data = inside;
    identify_plain (inner, identity);
  } else {
    set_title (identity, N_ ("unknown data"));
  }
  g_autofree char *title = g_strdup_printf (_ ("%s, %s"), identity->title, compression_name);
  g_strlcpy (identity->title, title, sizeof identity->title);
  end_at_character (identity->title);
}

static bool
read_fd (void *data, uint64_t offset, void *bytes, size_t length)
{
  const int *fd = data;
  return pread (*fd, bytes, length, (off_t) offset) == (ssize_t) length;
}

/* A disk says by its boot file what it is for. */
static void
set_efi (DioBootIdentity *identity, DioArch arch)
{
  bool is_disk = identity->kind == DIO_BOOT_DISK || identity->kind == DIO_BOOT_ISO;
  g_autofree char *what = g_strdup (identity->title);

  if (!is_disk || identity->arch != DIO_ARCH_NONE || arch == DIO_ARCH_NONE
      || identity->compression != DIO_COMPRESSION_NONE)
    return;
  identity->arch = arch;
  g_snprintf (identity->title, sizeof identity->title, _ ("%s for %s"), what,
              dio_arch_to_string (arch));
  end_at_character (identity->title);
}

bool
dio_boot_identify_file (const char *path, DioBootIdentity *identity, GError **error)
{
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("The file “%s” could not be opened"), path);
    return false;
  }
  if (fstat (fd, &status) < 0 || (!S_ISREG (status.st_mode) && !S_ISBLK (status.st_mode))) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("“%s” is not a regular file"), path);
    close (fd);
    return false;
  }
  g_autofree uint8_t *bytes = g_malloc (DIO_BOOT_PROBE_SIZE);
  size_t length = 0;
  ssize_t count;
  while (length < DIO_BOOT_PROBE_SIZE
         && ((count = pread (fd, bytes + length, DIO_BOOT_PROBE_SIZE - length, (off_t) length)) > 0
             || (count < 0 && errno == EINTR)))
    length += (size_t) MAX (count, 0);
  int reason = errno;
  bool readable = length > 0 || status.st_size == 0;
  DioArch efi = readable ? dio_boot_find_efi (read_fd, &fd) : DIO_ARCH_NONE;
  bool damaged = readable && dio_boot_is_catalogue_damaged (read_fd, &fd);
  close (fd);
  if (!readable) {
    dio_set_error_errno (error, reason, _ ("The file “%s” could not be read"), path);
    return false;
  }
  dio_boot_identify (bytes, length, (uint64_t) status.st_size, identity);
  set_efi (identity, efi);
  if (damaged && identity->kind == DIO_BOOT_ISO && identity->condition == DIO_BOOT_WHOLE)
    identity->condition = DIO_BOOT_DAMAGED;
  return true;
}

/* ---- PE ---- */

uint64_t
dio_boot_pe_size (DioBootView view)
{
  enum { FILE_HEADER = 24, SECTION_HEADER = 40, MAX_SECTIONS = 96 };
  uint64_t pe = dio_boot_get (view, 0x3c, 4);
  if (!dio_boot_has (view, 0, "MZ", 2) || !dio_boot_has (view, pe, "PE\0\0", 4))
    return 0;
  uint64_t sections = MIN (dio_boot_get (view, pe + 6, 2), MAX_SECTIONS);
  uint64_t first = pe + FILE_HEADER + dio_boot_get (view, pe + 20, 2);
  uint64_t needed = 0;
  for (uint64_t i = 0; i < sections; i++) {
    uint64_t header = first + i * SECTION_HEADER;
    uint64_t size = dio_boot_get (view, header + 16, 4);
    uint64_t offset = dio_boot_get (view, header + 20, 4);
    needed = MAX (needed, offset + size);
  }
  return needed;
}
