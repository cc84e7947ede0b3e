package org.mammogate.viewer;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;

import java.util.Arrays;
import java.util.Collections;
import org.junit.Test;

public class BrowserChoiceTest {
    @Test
    public void theUsualBrowserIsTakenWhereItCanDoIt() {
        assertEquals("b", BrowserChoice.of("b", Arrays.asList("a", "b", "c")));
    }

    @Test
    public void theOnlyOneThatCanDoItIsTaken() {
        assertEquals("a", BrowserChoice.of("b", Collections.singletonList("a")));
        assertEquals("a", BrowserChoice.of(null, Collections.singletonList("a")));
    }

    @Test
    public void amongSeveralThatNobodyChoseNoneIsTaken() {
        assertNull(BrowserChoice.of("android", Arrays.asList("a", "b")));
        assertNull(BrowserChoice.of(null, Collections.<String>emptyList()));
    }
}
