/* SPDX-License-Identifier: GPL-3.0-or-later
 * A character back-end: a byte stream between a serial device and the host. */
#pragma once

#include <glib.h>

#include "core/base/base-loop.h"

typedef struct DioChar DioChar;

/* The device's side. Called on the loop the device gave. */
typedef struct {
  /* How many bytes the device can take now. */
  size_t (*can_receive) (void *opaque);
  void (*receive) (void *opaque, const uint8_t *data, size_t length);
} DioCharHandlers;

typedef struct {
  /* Takes up to @length bytes towards the host, returns how many; the rest may be offered later.
   * Never blocks. Any thread. */
  size_t (*write) (DioChar *chr, const uint8_t *data, size_t length);
  /* NULL handlers detach, before @loop is freed; after that none is running or will be called. Not
   * with a lock held that the handlers take. */
  void (*set_handlers) (DioChar *chr, DioLoop *loop, const DioCharHandlers *handlers, void *opaque);
  /* The device can take bytes again. Any thread, device lock held or not. */
  void (*accept_input) (DioChar *chr);
  void (*free) (DioChar *chr);
} DioCharOps;

struct DioChar {
  const DioCharOps *ops;
};

/* stdin/stdout of the process; raw terminal mode while open when it is a terminal (Ctrl+A X in the
 * usual way ends the machine: @quit is called on the loop thread), restored on free. */
DioChar *dio_char_stdio_new (void (*quit) (void *data), void *data);
/* The same on other descriptors, which stay the caller's. Ctrl+A is special on terminals only. */
DioChar *dio_char_fd_new (int in, int out, void (*quit) (void *data), void *data);

/* Keeps the last @capacity bytes of output in memory, with input by dio_char_memory_feed(); @notify
 * (any thread) after new output. Thread-safe. */
DioChar *dio_char_memory_new (size_t capacity, void (*notify) (void *data), void *data);
void dio_char_memory_feed (DioChar *chr, const void *data, size_t length);
/* Output from absolute position *@position on (advanced; older bytes may be gone). */
GBytes *dio_char_memory_read (DioChar *chr, uint64_t *position);

/* Output appended to a file; no input. */
DioChar *dio_char_file_new (const char *path, GError **error);

/* A listening UNIX socket (mode 0600), one client at a time, the last output replayed to a new one:
 * `diorama console` connects to it. */
DioChar *dio_char_socket_new (const char *path, GError **error);
/* The other end: a connected, blocking socket, or -1. Takes paths longer than a socket address. */
int dio_char_socket_connect (const char *path, GError **error);

/* Copies output to both, input from both. Owns them. */
DioChar *dio_char_mux_new (DioChar *first, DioChar *second);

void dio_char_free (DioChar *chr);
