/* SPDX-License-Identifier: GPL-3.0-or-later
 * The software TLB of one vCPU: guest-virtual page -> host pointer, for RAM only.
 *
 * The TLB is an array of sets; a set is one complete translation regime (a privilege level within
 * an address space). Two pointers choose the sets in force: `data` for loads and stores, `code` for
 * fetches. A change of privilege, or of address space when the guest uses address-space numbers, is
 * a change of these pointers and flushes nothing. The guest architecture decides what each set
 * stands for and calls dio_tlb_select().
 *
 * A set is a direct-mapped first level with separate read, write and execute tags and one addend,
 * and a small fully associative victim level behind it. A tag is the page's virtual address. There
 * are two ways to compare:
 * - address - tag <= page size - size of the access, unsigned: a hit that does not cross into
 *   another page, whatever its alignment. Compiled code does this;
 * - (address & ~(page_mask & ~(size-1))) == tag: misaligned accesses miss as well. Hit path of the
 *   interpreter: dio_tlb_hit_read(), _write(), _execute().
 * An invalid tag (dio_tlb_no_tag()) must fail both: it has the bit DIO_TLB_INVALID, which the mask
 * always clears, and lies in a page that has its place elsewhere, as do all addresses that are up
 * to a page behind it.
 *
 * Tags and addends lie in arrays, as compiled code can scale an index by 8 and not by more. It
 * knows a set by a pointer whose low 16 bits are the control word of BEXTR for the index: hence the
 * alignment.
 *
 * A set remembers which groups of entries were ever filled since its last flush, so that flushing a
 * little-used set costs little, and which big pages it holds slices of, so that flushing any
 * address of a big page takes all of its slices.
 *
 * Behind all sets there may be a second level (mem-tlb-second.c): whole translations, as many as a
 * guest's working set may have pages, each one a line of the cache that has all that the first
 * level takes. What the guest maps by pages of 2 MiB and more is there in blocks, so that the few
 * lines of a large working set stay in the fastest cache. Compiled code searches it and refills the
 * first level by itself, so its layout is known there too. What it holds is valid by the generation
 * of its set. It says whether the guest may write a page, not whether that may be done unseen: who
 * enters one again looks at the flags of the page.
 *
 * A set may also have a jump table: guest-virtual address -> compiled code. What is in it holds as
 * long as the translations of the set do, so whatever flushes those flushes it.
 *
 * I/O pages, read-only pages (for writes) and pages with DIO_PAGE_SLOW_WRITE flags (for writes) are
 * never entered: those accesses always take the slow path. Owned by the vCPU thread; others ask
 * through request flags. */
#pragma once

#include "core/mem/mem-ram.h"
#include "core/mem/mem-space.h"

#define DIO_TLB_BITS 10
#define DIO_TLB_ENTRIES (1u << DIO_TLB_BITS)
#define DIO_TLB_GROUPS 64 /* of "used" bits per set */
#define DIO_TLB_GROUP_ENTRIES (DIO_TLB_ENTRIES / DIO_TLB_GROUPS)
#define DIO_TLB_VICTIMS 8
#define DIO_TLB_BIG 4
#define DIO_TLB_INVALID (UINT64_C (1) << (DIO_PAGE_SHIFT - 1))

/* The pages that have their place half a table away. */
#define DIO_TLB_ELSEWHERE ((uint64_t) DIO_TLB_ENTRIES / 2 << DIO_PAGE_SHIFT)

typedef struct {
  uint64_t read;
  uint64_t write;
  uint64_t execute;
  uintptr_t addend; /* host address = guest-virtual address + addend */
} DioTlbEntry;

/* By dio_tlb_index(). What belongs to one page is spread over the sets of the host's cache. */
#define DIO_TLB_STAGGER (1024 / sizeof (uint64_t))
typedef struct {
  uint64_t read[DIO_TLB_ENTRIES + DIO_TLB_STAGGER];
  uint64_t write[DIO_TLB_ENTRIES + DIO_TLB_STAGGER];
  uintptr_t addend[DIO_TLB_ENTRIES + DIO_TLB_STAGGER];
  uint64_t execute[DIO_TLB_ENTRIES];
} DioTlbTable;

