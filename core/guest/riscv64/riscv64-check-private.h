/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the halves of the checker share: the reference and the report. */
#pragma once

#include "core/guest/riscv64/riscv64-check.h"

#define DIO_RV_CHECK_TRAIL 32

/* An access of compiled code. */
typedef struct {
  uint16_t opcode; /* DioIrOpcode */
  bool done;       /* or it has faulted */
  uint64_t va, value, result;
  uint64_t reservation, reservation_value; /* after it */
  uint8_t fflags, frm;
  bool fp_off;
} DioRvCheckAccess;

/* The state that both sides compute. The first members are those that semantic functions use. */
typedef struct {
  uint64_t x[32], f[32];
  uint64_t pc;
  uint8_t fflags, frm;
  bool fp_off; /* FS is not dirty */
  uint64_t reservation, reservation_value;
  uint64_t count; /* instructions */
} DioRvCheckState;

/* The interpreter's side. */
typedef struct {
  DioRvCheckState state;
  const GArray *accesses;
  unsigned next; /* access to come */
  bool faulted;
  uint64_t target;
  unsigned length;
  const char *why; /* what is different, or NULL */
} DioRvReference;

struct DioRvCheck {
  DioTlbSet *empty; /* what compiled code sees of the TLB */
  DioTlbJumpTable *no_jumps;
  GArray *accesses; /* of DioRvCheckAccess */
  DioRvCheckState start;
  const uint8_t *code; /* that was entered */
  const uint8_t *page; /* bytes of the page that runs; NULL: not judged */
  uint64_t address;    /* of the page in RAM */
  uint32_t generation; /* of what was compiled */
  uint64_t trail[DIO_RV_CHECK_TRAIL];
  unsigned n_trail;
  uint64_t instructions, sections, skipped;
  bool failed;
};

/* riscv64-check-reference.c: does the instruction at state.pc, which is @raw. */
DioSemEnd dio_rv_reference_step (DioRvReference *reference, uint32_t raw);

/* riscv64-check-report.c: the text about a difference. @have is what compiled code left. */
char *dio_rv_check_report (DioRiscv64 *hart, const DioRvReference *reference,
                           const DioRvCheckState *have);
