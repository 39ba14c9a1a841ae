// @vitest-environment happy-dom
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { OPERATIONS_FEED, OperationsElement } from "../../src/operations/element";
import type { FoundConnections, OperationsServer, Sample } from "../../src/operations/samples";
import type { FeedClient } from "../../src/socket/feed-client";
import { book, cacheAway, connection, healthy, NOW_MS, process, sample } from "./documents";

/** A client that notes who is subscribed to which feed. */
class Subscriptions {
  readonly feeds: string[] = [];
  readonly facts = { phase: "open" };

  subscribe(feed: string): () => void {
    this.feeds.push(feed);
    return () => this.feeds.splice(this.feeds.indexOf(feed), 1);
  }
}

/** A server that notes what it was asked. `samples` and `found` are its answers; an Error is a refusal. */
class Server implements OperationsServer {
  readonly asked: string[] = [];
  samples: readonly Sample[] | Error = [];
  found: FoundConnections | Error = new Error("nothing");

  async history(): Promise<readonly Sample[]> {
    this.asked.push("history");
    if (this.samples instanceof Error) throw this.samples;
    return this.samples;
  }

  async connectionsOf(user: string): Promise<FoundConnections> {
    this.asked.push(user);
    if (this.found instanceof Error) throw this.found;
    return this.found;
  }
}

const asClient = (client: Subscriptions) => client as unknown as FeedClient;

/** Lets promises settle that need no timer. */
async function settled(element: OperationsElement): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  await element.updateComplete;
}

beforeAll(() => {
  customElements.define("mdp-operations", OperationsElement);
});

let hidden = false;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance", "Date"] });
  hidden = false;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

async function shown(...documents: unknown[]): Promise<OperationsElement> {
  const element = document.createElement("mdp-operations") as OperationsElement;
  document.body.append(element);
  for (const each of documents) element.take(each);
  await element.updateComplete;
  return element;
}

function setHidden(value: boolean): void {
  hidden = value;
  document.dispatchEvent(new Event("visibilitychange"));
}

function textOf(element: Element, selector: string): string {
  return element.querySelector(selector)?.textContent?.replaceAll(/\s+/g, " ").trim() ?? "";
}

function badStations(page: Element): (string | null)[] {
  return [...page.querySelectorAll('.ops-station[data-state="bad"]')].map((each) => each.textContent);
}

