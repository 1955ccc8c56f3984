/* passwords.h: the key file, sealing, APOP's digest. And encoding.h, which they stand on. */
#include "accounts_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/encoding.h"
#include "restante/passwords.h"

/* --- the key file ----------------------------------------------------------------------------- */

static struct secret_key *make_key(struct fixture *f)
{
	struct secret_key *key = NULL;

	if (!secret_key_create(f->key_path, &f->fault) ||
	    !secret_key_open(f->key_path, &key, &f->fault))
		fail_msg("%s", f->fault.text);
	return key;
}

static void key_file_is_private_and_made_once(void **state)
{
	struct fixture *f = *state;
	struct stat file;

	assert_true(secret_key_create(f->key_path, &f->fault));
	assert_int_equal(stat(f->key_path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(file.st_size, 32);
	assert_false(secret_key_create(f->key_path, &f->fault));
	assert_non_null(strstr(f->fault.text, "File exists"));
}

static void key_in_missing_folder_refused(void **state)
{
	struct fixture *f = *state;
	struct secret_key *key;

	assert_false(secret_key_create("/nonexistent/restante/key", &f->fault));
	assert_false(secret_key_open("/nonexistent/restante/key", &key, &f->fault));
	assert_null(key);
	secret_key_close(&key);
}

static void key_file_of_wrong_size_refused(void **state)
{
	static const size_t sizes[] = { 0, 1, 31, 33, 64 };
	struct fixture *f = *state;
	struct secret_key *key;
	char octets[64] = { 1 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = open(f->key_path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, octets, sizes[i]), (ssize_t)sizes[i]);
		close(fd);
		assert_false(secret_key_open(f->key_path, &key, &f->fault));
		assert_null(key);
		/* Without the file the server does not start: it is no remedy to remove it. */
		assert_null(strstr(f->fault.text, "remove"));
		assert_non_null(strstr(f->fault.text, "random octets are a new key"));
	}
}

static void key_file_open_to_others_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0666 };
	struct fixture *f = *state;
	struct secret_key *key;

	assert_true(secret_key_create(f->key_path, &f->fault));
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(chmod(f->key_path, modes[i]), 0);
		assert_false(secret_key_open(f->key_path, &key, &f->fault));
		assert_non_null(strstr(f->fault.text, "chmod 600"));
	}
	assert_int_equal(chmod(f->key_path, 0400), 0);
	assert_true(secret_key_open(f->key_path, &key, &f->fault));
	secret_key_close(&key);
	assert_null(key);
}

static void key_behind_a_link_refused(void **state)
{
	struct fixture *f = *state;
	struct secret_key *key;
	char path[128];

	(void)snprintf(path, sizeof path, "%s/link", f->dir);
	assert_true(secret_key_create(f->key_path, &f->fault));
	assert_int_equal(symlink(f->key_path, path), 0);
	assert_false(secret_key_open(path, &key, &f->fault));
	assert_false(secret_key_create(path, &f->fault));
	assert_false(secret_key_open(f->dir, &key, &f->fault));
}

/* --- sealing ---------------------------------------------------------------------------------- */

static void sealed_secret_opens(void **state)
{
	static const size_t lengths[] = { 1, 2, 8, 254, 255 };
	struct fixture *f = *state;
	struct secret_key *key = make_key(f);
	char text[256];
	char clear[256];
	char sealed[512];
	size_t n;

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(255 - i);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct str secret = { text, lengths[i] };

		if (!secret_seal(key, INT64_MAX, secret, sealed, sizeof sealed, &f->fault) ||
		    !secret_open(key, INT64_MAX, sealed, clear, sizeof clear, &n, &f->fault))
			fail_msg("%s", f->fault.text);
		assert_memory_equal(sealed, "{SEALED}", 8);
		/* The schema takes 500 octets. */
		assert_true(strlen(sealed) <= 500);
		assert_int_equal(n, secret.n);
		assert_memory_equal(clear, secret.p, n);
		assert_int_equal(clear[n], '\0');
	}
	assert_false(secret_seal(key, 1, (struct str){ text, 256 }, sealed, sizeof sealed,
				 &f->fault));
	assert_false(secret_seal(key, 1, STR(""), sealed, sizeof sealed, &f->fault));
	secret_key_close(&key);
}

static void sealed_twice_differs(void **state)
{
	struct fixture *f = *state;
	struct secret_key *key = make_key(f);
	char first[128];
	char second[128];

	assert_true(secret_seal(key, 1, STR("tanstaaf"), first, sizeof first, &f->fault));
	assert_true(secret_seal(key, 1, STR("tanstaaf"), second, sizeof second, &f->fault));
	assert_string_not_equal(first, second);
	assert_null(strstr(first, "tanstaaf"));
	secret_key_close(&key);
}

