// A backend in memory, for working on the views in a browser: `npm run dev`, then /?memory. Never part of a build.

import { asking } from "./asking";
import type { Api, ChannelView, MessageView, PersonView, WorkspaceView } from "./index";

const person = (id: string, name: string): PersonView => ({ id, name, imported: false, rank: null });
const marta = person("p1", "Marta Silva");
const others = [
  person("p2", "Inês Duarte"),
  person("p3", "Olu Adeyemi"),
  person("p4", "Wei Zhang"),
  person("p5", "Tomás Melo"),
];
const lines: [number, string][] = [
  [0, "Build 318 passes on all three systems. The only open point is the proxy test, **@olu** has it."],
  [
    1,
    "Found it: the resolver kept the old route after sleep. Fix is small:\n```\nif route.epoch() < network.epoch() {\n    route = network.resolve(host).await?;\n}\n```",
  ],
  [2, "Tested behind the office proxy with our own CA. Sign-in and updates all pass."],
  [2, "Also with IPv6 only: see https://example.org/report"],
  [3, "Then I tag it after lunch unless someone objects."],
];

export function memory(query: URLSearchParams): Api {
  const words = "lusab-babad-gutih-tugad-lohav-kivar-podim-fazun";
  const qr =
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 5 5"><path d="M0 0h2v2H0zM3 0h2v2H3zM0 3h2v2H0zM3 3h1v1H3z"/></svg>';
  const hour = 3_600_000;
  const channel = (id: string, name: string, kind: ChannelView["kind"], unread = 0): ChannelView => ({
    id,
    kind,
    name,
    topic: name === "release" ? "3.2 goes out on Thursday · checklist pinned" : "",
    joined: name !== "design",
    unread,
    mentions: 0,
    head: 5,
    read: 5 - unread,
    members: kind === "direct" ? 2 : 14,
    archived: false,
    draft: false,
    people: [],
  });
  const channels = [
    channel("c1", "announcements", "public"),
    channel("c2", "release", "public", 3),
    channel("c3", "support", "public", 4),
    channel("c4", "design", "public"),
    channel("c5", "leadership", "private"),
    channel("c6", "Inês Duarte", "direct"),
    channel("c7", "Tomás, Wei", "direct", 2),
  ];
  const base = (number: number): MessageView => {
    const [who, text] = lines[number % lines.length] ?? [0, ""];
    return {
      workspace: "acme",
      channel: "c2",
      seq: number + 1,
      id: `m${number}`,
      author: others[who] ?? marta,
      at: Date.now() - 26 * hour + number * hour * 5,
      text,
      edited: number === 2,
      deleted: false,
      thread: null,
      reactions: number === 0 ? [{ emoji: "👍", people: ["Wei", "Olu"], count: 2, mine: true }] : [],
      replies: number === 0 ? 2 : 0,
      last_reply: null,
      pinned: null,
      poll: null,
      files: [],
      state: "sent",
      mine: false,
      failure: null,
    };
  };
  const messages: MessageView[] = lines.map((_, number) => base(number));
  const answers = [3, 4].map((number) => ({
    ...base(number),
    id: `a${number}`,
    thread: "m0",
    reactions: [],
  }));
  const connection = query.get("connection") ?? "online";
  const workspace = {
    id: "w1",
    workspace: "acme",
    name: "Acme",
    url: "https://chat.acme.example",
    me: marta,
    device: "d1",
    unread: 9,
    waiting: 0,
    update: null,
    rebuilding: null,
    connection:
      connection === "offline"
        ? { state: "offline", why: "no network", retry_in: 4000, reason: "unreachable" }
        : { state: connection },
  } as WorkspaceView;
  const changes = new Set<() => void>();
  const tell = (): void => changes.forEach((one) => one());
  const identity = {
    workspace: "acme",
    url: workspace.url,
    pin: "x".repeat(43),
    words,
    qr,
    since: Date.now() - 260 * 24 * hour,
    source: "invite",
    epoch: 1,
    shown: { pin: "y".repeat(43), words: "dovig-hosuf-zatom-rulin-bapok-sitav-gamur-nofib", at: Date.now() },
    history: [{ at: Date.now() - 260 * 24 * hour, what: "first", pin: "x", words }],
  };
  const change = (id: string, act: (message: MessageView) => Partial<MessageView>): Promise<MessageView> => {
    const place = messages.findIndex((message) => message.id === id);
    const changed = { ...(messages[place] as MessageView) };
    Object.assign(changed, act(changed));
    messages[place] = changed;
    tell();
    return Promise.resolve(changed);
  };
  const hits = (typed: string) =>
    messages
      .filter((message) => message.text.includes(typed))
      .map((message) => ({ message, channel_name: "release", highlights: [] }));
  const state = (query.get("key") ?? "ready") as "ready";
  return {
    profileState: async () => ({
      state,
      passphrase: query.has("passphrase"),
      recovery: query.has("recovery"),
      detail: null,
    }),
    unlock: async () => ({ state: "ready", passphrase: false, detail: null }),
    createProfile: async () => undefined,
    setAside: async () => "/home/marta/.local/share/thechatapp/set-aside/2026-11-24",
    repair: async () => undefined,
    restoreWithCode: async () => undefined,
    wipe: async () => undefined,
    lock: async () => undefined,
    active: async () => undefined,
    lockAfter: async () => 10,
    setLockAfter: async () => undefined,
    ways: async () => ({ backend: "secret-service", passphrase: false, recovery: true }),
    makeRecoveryCode: async () => "QFTV-2KXM-9HDR-WZ4A-7NCE-3GPL-X8JS-6BYU",
    setPassphrase: async () => undefined,
    dropWay: async () => undefined,
    moveToSecureStorage: async () => undefined,
    moveToPassphrase: async () => undefined,
    unsent: async () => ({ messages: 1, drafts: 2 }),
    storage: async () => ({
      days: null,
      bytes: null,
      workspaces: [
        {
          workspace: "acme",
          bytes: 438 << 20,
          messages: 1_176_738,
          files: 61 << 20,
          limit: { days: 730, bytes: null },
        },
      ],
    }),
    keep: async () => undefined,
    network: async () => ({
      proxy: "http://proxy.acme.example:3128",
      or_direct: false,
      user: "marta",
      ways: [{ workspace: "acme", url: workspace.url, by: ["http://proxy.acme.example:3128"], why: null }],
    }),
    setNetwork: async () => undefined,
    walk: async () => [
      {
        hop: "name",
        state: "ok",
        ok: true,
        took_ms: 2,
        why: "proxy.acme.example is found",
        reason: null,
        do: "",
      },
      { hop: "route", state: "ok", ok: true, took_ms: 11, why: "it answers", reason: null, do: "" },
      {
        hop: "proxy",
        state: "failed",
        ok: false,
        took_ms: 9,
        why: "the proxy wants credentials",
        reason: "proxy_wants_login",
        do: "give them in *This device*",
      },
      { hop: "tls", state: "skipped", ok: null, took_ms: 0, why: "", reason: null, do: "" },
    ],
    contact: async () => ({
      url: workspace.url,
      workspace: "acme",
      name: "Acme",
      pin: identity.pin,
      words,
      qr,
      vouched: query.has("vouched"),
      invited: true,
    }),
    join: async () => workspace,
    login: async () => workspace,
    workspaces: async () => (query.has("empty") ? [] : [workspace]),
    reconnect: async () => undefined,
    letDamagedGo: async () => false,
    signOut: async () => undefined,
    identity: async () => identity,
    acceptIdentity: async () => identity,
    watchChannels: asking(changes, async () => ({ rows: channels, about: { messages: 9, mentions: 0 } })),
    watchTimeline: asking(changes, async ({ channel }) => ({
      rows: channel === "c2" ? [...messages] : [],
      about: { older: false, newer: false, fetching: false, read: 3 },
    })),
    watchSearch: asking(changes, async ({ typed }) => ({
      rows: hits(typed),
      about: { partial: false, asked: false, relevance: false },
    })),
    people: async () => [marta, ...others],
    createChannel: async (_, name, isPrivate) => channel("new", name, isPrivate ? "private" : "public"),
    joinChannel: async () => undefined,
    leaveChannel: async () => undefined,
    setTopic: async () => undefined,
    openDirect: async () => channels[5] as ChannelView,
    send: async (_, id, text, thread) => {
      const sent: MessageView = {
        ...base(0),
        channel: id,
        id: `n${messages.length}`,
        seq: null,
        author: marta,
        at: Date.now(),
        text,
        thread,
        reactions: [],
        state: "pending",
        mine: true,
      };
      messages.push(sent);
      tell();
      setTimeout(() => void change(sent.id, () => ({ state: "sent", seq: messages.length })), 600);
      return sent;
    },
    thread: async (_, __, id) => ({
      root: messages.find((one) => one.id === id) ?? base(0),
      replies: [...answers, ...messages.filter((one) => one.thread === id)],
      older: false,
      partial: false,
    }),
    edit: async (_, __, id, text) => change(id, () => ({ text, edited: true })),
    deleteMessage: async (_, __, id) => change(id, () => ({ text: "", deleted: true })),
    react: async (_, __, id, emoji, on) =>
      change(id, () => ({ reactions: on ? [{ emoji, people: ["Marta"], count: 1, mine: true }] : [] })),
    retry: async () => undefined,
    discard: async () => undefined,
    markRead: async () => undefined,
    draft: async (_, channel) => ({
      channel,
      thread: null,
      text: "",
      at: Date.now(),
      state: "synced",
      earlier: query.has("elsewhere")
        ? [{ number: 1, text: "Typed on the phone, on the way to work", at: Date.now() - hour }]
        : [],
    }),
    forgetDraft: async () => undefined,
    saveDraft: async () => undefined,
    find: async (_, typed) => ({ hits: hits(typed), partial: false, asked: true }),
    saveFile: async () => "/home/marta/Downloads/plan.pdf",
    nextEvents: () => new Promise(() => undefined),
    painted: async () => undefined,
    left: async () => undefined,
    stay: async () => undefined,
    openLink: async () => undefined,
  };
}
