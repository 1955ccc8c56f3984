/*
 * passwords.h: every scheme against values made by others (doveadm pw, openssl passwd, Python's
 * hashlib, the test vectors of bcrypt and scrypt), what must not match, and what new hashes are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "restante/limits.h"
#include "restante/passwords.h"

static struct fault fault;

static void expect_of(const char *user, const char *stored, struct str password,
		      enum password_verdict expected)
{
	enum password_verdict verdict;

	fault.text[0] = '\0';
	verdict = password_verify(stored, str_of(user), password, &fault);
	if (verdict != expected)
		fail_msg("%s with \"%.*s\": %d and not %d (%s)", stored, STR_ARG(password),
			 (int)verdict, (int)expected, fault.text);
	assert_int_equal(fault.text[0] != '\0',
			 expected != PASSWORD_MATCHES && expected != PASSWORD_DIFFERS);
}

static void expect(const char *stored, struct str password, enum password_verdict expected)
{
	expect_of("ann@example.org", stored, password, expected);
}

/* Of the password "secret", and where the name is part of it of ann@example.org. */
static const char *const of_secret[] = {
	"{PLAIN}secret",
	"{CLEAR}secret",
	"{CLEARTEXT}secret",
	"{PLAIN.B64}c2VjcmV0",
	"{PLAIN.HEX}736563726574",
	"{DIGEST-MD5}6b193711446bad11e347c101e4e97bf4",
	"{DIGEST-MD5.B64}axk3EURrrRHjR8EB5Ol79A==",
	"{MD5}$1$f1CKqrRy$SaBXnqiYHPVJfdKjpgGbD.",
	"{MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
	"{MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
	"{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69",
	"{PLAIN-MD5}5EBE2294ECD0E0F08EAB7690D2A6EE69",
	"{PLAIN-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
	"{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ==",
	"{LDAP-MD5}Xr4ilOzQ4PCOq3aQ0qbuaQ",
	"{SMD5}mc0uWpXVVe5747A4pKhGJXNhbHQ=",
	"{SMD5.HEX}6cfe2fc78628d94a574d65dea92859beffa836d5",
	"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	"{SHA1}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	"{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
	"{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
	"{SSHA}NHBxA6gyckRnIc3KtFeJqAbCFkTZ2rqq",
	/* A salted scheme without any salt. */
	"{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	"{SHA256}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
	"{SHA256.B64}K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=",
	"{SHA256}2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
	"{SSHA256}dexHFKZTgnKOxhV8hnOQ8aLQP2FUhOsX6+42wgjlk/KT7A0y",
	"{SSHA256.hex}f84fa2149dbb62ed4e0cf1f550d2949b33a6513d3a7707e08502511c79ccb0ee73616c74",
	"{SHA512}"
	"vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpa"
	"yrW/isg==",
	"{SSHA512}E491yrR9AdCoE7rbOPYS3EZgSuZpVE65AD9xko08s6floNesY/"
	"Zpe9zMVvLix4S2FiQSJ99RIkNvhH"
	"omNO9uL3NhbHQ=",
	"{SSHA512}kEHAF1MNaIMUH1q/"
	"MoV94Cr6skAaonOc9dIU49sH3nZIAheQRYGJ0PhCkZJlQItUdWZrndwHMGTg8O"
	"SziBeGWgesMBg=",
	"{PBKDF2}$1$uD22V7bYi22zHeE0$5000$21992bd35c91b7d057d023a4a5375712cf258bc1",
	"{PBKDF2}1000$MDEyMzQ1Njc4OWFiY2RlZg$21EupWTmSOvnK3Sp99FL7THUyuQ",
	"{PBKDF2-SHA1}1000$MDEyMzQ1Njc4OWFiY2RlZg==$21EupWTmSOvnK3Sp99FL7THUyuQ=",
	"{PBKDF2-SHA256}1000$MDEyMzQ1Njc4OWFiY2RlZg$tiKWHy4FAGCWE8gn6GtKhaxD2OeeAUUWXFT/"
	"p1aaNl8",
	"{PBKDF2-SHA512}1000$MDEyMzQ1Njc4OWFiY2RlZg==$vgFvU7zWIDgDAUi7d8ayt+"
	"cfRiPWVVWfv8iQRsGZaZ"
	"viWzsSNgWYXEE5PmvI/VELMsOmEbqLz0PKuePNjOk41A==",
	"{PBKDF2-SHA512}1000$MDEyMzQ1Njc4OWFiY2RlZg$vgFvU7zWIDgDAUi7d8ayt."
	"cfRiPWVVWfv8iQRsGZaZvi"
	"WzsSNgWYXEE5PmvI/VELMsOmEbqLz0PKuePNjOk41A",
	"{PBKDF2_SHA256}"
	"AAAD6AABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAx"
	"MjM0NTY3ODk6Ozw9Pj9UBxgXHzEA0wedQV6xsRwUKho+mvb+"
	"TXEkzlkIpy63lg0Y0S48MGX58IJ9YxzP8jfoz6/"
	"Hp+YOg+xDMwW7RzHNXFh8TkQNp5s8BClsSegYnVtLH4S47BYv3Xnxc31y2DtUo3+csfvJ9RsONJjarJ8/"
	"KIA3dL"
	"55wHe7Tu3/0TTZCcpwOf9MOyZRfjNRib8bjd+dpZ/"
	"nb44Yaph2QUzyTtkm6m4Yno3sjqUaeNsRMjDdgPxIBJuyI"
	"G50CaKQFtcqyI3m28JR4gxRWjScCCdeXRSceIheVKv+jBXMppBOYoPVmk40Me6VCqauG8/N/"
	"Js3xlHim8DhDOjw"
	"lDCtvQRzRY/w",
	"{SCRAM-SHA-1}4096,OkqzuBtea+9XJATAeGJlsA==,Sy/y+8cfZpOvFZEf4YTAh9+Mlzs=,VxRZwlsPko/"
	"PTN1"
	"dOOYdcHwIseo=",
	"{SCRAM-SHA-256}4096,CFR5ddNLbc26u5tTFDY+IQ==,wzlgMGJ+abU0+5iAJiBoIPd9y4I7wJo+ze+"
	"QdnEgH6"
	"M=,+4eDn3dDWI6AV8L41r8AEyBPD8ackzjLwdz2L3E+PBc=",
	"{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56",
	"{HMAC-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56",
	"{CRAM-MD5.B64}zTun3qrW5cojRIukLjeXR6ng9/H7wAyKgbuqw5VzG1Y=",
	"{DES-CRYPT}QCd.t0mbNC9FY",
	"{CRYPT}QCd.t0mbNC9FY",
	"{crypt}rlcg0.fZequS.",
	"{CRYPT}_J9..rasmz0.F/jqjWck",
	"{MD5-CRYPT}$1$cqOB8OQa$60mpWHPURlrUoINIeRViA.",
	"{MD5-CRYPT}$1$saltstr$2v0xBJ/TLP2HGP.WwPB8M.",
	"{SHA256-CRYPT}$5$YQItiB8AxGAJDxib$wJBpNVXcim3CeZKKEGMTrlJ.jjGwDTUnWESigh99cP6",
	"{SHA512-CRYPT}$6$awQgqnp/"
	"09nnObCg$7Wa3I1Y3h.a22VMPDHJMQckG.scfCb4PeI9qZy3TpJbkhRL.HsoAx0"
	"m5g5jv.47Pdphukz8VA0UFD35aPVEMC.",
	"{SHA512-CRYPT.B64}"
	"JDYkWnhiQS5WQ3Y2ekNzY0hJNyQxL3Y3MTZiYWJXeWZoazFaVG50SVB2Q2xZY0Y5RjRaU"
	"W9JUml6WHZOMXhTbVcycURmWldSSm9ENVFZZi9WNGEzQklWb3BtNmtFQ0JmV0owT0Q3clFPMA==",
	"{BLF-CRYPT}$2y$05$lRSGTmtlmiUK.aRgfUFNOOrbVxSUESWLw9YG1J9h4ZIXeBw9zzc3y",
	"$2y$05$lRSGTmtlmiUK.aRgfUFNOOrbVxSUESWLw9YG1J9h4ZIXeBw9zzc3y",
	"{CRYPT}$2y$05$t4Z5wtZJsqKDeiPiQ8/V2OECs91P3RrL3r4j8qFP.wYzoXoxiZYNu",
	"{CRYPT}$y$j75$saltsaltsalt$jyf/lxrpdyAIshWRo1x5DRC6KIE7sNRRtjcomR3PgHA",
	"$y$j75$saltsaltsalt$jyf/lxrpdyAIshWRo1x5DRC6KIE7sNRRtjcomR3PgHA",
	"$gy$j75$saltsaltsalt$Hr8NZO3YbGYYImkNKbG9HW7NVc2mSlRUKsEKqTUd2R4",
	"$7$5C..../....salt$MVPzW4bPkSU6WllX7j.amQUDLIjKIfbyABAZlcuTiu6",
	"$sha1$100$saltsalt$Ha3.cIN7/tE/BC10wmSUA1dp.M5W",
	"$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7",
	"$5$saltstr$QvG.mDcL4ekjNZfAlqsdMwfJAffFCeDi3Zl6OHTvjLB",
	"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$uyr3PIIZkwBc5ptpNHDR2Q$"
	"NmbNCelWM9h6ljPJ9jP3OldAk"
	"F6nXNJyolKQSXfAt/0",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$h/5/"
	"0NOx0LWxqzMGUbalAg$vqHNC9lrpF5XYQt9AZz3Qr8"
	"IZXMXWk2jS/hvTvO1h5o",
	"$argon2id$v=19$m=65536,t=3,p=1$h/5/"
	"0NOx0LWxqzMGUbalAg$vqHNC9lrpF5XYQt9AZz3Qr8IZXMXWk2jS"
	"/hvTvO1h5o",
};

