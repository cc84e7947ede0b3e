/**
 * The worker that fetches an HTJ2K codestream piece by piece and decodes it (OpenJPH). The first bytes of a
 * codestream are a smaller image of the whole: each step fetches only what is missing for the level asked for.
 */

import openjph from "@cornerstonejs/codec-openjph";
import wasmAddress from "@cornerstonejs/codec-openjph/wasm?url";
import type { DecoderAnswer, DecoderQuestion } from "./pixels";

interface Port {
  onmessage: ((event: MessageEvent<DecoderQuestion>) => void) | null;
  postMessage(message: DecoderAnswer, transfer?: Transferable[]): void;
}
type Decoding = Extract<DecoderQuestion, { kind: "decode" }>;
const port = globalThis as unknown as Port;

let codec: ReturnType<typeof openjph> | null = null;

/** The decoder, which is fetched once; what failed is fetched again by the next question. */
function loaded(): ReturnType<typeof openjph> {
  codec ??= openjph({ locateFile: () => wasmAddress, print: () => undefined, printErr: () => undefined });
  codec.catch(() => (codec = null));
  return codec;
}

void loaded();
const received = new Map<string, { bytes: Uint8Array; count: number }>();
/** Files that are on their way before anybody asked for pixels of them. */
const ahead = new Map<string, Promise<void>>();
// Decoded one after the other: two at once would only share the phone's processor, and double the memory.
let last: Promise<void> = Promise.resolve();

port.onmessage = ({ data }) => {
  if (data.kind === "ahead") ahead.set(data.path, fetchAll(data.path));
  else void answer(data);
};

async function answer(question: Decoding): Promise<void> {
  try {
    const bytes = await upTo(question);
    const decoded = last.then(() => decode(question, bytes));
    last = decoded.catch(() => undefined);
    await decoded;
  } catch (error) {
    const status = error instanceof Refused ? error.status : 0;
    port.postMessage({ id: question.id, kind: "failed", status, message: String(error) });
  }
}

class Refused extends Error {
  constructor(readonly status: number) {
    super(`the gateway answered ${status}`);
  }
}

async function decode(question: Decoding, bytes: Uint8Array): Promise<void> {
  const module = await loaded();
  const decoder = new module.HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    if (question.skip === 0) decoder.decode();
    else decoder.decodeSubResolution(question.skip);
    const { bitsPerSample } = decoder.getFrameInfo();
    const decoded = decoder.getDecodedBuffer();
    // A copy: the buffer is the module's own memory, which the next image overwrites.
    const plain = new Uint8Array(decoded);
    const samples = bitsPerSample <= 8 ? Uint16Array.from(plain) : new Uint16Array(plain.buffer);
    if (question.values) scale(samples, question.values);
    const wanted = question.sha256;
    const verified = wanted === null ? null : await hasSum(new Uint8Array(samples.buffer), wanted);
    port.postMessage({ id: question.id, kind: "pixels", samples, verified }, [samples.buffer]);
  } finally {
    decoder.delete();
  }
}

/** Turns decoded values into served ones. */
function scale(samples: Uint16Array, { slope, intercept }: { slope: number; intercept: number }): void {
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] = Math.min(65535, Math.max(0, Math.round((samples[i] ?? 0) * slope + intercept)));
  }
}

/** Fetches a file whole; one that can't be had is asked for again by whoever needs it, who then hears why. */
async function fetchAll(path: string): Promise<void> {
  try {
    const reply = await fetch(path, { credentials: "same-origin", cache: "no-store" });
    if (!reply.ok) return;
    const bytes = new Uint8Array(await reply.arrayBuffer());
    received.set(path, { bytes, count: bytes.length });
  } catch {
    return;
  }
}

/** Fetches what is missing of the first `question.bytes`. */
async function upTo(question: Decoding): Promise<Uint8Array> {
  await ahead.get(question.path);
  const kept = received.get(question.path) ?? { bytes: new Uint8Array(question.total), count: 0 };
  received.set(question.path, kept);
  if (kept.count < question.bytes) {
    const range = { Range: `bytes=${kept.count}-${question.bytes - 1}` };
    const reply = await fetch(question.path, { headers: range, credentials: "same-origin", cache: "no-store" });
    if (reply.status !== 206 && reply.status !== 200) throw new Refused(reply.status);
    if (reply.status === 200) kept.count = 0;
    const reader = reply.body?.getReader();
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
      kept.bytes.set(piece.value.subarray(0, question.total - kept.count), kept.count);
      kept.count = Math.min(question.total, kept.count + piece.value.length);
      port.postMessage({ id: question.id, kind: "progress", received: kept.count });
    }
    if (kept.count < question.bytes) throw new Refused(0);
  }
  return kept.bytes.subarray(0, question.bytes);
}

async function hasSum(bytes: Uint8Array<ArrayBuffer>, wanted: string): Promise<boolean> {
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("") === wanted;
}
