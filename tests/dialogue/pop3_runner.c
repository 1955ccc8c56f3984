/*
 * Dialogue scripts against the POP3 machine and a maildrop in memory. Headers (see script.h):
 *
 *	apop: yes | no             challenge in the greeting; challenge: <...@...>
 *	clear-password: yes | no   passwords are taken (default yes)
 *	stls: yes | no             TLS is offered (default no)
 *	implementation: text       for CAPA; login-delay: n as well
 *	user, password, digest     who may log in; escapes as for C>
 *	mechanisms, withheld: names   of SASL, in any order: offered, and for want of encryption not
 *	challenge-first: octets    AUTH's first challenge (default: empty)
 *	hears, says: octets        the responses of a good exchange, and what follows each but the last
 *	long-lines: yes | no       there is memory for lines over the limit (default yes)
 *	overs: n                   exchanges that the client has given up or broken
 *	message: octets            a message, escapes as for C>; any number of them, in order
 *	utf8-message: octets       one delivered as SMTPUTF8, after these
 *	fill: n                    a message of n octets, after the others; any number of them
 *	uidl: text                 of the first, the second ... message
 *	octets: n                  added to the maildrop's totals
 *	slice: n, rows: n          octets and rows that one report brings at most
 *	logins: n, removed: n      login actions and removed messages expected at the end
 *	errors-before, errors-after, attempts: the policy's limits
 *
 * Answers: `A: login|tls|totals|find|mark|rows|octets|update STATUS ...`, STATUS being done,
 * no-message, refused, in-use (followed by address and since), too-soon, temporary, permanent,
 * broken;
 * `A: octets done none` for a message that is shorter than announced.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dialogue.h"
#include "pop3_fake.h"
#include "restante/sasl.h"

struct pop3_run {
	struct pop3_fake fake;
	char *texts[FAKE_MESSAGES_MAX];
	size_t text_count;
};

static void send_out(void *context, struct str octets)
{
	dialogue_send(context, octets);
}

static const char *answer(void *context, const char *action)
{
	return dialogue_answer(context, action);
}

/* A header's octets, kept until the run is over. */
static struct str octets_of(struct pop3_run *self, const char *value)
{
	char *copy = value == NULL ? NULL : strdup(value);
	size_t n;

	if (copy == NULL)
		return STR("");
	n = script_unescape(copy);
	if (n == SIZE_MAX || self->text_count == ARRAY_SIZE(self->texts)) {
		fprintf(stderr, "ill-formed or too many: %s\n", value);
		abort();
	}
	self->texts[self->text_count++] = copy;
	return (struct str){ copy, n };
}

static void add_filled(struct pop3_fake *fake, size_t n)
{
	static const char head[] = "Subject: fill\r\n\r\n";
	char *octets = calloc(1, n + 72);
	size_t at = sizeof head - 1;

	if (octets == NULL || n < at + 2)
		abort();
	memset(octets, 'x', n);
	memcpy(octets, head, at);
	for (; at + 70 < n; at += 70)
		memcpy(octets + at + 68, "\r\n", 2);
	memcpy(octets + n - 2, "\r\n", 2);
	pop3_fake_add(fake, (struct str){ octets, n });
	free(octets);
}

static void add_messages(struct pop3_run *self, const struct script *script)
{
	struct pop3_fake *fake = &self->fake;
	const char *value;

	for (size_t i = 0; (value = script_header(script, "message", i)) != NULL; i++)
		pop3_fake_add(fake, octets_of(self, value));
	for (size_t i = 0; (value = script_header(script, "utf8-message", i)) != NULL; i++) {
		pop3_fake_add(fake, octets_of(self, value));
		fake->messages[fake->count - 1].needs_utf8 = true;
	}
	for (size_t i = 0; (value = script_header(script, "fill", i)) != NULL; i++)
		add_filled(fake, (size_t)strtoul(value, NULL, 10));
	for (size_t i = 0; (value = script_header(script, "uidl", i)) != NULL; i++)
		snprintf(fake->messages[i].uidl, sizeof fake->messages[i].uidl, "%s", value);
}

static const char *const mechanism_names[] = { SASL_NAMES, NULL };

