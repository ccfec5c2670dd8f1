/* SPDX-License-Identifier: GPL-3.0-or-later
 * System registers and system instructions of arm64 that compiled code does by itself. */
#pragma once

#include "core/guest/guest-insn.h"
#include "core/jit/jit.h"

/* DioJitGuest.control. */
bool dio_a64_control (const DioIrOp *op, const int64_t *constant, DioJitControl *control);
/* Is @insn one of those, and compiled code goes on behind it? Any thread. */
bool dio_a64_is_plain (const DioInsn *insn);
