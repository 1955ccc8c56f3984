/* The configuration as text again: what is in force, in the file's own syntax. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "config_private.h"
#include "restante/limits.h"

/* A list of networks is the longest value: braces, and each quoted with prefix and comma. */
#define VALUE_MAX 4096
static_assert(VALUE_MAX > 3 + CONFIG_NETWORKS_MAX * (INET6_ADDRSTRLEN + 8),
	      "a list of networks must fit");

static void line_of(const struct config_option *option, const void *base, const char *indent,
		    struct buf *line)
{
	char value[VALUE_MAX];

	option_format(option, base, value, sizeof value);
	(void)buf_add(line, str_of(indent));
	(void)buf_add(line, str_of(option->name));
	(void)buf_add(line, STR(" = "));
	if (option_quoted(option))
		log_escape(line, str_of(value), sizeof value);
	else
		(void)buf_add(line, str_of(value));
	line->p[line->n] = '\0';
}

static bool same_value(const struct config_option *option, const void *a, const void *b)
{
	char one[VALUE_MAX], other[VALUE_MAX];

	option_format(option, a, one, sizeof one);
	option_format(option, b, other, sizeof other);
	return strcmp(one, other) == 0;
}

static bool same_listener(const struct config_listener *a, const struct config_listener *b)
{
	for (size_t i = 0; i < listener_option_count; i++) {
		if (!same_value(&listener_options[i], a, b))
			return false;
	}
	return strcmp(a->name, b->name) == 0;
}

static bool has_listener(const struct config *config, const struct config_listener *listener)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		if (same_listener(&config->listeners[i], listener))
			return true;
	}
	return false;
}

static void show_listener(const struct config_listener *listener,
			  void (*line)(void *context, const char *text), void *context)
{
	char text[VALUE_MAX + 128];
	struct buf to = buf_over(text, sizeof text - 1);

	(void)buf_add(&to, STR("listener "));
	log_escape(&to, str_of(listener->name), LISTENER_NAME_MAX);
	(void)buf_add(&to, STR(" {"));
	text[to.n] = '\0';
	line(context, text);
	for (size_t i = 0; i < listener_option_count; i++) {
		to = buf_over(text, sizeof text - 1);
		line_of(&listener_options[i], listener, "\t", &to);
		line(context, text);
	}
	line(context, "}");
}

void config_show(const struct config *config, bool changed,
		 void (*line)(void *context, const char *text), void *context)
{
	CLEANUP(config_free) struct config *defaults = NULL;
	char text[VALUE_MAX + 128];
	struct fault fault;

	/* Without memory for the defaults everything counts as changed. */
	if (changed && !config_defaults(&defaults, &fault))
		defaults = NULL;
	for (size_t i = 0; i < config_option_count; i++) {
		struct buf to = buf_over(text, sizeof text - 1);

		if (defaults != NULL && same_value(&config_options[i], config, defaults))
			continue;
		line_of(&config_options[i], config, "", &to);
		line(context, text);
	}
	for (size_t i = 0; i < config->listener_count; i++) {
		if (defaults == NULL || !has_listener(defaults, &config->listeners[i]))
			show_listener(&config->listeners[i], line, context);
	}
}

void config_needs_restart(const struct config *old, const struct config *now,
			  void (*name)(void *context, const char *option), void *context)
{
	bool same = old->listener_count == now->listener_count;

	for (size_t i = 0; i < config_option_count; i++)
		if (config_options[i].fixed && !same_value(&config_options[i], old, now))
			name(context, config_options[i].name);
	for (size_t i = 0; i < now->listener_count && same; i++)
		same = has_listener(old, &now->listeners[i]);
	if (!same)
		name(context, "listener");
}

void config_describe(void (*option)(void *context, const struct config_option_text *text),
		     void *context)
{
	char range[128];

	for (size_t i = 0; i < config_option_count + listener_option_count; i++) {
		bool listener = i >= config_option_count;
		const struct config_option *row =
			listener ? &listener_options[i - config_option_count]
				 : &config_options[i];
		struct config_option_text text = { listener ? "listener" : "", row->name,
						   row->def, range, row->help };

		option_range(row, range, sizeof range);
		option(context, &text);
	}
}
