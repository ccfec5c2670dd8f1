/* SPDX-License-Identifier: GPL-3.0-or-later
 * The checker of compiled code: records what a section does, then compares. */
#include "core/guest/riscv64/riscv64-check-private.h"

#include <string.h>

#include "core/fp/fp.h"
#include "core/guest/riscv64/riscv64-jit.h"
#include "core/vm/vm-machine.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* Sections end with the budget, but for what a page holds. */
#define MAX_SECTION (2 * DIO_JIT_BUDGET)
#define EXCUSE_MS 300

/* ---- State ---- */

/* The host's register of FP exceptions, while it is the guest's. */
static uint32_t
live_mxcsr (void)
{
#if defined(__x86_64__)
  return _mm_getcsr ();
#else
  return 0;
#endif
}

static void
take_state (DioRvCheckState *state, const DioRiscv64 *hart, uint32_t mxcsr)
{
  memcpy (state->x, hart->x, sizeof state->x);
  memcpy (state->f, hart->f, sizeof state->f);
  state->pc = hart->interp.pc;
  state->fflags = hart->fflags | dio_rv_jit_exceptions (mxcsr);
  state->frm = hart->frm;
  state->fp_off = hart->fp_slow;
  state->reservation = hart->reservation;
  state->reservation_value = hart->reservation_value;
  state->count = dio_rv_jit_retired (hart);
}

/* The section is not judged when the guest may run old code until its next barrier. */
static void
begin (DioRiscv64 *hart, const uint8_t *code, const uint8_t *at, uint32_t mxcsr)
{
  DioRvCheck *check = hart->check;
  DioMachine *machine = hart->interp.cpu.machine;
  take_state (&check->start, hart, mxcsr);
  g_array_set_size (check->accesses, 0);
  check->code = code;
  check->page = NULL;
  if (!at
      || !dio_jit_is_current (machine->jit, (uint64_t) (at - machine->ram->host), code,
                              &check->generation))
    return;
  check->page = at - (hart->interp.pc & DIO_PAGE_MASK);
  check->address = (uint64_t) (check->page - machine->ram->host);
}

void
dio_rv_check_begin (DioRiscv64 *hart, const uint8_t *code, const uint8_t *at)
{
  begin (hart, code, at, 0);
}

/* @code is where a function has said that compiled code goes on. */
static const uint8_t *
go_on (DioRiscv64 *hart, const uint8_t *code, uint32_t mxcsr)
{
  if (hart->check->failed)
    return NULL;
  begin (hart, code, code ? dio_tlb_hit_execute (&hart->interp.tlb, hart->interp.pc) : NULL, mxcsr);
  return code;
}

static bool
was_written (const DioRiscv64 *hart)
{
  const DioRvCheck *check = hart->check;
  uint64_t number = check->address >> DIO_PAGE_SHIFT;
  return atomic_load (&hart->interp.cpu.machine->ram->page_write_gen[number]) != check->generation;
}

/* The same after a difference. What other vCPUs write into code is known when they look for
 * requests, which may be a while after the write. */
static bool
is_excused (const DioRiscv64 *hart)
{
  if (hart->interp.cpu.machine->config->cpus > 1)
    for (unsigned i = 0; i < EXCUSE_MS && !was_written (hart); i++)
      g_usleep (1000);
  return was_written (hart);
}

/* ---- The interpreter's turn ---- */

static bool
step (DioRiscv64 *hart, DioRvReference *reference)
{
  DioRvCheck *check = hart->check;
  uint64_t pc = reference->state.pc, offset = pc & DIO_PAGE_MASK;
  if ((pc ^ check->start.pc) & ~DIO_PAGE_MASK || offset == DIO_PAGE_SIZE - 1) {
    reference->why = "compiled code did not leave the page";
    return false;
  }
  uint32_t raw = 0;
  memcpy (&raw, check->page + offset, MIN (4, DIO_PAGE_SIZE - offset));
  check->trail[check->n_trail++ % DIO_RV_CHECK_TRAIL] = pc;
  DioSemEnd end = dio_rv_reference_step (reference, raw);
  if (!reference->why && end == DIO_SEM_TRAP && !reference->faulted)
    reference->why = "compiled code did not take an exception";
  return !reference->why && end != DIO_SEM_TRAP;
}

