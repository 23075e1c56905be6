import { expect, test } from "vitest";
import type { MessageView, ThreadView } from "../api";
import { draftOf, fake, Later, messageOf, settle } from "./fake";
import { draftsOf } from "./room.svelte";
import { Thread } from "./thread.svelte";

const root = messageOf("root", 1);
const view = (...replies: MessageView[]): ThreadView => ({ root, replies, older: false, partial: false });
const thread = (of = root) => new Thread("w", "c", of, draftsOf("w"));

test("a thread has its own draft, beside its channel's and other threads'", async () => {
  const saved: [string, string | null, string][] = [];
  fake({
    thread: async () => view(),
    draft: async (_, channel, of) => draftOf(channel, of === "root" ? "half an answer" : "half a message"),
    saveDraft: async (_, channel, of, text) => void saved.push([channel, of, text]),
  });
  const shown = thread();
  await shown.open();
  expect(shown.draft).toBe("half an answer");
  shown.typed("an answer");
  shown.turnAway();
  await settle();
  expect(saved).toEqual([["c", "root", "an answer"]]);
});

test("asked for by an answer it is the thread of the message it began with", async () => {
  const drafts: (string | null)[] = [];
  fake({
    thread: async () => view(messageOf("r2", 2)),
    draft: async (_, channel, of) => (drafts.push(of), draftOf(channel, "")),
  });
  const shown = thread(messageOf("r2", 2, { thread: "root" }));
  await shown.open();
  expect([shown.root.id, shown.replies.map((one) => one.id), drafts]).toEqual(["root", ["r2"], ["root"]]);
});

test("what changed is looked for on this device, unless the server could not be asked", async () => {
  const asked: boolean[] = [];
  let partial = true;
  fake({
    thread: async (_, __, ___, ____, ask) => {
      asked.push(ask);
      return { ...view(), older: ask, partial: ask ? partial : true };
    },
    draft: async (_, channel) => draftOf(channel, ""),
  });
  const shown = thread();
  await shown.open();
  expect(shown.partial).toBe(true);
  partial = false;
  for (let turn = 0; turn < 3; turn++) await shown.refresh(false);
  expect(asked).toEqual([true, true, false, false]);
  expect([shown.partial, shown.older]).toEqual([false, true]);
});

test("an answer goes into the thread, and a second Enter sends nothing", async () => {
  const sent: [string, string | null][] = [];
  const replies: MessageView[] = [];
  fake({
    thread: async () => view(...replies),
    send: async (_, __, text, of) => {
      sent.push([text, of]);
      const message = messageOf("r2", null);
      replies.push(message);
      return message;
    },
  });
  const shown = thread();
  await shown.open();
  shown.typed("yes");
  const first = shown.send();
  await shown.send();
  await first;
  expect([sent, shown.draft, shown.replies.map((one) => one.id)]).toEqual([[["yes", "root"]], "", ["r2"]]);
});

test("an answer that was not taken is in the field again, before what was typed meanwhile", async () => {
  const sending = new Later<MessageView>();
  fake({ thread: async () => view(), send: () => sending.answer });
  const shown = thread();
  await shown.open();
  shown.typed("yes");
  const first = shown.send();
  shown.typed("and no");
  sending.refuse({ what: "too long", why: "it is", do: "" });
  await first;
  expect([shown.draft, shown.problem]).toEqual(["yes\nand no", "too long: it is"]);
});

test("of what another device typed in the thread nothing is lost, and what is typed here stays", async () => {
  let text = "";
  const earlier = [{ number: 4, text: "on the phone", at: 1 }];
  const forgotten: number[] = [];
  fake({
    thread: async () => view(),
    draft: async (_, channel) => draftOf(channel, text, earlier),
    forgetDraft: async (_, number) => void forgotten.push(number),
  });
  const shown = thread();
  await shown.open();
  text = "from the tablet";
  await shown.refreshDraft();
  expect(shown.draft).toBe("from the tablet");
  const [other] = shown.elsewhere;
  if (!other) throw new Error("it is there");
  await Promise.all([shown.takeDraft(other), shown.takeDraft(other)]);
  expect([shown.draft, forgotten, shown.elsewhere]).toEqual(["from the tablet\non the phone", [4], []]);
});
