import { expect, test } from "vitest";
import type { Hop, NetworkView } from "../api";
import { fake, Later } from "./fake";
import { Network } from "./network.svelte";

const view = (proxy: string, more: Partial<NetworkView> = {}): NetworkView => ({
  proxy,
  or_direct: false,
  user: null,
  ways: [],
  ...more,
});

test("what was chosen is shown as it is typed", async () => {
  for (const [proxy, mode, address] of [
    ["system", "system", ""],
    ["none", "none", ""],
    ["socks5://proxy:1080", "proxy", "socks5://proxy:1080"],
    ["pac:https://acme.example/proxy.pac", "script", "https://acme.example/proxy.pac"],
  ]) {
    fake({ network: async () => view(proxy as string) });
    const network = new Network();
    await network.load();
    expect([network.mode, network.address, network.changed]).toEqual([mode, address, false]);
  }
});

test("a password is given once, and not kept in the page", async () => {
  const given: unknown[] = [];
  let now = view("http://proxy:3128", { user: "ana" });
  fake({
    network: async () => now,
    setNetwork: async (...choice) => {
      given.push(choice);
      now = view("pac:https://acme.example/proxy.pac", { user: "ana", or_direct: true });
    },
  });
  const network = new Network();
  await network.load();
  network.password = "secret";
  expect(network.changed).toBe(true);
  network.mode = "script";
  network.address = " https://acme.example/proxy.pac ";
  network.orDirect = true;
  await network.choose();
  expect(given).toEqual([["pac:https://acme.example/proxy.pac", true, "ana", "secret"]]);
  expect([network.password, network.changed, network.problem]).toEqual(["", false, ""]);
});

test("without a proxy nobody is given a name, and a choice that is refused stays as it was typed", async () => {
  const given: unknown[] = [];
  fake({
    network: async () => view("http://proxy:3128", { user: "ana" }),
    setNetwork: async (...choice) => {
      given.push(choice);
      throw { what: "no way", why: "it is none", do: "" };
    },
  });
  const network = new Network();
  await network.load();
  network.mode = "none";
  await network.choose();
  expect(given).toEqual([["none", false, null, null]]);
  expect([network.mode, network.problem]).toEqual(["none", "no way: it is none"]);
});

test("a walk that ends after another way was chosen is not shown, and no password outlives its use", async () => {
  const walk = new Later<Hop[]>();
  const why = { what: "no answer", why: "none", do: "" };
  let asked = 0;
  fake({
    network: () =>
      ++asked > 1 ? Promise.reject(why) : Promise.resolve(view("http://proxy:3128", { user: "ana" })),
    setNetwork: async () => undefined,
    walk: () => walk.answer,
  });
  const network = new Network();
  await network.load();
  const checked = network.check("w");
  network.password = "secret";
  await network.choose();
  expect([network.password, network.problem]).toEqual(["", "no answer: none"]);
  walk.give([]);
  await checked;
  expect([network.hops, network.checking]).toEqual([null, false]);
});
