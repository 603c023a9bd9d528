/* Philox4x32-10 (Salmon et al. 2011): four random words from a counter and a key, without any state. */
static void philox(const uint32_t counter[4], uint32_t first, uint32_t second, uint32_t words[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    for (int round = 0; round < 10; ++round, first += 0x9E3779B9u, second += 0xBB67AE85u) {
        uint64_t const even = (uint64_t)a * 0xD2511F53u, odd = (uint64_t)c * 0xCD9E8D57u;
        a = (uint32_t)(odd >> 32) ^ b ^ first;
        c = (uint32_t)(even >> 32) ^ d ^ second;
        b = (uint32_t)odd;
        d = (uint32_t)even;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}
