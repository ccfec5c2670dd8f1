/* SPDX-License-Identifier: GPL-3.0-or-later
 * The commands of a CD-ROM drive. */
#include "hw/scsi/scsi-cdrom.h"

#include <string.h>

#include <glib.h>

enum {
  TEST_UNIT_READY = 0x00,
  REQUEST_SENSE = 0x03,
  INQUIRY = 0x12,
  MODE_SENSE_6 = 0x1a,
  START_STOP_UNIT = 0x1b,
  PREVENT_ALLOW = 0x1e,
  READ_CAPACITY = 0x25,
  READ_10 = 0x28,
  SEEK_10 = 0x2b,
  READ_TOC = 0x43,
  GET_CONFIGURATION = 0x46,
  GET_EVENT_STATUS = 0x4a,
  READ_DISC_INFORMATION = 0x51,
  MODE_SENSE_10 = 0x5a,
  REPORT_LUNS = 0xa0,
  READ_12 = 0xa8,
  MECHANISM_STATUS = 0xbd,
};

/* Media events (MMC-6 section 6.6.3.5). */
enum {
  EVENT_NONE = 0,
  EVENT_NEW_MEDIA = 2,
  EVENT_MEDIA_REMOVAL = 3,
};

#define TYPE_MMC 5 /* peripheral device type */
#define PROFILE_DVD_ROM 0x0010
#define PROFILE_CD_ROM 0x0008
#define LEAD_OUT 0xaa
#define CD_MAX_BLOCKS (80u * 60 * 75)
#define MSF_OFFSET 150 /* blocks before the first, two seconds */

static const char VENDOR[] = "DIORAMA ";
static const char PRODUCT[] = "DVD-ROM         ";
static const char REVISION[] = "1.0 ";

static uint16_t
get16 (const uint8_t *at)
{
  return (uint16_t) (at[0] << 8 | at[1]);
}

static uint32_t
get32 (const uint8_t *at)
{
  return (uint32_t) get16 (at) << 16 | get16 (at + 2);
}

static void
put16 (uint8_t *at, uint32_t value)
{
  at[0] = (uint8_t) (value >> 8);
  at[1] = (uint8_t) value;
}

static void
put32 (uint8_t *at, uint32_t value)
{
  put16 (at, value >> 16);
  put16 (at + 2, value);
}

static uint32_t
blocks_of (const DioScsiCdrom *cdrom)
{
  return (uint32_t) MIN (cdrom->size / DIO_SCSI_CDROM_BLOCK, UINT32_MAX);
}

bool
dio_scsi_cdrom_is_loaded (const DioScsiCdrom *cdrom)
{
  return !cdrom->open && blocks_of (cdrom);
}

static bool
is_dvd (const DioScsiCdrom *cdrom)
{
  return blocks_of (cdrom) > CD_MAX_BLOCKS;
}

/* ---- Who it is ---- */

