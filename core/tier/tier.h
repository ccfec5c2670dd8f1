/* SPDX-License-Identifier: GPL-3.0-or-later
 * Which code runs how: between the interpreter (core/interp) and the compiler (core/jit).
 *
 * The interpreter runs everything at first. Where it jumps often (it looks every 16 jumps) and
 * where compiled code leaves to, heat is counted; hot places are compiled with what can be reached
 * from them. The slot of a compiled entry in a decoded page has the handler dio_interp_op_compiled,
 * so the interpreter finds compiled code without looking for it.
 *
 * Instructions that have no compiled form (system instructions, those that lie in two pages) are
 * run one at a time by the interpreter, from compiled code.
 *
 * A guest describes itself in a DioTierGuest; nothing in here knows one. vCPU thread. */
#pragma once

#include "core/interp/interp-engine.h"
#include "core/ir/ir-block.h"
#include "core/jit/jit.h"
#include "core/vec/vec-types.h"

typedef struct DioTier DioTier;
typedef struct DioTierReference DioTierReference;
typedef struct DioTierState DioTierState;

/* An instruction as far as it says where blocks end. */
typedef struct {
  uint8_t length; /* 0: it does not end in the page, or nothing goes on behind it */
  uint8_t kind;   /* DIO_LEAF_*; SYSTEM and END: it has no compiled form */
  bool call;      /* JUMP, JUMP_REGISTER: what follows is come back to */
  int32_t offset; /* BRANCH, JUMP: from the instruction to where it goes */
} DioTierInsn;

/* What the checker must know (tier-check.h). */
typedef struct {
  size_t state_size; /* of a state that begins with a DioTierState */
  /* Completes the state behind that from @cpu. */
  void (*take) (const DioInterpCpu *cpu, DioTierState *state);
  /* What functions may change of it, as a word: see DioTierAccess. Or NULL. */
  uint32_t (*control) (const DioInterpCpu *cpu);
  /* Does the instruction at reference->state->pc, which is @raw. */
  DioSemEnd (*step) (DioTierReference *reference, uint32_t raw);
  /* What of the guest's own part is different, or NULL. */
  const char *(*compare) (const DioTierState *want, const DioTierState *have);
  void (*print) (GString *text, const DioTierState *want, const DioTierState *have);
  void (*disassemble) (GString *text, uint32_t raw, uint64_t pc);
} DioTierChecked;

/* What is to be known of a guest whose CPU starts with a DioInterpCpu. */
typedef struct {
  DioJitGuest layout; /* without the functions */

  /* ---- Compiling ---- */
  /* The instruction at @offset of the page whose bytes are at @page. */
  void (*decode) (const uint8_t *page, unsigned offset, DioTierInsn *insn);
  /* Appends to @block the meaning of the instructions in @code, as far as one block goes: up to an
   * instruction that always leaves, at most @max instructions, or what of @length bytes holds whole
   * instructions. An exit to what follows is appended when none of them ends the block. Returns
   * the bytes taken. Any thread. */
  size_t (*lift) (DioIrBlock *block, const uint8_t *code, size_t length, unsigned max);
  /* Gives jump tables (dio_tlb_add_jumps()) to the sets from which code is fetched. */
  void (*add_jumps) (DioInterpCpu *cpu);

  /* ---- What compiled code does by functions; false: an exception is noted ---- */
  /* @user: with the rights of programs. */
  bool (*load) (DioInterpCpu *cpu, DioGva va, unsigned size, bool user, uint64_t *value);
  bool (*store) (DioInterpCpu *cpu, DioGva va, unsigned size, bool user, uint64_t value);
  /* Of a guest with vectors. */
  bool (*load_v128) (DioInterpCpu *cpu, DioGva va, DioVec *value);
  bool (*store_v128) (DioInterpCpu *cpu, DioGva va, DioVec value);
  /* For atomics: a host pointer to naturally aligned RAM, noted as written if @write; or NULL. */
  void *(*atomic) (DioInterpCpu *cpu, DioGva va, unsigned size, bool write);
  /* An access has failed: is it the interpreter that does all of its instruction, as only that
   * tells whether it is wrong? Or NULL. */
  bool (*again) (const DioInterpCpu *cpu);
  /* CSR_READ and the like. Or NULL. */
  bool (*csr) (DioInterpCpu *cpu, unsigned opcode, unsigned number, uint64_t value,
               uint64_t *result);

  /* ---- Floating point ---- */
  /* Does the guest compute in the way that compiled code does, but for what layout.frm says? */
  bool (*fp_ready) (const DioInterpCpu *cpu);
  /* Before a region that may compute: makes it so if the guest may compute; false if it may not or
   * does it in another way. */
  bool (*fp_prepare) (DioInterpCpu *cpu);

  const DioTierChecked *checked;
} DioTierGuest;

/* If the machine is to run compiled code: makes its compiler if there is none yet and @cpu, whose
 * engine and TLB are there, part of it. False: it cannot be. */
bool dio_tier_init (DioInterpCpu *cpu, const DioTierGuest *guest, GError **error);
void dio_tier_free (DioInterpCpu *cpu);

/* At the guest's barrier for code: what was compiled from pages written meanwhile is forgotten.
 * Nothing on a CPU that does not compile. */
void dio_tier_barrier (DioInterpCpu *cpu);

/* For functions that compiled code calls and that see or change how the guest computes: the
 * exceptions that the host's FPU has collected go to the guest; and the host's FPU is set up
 * again. */
void dio_tier_fp_collect (DioInterpCpu *cpu);
void dio_tier_fp_refresh (DioInterpCpu *cpu);
