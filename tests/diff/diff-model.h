/* SPDX-License-Identifier: GPL-3.0-or-later
 * A reference for what qemu 7.2 cannot judge, written from the text of the specification and
 * nothing else: Zfa, Zicond, ctzw, cache blocks in user mode, ecall, misaligned atomics. It decodes
 * for itself and computes with the host's mathematics library, not with core/fp. */
#pragma once

#include "tests/diff/diff-test.h"

/* What @test, a single instruction, has to give; false when this is none that the model knows. */
bool diff_model_run (const DiffTest *test, DiffOutcome *outcome);
