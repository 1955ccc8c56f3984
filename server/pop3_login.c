/*
 * From credentials to an open maildrop, in phases (enum login_phase): after many failures it waits
 * until its time has come; a hasher verifies; a refusal waits for its time; a good login takes the
 * maildrop's lock, takes an idle one over, or waits for it; then the maildrop is opened and `+OK`
 * said. RFC 1939 section 4: the lock comes before +OK.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "pop3_connection.h"
#include "server.h"
#include "worker.h"

/* How often a waiting login looks at the lock, beside being woken when it is released. */
#define LOCK_RETRY_MILLISECONDS 250

/* The end of an exchange is like that of any login from here on. */
static void take_verdict(struct login_job *job)
{
	job->result = *sasl_result(job->sasl);
	job->fault = *sasl_fault(job->sasl);
	job->verdict = job->step == SASL_ACCEPTED  ? AUTH_OK
		       : job->step == SASL_REFUSED ? AUTH_REFUSED
						   : AUTH_UNAVAILABLE;
}

/* What was tried, if the same again is no new guess: a digest is another one each time. */
static struct str tried_secret(const struct login_job *job)
{
	return job->request.method == AUTH_APOP ? STR("") : job->request.secret;
}

/* Mostly a hasher's thread. Refusals all come late by the clock, whatever made them. */
static void verified(struct login_job *job)
{
	struct pop3_connection *c = job->context;
	struct server *server = c->base.server;

	if (job->sasl != NULL && job->step == SASL_CHALLENGE) {
		c->phase = LOGIN_CHALLENGED;
		poller_arm(&server->poller, &c->base.polled, POLL_ROOM);
		return;
	}
	/* SASL_WORK: nobody did it, and the verdict says so. */
	if (job->sasl != NULL && job->step != SASL_WORK)
		take_verdict(job);
	if (job->verdict == AUTH_OK) {
		pop3_limit_succeeded(c, job->request.user);
		c->phase = LOGIN_VERIFIED;
		poller_arm(&server->poller, &c->base.polled, POLL_ROOM);
		return;
	}
	if (job->verdict == AUTH_REFUSED)
		c->repeated = !pop3_limit_failed(c, job->request.user, tried_secret(job));
	c->phase = LOGIN_FAILING;
	/* Nothing is under way but the time: it may be evicted, or drained, right now. */
	atomic_store(&c->base.login_under_way, false);
	atomic_store(&c->base.resting, true);
	timers_park(&server->timers, &c->base,
		    c->command_at + server_config(server)->login_failure_ms, NULL);
}

static void look_at_limits(struct pop3_connection *c)
{
	int64_t ms = pop3_limit_ask(c, c->login->request.user);

	c->limited = ms == LIMITER_LATER;
	c->delayed_until = c->command_at + ms;
	c->phase = ms == 0 ? LOGIN_VERIFYING : LOGIN_DELAYED;
	if (c->limited) {
		c->login->verdict = AUTH_UNAVAILABLE;
		c->login->result.reason = "too-many-failures";
	}
}

struct login_job *pop3_login_job(struct pop3_connection *c)
{
	struct login_job *job = calloc(1, sizeof *job);

	if (job == NULL)
		return NULL;
	job->source = peer_source(&c->base.peer);
	if (peer_network_address(&c->base.peer, &job->from))
		job->request.from = &job->from;
	peer_text(&c->base.peer, job->peer, sizeof job->peer);
	job->request.peer = str_of(job->peer);
	job->done = verified;
	job->context = c;
	c->login = job;
	c->command_at = clock_monotonic_ms();
	return job;
}

enum run_status pop3_login_begin(struct worker *worker, struct pop3_connection *c,
				 const struct pop3_action *action, struct buf *out)
{
	struct login_job *job = pop3_login_job(c);

	if (job == NULL) {
		pop3_report_login(&c->machine, POP3_TEMPORARY, 0, 0, NULL, out);
		return RUN_NEED_INPUT;
	}
	job->request.method = action->method == POP3_BY_APOP ? AUTH_APOP : AUTH_PASS;
	job->request.user = action->user;
	job->request.secret = action->secret;
	job->request.challenge = action->challenge;
	return pop3_login_go(worker, c, out);
}

void pop3_login_park(struct pop3_connection *c)
{
	struct server *server = c->base.server;
	int64_t retry;

	if (c->limited || c->phase == LOGIN_DECIDED) {
		verified(c->login);
		return;
	}
	if (c->phase == LOGIN_DELAYED) {
		atomic_store(&c->base.resting, true);
		timers_park(&server->timers, &c->base, c->delayed_until, NULL);
		return;
	}
	atomic_store(&c->base.login_under_way, true);
	if (c->phase == LOGIN_VERIFYING) {
		hashers_submit(&server->hashers, c->login);
		return;
	}
	retry = clock_monotonic_ms() + LOCK_RETRY_MILLISECONDS;
	timers_park(&server->timers, &c->base, retry < c->wait_until ? retry : c->wait_until,
		    &c->mailbox->key);
}

