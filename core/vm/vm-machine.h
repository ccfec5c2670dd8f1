/* SPDX-License-Identifier: GPL-3.0-or-later
 * A machine: the aggregate of configuration, memory, vCPUs and devices, and the only one that
 * changes its own life-cycle state.
 *
 * Threads: a control thread per machine runs commands in order; vCPU threads run guests; one event
 * loop serves devices. Public functions may be called from any thread unless they say otherwise.
 *
 *   CREATED --start--> RUNNING <--pause/resume--> PAUSED
 *      RUNNING/PAUSED --stop, guest power-off, fatal error--> STOPPED (final: free it, make a new
 * one) A reset keeps RUNNING or PAUSED. One that the guest asked for may be held: PAUSED, until
 * dio_machine_release(). */
#pragma once

#include <glib.h>

#include "core/backend/block/block.h"
#include "core/backend/backend-char.h"
#include "core/backend/backend-display.h"
#include "core/backend/backend-input.h"
#include "core/base/base-loop.h"
#include "core/base/base-pool.h"
#include "core/jit/jit-stats.h"
#include "core/vm/vm-cpu.h"
#include "core/vm/vm-device.h"

typedef struct DioBoardType DioBoardType;

typedef enum {
  DIO_ENGINE_AUTO = 0,
  DIO_ENGINE_INTERPRETER = 1,
  DIO_ENGINE_COMPILER = 2,
} DioEngine;

/* What shows the guest's picture. */
typedef enum {
  DIO_GRAPHICS_VIRTIO = 0, /* virtio-gpu */
  DIO_GRAPHICS_RAMFB = 1,  /* a framebuffer in memory, where the board can have one */
} DioGraphics;

/* What @engine comes to on this host: never DIO_ENGINE_AUTO. */
DioEngine dio_engine_in_force (DioEngine engine);
/* Is there a compiler for this host? */
bool dio_engine_has_compiler (void);

typedef struct {
  char *path;   /* what the disk is known by; the file, when there is no chain */
  char *format; /* "raw", "qcow2"; from the configuration, never probed */
  bool readonly;
  bool cdrom; /* a disc in a CD-ROM drive, and @readonly */
  DioBlockLimits limits;
  /* Where snapshots made a chain of it: DioBlockImage*, the lowest first. NULL: @path alone. */
  GPtrArray *chain;
} DioDiskConfig;

#define DIO_GENERATION_BYTES 16

/* What a machine is made of. Plain data, deep-copied by dio_machine_new(). Strings may be NULL. */
typedef struct {
  char *name;
  DioArch arch;
  char *board;     /* NULL: the architecture's default */
  uint64_t memory; /* bytes */
  unsigned cpus;
  DioEngine engine;
  char *compiler; /* options for who tests it (core/jit/jit-options.h), or NULL */
  char *firmware; /* path, or NULL for the board's default */
  /* The file that firmware keeps its variables in, where the board has such firmware; it need not
   * exist. NULL: they go with the machine. @variables_fixed: they come from the file, but changes
   * of them go with the machine. Of the application, not of machine.json. */
  char *variables;
  bool variables_fixed;
  char *kernel;
  char *initrd;
  char *append;
  GPtrArray *disks; /* of DioDiskConfig*, may be NULL */
  /* Firmware gets no ACPI tables and passes the device tree on. Of boards that have such firmware.
   */
  bool no_acpi;
  DioGraphics graphics;
  uint32_t width, height; /* preferred size of the first scan-out; 0: 1280x800 */
  /* Snapshots are taken by themselves every so many hours (0: never), and so many are kept. Used by
   * the application alone. */
  unsigned snapshot_hours, snapshot_keep;
  /* A system is being installed: the machine is held before a reset that the guest asks for. */
  bool installing;
  /* What the guest has for the identifier of this life of the machine (hw/misc/vmgenid.h); all
   * zero: a random one. Of the application, not of machine.json. */
  uint8_t generation[DIO_GENERATION_BYTES];
  bool headless; /* no display, keyboard and tablet devices' host side (devices stay) */
} DioMachineConfig;

