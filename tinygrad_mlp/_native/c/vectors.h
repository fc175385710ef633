/* Vectors as wide as the registers of the instruction set, and no wider: wider ones are taken apart
 * and go through memory. `real` is double or float; this file is read once for each.
 *
 * madd(a, b, c) is a b + c, in one rounding where the instruction set has that and in two where not.
 * It is the only place where roundings may be saved: the compiler is told not to do it by itself.
 */
#undef VECTOR_BYTES
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif

typedef real NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef real NAME(loose) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
enum { NAME(LANES) = VECTOR_BYTES / sizeof(real) };

INLINE NAME(vector) NAME(load)(const real *p) { return (NAME(vector)) * (const NAME(loose) *)p; }
INLINE void NAME(store)(real *p, NAME(vector) v) { *(NAME(loose) *)p = (NAME(loose))v; }
