/*
 * A worker's turn: see turn.h.
 *
 * Invariants. Octets leave in order: what is held goes before what is new. While output is held,
 * nothing is read and no protocol runs: a client that does not read gets no more work done. Input
 * that is not consumed when the turn ends is held and comes before anything read later. Passing
 * the connection on (arm, park, close) is the last touch.
 */
#include "turn.h"

#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/stream.h"
#include "prelude.h"
#include "server.h"

#define DISCARD_READS 16

/* How a turn ends: what must be done last. */
enum pass { PASS_INPUT, PASS_ROOM, PASS_PARK, PASS_CLOSE };

static void spend(struct worker *worker, size_t octets)
{
	worker->octets -= octets < worker->octets ? octets : worker->octets;
}

static void touch(struct connection *c)
{
	atomic_store(&c->active, clock_monotonic_ms());
}

/* Writes what the socket takes; keeps the rest. False: the connection is beyond use. */
static bool flush(struct connection *c, struct buf *out)
{
	struct str rest = buf_str(out);
	enum stream_status status = stream_write(connection_stream(c), &rest);

	if (rest.n < out->n) {
		c->octets_out += out->n - rest.n;
		touch(c);
	}
	out->n = 0;
	return status != STREAM_BROKEN && held_keep(&c->out, rest);
}

/* What an earlier turn could not write. True: all of it is gone now. */
static bool flush_held(struct connection *c, bool *broken)
{
	struct str rest = held_rest(&c->out);
	size_t before = rest.n;
	enum stream_status status = stream_write(connection_stream(c), &rest);

	*broken = status == STREAM_BROKEN;
	if (rest.n < before) {
		c->octets_out += before - rest.n;
		touch(c);
	}
	c->out.done = c->out.n - (uint32_t)rest.n;
	if (status != STREAM_OK)
		return false;
	held_free(&c->out);
	return true;
}

/* The turn's input: what was held, or else what the socket has now. */
static enum stream_status take_input(struct worker *worker, struct connection *c,
				     struct str *in)
{
	struct str held = held_rest(&c->in);
	enum stream_status status;
	size_t n;

	if (held.n > 0) {
		memcpy(worker->in, held.p, held.n);
		*in = (struct str){ worker->in, held.n };
		held_free(&c->in);
		return STREAM_OK;
	}
	*in = (struct str){ worker->in, 0 };
	if (c->peer_finished)
		return STREAM_END;
	status = stream_read(connection_stream(c), worker->in, c->protocol->read_size, &n);
	if (status == STREAM_OK) {
		in->n = n;
		c->octets_in += n;
		touch(c);
	}
	return status;
}

/*
 * The session ends with commands behind its end. Octets that nobody has read make close(2) reset
 * the connection, and a reset can overtake the last reply.
 */
static void discard_input(struct worker *worker, struct connection *c)
{
	size_t n;

	for (int i = 0; i < DISCARD_READS; i++) {
		if (stream_read(connection_stream(c), worker->body, WORKER_OUTPUT, &n) !=
		    STREAM_OK)
			return;
		/* Sent too late, a password is one all the same. */
		explicit_bzero(worker->body, n);
	}
}

/*
 * Runs the protocol over `in` until it wants something that this turn cannot give. Every status
 * but RUN_CLOSE leaves the rest of the input held.
 */
static enum pass run_protocol(struct worker *worker, struct connection *c, struct str *in,
			      struct buf *out)
{
	for (;;) {
		enum run_status status = c->protocol->run(worker, c, in, out);
		size_t produced = out->n;
		bool alive;

		if (status == RUN_CLOSE) {
			c->closing = true;
			if (flush(c, out) && c->out.n > 0)
				return PASS_ROOM;
			discard_input(worker, c);
			return PASS_CLOSE;
		}
		alive = flush(c, out);
		spend(worker, produced);
		/* What was asked for is done, though nobody may be left to hear of it: a QUIT, say,
		 * with the connection closed right behind it. */
		if (!alive)
			shutdown(c->polled.fd, SHUT_RDWR);
		if (status == RUN_PARK)
			return PASS_PARK;
		if (!alive) {
			c->why = ENDING_HANGUP;
			return PASS_CLOSE;
		}
		if (c->out.n > 0 || status == RUN_TURN_OVER || worker->octets == 0)
			return PASS_ROOM;
		if (status == RUN_NEED_INPUT)
			return PASS_INPUT;
	}
}

/* Octets wait inside TLS, and no event will tell of them. */
static bool more_inside(const struct connection *c)
{
	return c->tls != NULL && tls_pending(c->tls);
}

