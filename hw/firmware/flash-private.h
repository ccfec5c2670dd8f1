/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the files of the flash share: the device, its sectors, its file. */
#pragma once

#include "hw/firmware/flash.h"
#include "hw/system-device.h"

#define DIO_FLASH_SECTORS (DIO_FLASH_MAX_SIZE / DIO_FLASH_SECTOR)
#define DIO_FLASH_BUFFER 2048 /* bytes of a buffered program: 1024 for each chip */

/* What reading gives. */
typedef enum {
  DIO_FLASH_READ_ARRAY,
  DIO_FLASH_READ_STATUS,
  DIO_FLASH_READ_ID,
  DIO_FLASH_READ_QUERY,
  DIO_FLASH_N_READS,
} DioFlashRead;

/* What the next write is. */
typedef enum {
  DIO_FLASH_WRITE_COMMAND,
  DIO_FLASH_WRITE_WORD,    /* data of a word program */
  DIO_FLASH_WRITE_ERASE,   /* the confirmation of an erase */
  DIO_FLASH_WRITE_LOCK,    /* which way a sector is locked */
  DIO_FLASH_WRITE_COUNT,   /* number of words of a buffered program, less one */
  DIO_FLASH_WRITE_BUFFER,  /* its data */
  DIO_FLASH_WRITE_CONFIRM, /* its confirmation */
  DIO_FLASH_N_WRITES,
} DioFlashWrite;

typedef struct {
  DioSystemDevice sys;
  uint64_t size;                       /* property */
  uint8_t *sectors[DIO_FLASH_SECTORS]; /* NULL: erased */

  uint32_t read;  /* DioFlashRead */
  uint32_t write; /* DioFlashWrite */
  uint8_t status;
  uint32_t remaining;   /* words that the buffer still waits for */
  bool buffer_started;  /* the first of them has said where the buffer lies */
  uint64_t buffer_base; /* in the array, aligned to DIO_FLASH_BUFFER */
  uint8_t buffer[DIO_FLASH_BUFFER];

  /* The file; with dev.lock held. */
  DioFiles *files; /* NULL: none */
  char *path;
  uint64_t changes; /* counts */
  uint64_t written; /* of these are in the file */
  bool loaded;      /* from a snapshot, and the machine has not gone on yet */
  bool writing;     /* a worker is at it */
  bool failed;      /* and could not; told once */
  pthread_cond_t idle;
} DioFlash;

/* The sector is all ones from now on; its memory is freed. */
void dio_flash_erase_sector (DioFlash *flash, uint64_t offset);

/* Bits go from one to zero; within a sector. False, and nothing changed: there is no memory. */
bool dio_flash_program (DioFlash *flash, uint64_t offset, const uint8_t *data, unsigned size);

/* One byte of the array. */
static inline uint8_t
dio_flash_byte (const DioFlash *flash, uint64_t offset)
{
  const uint8_t *sector = flash->sectors[offset / DIO_FLASH_SECTOR];
  return sector ? sector[offset % DIO_FLASH_SECTOR] : 0xff;
}

/* The contents changed: has a worker write the file soon. dev.lock held. */
void dio_flash_changed_locked (DioFlash *flash);
