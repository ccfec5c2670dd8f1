/* SPDX-License-Identifier: GPL-3.0-or-later
 * The differential test of arm64: random instructions and sequences on our engine and on an oracle.
 *
 *   diff-arm64 --oracle FILE [--cases N] [--seed S] [--case N] [--report FILE] [--break LEAF]
 *              [--leaf LEAF] [--compiler OPTIONS]
 *
 * Every case is run by the interpreter and, on hosts that have one, by the compiler, which is made
 * to compile everything at once. Batches take turns with the options of the compiler below, unless
 * --compiler names others.
 *
 * The oracle is qemu-aarch64 of the distribution, running FILE (a64-oracle.c) on a file that both
 * processes map; the cases of a batch run in both at the same time. Every difference is printed
 * with its seed and case number. Exit status: 0 no difference, 1 differences, 77 no oracle. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/guest/arm64/arm64-leaves.h"
#include "core/guest/arm64/arm64-priv.h"
#include "tests/diff/arm64/a64-test.h"

#define EXIT_SKIPPED 77
#define MAX_PRINTED 15
#define MAX_PRINTED_LEAF 2
#define ORACLE_TIMEOUT_MS 20000

/* The ways to run a case. */
enum { INTERPRETED, COMPILED, N_WAYS };

static const char *const way_names[N_WAYS] = { "the interpreter", "the compiler" };

#if defined(__x86_64__)
static const char *const variants[] = {
  "hot=0 whole",
  "hot=0 whole traps",
  "hot=0 whole features=-bmi2,-avx,-fma,-lzcnt,-popcnt,-bmi1",
  "hot=0 whole features=-all",
  "hot=0",
};
#define N_VARIANTS G_N_ELEMENTS (variants)
#else
static const char *const variants[] = { NULL };
#define N_VARIANTS 1
#endif

typedef struct {
  const A64Test *test;
  unsigned way;
} Smaller;

