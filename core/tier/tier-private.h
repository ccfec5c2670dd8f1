/* SPDX-License-Identifier: GPL-3.0-or-later
 * What the parts of core/tier share. */
#pragma once

#include "core/opt/opt.h"
#include "core/tier/tier.h"
#include "core/vm/vm-machine.h"

typedef struct DioTierCheck DioTierCheck;

struct DioTier {
  const DioTierGuest *guest;
  DioJit *jit; /* the machine's */
  DioOptContext *optimiser;
  DioTierCheck *check; /* or NULL */
};

/* How many jumps of the interpreter pass between two looks at where it is. */
#define TIER_SAMPLE_PERIOD 16
/* Heat of an exit of compiled code; a sample of the interpreter is TIER_SAMPLE_PERIOD. */
#define TIER_EXIT_HEAT 4

/* tier-policy.c: the code of @entry, compiled now if it has become hot by @heat more; or NULL. */
const uint8_t *dio_tier_code (DioInterpCpu *cpu, DioJitEntry *entry, unsigned heat);

/* tier-calls.c: what compiled code calls, but for memory. */
const uint8_t *dio_tier_lookup (void *vcpu);
const uint8_t *dio_tier_interpret (void *vcpu);
const uint8_t *dio_tier_poll (void *vcpu);
const uint8_t *dio_tier_fp_enter (void *vcpu);
const uint8_t *dio_tier_fault (void *vcpu);

/* tier-access.c: the memory operations of the IR, by opcode. */
typedef bool DioTierAccessFunction (void *vcpu, uint64_t va, uint64_t value, uint64_t *result);
extern DioTierAccessFunction *const dio_tier_accesses[DIO_IR_N_OPS];
/* tier-vectors.c */
DioTierAccessFunction dio_tier_load_v128, dio_tier_store_v128, dio_tier_reserve_v128,
    dio_tier_conditional_v128, dio_tier_compare_swap_v128;

/* tier.c */
/* While compiled code is left for a moment: instructions retired. */
static inline uint64_t
dio_tier_retired (const DioInterpCpu *cpu)
{
  return cpu->jit.base - (uint64_t) cpu->jit.budget;
}
void dio_tier_set_budget (DioInterpCpu *cpu, uint64_t instructions);
/* From run(): as dio_tier_barrier(). */
void dio_tier_synchronise (DioInterpCpu *cpu);
/* The guest's sticky exceptions. */
static inline uint8_t *
dio_tier_fp_flags (DioInterpCpu *cpu)
{
  return (uint8_t *) cpu + cpu->tier->guest->layout.fflags;
}
/* The exceptions in the host's MXCSR as DIO_FP_*. */
uint8_t dio_tier_fp_exceptions (uint32_t mxcsr);
