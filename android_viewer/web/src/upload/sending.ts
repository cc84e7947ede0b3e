/**
 * One upload on its way: piece by piece, over a line that breaks. The files themselves are never copied; this holds the
 * browser's references to them, and only in memory.
 */

import { signal } from "@preact/signals";
import { FeedError, isPassing } from "../feed";
import { problemText, texts } from "../texts";
import { hexadecimal, PIECE_BYTES, sha256, uploads, type AnnouncedFile, type Note, type UploadState } from "./calls";

export type Phase = "preparing" | "sending" | "waiting" | "paused" | "stopped" | "finishing" | "done";

const SMALLEST_PIECE = 1 << 16;
/** A larger file has no checksum of the whole: the browser would have to hold all of it in memory. */
const DIGEST_UP_TO = 256 * PIECE_BYTES;
/** A piece that was sent within this time lets the next one be larger. */
const QUICK_MS = 4_000;
/** After so long without an answer the line counts as broken. */
const PATIENCE_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

export const nameOf = (file: File): string => (file.webkitRelativePath || file.name).slice(-255);

/** The unfinished upload that these files belong to, if there is one: same names and sizes, in any order. */
export function unfinishedFor(files: File[], known: UploadState[]): UploadState | undefined {
  const key = (list: { name: string; size: number }[]): string => JSON.stringify(list.map(({ name, size }) => `${size} ${name}`).sort());
  const wanted = key(files.map((file) => ({ name: nameOf(file), size: file.size })));
  return known.find((upload) => upload.status === "receiving" && key(upload.files) === wanted);
}

export class Sending {
  readonly phase = signal<Phase>("preparing");
  /** Bytes that the gateway has on its disk. */
  readonly sent = signal(0);
  readonly problem = signal("");
  readonly total: number;
  readonly id: string;

  private piece = PIECE_BYTES / 4;
  private wait = FIRST_WAIT_MS;
  private control = new AbortController();
  private wake: () => void = () => undefined;
  private running = false;
  private reached: number[] = [];
  private announced: AnnouncedFile[] | null = null;

  /** `owner`: who is logged in. `known`: the upload that these files go on with; the note is there already then. */
  constructor(
    readonly owner: string,
    private readonly files: File[],
    private readonly note: Note | null,
    private readonly known?: UploadState,
  ) {
    this.id = known?.id ?? crypto.randomUUID();
    this.total = files.reduce((sum, file) => sum + file.size, 0);
    addEventListener("online", () => this.wake());
  }

  get isOver(): boolean {
    return this.phase.value === "done" || this.phase.value === "stopped";
  }

  pause(): void {
    this.phase.value = "paused";
    this.control.abort();
    this.wake();
  }

  async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    this.control = new AbortController();
    this.problem.value = "";
    const lock = await navigator.wakeLock?.request("screen").catch(() => undefined);
    try {
      await this.send();
    } catch (error) {
      if (this.control.signal.aborted) this.phase.value = "paused";
      else this.stop(error);
    } finally {
      this.running = false;
      await lock?.release();
    }
  }

  private stop(error: unknown): void {
    this.phase.value = "stopped";
    if (error instanceof FeedError) {
      this.problem.value = problemText(error);
      // Whoever logs in again goes on here.
      if (error.code === "not_logged_in") this.phase.value = "paused";
    } else if (error instanceof DOMException) this.problem.value = texts.upload.unreadable;
    else throw error;
  }

  private async send(): Promise<void> {
    this.phase.value = "preparing";
    await this.begin();
    for (const [index, file] of this.files.entries()) await this.sendFile(index, file);
    this.phase.value = "finishing";
    await this.patiently((signal) => uploads.finish(this.id, signal), "finishing");
    this.phase.value = "done";
  }

  private async begin(): Promise<void> {
    if (this.reached.length > 0) return;
    if (this.known) {
      this.sortLike(this.known);
      // The last piece is sent once more: the gateway compares it, so that another file of this name is found out.
      this.takeOver(this.known, PIECE_BYTES);
      return;
    }
    const files = (this.announced ??= await announced(this.files));
    this.takeOver(await this.patiently((signal) => uploads.begin(this.id, files, this.note, signal), "preparing"), 0);
  }

  private sortLike(known: UploadState): void {
    const left = [...this.files];
    this.files.splice(0);
    for (const wanted of known.files) {
      const at = left.findIndex((file) => nameOf(file) === wanted.name && file.size === wanted.size);
      this.files.push(...left.splice(at, 1));
    }
  }

  private takeOver(state: UploadState, again: number): void {
    this.reached = state.files.map((file) => Math.max(0, file.received - again));
    this.count();
  }

  private count(): void {
    this.sent.value = this.reached.reduce((sum, bytes) => sum + bytes, 0);
  }

  private async sendFile(index: number, file: File): Promise<void> {
    for (let offset = this.reached[index] ?? 0; offset < file.size; offset = this.reached[index] ?? 0) {
      this.phase.value = "sending";
      const began = performance.now();
      const reached = await this.patiently(async (signal) => {
        const piece = await file.slice(offset, offset + this.piece).arrayBuffer();
        try {
          return await uploads.append(this.id, index + 1, offset, piece, signal);
        } catch (error) {
          // The answer to an earlier try was lost, or the gateway has lost a part: it says where to go on.
          if (!(error instanceof FeedError) || error.code !== "wrong_offset") throw error;
          return (await uploads.state(this.id, signal)).files[index]?.received ?? 0;
        }
      }, "sending");
      this.reached[index] = reached;
      this.count();
      if (performance.now() - began < QUICK_MS) this.piece = Math.min(PIECE_BYTES, this.piece * 2);
    }
  }

  /** Does it again and again while the gateway can't be reached or can't do it now; a pause ends it. */
  private async patiently<T>(attempt: (signal: AbortSignal) => Promise<T>, phase: Phase): Promise<T> {
    for (;;) {
      try {
        const answer = await attempt(AbortSignal.any([this.control.signal, AbortSignal.timeout(PATIENCE_MS)]));
        this.wait = FIRST_WAIT_MS;
        return answer;
      } catch (error) {
        if (this.control.signal.aborted) throw error;
        if (!(error instanceof FeedError && isPassing(error))) throw error;
        this.piece = Math.max(SMALLEST_PIECE, this.piece / 2);
        this.phase.value = "waiting";
        this.problem.value = error.code === "network" ? "" : problemText(error);
        await this.sleep();
        if (this.control.signal.aborted) throw error;
        this.problem.value = "";
        this.phase.value = phase;
      }
    }
  }

  private async sleep(): Promise<void> {
    const duration = this.wait;
    this.wait = Math.min(LONGEST_WAIT_MS, this.wait * 2);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, duration);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** One file after the other: each is in memory for as long as its checksum takes. */
async function announced(files: File[]): Promise<AnnouncedFile[]> {
  const list: AnnouncedFile[] = [];
  for (const file of files) {
    const digest = file.size <= DIGEST_UP_TO ? hexadecimal(await sha256(await file.arrayBuffer())) : null;
    list.push({ name: nameOf(file), size: file.size, sha256: digest });
  }
  return list;
}
