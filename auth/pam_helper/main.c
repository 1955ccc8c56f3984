/*
 * restante-pam: the command line, what is made before serving, and nothing else. See
 * restante-pam(8).
 */
#include <assert.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "listening.h"
#include "privilege.h"
#include "supervisor.h"

#define VARIABLES_MAX 16

struct arguments {
	struct settings settings;
	const char *variables[VARIABLES_MAX]; /* kept in the environment */
	size_t variable_count;
	bool syslog;
};

static const char usage[] =
	"Usage: restante-pam [OPTION]...\n"
	"Verifies passwords of the system's users with PAM, for restanted and nobody else.\n"
	"\n"
	"      --socket PATH         listen there (" HELPER_SOCKET ")\n"
	"      --user NAME           the server's user, who may ask (restante)\n"
	"      --service NAME        allow this PAM service (" HELPER_SERVICE
	"); may be repeated\n"
	"      --uid-min NUMBER      users below do not exist (1000)\n"
	"      --workers NUMBER      processes that ask PAM (4)\n"
	"      --requests NUMBER     a worker is renewed after so many (200)\n"
	"      --seconds NUMBER      a worker that takes longer is killed (8)\n"
	"      --environment NAME    keep this variable for PAM's modules; may be repeated\n"
	"      --keep-capabilities   for modules that need more than pam_unix does\n"
	"      --syslog              log to syslog and not to standard error\n"
	"  -h, --help                show this text\n"
	"      --version             show the version\n"
	"\n"
	"Example: restante-pam --user restante\n"
	"Started by init or a socket unit. See restante-pam(8).\n";

enum letter {
	SOCKET = 256,
	USER,
	SERVICE,
	UID_MIN,
	WORKERS,
	REQUESTS,
	SECONDS,
	ENVIRONMENT,
	KEEP_CAPABILITIES,
	SYSLOG,
	VERSION
};

static const struct option options[] = {
	{ "socket", required_argument, NULL, SOCKET },
	{ "user", required_argument, NULL, USER },
	{ "service", required_argument, NULL, SERVICE },
	{ "uid-min", required_argument, NULL, UID_MIN },
	{ "workers", required_argument, NULL, WORKERS },
	{ "requests", required_argument, NULL, REQUESTS },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "environment", required_argument, NULL, ENVIRONMENT },
	{ "keep-capabilities", no_argument, NULL, KEEP_CAPABILITIES },
	{ "syslog", no_argument, NULL, SYSLOG },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, VERSION },
	{ NULL, 0, NULL, 0 },
};

/* Options that are numbers. Users below 1 is root, who is never let in. */
static const struct {
	int letter;
	const char *name;
	size_t offset; /* of an unsigned in struct settings */
	uint64_t min, max;
} numbers[] = {
	{ UID_MIN, "--uid-min", offsetof(struct settings, uid_min), 1, UINT32_MAX - 1 },
	{ WORKERS, "--workers", offsetof(struct settings, workers), 1, 64 },
	{ REQUESTS, "--requests", offsetof(struct settings, requests), 1, 1000000 },
	{ SECONDS, "--seconds", offsetof(struct settings, seconds), 1, 60 },
};
static_assert(sizeof(uid_t) == sizeof(unsigned), "uid_min is read as one");

static bool complain(const char *option, const char *value, const char *why)
{
	fprintf(stderr, "restante-pam: %s %s: %s\n", option, value, why);
	return false;
}

static bool take_number(struct settings *settings, int letter, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		unsigned *field = (void *)((char *)settings + numbers[i].offset);
		uint64_t number;

		if (numbers[i].letter != letter)
			continue;
		if (!number_parse(str_of(text), numbers[i].max, &number) ||
		    number < numbers[i].min)
			return complain(numbers[i].name, text, "not a number that is possible");
		*field = (unsigned)number;
		return true;
	}
	return false;
}

static bool take_service(struct settings *settings, const char *name)
{
	if (!helper_service_possible(str_of(name)))
		return complain("--service", name, "not the name of a file in /etc/pam.d");
	if (settings->service_count == SETTINGS_SERVICES_MAX)
		return complain("--service", name, "too many");
	settings->services[settings->service_count++] = name;
	return true;
}

static bool take_variable(struct arguments *arguments, const char *name)
{
	if (arguments->variable_count == VARIABLES_MAX)
		return complain("--environment", name, "too many");
	arguments->variables[arguments->variable_count++] = name;
	return true;
}

static bool take_option(struct arguments *arguments, int letter, const char *value)
{
	struct settings *settings = &arguments->settings;

	switch (letter) {
	case SOCKET:
		settings->socket_path = value;
		return true;
	case USER:
		settings->user = value;
		return true;
	case SERVICE:
		return take_service(settings, value);
	case ENVIRONMENT:
		return take_variable(arguments, value);
	case KEEP_CAPABILITIES:
		settings->keep_capabilities = true;
		return true;
	case SYSLOG:
		arguments->syslog = true;
		return true;
	default:
		return take_number(settings, letter, value);
	}
}

/* Returns -1 to go on, else the status to exit with. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (letter == VERSION) {
			puts("restante-pam " RESTANTE_VERSION);
			return EX_OK;
		}
		if (letter == '?' || !take_option(arguments, letter, optarg)) {
			fputs("Try: restante-pam --help\n", stderr);
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "restante-pam: unexpected argument \"%s\"\n", argv[optind]);
		return EX_USAGE;
	}
	if (arguments->settings.service_count == 0)
		(void)take_service(&arguments->settings, HELPER_SERVICE);
	return -1;
}

static bool find_user(struct settings *settings, struct fault *fault)
{
	const struct passwd *found = getpwnam(settings->user);

	if (found == NULL) {
		fault_set(fault, "there is no user \"%s\": name the server's with --user",
			  settings->user);
		return false;
	}
	settings->uid = found->pw_uid;
	settings->gid = found->pw_gid;
	return true;
}

static bool run(struct arguments *arguments, struct fault *fault)
{
	struct settings *settings = &arguments->settings;
	bool inherited = listening_is_inherited();
	int listening;
	bool good;

	if (!privilege_close_descriptors(inherited ? LISTENING_FIRST_FD : -1, fault) ||
	    !privilege_clean_environment(arguments->variables, arguments->variable_count,
					 fault) ||
	    !find_user(settings, fault))
		return false;
	listening = inherited ? listening_take(fault) : listening_bind(settings, fault);
	good = listening >= 0 && privilege_reduce(settings->keep_capabilities, fault) &&
	       supervise(settings, listening, fault);
	if (listening >= 0 && !inherited)
		(void)unlink(settings->socket_path);
	return good;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {
		.settings = {
			.socket_path = HELPER_SOCKET,
			.user = "restante",
			.uid_min = HELPER_UID_MIN,
			.workers = HELPER_WORKERS,
			.requests = HELPER_REQUESTS,
			.seconds = HELPER_SECONDS,
		},
	};
	struct fault fault = { "" };
	int status = parse_arguments(argc, argv, &arguments);

	if (status >= 0)
		return status;
	log_configure(arguments.syslog ? LOG_TO_SYSLOG : LOG_TO_STDERR, LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	if (run(&arguments, &fault))
		return EX_OK;
	log_fault(LOG_LEVEL_ERROR, "start-failed", &fault);
	return EX_CONFIG;
}
