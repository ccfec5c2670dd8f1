/* SPDX-License-Identifier: GPL-3.0-or-later
 * The RISC-V platform-level interrupt controller (RISC-V PLIC specification 1.0), with the layout
 * that SiFive gave it.
 *
 * Every source is level-sensitive. Its gateway forwards one request at a time: a high level makes
 * it pending, a claim takes the request, and only after completion may a level that is still (or
 * again) high make the next one. A request stays when the level falls before the claim.
 *
 * DioDevice.lock guards everything and is the leaf lock of DioIrq: nothing but the harts' interrupt
 * lines is called with it held. */
#include "hw/irq/plic.h"

#include <libfdt.h>
#include <string.h>

#include "core/base/base-i18n.h"
#include "hw/system-device.h"

#define MAX_SOURCES 1023
#define MAX_CONTEXTS 128 /* 64 harts: DIO_PLIC_SIZE has room for more */
#define WORDS ((MAX_SOURCES + 1) / 32)
#define MAX_PRIORITY 7

#define PENDING_BASE 0x1000
#define ENABLE_BASE 0x2000
#define ENABLE_STRIDE 0x80
#define CONTEXT_BASE 0x200000
#define CONTEXT_STRIDE 0x1000
#define CONTEXT_THRESHOLD 0
#define CONTEXT_CLAIM 4

typedef struct {
  uint32_t enable[WORDS];
  uint32_t threshold;
  bool output;
} PlicContext;

typedef struct {
  DioSystemDevice sys;
  uint64_t sources, harts; /* properties */
  unsigned n_words, n_contexts;
  uint32_t priority[MAX_SOURCES + 1];
  uint32_t level[WORDS];   /* as the devices drive them */
  uint32_t pending[WORDS]; /* requests that wait for a claim */
  uint32_t claimed[WORDS]; /* requests that wait for completion */
  PlicContext contexts[MAX_CONTEXTS];
} DioPlic;

static bool
get_bit (const uint32_t *words, unsigned bit)
{
  return words[bit / 32] >> (bit % 32) & 1;
}

static void
set_bit (uint32_t *words, unsigned bit, bool value)
{
  if (value)
    words[bit / 32] |= UINT32_C (1) << (bit % 32);
  else
    words[bit / 32] &= ~(UINT32_C (1) << (bit % 32));
}

/* The pending and enabled source of the highest priority, the lowest number among equals; 0 when
 * there is none. Priority 0 means never. */
static unsigned
best_source (const DioPlic *plic, const PlicContext *context)
{
  unsigned best = 0;
  uint32_t best_priority = 0;

  for (unsigned word = 0; word < plic->n_words; word++) {
    uint32_t bits = plic->pending[word] & context->enable[word];
    for (; bits; bits &= bits - 1) {
      unsigned source = word * 32 + __builtin_ctz (bits);
      if (plic->priority[source] > best_priority) {
        best_priority = plic->priority[source];
        best = source;
      }
    }
  }
  return best;
}

static void
update_context (DioPlic *plic, unsigned index)
{
  PlicContext *context = &plic->contexts[index];
  unsigned source = best_source (plic, context);
  bool output = source && plic->priority[source] > context->threshold;

  if (output == context->output)
    return;
  context->output = output;
  dio_irq_set (&plic->sys.irqs[index], output);
}

static void
update_all (DioPlic *plic)
{
  for (unsigned i = 0; i < plic->n_contexts; i++)
    update_context (plic, i);
}

static void
update_source (DioPlic *plic, unsigned source)
{
  for (unsigned i = 0; i < plic->n_contexts; i++)
    if (get_bit (plic->contexts[i].enable, source))
      update_context (plic, i);
}

/* The gateway: true when it made a new request. */
static bool
forward (DioPlic *plic, unsigned source)
{
  if (!get_bit (plic->level, source) || get_bit (plic->pending, source)
      || get_bit (plic->claimed, source))
    return false;
  set_bit (plic->pending, source, true);
  return true;
}

static void
plic_set (void *opaque, unsigned source, bool level)
{
  DioPlic *plic = opaque;

  pthread_mutex_lock (&plic->sys.dev.lock);
  set_bit (plic->level, source, level);
  if (forward (plic, source))
    update_source (plic, source);
  pthread_mutex_unlock (&plic->sys.dev.lock);
}

