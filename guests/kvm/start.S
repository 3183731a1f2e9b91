/* Start code, traps and the way to VU-mode of the guests that run under KVM.
 *
 * KVM enters the first hart at _start in VS-mode with its number in a0 and the device tree in a1. In VS-mode tp points to
 * the hart's structure and sscratch is 0; in VU-mode sscratch points to the structure and tp is the program's own.
 */
    .file "guests/kvm/start.S"
    .equ FRAME, 272
    .equ STATUS, 256
    .equ HART_KERNEL_SP, 0
    .equ HART_USER_SP, 8
    .equ HART_STACK_TOP, 16

    .cfi_sections .debug_frame

    .macro  set_gp
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    .endm

    .section .text.start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    .cfi_startproc
    .cfi_undefined ra                   /* nobody called: a backtrace ends here */
    set_gp
    la      t0, __bss_start
    la      t1, __bss_end
clear:
    bgeu    t0, t1, cleared
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       clear
cleared:
    la      tp, harts
    la      sp, first_stack_top
    sd      sp, HART_STACK_TOP(tp)
    csrw    sscratch, zero
    la      t0, trap_entry
    csrw    stvec, t0
    call    main
park:
    wfi
    j       park
    .cfi_endproc
    .size _start, . - _start

    .section .text, "ax", @progbits
/* Saves what a C function may change and calls trap(frame).
 *
 * The return address column is the interrupted pc, so that a debugger's backtrace crosses the trap.
 */
    .globl trap_entry
    .type trap_entry, @function
    .balign 4
trap_entry:
    .cfi_startproc
    .cfi_signal_frame
    .cfi_return_column 0                /* x0 has no saved value of its own: its column carries sepc */
    csrrw   tp, sscratch, tp
    bnez    tp, from_user
    csrrw   tp, sscratch, tp
    addi    sp, sp, -FRAME
    sd      t0, 40(sp)
    addi    t0, sp, FRAME
    sd      t0, 16(sp)
    sd      tp, 32(sp)
    j       save
from_user:
    sd      sp, HART_USER_SP(tp)
    ld      sp, HART_KERNEL_SP(tp)
    addi    sp, sp, -FRAME
    sd      t0, 40(sp)
    ld      t0, HART_USER_SP(tp)
    sd      t0, 16(sp)
    csrrw   t0, sscratch, zero
    sd      t0, 32(sp)
save:
    .cfi_def_cfa sp, FRAME
    .macro  keep reg, slot
    sd      \reg, \slot * 8(sp)
    .cfi_offset \reg, \slot * 8 - FRAME
    .endm
    .cfi_offset sp, 16 - FRAME
    .cfi_offset tp, 32 - FRAME
    .cfi_offset t0, 40 - FRAME
    keep ra, 1
    keep gp, 3
    keep t1, 6
    keep t2, 7
    keep a0, 10
    keep a1, 11
    keep a2, 12
    keep a3, 13
    keep a4, 14
    keep a5, 15
    keep a6, 16
    keep a7, 17
    keep t3, 28
    keep t4, 29
    keep t5, 30
    keep t6, 31
    csrr    t0, sepc
    sd      t0, 0(sp)
    .cfi_offset 0, -FRAME
    csrr    t0, sstatus
    sd      t0, STATUS(sp)
    set_gp
    mv      a0, sp
    call    trap
    ld      t0, 0(sp)
    csrw    sepc, t0
    ld      t0, STATUS(sp)
    csrw    sstatus, t0
    andi    t0, t0, 0x100               /* SPP: whom it came from */
    bnez    t0, restore
    csrw    sscratch, tp
restore:
    .macro  get_back reg, slot
    ld      \reg, \slot * 8(sp)
    .endm
    get_back ra, 1
    get_back gp, 3
    get_back tp, 4
    get_back t0, 5
    get_back t1, 6
    get_back t2, 7
    get_back a0, 10
    get_back a1, 11
    get_back a2, 12
    get_back a3, 13
    get_back a4, 14
    get_back a5, 15
    get_back a6, 16
    get_back a7, 17
    get_back t3, 28
    get_back t4, 29
    get_back t5, 30
    get_back t6, 31
    get_back sp, 2
    sret
    .cfi_endproc
    .size trap_entry, . - trap_entry

/* void run_user(function, argument, stack): calls a function in VU-mode; comes back when leave_user is called. */
    .globl run_user
    .type run_user, @function
run_user:
    .cfi_startproc
    addi    sp, sp, -112
    .cfi_def_cfa_offset 112
    .macro  hold reg, slot
    sd      \reg, \slot * 8(sp)
    .cfi_offset \reg, \slot * 8 - 112
    .endm
    hold ra, 0
    hold s0, 1
    hold s1, 2
    hold s2, 3
    hold s3, 4
    hold s4, 5
    hold s5, 6
    hold s6, 7
    hold s7, 8
    hold s8, 9
    hold s9, 10
    hold s10, 11
    hold s11, 12
    sd      sp, HART_KERNEL_SP(tp)
    csrw    sepc, a0
    li      t0, 0x100                   /* SPP */
    csrc    sstatus, t0
    li      t0, 0x20                    /* SPIE: interrupts come in VU-mode whatever VS-mode has */
    csrs    sstatus, t0
    csrw    sscratch, tp
    la      ra, user_exit
    mv      a0, a1
    mv      sp, a2
    sret
    .globl leave_user
    .type leave_user, @function
leave_user:
    ld      sp, HART_KERNEL_SP(tp)
    ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    ld      s9, 80(sp)
    ld      s10, 88(sp)
    ld      s11, 96(sp)
    addi    sp, sp, 112
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size run_user, . - run_user

/* What may fault in VS-mode: trap() knows these instructions and goes on behind them. */
    .globl probe_load, probe_load_at
    .type probe_load, @function
    .balign 4
probe_load:
    .cfi_startproc
    .option push
    .option norvc
probe_load_at:
    ld      a0, 0(a0)
    .option pop
    ret
    .cfi_endproc
    .size probe_load, . - probe_load

    .globl probe_stimecmp, probe_stimecmp_at
    .type probe_stimecmp, @function
probe_stimecmp:
    .cfi_startproc
probe_stimecmp_at:
    csrw    0x14d, a0
    ret
    .cfi_endproc
    .size probe_stimecmp, . - probe_stimecmp

    .section .user.text, "ax", @progbits
    .globl user_exit
    .type user_exit, @function
    .cfi_startproc
    .cfi_undefined ra
    nop                                 /* a debugger looks before a return address for the caller */
user_exit:
    ecall
    .cfi_endproc
    .size user_exit, . - user_exit

    .section .stacks, "aw", @nobits
    .balign 16
    .skip   8192
first_stack_top:
