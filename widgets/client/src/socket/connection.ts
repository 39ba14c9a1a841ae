/**
 * The connection to the server: it opens the socket with a fresh page token, checks that it is alive, and reconnects or
 * stops after a loss.
 *
 * It does not know feeds. `reconnect.ts` decides whether and when to reconnect.
 */
import type { ConnectionFacts } from "./connection-report";
import {
  type ClientMessage,
  MAX_FEEDS_IN_MESSAGE,
  type ServerMessage,
  type Status,
  type Welcome,
} from "./messages";
import type { PageToken, Renewal } from "./page-token";
import { ProtocolError, parseServerMessage } from "./parser";
import {
  DEFAULT_RANGES,
  type Ending,
  endingOf,
  LOST_CODE,
  reconnectDelayMs,
  STABLE_AFTER_MS,
} from "./reconnect";

/** The part of the browser's WebSocket that is used. */
export type Socket = Pick<WebSocket, "readyState" | "send" | "close" | "onopen" | "onmessage" | "onclose">;

/** The functions of the browser that the connection uses. Tests pass their own. */
export interface ConnectionEnvironment {
  openSocket(token: PageToken): Socket;
  /** The token for the next connection. */
  nextToken(): Promise<Renewal>;
  /** Milliseconds of a monotonic clock, because a wall clock can jump. */
  now(): number;
  /** In [0, 1). */
  random(): number;
}

export interface ConnectionHandlers {
  /** A new connection is open. No message was sent or received on it yet. */
  opened(): void;
  received(message: ServerMessage): void;
  /** `facts` may have changed. */
  changed(): void;
}

const PING_EVERY_MS = 10_000;
/** After this silence the connection counts as dead: the server sends a message at least every 5 s. */
const DEAD_AFTER_MS = 20_000;
const SOCKET_OPEN = 1;
const LOST = endingOf(LOST_CODE, "");

export class Connection {
  readonly #environment: ConnectionEnvironment;
  readonly #handlers: ConnectionHandlers;
  #socket: Socket | null = null;
  #phase: ConnectionFacts["phase"] = "connecting";
  #failedAttempts = 0;
  #retryAtMs: number | null = null;
  #lossCode = LOST_CODE;
  #ending: Ending | null = null;
  #welcome: Welcome | null = null;
  /** The version of the first server, which is that of the page: the page was loaded a moment before. */
  #pageVersion: string | null = null;
  #status: Status | null = null;
  #statusAtMs = 0;
  #openedAtMs = 0;
  #lastMessageAtMs: number | null = null;
  #pingId = 0;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(environment: ConnectionEnvironment, handlers: ConnectionHandlers) {
    this.#environment = environment;
    this.#handlers = handlers;
  }

  get facts(): ConnectionFacts {
    return {
      phase: this.#phase,
      failedAttempts: this.#failedAttempts,
      retryAtMs: this.#retryAtMs,
      ending: this.#ending,
      outdated: this.#welcome !== null && this.#welcome.server !== this.#pageVersion,
      status: this.#status,
      lastMessageAtMs: this.#lastMessageAtMs,
    };
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** The greatest number of feeds that the server accepts in one message. */
  get feedsPerMessage(): number {
    return this.#welcome?.feedsPerMessage ?? MAX_FEEDS_IN_MESSAGE;
  }

  /** The age of the newest data by the server's last status; `null` if it had none. */
  get statusAgeMs(): number | null {
    const age = this.#status?.age_ms ?? null;
    return age === null ? null : age + (this.#environment.now() - this.#statusAtMs);
  }

  connect(): void {
    clearTimeout(this.#retryTimer);
    this.#phase = "connecting";
    this.#retryAtMs = null;
    this.#status = null;
    void this.#attempt();
    this.#handlers.changed();
  }

  /**
   * A browser does not show why a handshake was refused. The next attempt finds out: a login that has ended gets no
   * further token.
   */
  async #attempt(): Promise<void> {
    const renewal = await this.#environment.nextToken();
    if (renewal === null) this.#ended(LOST);
    else if ("ending" in renewal) this.#ended(renewal.ending);
    else this.#open(renewal.token);
  }

  #open(token: PageToken): void {
    const socket = this.#environment.openSocket(token);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(socket, endingOf(event.code, event.reason));
  }

  /** Connects now instead of waiting for the next attempt. For the browser's `online` event. */
  retryNow(): void {
    if (this.#phase === "waiting") this.connect();
  }

  send(message: ClientMessage): void {
    if (this.#socket?.readyState === SOCKET_OPEN) this.#socket.send(JSON.stringify(message));
  }

  #opened(): void {
    this.#phase = "open";
    this.#openedAtMs = this.#environment.now();
    this.#lastMessageAtMs = this.#openedAtMs;
    this.#pingTimer = setInterval(() => this.#checkAlive(), PING_EVERY_MS);
    this.#handlers.opened();
    this.#handlers.changed();
  }

  #received(frame: unknown): void {
    this.#lastMessageAtMs = this.#environment.now();
    let message: ServerMessage;
    try {
      message = parseServerMessage(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // This loses no data: if the frame belonged to a feed, the next delta has a gap, which causes a resync.
      console.warn(`Ignored a frame: ${error.message}`);
      return;
    }
    if (message.type === "welcome") {
      this.#welcome = message;
      this.#pageVersion ??= message.server;
      this.#handlers.changed();
    }
    if (message.type === "status") {
      this.#status = message;
      this.#statusAtMs = this.#lastMessageAtMs;
      this.#handlers.changed();
    }
    this.#handlers.received(message);
  }

  #checkAlive(): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (this.#environment.now() - (this.#lastMessageAtMs ?? 0) > DEAD_AFTER_MS) {
      // The close handshake of a half-open connection can take minutes, so it counts as lost now.
      socket.close();
      this.#closed(socket, LOST);
      return;
    }
    this.#pingId += 1;
    this.send({ type: "ping", id: this.#pingId });
  }

  #closed(socket: Socket, ending: Ending): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearInterval(this.#pingTimer);
    this.#ended(ending);
  }

  /** The end of a connection, or of an attempt at one. */
  #ended(ending: Ending): void {
    const wasStable = this.#phase === "open" && this.#environment.now() - this.#openedAtMs >= STABLE_AFTER_MS;
    const attempt = wasStable ? 0 : this.#failedAttempts;
    this.#failedAttempts = attempt + 1;
    if (ending.action === "reconnect") this.#scheduleRetry(attempt, ending.code);
    else this.#stop(ending);
    this.#handlers.changed();
  }

  #scheduleRetry(attempt: number, code: number): void {
    // A refused handshake has no code of its own: the range stays that of the loss which began the attempts.
    if (attempt === 0 || code !== LOST_CODE) this.#lossCode = code;
    const ranges = this.#welcome?.reconnect ?? DEFAULT_RANGES;
    const delayMs = reconnectDelayMs(attempt, this.#environment.random(), this.#lossCode, ranges);
    this.#phase = "waiting";
    this.#retryAtMs = this.#environment.now() + delayMs;
    this.#retryTimer = setTimeout(() => this.connect(), delayMs);
  }

  #stop(ending: Ending): void {
    clearTimeout(this.#retryTimer);
    this.#phase = "stopped";
    this.#ending = ending;
    this.#retryAtMs = null;
  }
}
