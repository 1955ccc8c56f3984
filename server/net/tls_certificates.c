/*
 * The certificates of a directory: see tls_certificates.h. First the pairs are read, in order of
 * their names; then each name that one of them serves becomes an entry, sorted for look-up.
 */
#include "net/tls_certificates.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/log.h"
#include "net/tls_pair.h"

#define PAIRS_MAX 100000
#define DEFAULT_NAME "default"

/* Which certificate of each kind of key serves a name. */
struct entry {
	char *name;
	const struct tls_pair *pair[TLS_KEY_KINDS];
};

struct tls_certificates {
	atomic_uint holders;
	struct tls_pair *pairs;
	size_t n, cap;
	struct entry *entries; /* by name */
	size_t entry_count;
	struct entry fallback;
};

/* --- files of a directory -------------------------------------------------------------------- */

static bool there(const char *path)
{
	struct stat facts;

	return stat(path, &facts) == 0;
}

struct files {
	char name[NAME_MAX + 1];
	char chain[PATH_MAX], key[PATH_MAX];
};

static bool path_of(char path[PATH_MAX], const char *directory, const char *name,
		    const char *ending)
{
	int n = snprintf(path, PATH_MAX, "%s/%s%s", directory, name, ending);

	return n > 0 && n < PATH_MAX;
}

/* The pair that this entry of the directory stands for; false when it stands for none. */
static bool files_of(const char *directory, const char *entry, struct files *files)
{
	size_t n = strlen(entry);
	const char *ending = n > 4 ? entry + n - 4 : "";
	bool crt = strcmp(ending, ".crt") == 0, pem = strcmp(ending, ".pem") == 0;

	if (entry[0] == '.' || n > NAME_MAX)
		return false;
	memcpy(files->name, entry, n + 1);
	if (!crt && !pem)
		return path_of(files->chain, directory, entry, "/fullchain.pem") &&
		       path_of(files->key, directory, entry, "/privkey.pem") &&
		       there(files->chain);
	files->name[n - 4] = '\0';
	if (!path_of(files->chain, directory, entry, "") ||
	    !path_of(files->key, directory, files->name, ".key"))
		return false;
	if (pem && !there(files->key))
		memcpy(files->key, files->chain, sizeof files->key);
	return true;
}

static int list_directory(const char *directory, struct dirent ***names)
{
	return scandir(directory, names, NULL, alphasort);
}

