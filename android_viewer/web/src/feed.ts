/** The feed's interface as this page uses it: types and calls. Nothing is kept but what signals hold in memory. */

export type Attention = "high" | "medium" | "low" | "none";
export type Status = "receiving" | "queued" | "processing" | "reported" | "failed";
export type ClassName = "normal" | "benign_calcification" | "benign_mass" | "malignant_calcification" | "malignant_mass";
/** [column, row] in pixels of the stored image. */
export type Point = [number, number];

export interface Finding {
  tracking_uid: string;
  type: "calcification" | "mass";
  score: number;
  malignancy_score: number;
  center: Point;
  outline: Point[];
}

export interface ViewResult {
  sop_instance_uid: string;
  laterality: "R" | "L" | null;
  view: string | null;
  label: ClassName | null;
  probabilities: Record<ClassName, number> | null;
  findings: Finding[];
  failure: string | null;
}

export interface Study {
  study_instance_uid: string;
  patient: { id: string | null; name: string | null; birth_date: string | null };
  study_date: string | null;
  accession_number: string | null;
  status: Status;
  flags: string[];
  attention: Attention;
  label: ClassName | null;
  malignancy_score: number | null;
  model_version: string | null;
  views: ViewResult[];
}

export interface StudyPage {
  items: Study[];
  next: string | null;
}

export interface Login {
  name: string;
  role: string;
  rights: string[];
}

export interface ImageWindow {
  name: string | null;
  center: number;
  width: number;
  /** VOI LUT Function, PS3.3 C.11.2.1.3. */
  function: string | null;
}

/** [column, row, width, height] in pixels of the stored image. */
export type Box = [number, number, number, number];

export interface ImageInfo {
  sop_instance_uid: string;
  rows: number;
  columns: number;
  box: Box;
  stored: { rows: number; columns: number };
  bits: number;
  monochrome1: boolean;
  pixel_spacing_mm: number | null;
  windows: ImageWindow[];
  /** Coarsest first: that many bytes from the start decode to that resolution. */
  levels: { rows: number; columns: number; bytes: number }[];
  codestream: { bytes: number; sha256: string; pixel_sha256: string };
  heat: { columns: number; rows: number; box: Box } | null;
  /** The whole, small and lossy; a served value is slope x decoded + intercept. */
  overview: { rows: number; columns: number; bytes: number; slope: number; intercept: number };
}

/** An answer that is no success; `code` is the feed's, or "network" when nothing answered. */
export class FeedError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Whether asking again may help by itself: nothing answered, or the gateway could not. */
export const isPassing = (error: FeedError): boolean => error.status === 0 || error.status >= 500;

/** Tells the gateway that nobody did this: a page that is left open must not keep its session alive. */
export const BY_ITSELF: RequestInit = { headers: { "Mammogate-Background": "1" } };

/** Called when an answer says that nobody is logged in any more. */
let whenLoggedOut: () => void = () => undefined;
export function onLoggedOut(listener: () => void): void {
  whenLoggedOut = listener;
}

export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...options, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new FeedError(0, "network", "");
  }
  if (answer.ok || answer.status === 304) return answer;
  const body = (await answer.json().catch(() => null)) as { error?: { code?: string; message?: string } } | null;
  const error = new FeedError(answer.status, body?.error?.code ?? "unknown", body?.error?.message ?? "");
  if (error.code === "not_logged_in") whenLoggedOut();
  throw error;
}

/** Reads an answer's body; one that breaks off is no answer. */
async function whole<T>(body: Promise<T>): Promise<T> {
  try {
    return await body;
  } catch {
    throw new FeedError(0, "network", "");
  }
}

/** A call whose answer has no body that matters. */
export const request = ask;

export async function json<T>(path: string, options?: RequestInit): Promise<T> {
  return (await whole((await ask(path, options)).json())) as T;
}

export function post<T>(path: string, body: unknown, headers: Record<string, string> = {}, method = "POST"): Promise<T> {
  return json(path, { method, headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) });
}

export function imagePath(study: string, view: string, file: "image" | "preview.webp" | "overview.jph" | "pixels.jph" | "heat.png"): string {
  return `/api/v1/studies/${encodeURIComponent(study)}/views/${encodeURIComponent(view)}/${file}`;
}

export const feed = {
  me: () => json<Login>("/api/v1/auth/me"),
  login: (name: string, password: string) =>
    json<Login>("/api/v1/auth/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name, password }),
    }),
  logout: () => ask("/api/v1/auth/logout", { method: "POST" }),
  study: (uid: string) => json<Study>(`/api/v1/studies/${encodeURIComponent(uid)}`),
  image: (study: string, view: string, options: RequestInit = {}) => json<ImageInfo>(imagePath(study, view, "image"), options),
  file: async (path: string) => whole((await ask(path)).blob()),
  /** A page of the reading list, the newest event that it includes, and its tag; null when `tag` is still true. */
  async studies(cursor: string | null, tag: string | null, options: RequestInit = {}): Promise<{ page: StudyPage; lastEvent: string; tag: string | null } | null> {
    const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
    const headers = { ...(options.headers as Record<string, string> | undefined), ...(tag ? { "If-None-Match": tag } : {}) };
    const answer = await ask(`/api/v1/studies${query}`, { ...options, headers });
    if (answer.status === 304) return null;
    return {
      page: (await whole(answer.json())) as StudyPage,
      lastEvent: answer.headers.get("Mammogate-Last-Event-Id") ?? "",
      tag: answer.headers.get("ETag"),
    };
  },
};
