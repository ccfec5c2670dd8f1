/* SPDX-License-Identifier: GPL-3.0-or-later
 * Images that machines can be made from: what is found on this computer, and what a file is. */
#pragma once

#include <gio/gio.h>

#include "core/base/base-types.h"
#include "core/boot/boot-image.h"

typedef enum {
  DIO_IMAGE_UNKNOWN,
  DIO_IMAGE_KERNEL, /* a Linux Image, plain or compressed, or ELF */
  DIO_IMAGE_INITRD,
  DIO_IMAGE_DISK, /* partition table or file system */
  DIO_IMAGE_ISO,
  DIO_IMAGE_FIRMWARE,
} DioImageKind;

#define DIO_TYPE_IMAGE (dio_image_get_type ())
G_DECLARE_FINAL_TYPE (DioImage, dio_image, DIO, IMAGE, GObject)

/* Properties: "title" ("Debian 13 installer"), "subtitle" ("RISC-V, 34 MB"), "kernel", "initrd",
 * "disk", "append" (strings or NULL). */
const char *dio_image_get_title (DioImage *self);
const char *dio_image_get_subtitle (DioImage *self);
DioArch dio_image_get_arch (DioImage *self); /* NONE when it cannot be told */
DioImageKind dio_image_get_kind (DioImage *self);
DioBootCondition dio_image_get_condition (DioImage *self);
const char *dio_image_get_kernel (DioImage *self);
const char *dio_image_get_initrd (DioImage *self);
const char *dio_image_get_disk (DioImage *self);
const char *dio_image_get_append (DioImage *self);
guint64 dio_image_get_recommended_memory (DioImage *self);
guint64 dio_image_get_recommended_disk (DioImage *self);

/* Looks into a file (blocking, a few KiB read); never fails on content: kind is UNKNOWN then. */
DioImage *dio_image_probe_file (const char *path, GError **error);

/* Images on this computer, found in the cache of `dev guests`
 * ($DIORAMA_IMAGES or $XDG_CACHE_HOME/diorama/images: folders with an image.json), installed
 * debian-installer packages under /usr/lib/debian-installer/images, and likely files in the
 * Downloads folder. A GListStore that fills while a worker scans. */
GListModel *dio_images_scan (void);

/* The same search, blocking; a GPtrArray of DioImage that the caller unrefs. Any thread. */
GPtrArray *dio_images_find (void);

/* The folder of fetched images. Caller frees. */
char *dio_images_default_folder (void);

/* One folder with an image.json: {"title", "arch", "kernel", "initrd", "disk", "append", "memory",
 * "disk-size"}; file names are inside the folder, sizes are bytes or like "1G". Blocking. */
DioImage *dio_image_load_folder (const char *folder, GError **error);
