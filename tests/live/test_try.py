"""packaging/try.sh, the first thing that a newcomer runs: it builds, shows, and leaves nothing."""
import os
import signal
import subprocess
import unittest

from harness import TOP, scratch


class Try(unittest.TestCase):
    def setUp(self):
        self.folder = scratch("try")
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir(mode=0o755)

    def start(self, *arguments):
        """As from a terminal: in a process group of its own, which Ctrl-C then hits as a whole."""
        process = subprocess.Popen(
            [TOP / "packaging/try.sh", *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env=dict(os.environ, TMPDIR=str(self.temporary)),
            # A shell cannot trap what was ignored when it was started, such as by "ctest &".
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(process.stdout.close)
        return process

    def run_once(self, *arguments):
        process = self.start("--once", *arguments)
        output = process.communicate()[0]
        self.assertEqual(process.returncode, 0, output)
        self.assertIn("Octet for octet the message that was sent.", output)
        self.assertIn("The server is stopped.", output)
        return output

    def interrupt_at(self, text, *arguments):
        """Ctrl-C as soon as a line with that text is shown; (exit status, output)."""
        process = self.start(*arguments)
        output = ""
        for line in process.stdout:
            output += line
            if text in line:
                os.killpg(process.pid, signal.SIGINT)
        return process.wait(), output

    def assert_left(self, *names):
        self.assertEqual(sorted(os.listdir(self.temporary)), sorted(names))

    def test_once_fetches_the_message_and_leaves_nothing(self):
        self.run_once()
        self.assert_left()

    def test_folder_given_is_kept_and_gone_on_from(self):
        self.assertIn(" init\n", self.run_once("--dir", str(self.folder / "kept")))
        again = self.run_once("--dir", str(self.folder / "kept"))
        self.assertNotIn(" init\n", again)
        self.assertIn("/2\n", again)  # the second message is fetched
        self.assert_left()

    def test_interrupt_at_the_end_is_how_it_ends(self):
        status, output = self.interrupt_at("Ctrl-C stops the server.")
        self.assertEqual(status, 0, output)
        self.assertIn("The server is stopped.", output)
        self.assert_left()

    def test_interrupt_before_the_fetch_is_no_success(self):
        status, output = self.interrupt_at("4. The server", "--once")
        self.assertEqual(status, 130, output)
        self.assert_left()


if __name__ == "__main__":
    unittest.main()
