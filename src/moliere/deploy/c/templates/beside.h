
/* Numbers of the weights, which lie as little-endian floats in the file beside this one; the caller reads them. */
#define ${NAME}_WEIGHTS $n
