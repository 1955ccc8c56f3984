/*
 * The server's end of the control socket: lines of any octets, in any pieces, to the verbs, with
 * fakes of the store and the hooks. Sending takes as little at once as the settings say.
 *
 * Input: a line of settings (answers of the store, then the lengths of pieces), a line that the
 * store and the hooks tell of themselves, and then what the tool sends.
 *
 * What must hold: the same answers come out and the same is asked whatever the pieces; every
 * request has rows and then one "ok" or "err" with a code and a sentence; what was told comes back
 * out of the rows as it was; the store is only asked about shards that it has and keys that are some.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "control_private.h"
#include "fuzz.h"
#include "restante/limits.h"
#include "restante/store_admin.h"

#define SHARDS 2
#define THE_FD 1000

ssize_t __wrap_send(int fd, const void *octets, size_t n, int flags);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

struct run {
	struct str settings;
	char *told; /* what rows say */
	struct fuzz_text out, asked;
	size_t sends;
	bool pieces, closed;
};

static struct run *run;
/* Never looked into. */
static char fakes[2];
static struct store *const the_store = (struct store *)&fakes[0];
static struct store_reader *const the_reader = (struct store_reader *)&fakes[1];

/* --- the socket -------------------------------------------------------------------------------- */

/* Takes some of it, or nothing. */
ssize_t __wrap_send(int fd, const void *octets, size_t n, int flags)
{
	unsigned char how = fuzz_setting(run->settings, run->sends++);

	FUZZ_CHECK(fd == THE_FD && n > 0 && flags == (MSG_NOSIGNAL | MSG_DONTWAIT));
	if (run->pieces && how % 4 == 1 && run->sends % 2 == 0) {
		errno = how % 8 == 1 ? EAGAIN : EINTR;
		return -1;
	}
	if (run->pieces && n > 1U + how)
		n = 1U + how;
	fuzz_add(&run->out, (struct str){ octets, n });
	return (ssize_t)n;
}

/* There is room again, at once. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	FUZZ_CHECK(count == 2 && fds[0].fd == THE_FD && timeout == CONTROL_STALL_MS);
	fds[0].revents = POLLOUT;
	fds[1].revents = 0;
	return 1;
}

/* --- the store and the hooks ------------------------------------------------------------------- */

static enum store_status answer(struct fault *fault)
{
	unsigned char how = fuzz_setting(run->settings, 0);

	fault_set(fault, "%s", how % 2 == 0 ? "" : run->told);
	return how < '@' ? STORE_OK : (enum store_status)(how % STORE_STATUS_COUNT);
}

static void ask(const char *what, const struct maildrop_key *key, uint64_t a, uint64_t b)
{
	FUZZ_CHECK(key->shard < SHARDS && strlen(key->id) == sizeof key->id - 1);
	FUZZ_CHECK(strspn(key->id, "0123456789abcdef") == sizeof key->id - 1);
	fuzz_print(&run->asked, "%s %u %s %" PRIu64 " %" PRIu64 "\n", what, key->shard, key->id,
		   a, b);
}

const char *store_status_text(enum store_status status)
{
	FUZZ_CHECK(status > STORE_OK && status < STORE_STATUS_COUNT);
	return "a status";
}

unsigned store_shards(const struct store *store)
{
	FUZZ_CHECK(store == the_store);
	return SHARDS;
}

enum store_status maildrop_usage(struct store_reader *reader, const struct maildrop_key *key,
				 struct maildrop_usage *usage, struct fault *fault)
{
	FUZZ_CHECK(reader == the_reader);
	ask("usage", key, 0, 0);
	*usage = (struct maildrop_usage){ UINT64_MAX, UINT64_MAX, INT64_MIN };
	return answer(fault);
}

enum store_status maildrop_visit(struct store_reader *reader, const struct maildrop_key *key,
				 bool deleted, message_visit *visit, void *context,
				 struct fault *fault)
{
	struct message_info info = { .message = { .uid = UINT64_MAX, .octets = UINT64_MAX } };

