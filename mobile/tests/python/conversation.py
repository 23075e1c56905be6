"""Two phones, played by Python through the generated bindings, and a real server.

    conversation.py SERVER FOLDER

starts the server with a temporary data folder in FOLDER, lets two people join it, talk both ways, hear of it, lose their
connection, come back, and find what was said. PYTHONPATH names the folder of the bindings.
"""

import asyncio
import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from thechatapp_mobile import (
    ChannelKind,
    ChatClient,
    ChatError,
    Connection,
    KeyState,
    MessageState,
    Query,
    SecretError,
    SecretStore,
    Window,
    profile_state,
)

PATIENCE = 30
WAIT = timedelta(seconds=PATIENCE)


class Memory(SecretStore):
    """A phone's secure storage, as an app would write it."""

    def __init__(self):
        self.entries = {}
        self.locked = False
        self.broken = False

    def check(self):
        if self.broken:
            raise RuntimeError("an exception nobody declared")
        if self.locked:
            raise SecretError.Locked("the phone is locked")

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
        return cls(await ChatClient.open(str(folder), store, f"{folder.name}'s phone"), store, folder)

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


async def conversation(server, folder):
    made = server.init()
    ready = server.start()
    assert ready["pin"] == made["pin"]

    def here(invite):
        return ready["url"].rstrip("/") + "/join/" + invite.split("/join/", 1)[1]

    ana_store = Memory()
    assert await profile_state(str(folder / "ana"), ana_store) == KeyState.ABSENT
    ana = await Phone.open(folder / "ana", ana_store)
    ben = await Phone.open(folder / "ben")
    assert len(ana_store.entries) == 1, "the device key is the only entry"
    assert all(len(secret) == 32 for secret in ana_store.entries.values())

    # First contact: an invite vouches for the server, an address alone does not.
    invite = here(made["invite"])
    contact = await ana.client.contact(invite, None)
    assert contact.vouched and contact.invited and contact.pin == made["pin"]
    assert len(contact.words.split("-")) == 8 and contact.qr.startswith("<")
    stranger = await ana.client.contact(ready["url"], "acme")
    assert not stranger.vouched and stranger.pin == contact.pin
    untrusted = await refused(
        ChatError.NotTrusted, ana.client.login(ready["url"], "acme", "Ana Reis", "a good password", None)
    )
    assert untrusted.code == 11 and made["pin"] in untrusted.why

    # An invite with another pin is refused before anything is sent.
    other = ("B" if made["pin"][0] == "A" else "A") + made["pin"][1:]
    mismatch = await refused(
        ChatError.IdentityMismatch,
        ana.client.join(invite.replace(made["pin"], other), "Ana Reis", "a good password", None),
    )
    assert mismatch.code == 11

    ana.workspace = await ana.client.join(invite, "Ana Reis", "a good password", None)
    ben.workspace = await ben.client.join(here(server.invite()), "Ben Okri", "another password", made["pin"])
    assert (ana.workspace.workspace, ana.workspace.me.name) == ("acme", "Ana Reis")
    await asyncio.gather(ana.online(), ben.online())

    # Both see the same identity, in the same words.
    for phone in (ana, ben):
        identity = await phone.client.identity(phone.workspace.id)
        assert identity.pin == made["pin"] and identity.words == contact.words and identity.shown is None
        assert identity.source == "invite" and identity.history

    # A channel, and a conversation in it.
    channel = (await ana.client.create_channel(ana.workspace.id, "design", False)).id

    async def ben_finds_it():
        return [c for c in await ben.client.channels(ben.workspace.id, True) if c.id == channel]

    await ben.until("the channel", ben_finds_it)
    await ben.client.join_channel(ben.workspace.id, channel)
    first = await ana.say(channel, "Good morning, Ben")
    await ben.sees(channel, "Good morning, Ben")
    await ben.say(channel, "Bom dia, Ana 👋")
    await ana.sees(channel, "Good morning, Ben", "Bom dia, Ana 👋")
    assert any(event.is_MESSAGES() and event.channel == channel for event in ana.events + ben.events)
    [unread] = [c.unread for c in await ana.client.channels(ana.workspace.id, False) if c.id == channel]
    assert unread == 1, unread

    # What was said can be marked, changed, answered and taken back.
    await ana.client.mark_read(ana.workspace.id, channel, first.seq + 1)
    await ben.client.react(ben.workspace.id, channel, first.id, "👍", True)
    edited = await ana.client.edit(ana.workspace.id, channel, first.id, "Good morning, dear Ben")
    assert edited.edited
    await ben.sees(channel, "Good morning, dear Ben", "Bom dia, Ana 👋")
    hasty = await ana.say(channel, "oops")
    await ana.client.delete(ana.workspace.id, channel, hasty.id)
    await ben.sees(channel, "Good morning, dear Ben", "Bom dia, Ana 👋")

    # Just the two of them.
    [ben_id] = [p.id for p in await ana.client.people(ana.workspace.id) if p.name == "Ben Okri"]
    direct = await ana.client.open_direct(ana.workspace.id, [ben_id])
    assert direct.kind == ChannelKind.DIRECT and direct.name == "Ben Okri"
    await ana.say(direct.id, "between us")
    await ben.sees(direct.id, "between us")

    # Search finds words in the index on the phone.
    async def found():
        return await ben.client.search(ben.workspace.id, Query(words="morning dear"))

    [hit] = await ben.until("a hit", found)
    assert hit.message.id == first.id and hit.channel_name == "design" and len(hit.highlights) == 2

    # The server goes away. Reading goes on, what is written waits, and goes out when it is back.
    server.stop()
    await asyncio.gather(ana.offline(), ben.offline())
    waiting = await ana.client.send(ana.workspace.id, channel, "written on the train", None)
    offline = await refused(
        ChatError.Offline, ana.client.wait_sent(ana.workspace.id, waiting.id, timedelta(seconds=1))
    )
    assert offline.code == 10
    assert [text for _, text in await ben.texts(channel)] == ["Good morning, dear Ben", "Bom dia, Ana 👋"]
    server.start()
    await asyncio.gather(ana.online(), ben.online())
    sent = await ana.client.wait_sent(ana.workspace.id, waiting.id, WAIT)
    assert sent.state == MessageState.SENT
    talk = ["Good morning, dear Ben", "Bom dia, Ana 👋", "written on the train"]
    await ben.sees(channel, *talk)

    # The phone locks its storage: nothing opens, nothing is lost.
    await ana.client.save_draft(ana.workspace.id, channel, None, "half a sentence")
    await ana.close()
    closed = await refused(ChatError.BadInput, ana.client.workspaces())
    assert "closed" in closed.what
    ana_store.locked = True
    assert await profile_state(str(folder / "ana"), ana_store) == KeyState.LOCKED
    await refused(ChatError.Locked, ChatClient.open(str(folder / "ana"), ana_store, "ana's phone"))
    ana_store.locked, ana_store.broken = False, True
    await refused(ChatError.Unreachable, ChatClient.open(str(folder / "ana"), ana_store, "ana's phone"))
    ana_store.broken = False
    kept, ana_store.entries = ana_store.entries, {}
    assert await profile_state(str(folder / "ana"), ana_store) == KeyState.MISSING
    await refused(ChatError.KeyMissing, ChatClient.open(str(folder / "ana"), ana_store, "ana's phone"))
    ana_store.entries = kept
    workspace = ana.workspace
    ana = await Phone.open(folder / "ana", ana_store)
    ana.workspace = workspace
    assert await ana.client.draft(workspace.id, channel, None) == "half a sentence"
    await ana.sees(channel, *talk)
    await ana.online()
    await ben.say(channel, "welcome back")
    await ana.sees(channel, *talk, "welcome back")

    # Signing out leaves nothing of the account.
    await ben.client.sign_out(ben.workspace.id)
    assert await ben.client.workspaces() == []
    await asyncio.gather(ana.close(), ben.close())


def main():
    program, folder = sys.argv[1], Path(sys.argv[2])
    server = Server(program, folder)
    try:
        asyncio.run(conversation(server, folder))
    except BaseException:
        sys.stderr.write((folder / "server.log").read_text(errors="replace")[-4000:])
        raise
    finally:
        server.stop()
    print("both saw all messages")


if __name__ == "__main__":
    main()
