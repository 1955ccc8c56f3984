"""The servers that are measured. Each is a context, and tells where it listens (pop3, pop3s, lmtp:
port numbers) and which process is the root of its own (pid)."""
