/* SPDX-License-Identifier: GPL-3.0-or-later
 * A board for bare-metal programs. */
#pragma once

#include "core/vm/vm-board.h"

/* config.firmware is a flat image for the start of RAM at 0x80000000, where all harts begin, in
 * M-mode with a0 = hart. A power-off by the system controller ends the machine with its code. */
extern const DioBoardType guest_board;