static const char *
compare (const DioRvCheckState *want, const DioRvCheckState *have)
{
  if (memcmp (want->x, have->x, sizeof want->x) != 0)
    return "registers";
  if (memcmp (want->f, have->f, sizeof want->f) != 0)
    return "floating-point registers";
  if (want->pc != have->pc)
    return "the PC";
  if (want->fflags != have->fflags)
    return "exception flags";
  if (want->reservation != have->reservation || want->reservation_value != have->reservation_value)
    return "the reservation";
  return NULL;
}

/* Runs @n instructions, and one more that faults. */
static void
run (DioRiscv64 *hart, DioRvReference *reference, uint64_t n, bool fault)
{
  hart->check->n_trail = 0;
  for (uint64_t i = 0; i < n; i++)
    if (!step (hart, reference)) {
      if (!reference->why)
        reference->why = "compiled code went on after an access that faulted";
      return;
    }
  if (fault) {
    step (hart, reference);
    if (!reference->why && !reference->faulted)
      reference->why = "compiled code took an exception";
  }
  if (!reference->why && reference->next != reference->accesses->len)
    reference->why = "compiled code made an access more";
}

static void
fail (DioRiscv64 *hart, const DioRvReference *reference, const DioRvCheckState *have)
{
  hart->check->failed = true;
  g_autofree char *text = dio_rv_check_report (hart, reference, have);
  g_message ("%s", text);
  dio_machine_report (hart->interp.cpu.machine, true,
                      "Compiled code and the interpreter differ (%s) at %016" G_GINT64_MODIFIER
                      "x on CPU %u",
                      reference->why, reference->state.pc, hart->interp.cpu.index);
}

/* The section ends here, with the CPU structure up to date. */
static void
finish (DioRiscv64 *hart, bool fault, uint32_t mxcsr)
{
  DioRvCheck *check = hart->check;
  if (check->failed)
    return;
  DioRvCheckState have;
  take_state (&have, hart, mxcsr);
  if (!check->page || was_written (hart)) {
    check->skipped++;
    return;
  }
  uint64_t n = have.count - check->start.count;
  DioRvReference reference = { .state = check->start, .accesses = check->accesses };
  uint64_t fp = dio_fp_host_enter ();
  if (n > MAX_SECTION)
    reference.why = "the number of instructions";
  else
    run (hart, &reference, n, fault);
  if (!reference.why)
    reference.why = compare (&reference.state, &have);
  dio_fp_host_leave (fp);
  if (reference.why && is_excused (hart)) {
    check->skipped++;
    return;
  }
  check->sections++;
  check->instructions += n;
  if (reference.why)
    fail (hart, &reference, &have);
}

/* ---- What compiled code calls ---- */

static const uint8_t *
lookup (void *vcpu)
{
  finish (vcpu, false, live_mxcsr ());
  return go_on (vcpu, dio_rv_jit_guest.lookup (vcpu), live_mxcsr ());
}

static const uint8_t *
interpret (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  finish (hart, false, hart->jit.mxcsr);
  const uint8_t *code = dio_rv_jit_guest.interpret (vcpu);
  return go_on (hart, code, hart->jit.mxcsr);
}

static const uint8_t *
fp_enter (void *vcpu)
{
  DioRiscv64 *hart = vcpu;
  finish (hart, false, hart->jit.mxcsr);
  const uint8_t *code = dio_rv_jit_guest.fp_enter (vcpu);
  return go_on (hart, code, hart->jit.mxcsr);
}

static const uint8_t *
poll (void *vcpu)
{
  finish (vcpu, false, live_mxcsr ());
  return go_on (vcpu, dio_rv_jit_guest.poll (vcpu), live_mxcsr ());
}

static const uint8_t *
fault (void *vcpu)
{
  finish (vcpu, true, live_mxcsr ());
  return go_on (vcpu, dio_rv_jit_guest.fault (vcpu), live_mxcsr ());
}

static bool
record (DioRiscv64 *hart, unsigned opcode, uint64_t va, uint64_t value, uint64_t *result)
{
  bool done = dio_rv_jit_guest.access[opcode](hart, va, value, result);
  DioRvCheckAccess access = { .opcode = (uint16_t) opcode,
                              .done = done,
                              .va = va,
                              .value = value,
                              .result = *result,
                              .reservation = hart->reservation,
                              .reservation_value = hart->reservation_value,
                              .fflags = hart->fflags,
                              .frm = hart->frm,
                              .fp_off = hart->fp_slow };
  g_array_append_val (hart->check->accesses, access);
  return done;
}

