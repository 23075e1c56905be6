"""What the tests of the bindings share: a phone as an app plays it, its secure storage, and a real server."""

import asyncio
import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from thechatapp_mobile import ChatClient, Connection, MessageState, SecretStore, Window
from thechatapp_mobile import Phone as Platform

PATIENCE = 30
WAIT = timedelta(seconds=PATIENCE)


class Memory(SecretStore):
    """A phone's secure storage, as an app would write it."""

    def __init__(self):
        self.entries = {}
        # What every call ends with: one of the declared errors, or one that nobody declared.
        self.mood = None

    def check(self):
        if self.mood:
            raise self.mood

    def read(self, entry):
        self.check()
        return self.entries.get(entry)

    def write(self, entry, secret):
        self.check()
        self.entries[entry] = secret

    def remove(self, entry):
        self.check()
        self.entries.pop(entry, None)


class Server:
    """The real server, on a port of its own."""

    def __init__(self, program, folder):
        self.program, self.data, self.ready = program, folder / "data", folder / "ready.json"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("a passphrase for the test\n")
        self.log = open(folder / "server.log", "ab")
        self.listen = "127.0.0.1:0"
        self.process = None

    def command(self, name, *words):
        return [self.program, name, "--data", self.data, "--passphrase-file", self.passphrase, *words]

    def init(self):
        words = self.command("init", "--workspace", "acme", "--admin", "Ana Reis", "--json")
        return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=60).stdout)

    def start(self):
        self.ready.unlink(missing_ok=True)
        words = self.command("serve", "--listen", self.listen, "--ready-file", self.ready)
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, "the server ended; see server.log"
            if self.ready.exists() and (text := self.ready.read_text()):
                said = json.loads(text)
                # The same port after a restart.
                self.listen = said["url"].split("://", 1)[1].rstrip("/")
                return said
            time.sleep(0.05)
        raise AssertionError("the server did not become ready")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def invite(self):
        words = self.command("invite", "--workspace", "acme", "--json")
        return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=60).stdout)["invite"]


def phone(folder, store, network=None):
    """What an app brings."""
    return Platform(secrets=store, network=network, device_name=f"{folder.name}'s phone")


class Phone:
    """One person's app: it pulls events, and asks again for what it shows."""

    def __init__(self, client, store, folder):
        self.client, self.store, self.folder = client, store, folder
        self.workspace = None
        self.events = []
        self.something = asyncio.Event()
        self.pulling = asyncio.create_task(self.pull())

    @classmethod
    async def open(cls, folder, store=None):
        store = store or Memory()
        return cls(await ChatClient.open(str(folder), phone(folder, store)), store, folder)

    async def pull(self):
        while batch := await self.client.next_events():
            self.events.extend(batch)
            self.something.set()

    async def until(self, what, true):
        """Waits for events until something is so."""

        async def look():
            while not (found := await true()):
                self.something.clear()
                try:
                    await asyncio.wait_for(self.something.wait(), 1)
                except asyncio.TimeoutError:
                    pass
            return found

        try:
            return await asyncio.wait_for(look(), PATIENCE)
        except asyncio.TimeoutError:
            state = [workspace.connection for workspace in await self.client.workspaces()]
            raise AssertionError(f"{self.folder.name} waited in vain for {what}; {state}") from None

    async def online(self):
        async def is_online():
            return any(isinstance(w.connection, Connection.ONLINE) for w in await self.client.workspaces())

        await self.until("a connection", is_online)

    async def offline(self):
        async def is_offline():
            return all(not isinstance(w.connection, Connection.ONLINE) for w in await self.client.workspaces())

        await self.until("the loss of the connection", is_offline)

    async def is_offline_for(self, reason):
        """An app says it in its own words, by the kind of reason."""

        async def said():
            [workspace] = [w for w in await self.client.workspaces() if w.id == self.workspace.id]
            offline = workspace.connection.is_OFFLINE() and workspace.connection
            return offline and offline.reason == reason and offline.why

        await self.until(f"being offline, {reason}", said)

    async def texts(self, channel):
        timeline = await self.client.timeline(self.workspace.id, channel, Window.LATEST(), 50)
        return [(message.author.name, message.text) for message in timeline.messages if not message.deleted]

    async def sees(self, channel, *texts):
        async def all_there():
            said = [text for _, text in await self.texts(channel)]
            return said == list(texts)

        await self.until(f"{texts}", all_there)

    async def say(self, channel, text):
        message = await self.client.send(self.workspace.id, channel, text, None)
        assert message.state == MessageState.PENDING and message.mine
        sent = await self.client.wait_sent(self.workspace.id, message.id, WAIT)
        assert sent.state == MessageState.SENT and sent.seq > 0, sent
        return sent

    async def close(self):
        await self.client.shut_down()
        # The loop that pulls ends by itself.
        await asyncio.wait_for(self.pulling, PATIENCE)


async def refused(kind, awaitable):
    """The error that an attempt must end with."""
    try:
        await awaitable
    except kind as error:
        assert error.what and error.why and error.advice, error
        return error
    raise AssertionError(f"{kind} was expected")


def run(story, said):
    """Plays a story with a server that is not started yet: `SCRIPT SERVER FOLDER`."""
    program, folder = sys.argv[1], Path(sys.argv[2])
    server = Server(program, folder)
    try:
        asyncio.run(story(server, folder))
    except BaseException:
        sys.stderr.write((folder / "server.log").read_text(errors="replace")[-4000:])
        raise
    finally:
        server.stop()
    print(said)