/* Reads and runs until there is nothing to read, or the turn is over. */
static enum pass work(struct worker *worker, struct connection *c)
{
	struct buf out = buf_over(worker->out, WORKER_OUTPUT);
	enum pass pass;

	do {
		struct str in;
		enum stream_status status = take_input(worker, c, &in);
		size_t full = in.n;

		if (status == STREAM_BROKEN) {
			c->why = ENDING_HANGUP;
			return PASS_CLOSE;
		}
		if (status == STREAM_END)
			c->peer_finished = true;
		spend(worker, in.n);
		pass = run_protocol(worker, c, &in, &out);
		if (pass == PASS_INPUT && c->peer_finished) {
			c->why = ENDING_HANGUP;
			return PASS_CLOSE;
		}
		if (pass != PASS_CLOSE && !held_keep(&c->in, in)) {
			c->why = ENDING_BROKEN;
			return PASS_CLOSE;
		}
		if (full < c->protocol->read_size && !more_inside(c))
			break;
	} while (pass == PASS_INPUT && worker->octets > 0);
	return pass == PASS_INPUT && more_inside(c) ? PASS_ROOM : pass;
}

/* Activity moves the deadline, where the protocol's state has an inactivity timer at all. */
static void set_deadline(struct connection *c)
{
	int64_t seconds = c->protocol->inactivity_seconds(c);

	if (seconds > 0)
		atomic_store(&c->deadline, atomic_load(&c->active) + seconds * 1000);
}

/* What the socket must be ready for: TLS may have to write before it can read, and vice versa. */
static enum poll_for waits_for(const struct connection *c, enum poll_for usual)
{
	if (c->tls == NULL)
		return usual;
	return tls_wants_room(c->tls) ? POLL_ROOM : POLL_INPUT;
}

static void pass_on(struct worker *worker, struct connection *c, enum pass pass)
{
	struct poller *poller = &c->server->poller;

	switch (pass) {
	case PASS_CLOSE:
		connection_close(c);
		return;
	case PASS_PARK:
		c->protocol->park(worker, c);
		return;
	case PASS_INPUT:
		atomic_store(&c->resting, c->protocol->at_rest(c));
		poller_arm(poller, &c->polled, waits_for(c, POLL_INPUT));
		return;
	case PASS_ROOM:
		poller_arm(poller, &c->polled,
			   c->out.n > 0 ? waits_for(c, POLL_ROOM) : POLL_ROOM);
		return;
	}
}

/* PROXY header, handshake and greeting. True: the protocol may run; else the turn ends with *pass. */
static bool past_prelude(struct connection *c, enum pass *pass)
{
	switch (prelude_run(c)) {
	case PRELUDE_WAITS_FOR_INPUT:
		*pass = PASS_INPUT;
		return false;
	case PRELUDE_WAITS_FOR_ROOM:
		*pass = PASS_ROOM;
		return false;
	case PRELUDE_FAILED:
		*pass = PASS_CLOSE;
		return false;
	case PRELUDE_DONE:
		break;
	}
	*pass = PASS_ROOM;
	return c->out.n == 0;
}

static enum pass whole_turn(struct worker *worker, struct connection *c)
{
	enum pass pass;
	bool broken = false;

	if (atomic_load(&c->ending) != ENDING_NOT)
		return PASS_CLOSE;
	if (c->out.n > 0 && !flush_held(c, &broken)) {
		c->why = ENDING_HANGUP;
		return broken ? PASS_CLOSE : PASS_ROOM;
	}
	if (c->closing) {
		discard_input(worker, c);
		return PASS_CLOSE;
	}
	return past_prelude(c, &pass) ? work(worker, c) : pass;
}

void turn_run(struct worker *worker, struct connection *c)
{
	enum pass pass;
	bool secret;

	worker->commands = TURN_COMMANDS;
	worker->octets = TURN_OCTETS;
	atomic_store(&c->resting, false);
	secret = c->protocol->logs_in && !atomic_load(&c->logged_in);
	store_reader_hold(worker->reader);
	pass = whole_turn(worker, c);
	store_reader_rest(worker->reader);
	/* What came before the login may have been a password. */
	if (secret)
		explicit_bzero(worker->in, c->protocol->read_size);
	if (!c->handshaking && !c->awaits_proxy)
		set_deadline(c);
	/* A draining server ends sessions between commands, as soon as they come there. */
	if (pass == PASS_INPUT && atomic_load(&c->server->draining) &&
	    !c->protocol->says_goodbye && c->protocol->at_rest(c)) {
		c->why = ENDING_DRAIN;
		pass = PASS_CLOSE;
	}
	pass_on(worker, c, pass);
}
