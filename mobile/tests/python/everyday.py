"""What a phone does beside talking: finding, drafts of two devices, files, what is kept, and the way into the network.

    everyday.py SERVER FOLDER
"""

import asyncio
import subprocess

from phones import Memory, Phone, WAIT, phone, refused, run
from thechatapp_mobile import (
    ChatClient,
    ChatError,
    HitStep,
    Network,
    NetworkError,
    Query,
    Reason,
    Step,
    StepState,
    Transfer,
)

PASSWORD = "a good password"
# More than comes by itself at once.
LINES = 10_500


class Mobile(Network):
    """A network that costs, and of which the system says how one gets out."""

    def __init__(self):
        self.costs, self.answers, self.asked = True, [], []

    def metered(self):
        self.asked.append("metered")
        return self.costs

    def proxies(self, url):
        self.asked.append(url)
        if self.answers is None:
            raise NetworkError.Unknown("it is being set up")
        return self.answers


class Moved(Transfer):
    """Hears how far a file is."""

    def __init__(self):
        self.heard = []

    def moved(self, done, of):
        self.heard.append((done, of))


async def finding(ana, dear, channel):
    """Typed syntax, both answers as one, and a search that stands."""
    ws = ana.workspace.id
    said = await ana.say(channel, "The resolver kept the old route")
    query = await ana.client.read_search(ws, 'from:"Ana Reis" in:#general resol', True)
    assert query.words == "resol*" and query.author == ana.workspace.me.id and query.channel == channel, query
    await refused(ChatError.BadInput, ana.client.read_search(ws, "has:wings", False))

    async def one():
        return [hit.message.id for hit in (await ana.client.find(ws, query, True)).hits] == [said.id]

    await ana.until("the message in the index", one)

    watch = ana.client.watch_search(ws, await ana.client.read_search(ws, "resolver", False))
    first = await asyncio.wait_for(watch.next(), 30)
    assert [hit.message.id for step in first.steps for hit in step.hits] == [said.id], first
    again = await ana.say(channel, "And the resolver does so after sleep")
    while True:
        change = await asyncio.wait_for(watch.next(), 30)
        found = [step for step in change.steps if isinstance(step, HitStep.INSERT) and step.hit.message.id == again.id]
        if found:
            assert found[0].at == 0, "the newest first"
            break

    # What is not on a phone whose network costs is found on the server.
    await dear.online()
    here = await dear.client.find(ws, Query(words="xylophone"), True)
    assert not here.hits and here.partial and not here.asked, here
    # The server takes what was imported into its index by and by, and says while it lacks some.
    async with asyncio.timeout(60):
        while (both := await dear.client.find(ws, Query(words="xylophone"), False)).partial:
            await asyncio.sleep(0.05)
    assert len(both.hits) == 1 and both.asked, both


async def drafts(server, ana, dear, channel):
    """Two phones of one person that type apart: neither text is lost."""
    ws = ana.workspace.id
    server.stop()
    await asyncio.gather(ana.offline(), dear.offline())
    await ana.is_offline_for(Reason.UNREACHABLE)
    await ana.client.save_draft(ws, channel, None, "On the train")
    await dear.client.save_draft(ws, channel, None, "At the station")
    assert (await ana.client.unsent()).drafts == 1
    server.start()
    await asyncio.gather(ana.online(), dear.online())

    async def beside():
        for one in (ana, dear):
            draft = await one.client.draft_at(ws, channel, None)
            if draft and draft.earlier:
                return one, draft

    owner, draft = await ana.until("the other's text beside one's own", beside)
    assert {draft.text, draft.earlier[0].text} == {"On the train", "At the station"}, draft
    await owner.client.forget_earlier_draft(ws, draft.earlier[0].number)
    assert not (await owner.client.draft_at(ws, channel, None)).earlier
    await owner.client.save_draft(ws, channel, None, "")

    async def none_left():
        return not await ana.client.drafts(ws) and not await dear.client.drafts(ws)

    await ana.until("the end of the draft on both", none_left)

    # The event says where: in the channel, or in a thread by its first message.
    root = await ana.say(channel, "Where do we meet?")
    for thread in (None, root.id):
        dear.events.clear()
        await ana.client.save_draft(ws, channel, thread, "Behind the station")

        async def told():
            return [event for event in dear.events if event.is_DRAFT()]

        event = (await dear.until("the event of the draft", told))[-1]
        assert (event.workspace, event.channel, event.thread) == (ws, channel, thread), event
        await ana.client.save_draft(ws, channel, thread, "")
        await ana.until("the end of the draft on both", none_left)


