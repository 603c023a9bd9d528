
/* The latent that belongs to a track of an event of a run, the same on every machine; any three numbers will do. */
void ${name}_draw(uint32_t run, uint32_t event, uint32_t track, float *latent);
