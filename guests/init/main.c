/* The first process of a Linux system that does nothing else: it says that it was reached and switches the machine off.
 *
 * No C library: two system calls. Linux has opened the console as file 1 before it starts this.
 */
enum {
    SYS_write = 64,
    SYS_reboot = 142,
    MAGIC_1 = 0xfee1dead,
    MAGIC_2 = 672274793,
    POWER_OFF = 0x4321fedc,
};

static const char message[] = "init: Linux has started its first process\n";

static long system_call(long number, long a, long b, long c)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
    return a0;
}

__attribute__((noreturn)) void _start(void)
{
    system_call(SYS_write, 1, (long)message, sizeof(message) - 1);
    for (;;)
        system_call(SYS_reboot, (int)MAGIC_1, MAGIC_2, POWER_OFF);
}
