/* SPDX-License-Identifier: GPL-3.0-or-later
 * Judges what the x86-64 encoder wrote: random operands, and the text of an independent
 * disassembler (libcapstone) brought into one spelling that tests can compose:
 *
 *   add dword [rax+rcx*4+0x10], 0xffffffff
 *
 * An immediate is cut to the width of the first operand, an address relative to rip is resolved. */
#pragma once

#include <capstone/capstone.h>
#include <glib.h>

#include "core/jit/x86_64/x64-asm.h"

typedef struct {
  csh capstone;
  cs_insn *insn;
  GRand *random;
  DioX64Asm a;
  uint8_t code[64];
  const void *data; /* of the form */
  bool show_size;   /* of memory operands */
  char expected[160];
} Judge;

typedef void (*JudgeForm) (Judge *judge);

/* Draws operands and emits with @form, @count times, each time comparing. */
void judge_run (const char *name, JudgeForm form, const void *data, unsigned count, bool show_size);

/* What the form says it wrote. */
void judge_expect (Judge *judge, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* What the judge says is at @code; @address is where it runs. Free with g_free(). */
char *judge_disassemble (const uint8_t *code, size_t size, uint64_t address);

unsigned judge_below (Judge *judge, unsigned limit);
/* Registers of all 16, one of the widths in a mask (bits 0, 1, 2, 3: 1, 2, 4, 8 bytes). */
unsigned judge_reg (Judge *judge);
unsigned judge_width (Judge *judge, unsigned mask);
/* Immediates and displacements that are mostly at an edge. */
int32_t judge_imm (Judge *judge);
/* All modes: base, index, both, none, relative to rip. */
DioX64Mem judge_mem (Judge *judge);

/* The spelling of operands. Strings that need no freeing, good until eight more were made. */
const char *judge_gpr (unsigned w, unsigned reg);
const char *judge_xmm (unsigned reg);
const char *judge_ymm (unsigned reg);
const char *judge_mem_text (Judge *judge, unsigned w, DioX64Mem mem);
const char *judge_imm_text (unsigned w, int64_t imm);
