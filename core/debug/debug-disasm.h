/* SPDX-License-Identifier: GPL-3.0-or-later
 * The text of host code, for people who debug the compiler. */
#pragma once

#include <glib.h>

#include "core/base/base-types.h"

/* One line for each instruction of the @size bytes at @code: the address, counted from @address,
 * the bytes and the text. Bytes that are no instruction are shown as data. Without libcapstone in
 * the build it is one line that says so. Any thread; slow. Free with g_free(). */
char *dio_debug_disassemble (const void *code, size_t size, uint64_t address);
