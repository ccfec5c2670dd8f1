/* SPDX-License-Identifier: GPL-3.0-or-later
 * The passes in their order, and the memory that they share.
 *
 * The order: fp first, for each FP_REQUIRE that it removes is one fault less, in front of which
 * getset would have to keep every register, and flags the flags. getset then turns registers into
 * values, so that fold sees through them. fold goes before cse, as it takes constants for its own
 * that nobody else uses and cse makes them shared. narrow needs equal values to be one, and takes
 * extensions away that fold has used as facts, so it comes behind both. fuse needs the final number
 * of uses of every address and shift. dce removes what all of them no longer use; fold does not
 * need it, for it counts uses itself. */
#include "config.h"
#include "core/opt/opt-private.h"

/* Most blocks are shorter. */
#define FIRST_CAPACITY 256

static const struct {
  const char *name;
  unsigned (*run) (DioOptContext *context, DioIrBlock *block);
} passes[DIO_OPT_N_PASSES] = {
  [DIO_OPT_FP] = { "fp", dio_opt_fp },
  [DIO_OPT_FLAGS] = { "flags", dio_opt_flags },
  [DIO_OPT_GETSET] = { "getset", dio_opt_getset },
  [DIO_OPT_FOLD] = { "fold", dio_opt_fold },
  [DIO_OPT_CSE] = { "cse", dio_opt_cse },
  [DIO_OPT_NARROW] = { "narrow", dio_opt_narrow },
  [DIO_OPT_FUSE] = { "fuse", dio_opt_fuse },
  [DIO_OPT_DCE] = { "dce", dio_opt_dce },
};

DioOptContext *
dio_opt_context_new (void)
{
  return g_new0 (DioOptContext, 1);
}

void
dio_opt_context_free (DioOptContext *context)
{
  if (!context)
    return;
  g_free (context->replacement);
  g_free (context->uses);
  g_free (context->other_uses);
  g_free (context->bits);
  g_free (context->table);
  g_free (context);
}

const DioOptStatistics *
dio_opt_statistics (const DioOptContext *context)
{
  return &context->statistics;
}

const char *
dio_opt_pass_name (DioOptPass pass)
{
  return passes[pass].name;
}

void
dio_opt_reserve (DioOptContext *context, const DioIrBlock *block)
{
  uint32_t capacity = MAX (context->capacity, FIRST_CAPACITY);
  while (capacity < block->ops->len)
    capacity *= 2;
  if (capacity == context->capacity)
    return;
  context->capacity = capacity;
  context->replacement = g_renew (uint32_t, context->replacement, capacity);
  context->uses = g_renew (uint8_t, context->uses, capacity);
  context->other_uses = g_renew (uint8_t, context->other_uses, capacity);
  context->bits = g_renew (DioOptBits, context->bits, capacity);
  context->table = g_renew (uint32_t, context->table, (size_t) capacity * 4);
}

unsigned
dio_opt_run (DioOptContext *context, DioIrBlock *block, DioOptPass pass)
{
  unsigned removed = passes[pass].run (context, block);
#if DIO_DEBUG_VERIFY
  g_autoptr (GError) error = NULL;
  if (!dio_ir_block_verify (block, &error)) {
    g_autofree char *text = dio_ir_block_to_text (block);
    g_error ("after pass %s: %s\n%s", passes[pass].name, error->message, text);
  }
#endif
  return removed;
}

void
dio_opt_block (DioOptContext *context, DioIrBlock *block)
{
  DioOptStatistics *statistics = &context->statistics;
  const DioIrOp *ops = dio_opt_ops (block);
  unsigned n = 0, instructions = 0;
  for (uint32_t i = 0; i < block->ops->len; i++) {
    instructions += ops[i].opcode == DIO_IR_INSN;
    n += ops[i].opcode != DIO_IR_NOP && ops[i].opcode != DIO_IR_INSN;
  }
  statistics->blocks++;
  statistics->instructions += instructions;
  for (DioOptPass pass = 0; pass < DIO_OPT_N_PASSES; pass++) {
    statistics->before[pass] += n;
    n -= dio_opt_run (context, block, pass);
  }
  statistics->after += n;
}
