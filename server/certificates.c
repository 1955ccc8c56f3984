/* The certificates in force: see certificates.h. */
#include "certificates.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/tls.h"

#define DAY_SECONDS 86400
/* Renewal usually comes a month before the end: two weeks are late, and still time enough. */
#define WARNING_DAYS 14

static void log_trouble(void *context, const char *pair, bool kept, const char *why)
{
	struct log_line line;

	(void)context;
	log_begin(&line, LOG_LEVEL_ERROR, "certificate-unusable");
	log_word(&line, "serving", kept ? "the-one-before" : "none");
	log_quoted(&line, "why", str_of(why));
	log_quoted(&line, "certificate", str_of(pair));
	log_end(&line);
}

static void log_end_of(void *context, const struct tls_pair_facts *facts)
{
	const int64_t *now = context;
	int64_t left = facts->not_after - *now;
	struct log_line line;

	if (left > WARNING_DAYS * DAY_SECONDS)
		return;
	log_begin(&line, left <= 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		  left <= 0 ? "certificate-expired" : "certificate-ends-soon");
	if (left > 0)
		log_number(&line, "days", (uint64_t)left / DAY_SECONDS);
	log_quoted(&line, "certificate", str_of(facts->pair));
	log_end(&line);
}

/* Once a day, and when something has changed. */
static void warn_of_ends(struct server *server, bool changed)
{
	int64_t now = clock_wall_seconds();
	int64_t day = now / DAY_SECONDS;

	if (atomic_exchange(&server->certificates_day, day) != day || changed)
		tls_server_visit(server->tls, log_end_of, &now);
}

static bool look(struct server *server, const struct config *config, struct fault *fault)
{
	enum tls_load load = tls_server_load(server->tls, config->tls_dir, config->hostname,
					     log_trouble, NULL, fault);

	if (load == TLS_LOADED)
		log_event(LOG_LEVEL_NOTICE, "certificates-read");
	if (load != TLS_LOAD_FAILED)
		warn_of_ends(server, load == TLS_LOADED);
	return load != TLS_LOAD_FAILED;
}

bool certificates_open(struct server *server, const struct config *config, struct fault *fault)
{
	if (config->tls_dir[0] == '\0')
		return true;
	if (!tls_server_open(config->tls_ciphers, &server->tls, fault) ||
	    !look(server, config, fault))
		return false;
	for (size_t i = 0; i < config->listener_count; i++) {
		if (config->listeners[i].tls != CONFIG_TLS_IMPLICIT ||
		    tls_server_ready(server->tls))
			continue;
		fault_set(fault,
			  "listener \"%s\": tls = implicit, but tls_dir %s has no usable "
			  "certificate: put NAME.crt and NAME.key there, readable by user "
			  "\"%s\"",
			  config->listeners[i].name, config->tls_dir, config->user);
		return false;
	}
	if (!tls_server_ready(server->tls))
		log_event(LOG_LEVEL_WARNING, "certificates-missing");
	return true;
}

void certificates_look(void *context)
{
	struct server *server = context;
	struct fault fault;

	if (server->tls != NULL && !look(server, server_config(server), &fault))
		log_fault(LOG_LEVEL_ERROR, "certificates-unreadable", &fault);
}

struct rows {
	control_certificate_row *row;
	void *to;
};

static void tell(void *context, const struct tls_pair_facts *facts)
{
	const struct rows *rows = context;
	struct control_certificate certificate = {
		.pair = facts->pair,
		.names = facts->names,
		.key = facts->key,
		.not_after = facts->not_after,
		.is_default = facts->is_default,
		.kept = facts->kept,
	};

	rows->row(rows->to, &certificate);
}

void certificates_rows(void *context, control_certificate_row *row, void *to)
{
	struct server *server = context;
	struct rows rows = { row, to };

	if (server->tls != NULL)
		tls_server_visit(server->tls, tell, &rows);
}