DioIrq
dio_plic_get_input (DioDevice *dev, unsigned source)
{
  DioPlic *plic = (DioPlic *) dev;

  g_return_val_if_fail (source >= 1 && source <= plic->sources, (DioIrq){ NULL });
  return (DioIrq){ plic_set, plic, source };
}

static uint32_t
claim (DioPlic *plic, unsigned index)
{
  /* The threshold does not matter here (PLIC specification, "Interrupt Claim Process"). */
  unsigned source = best_source (plic, &plic->contexts[index]);

  if (source) {
    set_bit (plic->pending, source, false);
    set_bit (plic->claimed, source, true);
    update_source (plic, source);
  }
  return source;
}

static void
complete (DioPlic *plic, unsigned index, uint32_t source)
{
  /* Ignored unless the source is enabled for this context, as the specification says. */
  if (source < 1 || source > plic->sources || !get_bit (plic->contexts[index].enable, source)) {
    dio_device_guest_error (&plic->sys.dev, "context %u completes source %u", index, source);
    return;
  }
  set_bit (plic->claimed, source, false);
  if (forward (plic, source))
    update_source (plic, source);
}

/* Bits of word @word that stand for existing sources. */
static uint32_t
word_mask (const DioPlic *plic, unsigned word)
{
  uint32_t mask = word == 0 ? ~UINT32_C (1) : UINT32_MAX;
  unsigned end = plic->sources + 1; /* exclusive */

  if (word * 32 >= end)
    return 0;
  if (end - word * 32 < 32)
    mask &= (UINT32_C (1) << (end - word * 32)) - 1;
  return mask;
}

static uint64_t
plic_read (void *opaque, uint64_t offset, unsigned size)
{
  DioPlic *plic = opaque;

  if (offset < PENDING_BASE) {
    unsigned source = offset / 4;
    return source <= plic->sources ? plic->priority[source] : 0;
  }
  if (offset < ENABLE_BASE) {
    unsigned word = (offset - PENDING_BASE) / 4;
    return word < plic->n_words ? plic->pending[word] : 0;
  }
  if (offset < CONTEXT_BASE) {
    uint64_t index = (offset - ENABLE_BASE) / ENABLE_STRIDE;
    unsigned word = (offset - ENABLE_BASE) % ENABLE_STRIDE / 4;
    return index < plic->n_contexts && word < plic->n_words ? plic->contexts[index].enable[word]
                                                            : 0;
  }
  uint64_t index = (offset - CONTEXT_BASE) / CONTEXT_STRIDE;
  if (index < plic->n_contexts)
    switch ((offset - CONTEXT_BASE) % CONTEXT_STRIDE) {
    case CONTEXT_THRESHOLD:
      return plic->contexts[index].threshold;
    case CONTEXT_CLAIM:
      return claim (plic, index);
    }
  dio_device_guest_error (&plic->sys.dev, "read at 0x%x", (unsigned) offset);
  return 0;
}

static void
plic_write (void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
  DioPlic *plic = opaque;

  if (offset < PENDING_BASE) {
    unsigned source = offset / 4;
    if (source >= 1 && source <= plic->sources) {
      plic->priority[source] = value & MAX_PRIORITY;
      update_source (plic, source);
    }
    return;
  }
  if (offset < ENABLE_BASE)
    return; /* pending bits are read-only */
  if (offset < CONTEXT_BASE) {
    uint64_t index = (offset - ENABLE_BASE) / ENABLE_STRIDE;
    unsigned word = (offset - ENABLE_BASE) % ENABLE_STRIDE / 4;
    if (index < plic->n_contexts && word < plic->n_words) {
      plic->contexts[index].enable[word] = value & word_mask (plic, word);
      update_context (plic, index);
    }
    return;
  }
  uint64_t index = (offset - CONTEXT_BASE) / CONTEXT_STRIDE;
  if (index < plic->n_contexts)
    switch ((offset - CONTEXT_BASE) % CONTEXT_STRIDE) {
    case CONTEXT_THRESHOLD:
      plic->contexts[index].threshold = value & MAX_PRIORITY;
      update_context (plic, index);
      return;
    case CONTEXT_CLAIM:
      complete (plic, index, value);
      return;
    }
  dio_device_guest_error (&plic->sys.dev, "write at 0x%x", (unsigned) offset);
}

static const DioRegionOps plic_ops = {
  .read = plic_read,
  .write = plic_write,
  .min_access = 4,
  .max_access = 4,
};

