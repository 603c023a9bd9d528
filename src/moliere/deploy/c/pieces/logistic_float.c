static inline float logistic_float(float x) { return 1 / (1 + exponential_float(-x)); }
