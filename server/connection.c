/* One connection's end, and the octets it keeps between turns: see connection.h. */
#include "connection.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxied.h"
#include "server.h"
#include "table.h"

static const char *const ending_words[] = {
	[ENDING_NOT] = "none",         [ENDING_ERRORS] = "errors",
	[ENDING_QUIT] = "quit",        [ENDING_HANGUP] = "hangup",
	[ENDING_DEADLINE] = "timeout", [ENDING_TAKEOVER] = "takeover",
	[ENDING_KICK] = "kick",        [ENDING_DRAIN] = "shutdown",
	[ENDING_BROKEN] = "trouble",   [ENDING_PROXY] = "proxy",
	[ENDING_TLS] = "tls",          [ENDING_EVICTED] = "evicted",
	[ENDING_BANNED] = "banned",
};
static_assert(ARRAY_SIZE(ending_words) == ENDING_COUNT, "ending without a word");

const char *ending_word(enum ending why)
{
	return ending_words[why];
}

/* RFC 8314 section 4: the version and the cipher are logged with the login. */
void connection_log_way(const struct connection *connection, struct log_line *line)
{
	if (connection->proxied != NULL)
		proxied_log_proxy(connection->proxied, line);
	if (connection->tls == NULL || connection->handshaking)
		return;
	log_word(line, "tls", tls_version(connection->tls));
	log_word(line, "cipher", tls_cipher(connection->tls));
}

void connection_log_told(const struct connection *connection, struct log_line *line)
{
	if (connection->proxied != NULL)
		proxied_log_told(connection->proxied, line);
}

enum log_level connection_idle_level(const struct connection *connection)
{
	return connection->health_check ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

bool connection_end(struct connection *connection, enum ending why)
{
	if (atomic_load(&connection->ending) != ENDING_NOT)
		return false;
	/* HELD -> LOST comes first: whoever wakes up then can no longer delete anything. */
	if (!connection->protocol->revoke(connection))
		return false;
	atomic_store(&connection->ending, why);
	/* A login may have taken its maildrop between the two: it sees `ending`, or we see it. */
	(void)connection->protocol->revoke(connection);
	shutdown(connection->polled.fd, SHUT_RDWR);
	/* What it waits for need not come any more. */
	timers_hurry(&connection->server->timers, connection);
	return true;
}

void connection_close(struct connection *connection)
{
	int ending = atomic_load(&connection->ending);
	int fd = connection->polled.fd;

	if (ending == ENDING_DEADLINE && connection->awaits_proxy)
		proxied_refused(connection, "no PROXY header in time");
	/* Out of the table first: nobody else looks at it from here on. */
	table_remove(&connection->server->table, connection);
	connection->protocol->finish(connection, ending != ENDING_NOT ? (enum ending)ending
								      : connection->why);
	tls_close(&connection->tls);
	close(fd);
	free(connection->proxied);
	held_free(&connection->in);
	held_free(&connection->out);
	free(connection);
}

bool held_keep(struct held *held, struct str octets)
{
	if (octets.n == 0)
		return true;
	held->p = malloc(octets.n);
	if (held->p == NULL)
		return false;
	memcpy(held->p, octets.p, octets.n);
	held->n = (uint32_t)octets.n;
	held->done = 0;
	return true;
}

struct str held_rest(const struct held *held)
{
	return (struct str){ held->p == NULL ? "" : held->p + held->done,
			     held->n - held->done };
}

void held_free(struct held *held)
{
	/* What waits here may be a line with a password. */
	if (held->p != NULL)
		explicit_bzero(held->p, held->n);
	free(held->p);
	*held = (struct held){ 0 };
}
