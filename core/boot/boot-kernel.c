/* SPDX-License-Identifier: GPL-3.0-or-later
 * Loads kernels, initial RAM disks and firmware into guest memory. The RAM is all zeros when they
 * come, so nothing behind a file's end has to be cleared. */
#include "core/boot/boot-kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/base-error.h"
#include "core/base/base-i18n.h"
#include "core/boot/boot-image.h"
#include "core/boot/boot-private.h"

#define MIB (UINT64_C (1) << 20)
#define CHUNK MIB
/* Where Images of arm64 and riscv64 want to be aligned. */
#define IMAGE_ALIGN (2 * MIB)
/* A kernel or firmware file larger than this is something else. */
#define MAX_FILE (1024 * MIB)
enum { MAX_SEGMENTS = 128 };

/* A file read whole. */
typedef struct {
  const char *path;
  const char *what; /* "The kernel", translated */
  uint8_t *data;
  size_t length;
  DioBootIdentity identity;
} File;

static void
file_clear (File *file)
{
  g_free (file->data);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (File, file_clear)

/* ---- Errors ---- */

static bool
fail_format (const File *file, GError **error, const char *why)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” cannot be used: %s"), file->what,
               file->path, why);
  return false;
}

static bool
fail_truncated (const File *file, GError **error)
{
  return fail_format (file, error, _ ("the file is incomplete; get it again"));
}

static bool
fail_room (const char *what, const char *path, uint64_t size, GError **error)
{
  g_autofree char *text = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (
      error, DIO_ERROR, DIO_ERROR_CONFIG,
      _ ("%s “%s” takes %s, which does not fit into the machine's memory; give the machine "
         "more memory"),
      what, path, text);
  return false;
}

/* The file is something, but not what is needed. */
static bool
fail_kind (const File *file, DioArch arch, GError **error)
{
  const DioBootIdentity *identity = &file->identity;
  if (identity->arch != DIO_ARCH_NONE && identity->arch != arch) {
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_WRONG_ARCH,
        _ ("%s “%s” is for machines of the architecture %s (%s), but this one is %s; choose a "
           "file for %s"),
        file->what, file->path, dio_arch_to_string (identity->arch), identity->title,
        dio_arch_to_string (arch), dio_arch_to_string (arch));
  } else if (identity->compression > DIO_COMPRESSION_GZIP) {
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_FORMAT,
        _ ("%s “%s” is compressed in a way that cannot be read here (%s); unpack it first"),
        file->what, file->path, identity->title);
  } else {
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_FORMAT,
        _ ("%s “%s” cannot be started: it is %s, and a Linux Image (plain or gzip'd) or an "
           "ELF program for %s is needed"),
        file->what, file->path, identity->title, dio_arch_to_string (arch));
  }
  return false;
}

/* ---- Reading ---- */

static int
open_file (const char *what, const char *path, uint64_t *size, GError **error)
{
  struct stat status;
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    dio_set_error_errno (error, errno, _ ("%s “%s” could not be opened"), what, path);
    return -1;
  }
  if (fstat (fd, &status) < 0 || !S_ISREG (status.st_mode)) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” is not a regular file"), what,
                 path);
    close (fd);
    return -1;
  }
  *size = (uint64_t) status.st_size;
  return fd;
}

/* Fills @data with @length bytes from @offset; false with errno, which is 0 at the file's end. */
static bool
read_fully (int fd, void *data, size_t length, uint64_t offset)
{
  for (size_t done = 0; done < length;) {
    ssize_t count = pread (fd, (char *) data + done, length - done, (off_t) (offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      errno = count == 0 ? 0 : errno;
      return false;
    }
    done += (size_t) count;
  }
  return true;
}

static bool
fail_read (const char *what, const char *path, GError **error)
{
  if (errno)
    dio_set_error_errno (error, errno, _ ("%s “%s” could not be read"), what, path);
  else
    g_set_error (error, DIO_ERROR, DIO_ERROR_IO, _ ("%s “%s” became shorter while it was read"),
                 what, path);
  return false;
}

static bool
read_file (File *file, GError **error)
{
  uint64_t size;
  int fd = open_file (file->what, file->path, &size, error);
  if (fd < 0)
    return false;
  bool done = false;
  if (size == 0) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” is empty"), file->what,
                 file->path);
  } else if (size > MAX_FILE) {
    done = fail_format (file, error, _ ("the file is far too large"));
  } else if (!(file->data = g_try_malloc (size))) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("This computer has not enough free memory to read “%s”"), file->path);
  } else {
    file->length = (size_t) size;
    done =
        read_fully (fd, file->data, file->length, 0) || fail_read (file->what, file->path, error);
  }
  close (fd);
  if (done)
    dio_boot_identify (file->data, MIN (file->length, DIO_BOOT_PROBE_SIZE), size, &file->identity);
  return done;
}

/* Replaces the content by what is packed in @packed, at most @limit bytes. */
static bool
unpack (File *file, DioBootView packed, uint64_t limit, GError **error)
{
  uint8_t *data;
  size_t length;
  DioInflateResult result =
      dio_boot_inflate (packed, (size_t) MIN (limit, MAX_FILE), &data, &length);
  if (result == DIO_INFLATE_DONE) {
    g_free (file->data);
    file->data = data;
    file->length = length;
    return true;
  }
  g_free (data);
  switch (result) {
  case DIO_INFLATE_FULL:
    return fail_room (file->what, file->path, limit, error);
  case DIO_INFLATE_TRUNCATED:
    return fail_truncated (file, error);
  case DIO_INFLATE_NO_MEMORY:
    g_set_error (error, DIO_ERROR, DIO_ERROR_MEMORY,
                 _ ("This computer has not enough free memory to unpack “%s”"), file->path);
    return false;
  default:
    return fail_format (file, error, _ ("its compressed data is damaged; get it again"));
  }
}

/* ---- Placing ---- */

/* True if [start, start + size) lies inside [minimum, limit). */
static bool
fits (DioGpa start, uint64_t size, DioGpa minimum, DioGpa limit)
{
  return start >= minimum && start <= limit && size <= limit - start;
}

static bool
place (DioSpace *space, const File *file, const uint8_t *data, size_t length, DioGpa gpa,
       GError **error)
{
  if (dio_dma_write (space, gpa, data, length))
    return true;
  return fail_room (file->what, file->path, length, error);
}

/* ---- Linux Images ---- */

static bool
load_image (DioSpace *space, const File *file, DioGpa base, DioGpa minimum, DioGpa limit,
            DioBootLoaded *loaded, GError **error)
{
  DioBootView view = { file->data, file->length };
  if (file->length < 64 || file->length < dio_boot_pe_size (view))
    return fail_truncated (file, error);
  if (dio_boot_get (view, 24, 8) & 1)
    return fail_format (file, error, _ ("it is a big-endian kernel"));

  uint64_t text_offset = dio_boot_get (view, 8, 8);
  uint64_t image_size = MAX (dio_boot_get (view, 16, 8), file->length);
  if (text_offset > MAX_FILE)
    return fail_format (file, error, _ ("its header is damaged"));

  /* The text offset counts from a 2 MiB boundary (Documentation/arch/{arm64,riscv}/). */
  DioGpa start = base + text_offset;
  if (start < minimum)
    start = ((minimum + IMAGE_ALIGN - 1) & ~(IMAGE_ALIGN - 1)) + text_offset % IMAGE_ALIGN;
  if (!fits (start, image_size, minimum, limit))
    return fail_room (file->what, file->path, image_size, error);
  *loaded = (DioBootLoaded){ .entry = start, .start = start, .end = start + image_size };
  return place (space, file, file->data, file->length, start, error);
}

/* ---- ELF ---- */

typedef struct {
  uint64_t offset, vaddr, paddr, filesz, memsz;
} Segment;

