/* Decimal numbers from outside: see number.h. */
#include "base/number.h"

bool number_parse(struct str token, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;

	if (token.n == 0)
		return false;
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] < '0' || token.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(number, 10U, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(token.p[i] - '0'), &number) ||
		    number > max)
			return false;
	}
	*value = number;
	return true;
}

bool number_add(uint64_t a, uint64_t b, uint64_t *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}
