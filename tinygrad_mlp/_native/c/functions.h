/* Functions of one number, as NumPy has them; read once for each kind of `real`.
 *
 * They have no branches, only choices between two finished numbers, so that a compiler makes vector
 * code of the loops around them, and a number has the same result wherever it stands. Each one is
 * brought to a small interval, where a polynomial is enough. Its coefficients make the largest error
 * there least, or nearly (by Remez' algorithm, or through Chebyshev's points, in 60 digits, then
 * rounded); "2^-59" beside one is that error, as a part of the function that it serves.
 */
#include <math.h>
#undef LIBM
#undef PER_TYPE
#undef POLYNOMIAL
#if REAL_BITS == 64
#define LIBM(name) name
#define PER_TYPE(of_double, of_float) of_double
#define POLYNOMIAL(x, of_double, of_float) POLYNOMIAL_OF(x, LIST of_double)
typedef uint64_t NAME(word);
#else
#define LIBM(name) name##f
#define PER_TYPE(of_double, of_float) of_float##f
#define POLYNOMIAL(x, of_double, of_float) POLYNOMIAL_OF(x, LIST of_float)
typedef uint32_t NAME(word);
#endif
#define BIAS (REAL_BITS == 64 ? 1023 : 127)
#define MANTISSA_BITS (REAL_BITS == 64 ? 52 : 23)
#define INF ((real)__builtin_inf())
#define NOT_A_NUMBER ((real)__builtin_nan(""))
#define LIST(...) __VA_ARGS__
#define POLYNOMIAL_OF(x, ...) \
  NAME(polynomial)(x, (const real[]){__VA_ARGS__}, sizeof((real[]){__VA_ARGS__}) / sizeof(real))

INLINE NAME(word) NAME(bits)(real x) {
  NAME(word) w;
  __builtin_memcpy(&w, &x, sizeof w);
  return w;
}
INLINE real NAME(of_bits)(NAME(word) w) {
  real x;
  __builtin_memcpy(&x, &w, sizeof x);
  return x;
}

/* a b + c */
INLINE real NAME(fused)(real a, real b, real c) {
#if HAS_FMA
  return LIBM(__builtin_fma)(a, b, c);
#else
  return a * b + c;
#endif
}

/* The upper half of the bits of x: the product of two such numbers is exact. */
INLINE real NAME(upper)(real x) {
  return NAME(of_bits)(NAME(bits)(x) & (NAME(word))-1 << (REAL_BITS == 64 ? 27 : 12));
}

/* a - b c, exact but for its own rounding, if b c is near a */
INLINE real NAME(remainder)(real a, real b, real c) {
#if HAS_FMA
  return LIBM(__builtin_fma)(-b, c, a);
#else
  const real b1 = NAME(upper)(b), b2 = b - b1, c1 = NAME(upper)(c), c2 = c - c1;
  return ((a - b1 * c1) - b1 * c2 - b2 * c1) - b2 * c2;
#endif
}

/* c[0] + c[1] x + ...: even and odd powers apart, so that two chains go on at once. n >= 2. */
INLINE real NAME(polynomial)(real x, const real *c, int n) {
  const real z = x * x;
  real even = c[(n - 1) / 2 * 2], odd = c[n / 2 * 2 - 1];
  for (int k = (n - 1) / 2 * 2 - 2; k >= 0; k -= 2) even = NAME(fused)(even, z, c[k]);
  for (int k = n / 2 * 2 - 3; k >= 0; k -= 2) odd = NAME(fused)(odd, z, c[k]);
  return NAME(fused)(odd, x, even);
}

/* All bits where a condition is true, none where not: a choice that no compiler makes a branch of. */
INLINE NAME(word) NAME(all_or_none)(int condition) { return -(NAME(word))condition; }