static void free_names(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static uint64_t mix(uint64_t stamp, uint64_t value)
{
	return (stamp ^ value) * UINT64_C(0x100000001b3); /* FNV-1a by words */
}

static uint64_t mix_text(uint64_t stamp, const char *text)
{
	for (; *text != '\0'; text++)
		stamp = mix(stamp, (unsigned char)*text);
	return mix(stamp, 0);
}

static uint64_t mix_file(uint64_t stamp, const char *path)
{
	struct stat facts;

	if (stat(path, &facts) != 0)
		return mix(stamp, 1);
	stamp = mix(stamp, (uint64_t)facts.st_ino);
	stamp = mix(stamp, (uint64_t)facts.st_size);
	stamp = mix(stamp, (uint64_t)facts.st_mode << 32 | facts.st_gid);
	stamp = mix(stamp, (uint64_t)facts.st_mtim.tv_sec);
	return mix(stamp, (uint64_t)facts.st_mtim.tv_nsec);
}

uint64_t tls_certificates_stamp(const char *directory, const char *hostname)
{
	struct dirent **names;
	int n = list_directory(directory, &names);
	uint64_t stamp = mix_text(mix_text(UINT64_C(0xcbf29ce484222325), directory), hostname);
	struct files files;

	if (n < 0)
		return 0;
	for (int i = 0; i < n; i++) {
		if (!files_of(directory, names[i]->d_name, &files))
			continue;
		stamp = mix_text(stamp, files.name);
		stamp = mix_file(mix_file(stamp, files.chain), files.key);
	}
	free_names(names, n);
	return stamp | 1;
}

/* --- reading --------------------------------------------------------------------------------- */

static const struct tls_pair *find_pair(const struct tls_certificates *certificates,
					const char *name)
{
	for (size_t i = 0; certificates != NULL && i < certificates->n; i++)
		if (strcmp(certificates->pairs[i].name, name) == 0)
			return &certificates->pairs[i];
	return NULL;
}

static struct tls_pair *new_pair(struct tls_certificates *certificates)
{
	if (certificates->n == certificates->cap) {
		size_t cap = certificates->cap == 0 ? 8 : 2 * certificates->cap;
		struct tls_pair *more = realloc(certificates->pairs, cap * sizeof *more);

		if (more == NULL || cap > PAIRS_MAX)
			return NULL;
		certificates->pairs = more;
		certificates->cap = cap;
	}
	return &certificates->pairs[certificates->n];
}

/* A bad pair is passed over, or kept as it was; false: out of memory. */
static bool read_pair(struct tls_certificates *certificates, const struct files *files,
		      const struct tls_certificates *before, tls_trouble *trouble,
		      void *context)
{
	const struct tls_pair *old = find_pair(before, files->name);
	struct tls_pair *pair = new_pair(certificates);
	struct fault fault;

	if (pair == NULL)
		return false;
	if (!tls_pair_read(files->name, files->chain, files->key, pair, &fault)) {
		trouble(context, files->name, old != NULL, fault.text);
		if (old == NULL)
			return true;
		if (!tls_pair_keep(old, pair))
			return false;
	}
	certificates->n++;
	return true;
}

static bool read_pairs(struct tls_certificates *certificates, const char *directory,
		       const struct tls_certificates *before, tls_trouble *trouble,
		       void *context, struct fault *fault)
{
	struct dirent **names;
	int n = list_directory(directory, &names);
	struct files files;
	bool good = true;

	if (n < 0) {
		fault_set(fault, "%s: cannot be read: %s", directory, strerror(errno));
		return false;
	}
	for (int i = 0; i < n && good; i++)
		if (files_of(directory, names[i]->d_name, &files))
			good = read_pair(certificates, &files, before, trouble, context);
	free_names(names, n);
	return good;
}

/* --- who serves which name ------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Of two for one name and kind of key, the one that lasts longer. */
static void prefer(const struct tls_pair **place, const struct tls_pair *pair)
{
	if (*place == NULL || (*place)->not_after < pair->not_after)
		*place = pair;
}

static size_t count_names(const struct tls_certificates *certificates)
{
	size_t count = 0;

	for (size_t i = 0; i < certificates->n; i++) {
		const char *names = certificates->pairs[i].names;

		count += names[0] != '\0';
		for (; *names != '\0'; names++)
			count += *names == ' ';
	}
	return count;
}

/* One entry for each name of each pair, unsorted and with repetitions. */
static bool add_entries(struct tls_certificates *certificates)
{
	for (size_t i = 0; i < certificates->n; i++) {
		const struct tls_pair *pair = &certificates->pairs[i];

		for (const char *name = pair->names; *name != '\0';) {
			size_t n = strcspn(name, " ");
			struct entry *entry = &certificates->entries[certificates->entry_count];

			*entry = (struct entry){ .name = strndup(name, n) };
			if (entry->name == NULL)
				return false;
			entry->pair[pair->kind] = pair;
			certificates->entry_count++;
			name += n + (name[n] == ' ');
		}
	}
	return true;
}

static void merge_entries(struct tls_certificates *certificates)
{
	size_t kept = 0;

	for (size_t i = 0; i < certificates->entry_count; i++) {
		struct entry *entry = &certificates->entries[i];
		struct entry *last = kept == 0 ? NULL : &certificates->entries[kept - 1];

		if (last == NULL || strcmp(last->name, entry->name) != 0) {
			certificates->entries[kept++] = *entry;
			continue;
		}
		for (int kind = 0; kind < TLS_KEY_KINDS; kind++)
			if (entry->pair[kind] != NULL)
				prefer(&last->pair[kind], entry->pair[kind]);
		free(entry->name);
	}
	certificates->entry_count = kept;
}

static bool make_entries(struct tls_certificates *certificates)
{
	size_t count = count_names(certificates);

	certificates->entries = calloc(count + 1, sizeof certificates->entries[0]);
	if (certificates->entries == NULL || !add_entries(certificates))
		return false;
	qsort(certificates->entries, certificates->entry_count, sizeof certificates->entries[0],
	      compare_entries);
	merge_entries(certificates);
	return true;
}

static const struct entry *find_exactly(const struct tls_certificates *certificates, char *name)
{
	struct entry key = { .name = name };

	return bsearch(&key, certificates->entries, certificates->entry_count,
		       sizeof certificates->entries[0], compare_entries);
}

/* RFC 6125 section 6.4.3: "*" stands for the whole first label. */
static const struct entry *find_entry(const struct tls_certificates *certificates,
				      const char *name)
{
	char text[TLS_NAME_MAX + 2];
	size_t n = name == NULL ? 0 : strlen(name);
	const struct entry *entry;
	char *dot;

	if (n == 0 || n > TLS_NAME_MAX)
		return NULL;
	for (size_t i = 0; i <= n; i++)
		text[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a')
							   : name[i];
	entry = find_exactly(certificates, text);
	dot = strchr(text, '.');
	if (entry != NULL || dot == NULL || dot == text)
		return entry;
	dot[-1] = '*';
	return find_exactly(certificates, dot - 1);
}

static void choose_fallback(struct tls_certificates *certificates, const char *hostname)
{
	const struct entry *own;
	bool named = false;

	for (size_t i = 0; i < certificates->n; i++) {
		const struct tls_pair *pair = &certificates->pairs[i];

		if (strncmp(pair->name, DEFAULT_NAME, sizeof DEFAULT_NAME - 1) == 0) {
			prefer(&certificates->fallback.pair[pair->kind], pair);
			named = true;
		}
	}
	if (named || certificates->n == 0)
		return;
	own = find_entry(certificates, hostname);
	if (own != NULL)
		memcpy(certificates->fallback.pair, own->pair, sizeof own->pair);
	else
		certificates->fallback.pair[certificates->pairs[0].kind] =
			&certificates->pairs[0];
}

/* --- life ------------------------------------------------------------------------------------ */

bool tls_certificates_read(const char *directory, const char *hostname,
			   const struct tls_certificates *before, tls_trouble *trouble,
			   void *context, struct tls_certificates **certificates,
			   struct fault *fault)
{
	struct tls_certificates *made = calloc(1, sizeof *made);

	*certificates = NULL;
	fault_set(fault, "out of memory");
	if (made == NULL)
		return false;
	atomic_init(&made->holders, 1);
	if (!read_pairs(made, directory, before, trouble, context, fault) ||
	    !make_entries(made)) {
		tls_certificates_release(&made);
		return false;
	}
	choose_fallback(made, hostname);
	*certificates = made;
	return true;
}

struct tls_certificates *tls_certificates_hold(struct tls_certificates *certificates)
{
	if (certificates != NULL)
		atomic_fetch_add(&certificates->holders, 1);
	return certificates;
}

void tls_certificates_release(struct tls_certificates **certificates)
{
	struct tls_certificates *gone = *certificates;

	*certificates = NULL;
	if (gone == NULL || atomic_fetch_sub(&gone->holders, 1) != 1)
		return;
	for (size_t i = 0; i < gone->entry_count; i++)
		free(gone->entries[i].name);
	for (size_t i = 0; i < gone->n; i++)
		tls_pair_free(&gone->pairs[i]);
	free(gone->entries);
	free(gone->pairs);
	free(gone);
}

size_t tls_certificates_count(const struct tls_certificates *certificates)
{
	return certificates->n;
}

bool tls_certificates_use(const struct tls_certificates *certificates, const char *name,
			  SSL *ssl)
{
	const struct entry *entry = find_entry(certificates, name);
	bool any = false;

	if (entry == NULL)
		entry = &certificates->fallback;
	SSL_certs_clear(ssl);
	for (int kind = 0; kind < TLS_KEY_KINDS; kind++) {
		const struct tls_pair *pair = entry->pair[kind];

		if (pair != NULL)
			any |= SSL_use_cert_and_key(ssl, pair->certificate, pair->key,
						    pair->chain, 1) == 1;
	}
	return any;
}

void tls_certificates_visit(const struct tls_certificates *certificates,
			    void (*visit)(void *context, const struct tls_pair_facts *facts),
			    void *context)
{
	static const char *const kinds[TLS_KEY_KINDS] = {
		[TLS_KEY_ECDSA] = "ECDSA",
		[TLS_KEY_RSA] = "RSA",
		[TLS_KEY_ED25519] = "Ed25519",
	};

	for (size_t i = 0; i < certificates->n; i++) {
		const struct tls_pair *pair = &certificates->pairs[i];
		struct tls_pair_facts facts = {
			.pair = pair->name,
			.names = pair->names,
			.key = kinds[pair->kind],
			.not_after = pair->not_after,
			.is_default = certificates->fallback.pair[pair->kind] == pair,
			.kept = pair->kept,
		};

		visit(context, &facts);
	}
}
