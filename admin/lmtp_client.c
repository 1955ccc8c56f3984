/*
 * One LMTP transaction. A reply is one or more lines "250-..." ended by one "250 ..."; after
 * the final dot there is one reply for each accepted recipient, in their order (RFC 2033
 * section 4.2). Commands are sent one by one: a pipe transport delivers one message to a few
 * recipients.
 */
#include "lmtp_client.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>
#include <unistd.h>

#include "octets.h"

/* RFC 5321 section 4.5.3.2.6: ten minutes for the reply to the final dot, the longest wait. */
#define REPLY_SECONDS 600

enum extension { EXTENSION_8BITMIME = 1, EXTENSION_SMTPUTF8 = 2 };

struct lmtp {
	int fd;
	size_t have;
	size_t taken;
	char in[4096];
	unsigned extensions;
};

/* --- octets ------------------------------------------------------------------------- */

size_t lmtp_stuff(struct lmtp_stuffing *stuffing, struct str *in, char *to, size_t cap)
{
	size_t n = 0;
	while (in->n > 0 && n + 2 <= cap) {
		char c = *in->p;
		if (c == '.' && !stuffing->inside_line)
			to[n++] = '.';
		if (c == '\n' && !stuffing->after_cr)
			to[n++] = '\r';
		to[n++] = c;
		stuffing->after_cr = c == '\r';
		stuffing->inside_line = c != '\n';
		*in = str_from(*in, 1);
	}
	return n;
}

/* --- replies ------------------------------------------------------------------------ */

static bool reply_broken(struct lmtp_reply *reply, const char *why)
{
	reply->code = 0;
	snprintf(reply->text, sizeof reply->text, "%s", why);
	return false;
}

/* One octet, or -1 at the end of the connection. */
static int next_octet(struct lmtp *lmtp)
{
	while (lmtp->taken == lmtp->have) {
		ssize_t got = octets_receive(lmtp->fd, lmtp->in, sizeof lmtp->in);
		if (got <= 0)
			return -1;
		lmtp->have = (size_t)got;
		lmtp->taken = 0;
	}
	return (unsigned char)lmtp->in[lmtp->taken++];
}

/* A line without its end; what does not fit is read and dropped. */
static bool read_line(struct lmtp *lmtp, char *line, size_t cap)
{
	size_t n = 0;
	int c;
	while ((c = next_octet(lmtp)) != '\n') {
		if (c < 0)
			return false;
		if (n + 1 < cap && c != '\r' && c != '\0')
			line[n++] = (char)c;
	}
	line[n] = '\0';
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool line_is_reply(const char *line)
{
	return is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]) &&
	       (line[3] == ' ' || line[3] == '-' || line[3] == '\0');
}

/* Extensions are the words behind "250-" (RFC 5321 section 4.1.1.1), in any case. */
static unsigned extension_of(const char *line)
{
	if (strncasecmp(line + 4, "8BITMIME", 8) == 0)
		return EXTENSION_8BITMIME;
	if (strncasecmp(line + 4, "SMTPUTF8", 8) == 0)
		return EXTENSION_SMTPUTF8;
	return 0;
}

/* False when there is no reply at all. */
static bool read_reply(struct lmtp *lmtp, struct lmtp_reply *reply)
{
	do {
		if (!read_line(lmtp, reply->text, sizeof reply->text))
			return reply_broken(reply, "the connection broke before the reply");
		if (!line_is_reply(reply->text))
			return reply_broken(reply, "what the server sent is no LMTP reply");
		if (reply->text[3] != '\0')
			lmtp->extensions |= extension_of(reply->text);
	} while (reply->text[3] == '-');
	reply->code = (reply->text[0] - '0') * 100 + (reply->text[1] - '0') * 10 +
		      (reply->text[2] - '0');
	return true;
}

static bool command(struct lmtp *lmtp, struct lmtp_reply *reply, const char *line)
{
	if (!octets_send(lmtp->fd, line, strlen(line)))
		return reply_broken(reply, "the connection broke");
	return read_reply(lmtp, reply);
}

