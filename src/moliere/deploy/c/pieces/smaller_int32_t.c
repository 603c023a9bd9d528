static inline int32_t smaller_int32_t(int32_t a, int32_t b) { return a < b ? a : b; }
