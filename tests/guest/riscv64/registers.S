/* SPDX-License-Identifier: GPL-3.0-or-later
 * Runs code in M with every register given, and tells every register at the trap that ends it:
 *
 *   void registers_run (const void *code, struct registers *registers)
 *
 * x[1..31], f[0..31] and fcsr go in and come out. */

#define F 256
#define FCSR 512
#define CAUSE 520
#define EPC 528
#define TVAL 536
#define CALLER 544

  .text
  .globl registers_run
registers_run:
  addi sp, sp, -16
  csrr t0, mscratch
  sd t0, 0(sp)
  csrr t0, mtvec
  sd t0, 8(sp)
  .irp r, 1,2,3,4,8,9,18,19,20,21,22,23,24,25,26,27
  sd x\r, CALLER + 8 * \r(a1)
  .endr
  csrw mscratch, a1
  la t0, registers_trap
  csrw mtvec, t0
  csrw mepc, a0
  li t0, 0x1800
  csrs mstatus, t0
  ld t0, FCSR(a1)
  fscsr t0
  .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fld f\r, F + 8 * \r(a1)
  .endr
  mv x31, a1
  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  ld x\r, 8 * \r(x31)
  .endr
  ld x31, 248(x31)
  mret

  .balign 4
registers_trap:
  csrrw x31, mscratch, x31
  .irp r, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
  sd x\r, 8 * \r(x31)
  .endr
  csrr t0, mscratch
  sd t0, 248(x31)
  .irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
  fsd f\r, F + 8 * \r(x31)
  .endr
  frcsr t0
  sd t0, FCSR(x31)
  csrr t0, mcause
  sd t0, CAUSE(x31)
  csrr t0, mepc
  sd t0, EPC(x31)
  csrr t0, mtval
  sd t0, TVAL(x31)
  mv a1, x31
  .irp r, 1,2,3,4,8,9,18,19,20,21,22,23,24,25,26,27
  ld x\r, CALLER + 8 * \r(a1)
  .endr
  ld t0, 0(sp)
  csrw mscratch, t0
  ld t0, 8(sp)
  csrw mtvec, t0
  addi sp, sp, 16
  ret
