/* Guard against a wall clock that jumps: see clock_guard.h. */
#include "store/clock_guard.h"

#include <syslog.h>

#include "base/clock.h"

#define DAY 86400
#define HOUR 3600

/* What is lost of it with a crash only makes the guard stricter. */
struct clock_job {
	struct store_job job;
	int64_t stamp;
	int64_t hold;
};

static enum store_status set_meta(struct shard *shard, const char *key, int64_t value,
				  struct fault *fault)
{
	sqlite3_stmt *stmt = shard->stmt[W_META_SET];

	bind_text(stmt, 1, key);
	bind_i64(stmt, 2, value);
	return statement_run(stmt, fault);
}

static enum store_status clock_job_run(struct store_job *job, void *writer)
{
	struct clock_job *clock_job = (struct clock_job *)job;
	enum store_status status = set_meta(writer, "clock", clock_job->stamp, &job->fault);

	return status == STORE_OK ? set_meta(writer, "hold", clock_job->hold, &job->fault)
				  : status;
}

static void keep(struct shard *shard, int64_t stamp, int64_t uptime)
{
	struct clock_job clock_job = { .job.run = clock_job_run,
				       .stamp = stamp,
				       .hold = shard->clock_hold };

	if (writer_call(shard, &clock_job.job) != STORE_OK)
		return;
	shard->clock_stamp = stamp;
	shard->clock_uptime = uptime;
}

/* Seconds of running until the clock is believed. */
static int64_t seconds_left(const struct shard *shard, bool jumped, int64_t uptime)
{
	if (!jumped)
		return 0;
	if (shard->clock_hold == 0)
		return DAY;
	return shard->clock_hold - (uptime - shard->clock_looked);
}

bool clock_trusted(struct shard *shard, int64_t now)
{
	int64_t uptime = clock_monotonic_ms() / 1000;
	int64_t expected = shard->clock_stamp + (uptime - shard->clock_uptime);
	int64_t left = seconds_left(shard, now > expected + DAY, uptime);
	bool held = shard->clock_hold > 0;

	shard->clock_looked = uptime;
	shard->clock_hold = left > 0 ? left : 0;
	if (left <= 0) {
		shard->clock_said = 0;
		if (held || now < shard->clock_stamp || now - shard->clock_stamp >= HOUR)
			keep(shard, now, uptime);
		return true;
	}
	if (shard->clock_said == 0 || uptime - shard->clock_said >= HOUR) {
		shard->clock_said = uptime;
		keep(shard, expected, uptime);
		store_say(shard->store, LOG_ERR, NULL,
			  "clock-jumped shard=%u seconds=%lld purge-waits-seconds=%lld",
			  shard->number, (long long)(now - expected), (long long)left);
	}
	return false;
}