	FUZZ_CHECK(reader == the_reader);
	ask("visit", key, deleted, 0);
	(void)snprintf(info.message.uidl, sizeof info.message.uidl, "%s", run->told);
	(void)snprintf(info.deleted_peer, sizeof info.deleted_peer, "%s", run->told);
	for (unsigned i = 0; i < 3 && visit(context, &info); i++)
		continue;
	return answer(fault);
}

enum store_status maildrop_undelete(struct store *store, const struct maildrop_key *key,
				    const struct deleted_selection *which, uint64_t *restored,
				    struct fault *fault)
{
	FUZZ_CHECK(store == the_store);
	ask("undelete", key, which->uid, which->session);
	*restored = 5;
	return answer(fault);
}

enum store_status maildrop_delete(struct store *store, const struct maildrop_key *key,
				  uint64_t uid, uint64_t *deleted, struct fault *fault)
{
	FUZZ_CHECK(store == the_store);
	ask("delete", key, uid, 0);
	*deleted = UINT64_MAX;
	return answer(fault);
}

enum store_status maildrop_purge(struct store *store, const struct maildrop_key *key,
				 const struct deleted_selection *which, uint64_t *purged,
				 struct fault *fault)
{
	FUZZ_CHECK(store == the_store);
	ask("purge", key, which->uid, which->session);
	*purged = 0;
	return answer(fault);
}

enum store_status store_figures(struct store *store, struct store_reader *reader,
				unsigned shard, struct store_figures *figures,
				struct fault *fault)
{
	FUZZ_CHECK(store == the_store && reader == the_reader && shard < SHARDS);
	figures->octets = UINT64_MAX;
	return answer(fault);
}

static void fake_status(void *context, control_figure *row, void *to)
{
	(void)context;
	row(to, "told", run->told);
}

static void fake_list(void *context, control_session_row *row, void *to)
{
	const struct control_session session = {
		.protocol = "pop3", .peer = "192.0.2.9", .user = run->told, .state = "idle"
	};

	(void)context;
	row(to, &session);
}

static uint64_t fake_kick(void *context, uint64_t session, const char *address)
{
	(void)context;
	FUZZ_CHECK((session == 0) == (address != NULL) && (address == NULL || *address != 0));
	fuzz_print(&run->asked, "kick %" PRIu64 " %s\n", session,
		   address == NULL ? "-" : address);
	return 1;
}

static void fake_certificates(void *context, control_certificate_row *row, void *to)
{
	const struct control_certificate certificate = { .pair = "pair",
							 .names = run->told,
							 .key = "RSA" };

	(void)context;
	row(to, &certificate);
}

static void fake_ban_list(void *context, control_ban_row *row, void *to)
{
	(void)context;
	row(to, run->told, INT64_MAX);
}

static bool fake_ban_add(void *context, const char *network, uint64_t seconds, uint64_t *ended,
			 struct fault *fault)
{
	(void)context;
	FUZZ_CHECK(seconds > 0 && seconds <= BAN_SECONDS_MAX);
	fuzz_print(&run->asked, "ban %s %" PRIu64 "\n", network, seconds);
	*ended = 2;
	fault_set(fault, "no network");
	return strchr(network, '/') != NULL;
}

static bool fake_ban_clear(void *context, const char *network, uint64_t *cleared,
			   struct fault *fault)
{
	(void)context;
	fuzz_print(&run->asked, "clear %s\n", network == NULL ? "-" : network);
	*cleared = 3;
	fault_set(fault, "no network");
	return network == NULL || strchr(network, '/') != NULL;
}

static const struct control_hooks hooks = {
	.status = fake_status,
	.session_list = fake_list,
	.session_kick = fake_kick,
	.certificates = fake_certificates,
	.ban_list = fake_ban_list,
	.ban_add = fake_ban_add,
	.ban_clear = fake_ban_clear,
};

