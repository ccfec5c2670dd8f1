/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the halves of the checker share. */
#pragma once

#include "core/tier/tier-check.h"
#include "core/tier/tier-private.h"
#include "core/tier/tier-reference.h"

#define TIER_CHECK_TRAIL 32

struct DioTierCheck {
  DioTlbSet *empty; /* what compiled code sees of the TLB */
  DioTlbJumpTable *no_jumps;
  GArray *accesses;          /* of DioTierAccess */
  DioTierState *start;       /* of the section */
  DioTierState *want, *have; /* at its end, of the interpreter and of compiled code */
  const uint8_t *code;       /* that was entered */
  const uint8_t *page;       /* bytes of the page that runs; NULL: not judged */
  uint64_t address;          /* of the page in RAM */
  uint32_t generation;       /* of what was compiled */
  uint64_t trail[TIER_CHECK_TRAIL];
  unsigned n_trail;
  uint64_t instructions, sections, skipped;
  bool failed;
};

/* tier-check-report.c: the text about a difference. */
char *dio_tier_check_report (DioInterpCpu *cpu, const DioTierReference *reference);