async def files(ana, dear, channel, folder):
    ws = ana.workspace.id
    plan = folder / "plan.txt"
    plan.write_bytes(b"Thursday, after lunch\n" * 20_000)
    up, down = Moved(), Moved()
    message = await ana.client.upload(ws, channel, str(plan), "the plan", up)
    message = await ana.client.wait_sent(ws, message.id, WAIT)
    assert message.files[0].name == "plan.txt" and up.heard[-1][0] == up.heard[-1][1] > 0, up.heard
    await refused(ChatError.BadInput, ana.client.upload(ws, channel, str(folder), "a folder", None))

    async def arrived():
        timeline = await dear.texts(channel)
        return any(text == "the plan" for _, text in timeline)

    await dear.until("the message with the file", arrived)
    downloads = folder / "downloads"
    downloads.mkdir()
    for name in ("plan.txt", "plan (1).txt"):
        saved = await dear.client.save_file(ws, message.files[0].id, str(downloads), down)
        assert saved == str(downloads / name) and (downloads / name).read_bytes() == plan.read_bytes()
    assert down.heard


async def kept(ana):
    storage = await ana.client.storage()
    assert (storage.days, storage.bytes) == (None, None) and storage.workspaces[0].messages > 0
    await refused(ChatError.BadInput, ana.client.keep(0, None))
    await ana.client.keep(365, 1 << 30)
    storage = await ana.client.storage()
    assert (storage.days, storage.bytes) == (365, 1 << 30)


async def the_way_out(dear, network):
    ws = dear.workspace.id
    assert network.asked == ["metered"] * len(network.asked) and network.asked, "this machine itself is behind no proxy"
    assert (await dear.client.storage()).workspaces[0].messages < LINES, "history waits for a network that costs nothing"
    way = await dear.client.network()
    assert (way.proxy, way.ways[0].by) == ("system", ["direct"]), way
    hops = await dear.client.walk(ws)
    assert [hop.step for hop in hops] == list(Step) and all(hop.state != StepState.FAILED for hop in hops), hops
    assert all(hop.reason is None for hop in hops if hop.state == StepState.HOLDS), hops

    # Elsewhere one goes as the phone says, and nowhere while it does not say.
    for host, answers, why in [
        ("chat.example.org", ["http://127.0.0.1:9"], "127.0.0.1:9"),
        ("other.example.org", None, "it is being set up"),
    ]:
        network.answers = answers
        offline = await refused(ChatError.Offline, dear.client.contact(f"https://{host}/w/acme", None))
        assert why in offline.why and any(host in asked for asked in network.asked), (offline, network.asked)
    network.answers = []

    # A proxy that is not there: the walk says where it ends, and the way back is a choice.
    await dear.client.set_network("http://127.0.0.1:9", False, "ana", "secret")
    way = await dear.client.network()
    assert (way.proxy, way.user, way.ways[0].by) == ("http://127.0.0.1:9", "ana", ["http://127.0.0.1:9"]), way
    failed = [hop for hop in await dear.client.walk(ws) if hop.state == StepState.FAILED]
    assert [hop.step for hop in failed] == [Step.ROUTE] and failed[0].why and failed[0].advice, failed
    assert failed[0].reason == Reason.PROXY_UNREACHABLE, failed
    await dear.is_offline_for(Reason.PROXY_UNREACHABLE)
    await refused(ChatError.BadInput, dear.client.set_network("nonsense://", False, None, None))
    await dear.client.set_network("none", False, None, None)
    await dear.online()

    # It costs nothing any more: history comes.
    network.costs = False

    async def all_here():
        return (await dear.client.storage()).workspaces[0].messages >= LINES

    await dear.until("all of history", all_here)


async def everyday(server, folder):
    made = server.init()
    log = folder / "2026-01-02.log"
    lines = [f"[10:{n // 200:02}] <tom> line {n}" for n in range(LINES)]
    lines[0] += " xylophone"
    log.write_text("\n".join(lines) + "\n")
    imported = server.command("import", "--workspace", "acme", "--format", "irc", "--channel", "general", log)
    subprocess.run(imported, check=True, stdout=server.log, timeout=60)
    ready = server.start()
    base = ready["url"].rstrip("/")

    ana = await Phone.open(folder / "ana")
    ana.workspace = await ana.client.join(base + "/join/" + made["invite"].split("/join/", 1)[1], "Ana Reis", PASSWORD, None)
    await ana.online()
    network = Mobile()
    second = folder / "tablet"
    client = await ChatClient.open(str(second), phone(second, Memory(), network))
    dear = Phone(client, None, second)
    dear.workspace = await client.login(base, "acme", "Ana Reis", PASSWORD, made["pin"])
    [channel] = [c.id for c in await ana.client.channels(ana.workspace.id, True) if c.name == "general"]

    await finding(ana, dear, channel)
    await drafts(server, ana, dear, channel)
    await files(ana, dear, channel, folder)
    await kept(ana)
    await the_way_out(dear, network)
    await asyncio.gather(ana.close(), dear.close())


if __name__ == "__main__":
    run(everyday, "found, typed, sent, kept and walked")