static void known_answer_matches_and_neighbours_differ(void **state)
{
	static const struct str wrong[] = { STR_INIT(""), STR_INIT("secreT"),
					    STR_INIT("secret\0") };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of_secret); i++) {
		expect(of_secret[i], STR("secret"), PASSWORD_MATCHES);
		if (!password_sound(of_secret[i], &fault))
			fail_msg("%s: %s", of_secret[i], fault.text);
		for (size_t k = 0; k < ARRAY_SIZE(wrong); k++)
			expect(of_secret[i], wrong[k], PASSWORD_DIFFERS);
	}
}

static void known_answer_of_other_passwords(void **state)
{
	static const struct {
		const char *stored;
		const char *password;
	} rows[] = {
		{ "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U" },
		{ "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D",
		  "pleaseletmein" },
		/* longer than HMAC's block */
		{ "{CRAM-MD5}ff6454343902c25cfaf14768b382dae3172680a33b4792a34267ff0628fbfe89",
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
		/* UTF-8, spaces */
		{ "{CRAM-MD5}66b462f98781456b621ee2360010ffd0477e6023dcc0de14f755088eb5b9a28f",
		  "p\xc3\xa4ssword \xe2\x98\x83" },
		{ "{SHA512}Enzc6jC5FvHIPY+gTExak6rHk3Ehp1DomfZ5WduQIzYtwkjpS93maoxeE/"
		  "Ky+bpH+MQFY"
		  "tVc8JCcNotPcRrqSQ==",
		  "p\xc3\xa4ssword \xe2\x98\x83" },
		{ "{PLAIN} leading and trailing ", " leading and trailing " },
		{ "{PLAIN}{PLAIN}x", "{PLAIN}x" },
		{ "{PLAIN}%s%n%x", "%s%n%x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		expect(rows[i].stored, str_of(rows[i].password), PASSWORD_MATCHES);
		expect(rows[i].stored, STR("secret"), PASSWORD_DIFFERS);
	}
}

/* Divided at the last "@"; without one the realm is empty. */
static void digest_md5_is_of_the_user_s_name(void **state)
{
	static const struct {
		const char *user;
		const char *stored;
	} rows[] = {
		{ "ann@example.org", "{DIGEST-MD5}6b193711446bad11e347c101e4e97bf4" },
		{ "ann", "{digest-md5}e61eaff2eb8de36bf910817623d5faef" },
		{ "a@b@c", "{DIGEST-MD5}c752f0e67f7456b2268cbb0c8bf8f618" },
	};
	static char long_name[ADDRESS_MAX + 2];
	static char long_password[PASSWORD_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
			expect_of(rows[j].user, rows[i].stored, STR("secret"),
				  i == j ? PASSWORD_MATCHES : PASSWORD_DIFFERS);
		expect_of(rows[i].user, rows[i].stored, STR("secreT"), PASSWORD_DIFFERS);
	}
	expect_of("ann@example.org", "{DIGEST-MD5}6b19", STR("secret"), PASSWORD_MALFORMED);
	/* Name and password may both be as long as they can be; longer matches nothing. */
	memset(long_name, 'a', ADDRESS_MAX + 1);
	memset(long_password, 'p', sizeof long_password);
	expect_of(long_name, rows[0].stored, STR("secret"), PASSWORD_DIFFERS);
	long_name[ADDRESS_MAX] = '\0';
	expect_of(long_name, rows[0].stored,
		  (struct str){ long_password, sizeof long_password }, PASSWORD_DIFFERS);
}

static void every_scheme_has_a_known_answer(void **state)
{
	(void)state;
	for (const char *const *name = password_schemes(); *name != NULL; name++) {
		size_t n = strlen(*name);
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(of_secret); i++)
			found = found || (strncmp(of_secret[i] + 1, *name, n) == 0 &&
					  of_secret[i][n + 1] == '}');
		if (!found)
			fail_msg("no known answer of {%s}", *name);
	}
}

/* What is stored must never work as the password, and no part of it as the whole. */
static void stored_value_is_not_its_own_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of_secret); i++) {
		const char *stored = of_secret[i];
		const char *brace = strchr(stored, '}');

		expect(stored, str_of(stored), PASSWORD_DIFFERS);
		if (brace != NULL && strcmp(brace + 1, "secret") != 0)
			expect(stored, str_of(brace + 1), PASSWORD_DIFFERS);
	}
}

