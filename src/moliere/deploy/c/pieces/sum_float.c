/* Sixteen sums side by side, then their sum: the same order whatever the compiler does. */
static inline float sum_float(int length, const float *restrict x)
{
    float lanes[16] = {0};
    int const whole = length - length % 16;
    for (int k = 0; k < whole; k += 16)
        for (int lane = 0; lane < 16; ++lane) lanes[lane] += x[k + lane];
    for (int k = whole; k < length; ++k) lanes[k - whole] += x[k];
    for (int half = 8; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
}
