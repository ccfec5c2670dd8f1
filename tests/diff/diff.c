/* SPDX-License-Identifier: GPL-3.0-or-later
 * The differential test: random instructions and sequences on our engines and on an oracle.
 *
 *   diff --oracle FILE [--cases N] [--seed S] [--case N] [--report FILE] [--break LEAF]
 *        [--compiler OPTIONS]
 *
 * Every case is run by the interpreter and, on hosts that have one, by the compiler, which is made
 * to compile everything at once. Batches take turns with the options of the compiler below (mostly
 * processors that lack something), unless --compiler names others.
 *
 * The oracle is qemu-riscv64 of the distribution, running FILE (oracle.c) on a file that both
 * processes map; the cases of a batch run in both at the same time. What that qemu does not
 * know is judged by diff-model.c. Every difference is printed with its seed and case number, made
 * smaller if it is a sequence. Exit status: 0 no difference, 1 differences, 77 no oracle. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/guest/riscv64/riscv64-cpu.h"
#include "core/guest/riscv64/riscv64-disasm.h"
#include "core/guest/riscv64/riscv64-leaves.h"
#include "tests/diff/diff-engine.h"
#include "tests/diff/diff-generate.h"
#include "tests/diff/diff-model.h"

#define EXIT_SKIPPED 77
#define MAX_PRINTED 10
#define ORACLE_TIMEOUT_MS 5000

/* The ways to run a case. */
enum { INTERPRETED, COMPILED, N_WAYS };

#if defined(__x86_64__)
static const char *const variants[] = {
  "hot=0 whole",
  "hot=0 whole features=-bmi2,-avx,-fma,-lzcnt,-popcnt,-bmi1",
  "hot=0",
  "hot=0 whole features=-all",
  "hot=0 whole features=-fma",
  "hot=0 whole features=-bmi2,-lzcnt",
};
#define N_VARIANTS G_N_ELEMENTS (variants)
#else
static const char *const variants[] = { NULL };
#define N_VARIANTS 0
#endif

typedef struct {
  /* Options. */
  char *oracle, *qemu, *report, *broken, *compiler;
  int64_t cases, only;
  uint64_t seed;

  DiffShared *shared;
  GPid pid;
  int to_oracle, from_oracle;
  DiffEngine *interpreter, *compilers[N_VARIANTS + 1];
  DiffTest *tests;
  DiffOutcome *outcomes[N_WAYS];

  uint64_t by_judge[DIFF_N_JUDGES], by_kind[DIFF_N_KINDS], traps, instructions;
  uint64_t hits[DIO_RV_N_LEAVES][DIFF_N_JUDGES];
  unsigned differences;
} Diff;

/* ---- The oracle's process ---- */

static void
pass_shared_file (void *data)
{
  int fd = GPOINTER_TO_INT (data);

  /* Into descriptor 3, without close-on-exec. */
  if (fd == 3)
    fcntl (fd, F_SETFD, 0);
  else
    dup2 (fd, 3);
}

