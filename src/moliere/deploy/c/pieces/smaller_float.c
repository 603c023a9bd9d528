static inline float smaller_float(float a, float b) { return a < b || a != a ? a : b; }
