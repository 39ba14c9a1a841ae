import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PageTokens, requestPageToken } from "../../src/socket/page-token";
import { NO_RIGHT, SESSION_ENDED } from "../../src/socket/reconnect";

const ADDRESS = "/accounts/socket-token/";
const fetched = vi.fn<typeof fetch>();

beforeEach(() => {
  fetched.mockReset();
  vi.stubGlobal("fetch", fetched);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const told = (subprotocol: unknown) => new Response(JSON.stringify({ subprotocol, expires_in_seconds: 300 }));

describe("the tokens of a page", () => {
  it("begin with that of the page, without a request, and are new for each further connection", async () => {
    fetched.mockImplementation(async () => told(`mdp.token.${fetched.mock.calls.length}`));
    const tokens = new PageTokens("mdp.token.first", ADDRESS);
    expect(await tokens.next()).toEqual({ token: "mdp.token.first" });
    expect(fetched).not.toHaveBeenCalled();
    expect([await tokens.next(), await tokens.next()]).toEqual([
      { token: "mdp.token.1" },
      { token: "mdp.token.2" },
    ]);
  });

  it("are requested with the cookie of the site, past every cache, and never followed to another page", async () => {
    fetched.mockResolvedValue(told("mdp.token.x"));
    await requestPageToken(ADDRESS);
    expect(fetched).toHaveBeenCalledExactlyOnceWith(
      ADDRESS,
      expect.objectContaining({ credentials: "same-origin", cache: "no-store", redirect: "manual" }),
    );
  });

  it.each([
    ["redirected to the login", { type: "opaqueredirect", status: 0 }, { ending: SESSION_ENDED }],
    ["answered 401", { status: 401 }, { ending: SESSION_ENDED }],
    ["answered 403", { status: 403 }, { ending: NO_RIGHT }],
    ["answered 500", { status: 500 }, null],
    ["answered 503", { status: 503 }, null],
  ])("are a reason to stop only if the site says so: %s", async (_answer, response, renewal) => {
    fetched.mockResolvedValue({ ok: false, type: "basic", ...response } as Response);
    expect(await requestPageToken(ADDRESS)).toEqual(renewal);
  });

  it.each<[string, () => Promise<Response>]>([
    ["no answer", () => Promise.reject(new TypeError("Failed to fetch"))],
    ["a page of a proxy", async () => new Response("<html>Please wait</html>")],
    ["nothing", async () => new Response("null")],
    ["a number", async () => told(7)],
    ["another subprotocol", async () => told("mdp.v2")],
    ["a token that a browser refuses to offer", async () => told("mdp.token.a b")],
  ])("are not made of %s: the site counts as lost", async (_answer, answer) => {
    fetched.mockImplementation(answer);
    expect(await requestPageToken(ADDRESS)).toBeNull();
  });
});