static void unknown_scheme_fails_closed(void **state)
{
	static const char *const stored[] = {
		"",
		"secret",
		"{",
		"}",
		"{}",
		"{}secret",
		"{PLAIN",
		"{SHA5}x",
		"{SHA512",
		"{ SHA512}x",
		"{SHA512 }x",
		"{SHA512.}x",
		"{SHA512.BASE32}x",
		"{SHA512.HEX.HEX}x",
		"{.HEX}x",
		"{OTP}secret",
		"{PLAIN-MD4}x",
		"{SEALED}secret",
		"{MD5RAW}x",
		"5ebe2294ecd0e0f08eab7690d2a6ee69",
		"QCd.t0mbNC9FY",
		" {PLAIN}secret",
		"{%s%n}secret",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		expect(stored[i], STR("secret"), PASSWORD_UNKNOWN_SCHEME);
		expect(stored[i], STR(""), PASSWORD_UNKNOWN_SCHEME);
		assert_false(password_sound(stored[i], &fault));
	}
	expect("{SHA5}the stored value", STR("secret"), PASSWORD_UNKNOWN_SCHEME);
	assert_string_equal(fault.text, "stored password: unknown scheme {SHA5}");
}

static void malformed_value_fails_closed(void **state)
{
	static const char *const stored[] = {
		"{PLAIN}",
		"{MD5}",
		"{MD5}zz",
		"{PLAIN-MD5}",
		"{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee",
		"{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee6g",
		"{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69 ",
		"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ==",
		"{SHA}5en6G6MezRroT3XKqkdPOmY/BfR=",
		"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=x",
		"{SHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0",
		"{SSHA}",
		"{SSHA}c2VjcmV0",
		"{SSHA}=",
		"{SSHA512}E491yrR9AdCoE7rb",
		"{SHA256}\xff\xfe",
		"{PBKDF2}",
		"{PBKDF2}$1$salt$0$21992bd35c91b7d057d023a4a5375712cf258bc1",
		"{PBKDF2}$1$salt$-1$21992bd35c91b7d057d023a4a5375712cf258bc1",
		"{PBKDF2}$1$salt$5000$",
		"{PBKDF2}$1$salt$5000$21992bd3",
		"{PBKDF2}$1$salt$99999999999$21992bd35c91b7d057d023a4a5375712cf258bc1",
		"{PBKDF2}$2$salt$5000$21992bd35c91b7d057d023a4a5375712cf258bc1",
		"{PBKDF2-SHA512}1000$MDEy$",
		"{PBKDF2-SHA512}1000$MDEy$AAAA",
		"{PBKDF2-SHA512}MDEy$AAAA",
		"{PBKDF2-SHA256}$1$salt$1000$21992bd35c91b7d057d023a4a5375712cf258bc1",
		"{PBKDF2_SHA256}AAAD6AAB",
		"{PBKDF2_SHA256}",
		"{SCRAM-SHA-1}4096,OkqzuBtea+9XJATAeGJlsA==,Sy/y+8cfZpOvFZEf4YTAh9+Mlzs=",
		"{SCRAM-SHA-1}0,OkqzuBtea+9XJATAeGJlsA==,Sy/"
		"y+8cfZpOvFZEf4YTAh9+Mlzs=,VxRZwlsPko/"
		"PTN1dOOYdcHwIseo=",
		"{SCRAM-SHA-256}4096,OkqzuBtea+9XJATAeGJlsA==,Sy/"
		"y+8cfZpOvFZEf4YTAh9+Mlzs=,VxRZwl"
		"sPko/PTN1dOOYdcHwIseo=",
		"{SCRAM-SHA-1}4096,OkqzuBtea+9XJATAeGJlsA==,Sy/"
		"y+8cfZpOvFZEf4YTAh9+Mlzs=,VxRZwlsPko8=",
		"{SCRAM-SHA-1}4096,,,",
		"{CRAM-MD5}",
		"{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747",
		"{CRAM-MD5}zTun3qrW5cojRIukLjeXR6ng9/H7wAyKgbuqw5VzG1Y=",
		"{DES-CRYPT}",
		"{DES-CRYPT}QCd.t0mbNC9F",
		"{DES-CRYPT}QCd.t0mbNC9FYQ",
		"{DES-CRYPT}*0d.t0mbNC9FY",
		"{DES-CRYPT}$1$cqOB8OQa$60mpWHPURlrUoINIeRViA.",
		"{MD5-CRYPT}$6$salt$x",
		"{MD5-CRYPT}5ebe2294ecd0e0f08eab7690d2a6ee69",
		"{SHA512-CRYPT}$5$salt$x",
		"{SHA512-CRYPT}secret",
		"{SHA512-CRYPT.HEX}2436",
		"{BLF-CRYPT}$2",
		"{BLF-CRYPT}$2y$",
		"{BLF-CRYPT}$2y$xx$lRSGTmtlmiUK.aRgfUFNOOrbVxSUESWLw9YG1J9h4ZIXeBw9zzc3y",
		"{BLF-CRYPT}$2z$05$lRSGTmtlmiUK.aRgfUFNOOrbVxSUESWLw9YG1J9h4ZIXeBw9zzc3y",
		"{BLF-CRYPT}$2y$05$",
		"{CRYPT}",
		"{CRYPT}secret",
		"{CRYPT}*",
		"{CRYPT}!",
		"{CRYPT}x",
		"{CRYPT}$3$$8846f7eaee8fb117ad06bdd830b7586c",
		"{CRYPT}$unknown$x$y",
		"$7$C!..../....salt$hash",
		"{ARGON2ID}",
		"{ARGON2ID}$argon2id$v=19",
		"{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$YQ$vqHN",
		"{ARGON2ID}$argon2i$v=19$m=32768,t=4,p=1$uyr3PIIZkwBc5ptpNHDR2Q$"
		"NmbNCelWM9h6ljPJ9"
		"jP3OldAkF6nXNJyolKQSXfAt/0",
		"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$",
		"{ARGON2ID}$argon2id$v=19$t=3,m=65536,p=1$h/5/0NOx0LWxqzMGUbalAg$vqHN",
		"{ARGON2ID}$argon2id$",
		"$y$",
		"$y$$",
		"$y$j9T",
		"$7$",
		"$sha1$",
		"$sha1$x$saltsalt$Ha3.cIN7/tE/BC10wmSUA1dp.M5W",
		"$",
		"$$",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		expect(stored[i], STR("secret"), PASSWORD_MALFORMED);
		expect(stored[i], STR(""),
		       stored[i][0] == '\0' ? PASSWORD_UNKNOWN_SCHEME : PASSWORD_MALFORMED);
		assert_false(password_sound(stored[i], &fault));
	}
}

