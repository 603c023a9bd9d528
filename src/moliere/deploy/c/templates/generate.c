void ${name}_generate(${weights_argument}const float *latent, const double *condition, int n, float *signals,
    void *workspace)
{
    unsigned char *memory = workspace;
    memory += 63 - ((uintptr_t)memory + 63) % 64;
    for (int done = 0; done < n; done += TOGETHER) {
        int const now = n - done < TOGETHER ? n - done : TOGETHER;
        for (int k = 0; k < now; ++k) {
            unsigned char *own = memory + (size_t)k * SHOWER;
            memcpy(own + $latent_place, latent + (size_t)(done + k) * ${NAME}_LATENT, ${NAME}_LATENT * sizeof(float));
$given        }
        make(${weights_name}now, memory);
        for (int k = 0; k < now; ++k)
            memcpy(signals + (size_t)(done + k) * ${NAME}_CHANNELS, memory + (size_t)k * SHOWER + $signals_place,
                ${NAME}_CHANNELS * sizeof(float));
    }
}
