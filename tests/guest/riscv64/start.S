/* SPDX-License-Identifier: GPL-3.0-or-later
 * Entry, trap vectors and the probe mechanism of the bare-metal test programs. */

#define STACK_SHIFT 14
#define CTX_SHIFT 9

/* Layout of a hart's context (contexts[], by hart): */
#define CTX_REGS 0        /* callee-saved registers of probe_run()'s caller */
#define CTX_TAKEN 128
#define CTX_CAUSE 136
#define CTX_EPC 144
#define CTX_TVAL 152
#define CTX_STATUS 160
#define CTX_A0 168

#define MSTATUS_MPP 0x1800
#define MSTATUS_MPRV 0x20000

  .section .text.start, "ax"
  .globl _start
_start:
  csrr s0, mhartid
  la t0, trap_main
  csrw mtvec, t0
  la sp, stacks
  addi t0, s0, 1
  slli t0, t0, STACK_SHIFT
  add sp, sp, t0
  la t0, contexts
  slli t1, s0, CTX_SHIFT
  add t0, t0, t1
  csrw mscratch, t0
  bnez s0, wait_start

  la t0, bss_start
  la t1, bss_end
1:
  sd x0, 0(t0)
  addi t0, t0, 8
  bltu t0, t1, 1b
  call pmp_open
  la t0, released
  li t1, 1
  fence
  sw t1, 0(t0)
  call main
  call pass

/* Secondary harts: wait until hart 0 has cleared .bss, then for a software interrupt and a
 * function. */
wait_start:
  la t0, released
1:
  lw t1, 0(t0)
  beqz t1, 1b
  fence
  call pmp_open
2:
  csrwi mip, 0
  li t0, 8
  csrw mie, t0
  wfi
  csrr t0, mip
  andi t0, t0, 8
  beqz t0, 2b
  li t0, 0x2000000
  slli t1, s0, 2
  add t0, t0, t1
  sw x0, 0(t0)
  csrw mie, x0
  la t0, hart_functions
  slli t1, s0, 3
  add t0, t0, t1
  fence
  ld t1, 0(t0)
  beqz t1, 2b
  sd x0, 0(t0)
  mv a0, s0
  jalr t1
  j 2b

  .section .data
  .balign 8
released:
  .dword 0

/* uint64_t probe_run (unsigned priv, const void *code, uint64_t a0, uint64_t a1): runs the probe; the
 * outcome is in the context. */
  .text
  .globl probe_run
probe_run:
  csrr t0, mscratch
  sd ra, CTX_REGS + 0(t0)
  sd sp, CTX_REGS + 8(t0)
  sd gp, CTX_REGS + 16(t0)
  sd tp, CTX_REGS + 24(t0)
  sd s0, CTX_REGS + 32(t0)
  sd s1, CTX_REGS + 40(t0)
  sd s2, CTX_REGS + 48(t0)
  sd s3, CTX_REGS + 56(t0)
  sd s4, CTX_REGS + 64(t0)
  sd s5, CTX_REGS + 72(t0)
  sd s6, CTX_REGS + 80(t0)
  sd s7, CTX_REGS + 88(t0)
  sd s8, CTX_REGS + 96(t0)
  sd s9, CTX_REGS + 104(t0)
  sd s10, CTX_REGS + 112(t0)
  sd s11, CTX_REGS + 120(t0)
  sd x0, CTX_TAKEN(t0)
  csrw sscratch, t0
  la t1, trap_probe
  csrw mtvec, t1
  la t1, trap_supervisor
  csrw stvec, t1
  li t1, MSTATUS_MPP
  csrc mstatus, t1
  slli a0, a0, 11
  csrs mstatus, a0
  csrw mepc, a1
  mv a0, a2
  mv a1, a3
  mret

/* M-mode vector while a probe runs. t5 and t6 are the vector's own. MPRV goes first: with it the
 * context could not be reached. */
  .balign 4
trap_probe:
  li t6, MSTATUS_MPRV
  csrrc t5, mstatus, t6
  csrr t6, mscratch
  /* After a trap to S its handler has left its record and came here by ecall. */
  sd a0, CTX_A0 - 0(t6)
  ld t4, CTX_TAKEN(t6)
  bnez t4, 1f
  sd t5, CTX_STATUS(t6)
  csrr t5, mcause
  sd t5, CTX_CAUSE(t6)
  csrr t5, mepc
  sd t5, CTX_EPC(t6)
  csrr t5, mtval
  sd t5, CTX_TVAL(t6)
  li t5, 3
  sd t5, CTX_TAKEN(t6)
1:
  la t5, trap_main
  csrw mtvec, t5
  mv t0, t6
  ld ra, CTX_REGS + 0(t0)
  ld sp, CTX_REGS + 8(t0)
  ld gp, CTX_REGS + 16(t0)
  ld tp, CTX_REGS + 24(t0)
  ld s0, CTX_REGS + 32(t0)
  ld s1, CTX_REGS + 40(t0)
  ld s2, CTX_REGS + 48(t0)
  ld s3, CTX_REGS + 56(t0)
  ld s4, CTX_REGS + 64(t0)
  ld s5, CTX_REGS + 72(t0)
  ld s6, CTX_REGS + 80(t0)
  ld s7, CTX_REGS + 88(t0)
  ld s8, CTX_REGS + 96(t0)
  ld s9, CTX_REGS + 104(t0)
  ld s10, CTX_REGS + 112(t0)
  ld s11, CTX_REGS + 120(t0)
  ret

/* S-mode vector while a probe runs: records and goes to M. */
  .balign 4
trap_supervisor:
  csrr t6, sscratch
  csrr t5, sstatus
  sd t5, CTX_STATUS(t6)
  csrr t5, scause
  sd t5, CTX_CAUSE(t6)
  csrr t5, sepc
  sd t5, CTX_EPC(t6)
  csrr t5, stval
  sd t5, CTX_TVAL(t6)
  li t5, 1
  sd t5, CTX_TAKEN(t6)
  ecall

/* M-mode vector at other times: calls trap_handler[hart]. */
  .balign 4
  .globl trap_main
trap_main:
  addi sp, sp, -256
  sd ra, 8(sp)
  sd t0, 40(sp)
  sd t1, 48(sp)
  sd t2, 56(sp)
  sd a0, 80(sp)
  sd a1, 88(sp)
  sd a2, 96(sp)
  sd a3, 104(sp)
  sd a4, 112(sp)
  sd a5, 120(sp)
  sd a6, 128(sp)
  sd a7, 136(sp)
  sd t3, 224(sp)
  sd t4, 232(sp)
  sd t5, 240(sp)
  sd t6, 248(sp)
  mv a0, sp
  call trap_c
  ld ra, 8(sp)
  ld t0, 40(sp)
  ld t1, 48(sp)
  ld t2, 56(sp)
  ld a0, 80(sp)
  ld a1, 88(sp)
  ld a2, 96(sp)
  ld a3, 104(sp)
  ld a4, 112(sp)
  ld a5, 120(sp)
  ld a6, 128(sp)
  ld a7, 136(sp)
  ld t3, 224(sp)
  ld t4, 232(sp)
  ld t5, 240(sp)
  ld t6, 248(sp)
  addi sp, sp, 256
  mret

  .bss
  .balign 16
stacks:
  .space 8 << STACK_SHIFT
  .globl contexts
contexts:
  .space 8 << CTX_SHIFT
