/* SPDX-License-Identifier: GPL-3.0-or-later
 * The checker of compiled code: records what a section does, then compares. */
#include "core/tier/tier-check-private.h"

#include <string.h>

#include "core/fp/fp.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* Sections end with the budget, but for what a page holds. */
#define MAX_SECTION (2 * DIO_JIT_BUDGET)
#define EXCUSE_MS 300

/* ---- State ---- */

/* The host's register of FP exceptions, while it is the guest's. */
static uint32_t
live_mxcsr (const void *vcpu)
{
  const DioInterpCpu *cpu = vcpu;
  if (cpu->tier->guest->layout.v)
    return cpu->jit.mxcsr; /* stored, as functions do not run with it */
#if defined(__x86_64__)
  return _mm_getcsr ();
#else
  return 0;
#endif
}

static void
take_state (DioTierState *state, DioInterpCpu *cpu, uint32_t mxcsr)
{
  const DioTierGuest *guest = cpu->tier->guest;
  const char *at = (const char *) cpu;
  memset (state, 0, guest->checked->state_size);
  state->pc = cpu->pc;
  state->count = dio_tier_retired (cpu);
  memcpy (&state->reservation, at + guest->layout.reservation, sizeof state->reservation);
  memcpy (&state->reservation_value, at + guest->layout.reservation_value,
          sizeof state->reservation_value);
  state->fp_flags = *dio_tier_fp_flags (cpu) | dio_tier_fp_exceptions (mxcsr);
  guest->checked->take (cpu, state);
}

/* The section is not judged when the guest may run old code until its next barrier. */
static void
begin (DioInterpCpu *cpu, const uint8_t *code, const uint8_t *at, uint32_t mxcsr)
{
  DioTierCheck *check = cpu->tier->check;
  DioMachine *machine = cpu->cpu.machine;
  take_state (check->start, cpu, mxcsr);
  g_array_set_size (check->accesses, 0);
  check->code = code;
  check->page = NULL;
  if (!at
      || !dio_jit_is_current (cpu->tier->jit, (uint64_t) (at - machine->ram->host), code,
                              &check->generation))
    return;
  check->page = at - (cpu->pc & DIO_PAGE_MASK);
  check->address = (uint64_t) (check->page - machine->ram->host);
}

void
dio_tier_check_begin (DioInterpCpu *cpu, const uint8_t *code, const uint8_t *at)
{
  begin (cpu, code, at, 0);
}

/* @code is where a function has said that compiled code goes on. */
static const uint8_t *
go_on (DioInterpCpu *cpu, const uint8_t *code, uint32_t mxcsr)
{
  if (cpu->tier->check->failed)
    return NULL;
  begin (cpu, code, code ? dio_tlb_hit_execute (&cpu->tlb, cpu->pc) : NULL, mxcsr);
  return code;
}

static bool
was_written (const DioInterpCpu *cpu)
{
  const DioTierCheck *check = cpu->tier->check;
  uint64_t number = check->address >> DIO_PAGE_SHIFT;
  return atomic_load (&cpu->cpu.machine->ram->page_write_gen[number]) != check->generation;
}

/* The same after a difference. What other vCPUs write into code is known when they look for
 * requests, which may be a while after the write. */
static bool
is_excused (const DioInterpCpu *cpu)
{
  if (cpu->cpu.machine->config->cpus > 1)
    for (unsigned i = 0; i < EXCUSE_MS && !was_written (cpu); i++)
      g_usleep (1000);
  return was_written (cpu);
}

/* ---- The interpreter's turn ---- */

static bool
step (DioInterpCpu *cpu, DioTierReference *reference)
{
  DioTierCheck *check = cpu->tier->check;
  uint64_t pc = reference->state->pc, offset = pc & DIO_PAGE_MASK;
  if ((pc ^ check->start->pc) & ~DIO_PAGE_MASK || offset == DIO_PAGE_SIZE - 1) {
    reference->why = "compiled code did not leave the page";
    return false;
  }
  uint32_t raw = 0;
  memcpy (&raw, check->page + offset, MIN (4, DIO_PAGE_SIZE - offset));
  check->trail[check->n_trail++ % TIER_CHECK_TRAIL] = pc;
  DioSemEnd end = cpu->tier->guest->checked->step (reference, raw);
  if (end != DIO_SEM_TRAP)
    reference->state->count++;
  if (!reference->why && end == DIO_SEM_TRAP && !reference->faulted)
    reference->why = "compiled code did not take an exception";
  return !reference->why && end != DIO_SEM_TRAP;
}

