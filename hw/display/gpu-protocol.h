/* SPDX-License-Identifier: GPL-3.0-or-later
 * The commands of virtio-gpu as they are in guest memory (virtio 1.3 section 5.7.6), little-endian.
 * For virtio-gpu.c and gpu-resource.c. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

#define MAX_SCANOUTS 16

enum {
  CMD_GET_DISPLAY_INFO = 0x0100,
  CMD_RESOURCE_CREATE_2D,
  CMD_RESOURCE_UNREF,
  CMD_SET_SCANOUT,
  CMD_RESOURCE_FLUSH,
  CMD_TRANSFER_TO_HOST_2D,
  CMD_RESOURCE_ATTACH_BACKING,
  CMD_RESOURCE_DETACH_BACKING,
  CMD_GET_EDID = 0x010a,
  CMD_UPDATE_CURSOR = 0x0300,
  CMD_MOVE_CURSOR,

  RESP_OK_NODATA = 0x1100,
  RESP_OK_DISPLAY_INFO = 0x1101,
  RESP_OK_EDID = 0x1104,
  RESP_ERR_UNSPEC = 0x1200,
  RESP_ERR_OUT_OF_MEMORY = 0x1201,
  RESP_ERR_INVALID_SCANOUT_ID = 0x1202,
  RESP_ERR_INVALID_RESOURCE_ID = 0x1203,
  RESP_ERR_INVALID_PARAMETER = 0x1205,
};

#define FLAG_FENCE 1
#define EVENT_DISPLAY 1

typedef struct {
  uint32_t type, flags;
  uint64_t fence_id;
  uint32_t ctx_id;
  uint8_t ring_idx;
  uint8_t padding[3];
} Header;

typedef struct {
  uint32_t x, y, width, height;
} WireRect;

typedef struct {
  Header header;
  uint32_t resource_id, format, width, height;
} Create2d;

typedef struct {
  Header header;
  uint32_t resource_id, padding;
} ResourceRef; /* unref, detach backing */

typedef struct {
  Header header;
  WireRect rect;
  uint32_t scanout_id, resource_id;
} SetScanout;

typedef struct {
  Header header;
  WireRect rect;
  uint32_t resource_id, padding;
} Flush;

typedef struct {
  Header header;
  WireRect rect;
  uint64_t offset;
  uint32_t resource_id, padding;
} Transfer;

typedef struct {
  Header header;
  uint32_t resource_id, n_entries;
} AttachBacking;

typedef struct {
  uint64_t address;
  uint32_t length, padding;
} BackingEntry;

typedef struct {
  Header header;
  uint32_t scanout, padding;
} GetEdid;

typedef struct {
  Header header;
  uint32_t scanout_id, x, y, padding0;
  uint32_t resource_id, hot_x, hot_y, padding1;
} CursorCommand;

typedef struct {
  Header header;
  struct {
    WireRect rect;
    uint32_t enabled, flags;
  } modes[MAX_SCANOUTS];
} DisplayInfo;

typedef struct {
  Header header;
  uint32_t size, padding;
  uint8_t edid[1024];
} EdidResponse;

typedef union {
  Header header;
  DisplayInfo display_info;
  EdidResponse edid;
} Response;

typedef struct {
  uint32_t events_read, events_clear, num_scanouts, num_capsets;
} Config;

typedef union {
  Header header;
  Create2d create_2d;
  ResourceRef resource_ref;
  SetScanout set_scanout;
  Flush flush;
  Transfer transfer;
  AttachBacking attach_backing;
  GetEdid get_edid;
  CursorCommand cursor;
} Command;

G_STATIC_ASSERT (sizeof (Header) == 24 && sizeof (Transfer) == 56 && sizeof (CursorCommand) == 56);
G_STATIC_ASSERT (sizeof (DisplayInfo) == 408 && sizeof (EdidResponse) == 1056);
