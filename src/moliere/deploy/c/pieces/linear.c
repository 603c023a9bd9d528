/* Some rows of some columns of `linear`, in registers from the bias to the last product. A sum takes its products in their
   order, so that neither the width of the vectors nor the rows beside it change a bit. */
#if defined(__GNUC__) && !defined(PLAIN_C99)
#define ROWS_1(DO) DO(0)
#define ROWS_2(DO) ROWS_1(DO) DO(1)
#define ROWS_3(DO) ROWS_2(DO) DO(2)
#define ROWS_4(DO) ROWS_3(DO) DO(3)
#define ROWS_5(DO) ROWS_4(DO) DO(4)
#define ROWS_6(DO) ROWS_5(DO) DO(5)
#define START_1(R) vector a##R = v[0];
#define START_2(R) START_1(R) vector b##R = v[1];
#define START_4(R) START_2(R) vector c##R = v[2], d##R = v[3];
#define ADD_1(R) a##R += x[R][k] * v[0];
#define ADD_2(R) ADD_1(R) b##R += x[R][k] * v[1];
#define ADD_4(R) ADD_2(R) c##R += x[R][k] * v[2]; d##R += x[R][k] * v[3];
#define STORE_1(R) ((vector *)(void *)(out[R] + column))[0] = a##R;
#define STORE_2(R) STORE_1(R) ((vector *)(void *)(out[R] + column))[1] = b##R;
#define STORE_4(R) STORE_2(R) ((vector *)(void *)(out[R] + column))[2] = c##R; ((vector *)(void *)(out[R] + column))[3] = d##R;
#define SOME_ROWS(NAME, TARGET, LANES, VECTORS, ROWS)                                                                  \
    TARGET static void NAME##_##ROWS(int depth, const float *const *x, const float *weights, int stride,              \
                                     const float *bias, float *const *out, int column)                                \
    {                                                                                                                  \
        typedef float vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));                           \
        const vector *v = (const vector *)(const void *)(bias + column);                                               \
        weights += column;                                                                                             \
        ROWS_##ROWS(START_##VECTORS)                                                                                   \
        for (int k = 0; k < depth; ++k, weights += stride) {                                                           \
            v = (const vector *)(const void *)weights;                                                                 \
            ROWS_##ROWS(ADD_##VECTORS)                                                                                 \
        }                                                                                                              \
        ROWS_##ROWS(STORE_##VECTORS)                                                                                   \
    }
typedef void some_rows(int, const float *const *, const float *, int, const float *, float *const *, int);
#define BLOCK(NAME, TARGET, LANES, VECTORS)                                                                            \
    SOME_ROWS(NAME, TARGET, LANES, VECTORS, 1)                                                                         \
    SOME_ROWS(NAME, TARGET, LANES, VECTORS, 2)                                                                         \
    SOME_ROWS(NAME, TARGET, LANES, VECTORS, 3)                                                                         \
    SOME_ROWS(NAME, TARGET, LANES, VECTORS, 4)                                                                         \
    SOME_ROWS(NAME, TARGET, LANES, VECTORS, 5)                                                                         \
    SOME_ROWS(NAME, TARGET, LANES, VECTORS, 6)                                                                         \
    static some_rows *const NAME[] = {NAME##_1, NAME##_2, NAME##_3, NAME##_4, NAME##_5, NAME##_6};
BLOCK(of_4, , 4, 2)
#if defined(__x86_64__)
BLOCK(of_8, __attribute__((target("avx2"))), 8, 2)
BLOCK(of_16, __attribute__((target("avx512f"))), 16, 1)
BLOCK(of_32, __attribute__((target("avx512f"))), 16, 2)
BLOCK(of_64, __attribute__((target("avx512f"))), 16, 4)
#endif

/* The widest vectors that the processor has, whatever it was compiled for; no wider than you say. */
#ifndef LANES_AT_MOST
#define LANES_AT_MOST 16
#endif
static void block(int rows, int size, int depth, const float *const *x, const float *weights, const float *bias,
                  float *const *out)
{
    some_rows *const *make = of_4;
    int step = 8;
#if defined(__x86_64__)
    if (LANES_AT_MOST >= 16 && __builtin_cpu_supports("avx512f")) {
        make = size == 64 ? of_64 : size == 32 ? of_32 : of_16;
        step = size;
    } else if (LANES_AT_MOST >= 8 && __builtin_cpu_supports("avx2")) {
        make = of_8;
        step = 16;
    }
#endif
    for (int column = 0; column < size; column += step)
        make[rows - 1](depth, x, weights, size, bias, out, column);
}
#else
static void block(int rows, int size, int depth, const float *const *x, const float *weights, const float *bias,
                  float *const *out)
{
    for (int row = 0; row < rows; ++row) {
        float sums[64];
        for (int j = 0; j < size; ++j) sums[j] = bias[j];
        for (int k = 0; k < depth; ++k)
            for (int j = 0; j < size; ++j) sums[j] += x[row][k] * weights[k * size + j];
        for (int j = 0; j < size; ++j) out[row][j] = sums[j];
    }
}
#endif

/* out[row] = x[row] * weights + bias for the rows of n showers. A strip of columns stays near while all rows use it, and
   what is read of it serves up to six rows. */
APART static void linear(int n, const float *restrict x, const float *restrict weights, const float *restrict bias,
                         float *restrict out, int rows, int step, int depth, int width)
{
    int const total = n * rows, blocks = (total + 5) / 6;
    for (int start = 0, size; start < width; start += size, weights += depth * size) {
        int const left = width - start;
        size = left > 48 ? 64 : left > 16 ? 32 : 16;
        for (int number = 0, row = 0; number < blocks; ++number) {
            int const first = row, end = (int)((int64_t)total * (number + 1) / blocks);
            const float *from[6];
            float *to[6], *into[6], beyond[6 * 64];
            for (; row < end; ++row) {
                size_t const skip = (size_t)(row / rows) * (SHOWER / sizeof *x);
                from[row - first] = x + skip + (ptrdiff_t)(row % rows) * step;
                to[row - first] = out + skip + (ptrdiff_t)(row % rows) * width + start;
                into[row - first] = left < size ? beyond + (row - first) * 64 : to[row - first];
            }
            block(end - first, size, depth, from, weights, bias + start, into);
            for (int k = 0; k < end - first && left < size; ++k) memcpy(to[k], into[k], (size_t)left * sizeof *out);
        }
    }
}
