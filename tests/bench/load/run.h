/*
 * One run of the load generator: what it is told to do, its clients in one epoll set, and what it
 * counts. A client is a pop3_client or an lmtp_client; both begin with a struct client.
 */
#ifndef RESTANTE_BENCH_RUN_H
#define RESTANTE_BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common.h"
#include "login.h"
#include "pop3_script.h"
#include "stream.h"
#include "users.h"

#define RUN_BUFFER (256 * 1024)

struct client {
	struct stream stream;
	bool wants_room; /* as the epoll set knows it */
	int64_t started;
	SSL_SESSION *ticket; /* to resume; NULL = none */
};

struct run {
	/* what to do */
	unsigned port;
	size_t clients;
	double seconds;
	uint64_t
		limit; /* so many sessions or messages, whatever time it takes; 0 = `seconds` */
	bool tls, resume;
	struct users users;
	enum login_method method;
	const char *password;
	struct script script;
	bool pipelined;
	uint64_t messages; /* in each maildrop; 0 = not known */
	uint64_t kib;      /* of body */
	size_t recipients;
	bool message_per_connection;
	/* at work */
	int epoll;
	SSL_CTX *context;
	uint64_t identity; /* makes its messages differ from another run's */
	uint64_t begun;    /* sessions or messages */
	size_t active;     /* clients that have not ended */
	char *buffer;      /* for what is read; RUN_BUFFER octets */
	/* what happened */
	struct durations durations; /* of sessions or messages */
	uint64_t retrieved, received, resumed;
};

/* True: one more session or message may begin, and is counted. */
MUST_USE bool run_begin(struct run *run);
/* Connects, with TLS if so wanted, and watches for input. */
void run_connect(struct run *run, struct client *client);
void run_disconnect(struct run *run, struct client *client);
/* At the end, whatever the client is at. Descriptor -1: it is not connected. */
void run_end_client(struct client *client);
/* Sends; the octets must stay until they have gone. Ends the program when the server is gone. */
void run_send(struct run *run, struct client *client, const char *octets, size_t n);
/* What there is to read, in `buffer`; 0 = nothing now. Ends the program when the server is gone. */
size_t run_receive(struct run *run, struct client *client);

typedef void run_ready(struct run *run, struct client *client);
/* Calls `ready` for each client that can read or write until the run is over; its seconds. */
double run_loop(struct run *run, run_ready *ready);

#endif
