/* Floating-point work: five kernels whose results are folded, bit by bit, into a checksum.
 *
 * Also compiled for the host (`make -C guests verify`), with -ffp-contract=off like the guest, so that only what is
 * written as a fused multiplication is one, and every result is what IEEE 754 says.
 */
#include "kernels.h"

#define SIDE 24
#define POINTS 64
#define TERMS 512

static u64 state = 1;

static u64 fold(u64 sum, u64 value)
{
    sum ^= value + 0x9e3779b97f4a7c15UL + (sum << 6) + (sum >> 2);
    return sum;
}

static u64 bits_of(double value)
{
    u64 bits;

    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* In [1, 2). */
static double random_double(void)
{
    u64 bits;
    double value;

    state = state * 6364136223846793005UL + 1442695040888963407UL;
    bits = state >> 12 | 0x3ff0000000000000UL;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

/* 1. A product of matrices: loads, multiplications, additions. */

static double left[SIDE][SIDE];
static double right[SIDE][SIDE];

static double matrix_kernel(void)
{
    double trace = 0;

    for (u32 i = 0; i < SIDE; i++)
        for (u32 j = 0; j < SIDE; j++) {
            left[i][j] = random_double();
            right[i][j] = random_double() - 1.5;
        }
    for (u32 i = 0; i < SIDE; i++)
        for (u32 j = 0; j < SIDE; j++) {
            double sum = 0;

            for (u32 k = 0; k < SIDE; k++)
                sum += left[i][k] * right[k][j];
            trace += i == j ? sum : 0.5 * sum;
        }
    return trace;
}

/* 2. Polynomials by Horner's rule: one chain of fused multiplications. */

static double polynomial_kernel(void)
{
    double sum = 0;

    for (u32 i = 0; i < TERMS; i++) {
        double x = random_double() - 1.0;
        double value = 1.0 / 40320;

        for (u32 n = 8; n > 0; n--)
            value = __builtin_fma(value, x, 1.0 / (double)n);
        sum += value;
    }
    return sum;
}

/* 3. Distances of points: square roots and quotients. */

static double place[POINTS][3];

static double distance_kernel(void)
{
    double sum = 0;

    for (u32 i = 0; i < POINTS; i++)
        for (u32 k = 0; k < 3; k++)
            place[i][k] = random_double();
    for (u32 i = 0; i < POINTS; i++)
        for (u32 j = i + 1; j < POINTS; j++) {
            double dx = place[i][0] - place[j][0];
            double dy = place[i][1] - place[j][1];
            double dz = place[i][2] - place[j][2];

            sum += 1.0 / __builtin_sqrt(dx * dx + dy * dy + dz * dz);
        }
    return sum;
}

/* 4. Conversions: to integers and back, to single precision and back. */

static double convert_kernel(void)
{
    double sum = 0;

    for (u32 i = 0; i < TERMS; i++) {
        double value = random_double() * 1000.0;
        long whole = (long)value;
        float narrow = (float)(value - (double)whole);

        sum += (double)(narrow * 0.25f) + (double)(int)(whole * 3);
    }
    return sum;
}

/* 5. Comparisons: the iterations that a point takes to leave a circle. */

static double escape_kernel(void)
{
    u64 total = 0;

    for (u32 i = 0; i < POINTS; i++) {
        double cx = random_double() - 2.0;
        double cy = random_double() - 1.0;
        double x = 0;
        double y = 0;
        u32 turns = 0;

        while (turns < 60 && x * x + y * y <= 4.0) {
            double next = x * x - y * y + cx;

            y = 2.0 * x * y + cy;
            x = next;
            turns++;
        }
        total += turns;
    }
    return (double)total;
}

u64 run_rounds(u64 rounds)
{
    u64 sum = 0;

    state = 1;
    for (u64 round = 0; round < rounds; round++) {
        sum = fold(sum, bits_of(matrix_kernel()));
        sum = fold(sum, bits_of(polynomial_kernel()));
        sum = fold(sum, bits_of(distance_kernel()));
        sum = fold(sum, bits_of(convert_kernel()));
        sum = fold(sum, bits_of(escape_kernel()));
    }
    return sum;
}
