package org.mammogate.viewer;

import java.util.Collection;

/** Which browser shows the viewer without its own controls. */
public final class BrowserChoice {
    private BrowserChoice() {}

    /**
     * Returns the package of the person's usual browser if it offers Trusted Web Activities, else of the only one that
     * does, else null: among several nobody has chosen, and the locked window needs no choice.
     */
    public static String of(String usual, Collection<String> offering) {
        if (usual != null && offering.contains(usual)) return usual;
        return offering.size() == 1 ? offering.iterator().next() : null;
    }
}