/* The control word of BEXTR: DIO_TLB_BITS bits, from bit DIO_PAGE_SHIFT on. A set starts at a
 * multiple of DIO_TLB_SET_ALIGNMENT, and its table so that it is aligned itself and a pointer
 * DIO_TLB_CONTROL_BIAS bytes into it ends in the control word. */
#define DIO_TLB_CONTROL (DIO_TLB_BITS << 8 | DIO_PAGE_SHIFT)
#define DIO_TLB_CONTROL_BIAS (DIO_TLB_CONTROL % sizeof (uint64_t))
#define DIO_TLB_TABLE_OFFSET (DIO_TLB_CONTROL - DIO_TLB_CONTROL_BIAS)
#define DIO_TLB_SET_ALIGNMENT 65536

#define DIO_TLB_JUMP_BITS 11
#define DIO_TLB_JUMPS (1u << DIO_TLB_JUMP_BITS)
#define DIO_TLB_NO_JUMP UINT64_MAX

typedef struct {
  uint64_t target; /* guest-virtual address, or DIO_TLB_NO_JUMP */
  const void *code;
} DioTlbJump;

typedef struct {
  DioTlbJump entries[DIO_TLB_JUMPS];
  bool used;         /* some entry may be valid */
  bool local;        /* some entry belongs to one address space only */
  uint64_t pages[4]; /* bit (page number mod 256): some entry may be in such a page */
} DioTlbJumpTable;

typedef struct {
  union {
    struct {
      DioTlbEntry victims[DIO_TLB_VICTIMS];
      DioTlbJumpTable *jumps;  /* or NULL */
      uint32_t number;         /* of the set */
      uint32_t generations[2]; /* of what others have of the set, by whether it is local; a flush
                                  of more than a page is a new one of what it takes */
      uint64_t used;           /* bit g: some entry of group g may be valid */
      /* Bit i: entry i belongs to one address space only (dio_tlb_flush_local() takes these).
       * Victims of such entries are marked too. */
      uint64_t local[DIO_TLB_ENTRIES / 64];
      uint8_t local_victims;
      uint8_t victims_used;
      uint8_t victim_next;
      uint8_t n_big;
      struct {
        uint64_t base, mask;  /* covers addresses a with (a & mask) == base */
      } big[DIO_TLB_BIG + 1]; /* one more while two are being joined */
    };
    uint8_t head[DIO_TLB_TABLE_OFFSET];
  };
  DioTlbTable table;
} __attribute__ ((aligned (DIO_TLB_SET_ALIGNMENT))) DioTlbSet;
_Static_assert(offsetof (DioTlbSet, table) == DIO_TLB_TABLE_OFFSET,
               "the pointer ends as BEXTR wants");

/* A page in the second level, or a block: then what is said of its first page, and each of the
 * others has tags, offset and address that are as much greater as it lies behind that one. */
typedef struct {
  uint64_t key;        /* address of the page or block, and number of the set */
  uint32_t generation; /* generations[local] of the set */
  uint32_t local;
  DioTlbEntry entry; /* for the first level, with all that the guest may do */
  uint64_t ram_offset;
  uint64_t page; /* guest-physical address, and log2 of the size of the guest's page */
} DioTlbSecond;
_Static_assert(sizeof (DioTlbSecond) == 64, "compiled code scales by a shift");

/* As many as there is room for in a huge page of the host: 128 MiB in pages of 4 KiB. */
#define DIO_TLB_SECOND_BITS 15
#define DIO_TLB_SECOND_ENTRIES (1u << DIO_TLB_SECOND_BITS)
/* Where the number of the set goes in the index. */
#define DIO_TLB_SECOND_SALT (DIO_TLB_SECOND_BITS - 5)

/* Blocks come behind the pages. */
#define DIO_TLB_BLOCK_SHIFT 21
#define DIO_TLB_BLOCK_SIZE (UINT64_C (1) << DIO_TLB_BLOCK_SHIFT)
#define DIO_TLB_BLOCK_MASK (DIO_TLB_BLOCK_SIZE - 1)
#define DIO_TLB_BLOCK_BITS 10
#define DIO_TLB_BLOCKS (1u << DIO_TLB_BLOCK_BITS)
#define DIO_TLB_BLOCK_SALT (DIO_TLB_BLOCK_BITS - 5)
_Static_assert(DIO_TLB_BLOCK_SHIFT - DIO_PAGE_SHIFT < DIO_TLB_BITS,
               "tags of a block's pages, valid or not, differ by a sum");