INLINE real NAME(absolute)(real x) { return LIBM(__builtin_fabs)(x); }
INLINE real NAME(signed_as)(real x, real y) { return LIBM(__builtin_copysign)(x, y); }
INLINE real NAME(sign)(real x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }
INLINE real NAME(rint)(real x) { return LIBM(__builtin_rint)(x); }
INLINE real NAME(floor)(real x) { return LIBM(__builtin_floor)(x); }
INLINE real NAME(sqrt)(real x) { return LIBM(__builtin_sqrt)(x); }

/* The same number by multiplications, for where the processor divides: it takes roots and quotients
 * in one unit, one after the other, and multiplies meanwhile. Half the bits of x are nearly half its
 * logarithm, which gives 1 / sqrt(x) to 5 bits; each round doubles them for g = sqrt(x) and for
 * h = 1 / (2 sqrt(x)). The last step has the exact rest, so that the rounding is the right one. */
INLINE real NAME(root)(real x) {
#if HAS_FMA && REAL_BITS == 64
  const real y = x < 0x1p-900 ? x * 0x1p200 : x, back = x < 0x1p-900 ? 0x1p-100 : 1;
  const real start = NAME(of_bits)(0x5fe6eb50c7b537a9 - (NAME(bits)(y) >> 1));
  real g = y * start, h = 0.5 * start;
#define ROUND                                            \
  {                                                      \
    const real rest = NAME(fused)(-g, h, 0.5);           \
    g = NAME(fused)(g, rest, g), h = NAME(fused)(h, rest, h); \
  }
  ROUND ROUND ROUND ROUND /* no loop, around which none would become vector code */
#undef ROUND
  g = NAME(fused)(NAME(remainder)(y, g, g), h, g) * back;
  const real other = x < 0 ? NOT_A_NUMBER : x;
  g = x > 0 ? g : other;
  return x < INF ? g : other;
#else
  return NAME(sqrt)(x);
#endif
}

/* The same for vectors, where the processor knows 1 / sqrt(x) to 14 bits: two rounds instead of four. */
#undef HAS_ROOTS
#define HAS_ROOTS (VECTOR_BYTES == 64 && REAL_BITS == 64)
#if HAS_ROOTS
INLINE __m512d roots(__m512d x) {
#define ALL(x) _mm512_set1_pd(x)
#define WHERE(x, IS, y) _mm512_cmp_pd_mask(x, ALL(y), _CMP_##IS##_OQ)
  const __m512d half = ALL(0.5);
  const __mmask8 small = WHERE(x, LT, 0x1p-900), inside = WHERE(x, GT, 0) & WHERE(x, LT, __builtin_inf());
  const __m512d y = _mm512_mask_mul_pd(x, small, x, ALL(0x1p200)), start = _mm512_rsqrt14_pd(y);
  __m512d g = y * start, h = half * start;
  UNROLL for (int round = 0; round < 2; round++) {
    const __m512d rest = _mm512_fnmadd_pd(g, h, half);
    g = _mm512_fmadd_pd(g, rest, g), h = _mm512_fmadd_pd(h, rest, h);
  }
  g = _mm512_fmadd_pd(_mm512_fnmadd_pd(g, g, y), h, g);
  g = _mm512_mask_mul_pd(g, small, g, ALL(0x1p-100));
  const __m512d other = _mm512_mask_mov_pd(x, WHERE(x, LT, 0), ALL(__builtin_nan("")));
  return _mm512_mask_mov_pd(other, inside, g);
#undef ALL
#undef WHERE
}
#endif

/* The integer n nearest to a small number is found by adding the number to a large one that has no
 * digits behind the point. Its last bits then hold n + 2 BIAS, and BIAS + n
 * is what a float holds as the exponent of 2^n. */
#define LARGE (PER_TYPE(0x1.8p52 + 2046, 0x1.8p23f + 254.))
INLINE real NAME(power_of_two)(NAME(word) last_bits) {
  return NAME(of_bits)((last_bits - BIAS) << MANTISSA_BITS);
}

