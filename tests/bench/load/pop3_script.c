/* What a session says: see pop3_script.h. */
#include "pop3_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define LINE_MAX_OCTETS 64

static const struct verb {
	const char *name;
	enum reply_kind reply;
	bool ranged; /* takes a message number */
} verbs[] = {
	{ "STAT", REPLY_STAT, false }, { "LIST", REPLY_LIST, false },
	{ "UIDL", REPLY_UIDL, false }, { "NOOP", REPLY_OK, false },
	{ "QUIT", REPLY_OK, false },   { "RETR", REPLY_RETR, true },
	{ "DELE", REPLY_OK, true },
};

static void *grown(void *array, size_t octets)
{
	array = realloc(array, octets);
	if (array == NULL)
		die("realloc");
	return array;
}

static void add_step(struct script *script, const struct verb *verb, unsigned long msgno)
{
	if (script->count == script->cap) {
		script->cap = script->cap * 2 + 64;
		script->steps = grown(script->steps, script->cap * sizeof script->steps[0]);
	}
	if (script->text_cap - script->text_n < LINE_MAX_OCTETS) {
		script->text_cap = script->text_cap * 2 + 4096;
		script->text = grown(script->text, script->text_cap);
	}
	char *to = script->text + script->text_n;
	const int n = verb->ranged
			      ? snprintf(to, LINE_MAX_OCTETS, "%s %lu\r\n", verb->name, msgno)
			      : snprintf(to, LINE_MAX_OCTETS, "%s\r\n", verb->name);
	script->steps[script->count++] = (struct step){
		.reply = verb->reply, .msgno = msgno, .at = script->text_n, .n = (size_t)n
	};
	script->text_n += (size_t)n;
}

static const struct verb *verb_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	fprintf(stderr, "no such command: %s\n", name);
	exit(64);
}

void script_add(struct script *script, const char *command)
{
	char name[8] = "";
	unsigned long first, last;
	const int found = sscanf(command, "%7s %lu-%lu", name, &first, &last);

	if (found == 2)
		last = first;
	if (strcmp(name, "FETCH") == 0) {
		for (unsigned long msgno = first; found > 1 && msgno <= last; msgno++) {
			add_step(script, verb_of("RETR"), msgno);
			add_step(script, verb_of("DELE"), msgno);
		}
		return;
	}
	const struct verb *verb = verb_of(name);

	if (verb->ranged != (found > 1)) {
		fprintf(stderr, "wrong arguments: %s\n", command);
		exit(64);
	}
	if (!verb->ranged)
		first = last = 0;
	for (unsigned long msgno = first; msgno <= last; msgno++)
		add_step(script, verb, msgno);
}

void script_free(struct script *script)
{
	free(script->text);
	free(script->steps);
	*script = (struct script){ 0 };
}