static void sealed_for_another_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct secret_key *key = make_key(f);
	struct secret_key *other;
	char sealed[128];
	char clear[64] = "untouched";
	size_t n = 1;

	assert_true(secret_seal(key, 7, STR("tanstaaf"), sealed, sizeof sealed, &f->fault));
	assert_false(secret_open(key, 8, sealed, clear, sizeof clear, &n, &f->fault));
	assert_int_equal(n, 0);
	assert_string_equal(clear, "untouched");
	assert_int_equal(unlink(f->key_path), 0);
	other = make_key(f);
	assert_false(secret_open(other, 7, sealed, clear, sizeof clear, &n, &f->fault));
	assert_true(secret_open(key, 7, sealed, clear, sizeof clear, &n, &f->fault));
	assert_string_equal(clear, "tanstaaf");
	secret_key_close(&key);
	secret_key_close(&other);
}

static void altered_seal_does_not_open(void **state)
{
	struct fixture *f = *state;
	struct secret_key *key = make_key(f);
	char sealed[128];
	char clear[64];
	size_t n;

	assert_true(secret_seal(key, 7, STR("tanstaaf"), sealed, sizeof sealed, &f->fault));
	for (size_t i = 0; sealed[i] != '\0'; i++) {
		char kept = sealed[i];

		sealed[i] = kept == 'A' ? 'B' : 'A';
		if (secret_open(key, 7, sealed, clear, sizeof clear, &n, &f->fault))
			fail_msg("octet %zu may be changed", i);
		/* Padding says nothing, and may be missing. */
		sealed[i] = '\0';
		if (kept != '=' &&
		    secret_open(key, 7, sealed, clear, sizeof clear, &n, &f->fault))
			fail_msg("may be cut at octet %zu", i);
		sealed[i] = kept;
	}
	assert_true(secret_open(key, 7, sealed, clear, sizeof clear, &n, &f->fault));
	assert_false(secret_open(key, 7, "{SEALED}", clear, sizeof clear, &n, &f->fault));
	assert_false(secret_open(key, 7, "", clear, sizeof clear, &n, &f->fault));
	assert_false(secret_open(key, 7, "{CLEAR}x", clear, sizeof clear, &n, &f->fault));
	secret_key_close(&key);
}

static void small_buffers_say_no(void **state)
{
	struct fixture *f = *state;
	struct secret_key *key = make_key(f);
	char sealed[128];
	char clear[64];
	size_t n;

	for (size_t cap = 1; cap < 8 + 52 + 1; cap++)
		assert_false(secret_seal(key, 7, STR("tanstaaf"), sealed, cap, &f->fault));
	assert_true(secret_seal(key, 7, STR("tanstaaf"), sealed, 8 + 52 + 1, &f->fault));
	for (size_t cap = 1; cap < 9; cap++)
		assert_false(secret_open(key, 7, sealed, clear, cap, &n, &f->fault));
	assert_true(secret_open(key, 7, sealed, clear, 9, &n, &f->fault));
	secret_key_close(&key);
}

/* --- APOP ------------------------------------------------------------------------------------- */

static void apop_as_in_the_rfc(void **state)
{
	static const struct {
		const char *challenge;
		const char *secret;
		const char *digest;
		bool matches;
	} rows[] = {
		/* RFC 1939 section 7 */
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		  "c4c9334bac560ecc979e58001b3e22fb", true },
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaF",
		  "c4c9334bac560ecc979e58001b3e22fb", false },
		{ "<1896.697170953@dbc.mtview.ca.us>", "tanstaaf",
		  "c4c9334bac560ecc979e58001b3e22fb", false },
		/* "using lower-case ASCII characters" */
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		  "C4C9334BAC560ECC979E58001B3E22FB", false },
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		  "c4c9334bac560ecc979e58001b3e22f", false },
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		  "c4c9334bac560ecc979e58001b3e22fb0", false },
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf", "", false },
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		  "c4c9334bac560ecc979e58001b3e22f ", false },
		/* MD5 of nothing is no way in. */
		{ "<1896.697170952@dbc.mtview.ca.us>", "tanstaaf",
		  "d41d8cd98f00b204e9800998ecf8427e", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (apop_matches(str_of(rows[i].challenge), str_of(rows[i].secret),
				 str_of(rows[i].digest)) != rows[i].matches)
			fail_msg("row %zu", i);
}

/* --- encoding --------------------------------------------------------------------------------- */