/* x 2^n in two steps, as 2^n may be out of range where x 2^n is not. */
INLINE real NAME(scaled)(real x, NAME(word) last_bits) {
  const NAME(word) half = last_bits >> 1;
  return x * NAME(of_bits)(half << MANTISSA_BITS) * NAME(of_bits)((last_bits - half) << MANTISSA_BITS);
}

/* e^x = 2^n e^(r + rest), |r| <= log(2) / 2; cosh r = 1 + z even, sinh r = r + r z odd, z = r^2.
 * log(2) is the sum of two numbers; the product of n and the first one is exact. */
typedef struct {
  real n, r, rest, z, even, odd;
  NAME(word) last_bits;
} NAME(exponential);

INLINE NAME(exponential) NAME(split_exp)(real x) {
  const real t = NAME(fused)(x, PER_TYPE(1.4426950408889634, 1.442695), LARGE), n = t - LARGE;
  const real high = NAME(fused)(-n, PER_TYPE(0x1.62e42fefa38p-1, 0x1.62e4p-1), x);
  const real low = PER_TYPE(0x1.ef35793c7673p-45, 0x1.7f7d1cp-20);
  const real r = NAME(fused)(-n, low, high), rest = NAME(fused)(-n, low, high - r), z = r * r;
  const real even = POLYNOMIAL(z, /* 2^-59; of floats 2^-29 */
      (0.5, 0.04166666666666668, 0.0013888888888879004, 2.480158733663095e-05,
       2.755726307730941e-07, 2.091821231913398e-09),
      (0.5f, 0.041666463f, 0.0013933731f));
  const real odd = POLYNOMIAL(z,
      (0.16666666666666669, 0.008333333333330039, 0.00019841269863171557, 2.7557268276905696e-06,
       2.5100472505694996e-08),
      (0.16666667f, 0.0083333105f, 0.0001989108f));
  return (NAME(exponential)){n, r, rest, z, even, odd, NAME(bits)(t)};
}

/* e^r - 1 */
INLINE real NAME(minus_one)(NAME(exponential) e) {
  return NAME(fused)(e.z, NAME(fused)(e.r, e.odd, e.even), e.r);
}

/* Results out of the range of these sums are chosen last, where that costs least. */
INLINE real NAME(in_range)(real x, real low, real high, real y) {
  y = NAME(of_bits)(NAME(bits)(y) & NAME(all_or_none)(!(x < low)));
  return x > high ? INF : y;
}

INLINE real NAME(exp)(real x) {
  const NAME(exponential) e = NAME(split_exp)(x);
  const real p = 1 + NAME(minus_one)(e);
  return NAME(in_range)(x, PER_TYPE(-746, -104.), PER_TYPE(710, 89.), NAME(scaled)(p, e.last_bits));
}

/* 2^(x - missing) = 2^n (1 + r p(r)) */
INLINE real NAME(exp2_of)(real x, real missing) {
  const real t = x + LARGE, r = (x - (t - LARGE)) - missing;
  const real p = POLYNOMIAL(r, /* 2^-54; of floats 2^-25 */
      (0.6931471805599453, 0.24022650695910097, 0.05550410866482166, 0.009618129107606885,
       0.0013333558146395984, 0.00015403530441743824, 1.5252733853301971e-05,
       1.3215442583190451e-06, 1.0178051718106543e-07, 7.072586888381159e-09,
       4.456677104297009e-10),
      (0.6931472f, 0.2402265f, 0.05550357f, 0.009618031f, 0.0013390869f, 0.00015469738f));
  const real y = NAME(scaled)(NAME(fused)(r, p, 1), NAME(bits)(t));
  return NAME(in_range)(x, PER_TYPE(-1076, -151.), PER_TYPE(1025, 129.), y);
}
INLINE real NAME(exp2)(real x) { return NAME(exp2_of)(x, 0); }

/* 2^n - 1 + 2^n r as a sum of two numbers, then the rest of 2^n (e^r - 1); all of it halved, as 2^n
 * may overflow. */
