/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the tests of disk images share: images in a folder of their own, a model in memory that they
 * are compared with, and QEMU's tools as the judge. */
#pragma once

#include "core/backend/block/block-create.h"
#include "core/backend/block/block-node.h"
#include "core/backend/block/qcow2.h"

#define KIB UINT64_C (1024)
#define MIB (KIB * 1024)

/* A name for the options of an image, for messages. */
typedef struct {
  const char *name;
  DioBlockCreate create;
} RigKind;

/* Kinds of qcow2 images that exercise all of the format; ends with a NULL name. */
extern const RigKind rig_kinds[];

char *rig_folder_new (void);
void rig_folder_free (char *folder);

/* Runs a program; its exit status. @output (may be NULL) gets what it printed. */
int rig_run (char **output, const char *program, ...) G_GNUC_NULL_TERMINATED;

/* Fails the test unless qemu-img finds nothing wrong at all / nothing but leaks. */
void rig_check_clean (const char *path);
void rig_check_leaks_only (const char *path, const char *how);

void rig_create (DioFiles *files, const char *path, const RigKind *kind, uint64_t size);
DioBlockNode *rig_open (DioFiles *files, const char *path, const char *format,
                        DioBlockOpenFlags flags, DioBlockNode *backing);

/* Random changes of a node and of the bytes that it should have. */
typedef struct {
  DioBlockNode *node;
  uint8_t *bytes; /* node->size of them */
  GRand *random;
  uint64_t most;       /* bytes of one change */
  bool keep_discarded; /* discards are not made: their result is not defined */
} RigModel;

/* One random change; 0 or -errno. After an error the bytes are what they were: the range of the
 * change, in *offset and *length, may be old or new. */
int rig_change (RigModel *model, uint64_t *offset, uint64_t *length);

/* Fails the test unless the node has exactly these bytes. */
void rig_compare (DioBlockNode *node, const uint8_t *bytes);