static bool
plic_realize (DioDevice *dev, GError **error)
{
  DioPlic *plic = (DioPlic *) dev;

  plic->n_words = plic->sources / 32 + 1;
  plic->n_contexts = plic->harts * 2;
  dio_system_device_add_region (&plic->sys, "plic", &plic_ops, DIO_PLIC_SIZE, true);
  dio_system_device_set_irqs (&plic->sys, plic->n_contexts);
  return true;
}

static void
plic_reset (DioDevice *dev)
{
  DioPlic *plic = (DioPlic *) dev;

  /* Levels belong to the devices, which are reset on their own, in any order. */
  memset (plic->priority, 0, sizeof plic->priority);
  memset (plic->pending, 0, sizeof plic->pending);
  memset (plic->claimed, 0, sizeof plic->claimed);
  for (unsigned i = 0; i < plic->n_contexts; i++) {
    memset (plic->contexts[i].enable, 0, sizeof plic->contexts[i].enable);
    plic->contexts[i].threshold = 0;
  }
  for (unsigned source = 1; source <= plic->sources; source++)
    forward (plic, source);
  update_all (plic);
}

static void
visit_words (DioPlic *plic, DioVisitor *visitor, const char *name, uint32_t *words)
{
  for (unsigned word = 0; word < plic->n_words; word++) {
    dio_visit_u32 (visitor, name, &words[word]);
    words[word] &= word_mask (plic, word);
  }
}

static void
plic_state (DioDevice *dev, DioVisitor *visitor)
{
  DioPlic *plic = (DioPlic *) dev;

  for (unsigned source = 1; source <= plic->sources; source++) {
    dio_visit_u32 (visitor, "priority", &plic->priority[source]);
    plic->priority[source] &= MAX_PRIORITY;
  }
  visit_words (plic, visitor, "level", plic->level);
  visit_words (plic, visitor, "pending", plic->pending);
  visit_words (plic, visitor, "claimed", plic->claimed);
  for (unsigned i = 0; i < plic->n_contexts; i++) {
    visit_words (plic, visitor, "enable", plic->contexts[i].enable);
    dio_visit_u32 (visitor, "threshold", &plic->contexts[i].threshold);
    plic->contexts[i].threshold &= MAX_PRIORITY;
  }
  if (dio_visitor_is_loading (visitor)) {
    for (unsigned word = 0; word < plic->n_words; word++)
      plic->pending[word] &= ~plic->claimed[word];
    for (unsigned i = 0; i < plic->n_contexts; i++) {
      /* Whatever the harts saw last, they see it anew. */
      plic->contexts[i].output = true;
      update_context (plic, i);
      if (plic->contexts[i].output)
        dio_irq_set (&plic->sys.irqs[i], true);
    }
  }
}

static void
plic_describe_fdt (DioDevice *dev, void *fdt, int parent)
{
  static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
  DioPlic *plic = (DioPlic *) dev;

  dio_system_device_begin_fdt_node (&plic->sys, fdt, "plic", compatible, sizeof compatible);

  fdt_property_u32 (fdt, "#address-cells", 0);
  fdt_property_u32 (fdt, "#interrupt-cells", 1);
  fdt_property (fdt, "interrupt-controller", NULL, 0);
  fdt_property_u32 (fdt, "riscv,ndev", plic->sources);
  fdt_end_node (fdt);
}

static void
plic_finalize (DioDevice *dev)
{
  dio_system_device_finalize ((DioSystemDevice *) dev);
}

/* clang-format off */
static const DioProperty plic_properties[] = {
  { "sources", N_ ("Interrupt sources"), DIO_PROPERTY_UINT, 1, MAX_SOURCES, 96, NULL, NULL,
    offsetof (DioPlic, sources) },
  { "harts", N_ ("Processors"), DIO_PROPERTY_UINT, 1, MAX_CONTEXTS / 2, 1, NULL, NULL,
    offsetof (DioPlic, harts) },
  { NULL },
};
/* clang-format on */

const DioDeviceType dio_plic_type = {
  .id = "plic",
  .title = N_ ("Interrupt controller (PLIC)"),
  .description = N_ ("Routes the interrupts of devices to RISC-V processors."),
  .bus = DIO_BUS_SYSTEM,
  .instance_size = sizeof (DioPlic),
  .properties = plic_properties,
  .realize = plic_realize,
  .reset = plic_reset,
  .state = plic_state,
  .state_version = 1,
  .finalize = plic_finalize,
  .describe_fdt = plic_describe_fdt,
};
