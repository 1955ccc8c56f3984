/*
 * Writes and verifies MANIFEST. Reads files as octets and never as databases: nothing of the
 * backup may be open in SQLite meanwhile.
 */
#include "manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "restante/limits.h"

#define SHA256_HEX 64
/* accounts.db, secret.key and the shards; more is no backup of ours. */
#define FILES_MAX (STORE_SHARDS_MAX + 2)
#define NAME_OCTETS 64

struct manifest_file {
	char name[NAME_OCTETS]; /* below the backup's directory */
	char sha256[SHA256_HEX + 1];
	uint64_t octets;
	uint32_t schema; /* user_version of a database, else 0 */
};

struct manifest {
	struct manifest_file file[FILES_MAX];
	size_t count;
};

/* --- one file ----------------------------------------------------------------------- */

/*
 * Offset 60 of a database file is its user_version, big-endian (SQLite's file format,
 * 1.3.14).
 */
#define SQLITE_HEADER_OCTETS 100
#define SQLITE_USER_VERSION_AT 60

static uint32_t schema_of(const unsigned char *head, size_t n)
{
	const unsigned char *p = head + SQLITE_USER_VERSION_AT;
	if (n < SQLITE_HEADER_OCTETS || memcmp(head, "SQLite format 3", 16) != 0)
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool digest_fd(int fd, EVP_MD_CTX *md, struct manifest_file *file)
{
	unsigned char octets[65536];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	ssize_t n;
	file->octets = 0;
	if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1)
		return false;
	while ((n = read(fd, octets, sizeof octets)) > 0) {
		if (file->octets == 0)
			file->schema = schema_of(octets, (size_t)n);
		if (EVP_DigestUpdate(md, octets, (size_t)n) != 1)
			return false;
		file->octets += (uint64_t)n;
	}
	if (n < 0 || EVP_DigestFinal_ex(md, digest, &length) != 1)
		return false;
	for (unsigned int i = 0; i < length && i < SHA256_HEX / 2; i++)
		snprintf(file->sha256 + 2 * (size_t)i, 3, "%02x", digest[i]);
	return true;
}

/* `keep`: flush it to the disk, because the manifest will say that it is there. */
static bool measure(const char *dir, struct manifest_file *file, bool keep, struct fault *fault)
{
	char path[PATH_MAX];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	snprintf(path, sizeof path, "%s/%s", dir, file->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool good =
		md != NULL && fd >= 0 && (!keep || fsync(fd) == 0) && digest_fd(fd, md, file);
	if (!good)
		fault_set(fault, "%s: %s", path,
			  errno != 0 ? strerror(errno) : "cannot be read");
	if (fd >= 0)
		close(fd);
	EVP_MD_CTX_free(md);
	return good;
}

/* --- which files -------------------------------------------------------------------- */

static bool add_name(struct manifest *manifest, const char *folder, const char *name,
		     struct fault *fault)
{
	if (manifest->count == FILES_MAX || strlen(folder) + strlen(name) >= NAME_OCTETS) {
		fault_set(fault, "%s%s is not part of a backup; move it away", folder, name);
		return false;
	}
	struct manifest_file *file = &manifest->file[manifest->count++];
	*file = (struct manifest_file){ .octets = 0 };
	snprintf(file->name, sizeof file->name, "%s%s", folder, name);
	return true;
}

/* Files in the order of their names; "." and ".." left out. */
static bool scan(const char *dir, struct manifest *manifest, struct fault *fault)
{
	char path[PATH_MAX];
	struct dirent **entries = NULL;
	manifest->count = 0;
	bool good = add_name(manifest, "", "accounts.db", fault) &&
		    add_name(manifest, "", "secret.key", fault);
	snprintf(path, sizeof path, "%s/mail", dir);
	int n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		fault_set(fault, "%s: %s", path, strerror(errno));
		return false;
	}
	for (int i = 0; i < n; i++) {
		if (strcmp(entries[i]->d_name, ".") != 0 &&
		    strcmp(entries[i]->d_name, "..") != 0)
			good = good && add_name(manifest, "mail/", entries[i]->d_name, fault);
		free(entries[i]);
	}
	free(entries);
	return good;
}

/* --- writing ------------------------------------------------------------------------ */

static bool print_manifest(FILE *to, const struct manifest *manifest)
{
	char now[32] = "";
	time_t seconds = time(NULL);
	struct tm utc;
	if (gmtime_r(&seconds, &utc) != NULL)
		strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
	fprintf(to, "# backup of restante %s, %s; verify with: sha256sum -c %s\n",
		RESTANTE_VERSION, now, MANIFEST_NAME);
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_file *file = &manifest->file[i];
		fprintf(to, "# file %s octets %" PRIu64 " schema %" PRIu32 "\n", file->name,
			file->octets, file->schema);
	}
	for (size_t i = 0; i < manifest->count; i++)
		fprintf(to, "%s  %s\n", manifest->file[i].sha256, manifest->file[i].name);
	return !ferror(to);
}

