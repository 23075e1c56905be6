"""Every state of a profile's key as a phone meets it, and the way back from each, through the generated bindings.

    keys.py SERVER FOLDER

What was chosen in the profile (its lock's minutes) shows that it is the same one after each way back.
"""

import json

from phones import Memory, phone, refused, run
from thechatapp_mobile import (
    ChatClient,
    ChatError,
    KeyState,
    SecretError,
    Way,
    profile_state,
    set_aside,
)

PASSPHRASE = "a quiet afternoon"


class Profile:
    """One profile of a phone, opened in whatever way."""

    def __init__(self, folder):
        self.folder, self.store = folder, Memory()
        self.client = None

    def brings(self):
        return str(self.folder), phone(self.folder, self.store)

    async def state(self):
        return await profile_state(*self.brings())

    async def is_in(self, state, passphrase=True, recovery=True):
        """It is in this state, says why, and names the ways in."""
        standing = await self.state()
        assert standing.state == state, standing
        assert standing.reason or state in (KeyState.READY, KeyState.PASSPHRASE, KeyState.APP_LOCKED), standing
        assert (standing.ways.passphrase, standing.ways.recovery) == (passphrase, recovery), standing
        return standing

    async def opens(self, opening):
        """It opens, it is the one it was, and is closed again."""
        client = await opening
        assert client.lock_after() == 7, client.lock_after()
        ways = client.ways()
        await client.shut_down()
        return ways

    def by_storage(self):
        return ChatClient.open(*self.brings())

    def by_passphrase(self, passphrase=PASSPHRASE):
        folder, brought = self.brings()
        return ChatClient.open_with_passphrase(folder, passphrase, brought)

    def by_code(self, code, passphrase=None):
        folder, brought = self.brings()
        return ChatClient.restore_with_code(folder, code, passphrase, brought)

    def repair(self, passphrase=None):
        folder, brought = self.brings()
        return ChatClient.repair(folder, passphrase, brought)


async def a_phone_without_storage(folder):
    """No secure storage at all: nothing is made by itself, and a passphrase is an explicit choice."""
    profile = Profile(folder / "plain")
    standing = await profile.state()
    assert (standing.state, standing.reason, standing.ways) == (KeyState.ABSENT, None, None)
    profile.store.mood = SecretError.NoBackend("this phone has none")
    await refused(ChatError.NoBackend, profile.by_storage())
    assert (await profile.state()).state == KeyState.ABSENT, "nothing was made"
    where, brought = profile.brings()
    client = await ChatClient.create_with_passphrase(where, PASSPHRASE, brought)
    await client.set_lock_after(7)
    await client.shut_down()
    await profile.is_in(KeyState.PASSPHRASE, recovery=False)
    await refused(ChatError.Locked, profile.by_storage())
    await refused(ChatError.WrongKey, profile.by_passphrase("not this one"))
    # Secure storage is there after all.
    profile.store.mood = None
    client = await profile.by_passphrase()
    await client.move_to_secure_storage()
    await client.shut_down()
    await profile.is_in(KeyState.READY, passphrase=False, recovery=False)
    ways = await profile.opens(profile.by_storage())
    assert ways.backend == "foreign" and len(profile.store.entries) == 1
    client = await profile.by_storage()
    await client.move_to_passphrase(PASSPHRASE)
    await client.shut_down()
    assert not profile.store.entries, "the old place forgot it"
    await profile.opens(profile.by_passphrase())


async def whatever_storage_says(profile, code):
    """Storage that does not give the key: the passphrase opens, the code opens, and what was there comes back."""
    moods = [
        (SecretError.NoBackend("there is none"), KeyState.NO_BACKEND, ChatError.NoBackend),
        (SecretError.Locked("the phone is locked"), KeyState.LOCKED, ChatError.Locked),
        (SecretError.Dismissed("the question was closed"), KeyState.DISMISSED, ChatError.Dismissed),
        (SecretError.Unreachable("it refused"), KeyState.UNREACHABLE, ChatError.Unreachable),
        (RuntimeError("an exception nobody declared"), KeyState.UNREACHABLE, ChatError.Unreachable),
    ]
    for mood, state, kind in moods:
        profile.store.mood = mood
        standing = await profile.is_in(state)
        said = mood.why if isinstance(mood, SecretError) else "nobody declared"
        assert said in standing.reason, standing
        await refused(kind, profile.by_storage())
        await profile.opens(profile.by_passphrase())
        # A new key in secure storage is not to be had.
        await refused(kind, profile.by_code(code))
        profile.store.mood = None
        await profile.is_in(KeyState.READY)
        await profile.opens(profile.by_storage())