typedef struct {
  char *oracle, *qemu, *report, *broken, *leaf, *compiler;
  int64_t cases, only;
  uint64_t seed;

  A64Shared *shared;
  GPid pid;
  int to_oracle, from_oracle;
  A64Engine *interpreter, *compilers[N_VARIANTS];
  uint64_t batch;
  A64Test *tests;
  A64Outcome *outcomes[N_WAYS];

  uint64_t by_kind[A64_N_KINDS], exceptions;
  uint64_t hits[DIO_A64_N_LEAVES], wrong[DIO_A64_N_LEAVES];
  unsigned differences, printed;
  GArray *smaller; /* of Smaller: sequences of this batch to be printed */
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
  /* Without what is not ours, so that its encodings are as undefined there. */
  const char *argv[] = { diff->qemu, "-cpu", "max,pauth=off,sve=off,sme=off", diff->oracle, NULL };
  g_autoptr (GError) error = NULL;
  int fd = memfd_create ("diorama-diff", 0);

  if (fd < 0 || ftruncate (fd, (sizeof (A64Shared) + 4095) & ~UINT64_C (4095)) != 0)
    g_error ("memfd: %s", g_strerror (errno));
  diff->shared = mmap (NULL, sizeof (A64Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert (diff->shared != MAP_FAILED);
  bool started = g_spawn_async_with_pipes (NULL, (char **) argv, NULL,
                                           G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD
                                               | G_SPAWN_LEAVE_DESCRIPTORS_OPEN,
                                           pass_shared_file, GINT_TO_POINTER (fd), &diff->pid,
                                           &diff->to_oracle, &diff->from_oracle, NULL, &error);
  close (fd);
  if (!started)
    g_printerr ("diff-arm64: %s\n", error->message);
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
  for (unsigned i = 0; i < A64_BATCH; i++) {
    if (diff->tests[i].slot == diff->shared->cases[diff->shared->running].state.pc)
      g_error ("the oracle does not answer (wait status %#x) in or about case %" PRIu64
               " of seed %" PRIu64 ": %s %08x",
               (unsigned) status, diff->tests[i].number, diff->seed,
               dio_a64_leaf_info[diff->tests[i].leaf].name, diff->tests[i].code[0]);
  }
  g_error ("the oracle does not answer (wait status %#x)", (unsigned) status);
}

/* ---- Comparing ---- */

/* What the oracle saw, in the terms of the architecture. */
static void
outcome_of_result (const A64Test *test, const A64Result *result, const void *window,
                   A64Outcome *outcome)
{
  memset (outcome, 0, sizeof *outcome);
  outcome->state = result->state;
  memcpy (outcome->window, window, test->c.length);
  switch (result->signal) {
  case SIGILL:
    outcome->cause = A64_EC_UNKNOWN;
    break;
  case SIGTRAP:
    outcome->cause = result->state.pc == test->slot + 4 * test->units ? -1 : A64_EC_BRK;
    break;
  case SIGBUS:
    outcome->cause = A64_EC_PC_ALIGNMENT;
    outcome->has_fault = true;
    outcome->fault = result->fault;
    break;
  case SIGSEGV:
    outcome->cause = result->fault == result->state.pc
                             && (test->kind != A64_SINGLE || result->state.pc != test->slot)
                         ? A64_EC_FETCH_LOWER
                         : A64_EC_DATA_LOWER;
    outcome->has_fault = true;
    outcome->fault = result->fault;
    break;
  default:
    outcome->cause = 1000 + (int) result->signal;
    break;
  }
}

static bool
same (const A64Test *test, const A64Outcome *a, const A64Outcome *b)
{
  return a->cause == b->cause && memcmp (&a->state, &b->state, sizeof a->state) == 0
         && a->has_fault == b->has_fault && a->fault == b->fault
         && memcmp (a->window, b->window, test->c.length) == 0;
}

static void
explain_words (const char *what, const uint64_t *before, const uint64_t *expected,
               const uint64_t *actual, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    if (expected[i] != actual[i])
      g_print ("  %s%u: expected %016" PRIx64 ", have %016" PRIx64 " (before: %016" PRIx64 ")\n",
               what, i, expected[i], actual[i], before[i]);
}

static void
explain (const Diff *diff, const A64Test *test, unsigned way, const A64Outcome *expected,
         const A64Outcome *actual)
{
  const A64State *before = &test->c.state, *e = &expected->state, *a = &actual->state;
  g_print ("case %" PRIu64 " of seed %" PRIu64 " at %" PRIx64 " by %s:", test->number, diff->seed,
           test->slot, way_names[way]);
  for (unsigned i = 0; i < test->units; i++) {
    DioInsn insn;
    dio_a64_decode (test->code[i], &insn);
    if (insn.leaf != DIO_A64_LEAF_NOP)
      g_print (" %s %08x", dio_a64_leaf_info[insn.leaf].name, test->code[i]);
  }
  g_print ("\n");
  if (expected->cause != actual->cause)
    g_print ("  cause: expected %#x, have %#x\n", (unsigned) expected->cause,
             (unsigned) actual->cause);
  if (expected->fault != actual->fault)
    g_print ("  address: expected %" PRIx64 ", have %" PRIx64 "\n", expected->fault, actual->fault);
  explain_words ("x", before->x, e->x, a->x, 31);
  explain_words ("sp", &before->sp, &e->sp, &a->sp, 1);
  explain_words ("pc", &before->pc, &e->pc, &a->pc, 1);
  explain_words ("nzcv", &before->nzcv, &e->nzcv, &a->nzcv, 1);
  explain_words ("fpcr", &before->fpcr, &e->fpcr, &a->fpcr, 1);
  explain_words ("fpsr", &before->fpsr, &e->fpsr, &a->fpsr, 1);
  explain_words ("v half ", before->v[0], e->v[0], a->v[0], 64);
  explain_words ("window ", test->window, expected->window, actual->window, test->c.length / 8);
  if (test->kind == A64_SINGLE) {
    uint32_t raw = test->code[0];
    static const char fields[4][2] = { "d", "n", "m", "a" };
    const unsigned numbers[] = { raw & 31, raw >> 5 & 31, raw >> 16 & 31, raw >> 10 & 31 };
    g_print ("  fpcr %08" PRIx64 " fpsr %08" PRIx64 " nzcv %08" PRIx64 "\n", before->fpcr,
             before->fpsr, before->nzcv);
    for (unsigned i = 0; i < 4; i++)
      g_print ("  %s%u: x %016" PRIx64 ", v %016" PRIx64 " %016" PRIx64 "\n", fields[i], numbers[i],
               numbers[i] < 31 ? before->x[numbers[i]] : before->sp, before->v[numbers[i]][1],
               before->v[numbers[i]][0]);
  }
}

/* ---- Batches ---- */

static void
fill_case (A64Shared *shared, unsigned index, const A64Test *test)
{
  shared->cases[index] = test->c;
  memcpy ((char *) shared->blob + test->c.blob, test->window, test->c.length);
}

static void
count_hits (Diff *diff, const A64Test *test)
{
  diff->by_kind[test->kind]++;
  if (test->kind == A64_SINGLE)
    diff->hits[test->leaf]++;
}

static bool
is_wanted (const Diff *diff, const A64Test *test)
{
  if (diff->only >= 0)
    return test->number == (uint64_t) diff->only;
  return !diff->leaf
         || (test->kind == A64_SINGLE
             && g_str_has_prefix (dio_a64_leaf_info[test->leaf].name, diff->leaf));
}

/* Made when it is wanted; NULL for the compiler of a host that has none. */
static A64Engine *
engine_of (Diff *diff, unsigned way)
{
  if (way == INTERPRETED)
    return diff->interpreter;
  unsigned variant = diff->compiler ? 0 : (unsigned) (diff->batch % N_VARIANTS);
  const char *options = diff->compiler ? diff->compiler : variants[variant];
  if (options && !diff->compilers[variant])
    diff->compilers[variant] = a64_engine_new (options);
  return diff->compilers[variant];
}

/* ---- Making a sequence smaller ---- */

/* Runs @test alone, as it stands now; true when both sides still differ. */
static bool
differs_alone (Diff *diff, const A64Test *test, unsigned way, A64Outcome *expected,
               A64Outcome *actual)
{
  A64Shared *shared = diff->shared;
  A64Engine *engine = engine_of (diff, way);
  static uint64_t data[A64_DATA_SIZE / 8];
  a64_place (test, shared);
  fill_case (shared, 0, test);
  shared->count = 1;
  oracle_begin (diff);
  a64_engine_start_batch (engine, shared);
  a64_engine_run (engine, test, actual);
  a64_engine_end_batch (engine, shared, data);
  oracle_finish (diff);
  outcome_of_result (test, &shared->results[0], (char *) shared->blob_out + test->c.blob, expected);
  return !same (test, expected, actual);
}

/* Replaces what is not needed for a difference by NOPs. */
static void
print_smaller (Diff *diff, const Smaller *smaller)
{
  A64Test test = *smaller->test;
  unsigned way = smaller->way;
  A64Outcome expected, actual;
  for (unsigned i = test.units; i-- > 0;) {
    uint32_t raw = test.code[i];
    test.code[i] = 0xd503201f;
    if (!differs_alone (diff, &test, way, &expected, &actual))
      test.code[i] = raw;
  }
  differs_alone (diff, &test, way, &expected, &actual);
  explain (diff, &test, way, &expected, &actual);
}

static void
judge (Diff *diff, const A64Test *test, unsigned way, A64Outcome *actual, const A64Result *result)
{
  A64Outcome expected;
  outcome_of_result (test, result, (char *) diff->shared->blob_out + test->c.blob, &expected);
  if (diff->broken && test->kind == A64_SINGLE
      && strcmp (dio_a64_leaf_info[test->leaf].name, diff->broken) == 0)
    actual->state.x[0] ^= 1;
  if (way == INTERPRETED) {
    count_hits (diff, test);
    diff->exceptions += expected.cause >= 0;
  }
  if (same (test, &expected, actual))
    return;
  diff->differences++;
  if (test->kind == A64_SINGLE && ++diff->wrong[test->leaf] > MAX_PRINTED_LEAF)
    return;
  if (diff->printed++ >= MAX_PRINTED)
    return;
  if (test->kind == A64_SINGLE)
    explain (diff, test, way, &expected, actual);
  else
    g_array_append_vals (diff->smaller, &(Smaller){ test, way }, 1);
}

/* Runs the first @count cases of @index in one way, in the same time as the oracle. */
static void
run_way (Diff *diff, unsigned way, const unsigned *index, unsigned count, void *data)
{
  A64Engine *engine = engine_of (diff, way);
  a64_engine_start_batch (engine, diff->shared);
  for (unsigned k = 0; k < count; k++)
    a64_engine_run (engine, &diff->tests[index[k]], &diff->outcomes[way][index[k]]);
  a64_engine_end_batch (engine, diff->shared, data);
}

static void
judge_way (Diff *diff, unsigned way, const unsigned *index, unsigned count, const uint64_t *data)
{
  const A64Shared *shared = diff->shared;
  for (unsigned i = 0; i < A64_DATA_SIZE / 8; i++)
    if (data[i] != shared->data[i]) {
      diff->differences++;
      g_print ("outside the windows of the cases from %" PRIu64 " of seed %" PRIu64 " at %" PRIx64
               " by %s: expected %" PRIx64 ", have %" PRIx64 "\n",
               diff->batch * A64_BATCH, diff->seed, A64_DATA + i * 8, way_names[way],
               shared->data[i], data[i]);
    }
  for (unsigned k = 0; k < count; k++)
    judge (diff, &diff->tests[index[k]], way, &diff->outcomes[way][index[k]], &shared->results[k]);
}

static void
run_batch (Diff *diff, uint64_t batch)
{
  A64Shared *shared = diff->shared;
  static uint64_t data[N_WAYS][A64_DATA_SIZE / 8];
  unsigned count = 0, index[A64_BATCH];

  diff->batch = batch;
  a64_generate_batch (diff->seed, batch, diff->tests, shared);
  for (unsigned i = 0; i < A64_BATCH; i++) {
    if (!is_wanted (diff, &diff->tests[i]))
      continue;
    fill_case (shared, count, &diff->tests[i]);
    index[count++] = i;
  }
  shared->count = count;
  if (count == 0)
    return;
  oracle_begin (diff);
  for (unsigned way = 0; way < N_WAYS; way++)
    if (engine_of (diff, way))
      run_way (diff, way, index, count, data[way]);
  oracle_finish (diff);
  for (unsigned way = 0; way < N_WAYS; way++)
    if (engine_of (diff, way))
      judge_way (diff, way, index, count, data[way]);
  for (unsigned i = 0; i < diff->smaller->len; i++)
    print_smaller (diff, &g_array_index (diff->smaller, Smaller, i));
  g_array_set_size (diff->smaller, 0);
}

/* ---- Report ---- */

static uint64_t
write_report (Diff *diff)
{
  g_autoptr (GString) text = g_string_new ("leaf\textension\tcases\n");
  uint64_t least = UINT64_MAX;

  for (unsigned leaf = 1; leaf < DIO_A64_N_LEAVES; leaf++) {
    if (!a64_leaf_is_judged (leaf))
      continue;
    least = MIN (least, diff->hits[leaf]);
    g_string_append_printf (text, "%s\t%s\t%" PRIu64 "\n", dio_a64_leaf_info[leaf].name,
                            dio_a64_leaf_info[leaf].extension, diff->hits[leaf]);
    if (diff->wrong[leaf])
      g_print ("%s: %" PRIu64 " differences\n", dio_a64_leaf_info[leaf].name, diff->wrong[leaf]);
  }
  if (diff->report != NULL) {
    g_autoptr (GError) error = NULL;

    if (!g_file_set_contents (diff->report, text->str, (gssize) text->len, &error))
      g_printerr ("diff-arm64: %s\n", error->message);
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
    { "leaf", 0, 0, G_OPTION_ARG_STRING, &diff->leaf, "Only leaves that begin so", "NAME" },
    { "report", 0, 0, G_OPTION_ARG_FILENAME, &diff->report, "Cases of each leaf", "FILE" },
    { "compiler", 0, 0, G_OPTION_ARG_STRING, &diff->compiler, "Options of the compiler",
      "OPTIONS" },
    { "break", 0, 0, G_OPTION_ARG_STRING, &diff->broken, "Falsify our results of a leaf", "LEAF" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  diff->cases = 1000000;
  diff->only = -1;
  diff->seed = 1;
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    g_printerr ("diff-arm64: %s\n", error->message);
    return false;
  }
  if (seed != NULL)
    diff->seed = g_ascii_strtoull (seed, NULL, 0);
  if (diff->oracle == NULL) {
    g_printerr ("diff-arm64: --oracle is needed\n");
    return false;
  }
  if (diff->qemu == NULL)
    diff->qemu = g_find_program_in_path ("qemu-aarch64-static");
  if (diff->qemu == NULL)
    diff->qemu = g_find_program_in_path ("qemu-aarch64");
  return true;
}

int
main (int argc, char **argv)
{
  g_autofree Diff *diff = g_new0 (Diff, 1);

  if (!parse_options (diff, &argc, &argv))
    return 2;
  if (diff->qemu == NULL || !g_file_test (diff->oracle, G_FILE_TEST_EXISTS)) {
    g_print ("diff-arm64: no qemu-aarch64 or no oracle program: skipped\n");
    return EXIT_SKIPPED;
  }
  signal (SIGPIPE, SIG_IGN);
  if (!start_oracle (diff))
    return EXIT_SKIPPED;
  diff->interpreter = a64_engine_new (NULL);
  diff->tests = g_new (A64Test, A64_BATCH);
  diff->smaller = g_array_new (FALSE, FALSE, sizeof (Smaller));
  for (unsigned way = 0; way < N_WAYS; way++)
    diff->outcomes[way] = g_new (A64Outcome, A64_BATCH);

  int64_t started = g_get_monotonic_time ();
  if (diff->only >= 0) {
    run_batch (diff, (uint64_t) diff->only / A64_BATCH);
  } else {
    for (uint64_t batch = 0; batch * A64_BATCH < (uint64_t) diff->cases; batch++)
      run_batch (diff, batch);
  }
  double seconds = (double) (g_get_monotonic_time () - started) / 1e6;
  uint64_t cases = diff->by_kind[A64_SINGLE] + diff->by_kind[A64_SEQUENCE];
  uint64_t least = write_report (diff), compiled = 0;
  for (unsigned i = 0; i < N_VARIANTS; i++)
    if (diff->compilers[i])
      compiled += a64_engine_compiled (diff->compilers[i]);

  g_print ("%" PRIu64 " cases of seed %" PRIu64 " in %.1f s, %.0f a second\n", cases, diff->seed,
           seconds, (double) cases / seconds);
  g_print ("%" PRIu64 " single instructions, %" PRIu64 " sequences; %" PRIu64
           " ended in an exception; %u leaves, each at least %" PRIu64 " times\n",
           diff->by_kind[A64_SINGLE], diff->by_kind[A64_SEQUENCE], diff->exceptions,
           DIO_A64_N_LEAVES - 1, least);
  g_print ("%" PRIu64 " instructions compiled\n", compiled);
  g_print ("%u differences\n", diff->differences);

  stop_oracle (diff);
  a64_engine_free (diff->interpreter);
  for (unsigned i = 0; i < N_VARIANTS; i++)
    if (diff->compilers[i])
      a64_engine_free (diff->compilers[i]);
  g_free (diff->tests);
  g_array_unref (diff->smaller);
  for (unsigned way = 0; way < N_WAYS; way++)
    g_free (diff->outcomes[way]);
  g_free (diff->oracle);
  g_free (diff->qemu);
  g_free (diff->report);
  g_free (diff->broken);
  g_free (diff->leaf);
  g_free (diff->compiler);
  return diff->differences == 0 ? 0 : 1;
}
