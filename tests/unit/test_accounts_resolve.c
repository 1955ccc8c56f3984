/* recipient_resolve: what an address stands for. */
#include "accounts_fixture.h"

static struct recipient_targets targets;

/* The addresses of the targets, each with a space, inactive ones in brackets. */
static const char *resolve(struct fixture *f, const char *address, char separator)
{
	static char text[4096];
	struct fault fault = { "left from before" };
	enum accounts_status status =
		recipient_resolve(f->accounts, str_of(address), separator, &targets, &fault);
	size_t used = 0;

	f->fault = fault;
	if (status == ACCOUNTS_NOT_FOUND)
		return "unknown";
	if (status == ACCOUNTS_LOOP)
		return "loop";
	expect_status(f, status, ACCOUNTS_OK);
	text[0] = '\0';
	for (size_t i = 0; i < targets.count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
					 targets.account[i].active ? "%s " : "(%s) ",
					 targets.account[i].address);
	return text;
}

static void expect_targets(struct fixture *f, const char *address, const char *expected)
{
	const char *found = resolve(f, address, '+');

	if (strcmp(found, expected) != 0)
		fail_msg("%s: \"%s\" and not \"%s\" (%s)", address, found, expected,
			 f->fault.text);
}

static void populate(struct fixture *f)
{
	struct field target = { "target_domain", "example.org" };

	add_domain(f, "example.org");
	add_domain(f, "example.com");
	add_mailbox(f, "ann@example.org", NULL);
	add_mailbox(f, "bob@example.org", NULL);
	add_mailbox(f, "eve@example.com", NULL);
	expect_status(f,
		      accounts_add(f->accounts, TABLE_ALIAS_DOMAIN, "example.net", &target, 1,
				   &f->fault),
		      ACCOUNTS_OK);
}

static void address_by_every_way(void **state)
{
	static const struct {
		const char *address;
		const char *expected;
	} rows[] = {
		/* mailbox, in any case */
		{ "ann@example.org", "ann@example.org " },
		{ "ANN@EXAMPLE.ORG", "ann@example.org " },
		/* unknown */
		{ "nobody@example.org", "unknown" },
		{ "ann@elsewhere.example", "unknown" },
		{ "ann", "unknown" },
		{ "", "unknown" },
		{ "@", "unknown" },
		{ "@example.com", "unknown" },
		{ "ann@", "unknown" },
		{ "ann@example.org@example.com", "eve@example.com " },
		/* alias */
		{ "info@example.org", "ann@example.org " },
		{ "Info@Example.ORG", "ann@example.org " },
		{ "team@example.org", "ann@example.org bob@example.org " },
		/* nested, nobody twice */
		{ "all@example.org", "ann@example.org bob@example.org eve@example.com " },
		/* alias domain: mailboxes, aliases, detail */
		{ "ann@example.net", "ann@example.org " },
		{ "team@example.net", "ann@example.org bob@example.org " },
		{ "ann+x@Example.NET", "ann@example.org " },
		{ "nobody@example.net", "unknown" },
		/* detail: exact first, then without, cut at the first separator */
		{ "ann+lists@example.org", "ann@example.org " },
		{ "ann+a+b@example.org", "ann@example.org " },
		{ "ann+@example.org", "ann@example.org " },
		{ "info+x@example.org", "ann@example.org " },
		{ "bob+exact@example.org", "ann@example.org " },
		{ "+ann@example.org", "unknown" },
		{ "nobody+ann@example.org", "unknown" },
		{ "ann-x@example.org", "unknown" },
		/* one mailbox by three names is one target */
		{ "thrice@example.org", "ann@example.org " },
		/* a target with detail, a target in an alias domain */
		{ "sub@example.org", "ann@example.org " },
		{ "viadomain@example.org", "bob@example.org " },
		/* catch-all: last */
		{ "eve@example.com", "eve@example.com " },
		{ "anything@example.com", "eve@example.com " },
		{ "any+thing@example.com", "eve@example.com " },
		{ "eve+x@example.com", "eve@example.com " },
		/* a mailbox and alias rows of one address go together */
		{ "bob@example.org", "bob@example.org " },
		{ "copy@example.com", "copy@example.com ann@example.org " },
		{ "self@example.com", "self@example.com ann@example.org " },
		/* switched off: not there */
		{ "off@example.org", "unknown" },
	};
	struct fixture *f = *state;

	populate(f);
	add_alias(f, "info@example.org", "ann@example.org");
	add_alias(f, "team@example.org", "ann@example.org");
	add_alias(f, "team@example.org", "bob@example.org");
	add_alias(f, "all@example.org", "team@example.org");
	add_alias(f, "all@example.org", "info@example.org");
	add_alias(f, "all@example.org", "eve@example.com");
	add_alias(f, "bob+exact@example.org", "ann@example.org");
	add_alias(f, "sub@example.org", "ann+sub@example.org");
	add_alias(f, "viadomain@example.org", "bob@example.net");
	add_alias(f, "thrice@example.org", "ann@example.net");
	add_alias(f, "thrice@example.org", "ann+x@example.org");
	add_alias(f, "thrice@example.org", "ann@example.org");
	add_alias(f, "@example.com", "eve@example.com");
	add_alias(f, "off@example.org", "ann@example.org");
	set_column(f, TABLE_ALIAS, "off@example.org", "active", "0");
	add_mailbox(f, "copy@example.com", NULL);
	add_alias(f, "copy@example.com", "ann@example.org");
	add_mailbox(f, "self@example.com", NULL);
	add_alias(f, "self@example.com", "Self@example.com");
	add_alias(f, "self@example.com", "ann@example.org");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect_targets(f, rows[i].address, rows[i].expected);
		assert_string_equal(f->fault.text, "");
	}
}