/* As long as they must be, or longer than any is. */
static void malformed_long_value_fails_closed(void **state)
{
	static const struct {
		const char *scheme;
		char fill;
		size_t n;
	} rows[] = {
		{ "{PBKDF2_SHA256}", 'A', 432 }, /* 324 octets; the number of rounds is 0 */
		{ "{CRYPT}", 'a', 600 },
		{ "{ARGON2ID}", '$', 1000 },
	};
	char stored[1100];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].scheme);

		memcpy(stored, rows[i].scheme, n);
		memset(stored + n, rows[i].fill, rows[i].n);
		stored[n + rows[i].n] = '\0';
		expect(stored, STR("secret"), PASSWORD_MALFORMED);
	}
}

/* Only crypt(3) itself knows which letters a salt may have. */
static void salt_that_crypt_refuses_fails_closed(void **state)
{
	(void)state;
	expect("{SHA512-CRYPT}$6$sa:t$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130M"
	       "TSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
	       STR("secret"), PASSWORD_MALFORMED);
}

/* A setting without its hash must not match what it would make of any password. */
static void setting_alone_never_matches(void **state)
{
	static const char *const stored[] = {
		"$6$salt$",           "$6$salt", "$5$salt$",
		"$1$salt$",           "$1$",     "$y$j75$saltsaltsalt$",
		"$y$j75$saltsaltsalt"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++) {
		expect(stored[i], STR("secret"), PASSWORD_MALFORMED);
		expect(stored[i], STR(""), PASSWORD_MALFORMED);
		assert_false(password_sound(stored[i], &fault));
	}
}

