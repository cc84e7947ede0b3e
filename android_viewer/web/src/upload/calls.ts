/** The interface of uploads, as this page uses it. */

import { ask, json, type Status } from "../feed";

/** The most that one request may carry. */
export const PIECE_BYTES = 1 << 20;

export interface Note {
  age: number | null;
  reason: string | null;
  history: string | null;
}

export interface AnnouncedFile {
  name: string;
  size: number;
  /** Of the whole file, hexadecimal. */
  sha256: string | null;
}

export interface UploadItem {
  name: string;
  verdict: "stored" | "refused" | "left_out";
  reason: string | null;
  study_instance_uid: string | null;
}

export interface UploadState {
  id: string;
  status: "receiving" | "storing" | "done";
  created_at: string;
  kept_until: string | null;
  problem: string | null;
  files: (AnnouncedFile & { number: number; received: number })[];
  items: UploadItem[];
  studies: { study_instance_uid: string; status: Status }[];
}

const UPLOADS = "/api/v1/uploads";

export const uploads = {
  mine: async (options: RequestInit = {}) => (await json<{ items: UploadState[] }>(UPLOADS, options)).items,
  state: (id: string, signal: AbortSignal) => json<UploadState>(`${UPLOADS}/${id}`, { signal }),
  begin: (id: string, files: AnnouncedFile[], note: Note | null, signal: AbortSignal) =>
    json<UploadState>(`${UPLOADS}/${id}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ files, note }),
      signal,
    }),
  /** Puts a piece at `offset`, and returns how much of the file the gateway has then. */
  async append(id: string, number: number, offset: number, piece: ArrayBuffer, signal: AbortSignal): Promise<number> {
    const answer = await ask(`${UPLOADS}/${id}/files/${number}`, {
      method: "PATCH",
      headers: {
        "Content-Type": "application/octet-stream",
        "Upload-Offset": String(offset),
        "Content-Digest": `sha-256=:${base64(await sha256(piece))}:`,
      },
      body: piece,
      signal,
    });
    return Number(answer.headers.get("Upload-Offset"));
  },
  finish: (id: string, signal: AbortSignal) => json<UploadState>(`${UPLOADS}/${id}/finish`, { method: "POST", signal }),
  remove: (id: string) => ask(`${UPLOADS}/${id}`, { method: "DELETE" }),
};

export async function sha256(content: ArrayBuffer): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", content));
}

export const hexadecimal = (digest: Uint8Array): string => Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");

const base64 = (digest: Uint8Array): string => btoa(String.fromCharCode(...digest));