static void separator_is_the_configured_one(void **state)
{
	struct fixture *f = *state;

	populate(f);
	assert_string_equal(resolve(f, "ann-x@example.org", '-'), "ann@example.org ");
	assert_string_equal(resolve(f, "ann+x@example.org", '-'), "unknown");
	assert_string_equal(resolve(f, "ann+x@example.org", '\0'), "unknown");
}

static void inactive_comes_inactive(void **state)
{
	struct fixture *f = *state;

	populate(f);
	add_alias(f, "info@example.com", "ann@example.org");
	set_column(f, TABLE_MAILBOX, "bob@example.org", "active", "0");
	expect_targets(f, "bob@example.org", "(bob@example.org) ");
	set_column(f, TABLE_DOMAIN, "example.com", "active", "0");
	expect_targets(f, "eve@example.com", "(eve@example.com) ");
	expect_targets(f, "info@example.com", "(ann@example.org) ");
	expect_targets(f, "ann@example.org", "ann@example.org ");
	set_column(f, TABLE_ALIAS_DOMAIN, "example.net", "active", "0");
	expect_targets(f, "ann@example.net", "(ann@example.org) ");
}

static void missing_target_left_out_and_named(void **state)
{
	struct fixture *f = *state;

	populate(f);
	add_alias(f, "team@example.org", "gone@example.org");
	expect_targets(f, "team@example.org", "unknown");
	assert_string_equal(f->fault.text,
			    "an alias goes to gone@example.org, which does not exist");
	add_alias(f, "team@example.org", "ann@example.org");
	expect_targets(f, "team@example.org", "ann@example.org ");
	assert_string_equal(f->fault.text,
			    "an alias goes to gone@example.org, which does not exist");
}

/* --- circles, depth, numbers ------------------------------------------------------------------ */

static void circle_is_a_loop(void **state)
{
	static const struct {
		const char *edges[5][2];
		const char *expected;
	} rows[] = {
		{ { { "a@example.org", "b@example.org" },
		    { "b@example.org", "a@example.org" } },
		  "loop" },
		{ { { "a@example.org", "b@example.org" },
		    { "b@example.org", "c@example.org" },
		    { "c@example.org", "B@example.org" } },
		  "loop" },
		/* beside a good target: still a loop, nobody gets a part of it */
		{ { { "a@example.org", "ann@example.org" },
		    { "a@example.org", "b@example.org" },
		    { "b@example.org", "a@example.org" } },
		  "loop" },
		/* a circle that is met a second time from another side */
		{ { { "a@example.org", "b@example.org" },
		    { "a@example.org", "c@example.org" },
		    { "b@example.org", "d@example.org" },
		    { "c@example.org", "d@example.org" },
		    { "d@example.org", "c@example.org" } },
		  "loop" },
		/* through an alias domain, through detail */
		{ { { "a@example.org", "a@example.net" } }, "loop" },
		{ { { "a@example.org", "a+x@example.org" } }, "loop" },
		/* two ways to one place are none */
		{ { { "a@example.org", "b@example.org" },
		    { "a@example.org", "c@example.org" },
		    { "b@example.org", "ann@example.org" },
		    { "c@example.org", "ann@example.org" } },
		  "ann@example.org " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture *f;

		assert_int_equal(fixture_open(state), 0);
		f = *state;
		populate(f);
		for (size_t k = 0; k < 5 && rows[i].edges[k][0] != NULL; k++)
			add_alias(f, rows[i].edges[k][0], rows[i].edges[k][1]);
		expect_targets(f, "a@example.org", rows[i].expected);
		assert_int_equal(targets.count, rows[i].expected[0] == 'l' ? 0 : 1);
		assert_int_equal(f->fault.text[0] != '\0', rows[i].expected[0] == 'l');
		assert_int_equal(fixture_close(state), 0);
	}
}

static void catch_all_to_nobody_is_a_loop(void **state)
{
	struct fixture *f = *state;

	/* It would catch its own target: put off rather than lost, and said in the log. */
	populate(f);
	add_alias(f, "@example.org", "gone@example.org");
	expect_targets(f, "anything@example.org", "loop");
	expect_targets(f, "ann@example.org", "ann@example.org ");
}

static void depth_is_bounded(void **state)
{
	struct fixture *f = *state;
	char from[64];
	char to[64];

	populate(f);
	/* chain0 -> chain1 -> ... -> chain8 -> ann */
	for (unsigned i = 0; i <= ALIAS_DEPTH_MAX; i++) {
		(void)snprintf(from, sizeof from, "chain%u@example.org", i);
		(void)snprintf(to, sizeof to, "chain%u@example.org", i + 1);
		add_alias(f, from, i == ALIAS_DEPTH_MAX ? "ann@example.org" : to);
	}
	expect_targets(f, "chain1@example.org", "ann@example.org ");
	expect_targets(f, "chain0@example.org", "loop");
	assert_non_null(strstr(f->fault.text, "nested too deep"));
}

static void add_many(struct fixture *f, const char *alias, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		char address[64];

		(void)snprintf(address, sizeof address, "u%u@example.org", i);
		add_mailbox(f, address, NULL);
		add_alias(f, alias, address);
	}
}

