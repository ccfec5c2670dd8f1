/* SPDX-License-Identifier: GPL-3.0-or-later
 * The symmetric visitor: one function per device both saves and loads its state.
 *
 * A visit function calls dio_visit_*() for each field in order, with stable names. Saving appends
 * to a section; loading reads and checks. Loaded bytes are hostile: after the first mismatch (name,
 * size, end of data) the visitor has failed, every further visit leaves its target alone, and
 * dio_visitor_failed() is true. A visit function re-validates what it loaded as it would a register
 * write, and calls dio_visitor_fail() on nonsense. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

typedef struct DioVisitor DioVisitor;

/* A visitor that saves; _finish() gives the section's bytes, or NULL when there was not enough
 * memory for them. */
DioVisitor *dio_visitor_new_save (void);
GBytes *dio_visitor_finish_save (DioVisitor *visitor); /* frees the visitor */

/* A visitor that loads from @bytes; _finish() fails when the visit failed or bytes are left over.
 */
DioVisitor *dio_visitor_new_load (GBytes *bytes);
bool dio_visitor_finish_load (DioVisitor *visitor, GError **error); /* frees the visitor */

bool dio_visitor_is_loading (DioVisitor *visitor);
bool dio_visitor_failed (DioVisitor *visitor);
void dio_visitor_fail (DioVisitor *visitor, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* For want of memory, which is no fault of the data: DIO_ERROR_MEMORY. */
void dio_visitor_fail_memory (DioVisitor *visitor);

/* Opens a named, versioned section; returns the version of the data (when saving: @version). A
 * newer version than @version fails the load. */
unsigned dio_visit_begin (DioVisitor *visitor, const char *name, unsigned version);
void dio_visit_end (DioVisitor *visitor);

void dio_visit_bool (DioVisitor *visitor, const char *name, bool *value);
void dio_visit_u8 (DioVisitor *visitor, const char *name, uint8_t *value);
void dio_visit_u16 (DioVisitor *visitor, const char *name, uint16_t *value);
void dio_visit_u32 (DioVisitor *visitor, const char *name, uint32_t *value);
void dio_visit_u64 (DioVisitor *visitor, const char *name, uint64_t *value);
void dio_visit_i64 (DioVisitor *visitor, const char *name, int64_t *value);

/* Exactly @length bytes. */
void dio_visit_bytes (DioVisitor *visitor, const char *name, void *data, size_t length);

/* Up to @max bytes of variable length; when loading, *data is g_malloc'ed anew (old one freed). */
void dio_visit_buffer (DioVisitor *visitor, const char *name, uint8_t **data, size_t *length,
                       size_t max);