/* clang-format off */
#define AMOS(X, bits)                                                                              \
  X (AMO_swap_##bits) X (AMO_add_##bits) X (AMO_xor_##bits) X (AMO_and_##bits) X (AMO_or_##bits)   \
  X (AMO_min_##bits) X (AMO_max_##bits) X (AMO_minu_##bits) X (AMO_maxu_##bits)
#define ACCESSES(X)                                                                                \
  X (LOAD_S8) X (LOAD_U8) X (LOAD_S16) X (LOAD_U16) X (LOAD_S32) X (LOAD_U32) X (LOAD_U64)         \
  X (STORE_8) X (STORE_16) X (STORE_32) X (STORE_64)                                               \
  X (LOAD_RESERVED_32) X (LOAD_RESERVED_64) X (STORE_CONDITIONAL_32) X (STORE_CONDITIONAL_64)      \
  AMOS (X, 32) AMOS (X, 64) X (CSR_READ) X (CSR_WRITE) X (CSR_SET) X (CSR_CLEAR)
/* clang-format on */

#define FUNCTION(name)                                                                             \
  static bool record_##name (void *vcpu, uint64_t va, uint64_t value, uint64_t *result)            \
  {                                                                                                \
    return record (vcpu, DIO_IR_##name, va, value, result);                                        \
  }
ACCESSES (FUNCTION)
#define ENTRY(name) [DIO_IR_##name] = record_##name,

const DioJitGuest dio_rv_check_guest = {
  .base = offsetof (DioRiscv64, x) + 16 * sizeof (uint64_t),
  .x = offsetof (DioRiscv64, x),
  .f = offsetof (DioRiscv64, f),
  .pc = offsetof (DioRiscv64, interp.pc),
  .jit = offsetof (DioRiscv64, jit),
  .tlb_data = offsetof (DioRiscv64, check_tlb),
  .tlb_jumps = offsetof (DioRiscv64, check_jumps),
  .requests = offsetof (DioRiscv64, interp.requests),
  .reservation = offsetof (DioRiscv64, reservation),
  .reservation_value = offsetof (DioRiscv64, reservation_value),
  .fflags = offsetof (DioRiscv64, fflags),
  .lookup = lookup,
  .interpret = interpret,
  .fp_enter = fp_enter,
  .poll = poll,
  .fault = fault,
  .access = { ACCESSES (ENTRY) },
};

/* ---- Life ---- */

void
dio_rv_check_init (DioRiscv64 *hart)
{
  DioRvCheck *check = g_new0 (DioRvCheck, 1);
  check->accesses = g_array_new (FALSE, FALSE, sizeof (DioRvCheckAccess));
  check->empty = g_new0 (DioTlbSet, 1);
  for (unsigned i = 0; i < DIO_TLB_ENTRIES; i++)
    check->empty->entries[i] =
        (DioTlbEntry){ DIO_TLB_INVALID, DIO_TLB_INVALID, DIO_TLB_INVALID, 0 };
  check->no_jumps = g_new0 (DioTlbJumpTable, 1);
  for (unsigned i = 0; i < DIO_TLB_JUMPS; i++)
    check->no_jumps->entries[i].target = DIO_TLB_NO_JUMP;
  hart->check = check;
  hart->check_tlb = check->empty->entries;
  hart->check_jumps = check->no_jumps->entries;
}

void
dio_rv_check_free (DioRiscv64 *hart)
{
  DioRvCheck *check = g_steal_pointer (&hart->check);
  if (!check)
    return;
  g_message ("compiled code beside the interpreter, CPU %u: %" G_GUINT64_FORMAT
             " instructions in %" G_GUINT64_FORMAT " sections %s, %" G_GUINT64_FORMAT
             " sections not judged",
             hart->interp.cpu.index, check->instructions, check->sections,
             check->failed ? "until they differed" : "agree", check->skipped);
  g_array_unref (check->accesses);
  g_free (check->empty);
  g_free (check->no_jumps);
  g_free (check);
}
