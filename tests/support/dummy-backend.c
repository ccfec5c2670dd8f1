/* SPDX-License-Identifier: GPL-3.0-or-later
 * Stand-ins for back-ends that core does not have yet; weak, so that the real ones win. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/backend/backend-block.h"
#include "core/backend/backend-char.h"
#include "core/backend/backend-input.h"
#include "core/base/base-error.h"

#define WEAK __attribute__ ((weak))

struct DioInput {
  GMutex lock;
  const DioInputSinkOps *ops;
  void *opaque;
};

WEAK DioInput *
dio_input_new (void)
{
  return g_new0 (DioInput, 1);
}

WEAK void
dio_input_free (DioInput *input)
{
  g_free (input);
}

WEAK unsigned
dio_input_add_sink (DioInput *input, unsigned wants, const DioInputSinkOps *ops, void *opaque)
{
  input->ops = ops;
  input->opaque = opaque;
  return 1;
}

WEAK void
dio_input_remove_sink (DioInput *input, unsigned id)
{
  input->ops = NULL;
}

static void
send (DioInput *input, DioInputEvent event)
{
  DioInputEvent events[] = { event, { .kind = DIO_INPUT_SYNC } };
  if (input->ops)
    input->ops->events (input->opaque, events, 2);
}

WEAK void
dio_input_key (DioInput *input, uint16_t code, bool down)
{
  send (input, (DioInputEvent){ DIO_INPUT_KEY, code, down });
}

WEAK void
dio_input_move_absolute (DioInput *input, uint32_t x, uint32_t y)
{
  send (input, (DioInputEvent){ DIO_INPUT_ABS, 0, x });
  send (input, (DioInputEvent){ DIO_INPUT_ABS, 1, y });
}

WEAK void
dio_input_move_relative (DioInput *input, int32_t dx, int32_t dy)
{
}

WEAK void
dio_input_wheel (DioInput *input, int32_t horizontal, int32_t vertical)
{
}

WEAK void
dio_input_release_all (DioInput *input)
{
}

WEAK bool
dio_input_has_absolute (DioInput *input)
{
  return true;
}

WEAK unsigned
dio_input_get_leds (DioInput *input)
{
  return 0;
}

WEAK bool
dio_block_create_raw (const char *path, uint64_t size, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, size) != 0) {
    dio_set_error_errno (error, errno, "%s", path);
    if (fd >= 0)
      close (fd);
    return false;
  }
  close (fd);
  return true;
}

WEAK DioChar *
dio_char_socket_new (const char *path, GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "not there yet");
  return NULL;
}

WEAK DioChar *
dio_char_mux_new (DioChar *first, DioChar *second)
{
  return first;
}

WEAK DioChar *
dio_char_stdio_new (void (*quit) (void *data), void *data)
{
  return NULL;
}

WEAK DioChar *
dio_char_file_new (const char *path, GError **error)
{
  g_set_error (error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "not there yet");
  return NULL;
}

WEAK void
dio_char_free (DioChar *chr)
{
}
