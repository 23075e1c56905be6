import { describe, expect, it } from "vitest";
import { usable } from "./index";

describe("the language of dates and texts", () => {
  it("is the first that is one", () => expect(usable(["pt-BR", "en"])).toBe("pt-BR"));
  it("is English where the environment names none", () => expect(usable(["C"])).toBe("en"));
  it("passes over what is no tag", () => expect(usable(["C", "not a tag", "de"])).toBe("de"));
});
