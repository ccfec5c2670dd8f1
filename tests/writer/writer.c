/* SPDX-License-Identifier: GPL-3.0-or-later
 * The first process of a Linux guest with a disk: writes records into files on ext4, and says on
 * the console that one is there after fsync() has said so. Beside it /scribble, if there is one,
 * changes the memory.
 *
 * Records lie in /records/NUMBER of the disk, SEGMENT of them in each file. Each has a value that
 * depends on that of the one before, and on the time, so that the same number is never written
 * twice with the same value: what another past of the machine wrote is not taken for what this one
 * did.
 *
 * Told on the console, each line with the CRC of what is before it, as going back may cut one in
 * two:
 *
 *   writer: found COUNT VALUE CRC                  after each boot: how many whole records there
 * are writer: ack COUNT VALUE BEFORE CRC             COUNT records are on the disk; the last two
 * values writer: whole COUNT FIRST CRC                  those from FIRST on were read from the disk
 * again writer: error WORDS                            what must not be */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/boot/guest-modules.h"

#define DISK "/disk"
#define RECORDS DISK "/records"
#define SCRATCH DISK "/scratch"
#define SEGMENT 64u      /* records in a file */
#define AGAIN 32u        /* records, after which some are read again */
#define AGAIN_SEGMENTS 8 /* how many files then */
#define CHURN 16u        /* records, after which something else is done with the disk */
#define PAYLOAD 2048u
#define PAUSE_NS 2000000
#define MAGIC 0x52455752u

typedef struct {
  uint32_t magic;
  uint32_t length; /* of the payload */
  uint64_t number; /* from 1 */
  uint64_t nonce;
  uint64_t value;
  uint32_t crc; /* of the record with 0 in here */
  uint32_t zero;
} Head;

typedef struct {
  Head head;
  uint8_t payload[PAYLOAD];
} Record;

/* What was written, or read. */
typedef struct {
  uint64_t count, value;
} Past;

static uint32_t crc_table[256];

static void
make_crc_table (void)
{
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (unsigned bit = 0; bit < 8; bit++)
      value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
    crc_table[i] = value;
  }
}

/* The one of zlib. */
static uint32_t
crc_of (const void *data, size_t length)
{
  uint32_t value = UINT32_MAX;
  for (const uint8_t *at = data; length; length--, at++)
    value = value >> 8 ^ crc_table[(value ^ *at) & 255];
  return ~value;
}

static void __attribute__ ((format (printf, 1, 2))) tell (const char *format, ...)
{
  char line[256];
  va_list arguments;
  va_start (arguments, format);
  int length = vsnprintf (line, sizeof line, format, arguments);
  va_end (arguments);
  printf ("%s %08" PRIx32 "\n", line, crc_of (line, (size_t) length));
}

static void
complain (const char *what)
{
  printf ("writer: error %s: %s\n", what, strerror (errno));
}

static uint64_t
mix (uint64_t value)
{
  value ^= value >> 30;
  value *= UINT64_C (0xbf58476d1ce4e5b9);
  value ^= value >> 27;
  value *= UINT64_C (0x94d049bb133111eb);
  return value ^ value >> 31;
}

/* ---- Records ---- */

static void
fill_record (Record *record, const Past *past)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  Head *head = &record->head;
  *head = (Head){ .magic = MAGIC, .number = past->count + 1 };
  head->nonce = (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
  head->value = mix (past->value ^ mix (head->nonce) ^ head->number);
  head->length = (uint32_t) (head->value % PAYLOAD);
  for (uint32_t i = 0; i < head->length; i++)
    record->payload[i] = (uint8_t) (head->value >> i % 57);
  head->crc = crc_of (record, sizeof *head + head->length);
}

static void
segment_name (char name[64], uint64_t segment)
{
  snprintf (name, 64, RECORDS "/%06" PRIu64, segment);
}

/* The next record of a file, or 0 at its end, or where there is none. */
static int
read_record (int fd, Record *record)
{
  Head *head = &record->head;
  if (read (fd, head, sizeof *head) != (ssize_t) sizeof *head || head->magic != MAGIC
      || head->length > PAYLOAD
      || read (fd, record->payload, head->length) != (ssize_t) head->length)
    return 0;
  uint32_t crc = head->crc;
  head->crc = 0;
  return crc == crc_of (record, sizeof *head + head->length);
}

/* Reads records from the file @segment on, up to what is none; *@end gets where that is. Without a
 * past before it the first value is believed. */
static Past
read_from (uint64_t segment, off_t *end)
{
  static Record record;
  Past past = { .count = segment * SEGMENT };
  for (*end = 0;; segment++) {
    char name[64];
    segment_name (name, segment);
    int fd = open (name, O_RDONLY);
    if (fd < 0)
      return past;
    for (*end = 0; read_record (fd, &record); *end = lseek (fd, 0, SEEK_CUR)) {
      const Head *head = &record.head;
      if (head->number != past.count + 1
          || (past.value && head->value != mix (past.value ^ mix (head->nonce) ^ head->number)))
        break;
      past = (Past){ head->number, head->value };
    }
    close (fd);
    if (past.count != (segment + 1) * SEGMENT)
      return past;
  }
}

