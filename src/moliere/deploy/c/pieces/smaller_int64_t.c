static inline int64_t smaller_int64_t(int64_t a, int64_t b) { return a < b ? a : b; }
