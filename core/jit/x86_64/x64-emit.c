/* SPDX-License-Identifier: GPL-3.0-or-later
 * The core of the x86-64 encoder: prefixes, ModRM, SIB, displacements, labels.
 *
 * Every function here writes one instruction whole or not at all: it checks for room once, for the
 * longest instruction there is (15 bytes), and then goes on without checks. The position is kept in
 * a local variable, as a store through a byte pointer may change anything for the compiler. */
#include "core/jit/x86_64/x64-emit.h"

#include <glib.h>
#include <string.h>

#define ROOM 16

/* Register numbers that mean something else in ModRM and SIB (Intel SDM 2.1.5). */
#define RM_SIB 4
#define RM_DISP32 5
#define SIB_NO_INDEX 4

static inline bool
has_room (DioX64Asm *a)
{
  if (DIO_UNLIKELY (a->end - a->at < ROOM))
    a->overflow = true;
  return !a->overflow;
}

static inline uint8_t *
put_byte (uint8_t *at, unsigned value)
{
  *at = (uint8_t) value;
  return at + 1;
}

/* The host is little-endian: this folder is built on x86-64 only. */
static inline uint8_t *
put_word (uint8_t *at, uint64_t value, unsigned size)
{
  memcpy (at, &value, size);
  return at + size;
}

static inline uint8_t *
put_32 (uint8_t *at, int32_t value)
{
  memcpy (at, &value, sizeof value);
  return at + sizeof value;
}

static inline unsigned
imm_size (uint32_t enc)
{
  static const uint8_t sizes[4] = { 0, 1, 2, 4 };
  return sizes[enc / DIO_X64_IMM8 & 3];
}

static inline uint8_t *
put_imm (uint8_t *at, uint32_t enc, int32_t imm)
{
  switch (imm_size (enc)) {
  case 1:
    return put_byte (at, (unsigned) imm);
  case 2:
    return put_word (at, (uint64_t) imm, 2);
  case 4:
    return put_32 (at, imm);
  default:
    return at;
  }
}

static inline uint8_t *
put_modrm (uint8_t *at, unsigned mod, unsigned reg, unsigned rm)
{
  return put_byte (at, mod << 6 | (reg & 7) << 3 | (rm & 7));
}

