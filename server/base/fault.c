/* The reason of a failure: see fault_set in log.h. */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

void fault_set(struct fault *fault, const char *format, ...)
{
	va_list arguments;

	if (fault == NULL)
		return;
	va_start(arguments, format);
	if (vsnprintf(fault->text, sizeof fault->text, format, arguments) < 0)
		fault->text[0] = '\0';
	va_end(arguments);
}
