/* SPDX-License-Identifier: GPL-3.0-or-later
 * The way from a host source to a serial device, shared by the character back-ends: bytes wait in a
 * queue until the device takes them, on the device's loop. */
#pragma once

#include <pthread.h>

#include "core/backend/backend-char.h"

/* Bytes that wait at most; a source is told when there is room again. */
#define DIO_CHAR_QUEUE_SIZE 4096

typedef struct {
  pthread_mutex_t lock;
  uint8_t bytes[DIO_CHAR_QUEUE_SIZE];
  size_t first, count; /* a ring */
  DioLoop *loop;
  const DioCharHandlers *handlers;
  void *opaque;
  DioNotifier *pump;
  void (*room) (void *source); /* on the loop, after the queue shrank; may be NULL */
  void *source;
} DioCharQueue;

void dio_char_queue_init (DioCharQueue *queue, void (*room) (void *source), void *source);
void dio_char_queue_clear (DioCharQueue *queue);

/* As DioCharOps.set_handlers; NULL detaches: no callback is running or will run after that. */
void dio_char_queue_set_handlers (DioCharQueue *queue, DioLoop *loop,
                                  const DioCharHandlers *handlers, void *opaque);

/* Takes up to @length bytes, returns how many. Any thread. */
size_t dio_char_queue_push (DioCharQueue *queue, const uint8_t *data, size_t length);
size_t dio_char_queue_room (DioCharQueue *queue);

/* As DioCharOps.accept_input. */
void dio_char_queue_accept (DioCharQueue *queue);
