/* SPDX-License-Identifier: GPL-3.0-or-later
 * A monitor's description (VESA E-EDID 1.4, CVT reduced blanking, DisplayID 1.3 for large modes).
 */
#include "hw/display/edid.h"

#include <glib.h>
#include <string.h>

#define BLOCK 128
#define MAX_DTD_SIDE 4095
#define MAX_DTD_CLOCK 65535          /* 10 kHz */
#define MAX_DISPLAYID_CLOCK 0xffffff /* 10 kHz, stored minus 1 */
#define MIN_CLOCK 1000               /* below 10 MHz readers take it for rubbish */
#define REFRESH 60
#define PRODUCT 1
#define YEAR 2026

/* A video timing; sizes in pixels and lines, clock in 10 kHz. */
typedef struct {
  uint32_t clock;
  uint32_t h_active, h_blank, h_front, h_sync;
  uint32_t v_active, v_blank, v_front, v_sync;
} Timing;

/* Sizes that a guest may choose besides the preferred one. */
static const uint16_t standard_sizes[8][2] = {
  { 1280, 720 }, { 1280, 800 },  { 1280, 1024 }, { 1440, 900 },
  { 1600, 900 }, { 1680, 1050 }, { 1920, 1080 }, { 1920, 1200 },
};

/* CVT reduced blanking, version 1; the refresh rate drops where the clock would not fit. */
static Timing
make_timing (uint32_t width, uint32_t height, uint32_t max_clock)
{
  Timing t = { .h_active = width, .h_blank = 160, .h_front = 48, .h_sync = 32 };
  /* Lines that last the 460 us which reduced blanking asks for, at least. */
  uint32_t blank_us = 460, frame_us = 1000000 / REFRESH;
  uint32_t lines = blank_us * height / (frame_us - blank_us) + 1;
  uint64_t clock;

  t.v_active = height;
  t.v_front = 3;
  t.v_sync = 6;
  t.v_blank = MAX (lines, t.v_front + t.v_sync + 6);
  clock = (uint64_t) (width + t.h_blank) * (height + t.v_blank) * REFRESH / 10000;
  t.clock = (uint32_t) CLAMP (clock, MIN_CLOCK, max_clock);
  return t;
}

static uint32_t
size_mm (uint32_t mm, uint32_t pixels)
{
  return mm ? mm : (pixels * 254 + 480) / 960;
}

static void
put16 (uint8_t *p, uint32_t value)
{
  p[0] = value & 0xff;
  p[1] = value >> 8 & 0xff;
}

/* An 18-byte detailed timing descriptor (3.10.2). */
static void
put_detailed_timing (uint8_t *p, const Timing *t, uint32_t width_mm, uint32_t height_mm)
{
  width_mm = MIN (width_mm, 4095);
  height_mm = MIN (height_mm, 4095);
  put16 (p, t->clock);
  p[2] = t->h_active & 0xff;
  p[3] = t->h_blank & 0xff;
  p[4] = (t->h_active >> 8) << 4 | t->h_blank >> 8;
  p[5] = t->v_active & 0xff;
  p[6] = t->v_blank & 0xff;
  p[7] = (t->v_active >> 8) << 4 | t->v_blank >> 8;
  p[8] = t->h_front & 0xff;
  p[9] = t->h_sync & 0xff;
  p[10] = (t->v_front & 15) << 4 | (t->v_sync & 15);
  p[11] = (t->h_front >> 8) << 6 | (t->h_sync >> 8) << 4 | (t->v_front >> 4) << 2 | t->v_sync >> 4;
  p[12] = width_mm & 0xff;
  p[13] = height_mm & 0xff;
  p[14] = (width_mm >> 8) << 4 | height_mm >> 8;
  p[17] = 0x1a; /* digital separate sync, +h -v, as reduced blanking has */
}

/* A display descriptor with text (3.10.3). */
static void
put_text (uint8_t *p, uint8_t tag, const char *text)
{
  size_t length = MIN (strlen (text), 13);

  p[3] = tag;
  memset (p + 5, ' ', 13);
  memcpy (p + 5, text, length);
  if (length < 13)
    p[5 + length] = '\n';
}

static void
put_standard_timings (uint8_t *p)
{
  for (unsigned i = 0; i < 8; i++) {
    unsigned w = standard_sizes[i][0], h = standard_sizes[i][1];
    unsigned aspect = w * 10 == h * 16 ? 0 : w * 3 == h * 4 ? 1 : w * 4 == h * 5 ? 2 : 3;

    p[2 * i] = w / 8 - 31;
    p[2 * i + 1] = aspect << 6 | (REFRESH - 60);
  }
}

static void
put_checksum (uint8_t *bytes, size_t length)
{
  uint8_t sum = 0;

  for (size_t i = 0; i < length; i++)
    sum += bytes[i];
  bytes[length] = -sum;
}

/* Appends a data block of a DisplayID section; returns its payload. */
static uint8_t *
add_block (uint8_t **end, uint8_t tag, uint8_t length)
{
  uint8_t *block = *end;

  block[0] = tag;
  block[2] = length;
  *end += 3 + length;
  return block + 3;
}