INLINE real NAME(expm1)(real x) {
  const NAME(exponential) e = NAME(split_exp)(x);
  const real s = NAME(power_of_two)(e.last_bits - 1);
  const real first = s - (real)0.5, second = s * e.r, sum = first + second;
  const real c = NAME(fused)(e.z, NAME(fused)(e.r, e.odd, e.even), e.rest);
  const real y = 2 * (sum + NAME(fused)(s, c, (first - sum) + second));
  const real limit = x > PER_TYPE(710, 89.) ? INF : x < PER_TYPE(-40, -20.) ? -1 : y;
  return NAME(absolute)(x) < PER_TYPE(0x1p-54, 0x1p-25) ? x : limit;
}

/* tanh |x| = 1 - 2 / (e^(2 |x|) + 1), which is exact enough if it is over 1/2; else x + x^3 p(x^2). */
INLINE real NAME(tanh)(real x) {
  const real a = NAME(absolute)(x), z = a * a;
  const NAME(exponential) e = NAME(split_exp)(2 * a);
  const real s = NAME(power_of_two)(e.last_bits);
  const real large = 1 - 2 / NAME(fused)(s, NAME(minus_one)(e), s + 1);
  const real p = POLYNOMIAL(z, /* 2^-58; of floats 2^-28 */
      (-0.33333333333333304, 0.13333333333327438, -0.053968253964160134, 0.021869488395875263,
       -0.00886323274901247, 0.0035920933942720132, -0.0014555509842171185, 0.0005884758192656219,
       -0.00023345673177606872, 8.34186361759514e-05, -1.9554817172939294e-05),
      (-0.3333332f, 0.13332613f, -0.05385484f, 0.02108124f, -0.006286805f));
  const real y = a < PER_TYPE(0.55, 0.55) ? NAME(fused)(a * z, p, a) : large;
  return NAME(signed_as)(a > PER_TYPE(20, 10.) ? 1 : y, x);
}

/* With a = 2^(n-1) + 2^-(n+1), b = 2^(n-1) - 2^-(n+1), of x = n log(2) + r:
 * cosh x = a cosh r + b sinh r, sinh x = b cosh r + a sinh r. A quarter of it, as a may overflow. */
INLINE real NAME(hyperbolic)(real x, int is_sinh) {
  const NAME(exponential) e = NAME(split_exp)(x);
  const real up = NAME(power_of_two)(e.last_bits - 3);
  const real inverse = NAME(power_of_two)(4 * BIAS - e.last_bits - 3);
  const real down = e.n > PER_TYPE(1000, 100.) ? 0 : inverse;
  const real a = up + down, b = up - down;
  const real first = is_sinh ? b : a, second = (is_sinh ? a : b) * e.r, sum = first + second;
  const real even = e.z * e.even, odd = NAME(fused)(e.r * e.z, e.odd, e.rest);
  const real tail = is_sinh ? NAME(fused)(b, even, a * odd) : NAME(fused)(a, even, b * odd);
  return (sum + (((first - sum) + second) + tail)) * 4;
}
INLINE real NAME(sinh)(real x) {
  const real a = NAME(absolute)(x), y = NAME(hyperbolic)(a, 1);
  return a < PER_TYPE(0x1p-27, 0x1p-13) ? x : NAME(signed_as)(a > PER_TYPE(711, 90.) ? INF : y, x);
}
INLINE real NAME(cosh)(real x) {
  const real a = NAME(absolute)(x), y = NAME(hyperbolic)(a, 0);
  return a > PER_TYPE(711, 90.) ? INF : y;
}

/* For x >= 0.46, erfc x = exp(-x^2) w p(t) with w = 1 / (x + 4), t = 1 - 8 w. `error` is how far w is
 * off, as a part of it; it moves the result by about 1 + 3 w + 43 w^2 times that. Nearer to 0,
 * erfc x = 1 - x - x s(x^2); for a negative x it is 2 - erfc(-x). */
