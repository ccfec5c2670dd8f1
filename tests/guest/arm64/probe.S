/* SPDX-License-Identifier: GPL-3.0-or-later
 * The probes (guest.h): one instruction each, then the call that ends a probe. */

  .arch armv8-a
  .arch_extension lse
  .arch_extension fp
  .section .probe, "awx"

  .macro probe name:req, insn:vararg
  .balign 16
  .globl p_\name
p_\name:
  \insn
  svc #0xfff
  .endm

  probe nop nop
  probe ldrb ldrb w0, [x0]
  probe ldr ldr x0, [x0]
  probe ldrw ldr w0, [x0]
  probe str str x1, [x0]
  probe strb strb w1, [x0]
  probe ldp ldp x0, x1, [x0]
  probe stp stp x1, x1, [x0]
  probe ldtr ldtr x0, [x0]
  probe sttr sttr x1, [x0]
  probe ldxr ldxr x0, [x0]
  probe stxr stxr w0, xzr, [x1]
  probe ldar ldar x0, [x0]
  probe ldadd ldadd x1, x0, [x0]
  probe cas cas x1, x1, [x0]
  probe casp casp x2, x3, x4, x5, [x0]
  probe swpb swpb w1, w1, [x0]
  probe br br x0
  probe svc svc #0x123
  probe brk brk #0x456
  probe udf .inst 0x00001234
  probe hlt hlt #7
  probe eret eret
  probe wfi wfi
  probe wfe wfe
  probe dczva dc zva, x0
  probe dccvac dc cvac, x0
  probe icivau ic ivau, x0
  probe fadd fadd d0, d0, d0
  probe mrs_ctr mrs x0, ctr_el0
  probe mrs_daif mrs x0, daif
  probe msr_daifset msr daifset, #2
  probe mrs_cntvct mrs x0, cntvct_el0
  probe mrs_cntv_ctl mrs x0, cntv_ctl_el0
  probe mrs_sctlr mrs x0, sctlr_el1
  probe mrs_currentel mrs x0, currentel
  probe hvc hvc #0

  .balign 16
  .globl p_spin
p_spin:
  b p_spin

/* Where probe_insn() and probe_stack() put two. */
  .balign 16
  .globl probe_slot
probe_slot:
  nop
  nop
  svc #0xfff

/* With the stack pointer that x0 gives; the fourth instruction is the one that is looked at. */
  .macro stack_probe name:req
  svc #0xfff
  .balign 32
  .globl p_\name
p_\name:
  mov sp, x0
  .endm

  stack_probe sp_same
  ldr x1, [sp]
  sub sp, sp, #32
  ldr x1, [sp]
  stack_probe sp_add
  ldr x1, [sp]
  add sp, sp, #8
  ldr x1, [sp]
  stack_probe sp_sub
  ldr x1, [sp]
  sub sp, sp, #4
  ldr w1, [sp]
  stack_probe sp_pre
  ldr x1, [sp]
  str x1, [sp, #-8]!
  ldr x1, [sp]
  stack_probe sp_post
  ldr x1, [sp]
  str x1, [sp], #24
  ldr x1, [sp]
  stack_probe sp_move
  ldr x1, [sp]
  add sp, x0, #1
  ldrb w1, [sp]
  stack_probe sp_index
  ldr x2, [sp]
  add sp, sp, x1
  ldr w1, [sp]
  svc #0xfff

/* Every kind of access, by the stack pointer, with none that wants more than eight bytes aligned;
 * those with a vector register are last. Then what is no access. */
  .section .rodata
  .balign 4
  .globl stack_accesses, stack_vectors, stack_others, stack_end
stack_accesses:
  ldrb w1, [sp, #3]
  ldrh w1, [sp, #2]
  ldr w1, [sp, #4]
  ldr x1, [sp, #8]
  ldrsw x1, [sp, #4]
  ldur x1, [sp, #-8]
  ldr x1, [sp], #16
  ldr x1, [sp, #-16]!
  ldr x1, [sp, xzr]
  ldtr x1, [sp]
  ldp w1, w2, [sp]
  ldp x1, x2, [sp, #16]
  ldp x1, x2, [sp], #16
  ldp x1, x2, [sp, #-16]!
  ldpsw x1, x2, [sp]
  ldnp x1, x2, [sp]
  ldar x1, [sp]
  ldxr x1, [sp]
  ldxp w1, w2, [sp]
  strb w1, [sp, #3]
  strh w1, [sp, #2]
  str w1, [sp, #4]
  str x1, [sp, #8]
  stur x1, [sp, #-8]
  str x1, [sp], #16
  str x1, [sp, #-16]!
  str x1, [sp, xzr]
  sttr x1, [sp]
  stp w1, w2, [sp]
  stp x1, x2, [sp, #16]
  stp x1, x2, [sp], #16
  stp x1, x2, [sp, #-16]!
  stnp x1, x2, [sp]
  stlr x1, [sp]
  stxr w1, x2, [sp]
  stxp w1, w2, w3, [sp]
  ldadd x1, x2, [sp]
  swp x1, x2, [sp]
  cas x1, x2, [sp]
  casp w2, w3, w4, w5, [sp]
stack_vectors:
  .arch_extension simd
  ldr d1, [sp]
  ldr b1, [sp, #1]
  ldur s1, [sp, #4]
  ldr d1, [sp], #16
  ldr d1, [sp, xzr]
  ldp d1, d2, [sp]
  ldp s1, s2, [sp, #-16]!
  str d1, [sp]
  str d1, [sp, #-16]!
  stp d1, d2, [sp]
  ld1 { v1.2d }, [sp]
  ld2 { v1.8h, v2.8h }, [sp], #32
  ld1 { v1.s }[1], [sp]
  ld1r { v1.2d }, [sp]
  st1 { v1.16b, v2.16b }, [sp]
  st3 { v1.8b, v2.8b, v3.8b }, [sp]
  st1 { v1.d }[1], [sp], #8
stack_others:
  prfm pldl1keep, [sp]
  prfum pldl1keep, [sp, #-3]
  prfm pldl1keep, [sp, xzr]
  add x1, sp, #3
  cmp sp, #3
stack_end:
