/* SPDX-License-Identifier: GPL-3.0-or-later
 * riscv64 on the compiler. vCPU thread. */
#pragma once

#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/tier/tier.h"

extern const DioTierGuest dio_rv_tier_guest;
extern const DioTierChecked dio_rv_checked;
