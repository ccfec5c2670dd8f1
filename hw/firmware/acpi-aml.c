/* SPDX-License-Identifier: GPL-3.0-or-later
 * Writing of AML. */
#include "hw/firmware/acpi-aml.h"

#include <string.h>

enum {
  OP_NAME = 0x08,
  OP_BYTE = 0x0a,
  OP_WORD = 0x0b,
  OP_DWORD = 0x0c,
  OP_STRING = 0x0d,
  OP_QWORD = 0x0e,
  OP_SCOPE = 0x10,
  OP_BUFFER = 0x11,
  OP_PACKAGE = 0x12,
  OP_METHOD = 0x14,
  OP_DUAL_NAME = 0x2e,
  OP_MULTI_NAME = 0x2f,
  OP_EXTENDED = 0x5b,
  OP_EXTENDED_DEVICE = 0x82,
  OP_DWORD_FIELD = 0x8a,
};

/* Descriptors of resources. */
enum {
  RES_END = 0x79,
  RES_MEMORY32 = 0x86,
  RES_DWORD = 0x87,
  RES_WORD = 0x88,
  RES_INTERRUPT = 0x89,
  RES_QWORD = 0x8a,
  RES_GPIO = 0x8c,
};

static void
put (GByteArray *bytes, uint64_t value, unsigned size)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (bytes, (const guint8 *) &value, size);
}

static void
put_text (GByteArray *bytes, const char *text)
{
  g_byte_array_append (bytes, (const guint8 *) text, strlen (text) + 1);
}

void
dio_aml_init (DioAml *aml)
{
  aml->bytes = g_byte_array_new ();
  aml->open = g_array_new (FALSE, FALSE, sizeof (guint));
}

GBytes *
dio_aml_finish (DioAml *aml)
{
  g_assert (aml->open->len == 0);
  g_array_unref (aml->open);
  return g_byte_array_free_to_bytes (aml->bytes);
}

/* ---- What has a length ---- */

static void
open_length (DioAml *aml)
{
  guint at = aml->bytes->len;
  g_array_append_val (aml->open, at);
}

/* PkgLength counts itself: one byte of up to 63, else a nibble and up to three bytes. */
static unsigned
encode_length (uint32_t content, uint8_t encoded[4])
{
  if (content + 1 < 0x40) {
    encoded[0] = (uint8_t) (content + 1);
    return 1;
  }
  unsigned size = content + 2 < 1u << 12 ? 2 : content + 3 < 1u << 20 ? 3 : 4;
  uint32_t length = content + size;
  encoded[0] = (uint8_t) ((size - 1) << 6 | (length & 0xf));
  for (unsigned i = 1; i < size; i++)
    encoded[i] = (uint8_t) (length >> (8 * i - 4));
  return size;
}

void
dio_aml_end (DioAml *aml)
{
  g_return_if_fail (aml->open->len > 0);
  guint at = g_array_index (aml->open, guint, aml->open->len - 1);
  guint content = aml->bytes->len - at;
  uint8_t encoded[4];
  unsigned size = encode_length (content, encoded);

  g_array_set_size (aml->open, aml->open->len - 1);
  g_byte_array_set_size (aml->bytes, aml->bytes->len + size);
  memmove (aml->bytes->data + at + size, aml->bytes->data + at, content);
  memcpy (aml->bytes->data + at, encoded, size);
}

void
dio_aml_begin (DioAml *aml, uint8_t opcode)
{
  put (aml->bytes, opcode, 1);
  open_length (aml);
}

void
dio_aml_begin_scope (DioAml *aml, const char *name)
{
  dio_aml_begin (aml, OP_SCOPE);
  dio_aml_name (aml, name);
}

void
dio_aml_begin_device (DioAml *aml, const char *name)
{
  put (aml->bytes, OP_EXTENDED, 1);
  dio_aml_begin (aml, OP_EXTENDED_DEVICE);
  dio_aml_name (aml, name);
}

void
dio_aml_begin_method (DioAml *aml, const char *name, unsigned arguments)
{
  dio_aml_begin (aml, OP_METHOD);
  dio_aml_name (aml, name);
  put (aml->bytes, arguments | 1u << 3, 1); /* serialized: they make names */
}

void
dio_aml_begin_package (DioAml *aml, unsigned elements)
{
  dio_aml_begin (aml, OP_PACKAGE);
  put (aml->bytes, elements, 1);
}

/* ---- Terms ---- */

void
dio_aml_op (DioAml *aml, uint8_t opcode)
{
  put (aml->bytes, opcode, 1);
}

void
dio_aml_name (DioAml *aml, const char *name)
{
  if (*name == '\\')
    put (aml->bytes, (uint8_t) *name++, 1);
  g_auto (GStrv) segments = g_strsplit (name, ".", -1);
  unsigned count = g_strv_length (segments);
  if (count == 0)
    put (aml->bytes, 0, 1);
  if (count == 2)
    put (aml->bytes, OP_DUAL_NAME, 1);
  if (count > 2)
    put (aml->bytes, OP_MULTI_NAME | count << 8, 2);
  for (unsigned i = 0; i < count; i++) {
    char segment[] = "____";
    memcpy (segment, segments[i], MIN (strlen (segments[i]), 4));
    g_byte_array_append (aml->bytes, (const guint8 *) segment, 4);
  }
}