static const char *
compare (DioInterpCpu *cpu, const DioTierState *want, const DioTierState *have)
{
  const char *why = cpu->tier->guest->checked->compare (want, have);
  if (why)
    return why;
  if (want->pc != have->pc)
    return "the PC";
  if (want->fp_flags != have->fp_flags)
    return "exception flags";
  if (want->reservation != have->reservation || want->reservation_value != have->reservation_value)
    return "the reservation";
  return NULL;
}

/* Runs @n instructions, and one more that faults. */
static void
run (DioInterpCpu *cpu, DioTierReference *reference, uint64_t n, bool fault)
{
  cpu->tier->check->n_trail = 0;
  for (uint64_t i = 0; i < n; i++)
    if (!step (cpu, reference)) {
      if (!reference->why)
        reference->why = "compiled code went on after an access that faulted";
      return;
    }
  if (fault) {
    step (cpu, reference);
    if (!reference->why && !reference->faulted)
      reference->why = "compiled code took an exception";
  }
  if (!reference->why && reference->next != reference->accesses->len)
    reference->why = "compiled code made an access more";
}

static void
fail (DioInterpCpu *cpu, const DioTierReference *reference)
{
  cpu->tier->check->failed = true;
  g_autofree char *text = dio_tier_check_report (cpu, reference);
  g_message ("%s", text);
  dio_machine_report (cpu->cpu.machine, true,
                      "Compiled code and the interpreter differ (%s) at %016" G_GINT64_MODIFIER
                      "x on CPU %u",
                      reference->why, reference->state->pc, cpu->cpu.index);
}

/* The section ends here, with the CPU structure up to date. */
static void
finish (DioInterpCpu *cpu, bool fault, uint32_t mxcsr)
{
  DioTierCheck *check = cpu->tier->check;
  if (check->failed)
    return;
  take_state (check->have, cpu, mxcsr);
  if (!check->page || was_written (cpu)) {
    check->skipped++;
    return;
  }
  uint64_t n = check->have->count - check->start->count;
  memcpy (check->want, check->start, cpu->tier->guest->checked->state_size);
  DioTierReference reference = { .state = check->want, .accesses = check->accesses };
  uint64_t fp = dio_fp_host_enter ();
  if (n > MAX_SECTION)
    reference.why = "the number of instructions";
  else
    run (cpu, &reference, n, fault);
  if (!reference.why)
    reference.why = compare (cpu, check->want, check->have);
  dio_fp_host_leave (fp);
  if (reference.why && is_excused (cpu)) {
    check->skipped++;
    return;
  }
  check->sections++;
  check->instructions += n;
  if (reference.why)
    fail (cpu, &reference);
}

/* ---- What compiled code calls ---- */

static const uint8_t *
lookup (void *vcpu)
{
  finish (vcpu, false, live_mxcsr (vcpu));
  return go_on (vcpu, dio_tier_lookup (vcpu), live_mxcsr (vcpu));
}

static const uint8_t *
interpret (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  finish (cpu, false, cpu->jit.mxcsr);
  const uint8_t *code = dio_tier_interpret (vcpu);
  return go_on (cpu, code, cpu->jit.mxcsr);
}

static const uint8_t *
fp_enter (void *vcpu)
{
  DioInterpCpu *cpu = vcpu;
  finish (cpu, false, cpu->jit.mxcsr);
  const uint8_t *code = dio_tier_fp_enter (vcpu);
  return go_on (cpu, code, cpu->jit.mxcsr);
}

static const uint8_t *
poll (void *vcpu)
{
  finish (vcpu, false, live_mxcsr (vcpu));
  return go_on (vcpu, dio_tier_poll (vcpu), live_mxcsr (vcpu));
}

static const uint8_t *
fault (void *vcpu)
{
  finish (vcpu, true, live_mxcsr (vcpu));
  return go_on (vcpu, dio_tier_fault (vcpu), live_mxcsr (vcpu));
}