/* The names of a header as bits. */
static unsigned mechanisms_of(const struct script *script, const char *key)
{
	const char *rest = script_header(script, key, 0);
	unsigned set = 0;

	while (rest != NULL && *rest != '\0') {
		size_t n = strcspn(rest, " ");
		bool known = false;

		for (unsigned i = 0; mechanism_names[i] != NULL; i++) {
			if (str_equal(str_of(mechanism_names[i]), (struct str){ rest, n })) {
				set |= 1U << i;
				known = true;
			}
		}
		if (!known)
			abort();
		rest += n + strspn(rest + n, " ");
	}
	return set;
}

static void set_exchange(struct pop3_run *self, const struct script *script)
{
	struct pop3_fake *fake = &self->fake;
	const char *value;

	fake->sasl_first = octets_of(self, script_header(script, "challenge-first", 0));
	for (size_t i = 0; (value = script_header(script, "hears", i)) != NULL; i++)
		fake->sasl_hears[fake->sasl_count++] = octets_of(self, value);
	for (size_t i = 0; (value = script_header(script, "says", i)) != NULL; i++)
		fake->sasl_says[i] = octets_of(self, value);
	fake->no_lines = !script_flag(script, "long-lines", true);
}

static struct pop3_policy policy_of(const struct script *script)
{
	return (struct pop3_policy){
		.apop = script_flag(script, "apop", false),
		.clear_password = script_flag(script, "clear-password", true),
		.stls = script_flag(script, "stls", false),
		.implementation = script_header(script, "implementation", 0),
		.errors_before_login = (unsigned)script_number(script, "errors-before",
							       POP3_ERRORS_BEFORE_LOGIN),
		.errors_after_login = (unsigned)script_number(script, "errors-after",
							      POP3_ERRORS_AFTER_LOGIN),
		.login_attempts =
			(unsigned)script_number(script, "attempts", POP3_LOGIN_ATTEMPTS),
		.login_delay_seconds = (unsigned)script_number(script, "login-delay", 0),
		.mechanisms = mechanism_names,
		.offered = mechanisms_of(script, "mechanisms"),
		.withheld = mechanisms_of(script, "withheld"),
	};
}

static void *run_open(struct dialogue *run)
{
	const struct script *script = run->script;
	struct pop3_run *self = calloc(1, sizeof *self);
	struct pop3_policy policy = policy_of(script);
	struct pop3_fake *fake = &self->fake;

	if (self == NULL)
		abort();
	fake->send = send_out;
	fake->answer = answer;
	fake->context = run;
	fake->out_cap = run->tight ? POP3_STEP_ROOM : FAKE_OUT_MAX;
	fake->slice = script_number(script, "slice", FAKE_OUT_MAX);
	fake->rows = script_number(script, "rows", FAKE_MESSAGES_MAX);
	fake->more_octets = script_number(script, "octets", 0);
	fake->user = octets_of(self, script_header(script, "user", 0));
	fake->password = octets_of(self, script_header(script, "password", 0));
	fake->digest = octets_of(self, script_header(script, "digest", 0));
	set_exchange(self, script);
	add_messages(self, script);
	pop3_fake_start(fake, &policy, octets_of(self, script_header(script, "challenge", 0)));
	return self;
}

static void run_feed(void *self, struct dialogue *run)
{
	struct pop3_fake *fake = &((struct pop3_run *)self)->fake;

	pop3_fake_run(fake, &run->in);
	run->closed = fake->closed;
}

static bool counted(const struct script *script, const char *what, size_t n)
{
	size_t expected = script_number(script, what, n);

	if (expected != n)
		fprintf(stderr, "%s: %s: %zu instead of %zu\n", script->path, what, n,
			expected);
	return expected == n;
}

static bool run_close(void *self, struct dialogue *run)
{
	struct pop3_run *mine = self;
	bool good = mine->fake.sound && counted(run->script, "logins", mine->fake.logins) &&
		    counted(run->script, "overs", mine->fake.exchanges_over) &&
		    counted(run->script, "removed", mine->fake.removed);

	pop3_fake_free(&mine->fake);
	for (size_t i = 0; i < mine->text_count; i++)
		free(mine->texts[i]);
	free(mine);
	return good;
}

int main(int argc, char **argv)
{
	static const struct dialogue_peer peer = { run_open, run_feed, run_close };

	return dialogue_main(argc, argv, &peer);
}