INLINE real NAME(erfc)(real x) {
  const real a = NAME(absolute)(x), d = a + 4, w = 1 / d, t = 1 - 8 * w, square = a * a;
  const real error = NAME(remainder)(1, w, d) - ((4 - d) + a) * w;
  const real s = POLYNOMIAL(square, /* s: 2^-55, p: 2^-57; of floats s: 2^-29, p: 2^-26 */
      (0.1283791670955126, -0.37612638903183676, 0.11283791670945745, -0.026866170640570106,
       0.00522397751430438, -0.0008548311798336291, 0.00012054105791815798,
       -1.4867808546751538e-05, 1.49795242947636e-06),
      (0.12837917f, -0.37612623f, 0.11283205f, -0.02678779f, 0.0047933855f));
  const real p0 = PER_TYPE(1.095995661000491, 1.0959957);
  const real rest_of_p0 = PER_TYPE(5.764369163265646e-17, 2.1655684e-09);
  const real p1 = PER_TYPE(-0.976548729080882, -0.9765486);
  const real p2 = POLYNOMIAL(t,
      (0.7732087022652371, -0.5408538313132363, 0.3308515878780085, -0.17401093723987984,
       0.07638151490947426, -0.026370053341403868, 0.006112055652636995, -0.0002809588541052662,
       -0.00045505265448907064, 0.00017681274740705466, -3.635340662813691e-06,
       -1.886061017793708e-05, 4.6950351000087784e-06, 1.4235095642753033e-06,
       -8.476851167031911e-07, -7.447270334061567e-08, 1.264075958714423e-07,
       -6.794777954823084e-11, -1.7425414774398256e-08, 4.987145155949833e-10,
       1.733261905155421e-09),
      (0.7732078f, -0.54086035f, 0.330871f, -0.17392206f, 0.076267764f, -0.026861914f,
       0.0062107462f, 0.00072067766f));
  const real q = NAME(fused)(t, p2, p1), rest_of_q = NAME(fused)(t, p2, p1 - q);
  const real p = NAME(fused)(t, q, p0);
  const real rest_of_p = NAME(fused)(t, rest_of_q, NAME(fused)(t, q, p0 - p)) + rest_of_p0;
  const real y = w * p;
  const real rest_of_y = w * rest_of_p - NAME(remainder)(y, w, p) + y * error * (1 + w * (3 + 43 * w));
  const NAME(exponential) e = NAME(split_exp)(-square);
  const real rest = e.rest + NAME(remainder)(square, a, a);
  const real near_g = NAME(minus_one)(e), g = NAME(fused)(rest, near_g, rest) + near_g;
  const real product = y + NAME(fused)(y, g, NAME(fused)(rest_of_y, g, rest_of_y));
  const real far = NAME(scaled)(product, e.last_bits);
  const real at = a > PER_TYPE(28, 11.) ? 0 : far;
  const real near = (1 - x) - x * s, result = x < 0 ? 2 - at : at;
  return a < PER_TYPE(0.46, 0.46) ? near : result;
}

/* k and f of x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for a positive finite x */
INLINE real NAME(split_log)(real x, real *f) {
  const NAME(word) one = NAME(bits)(1), low = NAME(bits)(PER_TYPE(0.7071067811865476, 0.70710677));
  const NAME(word) is_small = NAME(all_or_none)(x < PER_TYPE(0x1p-1022, 0x1p-126));
  const real large = PER_TYPE(0x1p52, 0x1p23), scale = NAME(of_bits)(is_small & NAME(bits)(large - 1));
  const NAME(word) w = NAME(bits)(NAME(fused)(x, scale, x)) + (one - low);
  *f = NAME(of_bits)((w & (((NAME(word))1 << MANTISSA_BITS) - 1)) + low) - 1;
  return NAME(of_bits)(w >> MANTISSA_BITS | NAME(bits)(large)) -
         NAME(of_bits)(NAME(bits)(large + BIAS) + (is_small & MANTISSA_BITS));
}

