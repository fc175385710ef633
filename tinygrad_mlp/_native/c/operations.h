/* Every operation that a record can name, in the order of their numbers.
 *
 * UNARY(name, result of x), BINARY(name, result of x and y), TERNARY(name, result of x, y and z):
 * element by element, named as in NumPy. KERNEL(name): a loop of its own. What is true is 1, what is
 * false 0. Whoever reads this file says what ELEMENTWISE(name, number of operands, result) and KERNEL
 * are; afterwards they are nothing again.
 */
#define UNARY(NAME_, RESULT) ELEMENTWISE(NAME_, 1, RESULT)
#define BINARY(NAME_, RESULT) ELEMENTWISE(NAME_, 2, RESULT)
#define TERNARY(NAME_, RESULT) ELEMENTWISE(NAME_, 3, RESULT)
UNARY(copy, x)
UNARY(negative, -x)
UNARY(absolute, NAME(absolute)(x))
UNARY(sign, NAME(sign)(x))
UNARY(rint, NAME(rint)(x))
UNARY(floor, NAME(floor)(x))
UNARY(sqrt, NAME(sqrt)(x))
UNARY(exp, NAME(exp)(x))
UNARY(exp2, NAME(exp2)(x))
UNARY(expm1, NAME(expm1)(x))
UNARY(log, NAME(log)(x))
UNARY(log2, NAME(log2)(x))
UNARY(log10, NAME(log10)(x))
UNARY(log1p, NAME(log1p)(x))
UNARY(sin, NAME(sin)(x))
UNARY(cos, NAME(cos)(x))
UNARY(tan, NAME(tan)(x))
UNARY(arcsin, NAME(arcsin)(x))
UNARY(arccos, NAME(arccos)(x))
UNARY(arctan, NAME(arctan)(x))
UNARY(sinh, NAME(sinh)(x))
UNARY(cosh, NAME(cosh)(x))
UNARY(tanh, NAME(tanh)(x))
UNARY(erfc, NAME(erfc)(x))
UNARY(logical_not, x == 0 ? 1 : 0)
BINARY(add, x + y)
BINARY(subtract, x - y)
BINARY(multiply, x * y)
BINARY(divide, x / y)
BINARY(power, NAME(power)(x, y))
BINARY(mod, NAME(mod)(x, y))
BINARY(floor_divide, NAME(floor_divide)(x, y))
BINARY(maximum, y != y ? y : y > x ? y : x)
BINARY(minimum, y != y ? y : y < x ? y : x)
BINARY(fmax, x >= y || y != y ? x : y)
BINARY(less, x < y ? 1 : 0)
BINARY(less_equal, x <= y ? 1 : 0)
BINARY(greater, x > y ? 1 : 0)
BINARY(greater_equal, x >= y ? 1 : 0)
BINARY(equal, x == y ? 1 : 0)
BINARY(not_equal, x != y ? 1 : 0)
BINARY(logical_and, x != 0 && y != 0 ? 1 : 0)
TERNARY(where, x != 0 ? y : z)
/* Two or three operations in one pass, each rounded as if it stood alone. */
TERNARY(multiply_add, x * y + z)
TERNARY(multiply_where_unequal, x * (y != z ? 1 : 0))
TERNARY(subtract_product, x - y * z)
TERNARY(divide_by_root, x / (NAME(root)(y) + z))
KERNEL(sum)          /* over the axes on which out does not move; these come last */
KERNEL(largest)      /* likewise; nan if any is */
KERNEL(product)      /* extents S, M, N, K, L: out[s, m, n] = sum over k, l of in[0] in[1] */
KERNEL(row_products) /* extents S, P, Q, K, B: out[s, p, q, b] = sum over k of in[0] in[1] */
KERNEL(gather)       /* out[i, b] = in[0][in[1][i], b]; extents 1, 1, 1, I, B */
KERNEL(scatter)      /* see there */
KERNEL(loss)         /* *out += in[0] * sum of in[1] in[2], of which out is a double */
KERNEL(weighted)     /* likewise, where a weight in[1] of 0 counts nothing, even of inf */
KERNEL(adam)         /* a step of out, with gradients in[0]; moves the averages in[1] and in[2] */
#undef UNARY
#undef BINARY
#undef TERNARY
#undef ELEMENTWISE
#undef KERNEL
