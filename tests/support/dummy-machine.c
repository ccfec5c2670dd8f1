/* SPDX-License-Identifier: GPL-3.0-or-later
 * The dummy engine: see dummy-machine.h. */
#include "tests/support/dummy-machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/base-error.h"
#include "core/vm/vm-snapshot.h"

#define FRAME_US (G_USEC_PER_SEC / 60)
#define BOX 128
#define SQUARE 16
#define CURSOR 16
#define RAM_SIZE (2u << 20)

static const char board_title[] = "Dummy board";

static const DioBoardType dummy_board = {
  .id = "virt",
  .title = board_title,
  .arch = DIO_ARCH_RISCV64,
  .minimum_memory = UINT64_C (64) << 20,
  .maximum_memory = UINT64_C (64) << 30,
  .maximum_cpus = 8,
};

const DioBoardType *const dio_dummy_boards[] = { &dummy_board, NULL };
const DioDeviceType *const dio_dummy_devices[] = { NULL };

static _Atomic int n_machines;

int
dio_dummy_machines (void)
{
  return n_machines;
}

typedef enum {
  COMMAND_START,
  COMMAND_PAUSE,
  COMMAND_RESUME,
  COMMAND_RESET,
  COMMAND_RELEASE,
  COMMAND_POWER,
  COMMAND_STOP,
  COMMAND_GUEST_OFF,
  COMMAND_GUEST_RESET,
  COMMAND_SNAPSHOT,
  COMMAND_RESTORE,
  COMMAND_QUIT,
} CommandKind;

typedef struct {
  CommandKind kind;
  DioMachineDone done;
  void *data;
  DioStopReason reason;
  int exit_code;
  void *argument; /* SNAPSHOT, RESTORE */
  int64_t due_us; /* 0: now */
} Command;

typedef struct DioMachinePrivate {
  GThread *control;
  GThread *guest;
  GAsyncQueue *commands;
  _Atomic int state;
  _Atomic int quit;
  int64_t started_us;
  int64_t run_us; /* control thread */
  int64_t running_since;
  _Atomic uint64_t frames;
  bool hold, held; /* control thread */

  GMutex lock; /* below */
  uint32_t want_width, want_height;
  uint16_t keys[64]; /* presses not drawn yet */
  unsigned n_keys;
  uint16_t drawn[64]; /* all presses so far: the state of this machine */
  unsigned n_drawn;
  int32_t x, y; /* pointer, DIO_INPUT_ABS_MAX units */
  bool pointer_moved;
  FILE *log; /* of the input, or NULL */

  unsigned sink;
  DioLoop *loop; /* of the serial port and the agent's */
  GString *line; /* what the agent was told */
} Private;

static const char *
word (DioMachine *machine, const char *name)
{
  const char *append = machine->config->append;
  const char *found = append ? strstr (append, name) : NULL;
  return found ? found + strlen (name) : NULL;
}

/* The guest: a thread that draws. */

