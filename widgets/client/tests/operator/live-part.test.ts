// @vitest-environment happy-dom
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { LivePartElement } from "../../src/operator/live-part";

beforeAll(() => {
  customElements.define("mdp-live-part", LivePartElement);
});

let hidden = false;
const asked: { readonly url: string; readonly redirect: RequestRedirect | undefined }[] = [];
let answers: (() => Promise<Response>)[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  hidden = false;
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  asked.length = 0;
  answers = [];
  vi.stubGlobal("fetch", (url: string, options: RequestInit) => {
    asked.push({ url, redirect: options.redirect });
    return answers.shift()?.() ?? Promise.reject(new Error("no answer is left"));
  });
});

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function part(text: string, againMs: number): string {
  return `<div data-again-ms="${againMs}">${text}</div>`;
}

function willAnswer(...texts: string[]): void {
  answers.push(...texts.map((text) => () => Promise.resolve(new Response(text))));
}

function shown(text: string, againMs = 1_000): HTMLElement {
  // As in a browser, where the server's part is there before the script.
  const element = document.createElement("mdp-live-part");
  element.setAttribute("src", "/state/");
  element.innerHTML = part(text, againMs);
  document.body.append(element);
  return element;
}

function setHidden(value: boolean): void {
  hidden = value;
  document.dispatchEvent(new Event("visibilitychange"));
}

describe("a live part", () => {
  it("asks again until the server says that nothing more will change", async () => {
    const element = shown("pending");
    willAnswer(part("still pending", 1_000), part("applied", 0));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(element.textContent).toBe("still pending");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(element.textContent).toBe("applied");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([
      { url: "/state/", redirect: "error" },
      { url: "/state/", redirect: "error" },
    ]);
  });

  it("leaves an equal part alone and keeps the focus in a changed one", async () => {
    const element = shown("");
    const link = '<a href="/a/?b=c:1">stop</a>';
    willAnswer(part(link, 1_000), part(link, 1_000), part(`${link} now`, 1_000));
    await vi.advanceTimersByTimeAsync(1_000);
    const first = element.querySelector("a");
    first?.focus();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(element.querySelector("a")).toBe(first);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(element.querySelector("a")).not.toBe(first);
    expect(document.activeElement).toBe(element.querySelector("a"));
  });

  it("keeps what it shows and says so while the server does not answer, and recovers", async () => {
    const element = shown("running");
    answers.push(() => Promise.reject(new Error("refused")));
    answers.push(() => Promise.resolve(new Response("login", { status: 503 })));
    willAnswer(part("running again", 1_000));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(element.textContent).toContain("No news since");
    expect(element.textContent).toContain("running");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(element.querySelectorAll(".op-no-news")).toHaveLength(1);
    expect(element.textContent).not.toContain("login");
    await vi.advanceTimersByTimeAsync(3_000);
    expect(element.textContent).toBe("running again");
  });

  it("asks nothing while the page is hidden, and at once when it is shown", async () => {
    const element = shown("old");
    setHidden(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual([]);
    willAnswer(part("new", 0));
    setHidden(false);
    await vi.advanceTimersByTimeAsync(0);
    expect(element.textContent).toBe("new");
  });

  it("does not ask for a part that never changes, nor after it has left the page", async () => {
    shown("settled", 0);
    await vi.advanceTimersByTimeAsync(10_000);
    shown("pending").remove();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toEqual([]);
  });
});