static void end_job(struct pop3_connection *c)
{
	c->phase = LOGIN_NONE;
	c->limited = false;
	c->repeated = false;
	atomic_store(&c->base.login_under_way, false);
	free(c->login);
	c->login = NULL;
}

static void end_login(struct pop3_connection *c)
{
	end_job(c);
	sasl_close(&c->sasl);
}

void pop3_log_failure_begin(const struct pop3_connection *c, struct log_line *line,
			    enum log_level level, const char *event, const char *method)
{
	char peer[PEER_TEXT_MAX];

	peer_text(&c->base.peer, peer, sizeof peer);
	log_begin(line, level, event);
	log_word(line, "protocol", "pop3");
	log_word(line, "peer", peer);
	log_number(line, "session", c->base.session);
	log_word(line, "method", method);
}

static const char *method_of(const struct login_job *job)
{
	return job->sasl != NULL ? sasl_word(job->sasl) : auth_method_word(job->request.method);
}

/* The stable words that packaging/fail2ban and others look for. */
static const char *failure_event(const struct pop3_connection *c)
{
	if (c->limited)
		return "auth-limited";
	return c->login->verdict == AUTH_REFUSED ? "auth-fail" : "auth-unavailable";
}

static void log_failure(const struct pop3_connection *c)
{
	const struct login_job *job = c->login;
	bool expected = job->verdict == AUTH_REFUSED || c->limited ||
			atomic_load(&c->base.server->draining);
	struct log_line line;

	pop3_log_failure_begin(c, &line, expected ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
			       failure_event(c), method_of(job));
	if (job->result.backend != NULL)
		log_word(&line, "backend", job->result.backend);
	log_word(&line, "reason", job->result.reason == NULL ? "unknown" : job->result.reason);
	if (job->verdict == AUTH_REFUSED)
		log_word(&line, "repeated", c->repeated ? "yes" : "no");
	if (job->fault.text[0] != '\0')
		log_quoted(&line, "why", str_of(job->fault.text));
	log_quoted(&line, "user", job->request.user);
	log_end(&line);
}

static void account_for_failure(const struct pop3_connection *c)
{
	struct server *server = c->base.server;

	log_failure(c);
	atomic_fetch_add(c->limited ? &server->limited_logins : &server->failed_logins, 1);
}

void pop3_login_settle(struct pop3_connection *c)
{
	if (c->phase == LOGIN_FAILING)
		account_for_failure(c);
	end_login(c);
}

static enum run_status refuse(struct pop3_connection *c, struct buf *out)
{
	bool refused = c->login->verdict == AUTH_REFUSED;

	account_for_failure(c);
	end_login(c);
	pop3_report_login(&c->machine, refused ? POP3_REFUSED : POP3_TEMPORARY, 0, 0, NULL,
			  out);
	return RUN_NEED_INPUT;
}

/* A good password, but no maildrop after all. */
static enum run_status give_up(struct pop3_connection *c, enum pop3_status status,
			       const struct pop3_in_use *holder, struct buf *out)
{
	pop3_mailbox_release(c);
	table_settle(&c->base.server->table);
	maildrop_close(&c->mailbox->maildrop);
	free(c->mailbox);
	c->mailbox = NULL;
	end_login(c);
	pop3_report_login(&c->machine, status, 0, 0, holder, out);
	return RUN_NEED_INPUT;
}

static enum run_status say_in_use(struct pop3_connection *c, const struct lock_holder *holder,
				  struct buf *out)
{
	struct pop3_in_use in_use = { .peer = str_of(holder->peer) };
	struct log_line line;
	struct tm tm;
	time_t since = (time_t)holder->since;
	char text[16];

	gmtime_r(&since, &tm);
	snprintf(text, sizeof text, "%02d:%02d UTC", tm.tm_hour, tm.tm_min);
	in_use.since = str_of(text);
	log_begin(&line, LOG_LEVEL_INFO, "maildrop-in-use");
	log_number(&line, "session", c->base.session);
	log_number(&line, "holder", holder->session);
	log_word(&line, "holder-peer", holder->peer);
	log_quoted(&line, "maildrop", str_of(c->mailbox->address));
	log_end(&line);
	return give_up(c, POP3_IN_USE, &in_use, out);
}

static enum run_status open_maildrop(struct worker *worker, struct pop3_connection *c,
				     struct buf *out)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	struct fault fault = { "" };
	uint64_t messages;
	uint64_t octets;
	enum store_status status =
		maildrop_open(worker->reader, &mailbox->key, &mailbox->maildrop, &fault);

	if (status != STORE_OK) {
		pop3_log_trouble(c, "maildrop-open", &fault);
		return give_up(c, status == STORE_FOREIGN ? POP3_PERMANENT : POP3_TEMPORARY,
			       NULL, out);
	}
	maildrop_totals(mailbox->maildrop, &messages, &octets);
	atomic_store(&mailbox->messages, messages);
	atomic_store(&mailbox->octets, octets);
	pop3_note_login(c);
	table_logged_in(&c->base.server->table, &c->base);
	maildrop_note_login(c->base.server->store, &mailbox->key, clock_wall_seconds());
	atomic_fetch_add(&c->base.server->logins, 1);
	end_login(c);
	pop3_report_login(&c->machine, POP3_DONE, messages, octets, NULL, out);
	return RUN_NEED_INPUT;
}