static void targets_are_bounded(void **state)
{
	struct fixture *f = *state;

	populate(f);
	add_many(f, "many@example.org", 0, ALIAS_TARGETS_MAX);
	add_alias(f, "more@example.org", "many@example.org");
	add_alias(f, "more@example.org", "u0@example.org");
	assert_int_equal(recipient_resolve(f->accounts, STR("more@example.org"), '+', &targets,
					   &f->fault),
			 ACCOUNTS_OK);
	assert_int_equal(targets.count, ALIAS_TARGETS_MAX);
	add_alias(f, "more@example.org", "ann@example.org");
	expect_targets(f, "more@example.org", "loop");
	assert_int_equal(targets.count, 0);
	assert_non_null(strstr(f->fault.text, "too many targets"));
}

/* Every address goes to all later ones: 2^18 ways from the first to the last, 20 look-ups. */
static void tangle_is_bounded(void **state)
{
	struct fixture *f = *state;
	char from[64];
	char to[64];

	populate(f);
	for (unsigned i = 0; i < 20; i++)
		for (unsigned k = 0; k < 20; k++) {
			(void)snprintf(from, sizeof from, "l%u@example.org", i);
			(void)snprintf(to, sizeof to, "l%u@example.org", k);
			if (k > i)
				add_alias(f, from, to);
		}
	expect_targets(f, "l0@example.org", "loop");
	expect_targets(f, "l19@example.org", "unknown");
	add_alias(f, "l19@example.org", "ann@example.org");
	expect_targets(f, "l12@example.org", "ann@example.org ");
}

/* --- postmaster ------------------------------------------------------------------------------- */