static void
vital_page (DioScsiReply *reply, uint8_t page)
{
  static const uint8_t pages[] = { 0x00, 0x83 };
  uint8_t *data = reply->data;

  data[0] = TYPE_MMC;
  data[1] = page;
  if (page == 0x00) {
    memcpy (data + 4, pages, sizeof pages);
    data[3] = sizeof pages;
  } else if (page == 0x83) {
    uint8_t *designator = data + 4;

    designator[0] = 2; /* ASCII */
    designator[1] = 1; /* that begins with the vendor */
    designator[3] = 24;
    memcpy (designator + 4, VENDOR, 8);
    memcpy (designator + 12, PRODUCT, 16);
    data[3] = 28;
  } else {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  reply->length = 4u + data[3];
}

/* SPC-4 section 6.6. */
static void
inquiry (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  uint8_t *data = reply->data;

  reply->allocated = get16 (cdb + 3);
  if (cdb[1] & 1) {
    vital_page (reply, cdb[2]);
    return;
  }
  if (cdb[2]) {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  data[0] = TYPE_MMC;
  data[1] = 0x80; /* removable medium */
  data[2] = 5;    /* SPC-3 */
  data[3] = 2;    /* response data format */
  data[4] = 36 - 5;
  memcpy (data + 8, VENDOR, 8);
  memcpy (data + 16, PRODUCT, 16);
  memcpy (data + 32, REVISION, 4);
  reply->length = 36;
}

static void
report_luns (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  reply->allocated = get32 (cdb + 6);
  put32 (reply->data, 8);
  reply->length = 16;
}

/* What a command failed with went with it, so there is only what the drive itself has to tell. */
static void
request_sense (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  reply->allocated = cdb[4];
  dio_scsi_put_sense (cdrom->attention, reply->data);
  cdrom->attention = DIO_SCSI_NO_SENSE;
  reply->length = DIO_SCSI_SENSE_SIZE;
}

/* ---- The tray ---- */

static void
test_unit_ready (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
}

static void
set_open (DioScsiCdrom *cdrom, bool open)
{
  if (cdrom->open == open)
    return;
  cdrom->open = open;
  cdrom->event = open ? EVENT_MEDIA_REMOVAL : EVENT_NEW_MEDIA;
  if (!open)
    cdrom->attention = DIO_SCSI_MEDIUM_CHANGED;
}

/* SBC-3 section 5.25: LOEJ with START closes the tray, without it opens it. */
static void
start_stop (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  bool start = cdb[4] & 1;

  if (!(cdb[4] & 2) || cdb[4] >> 4)
    return; /* spinning and power conditions */
  if (!start && !cdrom->open && cdrom->prevented)
    reply->sense = DIO_SCSI_REMOVAL_PREVENTED;
  else
    set_open (cdrom, !start);
}

static void
prevent_allow (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  cdrom->prevented = cdb[4] & 1;
}

/* Polled only (MMC-6 section 6.6). */
static void
get_event_status (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  uint8_t *data = reply->data;

  reply->allocated = get16 (cdb + 7);
  if (!(cdb[1] & 1)) {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  data[3] = 1 << 4; /* media events are told */
  if (!(cdb[4] & 1 << 4)) {
    data[1] = 2;
    data[2] = 0x80; /* no such event */
    reply->length = 4;
    return;
  }
  data[1] = 6;
  data[2] = 4;
  data[4] = cdrom->event;
  data[5] = (uint8_t) (dio_scsi_cdrom_is_loaded (cdrom) << 1 | cdrom->open);
  reply->length = 8;
  if (reply->allocated >= 5)
    cdrom->event = EVENT_NONE;
}

/* ---- What it can ---- */

/* Capabilities and mechanical status (MMC-3 section 6.3.11): reads, locks, ejects, a tray. */
static unsigned
capabilities_page (const DioScsiCdrom *cdrom, uint8_t *page)
{
  page[0] = 0x2a;
  page[1] = 20;
  page[2] = 0x3b; /* CD-R, CD-RW, method 2, DVD-ROM, DVD-R, DVD-RAM to be read */
  page[4] = 0x70; /* mode 2, multi-session */
  page[6] = (uint8_t) (0x29 | cdrom->prevented << 1);
  put16 (page + 8, 50 * 176); /* KB/s, as old programs want it */
  put16 (page + 12, 2048);
  put16 (page + 14, 50 * 176);
  return 22;
}

static unsigned
error_page (uint8_t *page)
{
  page[0] = 0x01;
  page[1] = 6;
  page[3] = 5; /* retries */
  return 8;
}

static void
mode_sense (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  bool six = cdb[0] == MODE_SENSE_6;
  unsigned header = six ? 4 : 8;
  unsigned page = cdb[2] & 0x3f;
  unsigned length = header;

  reply->allocated = six ? cdb[4] : get16 (cdb + 7);
  if (cdb[2] >> 6 == 3) { /* saved values */
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  if (page == 0x01 || page == 0x3f)
    length += error_page (reply->data + length);
  if (page == 0x2a || page == 0x3f)
    length += capabilities_page (cdrom, reply->data + length);
  if (length == header) {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  if (six)
    reply->data[0] = (uint8_t) (length - 1);
  else
    put16 (reply->data, length - 2);
  reply->length = length;
}

static void
add_feature (DioScsiReply *reply, uint16_t code, bool current, const uint8_t *more, uint8_t length)
{
  uint8_t *at = reply->data + reply->length;

  put16 (at, code);
  at[2] = (uint8_t) ((code == 0 || code == 2 || code == 3) << 1 | current); /* persistent */
  at[3] = length;
  memcpy (at + 4, more, length);
  reply->length += 4u + length;
}

/* MMC-6 section 6.5 and chapter 5. */
static void
get_configuration (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  bool loaded = dio_scsi_cdrom_is_loaded (cdrom), dvd = is_dvd (cdrom);
  const uint8_t profiles[] = { 0, PROFILE_DVD_ROM, loaded && dvd,  0,
                               0, PROFILE_CD_ROM,  loaded && !dvd, 0 };
  static const uint8_t core[] = { 0, 0, 0, 1, 0, 0, 0, 0 }; /* SCSI */
  static const uint8_t morphing[] = { 2, 0, 0, 0 };
  static const uint8_t removable[] = { 0x29, 0, 0, 0 }; /* a tray that locks and ejects */
  static const uint8_t random_read[] = { 0, 0, 8, 0, 0, 1, 0, 0 };
  static const uint8_t cd_read[] = { 0, 0, 0, 0 };
  const struct {
    uint16_t code;
    bool current;
    const uint8_t *more;
    uint8_t length;
  } features[] = {
    { 0x00, true, profiles, sizeof profiles },
    { 0x01, true, core, sizeof core },
    { 0x02, true, morphing, sizeof morphing },
    { 0x03, true, removable, sizeof removable },
    { 0x10, loaded, random_read, sizeof random_read },
    { 0x1e, loaded && !dvd, cd_read, sizeof cd_read },
    { 0x1f, loaded && dvd, cd_read, sizeof cd_read },
  };
  unsigned which = cdb[1] & 3; /* all, those in force, one */
  uint16_t first = get16 (cdb + 2);

  reply->allocated = get16 (cdb + 7);
  if (which == 3) {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  reply->length = 8;
  for (unsigned i = 0; i < G_N_ELEMENTS (features); i++)
    if (which == 2 ? features[i].code == first
                   : features[i].code >= first && (which == 0 || features[i].current))
      add_feature (reply, features[i].code, features[i].current, features[i].more,
                   features[i].length);
  put32 (reply->data, reply->length - 4);
  if (loaded)
    put16 (reply->data + 6, dvd ? PROFILE_DVD_ROM : PROFILE_CD_ROM);
}

static void
mechanism_status (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  reply->allocated = get16 (cdb + 8);
  reply->data[1] = (uint8_t) (cdrom->open << 4);
  reply->length = 8;
}

/* ---- The disc ---- */

static void
read_capacity (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  reply->allocated = 8;
  put32 (reply->data, blocks_of (cdrom) - 1);
  put32 (reply->data + 4, DIO_SCSI_CDROM_BLOCK);
  reply->length = 8;
}

static void
read_blocks (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  uint32_t first = get32 (cdb + 2);
  uint32_t count = cdb[0] == READ_12 ? get32 (cdb + 6) : get16 (cdb + 7);
  uint32_t blocks = blocks_of (cdrom);

  if (first > blocks || count > blocks - first || count > UINT32_MAX / DIO_SCSI_CDROM_BLOCK) {
    reply->sense = DIO_SCSI_OUT_OF_RANGE;
    return;
  }
  reply->read = count > 0;
  reply->offset = (uint64_t) first * DIO_SCSI_CDROM_BLOCK;
  reply->length = reply->allocated = count * DIO_SCSI_CDROM_BLOCK;
}

static void
seek (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  if (get32 (cdb + 2) >= blocks_of (cdrom))
    reply->sense = DIO_SCSI_OUT_OF_RANGE;
}

/* A block's number, or as minute, second and frame. */
static void
put_address (uint8_t *at, bool msf, uint32_t block)
{
  if (!msf) {
    put32 (at, block);
    return;
  }
  block += MSF_OFFSET;
  at[0] = 0;
  at[1] = (uint8_t) MIN (block / (75 * 60), 255);
  at[2] = (uint8_t) (block / 75 % 60);
  at[3] = (uint8_t) (block % 75);
}

static void
add_track (DioScsiReply *reply, bool msf, uint8_t number, uint32_t block)
{
  uint8_t *at = reply->data + reply->length;

  at[1] = 0x14; /* a data track */
  at[2] = number;
  put_address (at + 4, msf, block);
  reply->length += 8;
}

/* One session of one track (MMC-6 section 6.25). */
static void
read_toc (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  bool msf = cdb[1] & 2;
  unsigned format = cdb[2] & 15;

  /* Programs of the time of ATAPI have the format elsewhere. */
  if (!format)
    format = cdb[9] >> 6;
  reply->allocated = get16 (cdb + 7);
  reply->length = 4;
  reply->data[2] = reply->data[3] = 1;
  if (format == 0 && cdb[6] <= 1) {
    add_track (reply, msf, 1, 0);
    add_track (reply, msf, LEAD_OUT, blocks_of (cdrom));
  } else if (format == 0 && cdb[6] == LEAD_OUT) {
    add_track (reply, msf, LEAD_OUT, blocks_of (cdrom));
  } else if (format == 1) {
    add_track (reply, msf, 1, 0);
  } else {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  put16 (reply->data, reply->length - 2);
}

/* MMC-6 section 6.22: a finished disc of one session. */
static void
read_disc_information (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply)
{
  uint8_t *data = reply->data;

  reply->allocated = get16 (cdb + 7);
  if (cdb[1] & 7) {
    reply->sense = DIO_SCSI_BAD_FIELD;
    return;
  }
  data[1] = 32;
  data[2] = 0x0e; /* complete, the last session too */
  data[3] = data[4] = data[5] = data[6] = 1;
  data[7] = 0x20;
  reply->length = 34;
}

/* ---- Commands ---- */

typedef struct {
  uint8_t code;
  bool quiet;  /* done while there is a unit attention, which stays (SAM-5 section 5.14) */
  bool loaded; /* needs a disc */
  void (*run) (DioScsiCdrom *cdrom, const uint8_t *cdb, DioScsiReply *reply);
} Command;

static const Command *
find_command (uint8_t code)
{
  static const Command commands[] = {
    { TEST_UNIT_READY, false, true, test_unit_ready },
    { REQUEST_SENSE, true, false, request_sense },
    { INQUIRY, true, false, inquiry },
    { MODE_SENSE_6, false, false, mode_sense },
    { START_STOP_UNIT, false, false, start_stop },
    { PREVENT_ALLOW, false, false, prevent_allow },
    { READ_CAPACITY, false, true, read_capacity },
    { READ_10, false, true, read_blocks },
    { SEEK_10, false, true, seek },
    { READ_TOC, false, true, read_toc },
    { GET_CONFIGURATION, true, false, get_configuration },
    { GET_EVENT_STATUS, true, false, get_event_status },
    { READ_DISC_INFORMATION, false, true, read_disc_information },
    { MODE_SENSE_10, false, false, mode_sense },
    { REPORT_LUNS, true, false, report_luns },
    { READ_12, false, true, read_blocks },
    { MECHANISM_STATUS, false, false, mechanism_status },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (commands); i++)
    if (commands[i].code == code)
      return &commands[i];
  return NULL;
}

static DioScsiSense
before_command (DioScsiCdrom *cdrom, const Command *command)
{
  if (!command)
    return DIO_SCSI_UNKNOWN_COMMAND;
  if (cdrom->attention && !command->quiet) {
    DioScsiSense sense = cdrom->attention;
    cdrom->attention = DIO_SCSI_NO_SENSE;
    return sense;
  }
  if (command->loaded && !dio_scsi_cdrom_is_loaded (cdrom))
    return cdrom->open ? DIO_SCSI_TRAY_OPEN : DIO_SCSI_NO_MEDIUM;
  return DIO_SCSI_NO_SENSE;
}

void
dio_scsi_cdrom_command (DioScsiCdrom *cdrom, const uint8_t cdb[static DIO_SCSI_CDB_SIZE],
                        DioScsiReply *reply)
{
  const Command *command = find_command (cdb[0]);

  *reply = (DioScsiReply){ .sense = before_command (cdrom, command) };
  if (!reply->sense)
    command->run (cdrom, cdb, reply);
  if (reply->sense) {
    reply->read = false;
    reply->length = 0;
  }
  reply->length = MIN (reply->length, reply->allocated);
}

/* ---- Life ---- */

void
dio_scsi_put_sense (DioScsiSense sense, uint8_t data[static DIO_SCSI_SENSE_SIZE])
{
  memset (data, 0, DIO_SCSI_SENSE_SIZE);
  data[0] = 0x70; /* of this command */
  data[2] = (uint8_t) (sense >> 16 & 15);
  data[7] = DIO_SCSI_SENSE_SIZE - 8;
  data[12] = (uint8_t) (sense >> 8);
  data[13] = (uint8_t) sense;
}

void
dio_scsi_cdrom_init (DioScsiCdrom *cdrom, uint64_t size)
{
  *cdrom = (DioScsiCdrom){ .size = size, .attention = DIO_SCSI_POWER_ON };
}

void
dio_scsi_cdrom_reset (DioScsiCdrom *cdrom)
{
  cdrom->prevented = false;
  cdrom->attention = DIO_SCSI_POWER_ON;
}

/* What a drive can have to tell. */
static bool
is_attention (uint32_t sense)
{
  return sense == DIO_SCSI_NO_SENSE || sense == DIO_SCSI_MEDIUM_CHANGED
         || sense == DIO_SCSI_POWER_ON;
}

void
dio_scsi_cdrom_visit (DioScsiCdrom *cdrom, DioVisitor *visitor)
{
  uint64_t size = cdrom->size;

  dio_visit_u64 (visitor, "size", &size);
  dio_visit_bool (visitor, "open", &cdrom->open);
  dio_visit_bool (visitor, "prevented", &cdrom->prevented);
  dio_visit_u8 (visitor, "event", &cdrom->event);
  dio_visit_u32 (visitor, "attention", &cdrom->attention);
  if (!dio_visitor_is_loading (visitor) || dio_visitor_failed (visitor))
    return;
  if (size != cdrom->size)
    dio_visitor_fail (visitor, "the disc in the drive has another size than when it was saved");
  else if (cdrom->event > EVENT_MEDIA_REMOVAL || !is_attention (cdrom->attention))
    dio_visitor_fail (visitor, "the drive's state is impossible");
}
