/* SPDX-License-Identifier: GPL-3.0-or-later
 * The x86-64 code generator: from a region to code. See x64-gen.h. */
#include "core/jit/x86_64/x64-gen.h"

#define LOOP_ALIGNMENT 16

/* rax, r10 and r11 are always left for values. */
static const uint8_t pool_x[] = {
  DIO_X64_RBX, DIO_X64_R12, DIO_X64_R13, DIO_X64_RSI, DIO_X64_RDI, DIO_X64_R8, DIO_X64_R9,
};
/* xmm0 and 1 are scratch, 2 to 5 for values. */
static const uint8_t pool_f[] = { 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

void
dio_jit_host_pools (const uint8_t **x, unsigned *n_x, const uint8_t **f, unsigned *n_f)
{
  *x = pool_x;
  *n_x = G_N_ELEMENTS (pool_x);
  *f = pool_f;
  *n_f = G_N_ELEMENTS (pool_f);
}

/* Values that nobody uses are not made, unless that does something else too. */
static bool
is_needed (const DioX64Gen *g, const DioIrOp *op)
{
  const DioIrOpInfo *info = &dio_ir_op_info[op->opcode];
  return g->values[g->at].last || (info->effects & ~DIO_IR_READ);
}

static void
generate_op (DioX64Gen *g, const DioIrOp *op)
{
  dio_x64_nans_before (g, op);
  switch (op->opcode) {
  case DIO_IR_INSN:
    g->offset = (uint16_t) (g->block->offset + op->immediate);
    g->retired = (uint16_t) (g->retired + 1);
    return;
  case DIO_IR_NOP:
    return;
  case DIO_IR_GET_X:
  case DIO_IR_GET_F:
  case DIO_IR_GET_V:
    if (g->values[g->at].last)
      dio_x64_name_var (g, (unsigned) dio_jit_var (op));
    return;
  case DIO_IR_SET_X:
  case DIO_IR_SET_F:
  case DIO_IR_SET_V:
    dio_x64_set_var (g, (unsigned) dio_jit_var (op), op->arguments[0]);
    break;
  default:
    if (g->values[g->at].where == X64_LAZY || !is_needed (g, op))
      return;
    if (!(g->guest->v && dio_x64_gen_simd (g, op)) && !dio_x64_gen_integer (g, op)
        && !dio_x64_gen_memory (g, op) && !dio_x64_gen_float (g, op) && !dio_x64_gen_exit (g, op)
        && !dio_x64_gen_state (g, op) && !dio_x64_gen_control (g, op))
      g->failed = true;
    break;
  }
  dio_x64_end_op (g);
}

static void
start_block (DioX64Gen *g, unsigned index, unsigned following)
{
  g->index = index;
  g->following = following;
  g->block = &g->region->blocks[index];
  g->ops = (const DioIrOp *) (const void *) g->block->ir->ops->data;
  g->n_ops = g->block->ir->ops->len;
  g->offset = g->block->offset;
  g->retired = (uint16_t) -1;
  dio_x64_start_block (g);
}

static void
generate_ops (DioX64Gen *g)
{
  for (g->at = 0; g->at < g->n_ops && !g->failed && !g->a.overflow; g->at++)
    generate_op (g, &g->ops[g->at]);
}

static void
generate_block (DioX64Gen *g, unsigned index, unsigned following)
{
  start_block (g, index, following);
  if (g->block->loop_head)
    dio_x64_nop (&g->a, -(uintptr_t) (g->a.at + g->a.exec_delta) & (LOOP_ALIGNMENT - 1));
  dio_x64_bind (&g->a, &g->blocks[index]);
  generate_ops (g);
}

/* Versions that take nothing for granted of vector registers, of the blocks that the entries come
 * to with something in them, and of those that these go on to like that. */
static void
generate_plain (DioX64Gen *g)
{
  g->plain = true;
  for (uint64_t rest; (rest = g->plain_wanted & ~g->plain_done) && !g->failed && !g->a.overflow;) {
    unsigned index = (unsigned) __builtin_ctzll (rest);
    g->plain_done |= UINT64_C (1) << index;
    start_block (g, index, DIO_JIT_NO_BLOCK);
    dio_x64_bind (&g->a, &g->plain_blocks[index]);
    generate_ops (g);
  }
  g->plain = false;
}

/* The second version of a block that sweeps over memory. */
static void
generate_sweep (DioX64Gen *g, unsigned index)
{
  DioJitSweep sweep;
  if (!dio_jit_sweep_find (g->region, index, &sweep)) {
    g->failed = true;
    return;
  }
  g->sweep = &sweep;
  g->sweep_top = (DioX64Label) DIO_X64_LABEL_INIT;
  start_block (g, index, DIO_JIT_NO_BLOCK);
  dio_x64_sweep_begin (g);
  DioIrBlock *ir = g->block->ir;
  g->block->ir = dio_x64_sweep_ir (g);
  start_block (g, index, DIO_JIT_NO_BLOCK);
  dio_x64_sweep_keep_addends (g);
  generate_ops (g);
  dio_x64_sweep_end_vars (g);
  dio_ir_block_free (g->block->ir);
  g->block->ir = ir;
  g->ops = NULL;
  g->sweep = NULL;
}

int
dio_x64_free_pinnable (const DioX64Gen *g)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (pool_x); i++)
    if (g->gpr_owner[pool_x[i]] == X64_FREE)
      return pool_x[i];
  return -1;
}