/* log(1 + f) - f for sqrt(1/2) <= 1 + f < sqrt(2): with s = f / (2 + f), log(1 + f) = 2 artanh s
 * = 2 s + s^3 p(s^2), and 2 s = f - f^2 / 2 + s f^2 / 2. */
INLINE real NAME(tail_of_log)(real f) {
  const real s = f / (2 + f), z = s * s, half = f * f * (real)0.5;
  const real p = POLYNOMIAL(z, /* 2^-59; of floats 2^-30 */
      (0.6666666666666735, 0.39999999999411306, 0.2857142874322277, 0.22222198479604222,
       0.1818356956894289, 0.15313907293100373, 0.14797469751061965),
      (0.66666776f, 0.39977497f, 0.2987305f));
  return NAME(fused)(s, NAME(fused)(z, p, half), -half);
}

/* k log(2) + f + tail */
INLINE real NAME(sum_of_log)(real k, real f, real tail) {
  const real low = PER_TYPE(0x1.ef35793c7673p-45, 0x1.7f7d1cp-20);
  const real part = f + NAME(fused)(k, low, tail);
  return NAME(fused)(k, PER_TYPE(0x1.62e42fefa38p-1, 0x1.62e4p-1), part);
}

/* What a logarithm of x is, whose result is right where x is positive and finite. */
INLINE real NAME(or_limit)(real x, real result) {
  const real limit = x == 0 ? -INF : NOT_A_NUMBER;
  result = x < INF ? result : x;
  return x > 0 ? result : limit;
}

INLINE real NAME(log)(real x) {
  real f;
  const real k = NAME(split_log)(x, &f);
  return NAME(or_limit)(x, NAME(sum_of_log)(k, f, NAME(tail_of_log)(f)));
}

/* log(1 + x) = log(u + missing), where u is 1 + x rounded. */
INLINE real NAME(log1p)(real x) {
  real f;
  const real u = 1 + x, k = NAME(split_log)(u, &f);
  const NAME(word) n = NAME(bits)(LARGE - (k > 100 ? 100 : k));
  const real part = (x - (u - 1)) * NAME(power_of_two)(n);
  const real g = f + part, rest = (f - g) + part;
  const real result = NAME(sum_of_log)(k, g, NAME(tail_of_log)(g) + rest);
  return NAME(signed_as)(NAME(or_limit)(u, result), x);
}

/* a b + c exact but for the roundings of c and of the result, if b has half of the digits only */
INLINE real NAME(exact_product_plus)(real a, real b, real c) {
#if HAS_FMA
  return LIBM(__builtin_fma)(a, b, c);
#else
  const real a1 = NAME(upper)(a);
  return a1 * b + ((a - a1) * b + c);
#endif
}

/* The logarithm to a base, of which the arguments are 1 / log(base) and log(2) / log(base), each as
 * two numbers; of these the first have few digits, so that their products here are exact. */
INLINE real NAME(log_to_base)(real x, real c1, real c2, real two1, real two2) {
  real f;
  const real k = NAME(split_log)(x, &f), tail = NAME(tail_of_log)(f);
  const real rest = NAME(fused)(f, c2, NAME(fused)(k, two2, tail * (c1 + c2)));
  return NAME(or_limit)(x, NAME(fused)(k, two1, NAME(exact_product_plus)(f, c1, rest)));
}
INLINE real NAME(log2)(real x) {
  return NAME(log_to_base)(x, PER_TYPE(0x1.7154768p0, 0x1.716p0),
                           PER_TYPE(-0x1.6a3e80f444178p-27, -0x1.7135a8p-13), 1, 0);
}
INLINE real NAME(log10)(real x) {
  return NAME(log_to_base)(x, PER_TYPE(0x1.bcb7b18p-2, 0x1.bccp-2),
                           PER_TYPE(-0x1.6c8d78e6acaa4p-29, -0x1.09d5b2p-15),
                           PER_TYPE(0x1.34413509f78p-2, 0x1.3442p-2),
                           PER_TYPE(0x1.fef311f12b358p-46, -0x1.95ec1p-19));
}

