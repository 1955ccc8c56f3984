/* Guard against a wall clock that jumps: see clock_guard.h. */
#include "store/clock_guard.h"

#include <syslog.h>

#include "base/clock.h"

#define DAY 86400
#define HOUR 3600

enum store_status clock_job_run(struct store_job *job, void *writer)
{
	struct clock_job *clock_job = (struct clock_job *)job;
	sqlite3_stmt *stmt = ((struct shard *)writer)->stmt[W_META_SET];

	bind_text(stmt, 1, "clock");
	bind_i64(stmt, 2, clock_job->stamp);
	return statement_run(stmt, &job->fault);
}

/* Written once an hour; what is lost with a crash only makes the guard stricter. */
static void stamp(struct shard *shard, int64_t now, int64_t uptime)
{
	struct clock_job clock_job = { .job.run = clock_job_run, .stamp = now };

	if (now >= shard->clock_stamp && now - shard->clock_stamp < HOUR)
		return;
	if (writer_call(shard, &clock_job.job, true) != STORE_OK)
		return;
	shard->clock_stamp = now;
	shard->clock_uptime = uptime;
}

bool clock_trusted(struct shard *shard, int64_t now)
{
	int64_t uptime = clock_monotonic_ms() / 1000;
	int64_t expected = shard->clock_stamp + (uptime - shard->clock_uptime);
	bool jumped = now > expected + DAY;

	if (jumped && shard->clock_hold == 0)
		shard->clock_hold = uptime + DAY;
	if (!jumped || uptime >= shard->clock_hold) {
		shard->clock_hold = 0;
		shard->clock_said = 0;
		stamp(shard, now, uptime);
		return true;
	}
	if (shard->clock_said == 0 || uptime - shard->clock_said >= HOUR) {
		shard->clock_said = uptime;
		store_say(shard->store, LOG_ERR,
			  "clock_jumped shard=%u seconds=%lld purge_waits_seconds=%lld",
			  shard->number, (long long)(now - expected),
			  (long long)(shard->clock_hold - uptime));
	}
	return false;
}
