/* SPDX-License-Identifier: GPL-3.0-or-later
 * AML, the byte code of ACPI's namespace (ACPI 6.5 chapter 20), written in order into an array.
 *
 * What has a length (scopes, devices, methods, packages, conditions) is opened and closed; the
 * length is filled in when it is closed. Resources (chapter 6.4) go into an array of their own,
 * which then becomes a buffer. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* Arguments and locals, and operators that take what follows them. */
enum {
  DIO_AML_LOCAL0 = 0x60,
  DIO_AML_ARG0 = 0x68,
  DIO_AML_STORE = 0x70, /* value, target */
  DIO_AML_AND = 0x7b,   /* value, value, target */
  DIO_AML_OR = 0x7d,    /* the same */
  DIO_AML_NOTIFY = 0x86,
  DIO_AML_NOT = 0x92,
  DIO_AML_EQUAL = 0x93,
  DIO_AML_IF = 0xa0,   /* dio_aml_begin() */
  DIO_AML_ELSE = 0xa1, /* the same */
  DIO_AML_RETURN = 0xa4,
};

typedef struct {
  GByteArray *bytes;
  GArray *open; /* of the offsets where lengths are missing */
} DioAml;

void dio_aml_init (DioAml *aml);
/* What was written; everything must be closed. */
GBytes *dio_aml_finish (DioAml *aml);

/* Opens IF or ELSE; a condition follows. */
void dio_aml_begin (DioAml *aml, uint8_t opcode);
void dio_aml_begin_scope (DioAml *aml, const char *name);
void dio_aml_begin_device (DioAml *aml, const char *name);
void dio_aml_begin_method (DioAml *aml, const char *name, unsigned arguments);
void dio_aml_begin_package (DioAml *aml, unsigned elements);
void dio_aml_end (DioAml *aml);

void dio_aml_op (DioAml *aml, uint8_t opcode);
/* A reference: segments of up to four characters between dots, a backslash before the first for
 * the root. */
void dio_aml_name (DioAml *aml, const char *name);
void dio_aml_integer (DioAml *aml, uint64_t value);
void dio_aml_string (DioAml *aml, const char *text);
void dio_aml_eisa_id (DioAml *aml, const char *id); /* "PNP0A08" */
void dio_aml_uuid (DioAml *aml, const char *uuid);  /* as people write it */

/* Name (@name, ...): of a number, of a text, or of what follows. */
void dio_aml_name_integer (DioAml *aml, const char *name, uint64_t value);
void dio_aml_name_string (DioAml *aml, const char *name, const char *text);
void dio_aml_define (DioAml *aml, const char *name);
/* A field of 32 bits at @offset in a buffer that is an argument or local. */
void dio_aml_dword_field (DioAml *aml, uint8_t buffer, unsigned offset, const char *name);

/* Resources into @list; the buffer of them under @name, which frees the list. */
GByteArray *dio_aml_resources_new (void);
void dio_aml_name_resources (DioAml *aml, const char *name, GByteArray *list);
void dio_aml_memory32 (GByteArray *list, uint32_t base, uint32_t size);
void dio_aml_interrupt (GByteArray *list, uint32_t number, bool edge);
void dio_aml_gpio_edge (GByteArray *list, uint16_t pin, const char *controller);

typedef enum {
  DIO_AML_BUSES,
  DIO_AML_IO,
  DIO_AML_MEMORY32,
  DIO_AML_MEMORY64,
} DioAmlWindow;

/* A window of a bridge: @size addresses of the bus from @base on are @translation higher for CPUs.
 */
void dio_aml_window (GByteArray *list, DioAmlWindow kind, uint64_t base, uint64_t size,
                     uint64_t translation);