static bool
record (DioInterpCpu *cpu, unsigned opcode, uint64_t va, uint64_t value, uint64_t *result)
{
  const DioTierGuest *guest = cpu->tier->guest;
  const char *at = (const char *) cpu;
  DioTierAccess access = { .opcode = (uint16_t) opcode, .va = va, .value = value };
  memcpy (access.vectors, cpu->jit.scratch, sizeof access.vectors);
  access.done = dio_tier_accesses[opcode](cpu, va, value, result);
  access.result = *result;
  access.fp_flags = *dio_tier_fp_flags (cpu);
  access.control = guest->checked->control ? guest->checked->control (cpu) : 0;
  memcpy (access.vector, cpu->jit.scratch, sizeof access.vector);
  memcpy (&access.reservation, at + guest->layout.reservation, sizeof access.reservation);
  memcpy (&access.reservation_value, at + guest->layout.reservation_value,
          sizeof access.reservation_value);
  g_array_append_val (cpu->tier->check->accesses, access);
  return access.done;
}

/* One for each operation; those without access are not used. */
#define X(name, text, result_type, arguments, immediate, effects)                                  \
  static bool record_##name (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)            \
  {                                                                                                \
    return record (vcpu, DIO_IR_##name, va, value, result);                                        \
  }
#include "core/ir/ir-ops.inc"
#undef X

static DioTierAccessFunction *const records[DIO_IR_N_OPS] = {
#define X(name, text, result, arguments, immediate, effects) record_##name,
#include "core/ir/ir-ops.inc"
#undef X
};

static bool
no_control (const DioIrOp *op, const int64_t *constant, DioJitControl *control)
{
  (void) op;
  (void) constant;
  (void) control;
  return false;
}

void
dio_tier_check_watch (DioJitGuest *seen)
{
  seen->tlb_data = seen->jit + (int32_t) offsetof (DioJitVcpu, no_tlb);
  seen->tlb_jumps = seen->jit + (int32_t) offsetof (DioJitVcpu, no_jumps);
  seen->tlb_second = 0;
  if (seen->tlb_user)
    seen->tlb_user = seen->tlb_data;
  /* What the interpreter does is not recorded: it does it for both. */
  if (seen->control)
    seen->control = no_control;
  seen->lookup = lookup;
  seen->interpret = interpret;
  seen->poll = poll;
  seen->fp_enter = fp_enter;
  seen->fault = fault;
  for (unsigned i = 0; i < DIO_IR_N_OPS; i++)
    if (seen->access[i])
      seen->access[i] = records[i];
}

/* ---- Life ---- */

void
dio_tier_check_init (DioInterpCpu *cpu)
{
  DioTierCheck *check = g_new0 (DioTierCheck, 1);
  check->accesses = g_array_new (FALSE, FALSE, sizeof (DioTierAccess));
  check->empty = g_aligned_alloc (1, sizeof (DioTlbSet), DIO_TLB_SET_ALIGNMENT);
  dio_tlb_init_set (check->empty, 0);
  check->no_jumps = g_new0 (DioTlbJumpTable, 1);
  for (unsigned i = 0; i < DIO_TLB_JUMPS; i++)
    check->no_jumps->entries[i].target = DIO_TLB_NO_JUMP;
  size_t size = cpu->tier->guest->checked->state_size;
  check->start = g_malloc0 (size);
  check->want = g_malloc0 (size);
  check->have = g_malloc0 (size);
  cpu->tier->check = check;
  cpu->jit.no_tlb = &check->empty->table;
  cpu->jit.no_jumps = check->no_jumps->entries;
}

void
dio_tier_check_free (DioInterpCpu *cpu)
{
  DioTierCheck *check = g_steal_pointer (&cpu->tier->check);
  if (!check)
    return;
  g_message ("compiled code beside the interpreter, CPU %u: %" G_GUINT64_FORMAT
             " instructions in %" G_GUINT64_FORMAT " sections %s, %" G_GUINT64_FORMAT
             " sections not judged",
             cpu->cpu.index, check->instructions, check->sections,
             check->failed ? "until they differed" : "agree", check->skipped);
  g_array_unref (check->accesses);
  g_free (check->start);
  g_free (check->want);
  g_free (check->have);
  g_aligned_free (check->empty);
  g_free (check->no_jumps);
  g_free (check);
}