/* --- one connection ---------------------------------------------------------------------------- */

static void converse(struct run *one, struct str sent, bool pieces)
{
	static struct control_reply reply;
	static struct control_input input;
	struct control_request request = {
		.store = the_store, .reader = the_reader, .hooks = &hooks, .reply = &reply
	};
	struct str rest = sent;

	run = one;
	run->pieces = pieces;
	reply.fd = THE_FD;
	reply.wake = THE_FD + 1;
	input.n = 0;
	for (size_t i = 1; rest.n > 0 && !run->closed; i++) {
		struct str piece = pieces ? fuzz_piece(run->settings, i, rest) : rest;
		size_t room = sizeof input.line - input.n;

		if (piece.n > room)
			piece.n = room;
		FUZZ_CHECK(room > 0);
		memcpy(input.line + input.n, piece.p, piece.n);
		input.n += piece.n;
		rest = str_from(rest, piece.n);
		run->closed = !control_serve(&input, &request);
	}
}

/* A row that holds what was told holds it as it was told. */
static void check_row(char **words, int n)
{
	FUZZ_CHECK(n >= 2);
	if (strcmp(words[1], "told") == 0)
		FUZZ_CHECK(n == 3 && strcmp(words[2], run->told) == 0);
	if (n == 10 && strcmp(words[2], "pop3") == 0)
		FUZZ_CHECK(strcmp(words[4], run->told) == 0);
	if (strcmp(words[1], "pair") == 0)
		FUZZ_CHECK(n == 7 && strcmp(words[6], run->told) == 0);
}

/* Reads the answers as the tool does; how many requests they end. */
static size_t read_answers(struct str out)
{
	size_t answers = 0;

	while (out.n > 0) {
		const char *end = memchr(out.p, '\n', out.n);
		struct str line = fuzz_line(&out);
		char *copy = fuzz_string(line), *words[CONTROL_WORDS_MAX];
		int n;

		FUZZ_CHECK(end != NULL && copy != NULL && line.n + 1 < CONTROL_LINE_MAX);
		n = words_split(copy, words, CONTROL_WORDS_MAX);
		FUZZ_CHECK(n >= 1);
		if (strcmp(words[0], "row") == 0) {
			check_row(words, n);
		} else {
			answers++;
			FUZZ_CHECK((n == 1 && strcmp(words[0], "ok") == 0) ||
				   (n == 3 && strcmp(words[0], "err") == 0 &&
				    strtol(words[1], NULL, 10) > 0 && words[2][0] != '\0'));
		}
		free(copy);
	}
	return answers;
}

static size_t count_lines(struct str octets)
{
	size_t lines = 0;

	for (size_t i = 0; i < octets.n; i++)
		lines += octets.p[i] == '\n';
	return lines;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	/* Changes are told to the log. */
	log_configure(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces;
	struct str in = fuzz_input(data, size);
	struct str settings = fuzz_line(&in);
	char *told = fuzz_string(fuzz_line(&in));

	if (told == NULL)
		return -1;
	whole = (struct run){ settings, told, whole.out, whole.asked, 0, false, false };
	pieces = (struct run){ settings, told, pieces.out, pieces.asked, 0, false, false };
	whole.out.n = whole.asked.n = pieces.out.n = pieces.asked.n = 0;
	converse(&pieces, in, true);
	converse(&whole, in, false);
	FUZZ_CHECK(whole.closed == pieces.closed);
	FUZZ_CHECK(str_equal(fuzz_str(&whole.out), fuzz_str(&pieces.out)));
	FUZZ_CHECK(str_equal(fuzz_str(&whole.asked), fuzz_str(&pieces.asked)));
	/* A row that does not fit ends the connection without an answer. */
	if (!whole.closed)
		FUZZ_CHECK(read_answers(fuzz_str(&whole.out)) == count_lines(in));
	free(told);
	return 0;
}
