/* Runs dialogue scripts: see dialogue.h. */
#include "dialogue.h"

#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum cut { CUT_TURNS, CUT_OCTETS, CUT_PIPELINED, CUT_COUNT };
static const char *const cut_names[] = { "turn by turn", "octet by octet", "pipelined" };

void dialogue_send(struct dialogue *run, struct str octets)
{
	if (run->out_cap - run->out_n < octets.n) {
		size_t cap = (run->out_cap + octets.n) * 2;
		char *out = realloc(run->out, cap);

		if (out == NULL)
			abort();
		run->out = out;
		run->out_cap = cap;
	}
	if (octets.n > 0)
		memcpy(run->out + run->out_n, octets.p, octets.n);
	run->out_n += octets.n;
}

const char *dialogue_answer(struct dialogue *run, const char *action)
{
	const struct script *script = run->script;
	size_t taken = (size_t)(run->in.p - script->client), n = strlen(action);

	while (run->answers < script->step_count &&
	       script->steps[run->answers].kind != SCRIPT_ANSWER)
		run->answers++;
	if (run->answers < script->step_count) {
		const struct script_step *step = &script->steps[run->answers];
		const char *text = step->text.p;

		if (step->at < taken && strncmp(text, action, n) == 0 &&
		    (text[n] == ' ' || text[n] == '\0')) {
			run->answers++;
			return text + n + strspn(text + n, " ");
		}
	}
	return NULL;
}

static void print_octets(const char *label, struct str octets)
{
	fprintf(stderr, "%s", label);
	for (size_t i = 0; i < octets.n && i < 2000; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		if (c == '\n')
			fprintf(stderr, i + 1 < octets.n ? "\\n\n          " : "\\n");
		else if (c == '\r')
			fprintf(stderr, "\\r");
		else
			fprintf(stderr, isprint(c) ? "%c" : "\\x%02x", c);
	}
	fprintf(stderr, "\n");
}

static bool fail(const struct dialogue *run, enum cut cut, const struct script_step *step,
		 const char *what, struct str got)
{
	fprintf(stderr, "%s:%u: (%s) %s\n", run->script->path, step->line, cut_names[cut],
		what);
	print_octets("expected: ", step->text);
	print_octets("     got: ", got);
	return false;
}

