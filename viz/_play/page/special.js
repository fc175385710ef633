// The functions of numbers that rules of operations call and JavaScript lacks, or has otherwise.

/**
 * erfc is t exp(P(2 t - 1) - x^2) for x >= 0, with t = 2 / (2 + x); these are the coefficients of P in Chebyshev
 * polynomials, from its values at 64 Chebyshev points, computed with 60 digits.
 */
const ERFC = [
  -0.6513268598908547, 0.6419697923564902, 0.019476473204185836, -0.009561514786808632, -0.0009465953444820369,
  0.00036683949785276145, 4.252332480690777e-5, -2.0278578112534242e-5, -1.6242900046470256e-6, 1.3036558355805232e-6,
  1.5626441722066142e-8, -8.523809591492654e-8, 6.5290544390988515e-9, 5.059343495551469e-9, -9.91364156493033e-10,
  -2.273651222931836e-10, 9.646791102015527e-11, 2.3940380830391146e-12, -6.886027526497553e-12, 8.944879273090725e-13,
  3.130921399342958e-13, -1.1270822361367252e-13, 3.810905255189232e-16, 7.106097613609237e-15,
];

const Special = {
  erfc(x) {
    const size = Math.abs(x);
    const t = 2 / (2 + size);
    const y = 2 * t - 1;
    let [last, one_before] = [0, 0];
    for (let place = ERFC.length - 1; place > 0; place--) {
      [last, one_before] = [2 * y * last - one_before + ERFC[place], last];
    }
    const tail = t * Math.exp(y * last - one_before + ERFC[0] - size * size);
    return x < 0 ? 2 - tail : tail;
  },

  /** The nearest whole number, of two the even one. */
  rint(x) {
    const below = Math.floor(x);
    const beyond = x - below;
    if (beyond === 0.5) return below % 2 === 0 ? below : below + 1;
    return beyond > 0.5 ? below + 1 : below;
  },

  /** What is left of a after whole multiples of b, with the sign of b. */
  mod(a, b) {
    const left = a % b;
    return left !== 0 && left < 0 !== b < 0 ? left + b : left;
  },

  floor_divide(a, b) {
    if (b === 0) return a / b;
    return Math.round((a - Special.mod(a, b)) / b);
  },

  /** As in C: 1 to any power is 1, and so is -1 to an infinite one. */
  power(a, b) {
    return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
  },

  sigmoid(x) {
    return 1 / (1 + Math.exp(-x));
  },

  softplus(x) {
    return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  },

  sign(x) {
    return x > 0 ? 1 : x < 0 ? -1 : x + 0;
  },

  finite(x) {
    return Math.min(Math.max(x, -Number.MAX_VALUE), Number.MAX_VALUE);
  },

  /** The sum of numbers without one of those that are 1. */
  sum_less_one(terms) {
    const one = terms.indexOf(1);
    return terms.reduce((sum, term, place) => (place === one ? sum : sum + term), one < 0 ? -1 : 0);
  },
};