static void postmaster_of_every_domain(void **state)
{
	static const struct {
		const char *address;
		const char *expected;
	} rows[] = {
		{ "postmaster", "ann@example.org " },
		{ "POSTMASTER", "ann@example.org " },
		{ "Postmaster@Example.org", "ann@example.org " },
		{ "postmaster@example.net", "ann@example.org " },
		{ "postmaster+x@example.org", "unknown" },
		{ "postmaster@elsewhere.example", "unknown" },
		/* a domain's own one, and its catch-all, come first */
		{ "postmaster@example.com", "eve@example.com " },
		{ "postmaster@own.example", "postmaster@own.example " },
	};
	struct fixture *f = *state;

	populate(f);
	add_alias(f, "@example.com", "eve@example.com");
	add_domain(f, "own.example");
	add_mailbox(f, "postmaster@own.example", NULL);
	expect_targets(f, "postmaster", "unknown");
	expect_targets(f, "postmaster@example.org", "unknown");
	add_alias(f, "boss@example.org", "ann@example.org");
	assert_true(accounts_set_postmaster(f->accounts, "boss@example.org"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_targets(f, rows[i].address, rows[i].expected);
	assert_true(accounts_set_postmaster(f->accounts, NULL));
	expect_targets(f, "postmaster", "unknown");
}

static void postmaster_that_leads_to_itself(void **state)
{
	struct fixture *f = *state;

	populate(f);
	assert_true(accounts_set_postmaster(f->accounts, "postmaster@example.org"));
	expect_targets(f, "postmaster", "loop");
	add_alias(f, "postmaster@example.org", "bob@example.org");
	expect_targets(f, "postmaster", "bob@example.org ");
	expect_targets(f, "postmaster@example.com", "bob@example.org ");
}

static void postmaster_must_be_an_address(void **state)
{
	static const char *const bad[] = { "", "postmaster", "a\nb@example.org" };
	struct fixture *f = *state;
	char huge[ADDRESS_MAX + 20];

	memset(huge, 'a', sizeof huge);
	huge[1] = '@';
	huge[sizeof huge - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(accounts_set_postmaster(f->accounts, bad[i]));
	assert_false(accounts_set_postmaster(f->accounts, huge));
}

static void hostile_recipient_unknown(void **state)
{
	static const struct str names[] = {
		STR_INIT("ann\0@example.org"),    STR_INIT("ann@example.org\0"),
		STR_INIT("ann\r\n@example.org"),  STR_INIT("' OR 1=1 --@example.org"),
		STR_INIT("%@example.org"),        STR_INIT("*@example.org"),
		STR_INIT("\xff\xfe@example.org"), STR_INIT("\"\"@example.org"),
		STR_INIT("..@example.org"),       STR_INIT("a/../ann@example.org"),
		STR_INIT("+@example.org"),        STR_INIT("++@example.org"),
		STR_INIT("=@example.org"),
	};
	struct fixture *f = *state;
	char longest[ADDRESS_MAX + 1];

	populate(f);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (recipient_resolve(f->accounts, names[i], '+', &targets, &f->fault) !=
		    ACCOUNTS_NOT_FOUND)
			fail_msg("name %zu was found", i);
	/* The longest that is looked at: all local-part, all domain, all separators. */
	for (size_t at = 1; at < ADDRESS_MAX - 1; at++) {
		memset(longest, '+', sizeof longest);
		longest[at] = '@';
		assert_int_equal(recipient_resolve(f->accounts,
						   (struct str){ longest, ADDRESS_MAX }, '+',
						   &targets, &f->fault),
				 ACCOUNTS_NOT_FOUND);
	}
}

static const char *missing_of(struct fixture *f, const char *address)
{
	static char text[4096];
	size_t used = 0;

	(void)resolve(f, address, '+');
	text[0] = '\0';
	for (size_t i = 0; i < targets.missing_count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s ",
					 targets.missing[i]);
	return text;
}

/* Whose mailbox another backend may make: in the order in which they would be looked for. */
static void addresses_without_a_mailbox_are_told(void **state)
{
	static const struct {
		const char *address, *missing;
	} rows[] = {
		{ "ann@example.org", "" },
		{ "new@example.org", "new@example.org " },
		{ "new+x@example.org", "new+x@example.org new@example.org " },
		{ "ann+x@example.org", "ann+x@example.org " },
		/* by an alias domain: as it would be made */
		{ "new@example.net", "new@example.org " },
		{ "team@example.org", "new@example.org newer@example.com " },
		/* a catch-all takes the mail all the same */
		{ "new@example.com", "new@example.com " },
		/* not served here, no address, a circle */
		{ "new@example.edu", "" },
		{ "new", "" },
		{ "@example.org", "" },
		{ "round@example.org", "" },
	};
	struct fixture *f = *state;

	populate(f);
	add_alias(f, "team@example.org", "new@example.org");
	add_alias(f, "team@example.org", "ann@example.org");
	add_alias(f, "team@example.org", "newer@example.com");
	add_alias(f, "@example.com", "eve@example.com");
	add_alias(f, "round@example.org", "gone@example.org");
	add_alias(f, "round@example.org", "other@example.org");
	add_alias(f, "other@example.org", "round@example.org");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(missing_of(f, rows[i].address), rows[i].missing) != 0)
			fail_msg("%s: \"%s\" and not \"%s\"", rows[i].address,
				 missing_of(f, rows[i].address), rows[i].missing);
	assert_int_equal(targets.missing_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(address_by_every_way),
		FIXTURE_TEST(separator_is_the_configured_one),
		FIXTURE_TEST(inactive_comes_inactive),
		FIXTURE_TEST(missing_target_left_out_and_named),
		cmocka_unit_test(circle_is_a_loop),
		FIXTURE_TEST(catch_all_to_nobody_is_a_loop),
		FIXTURE_TEST(depth_is_bounded),
		FIXTURE_TEST(targets_are_bounded),
		FIXTURE_TEST(tangle_is_bounded),
		FIXTURE_TEST(postmaster_of_every_domain),
		FIXTURE_TEST(postmaster_that_leads_to_itself),
		FIXTURE_TEST(postmaster_must_be_an_address),
		FIXTURE_TEST(addresses_without_a_mailbox_are_told),
		FIXTURE_TEST(hostile_recipient_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
