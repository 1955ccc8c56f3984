/* What a POP3 session leaves: its lock, its memory, its one line in the log, its troubles. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "pop3_connection.h"
#include "server.h"

static void write_run(struct uid_runs *runs)
{
	const char *comma = runs->n > 0 ? "," : "";
	int n;

	if (runs->last == 0 || runs->cut)
		return;
	if (runs->first == runs->last)
		n = snprintf(runs->text + runs->n, sizeof runs->text - runs->n, "%s%llu", comma,
			     (unsigned long long)runs->first);
	else
		n = snprintf(runs->text + runs->n, sizeof runs->text - runs->n, "%s%llu-%llu",
			     comma, (unsigned long long)runs->first,
			     (unsigned long long)runs->last);
	/* Four octets stay free for ",..." */
	if (n < 0 || runs->n + (size_t)n + 5 > sizeof runs->text) {
		snprintf(runs->text + runs->n, sizeof runs->text - runs->n, "%s...", comma);
		runs->cut = true;
		return;
	}
	runs->n += (size_t)n;
}

void uid_runs_add(struct uid_runs *runs, uint64_t uid)
{
	if (runs->last != 0 && uid == runs->last + 1) {
		runs->last = uid;
		return;
	}
	write_run(runs);
	runs->first = runs->last = uid;
}

void pop3_mailbox_release(struct pop3_connection *c)
{
	/* From here on there is nothing to revoke: ending the session is ending the socket. */
	atomic_store(&c->base.logged_in, false);
	if (c->mailbox->lock != NULL)
		maildrop_unlock(c->base.server->store, &c->mailbox->lock);
}

/* The session ended before it could say what became of its QUIT. */
static void settle_update(struct pop3_connection *c)
{
	struct pop3_mailbox *mailbox = c->mailbox;

	if (mailbox->update == NULL)
		return;
	if (atomic_load(&mailbox->updated))
		pop3_account_for_update(c);
	free(mailbox->update);
	mailbox->update = NULL;
}

void pop3_log_trouble(const struct pop3_connection *c, const char *event,
		      const struct fault *fault)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_ERROR, event);
	log_number(&line, "session", c->base.session);
	log_quoted(&line, "maildrop", str_of(c->mailbox->address));
	log_quoted(&line, "why", str_of(fault->text));
	log_end(&line);
}

static void log_session(const struct pop3_connection *c, enum ending why)
{
	struct pop3_mailbox *mailbox = c->mailbox;
	struct log_line line;
	char peer[PEER_TEXT_MAX];

	peer_text(&c->base.peer, peer, sizeof peer);
	log_begin(&line, mailbox != NULL ? LOG_LEVEL_INFO : connection_idle_level(&c->base),
		  "session");
	log_word(&line, "protocol", "pop3");
	log_number(&line, "session", c->base.session);
	log_word(&line, "peer", peer);
	log_word(&line, "end", ending_word(why));
	log_number(&line, "in", c->base.octets_in);
	log_number(&line, "out", c->base.octets_out);
	connection_log_way(&c->base, &line);
	if (!c->base.clear_password)
		log_word(&line, "passwords", "refused");
	if (mailbox != NULL) {
		log_word(&line, "method", mailbox->method);
		log_number(&line, "messages", mailbox->messages);
		log_number(&line, "retrieved", mailbox->retrieved);
		log_number(&line, "retrieved-octets", mailbox->retrieved_octets);
		log_number(&line, "deleted", mailbox->deleted);
		if (mailbox->deleted > 0 && mailbox->marked != NULL) {
			write_run(mailbox->marked);
			log_word(&line, "deleted-uids", mailbox->marked->text);
		}
		if (mailbox->app_password[0] != '\0')
			log_quoted(&line, "app-password", str_of(mailbox->app_password));
		log_quoted(&line, "user", str_of(mailbox->address));
	}
	connection_log_told(&c->base, &line);
	log_end(&line);
}

void pop3_finish(struct connection *connection, enum ending why)
{
	struct pop3_connection *c = pop3_of(connection);

	pop3_login_settle(c);
	if (c->mailbox != NULL)
		settle_update(c);
	log_session(c, why);
	sasl_close(&c->sasl);
	pop3_wipe(&c->machine);
	pop3_line_take_back(NULL, c);
	if (c->mailbox == NULL)
		return;
	pop3_mailbox_release(c);
	maildrop_close(&c->mailbox->maildrop);
	free(c->mailbox->marked);
	free(c->mailbox);
}