static bool sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

/* Under another name first: half a manifest must not pass for one. */
static bool write_manifest(const char *dir, const struct manifest *manifest)
{
	char path[PATH_MAX];
	char new_path[PATH_MAX];
	char mail[PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", dir, MANIFEST_NAME);
	snprintf(new_path, sizeof new_path, "%s/%s.new", dir, MANIFEST_NAME);
	snprintf(mail, sizeof mail, "%s/mail", dir);
	FILE *to = fopen(new_path, "wxe");
	if (to == NULL)
		return false;
	bool good = print_manifest(to, manifest) && fflush(to) == 0 && fsync(fileno(to)) == 0;
	good = fclose(to) == 0 && good;
	return good && sync_path(mail) && rename(new_path, path) == 0 && sync_path(dir);
}

bool manifest_write(const char *dir, struct fault *fault)
{
	struct manifest *manifest = calloc(1, sizeof *manifest);
	bool good = manifest != NULL && scan(dir, manifest, fault);
	for (size_t i = 0; good && i < manifest->count; i++)
		good = measure(dir, &manifest->file[i], true, fault);
	if (good && !write_manifest(dir, manifest)) {
		fault_set(fault, "%s/%s: %s", dir, MANIFEST_NAME, strerror(errno));
		good = false;
	}
	free(manifest);
	return good;
}

/* --- verifying ---------------------------------------------------------------------- */

/*
 * "<64 hexadecimal digits>  <name>" for a file of the manifest; "" when there is no such
 * line.
 */
static void find_digest(FILE *from, const char *name, char sha256[SHA256_HEX + 1])
{
	char line[SHA256_HEX + NAME_OCTETS + 16];
	sha256[0] = '\0';
	rewind(from);
	while (fgets(line, sizeof line, from) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) > SHA256_HEX + 2 && line[0] != '#' &&
		    strcmp(line + SHA256_HEX + 2, name) == 0) {
			memcpy(sha256, line, SHA256_HEX);
			sha256[SHA256_HEX] = '\0';
			return;
		}
	}
}

static size_t count_digests(FILE *from)
{
	char line[SHA256_HEX + NAME_OCTETS + 16];
	size_t count = 0;
	rewind(from);
	while (fgets(line, sizeof line, from) != NULL)
		count += line[0] != '#' ? 1 : 0;
	return count;
}

static enum manifest_verdict verify_file(const char *dir, FILE *from,
					 struct manifest_file *file, struct fault *fault)
{
	char wanted[SHA256_HEX + 1];
	find_digest(from, file->name, wanted);
	if (wanted[0] == '\0') {
		fault_set(fault, "%s/%s is not named in the manifest; move it away", dir,
			  file->name);
		return MANIFEST_WRONG;
	}
	if (!measure(dir, file, false, fault))
		return MANIFEST_UNREADABLE;
	if (strcmp(wanted, file->sha256) != 0) {
		fault_set(fault, "%s/%s is not what the backup made: its SHA-256 differs", dir,
			  file->name);
		return MANIFEST_WRONG;
	}
	return MANIFEST_GOOD;
}

static enum manifest_verdict verify_all(const char *dir, FILE *from, struct manifest *manifest,
					struct fault *fault)
{
	if (!scan(dir, manifest, fault))
		return MANIFEST_WRONG;
	for (size_t i = 0; i < manifest->count; i++) {
		enum manifest_verdict verdict =
			verify_file(dir, from, &manifest->file[i], fault);
		if (verdict != MANIFEST_GOOD)
			return verdict;
	}
	if (count_digests(from) == manifest->count)
		return MANIFEST_GOOD;
	fault_set(fault, "the manifest in %s names files that are not there", dir);
	return MANIFEST_WRONG;
}

enum manifest_verdict manifest_verify(const char *dir, struct fault *fault)
{
	char path[PATH_MAX];
	enum manifest_verdict verdict = MANIFEST_UNREADABLE;
	snprintf(path, sizeof path, "%s/%s", dir, MANIFEST_NAME);
	FILE *from = fopen(path, "re");
	if (from == NULL) {
		fault_set(fault, "%s: %s", path, strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? MANIFEST_MISSING
							   : MANIFEST_UNREADABLE;
	}
	struct manifest *manifest = calloc(1, sizeof *manifest);
	if (manifest != NULL)
		verdict = verify_all(dir, from, manifest, fault);
	free(manifest);
	fclose(from);
	return verdict;
}
