/** Every text that people read, in one place. To translate the viewer, translate this file (and `locale`). */

import type { Attention, ClassName, FeedError, Status } from "./feed";

const locale = "en-GB";

export const texts = {
  product: "mammogate",
  research: "Research use only, not a medical device",
  loading: "Loading…",
  tryAgain: "Try again",
  logOut: "Log out",
  problems: {
    network: "The gateway can't be reached. Check the connection.",
    part: "A part of this page could not be loaded.",
    noRight: "Your role may not see studies.",
    unavailable: "The gateway's database does not answer. Try again soon.",
    unknownStudy: "This study is not here any more.",
    other: "That did not work. Try again.",
  },
  login: {
    name: "Name",
    password: "Password",
    submit: "Log in",
    busy: "Logging in…",
    ended: "Your session has ended. Log in again.",
  },
  worklist: {
    title: "Reading list",
    order: "An order for reading, not a diagnosis",
    empty: "No studies yet. They appear here by themselves.",
    more: "Show more",
    updated: "The reading list has changed",
    counts: { high: "high", medium: "medium", low: "low", none: "none" } satisfies Record<Attention, string>,
    unread: (count: number) => (count === 1 ? "1 study could not be read in full" : `${count} studies could not be read in full`),
  },
  connection: {
    connecting: "Connecting…",
    live: "Live",
    broken: "Not live: reconnecting…",
  },
  attention: {
    high: "High attention",
    medium: "Medium attention",
    low: "Low attention",
    none: "No attention asked for",
  } satisfies Record<Attention, string>,
  attentionShort: { high: "High", medium: "Medium", low: "Low", none: "None" } satisfies Record<Attention, string>,
  readFirst: "Read first",
  status: {
    receiving: "Images are arriving",
    queued: "Waiting to be read by the AI",
    processing: "The AI is reading it now",
    reported: "Read by the AI",
    failed: "The AI could not read it",
  } satisfies Record<Status, string>,
  resembles: {
    normal: "Resembles normal tissue",
    benign_calcification: "Resembles a benign calcification",
    benign_mass: "Resembles a benign mass",
    malignant_calcification: "Resembles a malignant calcification",
    malignant_mass: "Resembles a malignant mass",
  } satisfies Record<ClassName, string>,
  classes: {
    normal: "normal",
    benign_calcification: "benign calcification",
    benign_mass: "benign mass",
    malignant_calcification: "malignant calcification",
    malignant_mass: "malignant mass",
  } satisfies Record<ClassName, string>,
  finding: { calcification: "Calcification", mass: "Mass" },
  side: { R: "Right", L: "Left" },
  patient: {
    unnamed: "No name in the images",
    age: (years: number) => `${years} y`,
    id: (id: string) => `ID ${id}`,
  },
  study: {
    title: (name: string) => `Study of ${name}`,
    back: "Reading list",
    images: "Images",
    allFour: "All views",
    missing: (view: string) => `No ${view} image`,
    others: "Other images",
    open: (view: string) => `Open ${view}`,
    notReady: "The image is being prepared…",
    loading: "Loading the image…",
    noImage: "The image can't be shown.",
    noGraphics: "This device shows only the lossy preview: it has no WebGL2.",
    wrongPixels: "The pixels are not those that were stored. Tell the operator.",
    mirrored: "mirrored to hang",
  },
  badge: {
    loading: "loading",
    lossy: (ratio: number) => `preview 1:${ratio}`,
    lossless: "lossless 1:1",
    loadLossless: "load lossless",
    progress: (percent: number) => `lossless ${percent} %`,
  },
  lossyBanner: "Preview, not the original: not for primary interpretation.",
  tools: {
    title: "Tools",
    window: "Window",
    move: "Move",
    fit: "Fit",
    oneToOne: "1:1",
    presets: "Window preset",
    ownWindow: "own window",
    heat: "Heat map",
    marks: "Marks",
    opacity: "Heat map opacity",
    noHeat: "The heat map could not be loaded yet.",
    heatWeak: "0.15",
    heatStrong: "1 resembles malignancy",
    windowIs: (center: number, width: number) => `C ${Math.round(center)}  W ${Math.round(width)}`,
    paneHelp: (view: string) =>
      `${view}. Arrow keys move, plus and minus zoom, 0 fits, 1 shows one to one, W switches to window and level, M shows marks, H shows the heat map, Escape goes back to all views.`,
  },
  results: {
    title: "What the AI read",
    unreadTitle: "What the AI could not read",
    malignancy: (score: string) => `Malignancy score ${score}`,
    model: (version: string) => `Model ${version}`,
    flags: "Please note",
    view: (name: string) => name,
    findings: "Findings",
    noFindings: "No findings marked",
    score: (stands: string, malignant: string) => `stands out ${stands}, resembles malignancy ${malignant}`,
    show: (what: string, where: string) => `Show ${what} in ${where}`,
    probabilities: "Probabilities",
    notRead: "Not read",
    scores: "Scores go from 0 to 1. They are not probabilities of cancer.",
  },
  upload: {
    title: "Upload",
    open: "Upload",
    pick: "Choose files",
    pickFolder: "Choose a folder",
    hint: "DICOM files of one examination, or a zip file of them. The gateway stores them and the AI reads them.",
    picked: (count: number, size: string) => (count === 1 ? `1 file, ${size}` : `${count} files, ${size}`),
    goesOn: "You began to send these files before. They go on where they stopped.",
    send: "Send",
    goOn: "Go on",
    pause: "Pause",
    resume: "Resume",
    cancel: "Cancel the upload",
    sureToCancel: "Remove this upload from the gateway?",
    sureToCancelStoring: "Remove this upload from the gateway? Images that are stored already stay.",
    note: "Clinical note",
    noteHint: "For the doctors who read the study. The AI does not get it. Nothing has to be filled in. Write no name.",
    age: "Age in years",
    reason: "Reason for the examination",
    history: "History",
    progress: "Sent",
    percent: (percent: number) => `${percent} %`,
    ofBytes: (sent: string, all: string) => `${sent} of ${all}`,
    phase: {
      preparing: "Preparing…",
      sending: "Sending…",
      waiting: "No connection to the gateway. It goes on by itself.",
      paused: "Paused",
      stopped: "Stopped",
      finishing: "All is sent. The gateway checks the files…",
      done: "Sent",
    },
    keepOpen: "Keep this page open until all is sent.",
    unreadable: "The phone does not give the files any more. Choose them again.",
    insecure: "Uploading needs a secure connection (https).",
    earlier: "Your uploads",
    none: "No uploads yet.",
    unfinished: (sent: string, all: string) => `Not finished: ${sent} of ${all} are on the gateway.`,
    pickAgain: "To go on, choose the same files again.",
    keptUntil: (when: string) => `The gateway keeps them until ${when}.`,
    storing: "The gateway checks the files…",
    stored: (count: number) => (count === 1 ? "1 image stored" : `${count} images stored`),
    refused: (count: number) => (count === 1 ? "1 file not taken" : `${count} files not taken`),
    remarks: "Stored, and not read by the AI",
    nothing: "No image was stored.",
    study: "Open the study",
    putAway: "Remove from this list",
    shared: "These files were shared with mammogate.",
  },
  notes: {
    title: "Clinical note",
    by: (author: string, when: string) => `${author}, ${when}`,
    age: (years: number) => `Age ${years}`,
    notRead: "The clinical note can't be shown now.",
  },
  feedback: {
    finding: (what: string, where: string) => `${what.toLowerCase()} in ${where}`,
    study: "the result",
    open: (name: string, count: number) => `Feedback on ${name}${count ? ` (${count})` : ""}`,
    noSignOff: "Feedback on the AI. It is no sign-off, and changes nothing in the study. Leave names out of the comment.",
    history: (name: string) => `What was said of ${name}`,
    form: (name: string) => `Your feedback on ${name}`,
    question: "Do you agree with the AI?",
    verdicts: { agree: "Agree", disagree: "Disagree", unsure: "Unsure" },
    comment: "Comment (not needed)",
    send: "Send feedback",
    sending: "Sending…",
  },
  push: {
    on: "Messages on this device: on",
    off: "Messages on this device: off",
    about: "A short message when a study asks for attention. It names nobody; who it is stands in the reading list.",
    least: "Tell me of",
    from: {
      high: "high attention only",
      medium: "medium attention or more",
      low: "low attention or more",
      none: "every study that was read",
    } satisfies Record<Attention, string>,
    switchOn: "Switch on",
    switchOff: "Switch off",
    isOn: "This device will be told.",
    isOff: "This device is not told any more.",
    blocked: {
      permission: "The browser does not allow messages from here: allow them in its settings for this page.",
      service: "The browser could not reach its push service. Try again, perhaps on another network.",
    },
  },
  board: {
    title: "Operations",
    noPatients: "Studies are named by their UID; no patients here.",
    failed: "Failed",
    failedHeads: ["Study", "Step", "Reason", "Since", "Do"],
    nothingFailed: "Nothing has failed.",
    stage: (stage: string, destination: string | null) => (destination ? `${stage}: ${destination}` : stage),
    retry: "Retry",
    retryStudy: (uid: string) => `Retry ${uid}`,
    retried: (count: number) => (count === 1 ? "1 thing is tried again." : `${count} things are tried again.`),
    queue: "Waiting and running",
    queueHeads: ["Study", "State", "Images", "Since"],
    nothingWaits: "Nothing waits.",
    states: { receiving: "Arriving", queued: "Waiting to be read", processing: "Being read", delivering: "Being delivered" },
    destinations: "Destinations",
    noDestinations: "No destination is set.",
    kinds: { dicom: "DICOM", orthanc: "Orthanc", stow: "STOW-RS" },
    counts: (delivered: number, waiting: number, failed: number) => `${delivered} delivered, ${waiting} waiting, ${failed} failed`,
    lastSuccess: (at: string | null) => (at ? `Last delivered ${at}` : "Nothing delivered yet"),
    lastError: (reason: string) => `Last error: ${reason}`,
    check: "Check now",
    checking: "Checking…",
    checkName: (name: string) => `Check ${name} now`,
    checked: (name: string, ok: boolean, detail: string) => (ok ? `${name} answers.` : `${name}: ${detail}`),
    answers: "It answers.",
    resendTitle: "Send a study again",
    studyUid: "Study Instance UID",
    destination: "Destination",
    resend: "Send again",
    resent: (objects: number, destination: string) => `${objects === 1 ? "1 object goes" : `${objects} objects go`} to ${destination} again.`,
    quarantine: "Quarantine",
    quarantineHeads: ["Reason", "From", "Announced as", "Received"],
    noQuarantine: "Nothing is in quarantine.",
    sender: (channel: string, title: string, address: string) => [channel, title, address].filter(Boolean).join(" · "),
    flags: "Needs a look",
    flagHeads: ["Study", "Why", "Since"],
    noFlags: "No study is flagged.",
    more: (count: number) => `and ${count} more`,
  },
};