/* Reads the loadable segments of a 64-bit little-endian ELF file; how many, or -1 after failing. */
static int
read_segments (const File *file, Segment *segments, GError **error)
{
  enum { PT_LOAD_ = 1, HEADER = 64, PROGRAM_HEADER = 56 };
  DioBootView view = { file->data, file->length };
  uint64_t table = dio_boot_get (view, 32, 8);
  uint64_t entry_size = dio_boot_get (view, 54, 2);
  uint64_t entries = dio_boot_get (view, 56, 2);
  if (view.length < HEADER || entry_size < PROGRAM_HEADER || !entries || table > view.length
      || entries * entry_size > view.length - table) {
    fail_truncated (file, error);
    return -1;
  }

  int count = 0;
  for (uint64_t i = 0; i < entries; i++) {
    uint64_t header = table + i * entry_size;
    if (dio_boot_get (view, header, 4) != PT_LOAD_)
      continue;
    Segment segment = {
      .offset = dio_boot_get (view, header + 8, 8),
      .vaddr = dio_boot_get (view, header + 16, 8),
      .paddr = dio_boot_get (view, header + 24, 8),
      .filesz = dio_boot_get (view, header + 32, 8),
      .memsz = dio_boot_get (view, header + 40, 8),
    };
    if (!segment.memsz)
      continue;
    if (segment.offset > view.length || segment.filesz > view.length - segment.offset) {
      fail_truncated (file, error);
      return -1;
    }
    if (segment.filesz > segment.memsz || count == MAX_SEGMENTS) {
      fail_format (file, error, _ ("its program headers are damaged"));
      return -1;
    }
    segments[count++] = segment;
  }
  if (!count)
    fail_format (file, error, _ ("it has nothing to load"));
  return count ? count : -1;
}

/* Where the entry address, which is a virtual one, lies in physical memory. */
static bool
find_entry (const File *file, const Segment *segments, int count, uint64_t bias, DioGpa *entry,
            GError **error)
{
  DioBootView view = { file->data, file->length };
  uint64_t address = dio_boot_get (view, 24, 8);
  for (int i = 0; i < count; i++)
    if (address - segments[i].vaddr < segments[i].memsz) {
      *entry = segments[i].paddr + bias + (address - segments[i].vaddr);
      return true;
    }
  for (int i = 0; i < count; i++)
    if (address - segments[i].paddr < segments[i].memsz) {
      *entry = address + bias;
      return true;
    }
  return fail_format (file, error, _ ("its entry point lies outside of it"));
}

static bool
load_elf (DioSpace *space, const File *file, DioGpa minimum, DioGpa limit, DioBootLoaded *loaded,
          GError **error)
{
  enum { ET_DYN_ = 3 };
  DioBootView view = { file->data, file->length };
  Segment segments[MAX_SEGMENTS];
  if (dio_boot_get (view, 4, 1) != 2 || dio_boot_get (view, 5, 1) != 1)
    return fail_format (file, error, _ ("it is not a 64-bit little-endian program"));
  int count = read_segments (file, segments, error);
  if (count < 0)
    return false;

  DioGpa lowest = UINT64_MAX;
  for (int i = 0; i < count; i++)
    lowest = MIN (lowest, segments[i].paddr);
  /* Position-independent programs go to the start of what is free. */
  uint64_t bias = dio_boot_get (view, 16, 2) == ET_DYN_ && lowest < minimum ? minimum - lowest : 0;

  *loaded = (DioBootLoaded){ .start = UINT64_MAX };
  if (!find_entry (file, segments, count, bias, &loaded->entry, error))
    return false;
  for (int i = 0; i < count; i++) {
    DioGpa start = segments[i].paddr + bias;
    if (!fits (start, segments[i].memsz, minimum, limit)) {
      g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                   _ ("%s “%s” wants to be at address 0x%" PRIx64 ", where the machine "
                      "has no memory for it"),
                   file->what, file->path, start);
      return false;
    }
    if (!place (space, file, file->data + segments[i].offset, (size_t) segments[i].filesz, start,
                error))
      return false;
    loaded->start = MIN (loaded->start, start);
    loaded->end = MAX (loaded->end, start + segments[i].memsz);
  }
  return true;
}

/* ---- The public functions ---- */

