/*
 * What a person writes as COLUMN=VALUE becomes what the column holds. Which values are
 * allowed is for the schema of accounts.db to say: here only suffixes, times and yes or no
 * are translated, by the column's name.
 */
#include "assign.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/number.h"
#include "complain.h"
#include "nearest.h"
#include "restante/network.h"

struct suffix {
	char letter;
	uint64_t factor;
};

static bool scaled_parse(const char *text, const struct suffix *suffixes, size_t count,
			 uint64_t *value)
{
	struct str digits = str_of(text);
	uint64_t factor = 1;
	if (digits.n == 0)
		return false;
	char last = digits.p[digits.n - 1];
	for (size_t i = 0; i < count; i++) {
		/* 0x20: either case */
		if ((last | 0x20) == suffixes[i].letter) {
			factor = suffixes[i].factor;
			digits.n--;
			break;
		}
	}
	/* Columns are SQLite's signed integers. */
	if (!number_parse(digits, (uint64_t)INT64_MAX / factor, value))
		return false;
	*value *= factor;
	return true;
}

bool octets_parse(const char *text, uint64_t *octets)
{
	static const struct suffix suffixes[] = {
		{ 'k', UINT64_C(1) << 10 },
		{ 'm', UINT64_C(1) << 20 },
		{ 'g', UINT64_C(1) << 30 },
		{ 't', UINT64_C(1) << 40 },
	};
	return scaled_parse(text, suffixes, ARRAY_SIZE(suffixes), octets);
}

bool seconds_parse(const char *text, uint64_t *seconds)
{
	static const struct suffix suffixes[] = {
		{ 's', 1 },
		{ 'm', 60 },
		{ 'h', 3600 },
		{ 'd', 86400 },
	};
	return scaled_parse(text, suffixes, ARRAY_SIZE(suffixes), seconds);
}

static bool has_ending(const char *name, const char *ending)
{
	size_t n = strlen(name);
	size_t ne = strlen(ending);
	return n > ne && strcmp(name + n - ne, ending) == 0;
}

bool column_is_number(const char *name)
{
	static const char *const endings[] = { "_octets", "_messages", "_seconds",
					       "_mailboxes" };
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		if (has_ending(name, endings[i]))
			return true;
	}
	return strcmp(name, "id") == 0 || strcmp(name, "shard") == 0;
}

bool column_is_switch(const char *name)
{
	return strcmp(name, "active") == 0 || has_ending(name, "_enabled");
}

/* Columns where no value is something else than an empty text. */
static bool column_may_be_null(const char *name)
{
	return column_is_number(name) || has_ending(name, "_at") ||
	       strcmp(name, "allow_nets") == 0;
}

static int translate_switch(struct assignments *to, size_t at, const char *value)
{
	static const char *const words[][2] = {
		{ "1", "1" },    { "0", "0" },     { "yes", "1" }, { "no", "0" },
		{ "true", "1" }, { "false", "0" }, { "on", "1" },  { "off", "0" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcasecmp(value, words[i][0]) == 0) {
			to->field[at].value = words[i][1];
			return EX_OK;
		}
	}
	return complain(EX_USAGE, "%s=%s: not yes or no", to->name[at], value);
}

static bool count_parse(const char *text, uint64_t *count)
{
	return number_parse(str_of(text), INT64_MAX, count);
}

static int translate_number(struct assignments *to, size_t at, const char *value,
			    bool (*parse)(const char *, uint64_t *), const char *wanted)
{
	uint64_t number;
	if (!parse(value, &number))
		return complain(EX_USAGE, "%s=%s: not %s", to->name[at], value, wanted);
	snprintf(to->number[at], sizeof to->number[at], "%" PRIu64, number);
	to->field[at].value = to->number[at];
	return EX_OK;
}

static int check_networks(const char *list)
{
	struct str bad;
	if (networks_parse(str_of(list), &bad))
		return EX_OK;
	return complain(EX_USAGE,
			"allow_nets=%s: \"%.*s\" is no network such as 192.0.2.0/24 or "
			"2001:db8::/32",
			list, STR_ARG(bad));
}

