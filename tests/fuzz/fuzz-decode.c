/* SPDX-License-Identifier: GPL-3.0-or-later
 * Fuzzes the riscv64 decoder: its nested switches must agree with the plain list of leaves, and the
 * disassembler with both. The input is instructions, four bytes each. */
#include <stdlib.h>
#include <string.h>

#include "core/guest/riscv64/riscv64-disasm.h"
#include "core/guest/riscv64/riscv64-leaves.h"

/* The generated decoder, compiled like the rest. */
#include "core/guest/riscv64/riscv64-leaves.c"

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require (bool condition)
{
  if (!condition)
    abort ();
}

/* The leaf with the most fixed bits of those that match. */
static unsigned
find_leaf (uint32_t raw, unsigned length)
{
  unsigned best = DIO_RV_LEAF_ILLEGAL, best_bits = 0;

  for (unsigned leaf = 1; leaf < DIO_RV_N_LEAVES; leaf++) {
    const DioLeafInfo *info = &dio_rv_leaf_info[leaf];
    unsigned bits = (unsigned) __builtin_popcount (info->mask);

    if (info->length == length && (raw & info->mask) == info->value && bits > best_bits) {
      best = leaf;
      best_bits = bits;
    }
  }
  return best;
}

/* Compressed encodings that are reserved although their pattern matches (UnprivSpec, "RVC
 * Instruction Set Listings"). */
static bool
is_reserved (unsigned leaf, uint32_t raw)
{
  unsigned rd = raw >> 7 & 31;

  switch (leaf) {
  case DIO_RV_LEAF_C_ADDI4SPN:
    return (raw & 0x1fe0) == 0;
  case DIO_RV_LEAF_C_ADDI16SP:
  case DIO_RV_LEAF_C_LUI:
    return (raw & 0x107c) == 0;
  case DIO_RV_LEAF_C_ADDIW:
  case DIO_RV_LEAF_C_LWSP:
  case DIO_RV_LEAF_C_LDSP:
  case DIO_RV_LEAF_C_JR:
    return rd == 0;
  default:
    return false;
  }
}

static void
check_operands (const DioLeafInfo *info, const DioInsn *insn)
{
  const unsigned operands = info->operands;

  require (!(operands & (DIO_OPERAND_RD_X | DIO_OPERAND_RD_F)) || insn->rd < 32);
  require (!(operands & (DIO_OPERAND_RS1_X | DIO_OPERAND_RS1_F)) || insn->rs1 < 32);
  require (!(operands & (DIO_OPERAND_RS2_X | DIO_OPERAND_RS2_F)) || insn->rs2 < 32);
  require (!(operands & (DIO_OPERAND_RS3_X | DIO_OPERAND_RS3_F)) || insn->rs3 < 32);
  require (!(operands & DIO_OPERAND_RM) || insn->rm < 8);
  if (info->kind == DIO_LEAF_BRANCH)
    require (insn->imm % 2 == 0 && insn->imm >= -4096 && insn->imm < 4096);
  if (info->kind == DIO_LEAF_JUMP)
    require (insn->wide % 2 == 0 && insn->wide >= -(1 << 20) && insn->wide < 1 << 20);
}

static void
check_word (uint32_t raw)
{
  DioInsn insn, again;
  char text[DIO_RV_DISASM_SIZE + 1];
  unsigned length = dio_rv_decode (raw, &insn);
  unsigned leaf = find_leaf (length == 2 ? raw & 0xffff : raw, length);

  require (length == ((raw & 3) == 3 ? 4 : 2));
  if (is_reserved (leaf, raw))
    leaf = DIO_RV_LEAF_ILLEGAL;
  require (insn.leaf == leaf);
  check_operands (&dio_rv_leaf_info[leaf], &insn);

  /* What follows a compressed instruction is not looked at. */
  dio_rv_decode (length == 2 ? raw ^ 0xffff0000 : raw, &again);
  require (memcmp (&insn, &again, sizeof insn) == 0);

  text[DIO_RV_DISASM_SIZE] = '!';
  require (dio_rv_disassemble (raw, 0x80000000, text, DIO_RV_DISASM_SIZE) == length);
  require (text[DIO_RV_DISASM_SIZE] == '!' && memchr (text, 0, DIO_RV_DISASM_SIZE) != NULL);
  /* A short buffer is filled and terminated. */
  text[8] = '!';
  require (dio_rv_disassemble (raw, 0, text, 8) == length);
  require (text[8] == '!' && memchr (text, 0, 8) != NULL);
}

/* Before anything random: every compressed encoding, and each leaf with its operand bits clear, set
 * and one by one. */
int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  (void) argc;
  (void) argv;
  for (uint32_t raw = 0; raw < 0x10000; raw++) {
    if ((raw & 3) != 3)
      check_word (raw);
  }
  for (unsigned leaf = 1; leaf < DIO_RV_N_LEAVES; leaf++) {
    const DioLeafInfo *info = &dio_rv_leaf_info[leaf];

    check_word (info->value);
    check_word (info->value | ~info->mask);
    for (unsigned bit = 0; bit < 32; bit++)
      check_word (info->value ^ UINT32_C (1) << bit);
  }
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  for (size_t i = 0; i + 4 <= size; i += 4) {
    uint32_t raw;

    memcpy (&raw, data + i, sizeof raw);
    check_word (raw);
  }
  return 0;
}