static void serial_print (DioMachine *machine, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
serial_print (DioMachine *machine, const char *format, ...)
{
  if (!machine->host.serial)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  machine->host.serial->ops->write (machine->host.serial, (const uint8_t *) text, strlen (text));
}

static void
input_events_cb (void *opaque, const DioInputEvent *events, size_t count)
{
  DioMachine *machine = opaque;
  Private *priv = machine->priv;
  for (size_t i = 0; i < count; i++) {
    g_mutex_lock (&priv->lock);
    if (events[i].kind == DIO_INPUT_KEY && events[i].value == 1
        && priv->n_keys < G_N_ELEMENTS (priv->keys))
      priv->keys[priv->n_keys++] = events[i].code;
    if (events[i].kind == DIO_INPUT_ABS) {
      if (events[i].code == 0)
        priv->x = events[i].value;
      else if (events[i].code == 1)
        priv->y = events[i].value;
      priv->pointer_moved = true;
    }
    if (priv->log) {
      static const char *const kinds[] = { "key", "abs", "rel", "sync" };
      fprintf (priv->log, "%s %u %d\n", kinds[events[i].kind], events[i].code, events[i].value);
      fflush (priv->log);
    }
    g_mutex_unlock (&priv->lock);
    if (events[i].kind == DIO_INPUT_KEY)
      serial_print (machine, "dummy: key %u %s\r\n", events[i].code,
                    events[i].value ? "down" : "up");
  }
}

/* The serial port echoes what comes in. */

static size_t
serial_can_receive_cb (void *opaque)
{
  return 256;
}

static void
serial_receive_cb (void *opaque, const uint8_t *data, size_t length)
{
  DioMachine *machine = opaque;
  machine->host.serial->ops->write (machine->host.serial, data, length);
}

static const DioCharHandlers serial_handlers = { serial_can_receive_cb, serial_receive_cb };

/* The agent. */

static void
obey (DioMachine *machine, const char *line)
{
  DioChar *chr = machine->host.agent;
  const char *id = strstr (line, "\"id\":");
  g_autofree char *number = id ? g_strndup (id + 5, strspn (id + 5, " 0123456789")) : NULL;
  g_autofree char *answer =
      id ? g_strdup_printf ("\xff{\"return\": %s}\n", number) : g_strdup ("{\"return\": {}}\n");
  if (!id)
    serial_print (machine, "dummy: agent %s\r\n", line);
  chr->ops->write (chr, (const uint8_t *) answer, strlen (answer));
  if (strstr (line, "guest-shutdown"))
    dio_machine_guest_power_off (machine, DIO_STOP_GUEST_OFF, 0);
}

static void
agent_receive_cb (void *opaque, const uint8_t *data, size_t length)
{
  DioMachine *machine = opaque;
  GString *line = machine->priv->line;
  for (size_t i = 0; i < length; i++)
    if (data[i] == '\n' || data[i] == 0xff) {
      if (data[i] == '\n')
        obey (machine, line->str);
      g_string_truncate (line, 0);
    } else
      g_string_append_c (line, (char) data[i]);
}

static const DioCharHandlers agent_handlers = { serial_can_receive_cb, agent_receive_cb };

static const DioInputSinkOps input_ops = { input_events_cb };

static void
set_preferred_size_cb (void *opaque, uint32_t scanout, uint32_t width, uint32_t height,
                       uint32_t width_mm, uint32_t height_mm)
{
  DioMachine *machine = opaque;
  if (scanout != 0 || width < 64 || height < 64 || width > DIO_DISPLAY_MAX_SIZE
      || height > DIO_DISPLAY_MAX_SIZE)
    return;
  g_mutex_lock (&machine->priv->lock);
  machine->priv->want_width = width;
  machine->priv->want_height = height;
  g_mutex_unlock (&machine->priv->lock);
}

static const DioDisplaySourceOps source_ops = { set_preferred_size_cb };

typedef struct {
  uint32_t width, height;
  uint32_t *pixels;
  unsigned frame;
  unsigned squares;
  int32_t box_x, box_y, step_x, step_y;
} Picture;

static uint32_t
background (const Picture *picture, uint32_t x, uint32_t y)
{
  return 0xff000000u | (x * 255 / picture->width) << 16 | (y * 255 / picture->height) << 8 | 0x60;
}

static void
fill_background (Picture *picture, const DioRect *rect)
{
  for (uint32_t y = rect->y; y < rect->y + rect->height; y++)
    for (uint32_t x = rect->x; x < rect->x + rect->width; x++)
      picture->pixels[(size_t) y * picture->width + x] = background (picture, x, y);
}

static void
fill (Picture *picture, const DioRect *rect, uint32_t colour)
{
  for (uint32_t y = rect->y; y < rect->y + rect->height; y++)
    for (uint32_t x = rect->x; x < rect->x + rect->width; x++)
      picture->pixels[(size_t) y * picture->width + x] = colour;
}

static void
publish (DioMachine *machine, Picture *picture, const DioRect *rect)
{
  DioSurface surface = {
    .width = picture->width,
    .height = picture->height,
    .stride = picture->width * 4,
    .format = DIO_FORMAT_BGRX8888,
    .pixels = (const uint8_t *) picture->pixels,
  };
  machine->host.display->ops->update (machine->host.display, 0, &surface, rect);
  machine->priv->frames++;
}

static void
picture_resize (DioMachine *machine, Picture *picture, uint32_t width, uint32_t height)
{
  g_free (picture->pixels);
  picture->width = width;
  picture->height = height;
  picture->pixels = g_new (uint32_t, (size_t) width * height);
  picture->box_x = picture->box_y = 0;
  picture->step_x = picture->step_y = 3;
  picture->squares = 0;
  DioRect all = { 0, 0, width, height };
  fill_background (picture, &all);
  publish (machine, picture, &all);
}

static void
draw_key (DioMachine *machine, Picture *picture, uint16_t code)
{
  uint32_t per_row = picture->width / SQUARE;
  uint32_t index = picture->squares++ % (per_row * 2);
  DioRect rect = { index % per_row * SQUARE, picture->height - (index / per_row + 1) * SQUARE,
                   SQUARE, SQUARE };
  fill (picture, &rect, 0xff000000u | (code * 2654435761u) >> 8);
  publish (machine, picture, &rect);
}

static void
move_box (DioMachine *machine, Picture *picture)
{
  uint32_t box = MIN (BOX, MIN (picture->width, picture->height) / 4);
  DioRect old = { picture->box_x, picture->box_y, box, box };
  fill_background (picture, &old);
  publish (machine, picture, &old);
  if (picture->box_x + picture->step_x < 0
      || picture->box_x + picture->step_x + box > picture->width)
    picture->step_x = -picture->step_x;
  if (picture->box_y + picture->step_y < 0
      || picture->box_y + picture->step_y + box + 2 * SQUARE > picture->height)
    picture->step_y = -picture->step_y;
  picture->box_x = CLAMP (picture->box_x + picture->step_x, 0, (int32_t) (picture->width - box));
  picture->box_y = CLAMP (picture->box_y + picture->step_y, 0, (int32_t) (picture->height - box));
  DioRect now = { picture->box_x, picture->box_y, box, box };
  fill (picture, &now, 0xffff8020u + (picture->frame & 63));
  publish (machine, picture, &now);
}

static void *
guest_thread (void *data)
{
  DioMachine *machine = data;
  Private *priv = machine->priv;
  DioDisplay *display = machine->host.display;
  bool still = word (machine, "dummy:still") != NULL;
  bool full = word (machine, "dummy:full") != NULL;
  Picture picture = { 0 };
  if (display) {
    display->ops->set_source (display, &source_ops, machine);
    uint32_t arrow[CURSOR * CURSOR];
    for (unsigned i = 0; i < CURSOR * CURSOR; i++)
      arrow[i] = i % CURSOR <= i / CURSOR ? 0xffffffffu : 0;
    display->ops->cursor_define (display, 0, (const uint8_t *) arrow, CURSOR, CURSOR, 0, 0);
  }
  while (!priv->quit) {
    g_usleep (FRAME_US);
    if (priv->state != DIO_MACHINE_RUNNING || !display)
      continue;
    g_mutex_lock (&priv->lock);
    uint32_t width = priv->want_width;
    uint32_t height = priv->want_height;
    uint16_t keys[G_N_ELEMENTS (priv->keys)];
    unsigned n_keys = priv->n_keys;
    memcpy (keys, priv->keys, sizeof keys);
    for (unsigned i = 0; i < n_keys && priv->n_drawn < G_N_ELEMENTS (priv->drawn); i++)
      priv->drawn[priv->n_drawn++] = keys[i];
    priv->n_keys = 0;
    bool moved = priv->pointer_moved;
    int32_t x = priv->x;
    int32_t y = priv->y;
    priv->pointer_moved = false;
    g_mutex_unlock (&priv->lock);
    if (width != picture.width || height != picture.height) {
      picture_resize (machine, &picture, width, height);
      picture.squares = 0;
      for (unsigned i = 0; i + n_keys < priv->n_drawn; i++)
        draw_key (machine, &picture, priv->drawn[i]);
    }
    for (unsigned i = 0; i < n_keys; i++)
      draw_key (machine, &picture, keys[i]);
    if (moved)
      display->ops->cursor_move (display, 0, (int64_t) x * width / (DIO_INPUT_ABS_MAX + 1),
                                 (int64_t) y * height / (DIO_INPUT_ABS_MAX + 1));
    picture.frame++;
    if (full) {
      DioRect all = { 0, 0, width, height };
      fill (&picture, &all, 0xff000000u | picture.frame * 0x030507);
      publish (machine, &picture, &all);
    } else if (!still)
      move_box (machine, &picture);
  }
  if (display)
    display->ops->set_source (display, NULL, NULL);
  g_free (picture.pixels);
  return NULL;
}

/* The control thread. */

static void
emit (DioMachine *machine, DioMachineEventKind kind, DioStopReason reason, int exit_code,
      const char *message)
{
  DioMachineEvent event = {
    .kind = kind,
    .state = machine->priv->state,
    .reason = reason,
    .exit_code = exit_code,
    .time_us = g_get_real_time (),
    .held = machine->priv->held,
    .message = message,
  };
  if (machine->host.event)
    machine->host.event (&event, machine->host.data);
}

static void
enter (DioMachine *machine, DioMachineState state, DioStopReason reason, int exit_code,
       const char *message)
{
  Private *priv = machine->priv;
  if (priv->state == DIO_MACHINE_RUNNING)
    priv->run_us += g_get_monotonic_time () - priv->running_since;
  priv->running_since = g_get_monotonic_time ();
  priv->state = state;
  emit (machine, DIO_EVENT_STATE, reason, exit_code, message);
}

static void
push (DioMachine *machine, Command command)
{
  g_async_queue_push (machine->priv->commands, g_memdup2 (&command, sizeof command));
}

static void
started (DioMachine *machine)
{
  const char *value;
  if ((value = word (machine, "dummy:off-after=")))
    push (machine, (Command){ .kind = COMMAND_GUEST_OFF,
                              .reason = DIO_STOP_GUEST_OFF,
                              .due_us = g_get_monotonic_time () + atoi (value) * 1000 });
  if ((value = word (machine, "dummy:crash-after=")))
    push (machine, (Command){ .kind = COMMAND_GUEST_OFF,
                              .reason = DIO_STOP_CRASHED,
                              .exit_code = 7,
                              .due_us = g_get_monotonic_time () + atoi (value) * 1000 });
  if ((value = word (machine, "dummy:error-after=")))
    push (machine, (Command){ .kind = COMMAND_GUEST_OFF,
                              .reason = DIO_STOP_ERROR,
                              .due_us = g_get_monotonic_time () + atoi (value) * 1000 });
  if ((value = word (machine, "dummy:reset-after=")))
    push (machine, (Command){ .kind = COMMAND_GUEST_RESET,
                              .due_us = g_get_monotonic_time () + atoi (value) * 1000 });
  if (word (machine, "dummy:reset-storm"))
    for (unsigned i = 0; i < 10000; i++)
      emit (machine, DIO_EVENT_RESET, DIO_STOP_NONE, 0, NULL);
  serial_print (machine, "dummy: started\r\n");
}

/* The presses go into the RAM, as those of a real machine do. */
static bool
take_snapshot (DioMachine *machine, DioSnapshot *snapshot, GError **error)
{
  Private *priv = machine->priv;
  uint64_t n;
  if (snapshot->before_reset && !priv->held)
    g_set_error (error, DIO_ERROR, DIO_ERROR_BUSY, "The machine was reset");
  if (snapshot->before_reset)
    return priv->held && (!snapshot->point || snapshot->point (snapshot->data, error));
  dio_ram_begin_write (machine->ram, 0, DIO_PAGE_SIZE);
  g_mutex_lock (&priv->lock);
  n = priv->n_drawn;
  memcpy (machine->ram->host, &n, sizeof n);
  memcpy (machine->ram->host + sizeof n, priv->drawn, sizeof priv->drawn);
  g_mutex_unlock (&priv->lock);
  dio_ram_note_write (machine->ram, 0, DIO_PAGE_SIZE);
  snapshot->memory = machine->ram->size;
  snapshot->freeze = dio_ram_freeze (machine->ram, error);
  if (!snapshot->freeze)
    return false;
  if (snapshot->point && !snapshot->point (snapshot->data, error)) {
    dio_ram_freeze_end (g_steal_pointer (&snapshot->freeze), false);
    return false;
  }
  snapshot->devices = g_bytes_new_static ("dummy", 5);
  if (snapshot->stay && priv->state == DIO_MACHINE_RUNNING)
    enter (machine, DIO_MACHINE_PAUSED, DIO_STOP_NONE, 0, NULL);
  return true;
}

static bool
restore (DioMachine *machine, DioRestore *from, GError **error)
{
  Private *priv = machine->priv;
  uint64_t n;
  if (!dio_ram_load (machine->ram, g_steal_pointer (&from->map), from->store, machine->host.pool,
                     NULL, NULL, error))
    return false;
  dio_ram_make_present (machine->ram, 0, DIO_PAGE_SIZE);
  g_mutex_lock (&priv->lock);
  memcpy (&n, machine->ram->host, sizeof n);
  priv->n_keys = (unsigned) MIN (n, G_N_ELEMENTS (priv->keys));
  memcpy (priv->keys, machine->ram->host + sizeof n, sizeof priv->keys);
  g_mutex_unlock (&priv->lock);
  if (from->ready && !from->ready (from->data, error))
    return false;
  enter (machine, from->paused ? DIO_MACHINE_PAUSED : DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
  return true;
}

static void
reset (DioMachine *machine)
{
  bool held = machine->priv->held;
  machine->priv->held = false;
  serial_print (machine, "dummy: reset\r\n");
  emit (machine, DIO_EVENT_RESET, DIO_STOP_NONE, 0, NULL);
  if (held)
    enter (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
}

static void
execute (DioMachine *machine, const Command *command)
{
  Private *priv = machine->priv;
  int state = priv->state;
  g_autoptr (GError) error = NULL;
  bool live = state == DIO_MACHINE_RUNNING || state == DIO_MACHINE_PAUSED;
  switch (command->kind) {
  case COMMAND_START:
    if (state != DIO_MACHINE_CREATED)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, "The machine was started before");
    else if (word (machine, "dummy:fail-start"))
      g_set_error (&error, DIO_ERROR, DIO_ERROR_FAILED, "The dummy does not start");
    else {
      enter (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
      started (machine);
    }
    break;
  case COMMAND_PAUSE:
    if (state != DIO_MACHINE_RUNNING)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, "The machine does not run");
    else if (word (machine, "dummy:fail-pause"))
      g_set_error (&error, DIO_ERROR, DIO_ERROR_FAILED, "The dummy does not pause");
    else
      enter (machine, DIO_MACHINE_PAUSED, DIO_STOP_NONE, 0, NULL);
    break;
  case COMMAND_RELEASE:
    priv->hold = false;
    if (priv->held)
      reset (machine);
    break;
  case COMMAND_RESUME:
    if (priv->held)
      reset (machine);
    else if (state != DIO_MACHINE_PAUSED)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, "The machine is not paused");
    else
      enter (machine, DIO_MACHINE_RUNNING, DIO_STOP_NONE, 0, NULL);
    break;
  case COMMAND_RESET:
  case COMMAND_GUEST_RESET:
    if (!live)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, "The machine does not run");
    else if (command->kind == COMMAND_GUEST_RESET && priv->hold) {
      priv->held = true;
      enter (machine, DIO_MACHINE_PAUSED, DIO_STOP_NONE, 0, NULL);
    } else
      reset (machine);
    break;
  case COMMAND_POWER:
    if (word (machine, "dummy:deaf"))
      g_set_error (&error, DIO_ERROR, DIO_ERROR_UNSUPPORTED, "There is no power button");
    else if (!live)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, "The machine does not run");
    else
      push (machine, (Command){ .kind = COMMAND_GUEST_OFF,
                                .reason = DIO_STOP_GUEST_OFF,
                                .due_us = g_get_monotonic_time () + 50000 });
    break;
  case COMMAND_STOP:
    if (state != DIO_MACHINE_STOPPED)
      enter (machine, DIO_MACHINE_STOPPED, DIO_STOP_FORCED, 0, NULL);
    break;
  case COMMAND_GUEST_OFF:
    if (live)
      enter (machine, DIO_MACHINE_STOPPED, command->reason, command->exit_code,
             command->reason == DIO_STOP_ERROR ? "The dummy cannot go on" : NULL);
    break;
  case COMMAND_SNAPSHOT:
    if (!live)
      g_set_error (&error, DIO_ERROR, DIO_ERROR_BUSY, "The machine does not run");
    else
      take_snapshot (machine, command->argument, &error);
    break;
  case COMMAND_RESTORE:
    restore (machine, command->argument, &error);
    break;
  case COMMAND_QUIT:
    break;
  }
  if (command->done)
    command->done (machine, error, command->data);
}