void
dio_aml_integer (DioAml *aml, uint64_t value)
{
  static const struct {
    uint64_t maximum;
    uint8_t opcode, size;
  } forms[] = {
    { UINT8_MAX, OP_BYTE, 1 },
    { UINT16_MAX, OP_WORD, 2 },
    { UINT32_MAX, OP_DWORD, 4 },
    { UINT64_MAX, OP_QWORD, 8 },
  };

  if (value <= 1) {
    put (aml->bytes, value, 1);
    return;
  }
  for (unsigned i = 0; i < G_N_ELEMENTS (forms); i++)
    if (value <= forms[i].maximum) {
      put (aml->bytes, forms[i].opcode, 1);
      put (aml->bytes, value, forms[i].size);
      return;
    }
}

void
dio_aml_string (DioAml *aml, const char *text)
{
  put (aml->bytes, OP_STRING, 1);
  put_text (aml->bytes, text);
}

/* Three letters of five bits each and four digits, the first byte lowest. */
void
dio_aml_eisa_id (DioAml *aml, const char *id)
{
  unsigned letters = (id[0] & 0x1f) << 10 | (id[1] & 0x1f) << 5 | (id[2] & 0x1f);
  uint32_t number = (uint32_t) g_ascii_strtoull (id + 3, NULL, 16);

  dio_aml_integer (aml, GUINT32_SWAP_LE_BE (letters << 16 | number));
}

static void
put_buffer (DioAml *aml, const uint8_t *data, unsigned size)
{
  dio_aml_begin (aml, OP_BUFFER);
  dio_aml_integer (aml, size);
  g_byte_array_append (aml->bytes, data, size);
  dio_aml_end (aml);
}

/* The first three groups are little-endian. */
void
dio_aml_uuid (DioAml *aml, const char *uuid)
{
  static const uint8_t places[16] = { 6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34 };
  uint8_t bytes[16];

  for (unsigned i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t) (g_ascii_xdigit_value (uuid[places[i]]) << 4
                          | g_ascii_xdigit_value (uuid[places[i] + 1]));
  put_buffer (aml, bytes, sizeof bytes);
}

void
dio_aml_define (DioAml *aml, const char *name)
{
  put (aml->bytes, OP_NAME, 1);
  dio_aml_name (aml, name);
}

void
dio_aml_name_integer (DioAml *aml, const char *name, uint64_t value)
{
  dio_aml_define (aml, name);
  dio_aml_integer (aml, value);
}

void
dio_aml_name_string (DioAml *aml, const char *name, const char *text)
{
  dio_aml_define (aml, name);
  dio_aml_string (aml, text);
}

void
dio_aml_dword_field (DioAml *aml, uint8_t buffer, unsigned offset, const char *name)
{
  put (aml->bytes, OP_DWORD_FIELD, 1);
  put (aml->bytes, buffer, 1);
  dio_aml_integer (aml, offset);
  dio_aml_name (aml, name);
}

/* ---- Resources ---- */

GByteArray *
dio_aml_resources_new (void)
{
  return g_byte_array_new ();
}

void
dio_aml_name_resources (DioAml *aml, const char *name, GByteArray *list)
{
  put (list, RES_END, 2); /* with a checksum of 0: none */
  dio_aml_define (aml, name);
  put_buffer (aml, list->data, list->len);
  g_byte_array_unref (list);
}

void
dio_aml_memory32 (GByteArray *list, uint32_t base, uint32_t size)
{
  put (list, RES_MEMORY32, 1);
  put (list, 9, 2);
  put (list, 1, 1); /* writable */
  put (list, base, 4);
  put (list, size, 4);
}

void
dio_aml_interrupt (GByteArray *list, uint32_t number, bool edge)
{
  put (list, RES_INTERRUPT, 1);
  put (list, 6, 2);
  put (list, 1u | (unsigned) edge << 1, 1); /* taken, active high, exclusive */
  put (list, 1, 1);
  put (list, number, 4);
}

void
dio_aml_gpio_edge (GByteArray *list, uint16_t pin, const char *controller)
{
  enum { HEADER = 23 };
  unsigned name = HEADER + 2, end = name + strlen (controller) + 1;

  put (list, RES_GPIO, 1);
  put (list, end - 3, 2);
  put (list, 1, 1); /* revision */
  put (list, 0, 1); /* an interrupt */
  put (list, 1, 2); /* taken */
  put (list, 1, 2); /* edge, active high, exclusive */
  put (list, 1, 1); /* pulled up */
  put (list, 0, 4); /* drive strength, debounce time */
  put (list, HEADER, 2);
  put (list, 0, 1);
  put (list, name, 2);
  put (list, end, 2);
  put (list, 0, 2);
  put (list, pin, 2);
  put_text (list, controller);
}

void
dio_aml_window (GByteArray *list, DioAmlWindow kind, uint64_t base, uint64_t size,
                uint64_t translation)
{
  static const struct {
    uint8_t descriptor, width, type, flags;
  } kinds[] = {
    [DIO_AML_BUSES] = { RES_WORD, 2, 2, 0 },
    [DIO_AML_IO] = { RES_DWORD, 4, 1, 3 },       /* all of the range */
    [DIO_AML_MEMORY32] = { RES_DWORD, 4, 0, 1 }, /* writable, not cached */
    [DIO_AML_MEMORY64] = { RES_QWORD, 8, 0, 1 },
  };
  unsigned width = kinds[kind].width;

  put (list, kinds[kind].descriptor, 1);
  put (list, 3 + 5 * width, 2);
  put (list, kinds[kind].type, 1);
  put (list, 0xc, 1); /* both ends are fixed */
  put (list, kinds[kind].flags, 1);
  put (list, 0, width);
  put (list, base, width);
  put (list, base + size - 1, width);
  put (list, translation, width);
  put (list, size, width);
}
