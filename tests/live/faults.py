"""What fails in a server built to fail (tests/fault/faulty.c): the n-th operation of its disk or memory."""
import ctypes
import mmap

WRITE, SYNC, TRUNCATE, OPEN, READ, SHM, LOCK = 1, 2, 4, 8, 16, 32, 64
MEMORY = 0


class Plan(ctypes.Structure):
    """struct fault_plan"""
    _fields_ = [("kinds", ctypes.c_uint), ("at", ctypes.c_long), ("forever", ctypes.c_bool),
                ("full", ctypes.c_bool), ("cut", ctypes.c_bool), ("power", ctypes.c_bool),
                ("torn", ctypes.c_uint)]


class Disk(ctypes.Structure):
    """struct fault_state"""
    _fields_ = [("plan", Plan), ("count", ctypes.c_long), ("reached", ctypes.c_bool)]


class Memory(ctypes.Structure):
    """struct fault_memory"""
    _fields_ = [("at", ctypes.c_long), ("forever", ctypes.c_bool), ("count", ctypes.c_long),
                ("reached", ctypes.c_bool)]


class State(ctypes.Structure):
    """struct faults"""
    _fields_ = [("disk", Disk), ("memory", Memory)]


class Faults:
    """The file that the server and its test share."""

    def __init__(self, path):
        path.write_bytes(bytes(ctypes.sizeof(State)))
        path.chmod(0o666)
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), ctypes.sizeof(State))
        self.state = State.from_buffer(self.memory)

    def plan(self, at, kinds, forever=False, full=False, cut=False):
        """The at-th operation of these kinds from here on fails; MEMORY: the at-th allocation."""
        if kinds == MEMORY:
            what = self.state.memory
            what.count, what.reached, what.forever = 0, False, forever
            what.at = at
            return
        disk = self.state.disk
        disk.count, disk.reached = 0, False
        disk.plan.kinds, disk.plan.forever = kinds, forever
        disk.plan.full, disk.plan.cut = full, cut
        disk.plan.at = at

    def end(self):
        """Nothing fails any more; (was it reached, how many operations were there)."""
        disk, memory = self.state.disk, self.state.memory
        disk.plan.at = memory.at = 0
        return disk.reached or memory.reached, max(disk.count, memory.count)

    def forget(self):
        """Between one kind and the next."""
        self.end()
        for part in (self.state.disk, self.state.memory):
            part.count, part.reached = 0, False
