/** What the operators' board shows, asked for again and again for as long as it is on the screen. */

import { signal } from "@preact/signals";
import { BY_ITSELF, FeedError, json, post } from "./feed";

export interface QueuedWork {
  study_instance_uid: string;
  generation: number;
  state: "receiving" | "queued" | "processing" | "delivering";
  since: string;
  instances: number;
}

export interface DeadLetter {
  study_instance_uid: string;
  generation: number;
  stage: string;
  destination: string | null;
  reason: string;
  failed_at: string;
}

export interface DestinationState {
  name: string;
  kind: "dicom" | "orthanc" | "stow";
  address: string;
  waiting: number;
  delivered: number;
  failed: number;
  last_success_at: string | null;
  last_error: string | null;
}

export interface QuarantinedFile {
  id: string;
  received_at: string;
  reason: string;
  channel: string;
  peer_ae_title: string;
  peer_address: string;
  announced_sop_instance_uid: string | null;
}

export interface FlaggedStudy {
  study_instance_uid: string;
  status: string;
  flags: string[];
  flagged_at: string;
}

export interface List<Item> {
  items: Item[];
  total: number;
}

export interface Shown {
  queue: List<QueuedWork>;
  deadLetters: List<DeadLetter>;
  destinations: List<DestinationState>;
  quarantine: List<QuarantinedFile>;
  flags: List<FlaggedStudy>;
}

const OPERATIONS = "/api/v1/operations";
const EVERY_MS = 5_000;

export class Board {
  readonly shown = signal<Shown | null>(null);
  readonly problem = signal<FeedError | null>(null);

  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  start(): void {
    void this.load({});
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Starts again what failed in the study; returns how many things that were. */
  async retry(study: string): Promise<number> {
    const answer = await post<{ restarted: number }>(`${OPERATIONS}/retry`, { study_instance_uid: study });
    void this.load({});
    return answer.restarted;
  }

  /** Sends the newest reports of the study to the destination; returns how many objects. */
  async resend(study: string, destination: string): Promise<number> {
    const answer = await post<{ objects: number }>(`${OPERATIONS}/resend`, { study_instance_uid: study, destination });
    void this.load({});
    return answer.objects;
  }

  check(destination: string): Promise<{ ok: boolean; detail: string }> {
    return post(`${OPERATIONS}/check-destination`, { destination });
  }

  private async load(options: RequestInit): Promise<void> {
    clearTimeout(this.timer);
    try {
      const list = <Item>(name: string) => json<List<Item>>(`${OPERATIONS}/${name}`, options);
      const [queue, deadLetters, destinations, quarantine, flags] = await Promise.all([
        list<QueuedWork>("queue"),
        list<DeadLetter>("dead-letters"),
        list<DestinationState>("destinations"),
        list<QuarantinedFile>("quarantine"),
        list<FlaggedStudy>("flags"),
      ]);
      this.shown.value = { queue, deadLetters, destinations, quarantine, flags };
      this.problem.value = null;
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      this.problem.value = error;
    }
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.again(), EVERY_MS);
  }

  private again(): void {
    if (document.hidden) this.timer = setTimeout(() => this.again(), EVERY_MS);
    else void this.load(BY_ITSELF);
  }
}
