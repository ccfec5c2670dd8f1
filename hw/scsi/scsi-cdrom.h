/* SPDX-License-Identifier: GPL-3.0-or-later
 * A CD-ROM drive as its commands are (SPC-4, MMC-6), whatever bus it is on: the bus hands in a
 * command block, and does the transfer that comes out of it.
 *
 * There is a disc as long as the tray is closed. What the guest opens stays open over its resets,
 * so that an installer that ejects its disc is not started again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/state/state-visitor.h"

#define DIO_SCSI_CDB_SIZE 16
#define DIO_SCSI_SENSE_SIZE 18
#define DIO_SCSI_CDROM_BLOCK 2048u

/* Status codes (SAM-5 section 5.3). */
enum {
  DIO_SCSI_GOOD = 0,
  DIO_SCSI_CHECK_CONDITION = 2,
};

/* Why a command failed: sense key << 16 | additional sense code << 8 | its qualifier (SPC-4 section
 * 4.5). */
typedef enum {
  DIO_SCSI_NO_SENSE = 0,
  DIO_SCSI_NO_MEDIUM = 0x023a00,
  DIO_SCSI_TRAY_OPEN = 0x023a02,
  DIO_SCSI_READ_ERROR = 0x031100,
  DIO_SCSI_UNKNOWN_COMMAND = 0x052000,
  DIO_SCSI_OUT_OF_RANGE = 0x052100,
  DIO_SCSI_BAD_FIELD = 0x052400,
  DIO_SCSI_NO_SUCH_UNIT = 0x052500,
  DIO_SCSI_REMOVAL_PREVENTED = 0x055302,
  DIO_SCSI_MEDIUM_CHANGED = 0x062800,
  DIO_SCSI_POWER_ON = 0x062900,
} DioScsiSense;

typedef struct {
  uint64_t size;      /* of the disc in bytes; less than a block: there is none */
  bool open;          /* the tray */
  bool prevented;     /* from opening, by the guest */
  uint8_t event;      /* what GET EVENT STATUS NOTIFICATION tells next (MMC-6 table 303) */
  uint32_t attention; /* DioScsiSense that the next command is told, or 0 */
} DioScsiCdrom;

typedef struct {
  DioScsiSense sense; /* NO_SENSE: GOOD */
  uint32_t allocated; /* bytes that the guest made room for in its command */
  /* Either [offset, offset + length) of the disc is to be read, */
  bool read;
  uint64_t offset;
  /* or the answer is here. */
  uint32_t length;
  uint8_t data[256];
} DioScsiReply;

/* A closed drive with a disc of @size bytes. */
void dio_scsi_cdrom_init (DioScsiCdrom *cdrom, uint64_t size);

/* The bus or the machine was reset. */
void dio_scsi_cdrom_reset (DioScsiCdrom *cdrom);

/* Does the command @cdb as far as it can without the disc's contents. */
void dio_scsi_cdrom_command (DioScsiCdrom *cdrom, const uint8_t cdb[static DIO_SCSI_CDB_SIZE],
                             DioScsiReply *reply);

/* Is the tray closed on a disc? */
bool dio_scsi_cdrom_is_loaded (const DioScsiCdrom *cdrom);

/* @sense in fixed format (SPC-4 section 4.5.3). */
void dio_scsi_put_sense (DioScsiSense sense, uint8_t data[static DIO_SCSI_SENSE_SIZE]);

/* Saves or loads; fails if the disc was of another size. */
void dio_scsi_cdrom_visit (DioScsiCdrom *cdrom, DioVisitor *visitor);