static bool
start_oracle (Diff *diff)
{
  /* Zbc is not ours: its encodings are illegal here. */
  const char *argv[] = { diff->qemu, "-cpu", "rv64,zbc=false", diff->oracle, NULL };
  g_autoptr (GError) error = NULL;
  int fd = memfd_create ("diorama-diff", 0);

  if (fd < 0 || ftruncate (fd, sizeof (DiffShared)) != 0)
    g_error ("memfd: %s", g_strerror (errno));
  diff->shared = mmap (NULL, sizeof (DiffShared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert (diff->shared != MAP_FAILED);
  bool started = g_spawn_async_with_pipes (NULL, (char **) argv, NULL,
                                           G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD
                                               | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                                           pass_shared_file, GINT_TO_POINTER (fd), &diff->pid,
                                           &diff->to_oracle, &diff->from_oracle, NULL, &error);
  close (fd);
  if (!started)
    g_printerr ("diff: %s\n", error->message);
  return started;
}

static void
stop_oracle (Diff *diff)
{
  close (diff->to_oracle);
  waitpid (diff->pid, NULL, 0);
  close (diff->from_oracle);
}

static void
oracle_begin (Diff *diff)
{
  if (write (diff->to_oracle, "", 1) != 1)
    g_error ("the oracle is gone: %s", g_strerror (errno));
}

static void
oracle_finish (Diff *diff)
{
  struct pollfd fd = { .fd = diff->from_oracle, .events = POLLIN };
  char byte;
  int status = 0;

  if (poll (&fd, 1, ORACLE_TIMEOUT_MS) == 1 && read (diff->from_oracle, &byte, 1) == 1)
    return;
  if (waitpid (diff->pid, &status, WNOHANG) == 0)
    kill (diff->pid, SIGKILL);
  for (unsigned i = 0; i < DIFF_BATCH; i++) {
    if (diff->tests[i].slot == diff->shared->cases[diff->shared->running].x[0])
      g_error ("the oracle does not answer (wait status %#x) in or about case %" PRIu64
               " of seed %" PRIu64,
               (unsigned) status, diff->tests[i].number, diff->seed);
  }
  g_error ("the oracle does not answer (wait status %#x)", (unsigned) status);
}

/* ---- Comparing ---- */

static const DioLeafInfo *
decode_unit (const DiffTest *test, unsigned unit, uint32_t *raw)
{
  DioInsn insn;

  *raw = 0;
  memcpy (raw, test->code + test->unit[unit], 4);
  if (dio_rv_decode (*raw, &insn) == 2)
    *raw &= 0xffff;
  return &dio_rv_leaf_info[insn.leaf];
}

/* Of a fault at @pc: by the instruction of the case that is there, or a fetch. */
static int
cause_of_access (const DiffTest *test, uint64_t pc)
{
  uint32_t raw;

  for (unsigned i = 0; i < test->units; i++) {
    if (test->slot + test->unit[i] != pc)
      continue;
    const DioLeafInfo *info = decode_unit (test, i, &raw);

    if (info->kind == DIO_LEAF_LOAD || g_str_has_prefix (info->name, "lr."))
      return DIO_RV_EXC_LOAD_ACCESS;
    return DIO_RV_EXC_STORE_ACCESS;
  }
  return DIO_RV_EXC_FETCH_ACCESS;
}

/* What the oracle saw, in the terms of the architecture. */
static void
outcome_of_result (const DiffTest *test, const DiffResult *result, const void *window,
                   DiffOutcome *outcome)
{
  uint32_t raw;

  memcpy (outcome->x, result->x, sizeof outcome->x);
  memcpy (outcome->f, result->f, sizeof outcome->f);
  memcpy (outcome->window, window, test->state.length);
  outcome->fcsr = result->fcsr;
  outcome->tval = 0;
  switch (result->signal) {
  case 0:
    outcome->cause = -1;
    outcome->x[test->state.base] = test->slot;
    break;
  case SIGILL:
    outcome->cause = DIO_RV_EXC_ILLEGAL;
    for (unsigned i = 0; i < test->units; i++) {
      if (test->slot + test->unit[i] == outcome->x[0]) {
        decode_unit (test, i, &raw);
        outcome->tval = raw;
      }
    }
    break;
  case SIGTRAP:
    outcome->cause = DIO_RV_EXC_BREAKPOINT;
    outcome->tval = outcome->x[0];
    break;
  case SIGSEGV:
    outcome->tval = result->fault;
    outcome->cause = cause_of_access (test, outcome->x[0]);
    break;
  default:
    outcome->cause = 1000 + (int) result->signal;
    break;
  }
}

static void
explain (GString *why, const char *what, unsigned number, uint64_t before, uint64_t expected,
         uint64_t actual)
{
  if (why != NULL && expected != actual)
    g_string_append_printf (
        why, "  %s%u: expected %016" PRIx64 ", have %016" PRIx64 " (before: %016" PRIx64 ")\n",
        what, number, expected, actual, before);
}

static bool
compare (const DiffTest *test, const DiffOutcome *expected, const DiffOutcome *actual, GString *why)
{
  bool same = expected->cause == actual->cause && expected->fcsr == actual->fcsr
              && memcmp (expected->x + 1, actual->x + 1, sizeof expected->x - 8) == 0
              && memcmp (expected->f, actual->f, sizeof expected->f) == 0
              && memcmp (expected->window, actual->window, test->state.length) == 0;

  /* mepc and mtval. mtval of a breakpoint may be 0 (PrivSpec 3.1.16). */
  if (expected->cause >= 0) {
    same = same && expected->x[0] == actual->x[0];
    if (expected->cause != DIO_RV_EXC_BREAKPOINT || actual->tval != 0)
      same = same && expected->tval == actual->tval;
  }
  if (same || why == NULL)
    return same;

  if (expected->cause != actual->cause || expected->cause >= 0)
    g_string_append_printf (why,
                            "  cause: expected %d, have %d; pc: %" PRIx64 ", %" PRIx64
                            "; tval: %" PRIx64 ", %" PRIx64 "\n",
                            expected->cause, actual->cause, expected->x[0], actual->x[0],
                            expected->tval, actual->tval);
  for (unsigned i = 1; i < 32; i++)
    explain (why, "x", i, test->state.x[i], expected->x[i], actual->x[i]);
  for (unsigned i = 0; i < 32; i++)
    explain (why, "f", i, test->state.f[i], expected->f[i], actual->f[i]);
  explain (why, "fcsr", 0, test->state.fcsr, expected->fcsr, actual->fcsr);
  for (unsigned i = 0; i < test->state.length / 8; i++)
    explain (why, "window ", i * 8, test->window[i], expected->window[i], actual->window[i]);
  return false;
}

/* ---- Running ---- */

/* --break: proves that the harness sees a wrong result. */
static void
break_outcome (Diff *diff, const DiffTest *test, DiffOutcome *outcome)
{
  if (diff->broken != NULL && test->kind == DIFF_SINGLE
      && strcmp (dio_rv_leaf_info[test->leaf].name, diff->broken) == 0
      && (test->code[0] >> 7 | (test->code[1] & 15) << 1) != 0) {
    uint32_t raw;

    memcpy (&raw, test->code, 4);
    outcome->x[raw >> 7 & 31] ^= test->number % 64 == 0;
  }
}

static unsigned
variant_of (const Diff *diff, uint64_t batch)
{
  return diff->compiler || !N_VARIANTS ? 0 : (unsigned) (batch % MAX (N_VARIANTS, 1));
}

/* Made when it is wanted; NULL for the compiler of a host that has none. */
static DiffEngine *
engine_of (Diff *diff, unsigned way, uint64_t batch)
{
  if (way == INTERPRETED)
    return diff->interpreter;
  unsigned variant = variant_of (diff, batch);
  const char *options = diff->compiler ? diff->compiler : variants[variant];
  if (options && !diff->compilers[variant])
    diff->compilers[variant] = diff_engine_new (options);
  return diff->compilers[variant];
}

/* Runs one case alone on both sides. */
static bool
run_alone (Diff *diff, const DiffTest *test, unsigned way, DiffOutcome *expected,
           DiffOutcome *actual)
{
  DiffShared *shared = diff->shared;
  DiffEngine *engine = engine_of (diff, way, test->number / DIFF_BATCH);
  g_autofree void *ignored = g_malloc (DIFF_DATA_SIZE);

  shared->slots_end = shared->jumps_end = 0;
  memset (shared->slots, 0, sizeof shared->slots);
  shared->count = 1;
  diff_place_code (test, shared);
  diff_place_state (test, shared, 0);
  if (test->judge == DIFF_BY_MODEL) {
    if (!diff_model_run (test, expected))
      g_error ("the model does not know case %" PRIu64, test->number);
  } else {
    oracle_begin (diff);
    oracle_finish (diff);
    outcome_of_result (test, &shared->results[0], (uint8_t *) shared->blob_out + test->state.blob,
                       expected);
  }
  diff_engine_start_batch (engine, shared);
  diff_engine_run (engine, test, actual);
  diff_engine_end_batch (engine, shared, ignored);
  break_outcome (diff, test, actual);
  return compare (test, expected, actual, NULL);
}

/* Replaces instructions by nops as long as the difference stays. */
static void
reduce (Diff *diff, DiffTest *test, unsigned way)
{
  DiffOutcome expected, actual;
  bool again = true;

  while (again) {
    again = false;
    for (unsigned i = test->units; i-- > 0;) {
      static const uint8_t nop[4] = { 0x13 }, c_nop[2] = { 0x01 };
      uint32_t raw;
      unsigned length = decode_unit (test, i, &raw)->length;
      bool illegal = decode_unit (test, i, &raw) == &dio_rv_leaf_info[DIO_RV_LEAF_ILLEGAL];
      uint8_t *at = test->code + test->unit[i];
      uint8_t saved[4];

      if (test->keep[i] || illegal || raw == 0x13 || raw == 0x01)
        continue;
      memcpy (saved, at, length);
      memcpy (at, length == 4 ? nop : c_nop, length);
      if (run_alone (diff, test, way, &expected, &actual))
        memcpy (at, saved, length);
      else
        again = true;
    }
  }
}

static void
print_code (const DiffTest *test)
{
  for (unsigned i = 0; i < test->units; i++) {
    uint32_t raw;
    char line[128];

    decode_unit (test, i, &raw);
    if (raw == 0x13 || raw == 0x01)
      continue;
    dio_rv_disassemble (raw, test->slot + test->unit[i], line, sizeof line);
    g_print ("  %08" PRIx64 ": %08x  %s\n", test->slot + test->unit[i], raw, line);
  }
}

static void
print_registers (const DiffTest *test)
{
  for (unsigned i = 1; i < 32; i++)
    g_print ("  x%-2u %016" PRIx64 "%s", i, test->state.x[i], i % 4 == 3 ? "\n" : "");
  for (unsigned i = 0; i < 32; i++)
    g_print ("  f%-2u %016" PRIx64 "%s", i, test->state.f[i], i % 4 == 3 ? "\n" : "");
}

static char *
way_name (Diff *diff, const DiffTest *test, unsigned way)
{
  unsigned variant = variant_of (diff, test->number / DIFF_BATCH);
  if (way == INTERPRETED)
    return g_strdup ("the interpreter");
  return g_strdup_printf ("the compiler (%s)", diff->compiler ? diff->compiler : variants[variant]);
}

/* @in_batch tells how it was found: some differences depend on what was compiled before. */
static void
print_difference (Diff *diff, const DiffTest *found, unsigned way, const char *in_batch)
{
  g_autofree DiffTest *test = g_memdup2 (found, sizeof *found);
  g_autofree char *name = way_name (diff, test, way);
  DiffOutcome expected, actual;
  g_autoptr (GString) text = g_string_new (NULL);
  bool alone = !run_alone (diff, test, way, &expected, &actual);

  if (alone && test->kind == DIFF_SEQUENCE)
    reduce (diff, test, way);
  if (alone) {
    run_alone (diff, test, way, &expected, &actual);
    compare (test, &expected, &actual, text);
  }
  g_print ("difference of %s in case %" PRIu64 " of seed %" PRIu64 " (%s)%s; again: --seed %" PRIu64
           " --case %" PRIu64 "\n",
           name, test->number, diff->seed, test->judge == DIFF_BY_QEMU ? "qemu" : "model",
           alone ? "" : ", but not when run alone", diff->seed, test->number);
  print_code (test);
  if (diff->only >= 0 && test->kind != DIFF_SEQUENCE)
    print_registers (test);
  g_print ("%s", alone ? text->str : in_batch);
}

static void
count_test (Diff *diff, const DiffTest *test, const DiffOutcome *actual)
{
  diff->by_judge[test->judge]++;
  diff->by_kind[test->kind]++;
  diff->traps += actual->cause >= 0;
  diff->instructions += test->units;
  for (unsigned i = 0; i < test->units; i++) {
    uint32_t raw;

    diff->hits[decode_unit (test, i, &raw) - dio_rv_leaf_info][test->judge]++;
  }
}

static void
judge_test (Diff *diff, const DiffTest *test, unsigned way, const DiffOutcome *actual,
            const DiffResult *result, GString *why)
{
  DiffOutcome expected;

  if (test->judge == DIFF_BY_MODEL) {
    if (!diff_model_run (test, &expected))
      g_error ("the model does not know case %" PRIu64, test->number);
  } else {
    outcome_of_result (test, result, (uint8_t *) diff->shared->blob_out + test->state.blob,
                       &expected);
  }
  if (way == INTERPRETED)
    count_test (diff, test, actual);
  if (!compare (test, &expected, actual, why))
    diff->differences++;
  else
    return;
  if (diff->differences == MAX_PRINTED + 1)
    g_print ("and more\n");
}

/* Outside of the windows. */
static void
compare_data (Diff *diff, uint64_t batch, unsigned way, const uint64_t *data)
{
  if (memcmp (data, diff->shared->data, DIFF_DATA_SIZE) == 0)
    return;
  diff->differences++;
  for (unsigned i = 0; i < DIFF_DATA_SIZE / 8; i++) {
    if (data[i] != diff->shared->data[i])
      g_print ("outside the windows of the cases from %" PRIu64 " of seed %" PRIu64 " at %" PRIx64
               ": expected %" PRIx64 ", have %" PRIx64 " (%s)\n",
               batch * DIFF_BATCH, diff->seed, DIFF_DATA + i * 8, diff->shared->data[i], data[i],
               way == INTERPRETED ? "interpreted" : "compiled");
  }
}

static void
run_engine (Diff *diff, uint64_t batch, unsigned way, unsigned first, unsigned last, uint64_t *data)
{
  DiffEngine *engine = engine_of (diff, way, batch);

  diff_engine_start_batch (engine, diff->shared);
  for (unsigned i = first; i < last; i++) {
    diff_engine_run (engine, &diff->tests[i], &diff->outcomes[way][i]);
    break_outcome (diff, &diff->tests[i], &diff->outcomes[way][i]);
  }
  diff_engine_end_batch (engine, diff->shared, data);
}

static void
judge_way (Diff *diff, unsigned way, unsigned first, unsigned last, const unsigned *index)
{
  g_autoptr (GArray) failed = g_array_new (FALSE, FALSE, sizeof (unsigned));
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);

  for (unsigned i = first; i < last; i++) {
    unsigned before = diff->differences;
    g_autoptr (GString) why = g_string_new (NULL);

    judge_test (diff, &diff->tests[i], way, &diff->outcomes[way][i],
                &diff->shared->results[index[i]], why);
    if (diff->differences == before || diff->differences > MAX_PRINTED)
      continue;
    g_array_append_val (failed, i);
    g_ptr_array_add (texts, g_strdup (why->str));
  }
  if (failed->len == 0)
    return;
  /* Running one alone leaves other results. */
  g_autofree DiffShared *saved = g_memdup2 (diff->shared, sizeof *saved);
  for (unsigned i = 0; i < failed->len; i++)
    print_difference (diff, &diff->tests[g_array_index (failed, unsigned, i)], way,
                      g_ptr_array_index (texts, i));
  memcpy (diff->shared, saved, sizeof *saved);
}

/* Runs the cases of a batch in [first, last). */
static void
run_batch (Diff *diff, uint64_t batch, unsigned first, unsigned last)
{
  DiffShared *shared = diff->shared;
  g_autofree uint64_t *data = g_malloc (N_WAYS * DIFF_DATA_SIZE);
  g_autofree unsigned *index = g_new0 (unsigned, DIFF_BATCH);
  unsigned ways = engine_of (diff, COMPILED, batch) ? N_WAYS : COMPILED;

  diff_generate (diff->seed, batch, diff->tests);
  shared->count = shared->slots_end = shared->jumps_end = 0;
  memset (shared->slots, 0, sizeof shared->slots);
  memset (shared->jumps, 0, sizeof shared->jumps);
  /* The code of all, so that a single case finds the same around it. */
  for (unsigned i = 0; i < DIFF_BATCH; i++) {
    diff_place_code (&diff->tests[i], shared);
    if (i < first || i >= last || diff->tests[i].judge != DIFF_BY_QEMU)
      continue;
    index[i] = (unsigned) shared->count++;
    diff_place_state (&diff->tests[i], shared, index[i]);
  }
  oracle_begin (diff);
  for (unsigned way = 0; way < ways; way++)
    run_engine (diff, batch, way, first, last, data + way * DIFF_DATA_SIZE / 8);
  oracle_finish (diff);
  for (unsigned way = 0; way < ways; way++) {
    compare_data (diff, batch, way, data + way * DIFF_DATA_SIZE / 8);
    judge_way (diff, way, first, last, index);
  }
}

/* ---- Report ---- */

static const char *
judge_names (const uint64_t *hits)
{
  if (hits[DIFF_BY_QEMU] != 0)
    return hits[DIFF_BY_MODEL] != 0 ? "qemu, model" : "qemu";
  return hits[DIFF_BY_MODEL] != 0 ? "model" : "none";
}

static uint64_t
write_report (Diff *diff)
{
  g_autoptr (GString) text = g_string_new ("leaf\textension\tcases\toracle\n");
  uint64_t least = UINT64_MAX;

  for (unsigned leaf = 1; leaf < DIO_RV_N_LEAVES; leaf++) {
    const uint64_t *hits = diff->hits[leaf];
    uint64_t sum = hits[DIFF_BY_QEMU] + hits[DIFF_BY_MODEL];

    least = MIN (least, sum);
    g_string_append_printf (text, "%s\t%s\t%" PRIu64 "\t%s\n", dio_rv_leaf_info[leaf].name,
                            dio_rv_leaf_info[leaf].extension, sum, judge_names (hits));
  }
  if (diff->report != NULL) {
    g_autoptr (GError) error = NULL;

    if (!g_file_set_contents (diff->report, text->str, (gssize) text->len, &error))
      g_printerr ("diff: %s\n", error->message);
  }
  return least;
}

static bool
parse_options (Diff *diff, int *argc, char ***argv)
{
  g_autofree char *seed = NULL;
  const GOptionEntry entries[] = {
    { "oracle", 0, 0, G_OPTION_ARG_FILENAME, &diff->oracle, "The oracle's program", "FILE" },
    { "qemu", 0, 0, G_OPTION_ARG_FILENAME, &diff->qemu, "What runs it", "PROGRAM" },
    { "cases", 0, 0, G_OPTION_ARG_INT64, &diff->cases, "How many cases (1 million)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &seed, "The seed of all of them (1)", "S" },
    { "case", 0, 0, G_OPTION_ARG_INT64, &diff->only, "Only this case", "N" },
    { "report", 0, 0, G_OPTION_ARG_FILENAME, &diff->report, "Cases and oracle of each leaf",
      "FILE" },
    { "break", 0, 0, G_OPTION_ARG_STRING, &diff->broken, "Falsify our results of a leaf", "LEAF" },
    { "compiler", 0, 0, G_OPTION_ARG_STRING, &diff->compiler, "Options of the compiler",
      "OPTIONS" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  diff->cases = 1000000;
  diff->only = -1;
  diff->seed = 1;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    g_printerr ("diff: %s\n", error->message);
    return false;
  }
  if (seed != NULL)
    diff->seed = g_ascii_strtoull (seed, NULL, 0);
  if (diff->oracle == NULL) {
    g_printerr ("diff: --oracle is needed\n");
    return false;
  }
  if (diff->qemu == NULL)
    diff->qemu = g_find_program_in_path ("qemu-riscv64-static");
  if (diff->qemu == NULL)
    diff->qemu = g_find_program_in_path ("qemu-riscv64");
  return true;
}

int
main (int argc, char **argv)
{
  g_autofree Diff *diff = g_new0 (Diff, 1);

  if (!parse_options (diff, &argc, &argv))
    return 2;
  if (diff->qemu == NULL || !g_file_test (diff->oracle, G_FILE_TEST_EXISTS)) {
    g_print ("diff: no qemu-riscv64 or no oracle program: skipped\n");
    return EXIT_SKIPPED;
  }
  signal (SIGPIPE, SIG_IGN);
  if (!start_oracle (diff))
    return EXIT_SKIPPED;
  diff->interpreter = diff_engine_new (NULL);
  diff->tests = g_new (DiffTest, DIFF_BATCH);
  for (unsigned way = 0; way < N_WAYS; way++)
    diff->outcomes[way] = g_new (DiffOutcome, DIFF_BATCH);

  int64_t started = g_get_monotonic_time ();
  if (diff->only >= 0) {
    unsigned index = (unsigned) (diff->only % DIFF_BATCH);

    run_batch (diff, (uint64_t) diff->only / DIFF_BATCH, index, index + 1);
  } else {
    for (uint64_t batch = 0; batch * DIFF_BATCH < (uint64_t) diff->cases; batch++)
      run_batch (diff, batch, 0, DIFF_BATCH);
  }
  double seconds = (double) (g_get_monotonic_time () - started) / 1e6;
  uint64_t cases = diff->by_judge[DIFF_BY_QEMU] + diff->by_judge[DIFF_BY_MODEL];
  uint64_t least = write_report (diff);

  g_print ("%" PRIu64 " cases of seed %" PRIu64 " in %.1f s, %.0f a second; %" PRIu64
           " by qemu, %" PRIu64 " by the model\n",
           cases, diff->seed, seconds, (double) cases / seconds, diff->by_judge[DIFF_BY_QEMU],
           diff->by_judge[DIFF_BY_MODEL]);
  g_print ("%" PRIu64 " single instructions, %" PRIu64 " words, %" PRIu64 " sequences; %" PRIu64
           " ended in a trap; %u leaves, each at least %" PRIu64 " times\n",
           diff->by_kind[DIFF_SINGLE], diff->by_kind[DIFF_WORD], diff->by_kind[DIFF_SEQUENCE],
           diff->traps, DIO_RV_N_LEAVES - 1, least);
  uint64_t compiled = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (diff->compilers); i++)
    if (diff->compilers[i])
      compiled += diff_engine_compiled (diff->compilers[i]);
  g_print ("%" PRIu64 " instructions compiled\n", compiled);
  g_print ("%u differences\n", diff->differences);
  if (N_VARIANTS && compiled < cases / DIFF_GROUP) {
    g_print ("too few were compiled\n");
    diff->differences++;
  }

  stop_oracle (diff);
  diff_engine_free (diff->interpreter);
  for (unsigned i = 0; i < G_N_ELEMENTS (diff->compilers); i++)
    if (diff->compilers[i])
      diff_engine_free (diff->compilers[i]);
  g_free (diff->tests);
  for (unsigned way = 0; way < N_WAYS; way++)
    g_free (diff->outcomes[way]);
  g_free (diff->compiler);
  g_free (diff->oracle);
  g_free (diff->qemu);
  g_free (diff->report);
  g_free (diff->broken);
  return diff->differences == 0 ? 0 : 1;
}