static int translate(struct assignments *to, size_t at, const char *value)
{
	const char *name = to->name[at];
	to->field[at] = (struct field){ name, value };
	if (column_is_switch(name))
		return translate_switch(to, at, value);
	if (value[0] == '\0' && column_may_be_null(name))
		to->field[at].value = NULL;
	else if (has_ending(name, "_octets"))
		return translate_number(to, at, value, octets_parse,
					"a number of octets such as 500M or 2G");
	else if (has_ending(name, "_seconds"))
		return translate_number(to, at, value, seconds_parse,
					"a number of seconds, or a time such as 12h or 7d");
	else if (column_is_number(name))
		return translate_number(to, at, value, count_parse, "a number");
	else if (strcmp(name, "allow_nets") == 0)
		return check_networks(value);
	return EX_OK;
}

bool column_is_kept(const char *name)
{
	static const char *const kept[] = {
		"id",       "shard",           "store_key",        "created",
		"modified", "password_scheme", "apop_secret_form", "scram_forms"
	};
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (strcmp(name, kept[i]) == 0)
			return true;
	}
	return false;
}

static int complain_unknown_column(const char *name, const char *key, const char *const *names,
				   size_t count)
{
	char list[512] = "";
	size_t used = 0;
	if (strcmp(name, "password") == 0 || strcmp(name, "apop_secret") == 0 ||
	    strcmp(name, "scram_sha1") == 0 || strcmp(name, "scram_sha256") == 0)
		return complain(EX_USAGE,
				"secrets are not set by name; use: restante user %s ADDRESS",
				name[0] == 'a' ? "apop" : "passwd");
	const char *meant = nearest(name, names, count);
	if (meant != NULL)
		return complain(EX_USAGE, "there is no column \"%s\" (did you mean \"%s\"?)",
				name, meant);
	for (size_t i = 0; i < count && used < sizeof list; i++) {
		if (column_is_kept(names[i]) || strcmp(names[i], key) == 0)
			continue;
		int n = snprintf(list + used, sizeof list - used, " %s", names[i]);
		used += n > 0 ? (size_t)n : 0;
	}
	return complain(EX_USAGE, "there is no column \"%s\"; there are:%s", name, list);
}

static int assign_one(const char *key, const char *arg, const char *const *names, size_t count,
		      struct assignments *to)
{
	size_t n = strcspn(arg, "=");
	char *name = to->name[to->count];
	if (arg[n] != '=' || n == 0 || n >= ASSIGN_NAME_MAX)
		return complain(EX_USAGE, "\"%.*s\" is not of the form COLUMN=VALUE",
				n < 64 ? (int)n : 64, arg);
	memcpy(name, arg, n);
	name[n] = '\0';
	if (strcmp(name, key) == 0)
		return complain(EX_USAGE, "\"%s\" names the row and cannot be set", name);
	if (column_is_kept(name))
		return complain(EX_USAGE, "\"%s\" is kept by restante and cannot be set", name);
	for (size_t i = 0; i < to->count; i++) {
		if (strcmp(to->name[i], name) == 0)
			return complain(EX_USAGE, "\"%s\" is given twice", name);
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return translate(to, to->count++, arg + n + 1);
	}
	return complain_unknown_column(name, key, names, count);
}

int assign_parse(enum accounts_table table, const char *key, char *const *args, int count,
		 struct assignments *assignments)
{
	const char *const *names;
	size_t name_count = accounts_columns(table, &names);
	assignments->count = 0;
	if (count > ASSIGN_MAX)
		return complain(EX_USAGE, "more than %d columns at once", ASSIGN_MAX);
	for (int i = 0; i < count; i++) {
		int code = assign_one(key, args[i], names, name_count, assignments);
		if (code != EX_OK)
			return code;
	}
	return EX_OK;
}
