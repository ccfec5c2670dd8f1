/* SPDX-License-Identifier: GPL-3.0-or-later
 * Evaluation of operations on constants. */
#pragma once

#include "core/ir/ir-block.h"

/* The value of a pure operation @op whose arguments are the numbers @a and @b, as far as it has so
 * many; that of a comparison is 0 or 1. By the interpreter's own expressions, so that what is
 * folded is what would have been computed. False for operations that are not functions of such
 * arguments, or of truth values, of which there are no constants. */
bool dio_opt_evaluate (const DioIrOp *op, uint64_t a, uint64_t b, uint64_t *result);
