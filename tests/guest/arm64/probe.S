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

/* Where probe_insn() puts one. */
  .balign 16
  .globl probe_slot
probe_slot:
  nop
  svc #0xfff