/* The test would not end if one of these were tried. */
static void unbounded_cost_refused(void **state)
{
	static const char *const stored[] = {
		"$6$rounds=999999999$salt$hash",
		"$5$rounds=10000001$salt$hash",
		"$6$rounds=$salt$hash",
		"{BLF-CRYPT}$2y$31$lRSGTmtlmiUK.aRgfUFNOOrbVxSUESWLw9YG1J9h4ZIXeBw9zzc3y",
		"{BLF-CRYPT}$2y$18$lRSGTmtlmiUK.aRgfUFNOOrbVxSUESWLw9YG1J9h4ZIXeBw9zzc3y",
		"$y$jGT$salt$hash",
		"$y$jzz$salt$hash",
		"$y$jD5.7$LdJMENpBABJJ3hIHjB1Bi.$HboGM6qPrsK.StKYGt6KErmUYtioHreJd98oIugoNB6",
		"$gy$jGT$salt$hash",
		"$7$IU..../....salt$hash",
		"$7$CU....zzzzzsalt$hash",
		"$7$Czzzzz/....salt$hash",
		"$sha1$4000000000$salt$hash",
		"{PBKDF2}$1$salt$10000001$21992bd35c91b7d057d023a4a5375712cf258bc1",
		"{PBKDF2-SHA512}4000000000$MDEy$vgFvU7zWIDgDAUi7d8ayt",
		"{SCRAM-SHA-1}4000000000,OkqzuBtea+9XJATAeGJlsA==,Sy/"
		"y+8cfZpOvFZEf4YTAh9+Mlzs=,Vx"
		"RZwlsPko/PTN1dOOYdcHwIseo=",
		"{ARGON2ID}$argon2id$v=19$m=4194304,t=3,p=1$h/5/"
		"0NOx0LWxqzMGUbalAg$vqHNC9lrpF5XYQ"
		"t9AZz3Qr8IZXMXWk2jS/hvTvO1h5o",
		"{ARGON2ID}$argon2id$v=19$m=65536,t=4000000,p=1$h/5/"
		"0NOx0LWxqzMGUbalAg$vqHNC9lrpF"
		"5XYQt9AZz3Qr8IZXMXWk2jS/hvTvO1h5o",
		/* Each is affordable, both together take a minute and more. */
		"{ARGON2ID}$argon2id$v=19$m=1048576,t=64,p=1$h/5/"
		"0NOx0LWxqzMGUbalAg$vqHNC9lrpF5XYQ"
		"t9AZz3Qr8IZXMXWk2jS/hvTvO1h5o",
		"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1000$h/5/"
		"0NOx0LWxqzMGUbalAg$vqHNC9lrpF5XYQ"
		"t9AZz3Qr8IZXMXWk2jS/hvTvO1h5o",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stored); i++)
		expect(stored[i], STR("secret"), PASSWORD_MALFORMED);
}

static void long_password_without_harm(void **state)
{
	static char octets[PASSWORD_MAX + 10];
	char hash[PASSWORD_HASH_MAX];

	(void)state;
	memset(octets, 'x', sizeof octets);
	for (size_t i = 0; i < ARRAY_SIZE(of_secret); i++) {
		expect(of_secret[i], (struct str){ octets, PASSWORD_MAX }, PASSWORD_DIFFERS);
		expect(of_secret[i], (struct str){ octets, PASSWORD_MAX + 1 },
		       PASSWORD_DIFFERS);
	}
	assert_false(password_hash(NULL, (struct str){ octets, PASSWORD_NEW_MAX + 1 }, hash,
				   sizeof hash, &fault));
	assert_non_null(strstr(fault.text, "1 to 505 octets"));
	assert_string_equal(hash, "");
	assert_true(password_hash(NULL, (struct str){ octets, PASSWORD_NEW_MAX }, hash,
				  sizeof hash, &fault));
	expect(hash, (struct str){ octets, PASSWORD_NEW_MAX }, PASSWORD_MATCHES);
	expect(hash, (struct str){ octets, PASSWORD_NEW_MAX - 1 }, PASSWORD_DIFFERS);
	password_burn((struct str){ octets, PASSWORD_MAX });
	password_burn((struct str){ octets, PASSWORD_MAX + 1 });
	password_burn(STR(""));
	password_burn(STR("a\0b"));
}

