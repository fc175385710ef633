/* Vectors as wide as the registers of the instruction set, and no wider: wider ones are taken apart
 * and go through memory. `real` is double or float; this file is read once for each.
 *
 * madd(a, b, c) is a b + c, in one rounding where the instruction set has that and in two where not.
 * It is the only place where roundings may be saved: the compiler is told not to do it by itself.
 */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* The next loop, of a few rounds, as so many lines. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* HAS_MASKS: the first lanes alone can be read or written, and no memory behind them is touched. */
#undef INTRINSIC
#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define HAS_FMA 1
#define HAS_MASKS 1
#if VECTOR_BYTES == 64 && REAL_BITS == 64
#define INTRINSIC(name) _mm512_##name##_pd
#elif VECTOR_BYTES == 64
#define INTRINSIC(name) _mm512_##name##_ps
#elif REAL_BITS == 64
#define INTRINSIC(name) _mm256_##name##_pd
#else
#define INTRINSIC(name) _mm256_##name##_ps
#endif
#elif defined(__aarch64__)
#include <arm_neon.h>
#define HAS_FMA 1
#define HAS_MASKS 0
#if REAL_BITS == 64
#define INTRINSIC(name) v##name##q_f64
#else
#define INTRINSIC(name) v##name##q_f32
#endif
#else
#define HAS_FMA 0
#define HAS_MASKS 0
#endif

typedef real NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef real NAME(loose) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
enum { NAME(LANES) = VECTOR_BYTES / sizeof(real) };

INLINE NAME(vector) NAME(load)(const real *p) { return (NAME(vector)) * (const NAME(loose) *)p; }
INLINE void NAME(store)(real *p, NAME(vector) v) { *(NAME(loose) *)p = (NAME(loose))v; }

/* x in all lanes (x - 0 is x, of -0.0 too; 0 + x is not). */
INLINE NAME(vector) NAME(spread)(real x) { return x - (NAME(vector)){0}; }

INLINE NAME(vector) NAME(madd)(NAME(vector) a, NAME(vector) b, NAME(vector) c) {
#if HAS_FMA && HAS_MASKS
  return (NAME(vector))INTRINSIC(fmadd)(a, b, c);
#elif HAS_FMA
  return INTRINSIC(fma)(c, a, b);
#else
  return a * b + c;
#endif
}

/* The first n lanes, 0 < n <= LANES; the others read as 0 and are not written. */
#if HAS_MASKS && VECTOR_BYTES == 64
typedef uint32_t NAME(mask);
INLINE NAME(mask) NAME(first)(int n) { return (1u << n) - 1; }
INLINE NAME(vector) NAME(load_first)(const real *p, NAME(mask) m) {
  return (NAME(vector))INTRINSIC(maskz_loadu)(m, p);
}
INLINE void NAME(store_first)(real *p, NAME(vector) v, NAME(mask) m) { INTRINSIC(mask_storeu)(p, m, v); }
#elif HAS_MASKS
typedef __m256i NAME(mask);
INLINE NAME(mask) NAME(first)(int n) {
  static const int32_t bits[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256((const __m256i *)(bits + 8 - n * (REAL_BITS / 32)));
}
INLINE NAME(vector) NAME(load_first)(const real *p, NAME(mask) m) {
  return (NAME(vector))INTRINSIC(maskload)(p, m);
}
INLINE void NAME(store_first)(real *p, NAME(vector) v, NAME(mask) m) { INTRINSIC(maskstore)(p, m, v); }
#else
typedef int NAME(mask);
INLINE NAME(mask) NAME(first)(int n) { return n; }
INLINE NAME(vector) NAME(load_first)(const real *p, NAME(mask) m) {
  NAME(vector) v = {0};
  for (int i = 0; i < NAME(LANES); i++)
    if (i < m) v[i] = p[i];
  return v;
}
INLINE void NAME(store_first)(real *p, NAME(vector) v, NAME(mask) m) {
  for (int i = 0; i < NAME(LANES); i++)
    if (i < m) p[i] = v[i];
}
#endif

/* The lanes with even, or odd, numbers of x and then of y: all that sums and transposes need. */
#if VECTOR_BYTES / (REAL_BITS / 8) == 16
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif VECTOR_BYTES / (REAL_BITS / 8) == 8
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15
#elif VECTOR_BYTES / (REAL_BITS / 8) == 4
#define EVEN_LANES 0, 2, 4, 6
#define ODD_LANES 1, 3, 5, 7
#else
#define EVEN_LANES 0, 2
#define ODD_LANES 1, 3
#endif
#if defined(__clang__)
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#elif REAL_BITS == 64
#define SHUFFLE(x, y, ...) \
  __builtin_shuffle(x, y, (int64_t __attribute__((vector_size(VECTOR_BYTES)))){__VA_ARGS__})
#else
#define SHUFFLE(x, y, ...) \
  __builtin_shuffle(x, y, (int32_t __attribute__((vector_size(VECTOR_BYTES)))){__VA_ARGS__})
#endif
INLINE NAME(vector) NAME(evens)(NAME(vector) x, NAME(vector) y) { return SHUFFLE(x, y, EVEN_LANES); }
INLINE NAME(vector) NAME(odds)(NAME(vector) x, NAME(vector) y) { return SHUFFLE(x, y, ODD_LANES); }
#undef EVEN_LANES
#undef ODD_LANES
#undef SHUFFLE
