/* SPDX-License-Identifier: GPL-3.0-or-later
 * Boards for bare-metal programs, one for each guest architecture. */
#pragma once

#include "core/vm/vm-board.h"

/* config.firmware is a flat image for the start of RAM, where programs begin: riscv64 on all harts
 * at 0x80000000, in M-mode with a0 = hart; arm64 on the first CPU at 0x40000000, at EL1, the others
 * wait for PSCI. A power-off by the system controller at 0x100000 ends the machine with its code.
 */
extern const DioBoardType guest_board_riscv64, guest_board_arm64;

/* The board for the architecture called @name, or NULL after having said so. */
const DioBoardType *guest_board_find (const char *name);
