/** The page's side of the decoder: questions to the worker, promises of pixels back. */

import decoderAddress from "./decoder?worker&url";
import { scriptAddress } from "../trusted";
import type { Step } from "./steps";

export type DecoderQuestion =
  | ({ kind: "decode"; id: number } & Pick<Step, "path" | "bytes" | "total" | "skip" | "values" | "sha256">)
  /** Fetches a file that will be asked for; there is no answer. */
  | { kind: "ahead"; path: string };

export type DecoderAnswer =
  | { id: number; kind: "progress"; received: number }
  | { id: number; kind: "pixels"; samples: Uint16Array<ArrayBuffer>; verified: boolean | null }
  | { id: number; kind: "failed"; status: number; message: string };

export interface Decoded {
  samples: Uint16Array;
  /** Whether the whole image has the checksum that the gateway says; null for a smaller one. */
  verified: boolean | null;
}

interface Waiting {
  resolve(decoded: Decoded): void;
  reject(error: Error): void;
  progress(received: number): void;
}

export class DecodingFailed extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** A worker that nobody uses yet: it has loaded its decoder by the time that somebody does. */
let spare: Worker | null = null;

export function warmDecoder(): void {
  if (spare) return;
  const begun = started();
  begun.onerror = () => {
    // It could not be fetched; whoever needs one tries again.
    if (spare === begun) spare = null;
  };
  spare = begun;
}

function started(): Worker {
  return new Worker(scriptAddress(decoderAddress), { type: "module" });
}

/** A worker for one study; `end` lets go of all it holds. */
export class Decoder {
  private worker: Worker | null = spare;
  private readonly waiting = new Map<number, Waiting>();
  private next = 1;

  constructor() {
    spare = null;
    this.worker = this.listenedTo(this.worker ?? started());
  }

  private listenedTo(worker: Worker): Worker {
    worker.onmessage = ({ data }: MessageEvent<DecoderAnswer>) => {
      const waiting = this.waiting.get(data.id);
      if (data.kind === "progress") waiting?.progress(data.received);
      else {
        this.waiting.delete(data.id);
        if (data.kind === "pixels") waiting?.resolve(data);
        else waiting?.reject(new DecodingFailed(data.status, data.message));
      }
    };
    worker.onerror = (event) => {
      // It is of no more use: the next question goes to a new one.
      worker.terminate();
      this.worker = null;
      for (const waiting of this.waiting.values()) waiting.reject(new DecodingFailed(0, event.message));
      this.waiting.clear();
    };
    return worker;
  }

  /** Has a whole file fetched, which a question will soon be about. */
  ahead(path: string): void {
    this.worker?.postMessage({ kind: "ahead", path } satisfies DecoderQuestion);
  }

  decode({ path, bytes, total, skip, values, sha256 }: Step, progress: (received: number) => void): Promise<Decoded> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, progress });
      const question = { kind: "decode", id, path, bytes, total, skip, values, sha256 } satisfies DecoderQuestion;
      this.worker ??= this.listenedTo(started());
      this.worker.postMessage(question);
    });
  }

  end(): void {
    this.worker?.terminate();
  }
}