static enum run_status take_lock(struct worker *worker, struct pop3_connection *c,
				 struct buf *out)
{
	struct server *server = c->base.server;
	struct takeover_rule rule = {
		.idle = (int64_t)server_config(server)->takeover_idle_seconds * 1000,
		.idle_marked =
			(int64_t)server_config(server)->takeover_idle_marked_seconds * 1000,
	};
	struct lock_holder self = { .session = c->base.session, .since = clock_wall_seconds() };
	struct lock_holder other = { 0 };
	enum store_status status;
	int64_t now = clock_monotonic_ms();

	peer_text(&c->base.peer, self.peer, sizeof self.peer);
	status = maildrop_lock(server->store, &c->mailbox->key, &self, &c->mailbox->lock,
			       &other);
	if (status == STORE_IN_USE &&
	    table_take_over(&server->table, other.session, &rule, now))
		status = maildrop_lock(server->store, &c->mailbox->key, &self,
				       &c->mailbox->lock, &other);
	if (status == STORE_OK) {
		/* Whoever ends us from now on revokes the lock; whoever did before is seen here. */
		atomic_store(&c->base.logged_in, true);
		if (atomic_load(&c->base.ending) != ENDING_NOT)
			return RUN_CLOSE;
		/* Another one may have been through meanwhile. */
		return pop3_login_too_soon(c) ? give_up(c, POP3_TOO_SOON, NULL, out)
					      : open_maildrop(worker, c, out);
	}
	if (status != STORE_IN_USE)
		return give_up(c, POP3_TEMPORARY, NULL, out);
	if (now >= c->wait_until)
		return say_in_use(c, &other, out);
	c->phase = LOGIN_WAITING;
	return RUN_PARK;
}

static struct pop3_mailbox *make_mailbox(const struct login_job *job)
{
	const struct account *account = &job->result.account;
	size_t address = strlen(account->address) + 1;
	size_t label = strlen(job->result.app_password) + 1;
	struct pop3_mailbox *made = calloc(1, sizeof *made + address + label);

	if (made == NULL)
		return NULL;
	memcpy(made->address, account->address, address);
	memcpy(made->address + address, job->result.app_password, label);
	made->app_password = made->address + address;
	made->key = account->key;
	made->method = method_of(job);
	return made;
}

static enum run_status accept_login(struct worker *worker, struct pop3_connection *c,
				    struct buf *out)
{
	c->mailbox = make_mailbox(c->login);
	if (c->mailbox == NULL) {
		end_login(c);
		pop3_report_login(&c->machine, POP3_TEMPORARY, 0, 0, NULL, out);
		return RUN_NEED_INPUT;
	}
	/* Before anybody's lock is touched for it. */
	if (pop3_login_too_soon(c))
		return give_up(c, POP3_TOO_SOON, NULL, out);
	c->wait_until = clock_monotonic_ms() + server_config(c->base.server)->lock_wait_ms;
	return take_lock(worker, c, out);
}

/* Remembered, or told at no cost: then no hasher is needed. */
static bool accepted_at_once(struct worker *worker, struct login_job *job)
{
	if (worker->quick.count == 0)
		return false;
	/* These backends never wait. */
	if (login_job_verify(job, &worker->quick) && job->sasl != NULL)
		take_verdict(job);
	if (job->verdict == AUTH_OK)
		return true;
	/* As if nobody had asked yet. */
	if (job->sasl != NULL)
		job->step = SASL_WORK;
	memset(&job->result, 0, sizeof job->result);
	job->fault.text[0] = '\0';
	return false;
}

enum run_status pop3_login_go(struct worker *worker, struct pop3_connection *c, struct buf *out)
{
	look_at_limits(c);
	if (c->phase != LOGIN_VERIFYING || !accepted_at_once(worker, c->login))
		return RUN_PARK;
	atomic_fetch_add(&c->base.server->quick_logins, 1);
	pop3_limit_succeeded(c, c->login->request.user);
	return accept_login(worker, c, out);
}

enum run_status pop3_login_continue(struct worker *worker, struct pop3_connection *c,
				    struct buf *out)
{
	switch (c->phase) {
	case LOGIN_DELAYED:
		c->phase = LOGIN_VERIFYING;
		return RUN_PARK;
	case LOGIN_VERIFIED:
		return accept_login(worker, c, out);
	case LOGIN_FAILING:
		return refuse(c, out);
	case LOGIN_WAITING:
		return take_lock(worker, c, out);
	case LOGIN_CHALLENGED:
		end_job(c);
		return pop3_sasl_continue(worker, c, out);
	case LOGIN_NONE:
	case LOGIN_DECIDED:
	case LOGIN_VERIFYING:
		break;
	}
	return RUN_NEED_INPUT;
}
