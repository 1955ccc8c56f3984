/*
 * The configuration as a whole: reads the file, checks what concerns several options, hands out
 * the frozen struct. See config.h. Single options are config_options.c's and config_value.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "config_private.h"

/* A configuration is a page or two; this keeps out what is none. */
#define FILE_OCTETS_MAX ((size_t)1 << 20)

/* A list's default is written with commas. */
static bool set_list(const struct config_option *option, void *base)
{
	struct reason reason;
	const char *rest = option->def;
	char word[64];

	while (*rest != '\0') {
		size_t n = strcspn(rest, ",");

		(void)snprintf(word, sizeof word, "%.*s", (int)n, rest);
		if (!option_set(option, base, word, &reason))
			return false;
		rest += n + strspn(rest + n, ", ");
	}
	return true;
}

static bool set_defaults(const struct config_option *options, size_t n, void *base)
{
	struct reason reason;

	for (size_t i = 0; i < n; i++) {
		const struct config_option *option = &options[i];

		if (option->def == NULL)
			continue;
		if (!(option_is_list(option) ? set_list(option, base)
					     : option_set(option, base, option->def, &reason)))
			return false;
	}
	return true;
}

bool config_set_defaults(struct config *config)
{
	return set_defaults(config_options, config_option_count, config);
}

bool listener_set_defaults(struct config_listener *listener)
{
	return set_defaults(listener_options, listener_option_count, listener);
}

void listener_free(struct config_listener *listener)
{
	free(listener->name);
	listener->name = NULL;
	for (size_t i = 0; i < listener_option_count; i++)
		option_free(&listener_options[i], listener);
}

void config_free(struct config **config)
{
	struct config *gone = *config;

	*config = NULL;
	if (gone == NULL)
		return;
	for (size_t i = 0; i < config_option_count; i++)
		option_free(&config_options[i], gone);
	for (size_t i = 0; i < gone->listener_count; i++)
		listener_free(&gone->listeners[i]);
	free(gone->listeners);
	free(gone->path);
	free(gone);
}

/* An empty hostname becomes the machine's own name, without asking the network. */
static bool complete_hostname(struct config *config)
{
	const struct config_option *option = config_options;
	char name[256] = "";
	struct reason reason;

	if (config->hostname[0] != '\0')
		return true;
	while (option->type != OPTION_HOSTNAME)
		option++;
	/* A machine may be called anything; greetings and trace lines may not. */
	if (gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' &&
	    option_set(option, config, name, &reason))
		return true;
	return option_set(option, config, "localhost", &reason);
}

bool config_uses(const struct config *config, enum config_backend backend)
{
	for (size_t i = 0; i < config->auth_backends.count; i++)
		if (config->auth_backends.order[i] == backend)
			return true;
	return false;
}

/* A listener for proxies, without any, would serve nobody. A unix socket has its permissions. */
static bool proxies_known(const struct config *config, struct fault *fault)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];

		if (!listener->proxy || config->proxy_networks.n > 0 ||
		    strncmp(listener->address, "unix:", 5) == 0)
			continue;
		fault_set(
			fault,
			"%s: listener \"%s\" wants PROXY headers, and proxy_networks names no "
			"proxy",
			config->path, listener->name);
		return false;
	}
	return true;
}

/* What no single option can tell. */
static bool check_whole(const struct config *config, struct fault *fault)
{
	char path[sizeof((struct sockaddr_un *)NULL)->sun_path];

	if (config->listener_count == 0) {
		fault_set(fault,
			  "%s: there is no listener: add listener \"pop3\" { protocol = pop3 "
			  "address = \"*:110\" }",
			  config->path);
		return false;
	}
	if (config_uses(config, CONFIG_PAM) && config->pam_domain[0] == '\0') {
		fault_set(fault,
			  "%s: option \"auth_backends\": pam needs the option \"pam_domain\", "
			  "the "
			  "domain of the system's users",
			  config->path);
		return false;
	}
	if (strlen(config->pam_socket) >= sizeof path) {
		fault_set(fault, "%s: option \"pam_socket\": too long for a unix socket",
			  config->path);
		return false;
	}
	if (!config_path(config, CONFIG_CONTROL_SOCKET, path, sizeof path)) {
		fault_set(fault,
			  "%s: option \"run_dir\": too long for a unix socket below it (100 "
			  "octets)",
			  config->path);
		return false;
	}
	return proxies_known(config, fault);
}