/* A Linux kernel in an EFI program that unpacks itself ("zboot"); the payload if it is gzip'd. */
static bool
find_zboot_payload (const File *file, DioBootView *payload)
{
  DioBootView view = { file->data, file->length };
  uint64_t offset = dio_boot_get (view, 8, 4);
  uint64_t size = dio_boot_get (view, 12, 4);
  if (!dio_boot_has (view, 0, "MZ\0\0zimg", 8) || !dio_boot_has (view, 24, "gzip", 5)
      || offset > view.length || size > view.length - offset)
    return false;
  *payload = (DioBootView){ view.data + offset, (size_t) size };
  return true;
}

static bool
unpack_kernel (File *file, uint64_t limit, GError **error)
{
  DioBootView payload;
  /* At most two wrappings: a gzip'd file of a self-unpacking kernel. */
  for (unsigned i = 0; i < 2; i++) {
    if (file->identity.compression == DIO_COMPRESSION_GZIP)
      payload = (DioBootView){ file->data, file->length };
    else if (!find_zboot_payload (file, &payload))
      break;
    if (!unpack (file, payload, limit, error))
      return false;
    dio_boot_identify (file->data, MIN (file->length, DIO_BOOT_PROBE_SIZE), file->length,
                       &file->identity);
  }
  return true;
}

bool
dio_boot_load_kernel (DioSpace *space, DioArch arch, const char *path, DioGpa base, DioGpa minimum,
                      DioGpa limit, DioBootLoaded *loaded, GError **error)
{
  g_auto (File) file = { .path = path, .what = _ ("The kernel") };
  if (limit < minimum || !read_file (&file, error))
    return false;
  /* What is packed is unpacked only if it can be of use. */
  DioBootKind kind = file.identity.kind;
  if ((kind != DIO_BOOT_LINUX_IMAGE && kind != DIO_BOOT_ELF) || file.identity.arch != arch)
    return fail_kind (&file, arch, error);
  if (!unpack_kernel (&file, limit - minimum, error))
    return false;

  if (file.identity.arch == arch && file.identity.kind == DIO_BOOT_ELF)
    return load_elf (space, &file, minimum, limit, loaded, error);
  DioBootView view = { file.data, file.length };
  if (file.identity.arch == arch && file.identity.kind == DIO_BOOT_LINUX_IMAGE
      && !dio_boot_has (view, 0, "MZ\0\0zimg", 8))
    return load_image (space, &file, base, minimum, limit, loaded, error);
  return fail_kind (&file, arch, error);
}

bool
dio_boot_load_firmware (DioSpace *space, DioArch arch, const char *path, DioGpa base, DioGpa limit,
                        DioBootLoaded *loaded, GError **error)
{
  g_auto (File) file = { .path = path, .what = _ ("The firmware") };
  if (limit < base || !read_file (&file, error))
    return false;
  if (file.identity.kind == DIO_BOOT_ELF) {
    if (file.identity.arch != arch)
      return fail_kind (&file, arch, error);
    return load_elf (space, &file, base, limit, loaded, error);
  }
  if (file.identity.kind != DIO_BOOT_UNKNOWN || file.identity.compression != DIO_COMPRESSION_NONE) {
    g_set_error (
        error, DIO_ERROR, DIO_ERROR_FORMAT,
        _ ("The firmware “%s” cannot be used: it is %s; choose a raw binary or an ELF file"), path,
        file.identity.title);
    return false;
  }
  if (file.length > limit - base)
    return fail_room (file.what, path, file.length, error);
  *loaded = (DioBootLoaded){ .entry = base, .start = base, .end = base + file.length };
  return place (space, &file, file.data, file.length, base, error);
}

/* ---- Firmware in flash ---- */

/* A firmware volume says how long it is. */
static bool
is_whole_volume (DioBootView view)
{
  uint64_t start = dio_boot_has (view, DIO_PAGE_SIZE + 40, "_FVH", 4) ? DIO_PAGE_SIZE : 0;
  uint64_t length = dio_boot_get (view, start + 32, 8);
  return start <= view.length && length <= view.length - start;
}

