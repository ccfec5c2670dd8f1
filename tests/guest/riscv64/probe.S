/* SPDX-License-Identifier: GPL-3.0-or-later
 * The instructions that probes run: a0 is the address and the result, a1 the value. t5 and t6 belong
 * to the trap vectors. */
#define MSTATUS_MPRV 0x20000

  .section .probe, "ax"
  .option norvc
  .option norelax

#define PROBE(name) .balign 4; .globl name; name:

PROBE (p_nop)
  nop
  ecall
PROBE (p_lb)
  lb a0, 0(a0)
  ecall
PROBE (p_lh)
  lh a0, 0(a0)
  ecall
PROBE (p_lw)
  lw a0, 0(a0)
  ecall
PROBE (p_ld)
  ld a0, 0(a0)
  ecall
PROBE (p_sb)
  sb a1, 0(a0)
  ecall
PROBE (p_sh)
  sh a1, 0(a0)
  ecall
PROBE (p_sw)
  sw a1, 0(a0)
  ecall
PROBE (p_sd)
  sd a1, 0(a0)
  ecall
PROBE (p_jump)
  jr a0
PROBE (p_lrd)
  lr.d a0, (a0)
  ecall
PROBE (p_lrw)
  lr.w a0, (a0)
  ecall
PROBE (p_scd)
  sc.d a0, a1, (a0)
  ecall
PROBE (p_amoaddd)
  amoadd.d a0, a1, (a0)
  ecall
PROBE (p_amoaddw)
  amoadd.w a0, a1, (a0)
  ecall
PROBE (p_ebreak)
  ebreak
  ecall
PROBE (p_illegal)
  .word 0
  ecall
PROBE (p_wfi)
  wfi
  ecall
PROBE (p_mret)
  mret
  ecall
PROBE (p_sret)
  sret
  ecall
PROBE (p_sfence)
  sfence.vma a0, a1
  ecall
PROBE (p_sinval)
  .word 0x16b50073 /* sinval.vma a0, a1 */
  ecall
PROBE (p_winval)
  .word 0x18000073 /* sfence.w.inval */
  .word 0x18100073 /* sfence.inval.ir */
  ecall
PROBE (p_cbo_inval)
  .word 0x0005200f /* cbo.inval (a0) */
  ecall
PROBE (p_cbo_clean)
  .word 0x0015200f
  ecall
PROBE (p_cbo_flush)
  .word 0x0025200f
  ecall
PROBE (p_cbo_zero)
  .word 0x0045200f
  ecall
PROBE (p_fadd)
  .word 0x02007053 /* fadd.d ft0, ft0, ft0 */
  ecall
/* MPRV with the MPP of a1. */
PROBE (p_mpp_lb)
  li t0, 0x1800
  csrc mstatus, t0
  li t0, MSTATUS_MPRV
  or t0, t0, a1
  csrs mstatus, t0
  .globl p_mpp_lb_at
p_mpp_lb_at:
  lb a0, 0(a0)
  csrc mstatus, t0
  ecall
PROBE (p_mpp_sb)
  li t0, 0x1800
  csrc mstatus, t0
  li t0, MSTATUS_MPRV
  or t0, t0, a1
  csrs mstatus, t0
  .globl p_mpp_sb_at
p_mpp_sb_at:
  sb a1, 0(a0)
  csrc mstatus, t0
  ecall
PROBE (p_spin)
  j p_spin
PROBE (p_ecall_a0)
  mv a0, a1
  ecall

/* Written by probe_insn(). */
  .balign 8
  .globl probe_slot
probe_slot:
  nop
  ecall
