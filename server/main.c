/*
 * restanted: the command line, the signals, and nothing else.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/log.h"
#include "notify.h"
#include "restante/config.h"
#include "service.h"

/* Reloads keep every configuration they replace: threads may still be reading it. */
struct kept {
	struct config *config;
	struct kept *before;
};

struct arguments {
	const char *config;
	bool check_only;
};

static const char usage[] =
	"Usage: restanted [--config FILE] [--check-config]\n"
	"POP3 mailbox server: takes mail by LMTP, keeps it in SQLite, hands it out by POP3.\n"
	"\n"
	"  -c, --config FILE    read FILE instead of " CONFIG_DEFAULT_PATH "\n"
	"      --check-config   read the configuration, say what is wrong with it, and end\n"
	"  -h, --help           show this text\n"
	"      --version        show the version\n"
	"\n"
	"Example: restanted --config ./restante.conf\n"
	"SIGTERM ends it, SIGHUP reads the configuration again. See restanted(8).\n";

/* Returns -1 to go on, else the status to exit with. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments->config = optarg;
			break;
		case 'C':
			arguments->check_only = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		case 'V':
			puts("restanted " RESTANTE_VERSION);
			return EX_OK;
		default:
			fputs("Try: restanted --help\n", stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "restanted: unexpected argument \"%s\". Try: restanted --help\n",
		argv[optind]);
	return EX_USAGE;
}

static enum log_level log_level_of(const char *name)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",   [LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_NOTICE] = "notice", [LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum log_level)i;
	return LOG_LEVEL_INFO;
}

static void configure_log(const struct config *config)
{
	log_configure(config->log_to_syslog ? LOG_TO_SYSLOG : LOG_TO_STDERR,
		      log_level_of(config->log_level));
}

/* Blocked in every thread, so that only the main one takes them. */
static void block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void log_fixed(void *context, const char *option)
{
	struct log_line line;

	(void)context;
	log_begin(&line, LOG_LEVEL_WARNING, "reload-needs-restart");
	log_word(&line, "option", option);
	log_end(&line);
}

static void reload(struct service *service, const char *path, struct kept **kept)
{
	struct fault fault = { "" };
	struct kept *next = calloc(1, sizeof *next);
	const struct kept *first = *kept;

	/* What the server was started with stays in force, however often others were read. */
	while (first->before != NULL)
		first = first->before;
	notify_reloading();
	if (next == NULL || !config_read(path, &next->config, &fault)) {
		free(next);
		log_fault(LOG_LEVEL_ERROR, "reload-failed", &fault);
	} else {
		config_needs_restart(first->config, next->config, log_fixed, NULL);
		next->before = *kept;
		*kept = next;
		configure_log(next->config);
		service_reload(service, next->config);
		log_event(LOG_LEVEL_NOTICE, "reload");
	}
	notify_ready();
}

/* Until SIGTERM or SIGINT. Wakes for the service manager's watchdog when it wants that. */
static void serve(struct service *service, const char *path, const sigset_t *signals,
		  struct kept **kept)
{
	uint64_t beat = notify_watchdog_ms() / 2;
	struct timespec wait = { .tv_sec = 3600 };
	int got;

	if (beat > 0)
		wait = (struct timespec){ .tv_sec = (time_t)(beat / 1000),
					  .tv_nsec = (long)(beat % 1000) * 1000000L };
	do {
		got = sigtimedwait(signals, NULL, &wait);
		notify_watchdog();
		if (got == SIGHUP)
			reload(service, path, kept);
	} while (got != SIGTERM && got != SIGINT);
}

static void forget(struct kept *kept)
{
	while (kept != NULL) {
		struct kept *before = kept->before;

		config_free(&kept->config);
		free(kept);
		kept = before;
	}
}

static int run(const char *path, struct kept **kept)
{
	static struct service service;
	struct fault fault = { "" };
	sigset_t signals;

	configure_log((*kept)->config);
	block_signals(&signals);
	if (!service_start(&service, (*kept)->config, &fault)) {
		log_fault(LOG_LEVEL_ERROR, "start-failed", &fault);
		log_stop();
		/* Whoever started it by hand looks here and not into syslog. */
		if ((*kept)->config->log_to_syslog)
			fprintf(stderr, "restanted: %s\n", fault.text);
		return EX_CONFIG;
	}
	log_event(LOG_LEVEL_NOTICE, "start");
	notify_ready();
	serve(&service, path, &signals, kept);
	notify_stopping();
	log_event(LOG_LEVEL_NOTICE, "stopping");
	service_stop(&service);
	log_event(LOG_LEVEL_NOTICE, "stop");
	log_stop();
	return EX_OK;
}

static int check(const struct arguments *arguments, const struct config *config)
{
	struct fault fault = { "" };

	if (!config_user_allowed(config, &fault)) {
		fprintf(stderr, "restanted: %s\n", fault.text);
		return EX_CONFIG;
	}
	printf("%s: no errors\n", arguments->config);
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .config = CONFIG_DEFAULT_PATH };
	struct kept *kept = calloc(1, sizeof *kept);
	struct fault fault = { "" };
	int status = parse_arguments(argc, argv, &arguments);

	if (status >= 0 || kept == NULL) {
		free(kept);
		return status >= 0 ? status : EX_OSERR;
	}
	if (!config_read(arguments.config, &kept->config, &fault)) {
		fprintf(stderr, "restanted: %s\n", fault.text);
		status = EX_CONFIG;
	} else {
		status = arguments.check_only ? check(&arguments, kept->config)
					      : run(arguments.config, &kept);
	}
	forget(kept);
	return status;
}