static bool line_matches(const struct script_step *step, struct str line)
{
	regex_t regex;
	char pattern[1024], text[1024];
	bool matches;

	if (line.n >= sizeof text || memchr(line.p, '\0', line.n) != NULL)
		return false;
	memcpy(text, line.p, line.n);
	text[line.n] = '\0';
	snprintf(pattern, sizeof pattern, "^(%s)$", step->text.p);
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

/* How many octets of `got` the step stands for; SIZE_MAX when it does not. */
static size_t expected_octets(const struct script_step *step, struct str got)
{
	const char *end;
	size_t line;

	if (step->kind == SCRIPT_OCTETS)
		return got.n >= step->text.n && memcmp(got.p, step->text.p, step->text.n) == 0
			       ? step->text.n
			       : SIZE_MAX;
	end = got.n == 0 ? NULL : memmem(got.p, got.n, "\r\n", 2);
	if (end == NULL)
		return SIZE_MAX;
	line = (size_t)(end - got.p);
	if (step->kind == SCRIPT_PATTERN)
		return line_matches(step, (struct str){ got.p, line }) ? line + 2 : SIZE_MAX;
	return str_equal((struct str){ got.p, line }, step->text) ? line + 2 : SIZE_MAX;
}

/*
 * Compares what was sent from *seen on with the server's steps from *step on, to the next thing
 * the client says (or, `to_end`, over everything the client says).
 */
static bool compare(struct dialogue *run, enum cut cut, size_t *step, size_t *seen, bool to_end)
{
	const struct script *script = run->script;
	for (; *step < script->step_count; (*step)++) {
		const struct script_step *now = &script->steps[*step];
		struct str got = { run->out + *seen, run->out_n - *seen };
		size_t n;

		if (now->kind == SCRIPT_CLIENT && !to_end)
			break;
		if (now->kind == SCRIPT_CLIENT || now->kind == SCRIPT_ANSWER)
			continue;
		if (now->kind == SCRIPT_CLOSE) {
			run->close_said = true;
			if (!run->closed)
				return fail(run, cut, now, "the connection is not closed", got);
			continue;
		}
		n = expected_octets(now, got);
		if (n == SIZE_MAX)
			return fail(run, cut, now, "the server says something else", got);
		*seen += n;
	}
	if (*seen < run->out_n)
		return fail(run, cut, &script->steps[*step - 1], "the server says more",
			    (struct str){ run->out + *seen, run->out_n - *seen });
	if (run->closed && !run->close_said)
		return fail(run, cut, &script->steps[*step - 1], "closed too early", STR(""));
	return true;
}

static void feed(const struct dialogue_peer *peer, void *self, struct dialogue *run,
		 struct str octets, bool octet_by_octet)
{
	while (octets.n > 0 && !run->closed) {
		size_t n = octet_by_octet ? 1 : octets.n;

		/* What the machine left stands directly before: one contiguous stream. */
		run->in.n += n;
		octets = str_from(octets, n);
		peer->feed(self, run);
	}
}

/* Feeds the client's steps from *step on; stops at the first that is the server's. */
static void client_turn(const struct dialogue_peer *peer, void *self, struct dialogue *run,
			size_t *step, bool octet_by_octet)
{
	const struct script *script = run->script;
	const char *from = NULL;
	size_t n = 0;

	for (; *step < script->step_count; (*step)++) {
		const struct script_step *now = &script->steps[*step];

		if (now->kind != SCRIPT_CLIENT && now->kind != SCRIPT_ANSWER)
			break;
		if (now->kind == SCRIPT_ANSWER)
			continue;
		from = from == NULL ? now->text.p : from;
		n += now->text.n;
	}
	if (from != NULL)
		feed(peer, self, run, (struct str){ from, n }, octet_by_octet);
}

static bool converse(const struct dialogue_peer *peer, void *self, struct dialogue *run,
		     enum cut cut)
{
	const struct script *script = run->script;
	size_t step = 0, seen = 0;

	if (cut == CUT_PIPELINED) {
		feed(peer, self, run, (struct str){ script->client, script->client_n }, false);
		return compare(run, cut, &step, &seen, true);
	}
	if (!compare(run, cut, &step, &seen, false))
		return false;
	while (step < script->step_count) {
		client_turn(peer, self, run, &step, cut == CUT_OCTETS);
		if (!compare(run, cut, &step, &seen, false))
			return false;
	}
	return true;
}

static bool answers_used(struct dialogue *run)
{
	for (; run->answers < run->script->step_count; run->answers++) {
		const struct script_step *step = &run->script->steps[run->answers];

		if (step->kind == SCRIPT_ANSWER)
			return fail(run, CUT_TURNS, step, "nobody asked for this answer",
				    STR(""));
	}
	return true;
}

struct sent {
	char *p;
	size_t n;
};

/* One run; *sent is what the server sent, for the caller to free. */
static bool run_once(const struct dialogue_peer *peer, const struct script *script,
		     enum cut cut, struct sent *sent)
{
	struct dialogue run = { .script = script,
				.in = { script->client, 0 },
				.tight = cut == CUT_OCTETS };
	void *self = peer->open(&run);
	bool good = converse(peer, self, &run, cut);

	good = peer->close(self, &run) && good;
	good = good && answers_used(&run);
	*sent = (struct sent){ run.out, run.out_n };
	return good;
}

static bool run_script(const struct dialogue_peer *peer, const struct script *script)
{
	struct sent sent[CUT_COUNT] = { 0 };
	size_t cuts = script_flag(script, "pipelined", true) ? CUT_COUNT : CUT_PIPELINED;
	bool good = true;

	for (size_t i = 0; i < cuts && good; i++) {
		good = run_once(peer, script, (enum cut)i, &sent[i]);
		if (good &&
		    (sent[0].n != sent[i].n || memcmp(sent[0].p, sent[i].p, sent[i].n) != 0)) {
			fprintf(stderr, "%s: %s the output is another\n", script->path,
				cut_names[i]);
			good = false;
		}
	}
	for (size_t i = 0; i < cuts; i++)
		free(sent[i].p);
	return good;
}

int dialogue_main(int argc, char **argv, const struct dialogue_peer *peer)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++) {
		struct script script;

		if (!script_read(argv[i], &script) || !run_script(peer, &script))
			failed = 1;
		script_free(&script);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