/** What is shown for an answer that is no success: the feed's own sentence where it wrote one. */
export function problemText(error: FeedError): string {
  if (error.code === "network") return texts.problems.network;
  if (error.code === "unavailable") return texts.problems.unavailable;
  if (error.code === "unknown_study") return texts.problems.unknownStudy;
  return error.message || texts.problems.other;
}

/** A person name of DICOM (PS3.5 6.2.1) as people write it: family name first. */
export function personName(name: string | null): string {
  const [family, given] = (name?.split("=")[0] ?? "").split("^");
  return [family, given].filter(Boolean).join(", ") || texts.patient.unnamed;
}

/** A day, for example 14 Sep 2026. */
export function day(date: string | null): string {
  if (date === null) return "";
  const options: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale, options).format(new Date(`${date}T00:00:00Z`));
}

/** Whole years between birth and study. */
export function age(birth: string | null, at: string | null): string {
  if (birth === null || at === null) return "";
  const years = Number(at.slice(0, 4)) - Number(birth.slice(0, 4)) - (at.slice(5) < birth.slice(5) ? 1 : 0);
  return years >= 0 && years < 130 ? texts.patient.age(years) : "";
}

/** A size, for example 27 MB. */
export function bytes(count: number): string {
  return count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(count < 1e7 ? 1 : 0)} MB`;
}

/** A moment, for example 14 Sep 2026, 08:30. */
export function moment(at: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

/** A score with two decimals. */
export const score = (value: number): string => value.toFixed(2);

/** "R CC", as it stands on films; what is unknown is left out. */
export function viewName(view: { laterality: string | null; view: string | null }): string {
  return [view.laterality, view.view].filter(Boolean).join(" ") || "?";
}