static bool
check_rom (const File *file, uint64_t size, DioArch arch, GError **error)
{
  const DioBootIdentity *identity = &file->identity;
  DioBootView view = { file->data, file->length };
  bool plain = identity->kind == DIO_BOOT_UNKNOWN || identity->kind == DIO_BOOT_UEFI;

  if (identity->arch != DIO_ARCH_NONE && identity->arch != arch)
    return fail_kind (file, arch, error);
  if (!plain || identity->compression != DIO_COMPRESSION_NONE) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The firmware “%s” cannot be used: it is %s; choose a raw image of UEFI "
                    "firmware for %s"),
                 file->path, identity->title, dio_arch_to_string (arch));
    return false;
  }
  if (file->length > size) {
    g_autofree char *room = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT,
                 _ ("The firmware “%s” cannot be used: it is larger than the %s that there is room "
                    "for; choose another file"),
                 file->path, room);
    return false;
  }
  if (dio_boot_get (view, 0, 4) == 0)
    return fail_format (file, error, _ ("there is no program at its start; choose another file"));
  return identity->kind != DIO_BOOT_UEFI || is_whole_volume (view) || fail_truncated (file, error);
}

static bool
is_zero (const uint8_t *bytes, size_t length)
{
  return bytes[0] == 0 && memcmp (bytes, bytes + 1, length - 1) == 0;
}

bool
dio_boot_load_rom (DioRam *ram, uint64_t offset, uint64_t size, DioArch arch, const char *path,
                   GError **error)
{
  g_auto (File) file = { .path = path, .what = _ ("The firmware") };

  if (!read_file (&file, error) || !check_rom (&file, size, arch, error))
    return false;
  for (uint64_t at = 0; ram && at < file.length; at += DIO_PAGE_SIZE) {
    size_t length = (size_t) MIN (DIO_PAGE_SIZE, file.length - at);
    if (is_zero (file.data + at, length))
      continue;
    memcpy (ram->host + offset + at, file.data + at, length);
    dio_ram_note_write (ram, offset + at, length);
  }
  return true;
}

static GBytes *
steal_bytes (File *file)
{
  return g_bytes_new_take (g_steal_pointer (&file->data), file->length);
}

GBytes *
dio_boot_read_kernel (DioArch arch, const char *path, GError **error)
{
  g_auto (File) file = { .path = path, .what = _ ("The kernel") };

  if (!read_file (&file, error))
    return NULL;
  if (file.identity.arch != arch) {
    fail_kind (&file, arch, error);
    return NULL;
  }
  return steal_bytes (&file);
}

GBytes *
dio_boot_read_initrd (const char *path, GError **error)
{
  g_auto (File) file = { .path = path, .what = _ ("The initial RAM disk") };

  return read_file (&file, error) ? steal_bytes (&file) : NULL;
}

/* ---- Initial RAM disks ---- */

/* Reads the file straight into guest memory. */
static bool
read_into_guest (DioSpace *space, int fd, const char *what, const char *path, DioGpa start,
                 uint64_t size, GError **error)
{
  for (uint64_t done = 0; done < size; done += CHUNK) {
    size_t length = (size_t) MIN (CHUNK, size - done);
    uint8_t *host = dio_dma_map (space, start + done, length, true);
    if (!host)
      return fail_room (what, path, size, error);
    if (!read_fully (fd, host, length, done))
      return fail_read (what, path, error);
    dio_dma_note_write (space, start + done, length);
  }
  return true;
}

bool
dio_boot_load_initrd (DioSpace *space, const char *path, DioGpa minimum, DioGpa limit,
                      DioBootLoaded *loaded, GError **error)
{
  const char *what = _ ("The initial RAM disk");
  uint64_t size;
  int fd = open_file (what, path, &size, error);
  if (fd < 0)
    return false;
  bool done = false;
  DioGpa start = size <= limit ? (limit - size) & ~DIO_PAGE_MASK : 0;
  if (size == 0)
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, _ ("%s “%s” is empty"), what, path);
  else if (size > limit || !fits (start, size, minimum, limit))
    fail_room (what, path, size, error);
  else
    done = read_into_guest (space, fd, what, path, start, size, error);
  close (fd);
  if (done)
    *loaded = (DioBootLoaded){ .entry = start, .start = start, .end = start + size };
  return done;
}
