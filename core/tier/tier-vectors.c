/* SPDX-License-Identifier: GPL-3.0-or-later
 * Functions that compiled code calls for vectors in memory; these come and go in
 * DioJitVcpu.scratch. */
#include "core/interp/interp-sem.h"
#include "core/tier/tier-private.h"

static DioVec
operand (const DioInterpCpu *cpu, unsigned i)
{
  return dio_vec_make (cpu->jit.scratch[2 * i], cpu->jit.scratch[2 * i + 1]);
}

static void
give (DioInterpCpu *cpu, DioVec vector)
{
  cpu->jit.scratch[0] = vector[0];
  cpu->jit.scratch[1] = vector[1];
}

bool
dio_tier_load_v128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  DioInterpCpu *cpu = vcpu;
  DioVec vector;
  cpu->jit.stats->slow_accesses++;
  if (!cpu->tier->guest->load_v128 (cpu, va, &vector))
    return false;
  give (cpu, vector);
  return true;
}

bool
dio_tier_store_v128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  DioInterpCpu *cpu = vcpu;
  cpu->jit.stats->slow_accesses++;
  return cpu->tier->guest->store_v128 (cpu, va, operand (cpu, 0));
}

/* ---- Atomic operations: as words are done in tier-access.c ---- */

static void *
atomic_pointer (DioInterpCpu *cpu, uint64_t va, bool write)
{
  cpu->jit.stats->slow_accesses++;
  return cpu->tier->guest->atomic (cpu, va, sizeof (DioVec), write);
}

static DioVec
compare_swap (DioInterpCpu *cpu, void *host, DioVec expected, DioVec desired)
{
  DioRam *ram = cpu->cpu.machine->ram;
  uint64_t offset = (uintptr_t) host - (uintptr_t) ram->host;
  DioVec old = dio_vec_compare_swap (host, expected, desired);
  if (offset < ram->size)
    dio_ram_note_write (ram, offset, sizeof (DioVec));
  return old;
}

static uint64_t *
word_of (DioInterpCpu *cpu, int32_t offset)
{
  return (uint64_t *) (void *) ((char *) cpu + offset);
}

bool
dio_tier_reserve_v128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  DioInterpCpu *cpu = vcpu;
  const DioJitGuest *layout = &cpu->tier->guest->layout;
  void *host = atomic_pointer (cpu, va, false);
  if (!host)
    return false;
  DioVec vector = interp_host_load_v128 (host);
  atomic_thread_fence (memory_order_acquire);
  uint64_t *values = word_of (cpu, layout->reservation_value);
  *word_of (cpu, layout->reservation) = (uintptr_t) host;
  values[0] = vector[0];
  values[1] = vector[1];
  give (cpu, vector);
  return true;
}

bool
dio_tier_conditional_v128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  DioInterpCpu *cpu = vcpu;
  const DioJitGuest *layout = &cpu->tier->guest->layout;
  void *host = atomic_pointer (cpu, va, true);
  if (!host)
    return false;
  uint64_t *reservation = word_of (cpu, layout->reservation);
  const uint64_t *values = word_of (cpu, layout->reservation_value);
  bool held = *reservation == (uintptr_t) host;
  *reservation = UINT64_MAX;
  *result = 1;
  if (!held)
    return true;
  DioVec expected = dio_vec_make (values[0], values[1]);
  DioVec old = compare_swap (cpu, host, expected, operand (cpu, 0));
  *result = old[0] != expected[0] || old[1] != expected[1];
  return true;
}

bool
dio_tier_compare_swap_v128 (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)
{
  DioInterpCpu *cpu = vcpu;
  void *host = atomic_pointer (cpu, va, true);
  if (!host)
    return false;
  give (cpu, compare_swap (cpu, host, operand (cpu, 0), operand (cpu, 1)));
  return true;
}