/* A REX prefix, or 0 when none is needed. */
static inline unsigned
rex (uint32_t enc, unsigned reg, unsigned index, unsigned rm)
{
  unsigned bits = (enc & DIO_X64_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (rm & 8) >> 3;
  return bits ? 0x40 | bits : 0;
}

/* Without any REX the numbers 4 to 7 would mean ah, ch, dh, bh. */
static inline bool
is_low_byte (unsigned reg)
{
  return reg >= 4 && reg < 8;
}

static uint8_t *
put_opcode (uint8_t *at, uint32_t enc, unsigned rex_prefix)
{
  static const uint8_t mandatory[4] = { 0, 0x66, 0xf3, 0xf2 };
  if (enc & DIO_X64_LOCK)
    at = put_byte (at, 0xf0);
  if (enc & DIO_X64_OPSIZE)
    at = put_byte (at, 0x66);
  if (enc & DIO_X64_F2)
    at = put_byte (at, mandatory[enc / DIO_X64_66 & 3]);
  if (rex_prefix)
    at = put_byte (at, rex_prefix);

  unsigned map = enc & DIO_X64_0F3A;
  if (map)
    at = put_byte (at, 0x0f);
  if (map == DIO_X64_0F38)
    at = put_byte (at, 0x38);
  else if (map == DIO_X64_0F3A)
    at = put_byte (at, 0x3a);
  return put_byte (at, enc);
}

/* SDM 2.3.5: the short form can express neither W nor X, B and a map but 0F. The fields R, X, B and
 * vvvv are inverted. */
static uint8_t *
put_vex (uint8_t *at, uint32_t enc, unsigned reg, unsigned vvvv, unsigned index, unsigned rm)
{
  unsigned r = reg & 8 ? 0 : 0x80, x = index & 8 ? 0 : 0x40, b = rm & 8 ? 0 : 0x20;
  unsigned map = enc >> 8 & 3;
  unsigned last = (~vvvv & 15) << 3 | (enc & DIO_X64_L ? 4 : 0) | (enc >> 10 & 3);
  if (x && b && map == 1 && !(enc & DIO_X64_W)) {
    at = put_byte (at, 0xc5);
    at = put_byte (at, r | last);
  } else {
    at = put_byte (at, 0xc4);
    at = put_byte (at, r | x | b | map);
    at = put_byte (at, (enc & DIO_X64_W ? 0x80 : 0) | last);
  }
  return put_byte (at, enc);
}

static inline unsigned
number_of (int8_t reg)
{
  return reg < 0 ? 0 : (unsigned) reg;
}

static bool
put_distance (DioX64Asm *a, uint8_t *at, int64_t distance)
{
  if (distance != (int32_t) distance) {
    a->overflow = true;
    return false;
  }
  put_32 (at, (int32_t) distance);
  return true;
}

/* How far @target is from the end of an instruction that ends at @end in the buffer. */
static int64_t
distance_to (const DioX64Asm *a, const void *target, const uint8_t *end)
{
  return (int64_t) ((uintptr_t) target - (uintptr_t) end - (uintptr_t) a->exec_delta);
}

/* An unresolved field holds the offset of the one before it, plus one, and how many bytes of the
 * instruction follow the field. */
static void
chain (DioX64Asm *a, DioX64Label *label, uint8_t *field, unsigned trailing)
{
  put_32 (field, (int32_t) ((uint32_t) (label->fixups + 1) << 3 | trailing));
  label->fixups = (int32_t) (field - a->start);
}

/* Fills the rel32 field at @at, which @trailing more bytes of the instruction follow. */
static bool
put_label (DioX64Asm *a, uint8_t *at, DioX64Label *label, int32_t disp, unsigned trailing)
{
  const uint8_t *end = at + 4 + trailing;
  if (label->position >= 0)
    return put_distance (a, at, label->position + (int64_t) disp - (end - a->start));
  g_assert (disp == 0);
  chain (a, label, at, trailing);
  return true;
}

static uint8_t *
put_rip (DioX64Asm *a, uint8_t *at, unsigned reg, const DioX64Mem *mem, unsigned trailing)
{
  at = put_modrm (at, 0, reg, RM_DISP32);
  bool reached =
      mem->base == DIO_X64_RIP_LABEL
          ? put_label (a, at, mem->target, mem->disp, trailing)
          : put_distance (a, at, mem->disp + distance_to (a, mem->target, at + 4 + trailing));
  return reached ? at + 4 : NULL;
}

/* Without a base there is always a displacement of 32 bits. */
static uint8_t *
put_no_base (uint8_t *at, unsigned reg, const DioX64Mem *mem)
{
  unsigned index = mem->index < 0 ? SIB_NO_INDEX : (unsigned) mem->index;
  at = put_modrm (at, 0, reg, RM_SIB);
  at = put_modrm (at, mem->scale, index, RM_DISP32);
  return put_32 (at, mem->disp);
}

/* rsp and r12 as a base need a SIB byte, rbp and r13 a displacement. */
static uint8_t *
put_base (uint8_t *at, unsigned reg, const DioX64Mem *mem)
{
  unsigned base = (unsigned) mem->base;
  bool has_index = mem->index >= 0;
  unsigned mod = mem->disp == 0 && (base & 7) != RM_DISP32 ? 0
                 : mem->disp == (int8_t) mem->disp         ? 1
                                                           : 2;
  if (has_index || (base & 7) == RM_SIB) {
    at = put_modrm (at, mod, reg, RM_SIB);
    at = put_modrm (at, mem->scale, has_index ? (unsigned) mem->index : SIB_NO_INDEX, base);
  } else {
    at = put_modrm (at, mod, reg, base);
  }
  return mod == 2 ? put_32 (at, mem->disp) : mod == 1 ? put_byte (at, (unsigned) mem->disp) : at;
}

/* ModRM and what belongs to it; NULL when out of reach. */
static uint8_t *
put_mem (DioX64Asm *a, uint8_t *at, unsigned reg, const DioX64Mem *mem, unsigned trailing)
{
  g_assert (mem->index != DIO_X64_RSP && mem->scale < 4);
  if (mem->base >= 0)
    return put_base (at, reg, mem);
  return mem->base == DIO_X64_NONE ? put_no_base (at, reg, mem)
                                   : put_rip (a, at, reg, mem, trailing);
}

void
dio_x64_put_rr (DioX64Asm *a, uint32_t enc, unsigned reg, unsigned rm, int32_t imm)
{
  if (!has_room (a))
    return;
  unsigned prefix = rex (enc, reg, 0, rm);
  if ((enc & DIO_X64_BYTE_REG && is_low_byte (reg)) || (enc & DIO_X64_BYTE_RM && is_low_byte (rm)))
    prefix |= 0x40;
  uint8_t *at = put_opcode (a->at, enc, prefix);
  at = put_modrm (at, 3, reg, rm);
  a->at = put_imm (at, enc, imm);
}

void
dio_x64_put_rm (DioX64Asm *a, uint32_t enc, unsigned reg, DioX64Mem mem, int32_t imm)
{
  if (!has_room (a))
    return;
  unsigned prefix = rex (enc, reg, number_of (mem.index), number_of (mem.base));
  if (enc & DIO_X64_BYTE_REG && is_low_byte (reg))
    prefix |= 0x40;
  uint8_t *at = put_opcode (a->at, enc, prefix);
  at = put_mem (a, at, reg, &mem, imm_size (enc));
  if (at)
    a->at = put_imm (at, enc, imm);
}

void
dio_x64_put_vex_rr (DioX64Asm *a, uint32_t enc, unsigned reg, unsigned vvvv, unsigned rm,
                    int32_t imm)
{
  if (!has_room (a))
    return;
  uint8_t *at = put_vex (a->at, enc, reg, vvvv, 0, rm);
  at = put_modrm (at, 3, reg, rm);
  a->at = put_imm (at, enc, imm);
}

void
dio_x64_put_vex_rm (DioX64Asm *a, uint32_t enc, unsigned reg, unsigned vvvv, DioX64Mem mem,
                    int32_t imm)
{
  if (!has_room (a))
    return;
  uint8_t *at = put_vex (a->at, enc, reg, vvvv, number_of (mem.index), number_of (mem.base));
  at = put_mem (a, at, reg, &mem, imm_size (enc));
  if (at)
    a->at = put_imm (at, enc, imm);
}

void
dio_x64_put_o (DioX64Asm *a, uint32_t enc, unsigned reg, uint64_t imm, unsigned size)
{
  if (!has_room (a))
    return;
  uint8_t *at = put_opcode (a->at, enc | (reg & 7), rex (enc, 0, 0, reg));
  a->at = put_word (at, imm, size);
}

void
dio_x64_put_bytes (DioX64Asm *a, uint64_t bytes, unsigned n)
{
  if (has_room (a))
    a->at = put_word (a->at, bytes, n);
}

void
dio_x64_nop (DioX64Asm *a, size_t n)
{
  /* SDM, NOP, table 4-12. */
  static const uint8_t forms[9][9] = {
    { 0x90 },
    { 0x66, 0x90 },
    { 0x0f, 0x1f, 0x00 },
    { 0x0f, 0x1f, 0x40 },
    { 0x0f, 0x1f, 0x44 },
    { 0x66, 0x0f, 0x1f, 0x44 },
    { 0x0f, 0x1f, 0x80 },
    { 0x0f, 0x1f, 0x84 },
    { 0x66, 0x0f, 0x1f, 0x84 },
  };
  while (n && has_room (a)) {
    size_t length = MIN (n, G_N_ELEMENTS (forms));
    memcpy (a->at, forms[length - 1], length);
    a->at += length;
    n -= length;
  }
}

void
dio_x64_bind (DioX64Asm *a, DioX64Label *label)
{
  g_assert (label->position < 0);
  label->position = (int32_t) dio_x64_size (a);
  for (int32_t field = label->fixups; field >= 0;) {
    uint32_t link;
    memcpy (&link, a->start + field, sizeof link);
    put_32 (a->start + field, label->position - (field + 4 + (int32_t) (link & 7)));
    field = (int32_t) (link >> 3) - 1;
  }
  label->fixups = -1;
}

/* A jump whose opcode with 32 bits is the low @n bytes of @opcode. */
static void
jump_to_label (DioX64Asm *a, uint64_t opcode, unsigned n, DioX64Label *label)
{
  if (!has_room (a))
    return;
  uint8_t *at = put_word (a->at, opcode, n);
  if (put_label (a, at, label, 0, 0))
    a->at = at + 4;
}

/* The short form with its opcode of one byte, if the label is bound and near enough. */
static bool
jump_short (DioX64Asm *a, unsigned opcode, const DioX64Label *label)
{
  int64_t distance = label->position - (int64_t) (dio_x64_size (a) + 2);
  if (label->position < 0 || distance != (int8_t) distance)
    return false;
  dio_x64_put_bytes (a, opcode | (uint64_t) (distance & 0xff) << 8, 2);
  return true;
}

void
dio_x64_jmp_label (DioX64Asm *a, DioX64Label *label)
{
  if (!jump_short (a, 0xeb, label))
    jump_to_label (a, 0xe9, 1, label);
}

void
dio_x64_jcc_label (DioX64Asm *a, DioX64Cc cc, DioX64Label *label)
{
  if (!jump_short (a, 0x70 + cc, label))
    jump_to_label (a, 0x800f + ((uint64_t) cc << 8), 2, label);
}

void
dio_x64_call_label (DioX64Asm *a, DioX64Label *label)
{
  jump_to_label (a, 0xe8, 1, label);
}

static void
jump_to_address (DioX64Asm *a, uint64_t opcode, unsigned n, const void *target)
{
  if (!has_room (a))
    return;
  uint8_t *at = put_word (a->at, opcode, n);
  if (put_distance (a, at, distance_to (a, target, at + 4)))
    a->at = at + 4;
}

void
dio_x64_jmp_abs (DioX64Asm *a, const void *target)
{
  jump_to_address (a, 0xe9, 1, target);
}

void
dio_x64_jcc_abs (DioX64Asm *a, DioX64Cc cc, const void *target)
{
  jump_to_address (a, 0x800f + ((uint64_t) cc << 8), 2, target);
}

void
dio_x64_call_abs (DioX64Asm *a, const void *target)
{
  jump_to_address (a, 0xe8, 1, target);
}
