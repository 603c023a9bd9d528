#define COLUMNS(SIZE)                                                                                                  \
    static inline void columns_##SIZE(int depth, const float *restrict x, const float *restrict weights,              \
                                      const float *restrict bias, int count, float *restrict out)                     \
    {                                                                                                                  \
        float sums[SIZE];                                                                                              \
        for (int j = 0; j < SIZE; ++j) sums[j] = bias[j];                                                              \
        for (int k = 0; k < depth; ++k) {                                                                              \
            float const factor = x[k];                                                                                 \
            for (int j = 0; j < SIZE; ++j) sums[j] += factor * weights[k * SIZE + j];                                  \
        }                                                                                                              \
        for (int j = 0; j < count; ++j) out[j] = sums[j];                                                              \
    }
COLUMNS(64)
COLUMNS(32)
COLUMNS(16)

/* out[row] = x[row] * weights + bias for the rows of n showers. Weights are read a strip of columns at a time, so that
   they stay near while all rows use them; each sum is made in the same order whatever n is. */
APART static void linear(int n, const float *restrict x, const float *restrict weights, const float *restrict bias,
                   float *restrict out, int rows, int step, int depth, int width)
{
    for (int start = 0, size; start < width; start += size, weights += depth * size) {
        int const left = width - start;
        size = left > 48 ? 64 : left > 16 ? 32 : 16;
        for (int shower = 0; shower < n; ++shower)
            for (int row = 0; row < rows; ++row) {
                size_t const skip = (size_t)shower * (SHOWER / sizeof *x);
                const float *from = x + skip + (ptrdiff_t)row * step;
                float *to = out + skip + (ptrdiff_t)row * width + start;
                int const count = left < size ? left : size;
                if (size == 64) columns_64(depth, from, weights, bias + start, count, to);
                else if (size == 32) columns_32(depth, from, weights, bias + start, count, to);
                else columns_16(depth, from, weights, bias + start, count, to);
            }
    }
}
