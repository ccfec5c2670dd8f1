/* SPDX-License-Identifier: GPL-3.0-or-later
 * Writes a flattened device tree, node after node. Errors stick and come out at the end. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

typedef struct DioFdt DioFdt;

/* An empty tree with its root node open. */
DioFdt *dio_fdt_new (void);

/* Nodes nest: begin, properties, then sub-nodes, end. The name is formatted ("uart@%lx"). */
void dio_fdt_begin (DioFdt *fdt, const char *format, ...) G_GNUC_PRINTF (2, 3);
void dio_fdt_end (DioFdt *fdt);

void dio_fdt_empty (DioFdt *fdt, const char *name);
void dio_fdt_string (DioFdt *fdt, const char *name, const char *value);
/* Several strings, ended by NULL. */
void dio_fdt_strings (DioFdt *fdt, const char *name, ...) G_GNUC_NULL_TERMINATED;
void dio_fdt_strv (DioFdt *fdt, const char *name, const char *const *values);
void dio_fdt_u32 (DioFdt *fdt, const char *name, uint32_t value);
void dio_fdt_u64 (DioFdt *fdt, const char *name, uint64_t value);
/* @count cells of 32 bits. */
void dio_fdt_cells (DioFdt *fdt, const char *name, const uint32_t *cells, size_t count);
/* dio_fdt_reg (fdt, "reg", address, size): pairs of two-cell numbers, @pairs of them. */
void dio_fdt_reg (DioFdt *fdt, const char *name, unsigned pairs, ...); /* of uint64_t, uint64_t */
void dio_fdt_bytes (DioFdt *fdt, const char *name, const void *data, size_t length);

/* A phandle that nobody has yet; give it to a node with dio_fdt_u32 (fdt, "phandle", ...). */
uint32_t dio_fdt_new_phandle (DioFdt *fdt);

/* The libfdt handle in sequential-write mode, for DioDeviceType.describe_fdt. Stays valid. */
void *dio_fdt_raw (DioFdt *fdt);

/* Closes the root, frees the writer. NULL and @error if anything went wrong since new. */
GBytes *dio_fdt_finish (DioFdt *fdt, GError **error);
