/* SPDX-License-Identifier: GPL-3.0-or-later
 * Entry, vectors and the probe mechanism of the bare-metal test programs. */

#define STACK_SHIFT 14
#define CTX_SHIFT 9

  .section .text.start, "ax"
  .globl _start
_start:
  /* What Linux kernels begin with, so that boards that only start such start this too. */
  b 1f
  nop
  .quad 0
  .quad image_size
  .quad 0
  .quad 0, 0, 0
  .ascii "ARM\x64"
  .long 0
1:
  mov x19, #0
  adrp x0, bss_start
  add x0, x0, :lo12:bss_start
  adrp x1, bss_end
  add x1, x1, :lo12:bss_end
1:
  stp xzr, xzr, [x0], #16
  cmp x0, x1
  b.lo 1b
  bl set_up
  bl begin
  bl main
  bl pass

/* Where PSCI starts the others, with their number. */
  .globl start_other
start_other:
  mov x19, x0
  bl set_up
  mov x0, x19
  bl run_work

/* x19: the CPU. Vectors, stack, context. */
set_up:
  adrp x0, vectors
  add x0, x0, :lo12:vectors
  msr vbar_el1, x0
  adrp x0, stacks
  add x0, x0, :lo12:stacks
  add x1, x19, #1
  add x0, x0, x1, lsl #STACK_SHIFT
  mov sp, x0
  adrp x0, contexts
  add x0, x0, :lo12:contexts
  add x0, x0, x19, lsl #CTX_SHIFT
  msr tpidr_el1, x0
  isb
  ret

/* void probe_run (uint64_t spsr, const void *code, uint64_t x0, uint64_t x1): the outcome is in the
 * context. */
  .text
  .globl probe_run
probe_run:
  mrs x9, tpidr_el1
  stp x19, x20, [x9]
  stp x21, x22, [x9, #16]
  stp x23, x24, [x9, #32]
  stp x25, x26, [x9, #48]
  stp x27, x28, [x9, #64]
  stp x29, x30, [x9, #80]
  mov x10, sp
  mov x11, #1
  stp x10, x11, [x9, #96] /* probing */
  msr sp_el0, x10
  msr spsr_el1, x0
  msr elr_el1, x1
  mov x0, x2
  mov x1, x3
  eret

/* From the exception that ends a probe to the caller of probe_run(). */
  .globl probe_leave
probe_leave:
  msr spsel, #1
  mrs x9, tpidr_el1
  ldp x19, x20, [x9]
  ldp x21, x22, [x9, #16]
  ldp x23, x24, [x9, #32]
  ldp x25, x26, [x9, #48]
  ldp x27, x28, [x9, #64]
  ldp x29, x30, [x9, #80]
  ldr x10, [x9, #96]
  str xzr, [x9, #104]
  mov sp, x10
  ret

  .macro vector number
  .balign 0x80
  sub sp, sp, #288
  stp x0, x1, [sp]
  mov x1, #\number
  b save
  .endm

  .balign 0x800
  .globl vectors
vectors:
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  vector \n
  .endr

  .balign 0x80
save:
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  stp x8, x9, [sp, #64]
  stp x10, x11, [sp, #80]
  stp x12, x13, [sp, #96]
  stp x14, x15, [sp, #112]
  stp x16, x17, [sp, #128]
  stp x18, x19, [sp, #144]
  stp x20, x21, [sp, #160]
  stp x22, x23, [sp, #176]
  stp x24, x25, [sp, #192]
  stp x26, x27, [sp, #208]
  stp x28, x29, [sp, #224]
  mrs x2, elr_el1
  stp x30, x2, [sp, #240]
  mrs x2, spsr_el1
  mrs x3, esr_el1
  stp x2, x3, [sp, #256]
  mrs x2, far_el1
  str x2, [sp, #272]
  mov x0, sp
  bl exception_c
  ldp x30, x2, [sp, #240]
  msr elr_el1, x2
  ldr x2, [sp, #256]
  msr spsr_el1, x2
  ldp x0, x1, [sp]
  ldp x2, x3, [sp, #16]
  ldp x4, x5, [sp, #32]
  ldp x6, x7, [sp, #48]
  ldp x8, x9, [sp, #64]
  ldp x10, x11, [sp, #80]
  ldp x12, x13, [sp, #96]
  ldp x14, x15, [sp, #112]
  ldp x16, x17, [sp, #128]
  ldp x18, x19, [sp, #144]
  ldp x20, x21, [sp, #160]
  ldp x22, x23, [sp, #176]
  ldp x24, x25, [sp, #192]
  ldp x26, x27, [sp, #208]
  ldp x28, x29, [sp, #224]
  add sp, sp, #288
  eret

  .bss
  .balign 16
  .globl stacks
stacks:
  .space 8 << STACK_SHIFT
  .globl contexts
contexts:
  .space 8 << CTX_SHIFT