/* An extension block that is one DisplayID section (DisplayID 1.3 section 2.3): readers want to
 * know who made it and what it is before they take the timing. */
static void
put_displayid (uint8_t *p, const DioEdidInfo *info, const Timing *t, uint32_t width_mm,
               uint32_t height_mm)
{
  uint8_t *section = p + 1, *end = section + 4, *block;

  p[0] = 0x70;
  section[0] = 0x13;
  section[1] = 121;  /* bytes of payload: the section fills the block */
  section[2] = 0x03; /* stand-alone display */

  block = add_block (&end, 0x00, 12); /* product identification, without a name */
  memcpy (block, "DIO", 3);
  put16 (block + 3, PRODUCT);
  put16 (block + 5, info->serial & 0xffff);
  put16 (block + 7, info->serial >> 16);
  block[9] = 1;
  block[10] = YEAR - 2000;

  block = add_block (&end, 0x01, 12); /* display parameters */
  put16 (block, MIN (width_mm * 10, 65535));
  put16 (block + 2, MIN (height_mm * 10, 65535));
  put16 (block + 4, t->h_active);
  put16 (block + 6, t->v_active);
  block[9] = 220 - 100; /* gamma 2.2 */
  block[10] =
      CLAMP (100 * MAX (t->h_active, t->v_active) / MIN (t->h_active, t->v_active), 100, 355) - 100;
  block[11] = 0x77; /* 8 bits a colour */

  block = add_block (&end, 0x03, 20); /* type I detailed timing */
  put16 (block, (t->clock - 1) & 0xffff);
  block[2] = (t->clock - 1) >> 16;
  block[3] = 0x80 | 0x08; /* preferred; aspect ratio undefined */
  put16 (block + 4, t->h_active - 1);
  put16 (block + 6, t->h_blank - 1);
  put16 (block + 8, (t->h_front - 1) | 0x8000); /* positive */
  put16 (block + 10, t->h_sync - 1);
  put16 (block + 12, t->v_active - 1);
  put16 (block + 14, t->v_blank - 1);
  put16 (block + 16, t->v_front - 1);
  put16 (block + 18, t->v_sync - 1);

  block = add_block (&end, 0x0f, 10); /* interface features */
  block[0] = 0x84;                    /* DisplayPort, four lanes */
  block[1] = 0x11;                    /* its version */
  block[2] = 0x02;                    /* RGB, 8 bits a colour */

  put_checksum (section, 4 + 121);
  put_checksum (p, BLOCK - 1);
}

size_t
dio_edid_build (const DioEdidInfo *info, uint8_t edid[DIO_EDID_MAX_SIZE])
{
  static const uint8_t header[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
  /* sRGB primaries and white point */
  static const uint8_t chromaticity[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c,
                                            0x99, 0x26, 0x0f, 0x50, 0x54 };
  uint32_t width = CLAMP (info->width, 1, 16384), height = CLAMP (info->height, 1, 16384);
  uint32_t width_mm = size_mm (info->width_mm, width);
  uint32_t height_mm = size_mm (info->height_mm, height);
  bool large = width > MAX_DTD_SIDE || height > MAX_DTD_SIDE;
  Timing timing =
      make_timing (MIN (width, MAX_DTD_SIDE), MIN (height, MAX_DTD_SIDE), MAX_DTD_CLOCK);
  char text[14];

  memset (edid, 0, DIO_EDID_MAX_SIZE);
  memcpy (edid, header, sizeof header);
  edid[8] = 0x11; /* manufacturer "DIO": five bits a letter, big-endian */
  edid[9] = 0x2f;
  put16 (edid + 10, PRODUCT);
  put16 (edid + 12, info->serial & 0xffff);
  put16 (edid + 14, info->serial >> 16);
  edid[16] = 1; /* week */
  edid[17] = YEAR - 1990;
  edid[18] = 1;
  edid[19] = 4;
  edid[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
  edid[21] = CLAMP ((width_mm + 5) / 10, 1, 255);
  edid[22] = CLAMP ((height_mm + 5) / 10, 1, 255);
  edid[23] = 220 - 100; /* gamma 2.2 */
  edid[24] = 0x06;      /* RGB 4:4:4, sRGB, the preferred timing is the native one */
  memcpy (edid + 25, chromaticity, sizeof chromaticity);
  edid[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
  edid[36] = 0x08; /* 1024x768 at 60 Hz */
  put_standard_timings (edid + 38);
  put_detailed_timing (edid + 54, &timing, width_mm, height_mm);
  put_text (edid + 72, 0xfc, "Diorama");
  g_snprintf (text, sizeof text, "%u", info->serial);
  put_text (edid + 90, 0xff, text);
  edid[108 + 3] = 0x10; /* nothing more */
  edid[126] = large ? 1 : 0;
  put_checksum (edid, BLOCK - 1);
  if (!large)
    return BLOCK;

  timing = make_timing (width, height, MAX_DISPLAYID_CLOCK);
  put_displayid (edid + BLOCK, info, &timing, width_mm, height_mm);
  return 2 * BLOCK;
}
