/** The texts of messages. They stand apart from `texts.ts` because the service worker carries them, and nothing else of it. */

import type { Attention } from "./feed";

export const pushTexts = {
  title: "mammogate",
  body: {
    high: "A study asks for high attention. Research use only, not a medical device.",
    medium: "A study asks for medium attention. Research use only, not a medical device.",
    low: "A study asks for low attention. Research use only, not a medical device.",
    none: "A study was read. Research use only, not a medical device.",
  } satisfies Record<Attention, string>,
  unknown: "There is something in the reading list. Research use only, not a medical device.",
};
