/* Functions of one number, as NumPy has them; read once for each kind of `real`. */
#include <math.h>
#if REAL_BITS == 64
#define LIBM(name) name
#else
#define LIBM(name) name##f
#endif
INLINE real NAME(absolute)(real x) { return LIBM(__builtin_fabs)(x); }
INLINE real NAME(sign)(real x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }
INLINE real NAME(rint)(real x) { return LIBM(__builtin_rint)(x); }
INLINE real NAME(floor)(real x) { return LIBM(__builtin_floor)(x); }
INLINE real NAME(sqrt)(real x) { return LIBM(__builtin_sqrt)(x); }
INLINE real NAME(exp)(real x) { return LIBM(exp)(x); }
INLINE real NAME(exp2)(real x) { return LIBM(exp2)(x); }
INLINE real NAME(expm1)(real x) { return LIBM(expm1)(x); }
INLINE real NAME(log)(real x) { return LIBM(log)(x); }
INLINE real NAME(log2)(real x) { return LIBM(log2)(x); }
INLINE real NAME(log10)(real x) { return LIBM(log10)(x); }
INLINE real NAME(log1p)(real x) { return LIBM(log1p)(x); }
INLINE real NAME(sin)(real x) { return LIBM(sin)(x); }
INLINE real NAME(cos)(real x) { return LIBM(cos)(x); }
INLINE real NAME(tan)(real x) { return LIBM(tan)(x); }
INLINE real NAME(arcsin)(real x) { return LIBM(asin)(x); }
INLINE real NAME(arccos)(real x) { return LIBM(acos)(x); }
INLINE real NAME(arctan)(real x) { return LIBM(atan)(x); }
INLINE real NAME(sinh)(real x) { return LIBM(sinh)(x); }
INLINE real NAME(cosh)(real x) { return LIBM(cosh)(x); }
INLINE real NAME(tanh)(real x) { return LIBM(tanh)(x); }
INLINE real NAME(erfc)(real x) { return LIBM(erfc)(x); }
INLINE real NAME(power)(real x, real y) { return LIBM(pow)(x, y); }
/* The remainder has the sign of y, as in Python. */
INLINE real NAME(mod)(real x, real y) {
  real r = LIBM(fmod)(x, y);
  if (y != 0 && r != 0 && (r < 0) != (y < 0)) r += y;
  return r == 0 ? LIBM(__builtin_copysign)(0, y) : r;
}
INLINE real NAME(floor_divide)(real x, real y) {
  if (y == 0) return x / y;
  real r = LIBM(fmod)(x, y), q = (x - r) / y;
  if (r != 0 && (r < 0) != (y < 0)) q -= 1;
  if (q == 0) return LIBM(__builtin_copysign)(0, x / y);
  real f = LIBM(__builtin_floor)(q);
  return q - f > (real)0.5 ? f + 1 : f;
}
#undef LIBM
