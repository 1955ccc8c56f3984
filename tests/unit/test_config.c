/* The configuration: the table, the example and the file agree, and errors say where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/buf.h"
#include "config_private.h"
#include "restante/limits.h"

#define NAME_OF_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BAD_NAME ": a name has 1 to 63 ASCII characters, no space, colon or quote"
#define LISTENER "listener \"p\" { protocol = pop3 address = \"127.0.0.1:0\" }\n"

/* Reads `text` as a file; its name in faults is replaced by "conf". */
static struct config *read_text(const char *text, struct fault *fault)
{
	char path[] = "/tmp/restante-conf-XXXXXX";
	struct config *config = NULL;
	int fd = mkstemp(path);
	size_t n = strlen(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	fault->text[0] = '\0';
	if (!config_read(path, &config, fault)) {
		assert_null(config);
		assert_memory_equal(fault->text, path, n);
		memmove(fault->text + 4, fault->text + n, strlen(fault->text + n) + 1);
		memcpy(fault->text, "conf", 4);
	}
	unlink(path);
	return config;
}

static struct config *read_good(const char *text)
{
	struct fault fault;
	struct config *config = read_text(text, &fault);

	if (config == NULL)
		fail_msg("%s", fault.text);
	return config;
}

static void values_reach_the_struct(void **state)
{
	struct config *config =
		read_good("# a comment\n"
			  "data_dir = /srv/mail\nrun_dir=\"/tmp/run\"\n"
			  "hostname = mx.example.org\nworkers = 4\n"
			  "message_size = 2G\nmin_free = 512k\nnul = reject\n"
			  "over_quota = permanent\ndetail_separator = \"\"\n"
			  "apop = yes\nlog = syslog\nlog_level = debug\n"
			  "postmaster = root@example.org\n"
			  "clear_password_networks = {\"192.0.2.0/24\", \"2001:db8::/32\"}\n"
			  "proxy_networks = {\"10.0.0.1\"}\nxclient_networks = {\"10.0.0.2\"}\n"
			  "clear_password_networks += {\"198.51.100.7\"}\n"
			  "listener \"in\" {\n protocol = lmtp\n"
			  " address = \"unix:/tmp/x\"\n mode = 0600\n group = mail\n"
			  " proxy = yes }\n" LISTENER);

	(void)state;
	assert_string_equal(config->data_dir, "/srv/mail");
	assert_string_equal(config->run_dir, "/tmp/run");
	assert_string_equal(config->hostname, "mx.example.org");
	assert_string_equal(config->postmaster, "root@example.org");
	assert_int_equal(config->workers, 4);
	assert_int_equal(config->message_octets, UINT64_C(2) << 30);
	assert_int_equal(config->min_free, 512 << 10);
	assert_true(config->reject_nul && config->quota_is_permanent && config->log_to_syslog);
	assert_int_equal(config->detail_separator, 0);
	assert_true(config->apop);
	assert_string_equal(config->log_level, "debug");
	assert_int_equal(config->clear_password_networks.n, 3);
	assert_int_equal(config->clear_password_networks.items[1].first.family, AF_INET6);
	assert_int_equal(config->clear_password_networks.items[2].prefix, 32);
	assert_int_equal(config->proxy_networks.n, 1);
	assert_int_equal(config->proxy_networks.items[0].first.octets[3], 1);
	assert_int_equal(config->xclient_networks.n, 1);
	assert_int_equal(config->xclient_networks.items[0].first.octets[3], 2);
	assert_int_equal(config->listener_count, 2);
	assert_true(config->listeners[0].proxy && !config->listeners[1].proxy);
	assert_string_equal(config->listeners[0].name, "in");
	assert_int_equal(config->listeners[0].protocol, CONFIG_LMTP);
	assert_int_equal(config->listeners[0].mode, 0600);
	assert_string_equal(config->listeners[0].group, "mail");
	assert_string_equal(config->listeners[0].owner, "");
	assert_string_equal(config->listeners[1].address, "127.0.0.1:0");
	assert_int_equal(config->listeners[1].mode, 0660);
	config_free(&config);
	assert_null(config);
}

static void errors_name_file_line_and_option(void **state)
{
	static const struct {
		const char *text, *fault;
	} rows[] = {
		{ "auth_backends = \"sql, ldap\"\n",
		  "conf:1: option \"auth_backends\": \"sql, ldap\" holds a word that is not "
		  "possible here (sql or pam)" },
		{ "auth_backends = \"sql, sql\"\n", "conf:1: option \"auth_backends\": \"sql, "
						    "sql\" holds a word twice (sql or pam)" },
		{ "auth_backends = \" , \"\n", "conf:1: option \"auth_backends\": \" , \" must "
					       "not be empty (sql or pam)" },
		{ "pam_domain = Example.org\n",
		  "conf:1: option \"pam_domain\": \"Example.org\" is not a domain in lower "
		  "case, "
		  "such as example.org" },
		{ "pam_service = \"../su\"\n",
		  "conf:1: option \"pam_service\": \"../su\" is not "
		  "the name of a file in /etc/pam.d" },
		{ "\n\nconections = 3\n",
		  "conf:3: unknown option \"conections\" (did you mean \"connections\"?)" },
		{ "maxsize = 3\n",
		  "conf:1: unknown option \"maxsize\" (did you mean \"message_size\"?)" },
		{ "\nlistner \"x\" { }\n",
		  "conf:2: unknown option \"listner\" (did you mean \"listener\"?)" },
		{ "listener \"x\" {\n\tadress = \"*:1\"\n}\n",
		  "conf:2: unknown option \"adress\" in section listener \"x\" "
		  "(did you mean \"address\"?)" },
		{ "listener \"x\" {\n\tworkers = 1\n}\n",
		  "conf:2: option \"workers\" does not belong in a section" },
		{ "protocol = pop3\n", "conf:1: option \"protocol\" belongs in a section: "
				       "listener \"NAME\" { ... }" },
		{ "# c\n# c\nworkers = many\n",
		  "conf:3: option \"workers\": \"many\" is not a number (0 to 256)" },
		{ "workers = -1\n",
		  "conf:1: option \"workers\": \"-1\" is not a number (0 to 256)" },
		{ "workers = 257\n",
		  "conf:1: option \"workers\": \"257\" is out of range (0 to 256)" },
		{ "workers = 4294967296\n",
		  "conf:1: option \"workers\": \"4294967296\" is out of range (0 to 256)" },
		{ "pop3_inactivity_seconds = 599\n",
		  "conf:1: option \"pop3_inactivity_seconds\": \"599\" is out of range "
		  "(600 to 86400)" },
		{ "message_size = 16G\n",
		  "conf:1: option \"message_size\": \"16G\" is out of range (0 to 15G)" },
		{ "message_size = 18446744073709551615G\n",
		  "conf:1: option \"message_size\": \"18446744073709551615G\" is out of range "
		  "(0 to 15G)" },
		{ "message_size = 10MB\n", "conf:1: option \"message_size\": \"10MB\" is not a "
					   "size like 4096, 64K, 128M or "
					   "2G (0 to 15G)" },
		{ "apop = maybe\n",
		  "conf:1: option \"apop\": \"maybe\" is not one of the words possible here "
		  "(no or yes)" },
		{ "log_level = loud\n", "conf:1: option \"log_level\": \"loud\" is not one of "
					"the words possible here "
					"(error, warning, notice, info or debug)" },
		{ "data_dir = mail\n", "conf:1: option \"data_dir\": \"mail\" is not a path "
				       "that begins with \"/\"" },
		{ "user = \"\"\n", "conf:1: option \"user\": \"\" must not be empty" },
		{ "user = \"a\\x1b[m\"\n",
		  "conf:1: option \"user\": \"a\\x1b[m\" holds a control character" },
		{ "detail_separator = ab\n", "conf:1: option \"detail_separator\": \"ab\" is "
					     "not one character like \"+\" or "
					     "\"-\"" },
		{ "hostname = \"a b\"\n",
		  "conf:1: option \"hostname\": \"a b\" is not a host name" },
		{ "postmaster = root\n",
		  "conf:1: option \"postmaster\": \"root\" is not an address "
		  "like postmaster@example.org" },
		{ "clear_password_networks = {\"192.0.2.0/24\",\n \"192.0.2.1/24\"}\n",
		  "conf:2: option \"clear_password_networks\": \"192.0.2.1/24\" has bits set "
		  "behind "
		  "its prefix of 24" },
		{ "clear_password_networks = {\"10.0.0.0/33\"}\n",
		  "conf:1: option \"clear_password_networks\": \"10.0.0.0/33\" is no network: "
		  "write "
		  "192.0.2.0/24 or 2001:db8::/32" },
		{ "listener \"x\" { protocol = imap }\n",
		  "conf:1: option \"protocol\": \"imap\" is not one of the words possible here "
		  "(pop3 or lmtp)" },
		{ "listener \"x\" { mode = 0999 }\n",
		  "conf:1: option \"mode\": \"0999\" is not a mode like 0660 (0000 to 0777)" },
		{ "listener \"x\" { mode = 4777 }\n",
		  "conf:1: option \"mode\": \"4777\" is out of range (0000 to 0777)" },
		{ "listener \"x\" { address = \"unix:x\" }\n",
		  "conf:1: option \"address\": \"unix:x\" the path after \"unix:\" must begin "
		  "with "
		  "\"/\"" },
		{ "listener \"x\" { address = \"example.org:110\" }\n",
		  "conf:1: option \"address\": \"example.org:110\" write ADDRESS:PORT, "
		  "[IPv6]:PORT, "
		  "*:PORT or unix:/PATH" },
		{ "listener \"x\" {\n protocol = pop3\n}\n",
		  "conf:3: listener \"x\" has no option \"address\"" },
		{ "listener \"a b\" { protocol = pop3 address = \"*:1\" }\n",
		  "conf:1: listener \"a b\"" BAD_NAME },
		{ "listener \"a\001\" { protocol = pop3 address = \"*:1\" }\n",
		  "conf:1: listener \"a\\x01\"" BAD_NAME },
		{ "listener \"\xC3\xA4\" { protocol = pop3 address = \"*:1\" }\n",
		  "conf:1: listener \"\xC3\xA4\"" BAD_NAME },
		{ "listener \"" NAME_OF_64 "\" { protocol = pop3 address = \"*:1\" }\n",
		  "conf:1: listener \"" NAME_OF_64 "\"" BAD_NAME },
		{ "listener \"x\" { protocol = lmtp address = \"[::1]:025\" }\n",
		  "conf:1: listener \"x\": LMTP must not be spoken on port 25 (RFC 2033)" },
		{ "listener \"x\" { protocol = lmtp address = \"*:25\" }\n",
		  "conf:1: listener \"x\": LMTP must not be spoken on port 25 (RFC 2033)" },
		{ LISTENER "\n" LISTENER, "conf:3: there are two listeners \"p\"" },
		{ "workers = 1\nuser = x\nworkers = 1\n",
		  "conf:3: option \"workers\" is given twice (first on line 1)" },
		{ "listener \"x\" {\nprotocol = pop3\naddress = \"*:110\"\nproxy = yes\n}\n",
		  "conf: listener \"x\" wants PROXY headers, and proxy_networks names no "
		  "proxy" },
		{ "clear_password_networks = {\"::1\"}\nclear_password_networks = {\"::2\"}\n",
		  "conf:2: option \"clear_password_networks\" is given twice (first on line "
		  "1)" },
		{ "user = \"${HOME}\"\n",
		  "conf:1: ${...} is not supported: values stand in the file" },
		{ "user = x # ${HOME}\n",
		  "conf: there is no listener: add listener \"pop3\" { protocol "
		  "= pop3 address = \"*:110\" }" },
		{ "", "conf: there is no listener: add listener \"pop3\" { protocol = pop3 "
		      "address = "
		      "\"*:110\" }" },
		{ "# c\n/* c\n c */ user = \"#/*\" // c\nuser # c\n = a'#'\n\nworkers = x\n",
		  "conf:5: option \"user\" is given twice (first on line 3)" },
		{ "user = \"a\nb\\\"#\nb\"\n",
		  "conf:3: option \"user\": \"a\\x0ab\\\"#\\x0ab\" holds a control character" },
		{ "workers\n", "conf:2: premature end of file" },
		{ "workers 3\n", "conf:1: missing equal sign after option 'workers'" },
		{ "user = \"joe\n\n", "conf:3: premature end of file" },
		{ "}\n", "conf:1: unexpected closing brace" },
		{ "user = x\nlistener \"p\" {\n protocol = pop3\n address = \"*:1\"\n",
		  "conf:2: the brace that is opened here is never closed" },
		{ LISTENER "\nclear_password_networks = {\"::1\"\n# }\nuser = \"}\"\n",
		  "conf:3: the brace that is opened here is never closed" },
		{ LISTENER "\n/* user = x\n",
		  "conf:3: the comment that begins here has no end" },
		{ LISTENER "\n/*/", "conf:3: the comment that begins here has no end" },
		{ "listener { }\n", "conf:1: missing title for section 'listener'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fault fault;
		struct config *config = read_text(rows[i].text, &fault);

		if (config != NULL)
			fail_msg("accepted: %s", rows[i].text);
		assert_string_equal(fault.text, rows[i].fault);
	}
}

static void file_that_is_none_is_refused(void **state)
{
	struct config *config = NULL;
	struct fault fault;

	(void)state;
	assert_false(config_read("/nonexistent/restante.conf", &config, &fault));
	assert_string_equal(fault.text,
			    "/nonexistent/restante.conf: cannot be read: No such file "
			    "or directory");
	assert_false(config_read("/dev/zero", &config, &fault));
	assert_string_equal(fault.text,
			    "/dev/zero: is larger than 1 MiB: not a configuration file");
	assert_false(config_read("/tmp", &config, &fault));
	assert_string_equal(fault.text, "/tmp: cannot be read: Is a directory");
}

/* A single NUL octet hides the rest of a file from C strings. */
static void file_with_nul_is_refused(void **state)
{
	char text[] = LISTENER " \0\nnonsense";
	struct config config = { 0 };
	struct fault fault;

	(void)state;
	assert_false(config_parse("conf", text, sizeof text - 1, &config, &fault));
	assert_string_equal(fault.text, "conf:2: there is a NUL octet");
}

static void backends_keep_their_order(void **state)
{
	struct config *config = read_good(LISTENER);
	struct fault fault;

	(void)state;
	assert_int_equal(config->auth_backends.count, 1);
	assert_int_equal(config->auth_backends.order[0], CONFIG_SQL);
	assert_false(config_uses(config, CONFIG_PAM));
	config_free(&config);
	config = read_good("auth_backends = \"pam,sql\"\npam_domain = example.org\n" LISTENER);
	assert_int_equal(config->auth_backends.count, 2);
	assert_int_equal(config->auth_backends.order[0], CONFIG_PAM);
	assert_int_equal(config->auth_backends.order[1], CONFIG_SQL);
	assert_true(config_uses(config, CONFIG_PAM));
	assert_string_equal(config->pam_domain, "example.org");
	config_free(&config);
	/* The system's users need a domain. */
	assert_null(read_text("auth_backends = pam\n" LISTENER, &fault));
	assert_non_null(strstr(fault.text, "pam_domain"));
}

static void hostname_is_a_domain_or_an_address_in_brackets(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
		{ "mx", true },
		{ "mx-1.example.org", true },
		{ "mx_1.example.org", true },
		{ "[192.0.2.1]", true },
		{ "[IPv6:2001:db8::1]", true },
		{ "mx..example.org", false },
		{ ".example.org", false },
		{ "mx.example.org.", false },
		{ ".", false },
		{ "2001:db8::1", false },
		{ "mx:25", false },
		{ "[]", false },
		{ "[", false },
		{ "[192.0.2.1", false },
		{ "192.0.2.1]", false },
		{ "[192.0.2.1]]", false },
		{ "mx.[192.0.2.1]", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fault fault;
		char text[128];
		char says[128];

		(void)snprintf(text, sizeof text, "hostname = \"%s\"\n" LISTENER, rows[i].name);
		if (rows[i].good) {
			struct config *config = read_good(text);

			assert_string_equal(config->hostname, rows[i].name);
			config_free(&config);
			continue;
		}
		(void)snprintf(says, sizeof says,
			       "conf:1: option \"hostname\": \"%s\" is not a host name",
			       rows[i].name);
		assert_null(read_text(text, &fault));
		assert_string_equal(fault.text, says);
	}
}

static void hostname_empty_becomes_the_machines(void **state)
{
	char name[256] = "";
	struct config *config = read_good(LISTENER);

	(void)state;
	assert_int_equal(gethostname(name, sizeof name - 1), 0);
	assert_string_equal(config->hostname, name);
	config_free(&config);
}

static void run_dir_too_long_for_a_socket_is_refused(void **state)
{
	char long_dir[200], text[300];
	struct fault fault;

	(void)state;
	memset(long_dir, 'x', sizeof long_dir - 1);
	long_dir[sizeof long_dir - 1] = '\0';
	(void)snprintf(text, sizeof text, "run_dir = /%s\n" LISTENER, long_dir);
	assert_null(read_text(text, &fault));
	assert_non_null(strstr(fault.text, "option \"run_dir\": too long"));
}

/* --- the table, the example and what is shown --------------------------------------------- */

static const char *formatted(const struct config_option *option, const void *base, char *text,
			     size_t cap)
{
	option_format(option, base, text, cap);
	return text;
}

static void example_is_the_tables_defaults(void **state)
{
	struct config table = { 0 };
	struct config *example;
	struct fault fault;
	char one[256], other[256];

	(void)state;
	assert_true(config_set_defaults(&table));
	assert_true(config_defaults(&example, &fault));
	for (size_t i = 0; i < config_option_count; i++) {
		if (config_options[i].type == OPTION_HOSTNAME)
			continue;
		assert_string_equal(formatted(&config_options[i], example, one, sizeof one),
				    formatted(&config_options[i], &table, other, sizeof other));
	}
	assert_int_equal(example->listener_count, 2);
	assert_string_equal(example->listeners[0].name, "pop3");
	assert_string_equal(example->listeners[0].address, "*:110");
	assert_string_equal(example->listeners[1].address, "unix:/run/restante/lmtp");
	assert_int_equal(example->listeners[1].mode, 0660);
	assert_int_equal(example->message_octets, LMTP_MESSAGE_OCTETS);
	assert_int_equal(example->min_free, MIN_FREE_OCTETS);
	config_free(&example);
	for (size_t i = 0; i < config_option_count; i++)
		option_free(&config_options[i], &table);
}

static void example_states_every_option(void **state)
{
	struct config config = { 0 };
	char line[128];

	(void)state;
	assert_true(config_set_defaults(&config));
	for (size_t i = 0; i < config_option_count; i++) {
		const struct config_option *option = &config_options[i];
		char value[100];
		const char *quote = option_quoted(option) && option->def[0] != '/' &&
						    strcmp(option->name, "user") != 0
					    ? "\""
					    : "";

		option_format(option, &config, value, sizeof value);
		(void)snprintf(line, sizeof line, "\n%s = %s%s%s\n", option->name, quote, value,
			       quote);
		if (strstr(config_example(), line) == NULL)
			fail_msg("config_example.conf does not have the line:%s", line);
		option_free(option, &config);
	}
	for (size_t i = 0; i < listener_option_count; i++) {
		(void)snprintf(line, sizeof line, "\n\t%s = ", listener_options[i].name);
		assert_non_null(strstr(config_example(), line));
	}
}

/* The embedded text is the file that is installed. */
static void example_is_the_installed_file(void **state)
{
	FILE *file = fopen(CONFIG_EXAMPLE_FILE, "r");
	char text[32768];
	size_t n;

	(void)state;
	assert_non_null(file);
	n = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	assert_string_equal(text, config_example());
}

static void table_names_are_unique_and_explained(void **state)
{
	char range[128];

	(void)state;
	for (size_t i = 0; i < config_option_count; i++) {
		size_t n = strlen(config_options[i].help);

		assert_true(n > 10 && config_options[i].help[n - 1] == '.');
		option_range(&config_options[i], range, sizeof range);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(config_options[i].name, config_options[j].name);
	}
}

static void collect(void *context, const char *text)
{
	struct buf *to = context;

	assert_true(buf_add(to, str_of(text)) && buf_add_char(to, '\n'));
	to->p[to->n] = '\0';
}

static void shown_configuration_reads_back_the_same(void **state)
{
	char first[8192], second[8192];
	struct buf one = buf_over(first, sizeof first - 1);
	struct buf two = buf_over(second, sizeof second - 1);
	struct config *config =
		read_good("detail_separator = \"-\"\nnul = reject\nmin_free = 1000\n"
			  "clear_password_networks = {\"::1\", \"10.0.0.0/8\"}\n"
			  "user = \"o\\\"dd\"\n" LISTENER);

	(void)state;
	config_show(config, false, collect, &one);
	config_free(&config);
	config = read_good(first);
	config_show(config, false, collect, &two);
	config_free(&config);
	assert_string_equal(first, second);
	assert_non_null(
		strstr(first, "clear_password_networks = {\"::1/128\", \"10.0.0.0/8\"}\n"));
	assert_non_null(strstr(first, "user = \"o\\\"dd\"\n"));
}

/* `n` of the longest networks that there are, in a whole configuration. */
static void write_networks(struct buf *to, int n)
{
	char network[80];

	(void)buf_add(to, STR(LISTENER "\nclear_password_networks = {"));
	for (int i = 0; i < n; i++) {
		(void)snprintf(network, sizeof network,
			       "%s\"2001:db80:1111:2222:3333:4444:5555:%x/128\"",
			       i > 0 ? ", " : "", 0x1000 + i);
		assert_true(buf_add(to, str_of(network)));
	}
	(void)buf_add(to, STR("}\n"));
	to->p[to->n] = '\0';
}

static void networks_that_would_not_be_shown_are_refused(void **state)
{
	char text[8192], shown[8192];
	struct buf to = buf_over(text, sizeof text - 1);
	struct buf one = buf_over(shown, sizeof shown - 1);
	struct config *config;
	struct fault fault;

	(void)state;
	write_networks(&to, CONFIG_NETWORKS_MAX);
	config = read_good(text);
	config_show(config, false, collect, &one);
	config_free(&config);
	config = read_good(shown);
	assert_int_equal(config->clear_password_networks.n, CONFIG_NETWORKS_MAX);
	config_free(&config);
	to.n = 0;
	write_networks(&to, CONFIG_NETWORKS_MAX + 1);
	assert_null(read_text(text, &fault));
	assert_non_null(strstr(fault.text, "is one network too many: there may be 64"));
}

static void shown_changes_are_only_those(void **state)
{
	char text[4096] = "";
	struct buf to = buf_over(text, sizeof text - 1);
	struct config *config = read_good("workers = 3\nhashers = 2\n" LISTENER);

	(void)state;
	config_show(config, true, collect, &to);
	config_free(&config);
	assert_string_equal(text, "workers = 3\nlistener \"p\" {\n\tprotocol = pop3\n"
				  "\taddress = \"127.0.0.1:0\"\n\ttls = starttls\n"
				  "\tproxy = no\n\tmode = 0660\n\towner = \"\"\n"
				  "\tgroup = \"\"\n}\n");
	assert_true(config_defaults(&config, &(struct fault){ 0 }));
	to = buf_over(text, sizeof text - 1);
	text[0] = '\0';
	config_show(config, true, collect, &to);
	config_free(&config);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_reach_the_struct),
		cmocka_unit_test(errors_name_file_line_and_option),
		cmocka_unit_test(file_that_is_none_is_refused),
		cmocka_unit_test(file_with_nul_is_refused),
		cmocka_unit_test(backends_keep_their_order),
		cmocka_unit_test(hostname_is_a_domain_or_an_address_in_brackets),
		cmocka_unit_test(hostname_empty_becomes_the_machines),
		cmocka_unit_test(run_dir_too_long_for_a_socket_is_refused),
		cmocka_unit_test(example_is_the_tables_defaults),
		cmocka_unit_test(example_states_every_option),
		cmocka_unit_test(example_is_the_installed_file),
		cmocka_unit_test(table_names_are_unique_and_explained),
		cmocka_unit_test(shown_configuration_reads_back_the_same),
		cmocka_unit_test(networks_that_would_not_be_shown_are_refused),
		cmocka_unit_test(shown_changes_are_only_those),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