/* x^y = 2^(y log2 x) for x >= 0; y log2 x may be 1000, and all its digits behind the point count.
 * So log2 x is found as a sum of two numbers, as each product and each sum on the way that matters:
 * with s and z as above, log(1 + f) = 2 s (1 + z / 3 + z^2 p(z)). */
INLINE real NAME(power_of_positive)(real x, real y) {
  real f;
  const real k = NAME(split_log)(x, &f), d = 2 + f, inverse = 1 / d, s = f * inverse, z = s * s;
  const real rest_of_s = (NAME(remainder)(f, s, d) - s * ((2 - d) + f)) * inverse;
  const real rest_of_z = NAME(fused)(2 * s, rest_of_s, -NAME(remainder)(z, s, s));
  const real p = POLYNOMIAL(z, /* 2^-66; of floats 2^-37 */
      (0.20000000000001125, 0.14285714285050047, 0.11111111260043734, 0.09090892167633906,
       0.07693379725560615, 0.06628377819734314, 0.06598503401235471),
      (0.20000076f, 0.14273547f, 0.117098086f));
  const real third = PER_TYPE(0.3333333333333333, 0.33333334), u = z * third, h = 1 + u;
  const real rest_of_third = PER_TYPE(1.850371707708594e-17, -9.934107e-09);
  const real more = NAME(fused)(z, rest_of_third, rest_of_z * third);
  const real rest_of_u = NAME(fused)(z * z, p, more) - NAME(remainder)(u, z, third);
  const real rest_of_h = ((1 - h) + u) + rest_of_u, m = s * h;
  const real rest_of_m = NAME(fused)(s, rest_of_h, rest_of_s * h) - NAME(remainder)(m, s, h);
  const real c = PER_TYPE(2.8853900817779268, 2.88539); /* 2 / log(2) */
  const real rest_of_c = PER_TYPE(4.0710547481862066e-17, 3.851926e-08), v = m * c, sum = k + v;
  const real rest_of_v = NAME(fused)(m, rest_of_c, rest_of_m * c) - NAME(remainder)(v, m, c);
  const real rest_of_sum = ((k - sum) + v) + rest_of_v, all = sum + rest_of_sum;
  const real rest = (sum - all) + rest_of_sum;
  const real logarithm = NAME(or_limit)(x, all), product = y * logarithm;
  return NAME(exp2_of)(product, NAME(remainder)(product, y, logarithm) - y * rest);
}

INLINE real NAME(power)(real x, real y) {
  const real a = NAME(absolute)(x), p = NAME(power_of_positive)(a, y);
  const int is_whole = NAME(rint)(y) == y, is_odd = is_whole & (NAME(rint)(y / 2) != y / 2);
  const int is_one = (y == 0) | (x == 1) | ((x == -1) & (NAME(absolute)(y) == INF));
  const NAME(word) sign = NAME(bits)(x) & NAME(bits)(-(real)0) & NAME(all_or_none)(is_odd);
  const NAME(word) not_real = NAME(all_or_none)((x < 0) & (a < INF) & !is_whole);
  const NAME(word) one = NAME(all_or_none)(is_one);
  return NAME(of_bits)(((NAME(bits)(p) | sign | not_real) & ~one) | (NAME(bits)(1) & one));
}

/* These stay with libm: they are rare, and a large x, less a multiple of pi, takes many digits of pi
 * or a branch. */
INLINE real NAME(sin)(real x) { return LIBM(sin)(x); }
INLINE real NAME(cos)(real x) { return LIBM(cos)(x); }
INLINE real NAME(tan)(real x) { return LIBM(tan)(x); }
INLINE real NAME(arcsin)(real x) { return LIBM(asin)(x); }
INLINE real NAME(arccos)(real x) { return LIBM(acos)(x); }
INLINE real NAME(arctan)(real x) { return LIBM(atan)(x); }
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
