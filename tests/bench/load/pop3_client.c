/* Whole POP3 sessions in a closed loop: see pop3_client.h. */
#include "pop3_client.h"

#include <stdlib.h>

#include "pop3_reply.h"

struct pop3_client {
	struct client client; /* first */
	size_t user;
	char name[128];
	struct login login;
	char line[LOGIN_LINE_MAX];
	size_t replies; /* complete, of this session */
	struct reply reply;
};

/* The reply that comes next. */
static void await(const struct run *run, struct pop3_client *pop3)
{
	const size_t login = login_steps(run->method);
	const size_t next = pop3->replies;

	if (next < login) {
		reply_begin(&pop3->reply, login_reply(run->method, next), 0);
	} else {
		const struct step *step = &run->script.steps[next - login];

		reply_begin(&pop3->reply, step->reply, step->msgno);
	}
}

static void start_session(struct run *run, struct pop3_client *pop3)
{
	if (!run_begin(run)) {
		run->active--;
		return;
	}
	pop3->user = users_take(&run->users);
	users_name(&run->users, pop3->user, pop3->name, sizeof pop3->name);
	pop3->login = (struct login){ .method = run->method,
				      .user = pop3->name,
				      .password = run->password,
				      .keys = &run->users.keys[pop3->user] };
	pop3->replies = 0;
	reply_reset(&pop3->reply, run->messages, run->kib);
	await(run, pop3);
	pop3->client.started = now_ns();
	run_connect(run, &pop3->client);
}

static void end_session(struct run *run, struct pop3_client *pop3)
{
	durations_add(&run->durations, now_ns() - pop3->client.started);
	run_disconnect(run, &pop3->client);
	users_give_back(&run->users, pop3->user);
	start_session(run, pop3);
}

/* Sends the line after reply number `step` of the login; false when it was the login's last. */
static bool send_login(struct run *run, struct pop3_client *pop3, size_t step)
{
	const size_t n =
		login_next(&pop3->login, step, pop3->reply.line, pop3->line, sizeof pop3->line);

	if (n > 0)
		run_send(run, &pop3->client, pop3->line, n);
	return n > 0;
}

/* A reply is complete: what comes after it. False: the session is over. */
static bool go_on(struct run *run, struct pop3_client *pop3)
{
	const struct script *script = &run->script;
	const size_t login = login_steps(run->method);
	const size_t done = pop3->replies++;

	if (pop3->reply.kind == REPLY_RETR)
		run->retrieved++;
	if (done < login && send_login(run, pop3, done)) {
		await(run, pop3);
		return true;
	}
	const size_t next = pop3->replies - login;

	if (next == script->count)
		return false;
	await(run, pop3);
	if (!run->pipelined)
		run_send(run, &pop3->client, script->text + script->steps[next].at,
			 script->steps[next].n);
	else if (next == 0)
		run_send(run, &pop3->client, script->text, script->text_n);
	return true;
}

static void ready(struct run *run, struct client *client)
{
	struct pop3_client *pop3 = (struct pop3_client *)(void *)client;
	size_t n;

	while ((n = run_receive(run, client)) > 0) {
		const bool more = client->stream.ssl != NULL || n == RUN_BUFFER;
		const char *octets = run->buffer;

		while (n > 0) {
			if (reply_take(&pop3->reply, &octets, &n) && !go_on(run, pop3)) {
				end_session(run, pop3);
				return;
			}
		}
		if (!more)
			return;
	}
}

double pop3_run(struct run *run)
{
	struct pop3_client *clients = calloc(run->clients, sizeof clients[0]);

	if (clients == NULL)
		die("calloc");
	run->active = run->clients;
	for (size_t i = 0; i < run->clients; i++) {
		clients[i].client.stream.fd = -1; /* there may be fewer sessions than clients */
		start_session(run, &clients[i]);
	}
	const double seconds = run_loop(run, ready);
	for (size_t i = 0; i < run->clients; i++) {
		run_end_client(&clients[i].client);
		reply_free(&clients[i].reply);
	}
	free(clients);
	return seconds;
}