typedef struct {
  DioTlbTable *data; /* the entries in force for loads and stores: that of data_set */
  DioTlbTable *code; /* the entries in force for fetches: that of code_set */
  DioTlbJump *jumps; /* the jump table in force: that of code_set, or NULL */
  DioTlbSet *data_set;
  DioTlbSet *code_set;
  DioTlbSecond *second; /* or NULL */
  DioTlbSet *sets;
  unsigned n_sets;
  uint64_t misses;
} DioTlb;

/* Permissions of an entry. */
enum {
  DIO_TLB_READ = 1 << 0,
  DIO_TLB_WRITE = 1 << 1,
  DIO_TLB_EXECUTE = 1 << 2,
  DIO_TLB_LOCAL = 1 << 3, /* not valid in other address spaces that share the set */
};

static DIO_ALWAYS_INLINE unsigned
dio_tlb_index (DioGva va)
{
  return (va >> DIO_PAGE_SHIFT) & (DIO_TLB_ENTRIES - 1);
}

/* A tag that no access with the index of @va can find. */
static DIO_ALWAYS_INLINE uint64_t
dio_tlb_no_tag (DioGva va)
{
  return ((uint64_t) dio_tlb_index (va) << DIO_PAGE_SHIFT ^ DIO_TLB_ELSEWHERE) | DIO_TLB_INVALID;
}

/* What a page of the guest at @host comes to. */
static DIO_ALWAYS_INLINE DioTlbEntry
dio_tlb_entry (DioGva va, const uint8_t *host, unsigned permissions)
{
  DioGva page = va & ~DIO_PAGE_MASK;
  uint64_t no_tag = dio_tlb_no_tag (va);
  return (DioTlbEntry){ .read = permissions & DIO_TLB_READ ? page : no_tag,
                        .write = permissions & DIO_TLB_WRITE ? page : no_tag,
                        .execute = permissions & DIO_TLB_EXECUTE ? page : no_tag,
                        .addend = (uintptr_t) host - page };
}

/* The tag that an access of @size (a power of two, 1 to 8) at @va must find. */
static DIO_ALWAYS_INLINE uint64_t
dio_tlb_tag (DioGva va, unsigned size)
{
  return va & ~(DIO_PAGE_MASK & ~(uint64_t) (size - 1));
}

/* The same for an access whose alignment does not matter, of up to a page. */
static DIO_ALWAYS_INLINE uint64_t
dio_tlb_tag_unaligned (DioGva va, unsigned size)
{
  return (va + (size - 1)) & ~DIO_PAGE_MASK;
}

/* The hit path: the host address of @va, or NULL for the slow path. vCPU thread. */
static DIO_ALWAYS_INLINE void *
dio_tlb_hit_read (const DioTlb *tlb, DioGva va, unsigned size)
{
  unsigned index = dio_tlb_index (va);
  return DIO_LIKELY (tlb->data->read[index] == dio_tlb_tag (va, size))
             ? (void *) (va + tlb->data->addend[index])
             : NULL;
}

static DIO_ALWAYS_INLINE void *
dio_tlb_hit_write (const DioTlb *tlb, DioGva va, unsigned size)
{
  unsigned index = dio_tlb_index (va);
  return DIO_LIKELY (tlb->data->write[index] == dio_tlb_tag (va, size))
             ? (void *) (va + tlb->data->addend[index])
             : NULL;
}

/* @va of any alignment: the page of it is looked up. */
static DIO_ALWAYS_INLINE void *
dio_tlb_hit_execute (const DioTlb *tlb, DioGva va)
{
  unsigned index = dio_tlb_index (va);
  return DIO_LIKELY (tlb->code->execute[index] == (va & ~DIO_PAGE_MASK))
             ? (void *) (va + tlb->code->addend[index])
             : NULL;
}

/* Allocates @n_sets empty sets and selects set 0 for all. */
bool dio_tlb_init (DioTlb *tlb, unsigned n_sets, GError **error);
void dio_tlb_clear (DioTlb *tlb);
/* Makes the memory at @set, of any content, an empty set. */
void dio_tlb_init_set (DioTlbSet *set, unsigned number);

