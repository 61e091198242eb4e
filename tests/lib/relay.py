#!/usr/bin/env python3
"""A TCP relay that delivers what it gets some time later: a slow network for tests.

  relay.py LISTEN=TARGET ...        each HOST:PORT

A line `SOURCE TARGET MS` on stdin sets what passes between connections from the host SOURCE and TARGET back by so much,
in both directions; it is answered with `ok` when it counts, also for connections that exist.  The end of stdin is the
end of the relay.  What is under way is bounded: who sends more has to wait.
"""
import asyncio
import contextlib
import selectors
import sys

CHUNK, CHUNKS = 64 << 10, 256  # under way in one direction of a connection, at most


class Relay:
    def __init__(self):
        self.delays = {}  # (source, target): seconds

    async def carry(self, reader, writer, link):
        """One direction: what was read is written in the same order, when its time has come."""
        loop = asyncio.get_running_loop()
        queue = asyncio.Queue(CHUNKS)

        async def take():
            data = True
            while data:
                data = await reader.read(CHUNK)
                await queue.put((loop.time() + self.delays.get(link, 0), data))

        async def give():
            while True:
                due, data = await queue.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                if not data:
                    return
                writer.write(data)
                await writer.drain()

        await asyncio.gather(take(), give())

    async def serve(self, reader, writer, target):
        """One connection; it ends when either side ends it, or when there is nobody at the target."""
        link = (writer.get_extra_info("peername")[0], target)
        writers, tasks = [writer], []
        try:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(*target.rsplit(":", 1))
                writers.append(far_writer)
                tasks = [asyncio.create_task(self.carry(reader, far_writer, link)),
                         asyncio.create_task(self.carry(far_reader, writer, link))]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in writers:
                one.close()

    async def obey(self):
        """Lines of stdin, to its end."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print("ok", flush=True)  # it listens
        while line := await reader.readline():
            source, target, milliseconds = line.decode().split()
            self.delays[source, target] = int(milliseconds) / 1000
            print("ok", flush=True)

    async def run(self, routes):
        for listen, target in routes:
            host, port = listen.rsplit(":", 1)
            await asyncio.start_server(lambda *both, target=target: self.serve(*both, target), host, int(port))
        await self.obey()


if __name__ == "__main__":
    # With select, since epoll waits whole milliseconds only.
    asyncio.SelectorEventLoop(selectors.SelectSelector()).run_until_complete(
        Relay().run([route.split("=") for route in sys.argv[1:]]))