static bool is_good(const struct lmtp_reply *reply)
{
	return reply->code >= 200 && reply->code < 300;
}

/* --- connecting --------------------------------------------------------------------- */

/* A listener on every address is reached at the loopback of its family. */
static const char *reachable_host(const char *host)
{
	if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0 || host[0] == '\0')
		return "127.0.0.1";
	return strcmp(host, "::") == 0 ? "::1" : host;
}

static int connect_tcp(const char *server)
{
	char host[128];
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(server, ':');
	errno = EINVAL;
	if (colon == NULL)
		return -1;
	bool bracketed = server[0] == '[' && colon > server + 1 && colon[-1] == ']';
	const char *from = bracketed ? server + 1 : server;
	int n = (int)((bracketed ? colon - 1 : colon) - from);
	snprintf(host, sizeof host, "%.*s", n, from);
	if (getaddrinfo(reachable_host(host), colon + 1, &hints, &found) != 0)
		return -1;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	int error = errno;
	freeaddrinfo(found);
	errno = error;
	return fd;
}

static bool open_connection(struct lmtp *lmtp, const char *server, struct lmtp_reply *whole)
{
	struct timeval limit = { .tv_sec = REPLY_SECONDS };
	if (strncmp(server, "unix:", 5) == 0)
		lmtp->fd = octets_connect_unix(server + 5);
	else
		lmtp->fd = connect_tcp(server);
	if (lmtp->fd < 0) {
		whole->code = 0;
		snprintf(whole->text, sizeof whole->text, "%s: %s", server, strerror(errno));
		return false;
	}
	setsockopt(lmtp->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(lmtp->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	return true;
}

/* --- the transaction ---------------------------------------------------------------- */

static bool has_8bit(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((*text & 0x80) != 0)
			return true;
	}
	return false;
}

static bool begin(struct lmtp *lmtp, const char *hostname, const char *sender, bool utf8,
		  struct lmtp_reply *whole)
{
	char line[LMTP_LINE_MAX];
	snprintf(line, sizeof line, "LHLO %s\r\n", hostname);
	if (!read_reply(lmtp, whole) || !is_good(whole) || !command(lmtp, whole, line) ||
	    !is_good(whole))
		return false;
	utf8 = utf8 && (lmtp->extensions & EXTENSION_SMTPUTF8) != 0;
	snprintf(line, sizeof line, "MAIL FROM:<%s>%s%s\r\n", sender,
		 (lmtp->extensions & EXTENSION_8BITMIME) != 0 ? " BODY=8BITMIME" : "",
		 utf8 ? " SMTPUTF8" : "");
	return command(lmtp, whole, line) && is_good(whole);
}

/* How many were accepted. */
static size_t name_recipients(struct lmtp *lmtp, struct lmtp_recipient *recipients,
			      size_t count)
{
	char line[LMTP_LINE_MAX];
	size_t accepted = 0;
	for (size_t i = 0; i < count; i++) {
		snprintf(line, sizeof line, "RCPT TO:<%s>\r\n", recipients[i].address);
		recipients[i].accepted = command(lmtp, &recipients[i].reply, line) &&
					 is_good(&recipients[i].reply);
		accepted += recipients[i].accepted ? 1 : 0;
	}
	return accepted;
}

/* False when the message could not be read to its end or the connection broke. */
static bool send_message(struct lmtp *lmtp, FILE *message)
{
	static char in[65536];
	static char out[65536];
	struct lmtp_stuffing stuffing = { false, false };
	size_t n;
	while ((n = fread(in, 1, sizeof in, message)) > 0) {
		struct str rest = { in, n };
		while (rest.n > 0) {
			size_t ready = lmtp_stuff(&stuffing, &rest, out, sizeof out);
			if (!octets_send(lmtp->fd, out, ready))
				return false;
		}
	}
	/* Without the final dot the server throws away what it has: half a message is none. */
	if (ferror(message))
		return false;
	if (stuffing.inside_line && !octets_send(lmtp->fd, "\r\n", 2))
		return false;
	return octets_send(lmtp->fd, ".\r\n", 3);
}

static void read_verdicts(struct lmtp *lmtp, struct lmtp_recipient *recipients, size_t count,
			  FILE *message, bool sent)
{
	for (size_t i = 0; i < count; i++) {
		if (!recipients[i].accepted)
			continue;
		if (ferror(message))
			reply_broken(&recipients[i].reply, "the message could not be read");
		else if (!read_reply(lmtp, &recipients[i].reply) && !sent)
			reply_broken(&recipients[i].reply,
				     "the connection broke in the message");
	}
}

static bool deliver(struct lmtp *lmtp, const char *hostname, const char *sender,
		    struct lmtp_recipient *recipients, size_t count, FILE *message,
		    struct lmtp_reply *whole)
{
	bool utf8 = has_8bit(sender);
	for (size_t i = 0; i < count; i++)
		utf8 = utf8 || has_8bit(recipients[i].address);
	if (!begin(lmtp, hostname, sender, utf8, whole))
		return false;
	if (name_recipients(lmtp, recipients, count) > 0) {
		if (!command(lmtp, whole, "DATA\r\n"))
			return false;
		if (is_good(whole))
			return reply_broken(whole, "DATA has an answer that makes no sense");
		if (whole->code != 354)
			return false;
		bool sent = send_message(lmtp, message);
		read_verdicts(lmtp, recipients, count, message, sent);
		if (!sent)
			return true;
	}
	/* The verdicts are known; nothing depends on the answer to QUIT. */
	(void)octets_send(lmtp->fd, "QUIT\r\n", 6);
	return true;
}

bool lmtp_deliver(const char *server, const char *hostname, const char *sender,
		  struct lmtp_recipient *recipients, size_t count, FILE *message,
		  struct lmtp_reply *whole)
{
	struct lmtp *lmtp = calloc(1, sizeof *lmtp);
	if (lmtp == NULL)
		return reply_broken(whole, "out of memory");
	bool good = open_connection(lmtp, server, whole);
	if (good) {
		good = deliver(lmtp, hostname, sender, recipients, count, message, whole);
		close(lmtp->fd);
	}
	free(lmtp);
	return good;
}

/* --- what replies mean to a pipe transport ------------------------------------------ */

/* Enhanced codes (RFC 3463) are more exact than the three digits, where there are any. */
static const struct {
	const char *enhanced;
	int code;
} permanent[] = {
	{ "5.1.", EX_NOUSER },     /* bad address */
	{ "5.2.1", EX_NOUSER },    /* mailbox disabled */
	{ "5.2.2", EX_CANTCREAT }, /* mailbox full */
	{ "5.2.3", EX_DATAERR },   /* message too large for it */
	{ "5.3.4", EX_DATAERR },   /* message too large for the system */
	{ "5.6.", EX_DATAERR },    /* content */
	{ "5.7.", EX_NOPERM },     /* policy */
	{ "5.5.", EX_PROTOCOL },   /* we made a mistake */
};

int lmtp_reply_exit(const struct lmtp_reply *reply)
{
	if (is_good(reply))
		return EX_OK;
	if (reply->code < 500)
		return EX_TEMPFAIL;
	for (size_t i = 0; i < ARRAY_SIZE(permanent); i++) {
		size_t n = strlen(permanent[i].enhanced);
		if (strlen(reply->text) > 4 &&
		    strncmp(reply->text + 4, permanent[i].enhanced, n) == 0)
			return permanent[i].code;
	}
	if (reply->code == 550 || reply->code == 553)
		return EX_NOUSER;
	return reply->code == 552 ? EX_CANTCREAT : EX_UNAVAILABLE;
}

int lmtp_worse_exit(int a, int b)
{
	/*
	 * One status speaks for all recipients. Where one must be tried again, all are: the
	 * server recognises what it has stored already, but a bounce cannot be taken back.
	 */
	return a == EX_OK || b == EX_TEMPFAIL ? b : a;
}
