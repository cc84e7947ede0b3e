/** Studies as the reading list showed them last, so that one of them opens without asking again first. In memory only. */

import type { Study } from "./feed";

let known = new Map<string, Study>();

export function remember(studies: Study[]): void {
  known = new Map(studies.map((study) => [study.study_instance_uid, study]));
}

export const knownStudy = (uid: string): Study | null => known.get(uid) ?? null;
