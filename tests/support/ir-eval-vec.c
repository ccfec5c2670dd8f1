/* SPDX-License-Identifier: GPL-3.0-or-later
 * The half of the evaluator that is about vectors: by the functions of core/vec. */
#include "tests/support/ir-eval-vec.h"

#include "core/vec/vec.h"

typedef DioVec Pure1 (unsigned n, DioVec a);
typedef DioVec Pure2 (unsigned n, DioVec a, DioVec b);
typedef DioVec Pure3 (unsigned n, DioVec a, DioVec b, DioVec c);
typedef DioVec Sat1 (unsigned n, uint8_t *saturated, DioVec a);
typedef DioVec Sat2 (unsigned n, uint8_t *saturated, DioVec a, DioVec b);
typedef DioVec Sat3 (unsigned n, uint8_t *saturated, DioVec a, DioVec b, DioVec c);

static const struct {
  DioIrOpcode opcode;
  union {
    Pure1 *pure1;
    Pure2 *pure2;
    Pure3 *pure3;
    Sat1 *sat1;
    Sat2 *sat2;
    Sat3 *sat3;
    void (*any) (void);
  } function;
} functions[DIO_IR_N_VEC] = {
#define X(name)                                                                                    \
  [DIO_IR_VEC_##name] = { _Generic(&dio_vec_##name, Pure1 *                                        \
                                   : DIO_IR_VEC1, Pure2 *                                          \
                                   : DIO_IR_VEC2, Pure3 *                                          \
                                   : DIO_IR_VEC3, Sat1 *                                           \
                                   : DIO_IR_VEC_SAT1, Sat2 *                                       \
                                   : DIO_IR_VEC_SAT2, Sat3 *                                       \
                                   : DIO_IR_VEC_SAT3),                                             \
                          { .any = (void (*) (void)) dio_vec_##name } },
#include "core/ir/ir-vec.inc"
#undef X
};

DioIrOpcode
ir_eval_vec_opcode (unsigned name)
{
  return functions[name].opcode;
}

static DioVec
by_name (const DioIrOp *op, IrEvalState *state, const DioVec *q)
{
  unsigned name = DIO_IR_IMMEDIATE_NAME (op->immediate), n = DIO_IR_IMMEDIATE_N (op->immediate);
  g_assert (functions[name].opcode == op->opcode);
  switch (op->opcode) {
  case DIO_IR_VEC1:
    return functions[name].function.pure1 (n, q[0]);
  case DIO_IR_VEC2:
    return functions[name].function.pure2 (n, q[0], q[1]);
  case DIO_IR_VEC3:
    return functions[name].function.pure3 (n, q[0], q[1], q[2]);
  case DIO_IR_VEC_SAT1:
    return functions[name].function.sat1 (n, &state->saturated, q[0]);
  case DIO_IR_VEC_SAT2:
    return functions[name].function.sat2 (n, &state->saturated, q[0], q[1]);
  default:
    return functions[name].function.sat3 (n, &state->saturated, q[0], q[1], q[2]);
  }
}

/* As INTERP_FP_LANES of arm64: lanes that do not count are zero. */
static DioVec
by_lane (const DioIrOp *op, IrEvalState *state, uint64_t mode, const DioVec *q)
{
  unsigned name = DIO_IR_IMMEDIATE_NAME (op->immediate);
  unsigned lanes = (unsigned) (op->immediate >> 16 & 0xff);
  unsigned size = (op->immediate >> 24 & 0xff) == 64 ? 3 : 2;
  bool is_test = op->opcode == DIO_IR_VEC_FP_TEST2;
  DioVec result = dio_vec_make (0, 0);
  for (unsigned i = 0; i < lanes; i++) {
    uint64_t x[3] = { 0 };
    for (unsigned k = 0, n = dio_ir_op_info[op->opcode].n_arguments - !is_test; k < n; k++)
      x[k] = dio_vec_lane (size, i, q[k]);
    uint64_t value = ir_eval_fp (name, &state->fflags, (DioFpMode) mode, x[0], x[1], x[2]);
    result = dio_vec_insert (size, i, result, !is_test ? value : value ? UINT64_MAX : 0);
  }
  return result;
}

bool
ir_eval_vector (const DioIrOp *op, IrEvalState *state, const uint64_t *w, const DioVec *q,
                uint64_t *word, DioVec *vector)
{
  unsigned n = (unsigned) op->immediate & 0xff, index = (unsigned) (op->immediate >> 8) & 0xff;
  switch (op->opcode) {
  case DIO_IR_GET_V:
    *vector = state->v[op->immediate];
    return true;
  case DIO_IR_SET_V:
    state->v[op->immediate] = q[0];
    return true;
  case DIO_IR_FP_MODE:
    *word = state->fp_mode;
    return true;
  case DIO_IR_VEC_MAKE:
    *vector = dio_vec_make (w[0], w[1]);
    return true;
  case DIO_IR_VEC_LOW:
    *word = q[0][0];
    return true;
  case DIO_IR_VEC_HIGH:
    *word = q[0][1];
    return true;
  case DIO_IR_VEC_DUP:
    *vector = dio_vec_dup (n, w[0]);
    return true;
  case DIO_IR_VEC_LANE:
    *word = dio_vec_lane (n, index, q[0]);
    return true;
  case DIO_IR_VEC_INSERT:
    *vector = dio_vec_insert (n, index, q[0], w[1]);
    return true;
  case DIO_IR_VEC1:
  case DIO_IR_VEC2:
  case DIO_IR_VEC3:
  case DIO_IR_VEC_SAT1:
  case DIO_IR_VEC_SAT2:
  case DIO_IR_VEC_SAT3:
    *vector = by_name (op, state, q);
    return true;
  case DIO_IR_VEC_FP_TEST2:
    *vector = by_lane (op, state, 0, q);
    return true;
  case DIO_IR_VEC_FP1:
  case DIO_IR_VEC_FP2:
  case DIO_IR_VEC_FP3:
    *vector = by_lane (op, state, w[0], q + 1);
    return true;
  default:
    return false;
  }
}