/* Makes @data_set and @code_set the sets in force. */
static inline void
dio_tlb_select (DioTlb *tlb, unsigned data_set, unsigned code_set)
{
  tlb->data_set = &tlb->sets[data_set];
  tlb->code_set = &tlb->sets[code_set];
  tlb->data = &tlb->data_set->table;
  tlb->code = &tlb->code_set->table;
  tlb->jumps = tlb->code_set->jumps ? tlb->code_set->jumps->entries : NULL;
}

/* Enters the page of @va at host address @host (of the start of the page) with @permissions
 * (DIO_TLB_*), evicting to the victim level. @va_mask covers the whole guest page when it is bigger
 * than 4 KiB: ~(size - 1); ~DIO_PAGE_MASK otherwise. */
void dio_tlb_fill (DioTlbSet *set, DioGva va, uint64_t va_mask, const uint8_t *host,
                   unsigned permissions);

/* Looks for @va in the victim level with all of @permissions; swaps it into the first level. */
bool dio_tlb_recall (DioTlbSet *set, DioGva va, unsigned permissions);

void dio_tlb_flush_set (DioTlbSet *set);
void dio_tlb_flush_all (DioTlb *tlb);
/* The page of @va, or all of the set when a big page covers it. */
void dio_tlb_flush_page (DioTlbSet *set, DioGva va);
/* What was entered with DIO_TLB_LOCAL. */
void dio_tlb_flush_local (DioTlbSet *set);
/* Gives set @set a jump table, an empty one. */
void dio_tlb_add_jumps (DioTlb *tlb, unsigned set);
static inline unsigned
dio_tlb_jump_index (DioGva va)
{
  return (unsigned) ((va ^ va >> DIO_TLB_JUMP_BITS) >> 1) & (DIO_TLB_JUMPS - 1);
}
/* Enters code for @va, whose page is in the code set in force, into the jump table in force. */
void dio_tlb_fill_jump (DioTlb *tlb, DioGva va, const void *code);
void dio_tlb_flush_jumps (DioTlb *tlb);

/* ---- The second level: mem-tlb-second.c ---- */

bool dio_tlb_add_second (DioTlb *tlb, GError **error);
/* As dio_tlb_fill(), for a page at @ram_offset whose guest-physical address is @gpa. With @block
 * for all of its block: @permissions hold for each page there, and dio_tlb_is_block() says so of
 * the memory. The caller enters the page in the first level as well. */
void dio_tlb_second_fill (DioTlb *tlb, const DioTlbSet *set, DioGva va, uint64_t va_mask,
                          DioGpa gpa, const uint8_t *host, uint64_t ram_offset,
                          unsigned permissions, bool block);
/* May the page at @gpa, which is at @host, be entered with the rest of its block? Only if a guest's
 * page of @va_mask covers it, and it is one run of RAM. */
bool dio_tlb_is_block (DioSpace *space, uint64_t va_mask, DioGpa gpa, const uint8_t *host);
/* Makes *@found what the second level has of the page of @va, if that has all of @permissions. */
bool dio_tlb_second_find (const DioTlb *tlb, const DioTlbSet *set, DioGva va, unsigned permissions,
                          DioTlbSecond *found);
/* The page of @va and its block. */
void dio_tlb_second_drop (DioTlb *tlb, const DioTlbSet *set, DioGva va);
static inline DioGpa
dio_tlb_second_gpa (const DioTlbSecond *found)
{
  return found->page & ~DIO_PAGE_MASK;
}
static inline uint64_t
dio_tlb_second_mask (const DioTlbSecond *found)
{
  return UINT64_MAX << (found->page & DIO_PAGE_MASK);
}
unsigned dio_tlb_second_permissions (const DioTlbSecond *found);

/* Drops the write tags of all entries of all sets that point to the 4 KiB of host memory at @host,
 * or of all entries with NULL. With @note the pages that lost one are noted as written in that RAM
 * (dio_ram_note_write()): until now the vCPU may have written them unseen. */
void dio_tlb_flush_write (DioTlb *tlb, const uint8_t *host, DioRam *note);
