/* SPDX-License-Identifier: GPL-3.0-or-later
 * Makes differential test cases. Case n of a seed is the same whatever else is run. */
#pragma once

#include "tests/diff/diff-test.h"

/* Consecutive cases of a group run the same code in different states, as translating code is what
 * costs an oracle most. */
#define DIFF_GROUP 8
#define DIFF_BATCH_GROUPS (DIFF_BATCH / DIFF_GROUP)

/* Makes the DIFF_BATCH cases of batch @batch. */
void diff_generate (uint64_t seed, uint64_t batch, DiffTest *tests);

/* Places @test's code in the images of @shared; its state and window at @index. */
void diff_place_code (const DiffTest *test, DiffShared *shared);
void diff_place_state (const DiffTest *test, DiffShared *shared, unsigned index);
