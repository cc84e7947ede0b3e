/** The page's side of the decoder: questions to the worker, promises of pixels back. */

import decoderAddress from "./decoder?worker&url";
import { scriptAddress } from "../trusted";

export interface DecoderQuestion {
  id: number;
  path: string;
  /** How many bytes from the start this level needs, and how many there are. */
  bytes: number;
  total: number;
  /** How many of the finest resolutions to leave out. */
  skip: number;
  /** What the pixels' SHA-256 must be, for the whole image only. */
  sha256: string | null;
}

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

/** A worker for one study; `end` lets go of all it holds. */
export class Decoder {
  private readonly worker = new Worker(scriptAddress(decoderAddress), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private next = 1;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<DecoderAnswer>) => {
      const waiting = this.waiting.get(data.id);
      if (data.kind === "progress") waiting?.progress(data.received);
      else {
        this.waiting.delete(data.id);
        if (data.kind === "pixels") waiting?.resolve(data);
        else waiting?.reject(new DecodingFailed(data.status, data.message));
      }
    };
    this.worker.onerror = (event) => {
      for (const waiting of this.waiting.values()) waiting.reject(new DecodingFailed(0, event.message));
      this.waiting.clear();
    };
  }

  decode(question: Omit<DecoderQuestion, "id">, progress: (received: number) => void): Promise<Decoded> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, progress });
      this.worker.postMessage({ ...question, id } satisfies DecoderQuestion);
    });
  }

  end(): void {
    this.worker.terminate();
  }
}