/* --- new hashes ------------------------------------------------------------------------------- */

static void new_hash_verifies_and_is_salted(void **state)
{
	static const struct {
		const char *scheme;
		const char *begins;
	} rows[] = {
		{ NULL, "{CRYPT}$y$j9T$" },
		{ "CRYPT", "{CRYPT}$y$j9T$" },
		{ "sha512-crypt", "{SHA512-CRYPT}$6$rounds=200000$" },
		{ "BLF-CRYPT", "{BLF-CRYPT}$2b$12$" },
		{ "ARGON2ID", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$" },
	};
	char first[PASSWORD_HASH_MAX];
	char second[PASSWORD_HASH_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(password_hash(rows[i].scheme, STR("p\xc3\xa4ss word"), first,
					  sizeof first, &fault));
		assert_true(password_hash(rows[i].scheme, STR("p\xc3\xa4ss word"), second,
					  sizeof second, &fault));
		assert_memory_equal(first, rows[i].begins, strlen(rows[i].begins));
		assert_string_not_equal(first, second);
		expect(first, STR("p\xc3\xa4ss word"), PASSWORD_MATCHES);
		expect(first, STR("p\xc3\xa4ss worD"), PASSWORD_DIFFERS);
	}
}

static void new_hash_is_of_the_prepared_password(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	(void)state;
	assert_true(password_hash(NULL, STR("gru\xcc\x88n"), hash, sizeof hash, &fault));
	expect(hash, STR("gr\xc3\xbcn"), PASSWORD_MATCHES);
	expect(hash, STR("gru\xcc\x88n"), PASSWORD_DIFFERS);
}

static void new_hash_refused(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	(void)state;
	for (const char *const *name = password_schemes(); *name != NULL; name++) {
		if (password_scheme_writable(*name))
			continue;
		assert_false(password_hash(*name, STR("secret"), hash, sizeof hash, &fault));
		assert_string_equal(hash, "");
	}
	assert_true(password_scheme_writable("CRYPT"));
	assert_false(password_scheme_writable("PLAIN"));
	assert_false(password_scheme_writable("nonsense"));
	assert_false(password_hash("nonsense", STR("secret"), hash, sizeof hash, &fault));
	assert_string_equal(fault.text, "nonsense is no password scheme");
	assert_false(password_hash(NULL, STR(""), hash, sizeof hash, &fault));
	assert_false(password_hash(NULL, STR("a\0b"), hash, sizeof hash, &fault));
	assert_false(password_hash(NULL, STR("a\tb"), hash, sizeof hash, &fault));
	assert_false(password_hash(NULL, STR("gr\xfc\xdf"), hash, sizeof hash, &fault));
	assert_non_null(strstr(fault.text, "RFC 4013"));
}

static void new_hash_says_no_to_a_small_buffer(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	(void)state;
	for (size_t cap = 1; cap < 70; cap += 3) {
		memset(hash, '#', sizeof hash);
		assert_false(password_hash(NULL, STR("secret"), hash, cap, &fault));
		assert_int_equal(hash[0], '\0');
		assert_int_equal(hash[cap], '#');
	}
}

static void generated_password_is_readable(void **state)
{
	char first[32];
	char second[21];

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		password_generate(first, sizeof first);
		password_generate(second, sizeof second);
		assert_int_equal(strlen(first), 20);
		assert_int_equal(strlen(second), 20);
		assert_string_not_equal(first, second);
		assert_null(strpbrk(first, "0O1lI'\"\\ $`"));
	}
	password_generate(first, 6);
	assert_int_equal(strlen(first), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answer_matches_and_neighbours_differ),
		cmocka_unit_test(known_answer_of_other_passwords),
		cmocka_unit_test(digest_md5_is_of_the_user_s_name),
		cmocka_unit_test(every_scheme_has_a_known_answer),
		cmocka_unit_test(stored_value_is_not_its_own_password),
		cmocka_unit_test(unknown_scheme_fails_closed),
		cmocka_unit_test(malformed_value_fails_closed),
		cmocka_unit_test(malformed_long_value_fails_closed),
		cmocka_unit_test(salt_that_crypt_refuses_fails_closed),
		cmocka_unit_test(setting_alone_never_matches),
		cmocka_unit_test(unbounded_cost_refused),
		cmocka_unit_test(long_password_without_harm),
		cmocka_unit_test(new_hash_verifies_and_is_salted),
		cmocka_unit_test(new_hash_is_of_the_prepared_password),
		cmocka_unit_test(new_hash_refused),
		cmocka_unit_test(new_hash_says_no_to_a_small_buffer),
		cmocka_unit_test(generated_password_is_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
