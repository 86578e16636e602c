"""What a thread was doing, guessed from the innermost frame of a stack, for agents that do not say.

The official AWS agent sends no thread state. These functions block: a thread seen in one of them was waiting. The
guess is marked as one (label ``state_source=leaf``), and the pages say so.
"""

from __future__ import annotations

from kibitz_agent.profile import RUNNING, WAITING

STATE_SOURCE = "state_source"
LEAF = "leaf"

# module:function or module:Class:function, as the official agent names frames; a leading "*" stands for any module.
_WAITING = frozenset(
    [
        "<Sleep>",
        "<queue.get>",
        "threading:Condition:wait",
        "threading:Condition:wait_for",
        "threading:Event:wait",
        "threading:Semaphore:acquire",
        "threading:Barrier:wait",
        "threading:Thread:join",
        "threading:Thread:_wait_for_tstate_lock",
        "threading:_shutdown",
        "queue:Queue:get",
        "queue:Queue:put",
        "queue:Queue:join",
        "multiprocessing.queues:Queue:get",
        "multiprocessing.queues:Queue:put",
        "multiprocessing.connection:Connection:_recv",
        "multiprocessing.connection:Connection:_poll",
        "multiprocessing.connection:wait",
        "multiprocessing.popen_fork:Popen:poll",
        "multiprocessing.popen_fork:Popen:wait",
        "multiprocessing.synchronize:SemLock:acquire",
        "concurrent.futures.thread:_worker",
        "concurrent.futures._base:Future:result",
        "concurrent.futures._base:wait",
        "concurrent.futures._base:as_completed",
        "selectors:SelectSelector:select",
        "selectors:PollSelector:select",
        "selectors:EpollSelector:select",
        "selectors:KqueueSelector:select",
        "selectors:DevpollSelector:select",
        "selectors:_PollLikeSelector:select",
        "socket:socket:accept",
        "socket:SocketIO:readinto",
        "socket:SocketIO:write",
        "socket:create_connection",
        "socket:getaddrinfo",
        "ssl:SSLSocket:read",
        "ssl:SSLSocket:write",
        "ssl:SSLSocket:recv",
        "ssl:SSLSocket:recv_into",
        "ssl:SSLSocket:send",
        "ssl:SSLSocket:do_handshake",
        "ssl:SSLSocket:unwrap",
        "subprocess:Popen:_try_wait",
        "subprocess:Popen:_wait",
        "subprocess:Popen:wait",
        "subprocess:Popen:communicate",
        "subprocess:Popen:_communicate",
        "subprocess:Popen:_execute_child",
        "urllib3.util.wait:do_poll",
        "urllib3.util.wait:poll_wait_for_socket",
        "urllib3.util.wait:select_wait_for_socket",
        "urllib3.util.connection:create_connection",
        "gunicorn.workers.sync:SyncWorker:wait",
        "gunicorn.workers.gthread:ThreadWorker:run",
        "gunicorn.arbiter:Arbiter:sleep",
        "waitress.wasyncore:poll",
        "asyncore:poll",
        "select:select",
        "signal:pause",
        "signal:sigwait",
        "fcntl:flock",
        "psycopg2:connect",
        "redis.connection:SocketBuffer:_read_from_socket",
        "redis._parsers.socket:SocketBuffer:_read_from_socket",
        "pymysql.connections:Connection:_read_bytes",
        "kombu.utils.eventio:_poll:_poll",
        "billiard.connection:Connection:_recv",
    ]
)


def state_of(frame_name: str) -> str:
    """`WAITING` or `RUNNING` for a stack whose innermost frame the official agent calls ``frame_name``."""
    return WAITING if frame_name in _WAITING else RUNNING
