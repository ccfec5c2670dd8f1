/* SPDX-License-Identifier: GPL-3.0-or-later
 * arm64 on the compiler. vCPU thread. */
#pragma once

#include "core/guest/arm64/arm64-cpu.h"
#include "core/tier/tier.h"

extern const DioTierGuest dio_a64_tier_guest;
extern const DioTierChecked dio_a64_checked;
