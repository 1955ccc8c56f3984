/*
 * The load generator: many clients in one thread and one epoll set, every reply checked.
 *
 *	load pop3 PORT [OPTION]... [COMMAND]...	sessions that log in, say the commands, and QUIT
 *	load lmtp PORT [OPTION]...		deliveries
 *
 * Prints one line of JSON: sessions or messages a second, p50, p99 and the worst (ms), counts. README.md
 * tells the options; commands are those of pop3_script.h.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "lmtp_client.h"
#include "message.h"
#include "pop3_client.h"

enum option_code {
	CLIENTS = 1,
	SECONDS,
	LIMIT,
	PREFIX,
	USERS,
	RANDOM,
	PASSWORD,
	AUTH,
	TLS,
	MESSAGES,
	BODY,
	PIPELINE,
	RECIPIENTS,
	PER_CONNECTION,
};

static const struct option options[] = {
	{ "clients", required_argument, NULL, CLIENTS },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "limit", required_argument, NULL, LIMIT },
	{ "prefix", required_argument, NULL, PREFIX },
	{ "users", required_argument, NULL, USERS },
	{ "random", no_argument, NULL, RANDOM },
	{ "password", required_argument, NULL, PASSWORD },
	{ "auth", required_argument, NULL, AUTH },
	{ "tls", required_argument, NULL, TLS },
	{ "messages", required_argument, NULL, MESSAGES },
	{ "body", required_argument, NULL, BODY },
	{ "pipeline", no_argument, NULL, PIPELINE },
	{ "recipients", required_argument, NULL, RECIPIENTS },
	{ "per-connection", no_argument, NULL, PER_CONNECTION },
	{ NULL, 0, NULL, 0 },
};

static _Noreturn void usage(void)
{
	fputs("usage: load pop3|lmtp PORT [OPTION]... [COMMAND]...\n", stderr);
	exit(64);
}

/* Which of the names this is. */
static size_t one_of(const char *text, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, names[i]) == 0)
			return i;
	}
	usage();
}

static void take_option(struct run *run, int code)
{
	static const char *const methods[] = { "pass", "apop", "scram", "none" };
	static const char *const ways[] = { "full", "resume" };

	switch ((enum option_code)code) {
	case CLIENTS:
		run->clients = number_of(optarg);
		break;
	case SECONDS:
		run->seconds = strtod(optarg, NULL);
		break;
	case LIMIT:
		run->limit = number_of(optarg);
		break;
	case PREFIX:
		run->users.prefix = optarg;
		break;
	case USERS:
		run->users.count = number_of(optarg);
		break;
	case RANDOM:
		run->users.random = true;
		break;
	case PASSWORD:
		run->password = optarg;
		break;
	case AUTH:
		run->method = (enum login_method)one_of(optarg, methods, ARRAY_SIZE(methods));
		break;
	case TLS:
		run->tls = true;
		run->resume = one_of(optarg, ways, ARRAY_SIZE(ways)) == 1;
		break;
	case MESSAGES:
		run->messages = number_of(optarg);
		break;
	case BODY:
		run->kib = number_of(optarg);
		break;
	case PIPELINE:
		run->pipelined = true;
		break;
	case RECIPIENTS:
		run->recipients = number_of(optarg);
		break;
	case PER_CONNECTION:
		run->message_per_connection = true;
		break;
	}
}

static void prepare(struct run *run)
{
	raise_descriptors();
	message_prepare();
	users_prepare(&run->users);
	if (run->tls)
		run->context = stream_client_tls();
	run->identity = ((uint64_t)time(NULL) << 24) ^ (uint64_t)getpid();
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	run->buffer = malloc(RUN_BUFFER);
	if (run->epoll < 0 || run->buffer == NULL)
		die("start");
}

static void print(struct run *run, double seconds)
{
	const double done = (double)run->durations.n;

	printf("{\"seconds\": %.3f, \"done\": %zu, \"rate\": %.2f, \"p50\": %.3f, \"p99\": "
	       "%.3f, "
	       "\"worst\": %.3f, \"retrieved\": %llu, \"received\": %llu, \"resumed\": %llu}\n",
	       seconds, run->durations.n, done / seconds,
	       durations_quantile(&run->durations, 0.5),
	       durations_quantile(&run->durations, 0.99),
	       durations_quantile(&run->durations, 1), (unsigned long long)run->retrieved,
	       (unsigned long long)run->received, (unsigned long long)run->resumed);
}

int main(int argc, char **argv)
{
	struct run run = { .clients = 16,
			   .seconds = 1,
			   .users = { .prefix = "user", .count = 16 },
			   .password = "secret",
			   .recipients = 1 };
	int code;

	while ((code = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&run, code);
	if (argc - optind < 2 || run.users.count == 0 || run.clients == 0)
		usage();
	const bool lmtp = strcmp(argv[optind], "lmtp") == 0;

	if (!lmtp && (strcmp(argv[optind], "pop3") != 0 || run.users.count < run.clients))
		usage();
	run.port = (unsigned)number_of(argv[optind + 1]);
	for (int i = optind + 2; i < argc; i++)
		script_add(&run.script, argv[i]);
	script_add(&run.script, "QUIT");
	prepare(&run);
	print(&run, lmtp ? lmtp_run(&run) : pop3_run(&run));
	users_free(&run.users);
	script_free(&run.script);
	SSL_CTX_free(run.context);
	free(run.durations.ns);
	free(run.buffer);
	return 0;
}
