/* Start code of the machine-mode guests: every hart begins at _start with its number in mhartid (QEMU's `-bios none`).
 *
 * Hart 0 clears .bss and runs main(); what main returns is the exit status. Every other hart runs secondary(number).
 */
    .file "guests/support/start.S"
    .equ STACK_SHIFT, 13                /* 8 KiB a hart */
    .equ MAX_HARTS, 4

    .cfi_sections .debug_frame

    .section .text.start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined ra                   /* nobody called: a backtrace ends here */
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      t0, trap_entry
    csrw    mtvec, t0
    csrr    a0, mhartid
    li      t0, MAX_HARTS
    bgeu    a0, t0, park
    la      sp, stacks
    addi    t0, a0, 1
    slli    t0, t0, STACK_SHIFT
    add     sp, sp, t0
    bnez    a0, other

    la      t0, __bss_start
    la      t1, __bss_end
clear:
    bgeu    t0, t1, cleared
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       clear
cleared:
    call    main
    call    power_off
other:
    call    secondary
park:
    wfi
    j       park
    .cfi_endproc
    .size _start, . - _start

/* Saves what a C function may change and calls trap(cause, epc, tval).
 *
 * The return address column is the interrupted pc, so that a debugger's backtrace crosses the trap.
 */
    .section .text, "ax", @progbits
    .globl trap_entry
    .type trap_entry, @function
    .balign 4
trap_entry:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_return_column 0                /* x0 has no saved value of its own: its column carries mepc */
    addi    sp, sp, -144
    .cfi_def_cfa_offset 144
    .macro  keep reg, slot
    sd      \reg, \slot * 8(sp)
    .cfi_offset \reg, \slot * 8 - 144
    .endm
    keep ra, 1
    keep t0, 2
    keep t1, 3
    keep t2, 4
    keep a0, 5
    keep a1, 6
    keep a2, 7
    keep a3, 8
    keep a4, 9
    keep a5, 10
    keep a6, 11
    keep a7, 12
    keep t3, 13
    keep t4, 14
    keep t5, 15
    keep t6, 16
    csrr    a1, mepc
    sd      a1, 0(sp)
    .cfi_offset 0, -144
    csrr    a0, mcause
    csrr    a2, mtval
    call    trap
    ld      t0, 0(sp)
    csrw    mepc, t0
    ld      ra, 8(sp)
    ld      t0, 16(sp)
    ld      t1, 24(sp)
    ld      t2, 32(sp)
    ld      a0, 40(sp)
    ld      a1, 48(sp)
    ld      a2, 56(sp)
    ld      a3, 64(sp)
    ld      a4, 72(sp)
    ld      a5, 80(sp)
    ld      a6, 88(sp)
    ld      a7, 96(sp)
    ld      t3, 104(sp)
    ld      t4, 112(sp)
    ld      t5, 120(sp)
    ld      t6, 128(sp)
    addi    sp, sp, 144
    mret
    .cfi_endproc
    .size trap_entry, . - trap_entry

    .section .stacks, "aw", @nobits
    .balign 16
stacks:
    .skip   MAX_HARTS << STACK_SHIFT