bool config_user_allowed(const struct config *config, struct fault *fault)
{
	struct passwd entry, *found = NULL;
	char memory[16384];

	(void)getpwnam_r(config->user, &entry, memory, sizeof memory, &found);
	if (found == NULL || (entry.pw_uid != 0 && entry.pw_gid != 0))
		return true;
	fault_set(fault,
		  "%s: option \"user\": \"%s\" is root or in its group: name an ordinary user",
		  config->path, config->user);
	return false;
}

static bool config_from(const char *path, char *text, size_t n, struct config **config,
			struct fault *fault)
{
	struct config *made = calloc(1, sizeof *made);
	bool good = false;

	fault_set(fault, "%s: out of memory", path);
	if (made == NULL)
		return false;
	made->path = strdup(path);
	if (made->path != NULL && config_set_defaults(made))
		good = config_parse(path, text, n, made, fault);
	if (good && !complete_hostname(made)) {
		fault_set(fault, "%s: out of memory", path);
		good = false;
	}
	good = good && check_whole(made, fault);
	if (!good)
		config_free(&made);
	*config = made;
	return good;
}

bool config_defaults(struct config **config, struct fault *fault)
{
	size_t n = strlen(config_example_text);
	char *text = strdup(config_example_text);
	bool good;

	*config = NULL;
	if (text == NULL) {
		fault_set(fault, "built-in: out of memory");
		return false;
	}
	good = config_from("built-in", text, n, config, fault);
	free(text);
	return good;
}

const char *config_example(void)
{
	return config_example_text;
}

/* Up to `cap` octets of the file; -1 with errno. */
static ssize_t read_file(const char *path, char *to, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t got;
	int error;

	if (fd < 0)
		return -1;
	do {
		got = read(fd, to + n, cap - n);
		if (got > 0)
			n += (size_t)got;
	} while ((got > 0 && n < cap) || (got < 0 && errno == EINTR));
	error = errno;
	close(fd);
	errno = error;
	return got < 0 ? -1 : (ssize_t)n;
}

bool config_read(const char *path, struct config **config, struct fault *fault)
{
	char *text = malloc(FILE_OCTETS_MAX);
	ssize_t n;
	bool good = false;

	*config = NULL;
	if (text == NULL) {
		fault_set(fault, "%s: out of memory", path);
		return false;
	}
	n = read_file(path, text, FILE_OCTETS_MAX);
	if (n < 0)
		fault_set(fault, "%s: cannot be read: %s", path, strerror(errno));
	else if ((size_t)n == FILE_OCTETS_MAX)
		fault_set(fault, "%s: is larger than 1 MiB: not a configuration file", path);
	else
		good = config_from(path, text, (size_t)n, config, fault);
	free(text);
	return good;
}

bool config_path(const struct config *config, enum config_file file, char *path, size_t cap)
{
	static const char *const names[] = {
		[CONFIG_ACCOUNTS_DB] = "accounts.db",
		[CONFIG_SECRET_KEY] = "secret.key",
		[CONFIG_MAIL_DIR] = "mail",
		[CONFIG_CONTROL_SOCKET] = "control",
	};
	const char *dir = file == CONFIG_CONTROL_SOCKET ? config->run_dir : config->data_dir;
	int n = snprintf(path, cap, "%s/%s", dir, names[file]);

	return n > 0 && (size_t)n < cap;
}