/* Opens the file for what comes next, cut off behind what is whole. */
static int
open_segment (uint64_t segment, off_t end)
{
  char name[64];
  segment_name (name, segment);
  int fd = open (name, O_RDWR | O_CREAT, 0644);
  int folder = open (RECORDS, O_RDONLY | O_DIRECTORY);
  if (fd < 0 || ftruncate (fd, end) != 0 || lseek (fd, end, SEEK_SET) < 0 || fsync (fd) != 0
      || fsync (folder) != 0)
    complain (name);
  close (folder);
  return fd;
}

/* ---- What else is done ---- */

static void
write_word (const char *name, const char *word)
{
  int fd = open (name, O_WRONLY);
  if (fd < 0 || write (fd, word, strlen (word)) < 0)
    complain (name);
  close (fd);
}

static void
look_again (const Past *past)
{
  uint64_t last = (past->count - 1) / SEGMENT;
  uint64_t first = last > AGAIN_SEGMENTS ? last - AGAIN_SEGMENTS : 0;
  if (mix (past->value) % 16 == 0)
    first = 0;
  off_t end;
  write_word ("/proc/sys/vm/drop_caches", "3");
  Past found = read_from (first, &end);
  if (found.count != past->count || found.value != past->value)
    tell ("writer: error %" PRIu64 " records from %" PRIu64 " on, not %" PRIu64, found.count,
          first * SEGMENT, past->count);
  else
    tell ("writer: whole %" PRIu64 " %" PRIu64, past->count, first * SEGMENT);
}

/* A file that nobody needs comes and goes, so that there is always something under way that no
 * fsync() waits for, and the same blocks get another owner. */
static void
churn (const Past *past)
{
  static uint8_t noise[1 << 16];
  uint64_t value = mix (past->value + 1);
  memset (noise, (int) value, sizeof noise);
  if (value % 3 == 0)
    unlink (SCRATCH);
  int fd = open (SCRATCH, O_WRONLY | O_CREAT | (value % 3 == 1 ? O_TRUNC : 0), 0644);
  for (unsigned i = 0; i < value % 7; i++)
    if (pwrite (fd, noise, sizeof noise, (off_t) ((value >> i) % 4096 * 512)) < 0)
      complain (SCRATCH);
  close (fd);
}

static void
write_records (void)
{
  static Record record;
  static const struct timespec nap = { .tv_nsec = PAUSE_NS };
  off_t end;
  mkdir (RECORDS, 0755);
  Past past = read_from (0, &end);
  tell ("writer: found %" PRIu64 " %016" PRIx64, past.count, past.value);
  if (past.count % SEGMENT == 0)
    end = 0;
  for (int fd = open_segment (past.count / SEGMENT, end);;) {
    uint64_t before = past.value;
    fill_record (&record, &past);
    size_t length = sizeof record.head + record.head.length;
    if (write (fd, &record, length) != (ssize_t) length || fsync (fd) != 0)
      complain ("a record");
    past = (Past){ record.head.number, record.head.value };
    tell ("writer: ack %" PRIu64 " %016" PRIx64 " %016" PRIx64, past.count, past.value, before);
    if (past.count % CHURN == 0)
      churn (&past);
    if (past.count % AGAIN == 0)
      look_again (&past);
    if (past.count % SEGMENT == 0) {
      close (fd);
      fd = open_segment (past.count / SEGMENT, 0);
    }
    nanosleep (&nap, NULL);
  }
}

/* ---- The system ---- */

static void
mount_on (const char *what, const char *folder, const char *type)
{
  mkdir (folder, 0755);
  if (mount (what, folder, type, 0, NULL) != 0)
    complain (folder);
}

static void
start_scribble (void)
{
  if (access ("/scribble", X_OK) != 0 || fork () != 0)
    return;
  if (nice (10) >= 0)
    execl ("/scribble", "scribble", NULL);
  complain ("/scribble");
  _exit (1);
}

int
main (void)
{
  setvbuf (stdout, NULL, _IOLBF, 0);
  make_crc_table ();
  mount_on ("proc", "/proc", "proc");
  const char *module = load_modules ();
  if (module)
    complain (module);
  mkdir ("/dev", 0755);
  if (mount ("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0 && errno != EBUSY)
    complain ("/dev");
  for (unsigned i = 0; i < 100 && access ("/dev/vda", F_OK) != 0; i++)
    usleep (100000);
  mount_on ("/dev/vda", DISK, "ext4");
  start_scribble ();
  write_records ();
}
