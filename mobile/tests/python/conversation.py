"""Two phones, played by Python through the generated bindings, and a real server.

    conversation.py SERVER FOLDER

starts the server with a temporary data folder in FOLDER, lets two people join it, talk both ways, hear of it, lose their
connection, come back, and find what was said. PYTHONPATH names the folder of the bindings.
"""

import asyncio
from datetime import timedelta

from phones import Memory, Phone, WAIT, refused, run
from thechatapp_mobile import ChannelKind, ChatError, MessageState, Query


async def conversation(server, folder):
    made = server.init()
    ready = server.start()
    assert ready["pin"] == made["pin"]

    def here(invite):
        return ready["url"].rstrip("/") + "/join/" + invite.split("/join/", 1)[1]

    ana_store = Memory()
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

    # The app ends, and is opened again: what was typed is there.
    await ana.client.save_draft(ana.workspace.id, channel, None, "half a sentence")
    await ana.close()
    closed = await refused(ChatError.BadInput, ana.client.workspaces())
    assert "closed" in closed.what
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


if __name__ == "__main__":
    run(conversation, "both saw all messages")
