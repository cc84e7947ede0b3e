/** Feedback on the AI: what was said of a study, and saying something. */

import { signal } from "@preact/signals";
import { FeedError, json, post } from "./feed";

export type Verdict = "agree" | "disagree" | "unsure";

export interface Feedback {
  id: number;
  verdict: Verdict;
  comment: string;
  sop_instance_uid: string | null;
  tracking_uid: string | null;
  author: string;
  role: string;
  at: string;
}

/** What it is about: a finding, or the study where both are null. */
export interface About {
  sop_instance_uid: string | null;
  tracking_uid: string | null;
}

export const WHOLE_STUDY: About = { sop_instance_uid: null, tracking_uid: null };

/** A key of 128 random bits; `crypto.randomUUID` is not there on plain HTTP. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class StudyFeedback {
  readonly given = signal<Feedback[]>([]);
  readonly problem = signal<FeedError | null>(null);
  /** What was tried and perhaps kept: the same again gets the same key, so that it is kept once. */
  private tried: { body: string; key: string } | null = null;

  constructor(private readonly study: string) {}

  async load(): Promise<void> {
    try {
      this.given.value = (await json<{ items: Feedback[] }>(this.path())).items;
      this.problem.value = null;
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      this.problem.value = error;
    }
  }

  of(about: About): Feedback[] {
    return this.given.value.filter((one) => one.tracking_uid === about.tracking_uid && one.sop_instance_uid === about.sop_instance_uid);
  }

  async give(about: About, verdict: Verdict, comment: string): Promise<void> {
    const said = { verdict, comment, ...about };
    const body = JSON.stringify(said);
    if (this.tried?.body !== body) this.tried = { body, key: newKey() };
    const kept = await post<Feedback>(this.path(), said, { "Idempotency-Key": this.tried.key });
    this.tried = null;
    this.given.value = [...this.given.value.filter((one) => one.id !== kept.id), kept];
  }

  private path(): string {
    return `/api/v1/studies/${encodeURIComponent(this.study)}/feedback`;
  }
}
