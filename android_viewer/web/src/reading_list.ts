/** The reading list, kept current by server-sent events for as long as it is on the screen. */

import { computed, signal } from "@preact/signals";
import { BY_ITSELF, feed, FeedError, isPassing, type Study } from "./feed";
import { remember } from "./known_studies";

export type Connection = "connecting" | "live" | "broken";

const RETRY_MS = 5_000;
/** Several events often come together: one question answers them all. */
const SETTLE_MS = 150;

export class ReadingList {
  readonly studies = signal<Study[] | null>(null);
  readonly more = signal(false);
  /** What went wrong with the last question, or null. */
  readonly problem = signal<FeedError | null>(null);
  /** Live only while what is on the screen is what the gateway last said. */
  readonly connection = computed<Connection>(() => (this.problem.value && this.stream.value === "live" ? "broken" : this.stream.value));
  /** Counts the changes that came by themselves, for those who don't see the screen. */
  readonly updates = signal(0);

  private readonly stream = signal<Connection>("connecting");
  private source: EventSource | null = null;
  private tag: string | null = null;
  private pages = 1;
  private lastEvent = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;
  private loading: Promise<boolean> | null = null;
  private again = false;

  async start(): Promise<void> {
    await this.load();
    if (!this.stopped) this.listen();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.retry);
    this.source?.close();
  }

  async showMore(): Promise<void> {
    this.pages += 1;
    this.tag = null;
    await this.load();
  }

  /** Asks for the list, one question at a time: of two at once the older answer could come last. */
  private load(options: RequestInit = {}): Promise<boolean> {
    this.again = this.loading !== null;
    this.loading ??= this.loadUntilCurrent(options).finally(() => (this.loading = null));
    return this.loading;
  }

  private async loadUntilCurrent(options: RequestInit): Promise<boolean> {
    let changed = false;
    do {
      this.again = false;
      changed = (await this.loadOnce(options)) || changed;
    } while (this.again && !this.stopped);
    clearTimeout(this.retry);
    // The event that asked for this has been told, and won't be told again.
    if (this.problem.value && isPassing(this.problem.value) && !this.stopped) {
      this.retry = setTimeout(() => void this.load(BY_ITSELF), RETRY_MS);
    }
    return changed;
  }

  private async loadOnce(options: RequestInit): Promise<boolean> {
    try {
      const first = await feed.studies(null, this.tag, options);
      this.problem.value = null;
      if (first === null) return false;
      const items = [...first.page.items];
      let next = first.page.next;
      for (let page = 1; page < this.pages && next; page += 1) {
        const answer = await feed.studies(next, null, options);
        if (answer === null) break;
        items.push(...answer.page.items);
        next = answer.page.next;
      }
      // With further pages shown, the first one's tag says nothing of them.
      this.tag = this.pages === 1 ? first.tag : null;
      this.lastEvent = first.lastEvent;
      this.more.value = next !== null;
      this.studies.value = items;
      remember(items);
      return true;
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      this.problem.value = error;
      return false;
    }
  }

  private listen(): void {
    const query = this.lastEvent ? `?last_event_id=${this.lastEvent}` : "";
    const source = new EventSource(`/api/v1/events${query}`);
    this.source = source;
    source.onopen = () => {
      this.stream.value = "live";
      if (this.problem.value) void this.load(BY_ITSELF);
    };
    source.onmessage = () => this.soon();
    source.addEventListener("reset", () => this.soon());
    source.onerror = () => {
      this.stream.value = "broken";
      // The browser comes back by itself, unless it was refused: then we ask, and hear why.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => void this.start(), RETRY_MS);
      }
    };
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      void this.load(BY_ITSELF).then((changed) => {
        if (changed) this.updates.value += 1;
      });
    }, SETTLE_MS);
  }
}
