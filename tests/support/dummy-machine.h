/* SPDX-License-Identifier: GPL-3.0-or-later
 * A dummy engine: everything of core/vm/vm-machine.h without a guest, linked instead of the real
 * one, so that the application library and the user interface are tested without booting anything.
 *
 * It shows a gradient with a box that bounces, draws a square per key press, follows the absolute
 * pointer with a cursor, answers the preferred size with a mode change, and writes lines like
 * "dummy: key 30 down" to the serial port. Words in the configuration's append string change what
 * it does:
 *
 *   dummy:fail-new        dio_machine_new() fails
 *   dummy:fail-start      the start command fails
 *   dummy:fail-pause      the pause command fails
 *   dummy:slow-new        dio_machine_new() takes 300 ms
 *   dummy:off-after=MS    the guest powers off so many milliseconds after the start
 *   dummy:crash-after=MS  the guest asks for a failure exit (code 7)
 *   dummy:error-after=MS  the host cannot go on
 *   dummy:deaf            there is no power button
 *   dummy:reset-after=MS  the guest resets so many milliseconds after the start
 *   dummy:reset-storm     the guest resets 10000 times at the start
 *   dummy:still           the box stands still (no frames without input)
 *   dummy:full            every frame changes the whole picture
 *   dummy:agent           an agent that shuts down, and prints "dummy: agent COMMAND" to the serial
 *                         port
 *   dummy:log=PATH        input events are written to the file PATH, a line each: "abs 0 16384"
 *
 * dio_machine_power_button() makes the dummy guest power off after 50 ms. */
#pragma once

#include "core/vm/vm-board.h"
#include "core/vm/vm-machine.h"

/* A board table with one riscv64 board "virt" (64 MiB to 64 GiB, 8 CPUs), and no devices. */
extern const DioBoardType *const dio_dummy_boards[];
extern const DioDeviceType *const dio_dummy_devices[];

/* How many dummy machines exist: tests look for leaks. */
int dio_dummy_machines (void);