static void *
control_thread (void *data)
{
  DioMachine *machine = data;
  GAsyncQueue *queue = machine->priv->commands;
  GQueue delayed = G_QUEUE_INIT;
  for (bool quit = false; !quit;) {
    Command *command = g_async_queue_timeout_pop (queue, 5000);
    for (guint n = g_queue_get_length (&delayed); n; n--) {
      Command *late = g_queue_pop_head (&delayed);
      if (late->due_us <= g_get_monotonic_time ()) {
        execute (machine, late);
        g_free (late);
      } else
        g_queue_push_tail (&delayed, late);
    }
    if (!command)
      continue;
    if (command->due_us) {
      g_queue_push_tail (&delayed, command);
      continue;
    }
    quit = command->kind == COMMAND_QUIT;
    execute (machine, command);
    g_free (command);
  }
  if (machine->priv->state != DIO_MACHINE_STOPPED)
    enter (machine, DIO_MACHINE_STOPPED, DIO_STOP_FORCED, 0, NULL);
  g_queue_clear_full (&delayed, g_free);
  return NULL;
}

/* The public functions. */

DioMachine *
dio_machine_new (const DioMachineConfig *config, const DioMachineHost *host, GError **error)
{
  DioMachine probe = { .config = (DioMachineConfig *) config };
  if (word (&probe, "dummy:slow-new"))
    g_usleep (300000);
  if (word (&probe, "dummy:fail-new")) {
    g_set_error (error, DIO_ERROR, DIO_ERROR_FORMAT, "%s is no kernel",
                 config->kernel ? config->kernel : "nothing");
    return NULL;
  }
  DioMachine *machine = g_new0 (DioMachine, 1);
  machine->config = dio_machine_config_copy (config);
  machine->host = *host;
  machine->board = &dummy_board;
  Private *priv = machine->priv = g_new0 (Private, 1);
  g_mutex_init (&priv->lock);
  priv->want_width = config->width ? config->width : 1280;
  priv->want_height = config->height ? config->height : 800;
  priv->commands = g_async_queue_new_full (g_free);
  priv->state = DIO_MACHINE_CREATED;
  priv->hold = config->installing;
  const char *log = word (machine, "dummy:log=");
  if (log) {
    g_autofree char *path = g_strndup (log, strcspn (log, " "));
    priv->log = fopen (path, "w");
  }
  machine->ram = dio_ram_new (RAM_SIZE, "dummy", error);
  if (!machine->ram)
    g_error ("no RAM");
  if (host->input)
    priv->sink = dio_input_add_sink (
        host->input, DIO_INPUT_WANTS_KEYBOARD | DIO_INPUT_WANTS_ABSOLUTE, &input_ops, machine);
  priv->loop = dio_loop_new ("dummy", error);
  if (!priv->loop)
    g_error ("no loop");
  priv->line = g_string_new (NULL);
  if (host->agent && word (machine, "dummy:agent"))
    host->agent->ops->set_handlers (host->agent, priv->loop, &agent_handlers, machine);
  if (host->serial) {
    host->serial->ops->set_handlers (host->serial, priv->loop, &serial_handlers, machine);
  }
  priv->control = g_thread_new ("dummy-control", control_thread, machine);
  priv->guest = g_thread_new ("dummy-guest", guest_thread, machine);
  n_machines++;
  return machine;
}