DioMachineConfig *dio_machine_config_new (void);
DioMachineConfig *dio_machine_config_copy (const DioMachineConfig *config);
void dio_machine_config_free (DioMachineConfig *config);
void dio_machine_config_add_disk (DioMachineConfig *config, const char *path, const char *format,
                                  bool readonly);
/* A disc in a CD-ROM drive. */
void dio_machine_config_add_cdrom (DioMachineConfig *config, const char *path, const char *format);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DioMachineConfig, dio_machine_config_free)

/* Adds an image to the top of the chain of @disk. */
void dio_disk_config_add_image (DioDiskConfig *disk, const char *path, const char *format);

/* Opens the image of @disk, with its chain. */
DioBlockNode *dio_disk_config_open (const DioDiskConfig *disk, DioFiles *files,
                                    DioBlockOpenFlags flags, GError **error);

/* What a file of the host is needed for. */
typedef enum {
  DIO_FILE_READ,          /* to be read: a regular file */
  DIO_FILE_DISK,          /* to be read and written: a block device will do */
  DIO_FILE_DISK_READONLY, /* only to be read: the same */
} DioFileUse;

/* False and a sentence when the file @path cannot be used so or is empty; @what names its role, as
 * "The kernel" (translated). Any thread. */
bool dio_machine_check_file (const char *what, const char *path, DioFileUse use, GError **error);

/* The same for a disk, and for its format. */
bool dio_machine_check_disk (const DioDiskConfig *disk, GError **error);

typedef enum {
  DIO_MACHINE_CREATED,
  DIO_MACHINE_RUNNING,
  DIO_MACHINE_PAUSED,
  DIO_MACHINE_STOPPED,
} DioMachineState;

/* Why a machine stopped. */
typedef enum {
  DIO_STOP_NONE,
  DIO_STOP_GUEST_OFF, /* the guest powered off */
  DIO_STOP_FORCED,    /* dio_machine_stop() */
  DIO_STOP_CRASHED,   /* guest asked for a failure exit (sifive_test fail, panic device) */
  DIO_STOP_ERROR,     /* the host could not go on; the event's message says why */
} DioStopReason;

typedef enum {
  DIO_EVENT_STATE, /* state (and reason) changed */
  DIO_EVENT_RESET, /* the guest or a person reset the machine */
  DIO_EVENT_ERROR, /* something needs attention; message */
} DioMachineEventKind;

/* Immutable, time-stamped (real time, microseconds since 1970). */
typedef struct {
  DioMachineEventKind kind;
  DioMachineState state;
  DioStopReason reason;
  int exit_code; /* of DIO_STOP_CRASHED / GUEST_OFF as the guest gave it */
  int64_t time_us;
  bool held;           /* PAUSED, before a reset: see dio_machine_release() */
  const char *message; /* valid during the call; may be NULL */
} DioMachineEvent;

/* Host sides and tables that the application gives to a machine. The pointers are borrowed and must
 * outlive the machine; the tables exist because core may not include hw. */
typedef struct {
  const DioBoardType *const *boards;   /* NULL-terminated */
  const DioDeviceType *const *devices; /* NULL-terminated */
  DioPool *pool;
  DioChar *serial;     /* host side of the first serial port; may be NULL */
  DioChar *agent;      /* host side of the guest agent's port; may be NULL */
  DioDisplay *display; /* where scan-outs are shown; may be NULL */
  DioInput *input;     /* keyboard and pointer source; may be NULL */
  void (*event) (const DioMachineEvent *event, void *data); /* control thread; may be NULL */
  void *data;
} DioMachineHost;

struct DioJit;

/* How a machine deals with its compiler, which it does not know. */
typedef struct {
  void (*free) (struct DioJit *jit);
  void (*get_stats) (struct DioJit *jit, DioJitStats *stats);
} DioCompiler;

