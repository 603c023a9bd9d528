/* The numbers of one part of a latent: 0 normal, 1 half-normal, 2 logistic, 3 uniform, 4 sign. */
static void draw_part(uint32_t run, uint32_t event, uint32_t track, uint32_t part, int size, int law, double scale,
                      double share, float *out)
{
    for (int start = 0; start < size; start += 4) {
        uint32_t const counter[4] = {(uint32_t)start / 4, track, part, 0};
        uint32_t words[4];
        double numbers[4];
        philox(counter, run, event, words);
        for (int k = 0; k < 4; ++k) numbers[k] = ((double)words[k] + 0.5) * 2.3283064365386963e-10;
        for (int k = 0; k < 4; ++k) {
            double const u = numbers[k];
            if (law == 2) numbers[k] = log_of(u) - log_of(1.0 - u);
            if (law == 3) numbers[k] = scale * (2.0 * u - 1.0);
            if (law == 4) numbers[k] = u < share ? 1.0 : -1.0;
        }
        for (int k = 0; k < 4 && law < 2; k += 2) {
            double const radius = sqrt(-2.0 * log_of(numbers[k]));
            double sine, cosine;
            turn(numbers[k + 1], &sine, &cosine);
            numbers[k] = radius * cosine;
            numbers[k + 1] = radius * sine;
        }
        for (int k = 0; k < 4 && start + k < size; ++k)
            out[start + k] = (float)(law == 1 ? fabs(numbers[k]) : numbers[k]);
    }
}
