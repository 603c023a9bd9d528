/* Rows to mean 0 and variance 1, then scaled and shifted. */
WIDE static void normalise(int rows, int width, const float *restrict x, const float *restrict scale,
                           const float *restrict shift, float epsilon, float *restrict out)
{
    for (int row = 0; row < rows; ++row, x += width, out += width) {
        float const mean = sum_float(width, x) / (float)width;
        float factor;
        for (int k = 0; k < width; ++k) out[k] = (x[k] - mean) * (x[k] - mean);
        factor = 1.0f / sqrtf(sum_float(width, out) / (float)width + epsilon);
        for (int k = 0; k < width; ++k) out[k] = (x[k] - mean) * factor * scale[k] + shift[k];
    }
}