struct DioMachine {
  DioMachineConfig *config;
  DioMachineHost host;
  const DioBoardType *board;
  void *board_data;
  DioSpace *space;
  DioRam *ram;
  DioClock *clock;
  DioLoop *loop; /* devices */
  DioCpu **cpus;
  unsigned n_cpus;
  struct DioJit *jit;          /* compiled code, made by the CPU type; or NULL */
  const DioCompiler *compiler; /* what to do with it */
  GPtrArray *devices;          /* of DioDevice*, in order of attachment */
  GPtrArray *disks;            /* of DioBlock*, as in the configuration; the devices own them */
  struct DioMachinePrivate *priv;
};

/* Builds the machine (board, memory, devices) but runs nothing. Everything that can be wrong with
 * files and values is found here or in dio_machine_start(). Blocks for file I/O. */
DioMachine *dio_machine_new (const DioMachineConfig *config, const DioMachineHost *host,
                             GError **error);

/* Stops if need be, joins all threads, frees. Not from the machine's own threads. */
void dio_machine_free (DioMachine *machine);

/* Result of a command: error is NULL on success, and freed after the call. Control thread. */
typedef void (*DioMachineDone) (DioMachine *machine, const GError *error, void *data);

/* Commands, queued and run in order by the control thread; @done may be NULL. What is so already
 * (pausing a paused machine, stopping a stopped one) succeeds; what cannot be in the present state
 * fails with DIO_ERROR_BUSY. */
void dio_machine_start (DioMachine *machine, DioMachineDone done, void *data);
void dio_machine_pause (DioMachine *machine, DioMachineDone done, void *data);
void dio_machine_resume (DioMachine *machine, DioMachineDone done, void *data);
void dio_machine_reset (DioMachine *machine, DioMachineDone done, void *data);
/* Does the reset that the machine is held before, if it still is, and lets it go on unless a pause
 * was asked for meanwhile. Resets to come are not held any more. dio_machine_resume() and
 * dio_machine_reset() do that reset, too, but those to come are held. */
void dio_machine_release (DioMachine *machine, DioMachineDone done, void *data);
void dio_machine_power_button (DioMachine *machine, DioMachineDone done, void *data);
void dio_machine_stop (DioMachine *machine, DioMachineDone done, void *data);

DioMachineState dio_machine_get_state (DioMachine *machine);

/* From vCPU or loop threads (devices): the guest asked for it. Return at once; the vCPU that asked
 * stops at its next poll. */
void dio_machine_guest_power_off (DioMachine *machine, DioStopReason reason, int exit_code);
void dio_machine_guest_reset (DioMachine *machine);

/* Something needs attention: an event of kind DIO_EVENT_ERROR, and when @fatal the machine stops
 * with DIO_STOP_ERROR. Any thread; returns at once. */
void dio_machine_report (DioMachine *machine, bool fatal, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* A power button exists: called by a board or device in realize; NULL otherwise (the command then
 * fails with DIO_ERROR_UNSUPPORTED). */
void dio_machine_set_power_button (DioMachine *machine, void (*press) (void *data), void *data);

/* vCPUs are added by boards in build(); the machine owns them. */
bool dio_machine_add_cpus (DioMachine *machine, const DioCpuType *type, unsigned count,
                           GError **error);

/* Calls the flush_write of every vCPU. Any thread. */
void dio_machine_flush_write (DioMachine *machine, uint64_t ram_offset);

/* Sum of all vCPUs' counters and times, sampled without stopping. */
typedef struct {
  DioCpuStats cpu;
  double vcpu_seconds; /* host CPU time of the vCPU threads */
  double run_seconds;  /* wall time in RUNNING */
  bool has_jit;
  DioJitStats jit; /* when the machine has a compiler */
  uint64_t ram_resident;
} DioMachineStats;
void dio_machine_get_stats (DioMachine *machine, DioMachineStats *stats);