void
dio_machine_free (DioMachine *machine)
{
  if (!machine)
    return;
  Private *priv = machine->priv;
  priv->quit = 1;
  push (machine, (Command){ .kind = COMMAND_QUIT });
  g_thread_join (priv->control);
  g_thread_join (priv->guest);
  if (machine->host.input)
    dio_input_remove_sink (machine->host.input, priv->sink);
  if (machine->host.serial)
    machine->host.serial->ops->set_handlers (machine->host.serial, NULL, NULL, NULL);
  if (machine->host.agent && word (machine, "dummy:agent"))
    machine->host.agent->ops->set_handlers (machine->host.agent, NULL, NULL, NULL);
  dio_loop_free (priv->loop);
  g_string_free (priv->line, TRUE);
  if (priv->log)
    fclose (priv->log);
  dio_ram_free (machine->ram);
  g_async_queue_unref (priv->commands);
  g_mutex_clear (&priv->lock);
  dio_machine_config_free (machine->config);
  g_free (priv);
  g_free (machine);
  n_machines--;
}

void
dio_machine_start (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_START, .done = done, .data = data });
}

void
dio_machine_pause (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_PAUSE, .done = done, .data = data });
}

void
dio_machine_resume (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_RESUME, .done = done, .data = data });
}

void
dio_machine_reset (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_RESET, .done = done, .data = data });
}