static void base64_of_rfc_4648(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xbe", "+/++" },
	};
	unsigned char octets[16];
	char text[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct str clear = str_of(rows[i][0]);
		struct str encoded = str_of(rows[i][1]);

		assert_true(base64_encode((const unsigned char *)clear.p, clear.n, text,
					  encoded.n + 1));
		assert_string_equal(text, encoded.p);
		assert_false(base64_encode((const unsigned char *)clear.p, clear.n, text,
					   encoded.n));
		assert_true(base64_decode(encoded, octets, clear.n, &n));
		assert_int_equal(n, clear.n);
		assert_memory_equal(octets, clear.p, n);
		assert_true(clear.n == 0 || !base64_decode(encoded, octets, clear.n - 1, &n));
		while (encoded.n > 0 && encoded.p[encoded.n - 1] == '=')
			encoded.n--;
		assert_true(base64_decode(encoded, octets, sizeof octets, &n));
		assert_int_equal(n, clear.n);
	}
	assert_true(base64_decode(STR("./.."), octets, sizeof octets, &n));
	assert_memory_equal(octets, "\xfb\xff\xbe", 3);
}

static void bad_encodings_refused(void **state)
{
	static const struct str base64[] = {
		STR_INIT("Z"),     STR_INIT("Zg="),   STR_INIT("Zg==="), STR_INIT("Z==="),
		STR_INIT("===="),  STR_INIT("Zh=="),  STR_INIT("Zm9="),  STR_INIT("Zg==Zg=="),
		STR_INIT("Zg= ="), STR_INIT("Zm9v "), STR_INIT(" Zm9v"), STR_INIT("Zm9v\n"),
		STR_INIT("Zm\0v"), STR_INIT("Zm-v"),  STR_INIT("Zm_v"),  STR_INIT("Zm9\xff"),
		STR_INIT("="),
	};
	static const struct str hex[] = {
		STR_INIT("0"),   STR_INIT("0g"),       STR_INIT("0x00"),
		STR_INIT(" 00"), STR_INIT("00 "),      STR_INIT("-1"),
		STR_INIT("0\0"), STR_INIT("\xff\xff"), STR_INIT("000"),
	};
	unsigned char octets[16];
	char text[5];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(base64); i++)
		if (base64_decode(base64[i], octets, sizeof octets, &n))
			fail_msg("base64 %zu was taken", i);
	for (size_t i = 0; i < ARRAY_SIZE(hex); i++)
		if (hex_decode(hex[i], octets, sizeof octets, &n))
			fail_msg("hexadecimal %zu was taken", i);
	assert_true(hex_decode(STR("00fFA9"), octets, 3, &n));
	assert_memory_equal(octets, "\x00\xff\xa9", 3);
	assert_false(hex_decode(STR("00fFA9"), octets, 2, &n));
	assert_true(hex_encode(octets + 1, 2, text, sizeof text));
	assert_string_equal(text, "ffa9");
	assert_false(hex_encode(octets, 2, text, 4));
}

/* RFC 4648, to the letter: what a client sends (RFC 5034 section 4). */
static void strict_base64_wants_whole_groups(void **state)
{
	static const struct {
		const char *text;
		int n; /* octets, -1 = refused */
	} rows[] = {
		{ "", 0 },        { "Zg==", 1 },     { "Zm8=", 2 },      { "Zm9v", 3 },
		{ "+/++", 3 },    { "Zm9vYmFy", 6 }, { "Zg", -1 },       { "Zm8", -1 },
		{ "=", -1 },      { "====", -1 },    { "=AAA", -1 },     { "AAA=BBB", -1 },
		{ "A===", -1 },   { "./..", -1 },    { "Zg==Zg==", -1 }, { "Zh==", -1 },
		{ "Zm9v\n", -1 }, { "Zm-v", -1 },    { "Zm9vA", -1 },    { "AAA=AAAA", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned char octets[16];
		char place[16];
		size_t n = 0;
		struct str text = str_of(rows[i].text);
		bool good = base64_decode_strict(text, octets, sizeof octets, &n);

		if (good != (rows[i].n >= 0) || (good && n != (size_t)rows[i].n))
			fail_msg("row %zu", i);
		memcpy(place, text.p, text.n);
		if (good && base64_decode_strict((struct str){ place, text.n },
						 (unsigned char *)place, text.n, &n))
			assert_memory_equal(place, octets, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_base64_wants_whole_groups),
		FIXTURE_TEST(key_file_is_private_and_made_once),
		FIXTURE_TEST(key_in_missing_folder_refused),
		FIXTURE_TEST(key_file_of_wrong_size_refused),
		FIXTURE_TEST(key_file_open_to_others_refused),
		FIXTURE_TEST(key_behind_a_link_refused),
		FIXTURE_TEST(sealed_secret_opens),
		FIXTURE_TEST(sealed_twice_differs),
		FIXTURE_TEST(sealed_for_another_does_not_open),
		FIXTURE_TEST(altered_seal_does_not_open),
		FIXTURE_TEST(small_buffers_say_no),
		cmocka_unit_test(apop_as_in_the_rfc),
		cmocka_unit_test(base64_of_rfc_4648),
		cmocka_unit_test(bad_encodings_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
