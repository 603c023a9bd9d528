/* e^x to 1e-7 without branches, so that compilers work on many at once; smaller than 2e-38 is 0. */
static inline float exponential_float(float x)
{
    float const magic = 12582912.0f; /* 1.5 * 2^23: adding and subtracting it rounds to a whole number */
    float const bounded = x > -86.0f ? (x < 89.0f ? x : 89.0f) : -86.0f;
    float const whole = (bounded * 1.44269504088896341f + magic) - magic;
    float const rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float sum = 1.9875691500e-4f;
    int32_t bits;
    float scale, value;
    sum = sum * rest + 1.3981999507e-3f;
    sum = sum * rest + 8.3334519073e-3f;
    sum = sum * rest + 4.1665795894e-2f;
    sum = sum * rest + 1.6666665459e-1f;
    sum = sum * rest + 5.0000001201e-1f;
    sum = sum * (rest * rest) + rest + 1.0f;
    bits = ((int32_t)whole + 126) << 23; /* half of 2^whole, which can be just beyond the largest number */
    memcpy(&scale, &bits, sizeof scale);
    value = (sum * scale) * 2.0f;
    return x > 88.7228394f ? INFINITY : x < -86.0f ? 0.0f : value;
}