bool
dio_jit_host_generate (DioJit *jit, DioJitRegion *region, uint8_t *buffer, size_t size,
                       const uint8_t *exec, DioJitCode *code)
{
  DioX64Gen g = { .jit = jit,
                  .guest = jit->guest,
                  .cpu = *(const DioX64Features *) jit->backend,
                  .region = region,
                  .code = code,
                  .colds = g_array_sized_new (FALSE, FALSE, sizeof (DioX64Cold), 64) };
  dio_x64_init (&g.a, buffer, size);
  g.a.exec_delta = exec - buffer;
  g.traps = code->trapping = dio_jit_fp_traps (jit) && region->checks_fp;
  g.fp_mask = dio_x64_fp_mask (&g);
  for (unsigned i = 0; i < region->n_blocks; i++)
    g.blocks[i] = g.plain_blocks[i] = g.sweeps[i] = (DioX64Label) DIO_X64_LABEL_INIT;
  g.plain_wanted = dio_x64_plain_entries (&g);
  for (unsigned i = 0; i < region->n_blocks && !g.failed && !g.a.overflow; i++)
    generate_block (&g, region->order[i],
                    i + 1 < region->n_blocks ? region->order[i + 1] : DIO_JIT_NO_BLOCK);
  generate_plain (&g);
  for (uint64_t swept = g.swept; swept && !g.failed && !g.a.overflow; swept &= swept - 1)
    generate_sweep (&g, (unsigned) __builtin_ctzll (swept));
  if (!g.failed && !g.a.overflow) {
    dio_x64_gen_colds (&g);
    dio_x64_gen_entries (&g);
  }
  code->size = dio_x64_size (&g.a);
  bool done = !g.failed && !g.a.overflow;
  code->failed = g.failed;
  g_array_unref (g.colds);
  g_clear_pointer (&g.simd_colds, g_array_unref);
  g_clear_pointer (&g.pool, g_ptr_array_unref);
  g_free (g.last);
  g_free (g.values);
  return done;
}

bool
dio_jit_host_init (DioJit *jit, GError **error)
{
  DioX64Features *features = g_new (DioX64Features, 1);
  *features = dio_x64_features_detect ();
  jit->backend = features;
  return dio_x64_features_override (features, jit->options.features, error);
}

void
dio_jit_host_free (DioJit *jit)
{
  g_clear_pointer (&jit->backend, g_free);
}
