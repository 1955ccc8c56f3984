/* Lists in the file: sets of words, and what is true of every list. */
#include <stdio.h>

#include "base/log.h"
#include "config_private.h"

static unsigned *field_of(const struct config_option *option, void *base)
{
	return (unsigned *)(void *)((char *)base + option->offset);
}

bool words_add(const struct config_option *option, void *base, const char *text,
	       struct reason *reason)
{
	char range[256];

	for (unsigned i = 0; option->words[i] != NULL; i++) {
		if (strcmp(text, option->words[i]) == 0) {
			*field_of(option, base) |= 1U << i;
			return true;
		}
	}
	option_range(option, range, sizeof range);
	(void)snprintf(reason->text, sizeof reason->text,
		       "is not one of the words possible here (%.200s)", range);
	return false;
}

void words_format(const struct config_option *option, const void *base, char *text, size_t cap)
{
	unsigned set = *(const unsigned *)(const void *)((const char *)base + option->offset);
	struct buf list = buf_over(text, cap - 1);
	bool first = true;

	(void)buf_add_char(&list, '{');
	for (unsigned i = 0; option->words[i] != NULL; i++) {
		if ((set >> i & 1) == 0)
			continue;
		(void)buf_add(&list, first ? STR("") : STR(", "));
		log_escape(&list, str_of(option->words[i]), 64);
		first = false;
	}
	(void)buf_add_char(&list, '}');
	text[list.n] = '\0';
}

bool option_is_list(const struct config_option *option)
{
	return option->type == OPTION_NETWORKS || option->type == OPTION_SET;
}

/* A list of networks is empty by default, so that there is nothing to clear. */
void option_clear(const struct config_option *option, void *base)
{
	if (option->type == OPTION_SET)
		*field_of(option, base) = 0;
}
