/* SPDX-License-Identifier: GPL-3.0-or-later
 * The half of the evaluator that is about vectors. */
#pragma once

#include "tests/support/ir-eval.h"

/* The value of @op in *@word or *@vector; its arguments are words @w and vectors @q, each by its
 * place. False when the operation is not about vectors, or about memory. */
bool ir_eval_vector (const DioIrOp *op, IrEvalState *state, const uint64_t *w, const DioVec *q,
                     uint64_t *word, DioVec *vector);

/* One operation of floating point; of ir-eval.c. */
uint64_t ir_eval_fp (int64_t function, uint8_t *flags, DioFpMode mode, uint64_t a, uint64_t b,
                     uint64_t c);