void
dio_machine_release (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_RELEASE, .done = done, .data = data });
}

void
dio_machine_power_button (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_POWER, .done = done, .data = data });
}

void
dio_machine_stop (DioMachine *machine, DioMachineDone done, void *data)
{
  push (machine, (Command){ .kind = COMMAND_STOP, .done = done, .data = data });
}

void
dio_machine_snapshot (DioMachine *machine, DioSnapshot *snapshot, DioMachineDone done, void *data)
{
  push (machine,
        (Command){ .kind = COMMAND_SNAPSHOT, .argument = snapshot, .done = done, .data = data });
}

void
dio_machine_restore (DioMachine *machine, DioRestore *from, DioMachineDone done, void *data)
{
  push (machine,
        (Command){ .kind = COMMAND_RESTORE, .argument = from, .done = done, .data = data });
}

DioMachineState
dio_machine_get_state (DioMachine *machine)
{
  return machine->priv->state;
}

void
dio_machine_guest_power_off (DioMachine *machine, DioStopReason reason, int exit_code)
{
  push (machine, (Command){ .kind = COMMAND_GUEST_OFF, .reason = reason, .exit_code = exit_code });
}

void
dio_machine_guest_reset (DioMachine *machine)
{
  push (machine, (Command){ .kind = COMMAND_GUEST_RESET });
}

void
dio_machine_set_power_button (DioMachine *machine, void (*press) (void *data), void *data)
{
}

bool
dio_machine_add_cpus (DioMachine *machine, const DioCpuType *type, unsigned count, GError **error)
{
  return true;
}

void
dio_machine_flush_write (DioMachine *machine, uint64_t ram_offset)
{
}

void
dio_machine_get_stats (DioMachine *machine, DioMachineStats *stats)
{
  Private *priv = machine->priv;
  memset (stats, 0, sizeof *stats);
  stats->cpu.instructions = priv->frames * 1000;
  stats->run_seconds = (double) priv->run_us / G_USEC_PER_SEC;
  stats->vcpu_seconds = stats->run_seconds / 10;
  stats->ram_resident = 1 << 20;
}
