void ${name}_draw(uint32_t run, uint32_t event, uint32_t track, float *latent)
{
$parts
}