async def a_key_that_is_gone_or_another(profile, code):
    for state, kind, secret in [
        (KeyState.MISSING, ChatError.KeyMissing, None),
        (KeyState.WRONG, ChatError.WrongKey, bytes(32)),
    ]:
        kept = profile.store.entries
        entries = {name: secret for name in kept} if secret else {}
        profile.store.entries = dict(entries)
        await profile.is_in(state)
        await refused(kind, profile.by_storage())
        await profile.opens(profile.by_passphrase())
        await refused(ChatError.BadInput, profile.by_code("0000-0000"))
        # What was there is back.
        profile.store.entries = kept
        await profile.opens(profile.by_storage())
        # It does not come back: the code gives the profile a new key.
        profile.store.entries = dict(entries)
        await profile.opens(profile.by_code(code))
        await profile.is_in(KeyState.READY)
        await profile.opens(profile.by_storage())
    # The same without secure storage: a passphrase takes its place.
    profile.store.mood = SecretError.NoBackend("gone with the update")
    await profile.opens(profile.by_code(code, "another afternoon"))
    await profile.is_in(KeyState.PASSPHRASE)
    await refused(ChatError.WrongKey, profile.by_passphrase())
    profile.store.mood = None
    client = await profile.by_passphrase("another afternoon")
    await client.move_to_secure_storage()
    await client.set_passphrase(PASSPHRASE)
    await client.shut_down()
    await profile.is_in(KeyState.READY)


async def files_that_do_not_open(profile):
    path, database = profile.folder / "profile.json", profile.folder / "local.db"
    whole = path.read_text()
    newer = json.loads(whole)
    newer["version"] = 99
    del newer["sum"]
    path.write_text(json.dumps(newer))
    assert (await profile.state()).state == KeyState.NEWER
    await refused(ChatError.Newer, profile.by_storage())
    path.write_text("{}")
    await profile.is_in(KeyState.CORRUPT)
    await refused(ChatError.Corrupt, profile.by_storage())
    await profile.opens(profile.repair())
    await profile.is_in(KeyState.READY)
    # A database shows only when it is opened.
    database.write_bytes(b"\x55" * database.stat().st_size)
    await refused(ChatError.Corrupt, profile.by_storage())
    await profile.opens(profile.repair())
    database.write_bytes(b"\x55" * database.stat().st_size)
    kept, profile.store.entries = profile.store.entries, {}
    await refused(ChatError.KeyMissing, profile.repair())
    await profile.opens(profile.repair(PASSPHRASE))
    profile.store.entries = kept

    client = await profile.by_storage()
    await profile.is_in(KeyState.BUSY)
    await refused(ChatError.Busy, profile.by_storage())
    await client.shut_down()
    await profile.is_in(KeyState.READY)


async def the_lock(profile):
    client = await profile.by_storage()
    await client.lock()
    await profile.is_in(KeyState.PASSPHRASE)
    await refused(ChatError.Locked, profile.by_storage())
    where, brought = profile.brings()
    await refused(ChatError.Locked, ChatClient.unlock(where, brought))
    await profile.opens(profile.by_passphrase())
    client = await profile.by_storage()
    client.drop_way(Way.PASSPHRASE)
    await client.lock()
    await refused(ChatError.BadInput, client.workspaces())
    await profile.is_in(KeyState.APP_LOCKED, passphrase=False)
    await refused(ChatError.Locked, profile.by_storage())
    await profile.opens(ChatClient.unlock(where, brought))
    client = await profile.by_storage()
    client.drop_way(Way.RECOVERY)
    await client.shut_down()
    await profile.is_in(KeyState.READY, passphrase=False, recovery=False)


async def the_last_way(profile, code):
    """Nothing opens it: set aside, made anew, and found again once its key is there."""
    client = await profile.by_storage()
    unsent = await client.unsent()
    assert (unsent.messages, unsent.drafts) == (0, 0)
    await refused(ChatError.Busy, set_aside(str(profile.folder)))
    await client.shut_down()
    kept, profile.store.entries = profile.store.entries, {}
    await profile.is_in(KeyState.MISSING, passphrase=False, recovery=False)
    await refused(ChatError.WrongKey, profile.by_code(code))
    aside = await set_aside(str(profile.folder))
    assert (await profile.state()).state == KeyState.ABSENT
    client = await profile.by_storage()
    assert client.lock_after() is None, "it is a new one"
    assert len(profile.store.entries) == 1
    profile.store.entries.update(kept)
    old = await ChatClient.open(aside, profile.brings()[1])
    assert old.lock_after() == 7
    await old.shut_down()
    await client.wipe()
    assert list(profile.store.entries) == list(kept), "its entry is gone, and no other"
    assert not (profile.folder / "local.db").exists() and not (profile.folder / "set-aside").exists()
    assert (await profile.state()).state == KeyState.ABSENT


async def keys(_, folder):
    (folder / "server.log").touch()
    await a_phone_without_storage(folder)
    profile = Profile(folder / "ana")
    client = await profile.by_storage()
    await client.set_lock_after(7)
    code = await client.make_recovery_code()
    await client.set_passphrase(PASSPHRASE)
    await client.shut_down()
    await profile.is_in(KeyState.READY)
    await whatever_storage_says(profile, code)
    await a_key_that_is_gone_or_another(profile, code)
    await files_that_do_not_open(profile)
    await the_lock(profile)
    await the_last_way(profile, code)


if __name__ == "__main__":
    run(keys, "every state has its way back")
