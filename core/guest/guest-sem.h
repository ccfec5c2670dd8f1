/* SPDX-License-Identifier: GPL-3.0-or-later
 * The vocabulary in which the meaning of every guest instruction is written, once.
 *
 * A semantic function looks like this:
 *
 *     SEM (addw)
 *     {
 *       SET_X (o->rd, SEXT32 (ADD (GET_X (o->rs1), GET_X (o->rs2))));
 *       NEXT;
 *     }
 *
 * It is compiled several times. With immediate evaluation (core/interp/interp-sem.h) a Val is a
 * uint64_t and the function, inlined into a handler, *is* the interpreter; the same again with all
 * memory accesses on their slow path makes the handler for TLB misses, I/O and faults. With IR
 * construction (core/ir/ir-sem.h) a Val is an SSA value and the function appends operations to a
 * block, from which every compiler starts. To build the third kind from the same text:
 *
 *  - Guest values have type Val and pass only through the words below; C operators on a Val do not
 *    compile in the IR builder. There is no C control flow on guest values: use SELECT, TRAP_IF,
 *    BRANCH_IF.
 *  - Operands (o->rd, o->rs1, o->rs2, o->rs3, o->imm, o->rm, o->wide; see guest-insn.h) are known
 *    when an instruction is decoded: C `if`s on them are fine, e.g. if (IS_ZERO_REG (o->rd)).
 *    o->rd of an integer destination may be something else than 0 when it means x0 (the
 *    interpreter sends such writes elsewhere), hence IS_ZERO_REG.
 *  - An instruction may be started again from its beginning until its first effect (SET_*, STORE,
 *    a system operation). So: first everything that can trap or miss (FP_REQUIRE, FP_ROUNDING,
 *    LOAD, AMO ...), then effects; at most one memory access per instruction.
 *  - Each argument of a word may be evaluated more than once by a macro: put a LOAD or an FP
 *    operation into a variable of type Val first when it is used twice.
 *  - Every function ends with exactly one of the enders, always reached.
 *
 * Words, by purpose. Val is 64 bits; [n] below is a C integer known at decode time.
 *
 *   Constants   CONST ([n])  PC  NEXT_PC          PC: of this instruction; NEXT_PC: behind it
 *   Registers   GET_X ([r])  SET_X ([r], v)        integer file; x0 reads 0
 *               GET_F ([r])  SET_F ([r], v)        FP file, all 64 bits
 *               GET_F32 ([r])  SET_F32 ([r], v)    NaN boxing: a badly boxed operand reads as the
 *                                                  canonical NaN; the result gets ones on top
 *   Arithmetic  ADD SUB MUL AND OR XOR (a, b)  NOT NEG (a)
 *               MULH MULHU MULHSU DIV DIVU REM REMU (a, b)  RISC-V rules for 0 and overflow
 *               SHL SHR SAR ROTL ROTR (a, b)       by the low 6 bits of b; ROTL32 ROTR32 by 5 bits,
 *                                                  on the low half, result zero-extended
 *               CLZ CTZ CPOP BSWAP ORC_B (a)       64 bits; CLZ (0) = CTZ (0) = 64
 *               SEXT8 SEXT16 SEXT32 ZEXT8 ZEXT16 ZEXT32 (a)
 *   Compare     EQ NE LT GE LTU GEU (a, b)         1 or 0
 *               SELECT (c, a, b)                   a if c != 0, else b
 *   Memory      LOAD (s8|u8|s16|u16|s32|u32|u64, address)
 *               STORE (8|16|32|64, address, v)
 *               LOAD_USER, STORE_USER              the same with the rights of programs
 *               LOAD_RESERVED (8|16|32|64, address)     sign-extended
 *               STORE_CONDITIONAL (8|16|32|64, address, v)     0: stored, 1: not
 *               AMO (swap|add|xor|and|or|min|max|minu|maxu, 8|16|32|64, address, v)
 *                                                  old, sign-extended
 *               COMPARE_SWAP (8|16|32|64, address, expected, v)   old, sign-extended
 *               FENCE ([predecessor and successor sets, as encoded])
 *   Flags       Negative, zero, carry (no borrow), overflow, as a value in bits 31 to 28.
 *               FLAGS_ADD (32|64, a, b)  FLAGS_SUB (32|64, a, b)
 *               FLAGS_ADC (32|64, a, b)            of a + b + CARRY ()
 *               FLAGS_LOGIC (32|64, v)             carry and overflow: 0
 *               FLAGS_COMPARE (compare|comparee, 32|64, a, b)   as FP_TEST2 has them
 *               FLAGS_UNLESS (c, [nzcv])           nzcv (4 bits) when c == 0
 *               SET_NZCV (v)  GET_NZCV ()
 *               CARRY ()                           0 or 1
 *               CONDITION ([cond])                 truth; numbers are A64's
 *   Vectors     Vec is 128 bits, another type than Val.
 *               GET_V ([r])  SET_V ([r], vec)      vector file
 *               VEC_MAKE (low, high)  VEC_LOW (vec)  VEC_HIGH (vec)
 *               VEC1 (name, [n], a)  VEC2 (…, a, b)  VEC3 (…, a, b, c)
 *                                                  dio_vec_<name> (n, a...) of core/vec/vec.h
 *               VEC_SAT1 VEC_SAT2 VEC_SAT3         the same, which note when they saturate: an
 * effect like SET_V VEC_DUP ([n], v)  VEC_LANE ([n], [index], vec)  VEC_INSERT ([n], [index], vec,
 * v) n: log2 of the bytes of a lane LOAD_V128 (address)  STORE_V128 (address, vec)
 *               LOAD_RESERVED_V128 (address)  STORE_CONDITIONAL_V128 (address, vec)
 *               COMPARE_SWAP_V128 (address, expected, vec)   old
 *               CRC32 ([polynomial], [bytes], crc, v)
 *   Traps       TRAP_IF (c, [exception], tval)     continue when c == 0
 *               ILLEGAL_IF (c)                     illegal instruction (the engine finds its tval)
 *   FP          FP_REQUIRE ()                      illegal when FS is off, else marks FS dirty;
 *                                                  first word of every FP instruction
 *               FP_ROUNDING ([rm])                 Val: the rounding direction, dynamic resolved;
 *                                                  illegal when reserved
 *               FP_CALL1 (name, rounding, a)  FP_CALL2 (…, a, b)  FP_CALL3 (…, a, b, c)
 *                                                  dio_fp_<name> (mode, uint8_t *flags, a...):
 *                                                  pure but for or-ing exceptions into the flags,
 *                                                  which is an effect like SET_F
 *               FP_TEST1 (name, a)  FP_TEST2 (name, a, b)
 *                                                  dio_fp_<name> (uint8_t *flags, a...): no
 *                                                  rounding (comparisons)
 *               FP_PURE1 (name, a)                 dio_fp_<name> (a): neither (classification)
 *               FP_MODE ()                         Val: direction and rules in force, for guests
 *                                                  whose control register has all of them
 *               VEC_FP1 (name, [32|64], [lanes], mode, a)  VEC_FP2 (…, a, b)  VEC_FP3 (…, a, b, c)
 *                                                  dio_fp_<name> (mode, uint8_t *flags, a...) of
 *                                                  the first so many lanes; the others become 0
 *               VEC_FP_TEST2 (name, [32|64], [lanes], a, b)   lanes of ones or zeros
 *   System      SYSTEM0 (name)                     the guest's privileged function <name>: may
 *                                                  trap, may have any effect on the CPU
 *               CSR ([op], [csr], v)               a control register access: the old value
 *               CACHE_BLOCK ([op], address)        cache block management; may trap
 *               FENCE_VMA ([has va], va, [has asid], asid)
 *               GET_THREAD ([n])  SET_THREAD ([n], v)   what programs may keep per thread
 *   Enders      NEXT                               go on with the next instruction
 *               BRANCH_IF (c, [offset])            to PC + offset when c != 0
 *               JUMP ([offset])                    to PC + offset
 *               JUMP_REGISTER (v)                  to v (the caller clears bit 0)
 *               RAISE ([exception], tval)          always traps
 *               ILLEGAL                            always traps
 *               ENVIRONMENT_CALL                   always traps, with the code of the privilege
 *               NEXT_CHANGED ([whether])           NEXT after something that may have changed
 *                                                  translation, privilege or pending interrupts
 *               NEXT_HALTED                        NEXT once an interrupt is pending
 *               RETURN_TO_PC                       a system operation has set the PC
 *
 * FP arithmetic takes and gives raw bits (single precision in the low half); arguments are
 * converted to the C parameter types of the function, and results from its return type (uint32_t is
 * zero-extended, int32_t sign-extended, bool 0 or 1). */
#pragma once

#include "core/guest/guest-insn.h"

/* How an evaluated semantic function ends. */
typedef enum {
  DIO_SEM_NEXT,
  DIO_SEM_SLOW,    /* nothing was done: start again in the slow variant */
  DIO_SEM_TRAP,    /* exception and tval are in the context */
  DIO_SEM_BRANCH,  /* to PC + imm */
  DIO_SEM_JUMP,    /* to PC + wide */
  DIO_SEM_TARGET,  /* to the target in the context */
  DIO_SEM_CHANGED, /* next instruction, after re-reading what the engine caches */
  DIO_SEM_RETURN,  /* to the pc of the CPU, re-reading everything */
  DIO_SEM_HALT,    /* next instruction, but the CPU waits for an interrupt first */
} DioSemEnd;