describe("the operations page", () => {
  it("replaces what the server rendered", async () => {
    const element = document.createElement("mdp-operations") as OperationsElement;
    element.textContent = "as of the request";
    document.body.append(element);
    await element.updateComplete;
    expect(element.textContent).not.toContain("as of the request");
  });

  it("says the verdict, since when, what to do, and where the handbook has more", async () => {
    const findings = [
      {
        rule: "no scanner leads",
        severity: "down",
        what: "no scanner leads",
        advice: "Start one.",
        since_ms: NOW_MS - 30_000,
      },
      {
        rule: "old batches",
        severity: "degraded",
        what: "a queue waits",
        advice: "Add a processor.",
        since_ms: 0,
      },
    ];
    const page = await shown({
      ...healthy(),
      verdict: { state: "down", sentence: "No scanner leads.", findings },
    });
    const verdict = textOf(page, ".ops-verdict");
    expect(verdict).toContain("down No scanner leads. Since");
    expect(verdict).toContain("30 s ago");
    expect(verdict).toContain("What to do: Start one. docs/operations.md#no-scanner-leads");
    expect(textOf(page, ".ops-findings")).toContain(
      "1 more finding degraded A queue waits. Add a processor.",
    );
    expect(textOf(page, "[aria-live]")).toBe("down: no scanner leads");
  });

  it("marks a book that does not close, and says by how much", async () => {
    const rates = { in_per_second: 1, out_per_second: 1, lost_per_second: {} };
    const open = book("listener events", { received: 10, done: 7 });
    const page = await shown(healthy({ stages: [{ book: open, processes: 1, ...rates }] }));
    const row = page.querySelector('section[aria-labelledby="ops-books"] tr[data-look="bad"]');
    expect(row?.textContent?.replaceAll(/\s+/g, " ")).toContain("open by 3 events");
  });

  it("keeps a dead process in the list, with its end", async () => {
    const ended = process("scanner", { life: "ended", since_ms: NOW_MS - 5_000 });
    const report = { ...ended.report, end: "killed by signal 9" };
    const page = await shown(healthy({ processes: [process("web"), { ...ended, report }] }));
    const row = page.querySelector('tr[data-look="gone"]');
    expect(row?.textContent).toContain("ended: killed by signal 9");
    expect(row?.textContent).toContain("5 s ago");
  });

  it("links to the health and metrics of a process, and says what to search its log for", async () => {
    const { report, ...rest } = process("processor");
    const served = { ...rest, report: { ...report, health_address: "vm:4201" } };
    const gone = { ...rest, report: { ...report, identity: "gone" }, life: "ended" } as const;
    const odd = { ...report, identity: "odd", health_address: "javascript:alert(1)//:1" };
    const page = await shown(
      healthy({ processes: [served, process("web"), { ...rest, report: odd }, gone] }),
    );
    const rows = page.querySelectorAll("section[aria-labelledby=ops-processes] tbody tr");
    const linksOf = (row: Element) => [...row.querySelectorAll("a")].map((link) => link.getAttribute("href"));
    expect([...rows].map(linksOf)).toEqual([
      ["http://vm:4201/readyz", "http://vm:4201/metrics"],
      ["/readyz", "/metrics"],
      [],
      [],
    ]);
    expect(rows[0]?.querySelector("code")?.textContent).toBe("service=processor pid=7");
  });

  it("shows text of outside as text", async () => {
    const hostile = process("web");
    const report = { ...hostile.report, name: "<img src=x onerror=alert(1)>" };
    const page = await shown(healthy({ processes: [{ ...hostile, report }] }));
    expect(page.querySelector("img")).toBeNull();
    expect(page.textContent).toContain("<img src=x onerror=alert(1)>");
  });

  it("shows what was set aside, escaped byte for byte", async () => {
    const text = "{\\x00<b>\\xff";
    const piece = { shard: 1, reason: "not_json", received_ms: NOW_MS - 4_000, byte_count: 5_000, text };
    const page = await shown(healthy({ set_aside: [piece] }));
    const row = textOf(page, "section[aria-labelledby=ops-set-aside] tbody tr");
    expect(row).toContain("not json");
    expect(row).toContain("4 s ago");
    expect(row).toContain("5,000");
    expect(row).toContain(text);
    expect(page.querySelector("b[class], td b")).toBeNull();
  });

  it("keeps the last tables while the cache is away, and says how old they are", async () => {
    const page = await shown(healthy());
    vi.advanceTimersByTime(3_000);
    page.take(cacheAway());
    await page.updateComplete;
    expect(textOf(page, ".ops-verdict")).toContain("The cache cannot be read.");
    expect(textOf(page, ".ops-stale")).toContain("The tables below are 3 s old.");
    expect(page.querySelector(".ops-body")?.getAttribute("data-old")).toBe("true");
    expect(textOf(page, ".ops-table")).toContain("processor");
  });

  it("says that the server is silent, and ages grow on", async () => {
    const page = await shown(healthy());
    page.start(asClient(new Subscriptions()), new Server());
    vi.advanceTimersByTime(10_000);
    await page.updateComplete;
    const verdict = textOf(page, ".ops-verdict");
    expect(verdict).toContain("unknown This page has no news from the server: the server is silent.");
    expect(verdict).toContain("10 s ago");
    expect(textOf(page, ".ops-stale")).toContain("The tables below are 10 s old.");
    expect(textOf(page, ".ops-table tbody tr")).toContain("100 s");
  });

  it("calls nothing healthy, and shows no rate, once it has lost its connection", async () => {
    const page = await shown(healthy());
    const client = new Subscriptions();
    client.facts.phase = "waiting";
    page.start(client as unknown as FeedClient, new Server());
    vi.advanceTimersByTime(6_000);
    await page.updateComplete;
    expect(textOf(page, ".ops-verdict")).toContain("the connection is lost");
    const present = page.cloneNode(true) as HTMLElement;
    present.querySelector(".ops-strip")?.remove(); // it says what was, and when
    expect(present.textContent).not.toContain("healthy");
    const states = [...page.querySelectorAll<HTMLElement>(".ops-station")].map(
      ({ dataset }) => dataset["state"],
    );
    expect(new Set(states)).toEqual(new Set(["unknown"]));
    for (const { textContent } of page.querySelectorAll(".ops-inflow-rate b, .ops-legend b"))
      expect(textContent).toMatch(/^–/);
    expect(page.querySelector(".ops-body")?.getAttribute("data-old")).toBe("true");
    page.take(healthy({ read_at_ms: NOW_MS + 7_000 }));
    await page.updateComplete;
    expect(textOf(page, ".ops-verdict")).toContain("healthy");
    expect(page.querySelector(".ops-stale")).toBeNull();
  });

  it("does not give a dead process the role that it had", async () => {
    const page = await shown(healthy({ processes: [process("scanner", { life: "silent" })] }));
    expect(textOf(page, "section[aria-labelledby=ops-processes] tbody tr")).toContain("was leadersilent");
  });

  it("shows a process as paused when operators want that it does no work", async () => {
    const scanner = process("scanner");
    const status = { role: "standby", settings: { is_paused: true } };
    const page = await shown(healthy({ processes: [{ ...scanner, report: { ...scanner.report, status } }] }));
    expect(textOf(page, "section[aria-labelledby=ops-processes] tbody tr")).toContain("standbypaused");
  });

  it("shows queues as bad when a process cannot reach the broker, or the oldest batch is old", async () => {
    const cannot = process("processor");
    const unready = { queues: { text: "refused", since_ms: NOW_MS } };
    const away = await shown(healthy({ processes: [{ ...cannot, report: { ...cannot.report, unready } }] }));
    expect(badStations(away)).toContainEqual(expect.stringContaining("broker away"));
    const rates = { in_per_second: 1, out_per_second: 0, lost_per_second: {} };
    const queue = { queue: "trades", book: book("queue trades"), oldest_age_ms: 12_000, ...rates };
    const waits = await shown(healthy({ queues: [queue] }));
    expect(badStations(waits)).toContainEqual(expect.stringContaining("oldest 12 s"));
  });

  it("says that the database is away, and goes on", async () => {
    const page = await shown(healthy({ jobs: null, unread: { database: "connection refused" } }));
    expect(textOf(page, "section[aria-labelledby=ops-jobs]")).toContain("Not read: connection refused.");
    expect(textOf(page, ".ops-table")).toContain("processor");
  });

  it("does not show what it does not know", async () => {
    const page = await shown(healthy(), { verdict: 1 });
    expect(textOf(page, ".ops-stale")).toContain("Reload the page.");
  });

  it("stops while the page is hidden, and goes on when it is shown", async () => {
    const page = await shown(healthy());
    const client = new Subscriptions();
    page.start(asClient(client), new Server());
    expect(client.feeds).toEqual([OPERATIONS_FEED]);
    setHidden(true);
    expect(client.feeds).toEqual([]);
    setHidden(false);
    expect(client.feeds).toEqual([OPERATIONS_FEED]);
    page.remove();
    expect(client.feeds).toEqual([]);
  });

  it("begins with the history of the platform, and asks for it again after it was hidden", async () => {
    const page = await shown(healthy());
    const server = new Server();
    server.samples = [sample(NOW_MS - 10_000, { state: "down" }), sample(NOW_MS - 5_000)];
    page.start(asClient(new Subscriptions()), server);
    await settled(page);
    expect(server.asked).toEqual(["history"]);
    const strip = page.querySelector(".ops-strip");
    expect(strip?.querySelectorAll('[data-state="down"]')).toHaveLength(1);
    expect(strip?.getAttribute("aria-label")).toContain("down from");
    setHidden(true);
    setHidden(false);
    expect(server.asked).toEqual(["history", "history"]);
  });

  it("asks for the history again after the server was silent", async () => {
    const page = await shown(healthy());
    const server = new Server();
    page.start(asClient(new Subscriptions()), server);
    page.take(healthy({ read_at_ms: NOW_MS + 2_000 }));
    expect(server.asked).toHaveLength(1);
    page.take(healthy({ read_at_ms: NOW_MS + 60_000 }));
    expect(server.asked).toHaveLength(2);
  });

  it("says why there is no history, and goes on without it", async () => {
    const page = await shown(healthy());
    const server = new Server();
    server.samples = new Error("the cache is away");
    page.start(asClient(new Subscriptions()), server);
    await settled(page);
    expect(textOf(page, ".ops-charts h2")).toContain("not loaded: the cache is away");
  });

  it("lists who is connected, marks who is blocked, and shows names of users as text", async () => {
    const { clients } = healthy().overview;
    const blocked = connection({ user: "<b>bob</b>", user_id: 8, blocked_since_ms: NOW_MS - 9_000 });
    const robot = connection({ way: "token", token: "night robot", conflated: 4, feeds: 12 });
    const users = [{ user_id: 7, user: "ann", connections: 2, feeds: 13, bytes_per_second: 31_000 }];
    const closed = { "1006 lost": 12, "4408 too slow": 3 };
    const page = await shown(
      healthy({ clients: clients && { ...clients, listed: [blocked, robot], users, closed } }),
    );
    const [first, second] = page.querySelectorAll("section[aria-labelledby=ops-connections] tbody tr");
    expect(first?.getAttribute("data-look")).toBe("bad");
    expect(first?.textContent).toContain("<b>bob</b> (8)");
    expect(first?.textContent).toContain("9 s");
    expect(cellsOf(second)).toEqual([
      "ann (7)",
      "203.0.113.7",
      'token "night robot"',
      "mdp.v2",
      "2 min",
      "12: quote:AAPL and 11 more",
      "31.0",
      "4",
      "0.0",
      "–",
      "vm:7",
    ]);
    const rowOf = (id: string) => page.querySelector(`section[aria-labelledby=ops-${id}] tbody tr`);
    expect(cellsOf(rowOf("users"))).toEqual(["ann (7)", "2", "13", "31.0", "0"]);
    expect(cellsOf(rowOf("ends"))).toEqual(["1006 lost", "12"]);
  });

  it("offers at each user what can be done to one", async () => {
    const { clients } = healthy().overview;
    const users = [{ user_id: 7, user: "ann & bob", connections: 2, feeds: 13, bytes_per_second: 31_000 }];
    const page = await shown(healthy({ clients: clients && { ...clients, listed: [connection()], users } }));
    page.actions = [
      {
        name: "disconnect_user",
        label: "Disconnect",
        explanation: "",
        url: "/admin/operations/actions/disconnect_user/",
        required: ["user"],
        arguments: { user: [] },
      },
    ];
    page.take(
      healthy({
        read_at_ms: NOW_MS + 1_000,
        clients: clients && { ...clients, listed: [connection()], users },
      }),
    );
    await page.updateComplete;
    const linkIn = (id: string) =>
      page.querySelector(`section[aria-labelledby=ops-${id}] tbody a.ops-action`)?.getAttribute("href");
    expect(linkIn("users")).toBe("/admin/operations/actions/disconnect_user/?user=ann+%26+bob");
    expect(linkIn("connections")).toBe("/admin/operations/actions/disconnect_user/?user=ann");
  });

  it("finds the connections of one user, and shows all again", async () => {
    const page = await shown(healthy());
    const server = new Server();
    server.found = {
      user: "ann",
      total: 150,
      connections: [connection()],
      processes_asked: 3,
      processes_answered: 2,
    };
    page.start(asClient(new Subscriptions()), server);
    await search(page, " ann ");
    expect(server.asked).toContain("ann");
    const section = "section[aria-labelledby=ops-connections]";
    expect(textOf(page, `${section} h2`)).toBe(
      "Connections of ann: 150, shown are the first 1; of 3 web processes 1 did not answer in time",
    );
    expect(page.querySelectorAll(`${section} tbody tr`)).toHaveLength(1);
    page.querySelector<HTMLButtonElement>(".ops-search button[type=button]")?.click();
    await page.updateComplete;
    expect(textOf(page, section)).toContain("No connection.");
  });

  it("says why a search brought nothing", async () => {
    const page = await shown(healthy());
    const server = new Server();
    server.found = new Error("the cache is away");
    page.start(asClient(new Subscriptions()), server);
    await search(page, "ann");
    expect(textOf(page, ".ops-search [role=status]")).toBe("Not searched: the cache is away.");
  });
});

function cellsOf(row: Element | null | undefined): string[] {
  return [...(row?.children ?? [])].map((cell) => cell.textContent?.trim() ?? "");
}

async function search(page: OperationsElement, user: string): Promise<void> {
  const field = page.querySelector<HTMLInputElement>(".ops-search input");
  if (field === null) throw new Error("The page has no field for a search");
  field.value = user;
  field.form?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await settled(page);
}
